// An upstream for where there is no nginx: one buffer, written as often as it takes. Usage: node upstream.mjs PORT BYTES
import { createServer } from "node:http";
import { pattern } from "./pattern.mjs";

const [port, size] = process.argv.slice(2).map(Number);
const PIECE_BYTES = 1 << 20;
const file = pattern(0, size);

createServer((_request, response) => {
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size });
  let at = 0;
  const write = () => {
    while (at < size) {
      const piece = file.subarray(at, Math.min(at + PIECE_BYTES, size));
      at += piece.length;
      if (!response.write(piece)) return void response.once("drain", write);
    }
    response.end();
  };
  write();
}).listen(port, "127.0.0.1");
