// The fuzz target `web_api`: what an app can reach besides the language, called with arguments of all kinds.

import { Source, keep, makeValue } from "./values.js";

const CALLS_MAX = 24;

// The language's own are V8's business. A timer of no request would outlive this one.
const skipped = new Set([
  "Object", "Function", "Array", "Number", "parseFloat", "parseInt", "Infinity", "NaN", "undefined", "Boolean", "String",
  "Symbol", "Date", "Promise", "RegExp", "Error", "AggregateError", "EvalError", "RangeError", "ReferenceError",
  "SyntaxError", "TypeError", "URIError", "globalThis", "self", "JSON", "Math", "Intl", "ArrayBuffer", "Atomics",
  "Uint8Array", "Int8Array", "Uint16Array", "Int16Array", "Uint32Array", "Int32Array", "Float16Array", "Float32Array",
  "Float64Array", "Uint8ClampedArray", "BigUint64Array", "BigInt64Array", "DataView", "Map", "BigInt", "Set",
  "Iterator", "WeakMap", "WeakSet", "WeakRef", "Proxy", "Reflect", "FinalizationRegistry", "decodeURI",
  "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape", "eval", "isFinite", "isNaN",
  "WebAssembly", "SuppressedError", "DisposableStack", "AsyncDisposableStack", "Temporal",
]);

const constructors = [];
const functions = [];

function collect(object, owner) {
  for (const key of Reflect.ownKeys(object)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(object, key);
    const name = `${owner}.${String(key)}`;
    for (const kind of ["value", "get", "set"]) {
      if (typeof descriptor[kind] === "function" && key !== "constructor") {
        functions.push({ name, call: descriptor[kind], object });
      }
    }
  }
}

for (const name of Object.getOwnPropertyNames(globalThis)) {
  if (skipped.has(name)) continue;
  const value = globalThis[name];
  if (typeof value === "function" && value.prototype) {
    constructors.push({ name, make: value });
    collect(value, name);
    collect(value.prototype, name);
  } else if (typeof value === "function") {
    functions.push({ name, call: value, object: undefined });
  } else if (typeof value === "object") {
    collect(value, name);
    collect(Object.getPrototypeOf(value), name);
  }
}

// Work that only takes long, by its arguments.
function cheaper(args) {
  for (const arg of args) {
    if (arg?.iterations > 1000 || arg?.modulusLength > 2048) return [];
  }
  return args;
}

function step(source, pool) {
  const args = [];
  const count = source.below(5);
  for (let i = 0; i < count; i++) args.push(makeValue(source, 0, pool));
  let name;
  try {
    if (source.below(4) === 0) {
      const { name: its, make } = source.pick(constructors);
      name = its;
      keep(Reflect.construct(make, cheaper(args)), pool);
    } else {
      const { name: its, call, object } = source.pick(functions);
      name = its;
      // A receiver that is one, if there is any.
      const prototype = object;
      const receivers = pool.filter((value) => {
        try {
          return prototype !== undefined && Object.getPrototypeOf(value) === prototype;
        } catch {
          return false;
        }
      });
      const receiver = receivers.length > 0 && source.below(8) > 0 ? source.pick(receivers)
        : source.below(2) ? object : makeValue(source, 0, pool);
      keep(Reflect.apply(call, receiver, cheaper(args)), pool);
    }
  } catch (error) {
    if (error?.message === "internal error") throw new Error(`fuzz: ${name} panicked`);
    keep(error, pool);
  }
}

export default async (request) => {
  const source = new Source(await request.bytes());
  const pool = [crypto, crypto.subtle, performance, navigator];
  for (let calls = 0; calls < CALLS_MAX && source.left > 0; calls++) {
    step(source, pool);
    if (source.below(16) === 0) await null;
  }
  return new Response("ok");
};
