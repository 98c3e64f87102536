// An app that poisons all it can reach, and then uses every web API: what comes out has to be the same as without, and
// nothing of the built-ins' insides may come by. `NAMES` in its environment lists what built-ins call properties.

import { $, descriptor, remember } from "./originals.js";

const { defineProperty, getPrototypeOf, ownKeys } = Reflect;
const objectToString = Function.prototype.call.bind(Object.prototype.toString);
const text = String;
const OwnError = Error;
const OwnTypeError = TypeError;
const { Response } = globalThis;
const isResponse = Function.prototype.call.bind(Function.prototype[Symbol.hasInstance], Response);

const INTERFACES = [
  "AbortController", "AbortSignal", "Blob", "ByteLengthQueuingStrategy", "CompressionStream", "CountQueuingStrategy",
  "Crypto", "CryptoKey", "CustomEvent", "DOMException", "DecompressionStream", "ErrorEvent", "Event", "EventTarget",
  "FetchEvent", "File", "FormData", "Headers", "MessageChannel", "MessageEvent", "MessagePort", "Navigator",
  "Performance", "PromiseRejectionEvent", "ReadableByteStreamController", "ReadableStream", "ReadableStreamBYOBReader",
  "ReadableStreamBYOBRequest", "ReadableStreamDefaultController", "ReadableStreamDefaultReader", "Request", "Response",
  "SubtleCrypto", "TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream", "TransformStream",
  "TransformStreamDefaultController", "URL", "URLPattern", "URLSearchParams", "WritableStream",
  "WritableStreamDefaultController", "WritableStreamDefaultWriter",
];
/** Those that an isolate has from its start; the others' files are loaded when somebody looks at them. */
const EAGER = [
  "AbortController", "AbortSignal", "DOMException", "Event", "EventTarget", "Headers", "Request", "Response", "URL",
];
const LANGUAGE = [
  "Array", "ArrayBuffer", "BigInt", "Boolean", "DataView", "Date", "Error", "Function", "Map", "Number", "Promise",
  "RegExp", "Set", "String", "Symbol", "TypeError", "RangeError", "Uint8Array", "WeakMap", "WeakRef", "WeakSet",
  "FinalizationRegistry", "Proxy",
];
const NAMESPACES = ["JSON", "Math", "Object", "Reflect", "Atomics", "Intl"];
const LAZY_NAMESPACES = ["crypto", "console", "WebAssembly"];
const FUNCTIONS = [
  "fetch", "atob", "btoa", "structuredClone", "queueMicrotask", "setTimeout", "clearTimeout", "reportError",
  "encodeURIComponent", "decodeURIComponent", "parseInt", "parseFloat", "isNaN", "addEventListener", "dispatchEvent",
];
/** Indices of arrays that are poisoned. */
const INDICES = 64;

/** What was seen, each with the stack of its first time. */
const leaks = { __proto__: null };
let isQuiet = false;

const { isView } = ArrayBuffer;

function kindOf(value) {
  try {
    // The tag of these is a getter, which is poisoned.
    if (isView(value)) return "[object Uint8Array]";
    return typeof value === "object" && value !== null ? objectToString(value) : typeof value;
  } catch {
    return "an object";
  }
}
function leak(what) {
  if (isQuiet) return;
  isQuiet = true;
  leaks[what] ??= text(new OwnError("").stack);
  isQuiet = false;
}

/** Everything with members of its own that built-ins could use, as [name, object]. */
function targets(isEarly) {
  const list = [];
  const add = (name, object) => list.push([name, object]);
  for (const value of [[], new Map(), new Set(), ""]) add("an iterator", getPrototypeOf(value[Symbol.iterator]()));
  add("%IteratorPrototype%", getPrototypeOf(getPrototypeOf([][Symbol.iterator]())));
  add("%RegExpStringIteratorPrototype%", getPrototypeOf("".matchAll(/a/g)));
  const asyncGenerator = getPrototypeOf(async function* () {}.prototype);
  add("%AsyncGeneratorPrototype%", asyncGenerator);
  add("%AsyncIteratorPrototype%", getPrototypeOf(asyncGenerator));
  add("%GeneratorPrototype%", getPrototypeOf(function* () {}.prototype));
  add("%TypedArray%.prototype", getPrototypeOf(Uint8Array.prototype));
  add("Headers Iterator", getPrototypeOf(new Headers().entries()));
  if (!isEarly) {
    for (const [name, object] of [["FormData", new FormData()], ["URLSearchParams", new URLSearchParams()]]) {
      add(`${name} Iterator`, getPrototypeOf(object.entries()));
    }
    add("ReadableStream AsyncIterator", getPrototypeOf(new ReadableStream().values()));
  }
  for (const name of [...LANGUAGE, ...(isEarly ? EAGER : INTERFACES)]) {
    const constructor = globalThis[name];
    if (constructor.prototype !== undefined) add(`${name}.prototype`, constructor.prototype);
    add(name, constructor);
  }
  for (const name of isEarly ? NAMESPACES : [...NAMESPACES, ...LAZY_NAMESPACES]) add(name, globalThis[name]);
  return list;
}

/**
 * Which derived promise `then` makes is looked up on the promise (ECMA-262, 27.2.5.4): an app can make that its own, for
 * promises of built-ins as for all.
 */
