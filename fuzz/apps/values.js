// Values of all kinds, made of a fuzzer's bytes. What it needs is taken before anything can have been replaced.

const words = [
  "", "a", "gzip", "brotli", "deflate", "deflate-raw", "utf-8", "utf-16le", "shift_jis", "iso-2022-jp", "gb18030",
  "replacement", "SHA-1", "SHA-256", "SHA-384", "SHA-512", "P-256", "P-384", "P-521", "Ed25519", "X25519", "AES-GCM",
  "AES-CBC", "AES-CTR", "AES-KW", "HMAC", "HKDF", "PBKDF2", "ECDSA", "ECDH", "RSA-OAEP", "RSA-PSS",
  "RSASSA-PKCS1-v1_5", "raw", "jwk", "spki", "pkcs8", "encrypt", "decrypt", "sign", "verify", "deriveBits",
  "http://127.0.0.1/a?b#c", "http://a:b@[::1]:8080/%2e", "blob:", "data:text/plain,x", "//x", "/:a(\\d+)*", "GET",
  "POST", "content-type", "set-cookie", "host", "text/plain;charset=utf-8", "multipart/form-data; boundary=b",
  "application/x-www-form-urlencoded", "b", "--b\r\n", "bytes", "byob", "follow", "error", "manual", "YWJj", "debug",
  "constructor", "__proto__", "toString", "then", "0", "-1", "1e309", "\ud800", "\udc00x", "caf\u00e9", "\u4e2d\u6587",
  "\0", "\r\n", "x".repeat(300), "\u20ac".repeat(300), "a b", "error", "0123456789abcdef".repeat(4200),
];
const numbers = [
  0, -0, 1, -1, 2, 3, 7, 16, 32, 128, 200, 204, 256, 304, 1000, 2048, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1,
  2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, 2 ** 64, 1e308, -1e308, 0.5, -0.5, 5e-324, NaN, Infinity, -Infinity,
];

/// Reads the bytes from the front; after the last one there are zeros.
export class Source {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  byte() {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at++] : 0;
  }

  below(end) {
    return (this.byte() * 256 + this.byte()) % end;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  bytes(length) {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.byte();
    return bytes;
  }
}

const fail = (message) => () => {
  throw new RangeError(message);
};

