// WebAssembly.compile and WebAssembly.instantiate (WebAssembly JavaScript Interface, 5.1).
//
// V8's own tell of a finished compilation by a task in a queue of its platform, which nothing serves here: their promises
// would wait for ever. These compile in the caller's turn, as the constructor of Module does; functions are compiled
// lazily, at their first call.

const { ArrayBufferIsView, ObjectDefineProperty, TypeError } = primordials;
const { isArrayBuffer, isObject } = require("webidl");

// V8 makes the namespace with each context, after the snapshot.
let Instance, Module, instantiateModule;

function isBufferSource(value) {
  return ArrayBufferIsView(value) || (isObject(value) && isArrayBuffer(value));
}

// Methods, since a function could be constructed; `options` is not among the parameters that `length` counts.
const operations = {
  async compile(bytes) {
    // Async functions run up to their first await at once: the bytes are those of the call.
    return new Module(bytes, arguments[1]);
  },
  async instantiate(bytes) {
    const imports = arguments[1];
    if (!isBufferSource(bytes)) return instantiateModule(bytes, imports);
    if (imports !== undefined && !isObject(imports)) {
      throw new TypeError("WebAssembly.instantiate(): Argument 1 must be an object");
    }
    const module = new Module(bytes, arguments[2]);
    // The imports are read later, as after a compilation elsewhere ("asynchronously instantiate").
    await undefined;
    return { module, instance: new Instance(module, imports) };
  },
};

/** Puts the operations on the namespace. Runs in every isolate, before the app does. */
function install() {
  const { WebAssembly } = globalThis;
  ({ Instance, Module, instantiate: instantiateModule } = WebAssembly);
  replace(WebAssembly, "compile");
  replace(WebAssembly, "instantiate");
}

function replace(namespace, name) {
  ObjectDefineProperty(namespace, name, {
    __proto__: null, value: operations[name], writable: true, enumerable: true, configurable: true,
  });
}

exports.install = install;