const LOOKED_UP = { __proto__: null, constructor: true, prototype: true, [Symbol.species]: true };
/** Members that are looked up where an app hands an object over, and by V8 for the first line of a stack. */
const HANDED_OVER = {
  __proto__: null,
  "Headers.prototype.Symbol(Symbol.iterator)": true, "Headers Iterator.next": true,
  "DOMException.prototype.name": true, "DOMException.prototype.message": true,
};

/** Replaces methods by functions that throw, and getters as well. */
function poisonMembers(name, object, keep = LOOKED_UP) {
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const own = descriptor(object, key);
    if (keep[key] || !own.configurable) continue;
    const label = `${name}.${text(key)}`;
    if (HANDED_OVER[label]) continue;
    const refuse = function () {
      leak(`${label} of ${kindOf(this)}`);
      throw new OwnTypeError(`poisoned: ${label}`);
    };
    if (typeof own.value === "function") own.value = refuse;
    else if (own.get !== undefined) own.get = refuse;
    else continue;
    defineProperty(object, key, own);
  }
}

/** An accessor that gives undefined, as if nothing were there, and tells who came by. */
function witness(where, name) {
  const label = `${where}.${text(name)}`;
  return {
    __proto__: null,
    configurable: true,
    get() {
      // Every promise that is resolved with an object looks for it (ECMA-262, 27.2.1.3.2).
      if (name === "then") sawThen(this);
      else leak(`get ${label} of ${kindOf(this)}`);
      return undefined;
    },
    set(value) {
      leak(`set ${label} of ${kindOf(this)} to ${kindOf(value)}`);
    },
  };
}

/** What an app may get of a promise; only these may be seen by a `then` of Object.prototype. */
const PUBLIC = { __proto__: null };
for (const kind of [
  "ArrayBuffer", "Blob", "CryptoKey", "DOMException", "Error", "Event", "FormData", "MessageEvent", "Response",
  "Uint8Array", "WebAssembly.Instance", "WebAssembly.Module",
]) PUBLIC[`[object ${kind}]`] = true;
/** The same for plain objects, by their keys: steps of streams, pairs of keys, results of WebAssembly and of JSON. */
const PUBLIC_KEYS = {
  __proto__: null,
  "value done": true, "done value": true, "publicKey privateKey": true, "module instance": true, "json": true,
  "alg ext k key_ops kty": true, "crv d ext key_ops kty x y": true, "alg d dp dq e ext key_ops kty n p q qi": true,
  "alg crv d ext key_ops kty x": true,
};
function sawThen(object) {
  const kind = kindOf(object);
  if (PUBLIC[kind]) return;
  let keys = "";
  for (const key in object) keys += keys === "" ? key : ` ${key}`;
  if (!PUBLIC_KEYS[keys]) leak(`get Object.prototype.then of ${kind} { ${keys} }`);
}

/** `isEarly`: before any lazy file of the built-ins is loaded, and so without what these have. */
function poison(names, isEarly) {
  const all = targets(isEarly);
  const own = { __proto__: null };
  for (const key of ownKeys(Object.prototype)) own[key] = true;
  // Asked of every object that JSON.stringify sees, and those are an app's; and V8 asks for the other with each stack.
  own.toJSON = true;
  own.prepareStackTrace = true;
  for (let i = 0; i < all.length; i++) {
    for (let at = all[i][1]; at !== null; at = getPrototypeOf(at)) remember(at);
  }
  for (let i = 0; i < (isEarly ? 0 : FUNCTIONS.length); i++) {
    const name = FUNCTIONS[i];
    defineProperty(globalThis, name, {
      __proto__: null, configurable: true, writable: true, enumerable: true,
      value() {
        leak(`${name} is called`);
        throw new OwnTypeError(`poisoned: ${name}`);
      },
    });
  }
  for (let i = 0; i < all.length; i++) poisonMembers(all[i][0], all[i][1]);
  poisonMembers("Object.prototype", Object.prototype);
  for (let i = 0; i < INDICES; i++) defineProperty(Array.prototype, i, witness("Array.prototype", i));
  for (let i = 0; i < 4; i++) defineProperty(Object.prototype, i, witness("Object.prototype", i));
  for (let i = 0; i < names.length; i++) {
    if (!own[names[i]]) defineProperty(Object.prototype, names[i], witness("Object.prototype", names[i]));
  }
}

let isPoisoned = false;
let cases;
const load = async () => {
  ({ default: cases } = await import("./cases.js"));
};

export default {
  async fetch(request, env, ctx) {
    const url = $(request, "url");
    const wanted = $(url, "slice", $(url, "indexOf", "=") + 1);
    if (wanted === "list") await load();
    if (wanted === "list") return Response.json(Object.keys(cases));
    if (wanted === "leaks") {
      isQuiet = true;
      let all = "";
      for (const what in leaks) all += `${what}\n${leaks[what]}\n`;
      return new Response(all);
    }
    if (!isPoisoned) {
      const names = JSON.parse(env.NAMES);
      if (env.POISON === "early") poison(names, true);
      await load();
      if (env.POISON === "yes") poison(names, false);
    }
    isPoisoned = true;
    let result;
    try {
      result = await cases[wanted](request, env, ctx);
    } catch (error) {
      result = `${error.message} ${error.stack}`;
    }
    return isResponse(result) ? result : new Response(result);
  },
};
