// The list of globals: which names an app finds on `globalThis`, and with which property attributes.
//
// Last of the eager built-ins. To add an API, add a row to one of the tables.

const { ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ReflectDeleteProperty, TypeError } = primordials;

// Interface objects (Web IDL, 3.7): writable, configurable, not enumerable.
const interfaces = [
  ["domexception", ["DOMException", "QuotaExceededError"]],
  ["event", ["Event", "EventTarget"]],
  ["abort", ["AbortController", "AbortSignal"]],
  ["url", ["URL"]],
  ["headers", ["Headers"]],
  ["fetch/request", ["Request"]],
  ["fetch/response", ["Response"]],
];
const lazyInterfaces = [
  ["event_types", ["CustomEvent", "ErrorEvent", "MessageEvent", "PromiseRejectionEvent"]],
  ["message_channel", ["MessageChannel", "MessagePort"]],
  ["url/searchparams", ["URLSearchParams"]],
  ["file", ["Blob", "File"]],
  ["form_data", ["FormData"]],
  ["fetch_event", ["FetchEvent"]],
  ["streams", [
    "ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "ReadableStreamDefaultController",
    "ReadableByteStreamController", "ReadableStreamBYOBRequest", "WritableStream", "WritableStreamDefaultWriter",
    "WritableStreamDefaultController", "TransformStream", "TransformStreamDefaultController",
    "ByteLengthQueuingStrategy", "CountQueuingStrategy",
  ]],
  ["performance", ["Performance"]],
  ["navigator", ["Navigator"]],
  ["encoding", ["TextDecoder", "TextEncoder"]],
  ["encoding/streams", ["TextDecoderStream", "TextEncoderStream"]],
  ["compression", ["CompressionStream", "DecompressionStream"]],
  ["urlpattern", ["URLPattern"]],
  ["crypto/key", ["CryptoKey"]],
  ["crypto/subtle", ["SubtleCrypto"]],
  ["crypto", ["Crypto"]],
];

// Operations of the global object (3.7.7): writable, configurable, enumerable. They are written as methods, since a
// function could be constructed.
const functions = [
  ["timers", ["setTimeout", "setInterval", "clearTimeout", "clearInterval"]],
  ["global_scope", ["queueMicrotask", "reportError"]],
];

const lazyFunctions = [
  ["structured_clone", ["structuredClone"]],
  ["fetch/fetch", ["fetch"]],
  ["base64", ["atob", "btoa"]],
];

const navigator = lazy("navigator");
const crypto = lazy("crypto");
const performance = lazy("performance");

// Attributes of the global object (3.7.6): accessors, configurable, enumerable. [Replaceable] ones become data
// properties when assigned to; the others cannot be assigned to.
const attributes = [
  { name: "self", replaceable: true, get: () => globalThis },
  { name: "navigator", replaceable: false, get: () => navigator.load().navigator },
  { name: "crypto", replaceable: false, get: () => crypto.load().crypto },
  { name: "performance", replaceable: true, get: () => performance.load().performance },
];

// Namespaces (3.13): writable, configurable, not enumerable.
const lazyNamespaces = [
  ["console", ["console"]],
];

function defineValues(table, enumerable) {
  for (let i = 0; i < table.length; i++) {
    const exported = require(table[i][0]);
    const module = exported.globals ?? exported;
    const names = table[i][1];
    for (let j = 0; j < names.length; j++) {
      ObjectDefineProperty(globalThis, names[j], {
        __proto__: null, value: module[names[j]], writable: true, enumerable, configurable: true,
      });
    }
  }
}

/** The files of the lazy globals, by their names. */
const files = { __proto__: null };

/** Properties whose values are there as soon as somebody looks. */
function defineLazyValues(table, enumerable) {
  for (let i = 0; i < table.length; i++) {
    const file = lazy(table[i][0]);
    const names = table[i][1];
    for (let j = 0; j < names.length; j++) {
      files[names[j]] = file;
      ops.define_lazy_global(names[j], enumerable);
    }
  }
}

function defineAttribute({ name, replaceable, get }) {
  // The receiver of a global's attribute is the global object, or nothing (3.7.6, "attribute getter").
  const check = (object) => {
    if (object !== undefined && object !== null && object !== globalThis) throw new TypeError("Illegal invocation");
  };
  const descriptor = ObjectGetOwnPropertyDescriptor({
    get [name]() {
      check(this);
      return get();
    },
    set [name](newValue) {
      check(this);
      ObjectDefineProperty(globalThis, name, {
        __proto__: null, value: newValue, writable: true, enumerable: true, configurable: true,
      });
    },
  }, name);
  ObjectDefineProperty(globalThis, name, {
    __proto__: null, get: descriptor.get, set: replaceable ? descriptor.set : undefined, enumerable: true, configurable: true,
  });
}

require("global_scope").install(globalThis);
defineValues(interfaces, false);
defineLazyValues(lazyInterfaces, false);
defineValues(functions, true);
defineLazyValues(lazyFunctions, true);
defineLazyValues(lazyNamespaces, false);
for (let i = 0; i < attributes.length; i++) defineAttribute(attributes[i]);

// SharedArrayBuffer makes a fine clock, and there is no other thread to share with.
ReflectDeleteProperty(globalThis, "SharedArrayBuffer");

// What the engine calls.
const { start, dispatch, abortRequest } = require("dispatch");
const { fireTimer, forgetTimer } = require("timers");
const { promiseRejected, drainRejections, reportException } = require("global_scope");
exports.lazyGlobal = (name) => {
  const exported = files[name].load();
  return (exported.globals ?? exported)[name];
};
const webAssembly = lazy("webassembly");
exports.installWebAssembly = (namespace) => webAssembly.load().install(namespace);
exports.start = start;
exports.dispatch = dispatch;
exports.abortRequest = abortRequest;
exports.fireTimer = fireTimer;
exports.forgetTimer = forgetTimer;
exports.promiseRejected = promiseRejected;
exports.drainRejections = drainRejections;
exports.reportException = reportException;

require("loader").complete();
