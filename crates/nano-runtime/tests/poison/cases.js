// Every web API, used as an app would; each case gives a text or a Response. Only `$` and syntax that looks nothing up
// are used, and objects without a prototype for options: what the poison sees is then none of this file's doing.

import { $, addEventListener, put, setPrototype as setPrototypeOf, stringify } from "./originals.js";

const {
  AbortController, AbortSignal, Blob, ByteLengthQueuingStrategy, CompressionStream, CountQueuingStrategy, CustomEvent,
  DOMException, DecompressionStream, ErrorEvent, Event, EventTarget, File, FormData, Headers, MessageChannel,
  MessageEvent, Promise, PromiseRejectionEvent, ReadableStream, Request, Response, TextDecoder, TextDecoderStream,
  TextEncoder, TextEncoderStream, TransformStream, URL, URLPattern, URLSearchParams, Uint8Array, WebAssembly,
  WritableStream, atob, btoa, clearTimeout, console, crypto, fetch, queueMicrotask, reportError,
  setInterval, clearInterval, setTimeout, structuredClone, navigator, performance,
} = globalThis;
const { subtle } = crypto;
const text = String;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (string) => $(encoder, "encode", string);
const DIGITS = "0123456789abcdef";
const hex = (buffer) => {
  const view = new Uint8Array(buffer);
  const length = $(view, "length");
  let result = "";
  for (let i = 0; i < length; i++) result += DIGITS[view[i] >> 4] + DIGITS[view[i] & 15];
  return result;
};
/** All of an iterator, with what `show` makes of each. */
const drain = (iterator, show = stringify) => {
  let result = "";
  for (let step = $(iterator, "next"); !step.done; step = $(iterator, "next")) result += `${show(step.value)};`;
  return result;
};
/** All of a stream of strings or bytes. */
async function collect(stream) {
  const reader = $(stream, "getReader");
  let result = "";
  for (let step = await $(reader, "read"); !step.done; step = await $(reader, "read")) {
    result += `${typeof step.value === "string" ? step.value : hex(step.value)};`;
  }
  await $(reader, "closed");
  return result;
}
const thrown = (run) => {
  try {
    return `no error: ${text(run())}`;
  } catch (error) {
    return `${$(error, "name")}: ${$(error, "message")}`;
  }
};
async function rejected(run) {
  try {
    await run();
    return "no error";
  } catch (error) {
    return `${$(error, "name")}: ${$(error, "message")}`;
  }
}
const source = (...chunks) => {
  let at = 0;
  return new ReadableStream({
    __proto__: null,
    pull(controller) {
      if (at === chunks.length) $(controller, "close");
      else $(controller, "enqueue", chunks[at++]);
    },
  });
};
const later = () => new Promise((resolve) => setTimeout(resolve, 1));

/** A sequence for Web IDL, which would look up Array.prototype[Symbol.iterator]. */
const seq = (...items) => {
  let at = 0;
  const next = () => ({ __proto__: null, done: at === items.length, value: at < items.length ? items[at++] : undefined });
  return { __proto__: null, [Symbol.iterator]: () => ({ __proto__: null, next }) };
};
/** A pair of streams, and a strategy, as a dictionary. */
const ends = (transform) => ({ __proto__: null, readable: $(transform, "readable"), writable: $(transform, "writable") });
const plain = (strategy) => ({ __proto__: null, highWaterMark: $(strategy, "highWaterMark"), size: $(strategy, "size") });