function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function detached(length) {
  const bytes = new Uint8Array(length);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

/// A view whose buffer has shrunk below it, or not.
function resizable(source) {
  const buffer = new ArrayBuffer(64, { maxByteLength: 256 });
  const view = source.pick([
    () => new Uint8Array(buffer), () => new Uint8Array(buffer, 8, 16), () => new DataView(buffer, 4),
    () => new Uint32Array(buffer, 32),
  ])();
  buffer.resize(source.pick([64, 0, 4, 256]));
  return source.below(2) ? view : buffer;
}

function buffer(source) {
  const bytes = source.bytes(source.below(40));
  return source.pick([
    () => bytes,
    () => bytes.buffer,
    () => bytes.subarray(bytes.length >> 1),
    () => new DataView(bytes.buffer, bytes.length >> 2),
    () => new Float64Array(4),
    () => new Uint32Array(16),
    () => new BigInt64Array(2),
    () => new Uint8ClampedArray(3),
    () => new Uint8Array(70_000),
    () => detached(8),
    () => detached(8).buffer,
    () => resizable(source),
    () => resizable(source),
    () => new WebAssembly.Memory({ initial: 1 }).buffer,
  ])();
}

/// A function that does something to what else is there while native code waits for it.
function callable(source, pool) {
  const value = source.pick([undefined, true, 7, "text", null]);
  return source.pick([
    () => () => value,
    () => (x) => x,
    () => fail("from a callback"),
    () => () => {
      for (let i = 0; i < pool.length; i++) {
        try {
          const { buffer } = pool[i];
          structuredClone(buffer, { transfer: [buffer] });
        } catch { /* It has none. */ }
      }
      return value;
    },
    () => () => {
      for (let i = 0; i < pool.length; i++) {
        try {
          (pool[i].buffer ?? pool[i]).resize(0);
        } catch { /* It is none. */ }
      }
      return value;
    },
    () => class Class {},
    () => Math.max.bind(null),
    () => async () => value,
    () => function* generator() { yield value; },
    () => revoked,
  ])();
}

function object(source, depth, pool) {
  const value = () => makeValue(source, depth + 1, pool);
  return source.pick([
    () => ({}),
    () => ({ a: value(), length: value() }),
    () => Object.create(null),
    () => ({ get a() { throw new RangeError("from a getter"); }, toString: fail("from toString"), valueOf: fail("x") }),
    () => ({ toString: () => "text", valueOf: () => 2 }),
    () => ({ [Symbol.toPrimitive]: callable(source, pool), [Symbol.iterator]: callable(source, pool) }),
    () => ({ then: callable(source, pool) }),
    () => new Proxy({}, { get: callable(source, pool), ownKeys: callable(source, pool), has: fail("from has") }),
    () => new Proxy(() => {}, { apply: callable(source, pool), construct: callable(source, pool) }),
    revoked,
    () => [value(), value(), value()],
    () => [value(), , value()],
    () => Object.defineProperty([1, 2], 0, { get: callable(source, pool) }),
    () => new Array(source.below(3) ? 9 : 20_000).fill("undefined"),
    () => ["a", "b", "c", "d", "e", "f", "g", "h", "i"],
    () => [[value(), value()], ["name", "value"]],
    () => new Date(source.pick(numbers)),
    () => /a+b?/gu,
    () => new Map([[value(), value()]]),
    () => new Set([value()]),
    () => new Error("message", { cause: value() }),
    () => new DOMException("message", "AbortError"),
    () => new String("boxed"),
    () => Promise.resolve(1),
    () => new Promise(() => {}),
    () => new Headers([["a", "b"], ["set-cookie", "c"]]),
    () => new Request("http://a.test/", { method: "POST", body: "text" }),
    () => new Response("text", { headers: { "content-type": "text/plain" } }),
    () => new Blob(["text", "\u20ac"], { type: "text/plain" }),
    () => new File(["text"], "name"),
    () => new FormData(),
    () => new URL("http://a.test/b?c#d"),
    () => new URLSearchParams("a=b&c"),
    () => new ReadableStream(),
    () => new ReadableStream({ type: "bytes", pull: callable(source, pool), autoAllocateChunkSize: 16 }),
    () => new TransformStream(),
    () => new AbortController().signal,
    () => new EventTarget(),
    () => new MessageChannel().port1,
    () => globalThis,
  ])();
}

/// A value of any kind; one of `pool`, maybe, which it is added to if there is more to do with it.
export function makeValue(source, depth, pool) {
  const kind = source.below(24);
  if (kind < 5) return source.pick(words);
  if (kind < 9) return source.pick(numbers);
  if (kind < 11) return source.byte();
  if (kind === 11) return String.fromCharCode(...source.bytes(source.below(24)));
  if (kind === 12) return source.pick(words) + source.pick(words) + source.pick(words);
  if (kind === 13) return source.pick([undefined, null, true, false]);
  if (kind === 14) return source.pick([Symbol.iterator, Symbol("s"), 1n, -1n, 2n ** 64n, 2n ** 4096n]);
  if (kind < 17 && pool.length > 0) return source.pick(pool);
  const made = kind < 21 ? buffer(source) : kind === 21 ? callable(source, pool)
    : depth < 3 ? object(source, depth, pool) : null;
  if (pool.length < 64) pool.push(made);
  return made;
}

/// Keeps what a call gave for later ones, and keeps a promise from being reported.
export function keep(result, pool) {
  if (result instanceof Promise) result.then((value) => keep(value, pool), () => {});
  if (result !== null && result !== undefined && pool.length < 64) pool.push(result);
}
