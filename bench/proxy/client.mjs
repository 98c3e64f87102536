// Asks for one path again and again on some connections, checks what comes and throws it away. Writes one line of JSON.
// Usage: node client.mjs PORT HOST PATH BYTES CONNECTIONS SECONDS

import { connect } from "node:net";
import { WORD } from "./pattern.mjs";

const [port, host, path, size, connections, seconds] = process.argv.slice(2).map((text) => (/^\d+$/.test(text) ? Number(text) : text));
const READ_BYTES = 1 << 18;
const CRLF = Buffer.from("\r\n");

let bytes = 0;
let answers = 0;
let counting = true;

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** One connection: reads into one buffer, and only looks at heads, the frames of chunks and a word of each read. */
class Connection {
  #rest = Buffer.alloc(0); // What was read of a head or a frame that is not complete.
  #state = "head";
  #at = 0; // Bytes of this answer so far.
  #left = 0; // Of the body or the chunk.
  #chunked = false;

  constructor() {
    const onread = { buffer: Buffer.allocUnsafe(READ_BYTES), callback: (count, buffer) => this.#read(buffer.subarray(0, count)) };
    this.socket = connect({ port, host: "127.0.0.1", onread, noDelay: true });
    this.socket.on("connect", () => this.#ask());
    this.socket.on("error", (error) => fail(`connection: ${error.message}`));
    this.socket.on("close", () => counting && fail(`the server closed a connection after ${this.#at} bytes of an answer`));
  }

  #ask() {
    this.#state = "head";
    this.#at = 0;
    this.socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  }

  #read(piece) {
    while (piece.length > 0) {
      if (this.#state === "data") {
        const data = piece.subarray(0, this.#left);
        this.#take(data);
        piece = piece.subarray(data.length);
        continue;
      }
      const text = this.#rest.length > 0 ? Buffer.concat([this.#rest, piece]) : piece;
      const used = this.#state === "head" ? this.#head(text) : this.#frame(text);
      this.#rest = used === 0 ? Buffer.from(text) : Buffer.alloc(0);
      piece = used === 0 ? piece.subarray(piece.length) : text.subarray(used);
    }
  }

  #head(text) {
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    const head = text.toString("latin1", 0, end).toLowerCase();
    if (!head.startsWith("http/1.1 200")) fail(`answered ${head}\n${text.toString("latin1", end, end + 500)}`);
    const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
    this.#chunked = /\r\ntransfer-encoding: chunked/.test(head);
    if (this.#chunked === (length !== undefined)) fail(`neither a length nor chunks, or both:\n${head}`);
    if (!this.#chunked && Number(length) !== size) fail(`a length of ${length}`);
    this.#state = this.#chunked ? "size" : "data";
    this.#left = this.#chunked ? 0 : size;
    return end + 4;
  }

  /** The line with a chunk's size, or the one that ends a chunk or the answer. */
  #frame(text) {
    const end = text.indexOf(CRLF);
    if (end < 0) return 0;
    const line = text.toString("latin1", 0, end);
    if (this.#state === "size") {
      if (!/^[\da-f]+$/i.test(line)) fail(`no chunk's size: ${JSON.stringify(line.slice(0, 40))}`);
      this.#left = Number.parseInt(line, 16);
      this.#state = this.#left > 0 ? "data" : "end";
    } else {
      if (line !== "") fail(`no end of a chunk: ${JSON.stringify(line.slice(0, 40))}`);
      if (this.#state === "end") this.#done();
      else this.#state = "size";
    }
    return end + CRLF.length;
  }

  #take(data) {
    const aligned = (WORD - (this.#at % WORD)) % WORD;
    if (data.length >= aligned + WORD) {
      const place = data.readUInt32LE(aligned) + data.readUInt32LE(aligned + 4) * 2 ** 32;
      if (place !== this.#at + aligned) fail(`at ${this.#at + aligned} there are the bytes of ${place}`);
    }
    this.#at += data.length;
    this.#left -= data.length;
    if (counting) bytes += data.length;
    if (this.#left > 0) return;
    if (this.#chunked) this.#state = "after";
    else this.#done();
  }

  #done() {
    if (this.#at !== size) fail(`an answer of ${this.#at} bytes`);
    if (counting) answers += 1;
    this.#ask();
  }
}

const started = performance.now();
const all = Array.from({ length: connections }, () => new Connection());
setTimeout(() => {
  counting = false;
  console.log(JSON.stringify({ bytes, answers, seconds: (performance.now() - started) / 1000 }));
  for (const { socket } of all) socket.destroy();
}, seconds * 1000);