export default {
  __proto__: null,

  headers() {
    const headers = new Headers({ "X-B": "2", "a": " 1 ", "Content-Type": "text/plain" });
    $(headers, "append", "x-b", "3");
    $(headers, "append", "Set-Cookie", "a=1");
    $(headers, "append", "set-cookie", "b=2");
    $(headers, "set", "new", "value");
    $(headers, "set", "x-b", "4");
    $(headers, "delete", "a");
    let each = "";
    $(headers, "forEach", (value, name) => { each += `${name}=${value};`; });
    const copy = new Headers(headers);
    const symbolic = new Headers({ q: "1", r: "2" });
    return stringify([
      each, drain($(headers, "entries")), drain($(headers, "keys")), drain($(copy, "values")),
      $(headers, "getSetCookie"), $(headers, "get", "x-b"), $(headers, "has", "A"), drain($(symbolic, "entries")),
      thrown(() => new Headers({ "a b": "1" })), thrown(() => $(headers, "append", "a", "\n1\0")),
    ]);
  },

  url() {
    const url = new URL("../b?x=1&y=%20z#h", "https://user:pw@example.com:8080/a/c/d");
    put(url, "port", "81");
    put(url, "hash", "new");
    const params = $(url, "searchParams");
    $(params, "append", "k", "\u00e4 +");
    $(params, "set", "x", "2");
    $(params, "delete", "y");
    const all = ["href", "origin", "protocol", "username", "password", "host", "hostname", "pathname", "search", "hash"];
    let shown = "";
    for (let i = 0; i < all.length; i++) shown += `${$(url, all[i])} `;
    put(url, "search", "?q=1&q=2&r=3");
    return stringify([
      shown, $(params, "getAll", "q"), $(params, "has", "q", "2"), $(params, "size"), drain($(params, "entries")),
      $(url, "toJSON"), $(URL, "canParse", "a", "b"), $($(URL, "parse", "a:b"), "href"), thrown(() => new URL("//")),
    ]);
  },

  search_params() {
    const fromRecord = new URLSearchParams({ __proto__: null, b: "2", a: "1" });
    $(fromRecord, "append", "c", "3");
    $(fromRecord, "sort");
    const fromText = new URLSearchParams("?a=1&b=%zz&c=%C3%A4&a=2&&=x");
    $(fromText, "set", "d", "4");
    $(fromText, "delete", "a", "1");
    let each = "";
    $(fromText, "forEach", (value, name) => { each += `${name}=${value};`; });
    return stringify([
      $(fromRecord, "toString"), $(fromText, "toString"), $(fromText, "getAll", "a"), $(fromText, "get", "c"), each,
      drain($(fromText, "keys")), drain($(fromText, "values")), $(new URLSearchParams($(fromText, "toString")), "size"),
    ]);
  },

  url_pattern() {
    const pattern = new URLPattern({ __proto__: null, pathname: "/books/:id(\\d+)/*?" });
    const other = new URLPattern("https://*.example.com/:a?x=:b", { __proto__: null, ignoreCase: true });
    const match = $(other, "exec", "https://www.EXAMPLE.com/q?x=1");
    return stringify([
      $(pattern, "test", "https://x.test/books/12/a"), $(pattern, "test", { __proto__: null, pathname: "/books/x" }),
      $(pattern, "pathname"), $(other, "hostname"), match, $(pattern, "hasRegExpGroups"),
      $(other, "exec", "a:b"), thrown(() => new URLPattern("/(")),
    ]);
  },

  async encoding() {
    const utf16 = new TextDecoder("utf-16le", { __proto__: null, fatal: true });
    const parts = new TextDecoder();
    const streamed = { __proto__: null, stream: true };
    const into = new Uint8Array(4);
    const { read, written } = $(encoder, "encodeInto", "\u00e4bcde", into);
    return stringify([
      hex(bytes("a\ud800\u20ac")), $(decoder, "decode", bytes("\ufeff\u20ac")), $(utf16, "decode", new Uint8Array(2)),
      $(parts, "decode", $(bytes("\u20ac"), "subarray", 0, 2), streamed) + $(parts, "decode", $(bytes("\u20ac"), "subarray", 2)),
      read, written, hex(into), thrown(() => new TextDecoder("nothing")), $(utf16, "encoding"),
      await collect($(source("a\ud83d", "\ude00b"), "pipeThrough", ends(new TextEncoderStream()))),
      await collect($(source(bytes("a"), $(bytes("\u20ac"), "subarray", 0, 1), $(bytes("\u20ac"), "subarray", 1)),
        "pipeThrough", ends(new TextDecoderStream()))),
      atob("aGVsbG8="), btoa("hello"), thrown(() => atob("*")),
    ]);
  },

  async blobs_and_forms() {
    const blob = new Blob(seq("a", bytes("b"), new Blob(seq("cd")), "\n"), { __proto__: null, type: "Text/X", endings: "transparent" });
    const file = new File(seq(blob, "e"), "name.txt", { __proto__: null, type: "text/plain", lastModified: 7 });
    const form = new FormData();
    $(form, "append", "a", "1");
    $(form, "append", "b", file);
    $(form, "append", "a", "2");
    $(form, "append", "c", blob, "other");
    $(form, "set", "d", "4");
    $(form, "set", "a", "3");
    $(form, "delete", "d");
    let each = "";
    $(form, "forEach", (value, name) => { each += `${name}=${typeof value === "string" ? value : $(value, "name")};`; });
    const encoded = new Response(form);
    const again = await $(encoded, "formData");
    const url = await $(new Response(new URLSearchParams("x=1&x=2")), "formData");
    return stringify([
      await $(blob, "text"), hex(await $(file, "arrayBuffer")), hex(await $(file, "bytes")), $(blob, "type"),
      await $($(file, "slice", 1, 3), "text"), await collect($(blob, "stream")), $(file, "lastModified"), each,
      drain($(again, "entries"), (entry) => `${entry[0]} ${typeof entry[1] === "string" ? entry[1] : $(entry[1], "name")}`),
      drain($(form, "keys")), $(again, "getAll", "a"), await $($(again, "get", "b"), "text"), drain($(url, "entries")),
    ]);
  },

  async bodies() {
    const shown = [
      await $(new Response("text"), "text"), hex(await $(new Response(bytes("b")), "arrayBuffer")),
      (await $(new Response('{"json":[1]}'), "json")).json[0], hex(await $(new Response(source(bytes("s"), bytes("t"))), "bytes")),
      await $(await $(new Response(new Blob(seq("q"), { __proto__: null, type: "a/b" })), "blob"), "text"),
      await collect($(new Response("streamed"), "body")),
      await rejected(() => $(new Response("{"), "json")), await rejected(() => $(new Response(source("no bytes")), "text")),
    ];
    const response = new Response("twice", { __proto__: null, status: 201, statusText: "Yes", headers: { __proto__: null, a: "b" } });
    const clone = $(response, "clone");
    const request = new Request("https://x.test/p", {
      __proto__: null, method: "post", body: source(bytes("up")), duplex: "half", headers: { __proto__: null, c: "d" },
    });
    const copy = new Request(request, { __proto__: null, headers: seq(seq("e", "f")) });
    const json = $(Response, "json", { __proto__: null, a: [1, "b"] }, { __proto__: null, status: 202 });
    const redirect = $(Response, "redirect", "https://x.test/", 301);
    return stringify([
      shown, await $(response, "text"), await $(clone, "text"), $(clone, "status"), drain($($(clone, "headers"), "entries")),
      $(request, "bodyUsed"), $(copy, "method"), $(copy, "url"), await $(copy, "text"), drain($($(copy, "headers"), "entries")),
      await $(json, "text"), drain($($(json, "headers"), "entries")), drain($($(redirect, "headers"), "entries")),
      $($(Response, "error"), "type"), thrown(() => new Request("relative")), thrown(() => new Response("a", { __proto__: null, status: 99 })),
    ]);
  },

  async readable_streams() {
    const both = $(source("a", "b", "c"), "tee");
    const iterator = $(source("x", "y"), "values", { __proto__: null, preventCancel: true });
    let iterated = "";
    for (let step = await $(iterator, "next"); !step.done; step = await $(iterator, "next")) iterated += step.value;
    const early = $(source("x", "y"), "values");
    await $(early, "next");
    const end = await $(early, "return", "done");
    let told;
    const cancelled = new ReadableStream({ __proto__: null, cancel(reason) { told = reason; } });
    await $(cancelled, "cancel", "why");
    const failing = new ReadableStream({ __proto__: null, start(controller) { $(controller, "error", new Error("no")); } });
    const branches = $(new ReadableStream({ __proto__: null, cancel(reason) { told += reason.length; } }), "tee");
    $(branches[0], "cancel", "one");
    await $(branches[1], "cancel", "two");
    const sized = new ReadableStream({
      __proto__: null,
      start(controller) {
        $(controller, "enqueue", bytes("abc"));
        told += $(controller, "desiredSize");
        $(controller, "close");
      },
    }, { __proto__: null, highWaterMark: $(new ByteLengthQueuingStrategy({ __proto__: null, highWaterMark: 10 }), "highWaterMark") });
    const steps = [1, 2];
    let at = 0;
    const from = $(ReadableStream, "from", {
      __proto__: null,
      [Symbol.asyncIterator]: () => ({
        __proto__: null, next: () => ({ __proto__: null, done: at === steps.length, value: at === steps.length ? undefined : `${steps[at++]}` }),
      }),
    });
    const reader = $(source("r"), "getReader");
    const closed = $(reader, "closed");
    $(reader, "releaseLock");
    return stringify([
      await collect(both[0]), await collect(both[1]), iterated, end.value, end.done, told, await collect(sized),
      await rejected(() => collect(failing)), await collect(from), await rejected(() => closed),
      await rejected(() => $(reader, "read")),
    ]);
  },

  async byte_streams() {
    const make = () => {
      let sent = 0;
      return new ReadableStream({
        __proto__: null, type: "bytes", autoAllocateChunkSize: 8,
        pull(controller) {
          const request = $(controller, "byobRequest");
          if (sent++ === 3) {
            $(controller, "close");
            if (request !== null) $(request, "respond", 0);
            return;
          }
          if (request === null) return $(controller, "enqueue", bytes("chunk"));
          const view = $(request, "view");
          view[0] = 64 + sent;
          $(request, "respond", 1);
        },
      });
    };
    const reader = $(make(), "getReader", { __proto__: null, mode: "byob" });
    let result = "";
    let view = new Uint8Array(4);
    for (;;) {
      const step = await $(reader, "read", view, { __proto__: null, min: 2 });
      result += `${hex(step.value)} ${step.done};`;
      if (step.done) break;
      view = new Uint8Array($(step.value, "buffer"));
    }
    const both = $(make(), "tee");
    return stringify([result, await collect(make()), await collect(both[0]), await collect(both[1])]);
  },

  async writable_and_transform_streams() {
    let log = "";
    const sink = () => new WritableStream({
      __proto__: null,
      start(controller) { log += typeof $(controller, "signal"); },
      write(chunk) { log += `w${chunk}`; },
      close() { log += "c"; },
      abort(reason) { log += typeof reason === "string" ? reason : reason.message; },
    }, plain(new CountQueuingStrategy({ __proto__: null, highWaterMark: 2 })));
    const writer = $(sink(), "getWriter");
    $(writer, "write", 1);
    log += $(writer, "desiredSize");
    await $(writer, "ready");
    await $(writer, "write", 2);
    await $(writer, "close");
    await $(writer, "closed");
    await $($(sink(), "getWriter"), "abort", "x");
    const doubling = () => new TransformStream({
      __proto__: null,
      transform(chunk, controller) { $(controller, "enqueue", chunk + chunk); },
      flush(controller) { $(controller, "enqueue", "!"); },
    });
    const piped = await collect($($(source("a", "b"), "pipeThrough", ends(doubling())), "pipeThrough", ends(new TransformStream())));
    await $(source("p", "q"), "pipeTo", sink(), { __proto__: null, preventClose: true });
    const controller = new AbortController();
    const stopped = $(new ReadableStream(), "pipeTo", sink(), { __proto__: null, signal: $(controller, "signal") });
    $(controller, "abort", new Error("stop"));
    return stringify([piped, await rejected(() => stopped), log]);
  },

  async compression() {
    let result = "";
    for (let i = 0; i < 3; i++) {
      const format = i === 0 ? "gzip" : i === 1 ? "deflate" : "deflate-raw";
      const packed = $(source(bytes("hello hello hello")), "pipeThrough", ends(new CompressionStream(format)));
      result += await collect($(packed, "pipeThrough", ends(new DecompressionStream(format))));
    }
    return result + await rejected(() => collect($(source(bytes("no")), "pipeThrough", ends(new DecompressionStream("gzip")))));
  },

  async events() {
    const target = new EventTarget();
    let log = "";
    const note = (event) => { log += `${$(event, "type")}${$(event, "eventPhase")}${$(event, "isTrusted")};`; };
    $(target, "addEventListener", "x", note, { __proto__: null, once: true });
    $(target, "addEventListener", "x", { __proto__: null, handleEvent: note });
    $(target, "addEventListener", "y", (event) => { $(event, "preventDefault"); });
    const controller = new AbortController();
    $(target, "addEventListener", "x", note, { __proto__: null, signal: $(controller, "signal") });
    const event = new Event("x", { __proto__: null, bubbles: true, cancelable: true });
    $(target, "dispatchEvent", event);
    $(controller, "abort");
    $(target, "dispatchEvent", event);
    $(target, "removeEventListener", "x", note);
    const custom = new CustomEvent("y", { __proto__: null, detail: 5, cancelable: true });
    const message = new MessageEvent("m", { __proto__: null, data: "d", ports: seq() });
    const failed = new ErrorEvent("error", { __proto__: null, message: "m", lineno: 3 });
    const promise = new PromiseRejectionEvent("z", { __proto__: null, promise: new Promise(() => {}), reason: 1 });
    return stringify([
      $(target, "dispatchEvent", custom), $(custom, "detail"), $(custom, "defaultPrevented"), $(message, "data"),
      $($(message, "ports"), "length"), $(failed, "lineno"), $(promise, "reason"), $($(event, "composedPath"), "length"), log,
    ]);
  },

  async aborts() {
    const controller = new AbortController();
    const signal = $(controller, "signal");
    const any = $(AbortSignal, "any", seq(signal, $(AbortSignal, "timeout", 60_000)));
    let log = "";
    put(any, "onabort", () => { log += "abort;"; });
    $(any, "addEventListener", "abort", () => { log += "listener;"; });
    $(controller, "abort");
    const timed = $(AbortSignal, "timeout", 1);
    await new Promise((resolve) => { put(timed, "onabort", resolve); });
    return stringify([
      log, $(any, "aborted"), $($(any, "reason"), "name"), $($(timed, "reason"), "name"),
      thrown(() => $(any, "throwIfAborted")), $($(AbortSignal, "abort", 5), "reason"),
    ]);
  },

  async globals() {
    let log = "";
    queueMicrotask(() => { log += "micro;"; });
    const timer = setInterval((a, b) => { log += `${a}${b};`; }, 1, "i", "j");
    await later();
    await later();
    clearInterval(timer);
    clearTimeout(setTimeout(() => { log += "never"; }, 1));
    addEventListener("error", (event) => {
      log += $(event, "message");
      $(event, "preventDefault");
    });
    reportError("reported");
    addEventListener("unhandledrejection", (event) => {
      log += `unhandled ${$(event, "reason")}`;
      $(event, "preventDefault");
    });
    new Promise((_resolve, reject) => { reject("r"); });
    await later();
    return stringify([
      log !== "" && $(log, "startsWith", "micro;ij;"), $(log, "endsWith", "reportedunhandled r") || log,
      $(navigator, "userAgent"), typeof $(performance, "now"), typeof $(performance, "toJSON").timeOrigin,
    ]);
  },

  async clones_and_messages() {
    const buffer = $(bytes("moved"), "buffer");
    const value = { __proto__: null, list: [1, 2, 3], map: new Map(), date: new Date(5), error: new RangeError("r"), nested: { __proto__: null, a: 1n } };
    const clone = structuredClone(value);
    const moved = structuredClone(buffer, { __proto__: null, transfer: seq(buffer) });
    const blob = structuredClone(new Blob(seq("b")));
    const exception = structuredClone(new DOMException("m", "DataError"));
    const { port1, port2 } = (() => {
      const channel = new MessageChannel();
      return { __proto__: null, port1: $(channel, "port1"), port2: $(channel, "port2") };
    })();
    const received = new Promise((resolve) => { put(port2, "onmessage", resolve); });
    const inner = new MessageChannel();
    $(port1, "postMessage", { __proto__: null, a: [1] }, seq($(inner, "port1")));
    const event = await received;
    const answer = new Promise((resolve) => { put($(inner, "port2"), "onmessage", resolve); });
    $($(event, "ports")[0], "postMessage", "through");
    const through = $(await answer, "data");
    $(port1, "close");
    return stringify([
      clone.list, $(clone.date, "getTime"), $(clone.error, "message"), text(clone.nested.a), $(moved, "byteLength"),
      $(buffer, "byteLength"), await $(blob, "text"), $(exception, "code"), $(event, "data"), through,
      thrown(() => structuredClone(() => 0)), thrown(() => structuredClone(1, { __proto__: null, transfer: seq(moved, moved) })),
    ]);
  },

  async crypto_digests_and_secrets() {
    const raw = bytes("0123456789abcdef");
    const hmac = await $(subtle, "importKey", "raw", raw, { __proto__: null, name: "HMAC", hash: "SHA-256" }, true, seq("sign", "verify"));
    const aes = await $(subtle, "importKey", "raw", raw, "AES-GCM", true, seq("encrypt", "decrypt"));
    const gcm = { __proto__: null, name: "AES-GCM", iv: raw, additionalData: raw };
    const sealed = await $(subtle, "encrypt", gcm, aes, bytes("secret"));
    const base = await $(subtle, "importKey", "raw", raw, "PBKDF2", false, seq("deriveBits", "deriveKey"));
    const pbkdf2 = { __proto__: null, name: "PBKDF2", hash: "SHA-256", salt: raw, iterations: 2 };
    const derived = await $(subtle, "deriveKey", pbkdf2, base, { __proto__: null, name: "AES-CBC", length: 128 }, true, seq("encrypt"));
    const wrapping = await $(subtle, "importKey", "raw", raw, "AES-KW", true, seq("wrapKey", "unwrapKey"));
    const wrapped = await $(subtle, "wrapKey", "raw", hmac, wrapping, "AES-KW");
    const unwrapped = await $(subtle, "unwrapKey", "raw", wrapped, wrapping, "AES-KW", { __proto__: null, name: "HMAC", hash: "SHA-1" }, true, seq("sign"));
    const jwk = await $(subtle, "exportKey", "jwk", hmac);
    const signature = await $(subtle, "sign", "HMAC", hmac, bytes("data"));
    return stringify([
      hex(await $(subtle, "digest", "SHA-256", bytes("a"))), hex(signature), hex(sealed),
      await $(subtle, "verify", "HMAC", hmac, signature, bytes("data")),
      $(decoder, "decode", await $(subtle, "decrypt", gcm, aes, sealed)), hex(await $(subtle, "exportKey", "raw", derived)),
      hex(await $(subtle, "deriveBits", pbkdf2, base, 64)), hex(wrapped), $(unwrapped, "algorithm"), jwk,
      $(hmac, "algorithm"), $(hmac, "usages"), $($(crypto, "randomUUID"), "length"),
      $($(crypto, "getRandomValues", new Uint8Array(3)), "length"),
      await rejected(() => $(subtle, "digest", "MD5", raw)), await rejected(() => $(subtle, "decrypt", gcm, aes, raw)),
    ]);
  },

  async crypto_key_pairs() {
    let result = "";
    const names = ["ECDSA", "Ed25519", "RSASSA-PKCS1-v1_5", "RSA-PSS"];
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      const pair = await $(subtle, "generateKey", {
        __proto__: null, name, namedCurve: "P-256", modulusLength: 2048, publicExponent: $(Uint8Array, "of", 1, 0, 1), hash: "SHA-256",
      }, true, seq("sign", "verify"));
      const how = { __proto__: null, name, hash: "SHA-256", saltLength: 32 };
      const signature = await $(subtle, "sign", how, pair.privateKey, bytes("data"));
      const jwk = setPrototypeOf(await $(subtle, "exportKey", "jwk", pair.privateKey), null);
      jwk.key_ops = seq("sign");
      const again = await $(subtle, "importKey", "jwk", jwk, { __proto__: null, name, namedCurve: "P-256", hash: "SHA-256" }, true, seq("sign"));
      const spki = await $(subtle, "exportKey", "spki", pair.publicKey);
      const publicKey = await $(subtle, "importKey", "spki", spki, { __proto__: null, name, namedCurve: "P-256", hash: "SHA-256" }, true, seq("verify"));
      result += `${name} ${await $(subtle, "verify", how, publicKey, signature, bytes("data"))} ${stringify($(again, "algorithm"))};`;
    }
    const own = await $(subtle, "generateKey", "X25519", true, seq("deriveBits"));
    const other = await $(subtle, "generateKey", "X25519", true, seq("deriveBits"));
    const one = await $(subtle, "deriveBits", { __proto__: null, name: "X25519", public: other.publicKey }, own.privateKey, 128);
    const two = await $(subtle, "deriveBits", { __proto__: null, name: "X25519", public: own.publicKey }, other.privateKey, 128);
    return result + (hex(one) === hex(two));
  },

  async web_assembly() {
    const module = $(Uint8Array, "of", 0, 97, 115, 109, 1, 0, 0, 0);
    const compiled = await $(WebAssembly, "compile", module);
    const both = await $(WebAssembly, "instantiate", module);
    await $(WebAssembly, "instantiate", compiled);
    return stringify([
      $(WebAssembly, "validate", module), typeof both.instance, await rejected(() => $(WebAssembly, "compile", bytes("no"))),
    ]);
  },

  console() {
    $(console, "log", "%s is %d and %o", "text", 5, { __proto__: null, a: 1 });
    $(console, "warn", [1, "b", { __proto__: null, c: [2] }], new Map(), new Headers({ a: "b" }), new URL("a:b"), new Error("e") === 1);
    $(console, "table", [{ __proto__: null, a: 1, b: 2 }, { __proto__: null, a: 3 }]);
    $(console, "group", "g");
    $(console, "count", "n");
    $(console, "groupEnd");
    $(console, "assert", false, "x", 1);
    $(console, "error", /r/g, new Date(0), bytes("ab"), Symbol("s"), 1n, () => 0, new Set(), new Blob(seq("b")), new Response("r"));
    $(console, "dir", { __proto__: null, nested: { __proto__: null, deep: {} } });
    return "logged";
  },

  async fetches(_request, env) {
    const echo = async (init) => {
      const response = await fetch(`${env.UP}/echo`, init);
      const method = $($(response, "headers"), "get", "x-method");
      return `${$(response, "status")} ${$(response, "url") !== ""} ${method} ${await $(response, "text")}`;
    };
    const controller = new AbortController();
    $(controller, "abort");
    const request = new Request(`${env.UP}/echo`, { __proto__: null, method: "PUT", body: "put" });
    return stringify([
      await echo({ __proto__: null, method: "POST", body: "posted" }),
      await echo({ __proto__: null, method: "POST", body: source(bytes("a"), bytes("b")), duplex: "half" }),
      await echo({ __proto__: null, method: "POST", body: new URLSearchParams({ __proto__: null, a: "b" }), headers: { __proto__: null, x: "y" } }),
      await $(await fetch(request), "text"), await collect($(await fetch(`${env.UP}/plain`), "body")),
      await rejected(() => fetch("nothing:")), await rejected(() => echo({ __proto__: null, signal: $(controller, "signal") })),
    ]);
  },

  async request_is_read(request, env, ctx) {
    const headers = $(request, "headers");
    const clone = $(request, "clone");
    $(ctx, "waitUntil", later());
    return $(Response, "json", [
      $(request, "method"), $(headers, "get", "host"), drain($(headers, "entries")), await $(request, "text"), await $(clone, "text"),
      $($(request, "signal"), "aborted"), env.WORD,
    ]);
  },
  body_is_passed_on: (request) => new Response($(request, "body"), { __proto__: null, headers: { __proto__: null, a: "b" } }),
  body_is_transformed: (request) => {
    const upper = new TransformStream({
      __proto__: null, transform(chunk, controller) { $(controller, "enqueue", bytes($($(decoder, "decode", chunk), "toUpperCase"))); },
    });
    return new Response($($(request, "body"), "pipeThrough", ends(upper)));
  },
  async body_is_a_form(request) {
    const form = await $(new Response($(request, "body"), { __proto__: null, headers: { __proto__: null, "content-type": "application/x-www-form-urlencoded" } }), "formData");
    return drain($(form, "entries"));
  },
  answer_is_a_stream: () => new Response(source(bytes("a"), bytes("b")), { __proto__: null, status: 203 }),
  answer_has_cookies: () => {
    const response = new Response("c", { __proto__: null, headers: seq(seq("Set-Cookie", "a=1"), seq("set-cookie", "b=2"), seq("x", "y")) });
    $($(response, "headers"), "append", "z", "1");
    return response;
  },
  answer_is_bytes: () => new Response(bytes("bytes")),
  answer_is_a_blob: () => new Response(new Blob(seq("blob"), { __proto__: null, type: "text/x" })),
  answer_is_a_form: () => new Response(new URLSearchParams(seq(seq("a", "b c")))),
  async answer_of_a_fetch(_request, env) {
    return await fetch(`${env.UP}/plain`);
  },
};
