// What of the WebAssembly namespace is not V8's own (WebAssembly JavaScript Interface, WebAssembly Web API).
//
// Compilation takes place in the caller's turn, as the constructor of Module does it, once all bytes are there: it is the
// request's own work, and is charged to it. Functions are compiled lazily, at their first call.
//
// Shared memories are refused, since SharedArrayBuffer is not there either, and V8 has no flag for them. So are memories
// over the isolate's limit, before a script can touch their pages; what a module does by itself is found out later.

const {
  ArrayBufferIsView, Number, ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectSetPrototypeOf, RangeError,
  ReflectConstruct, ReflectOwnKeys, StringPrototypeToLowerCase, TypeError, uncurryThis,
} = primordials;
const { isArrayBuffer, isObject, makeException } = require("webidl");
const { replaceConstructor } = require("array_buffer");
const { listGet } = require("headers");
const { consumeResponse, isResponse, listOfResponse, statusOfResponse } = require("fetch/response");

// V8 makes the namespace with each context, after the snapshot.
let CompileError, Instance, Module, bufferOf, growNative, instantiateNative, validateNative;

const PAGE_BYTES = 65536;
/** More than this V8 refuses. */
const PAGES_MAX = 0xffffffff;

function isBufferSource(value) {
  return ArrayBufferIsView(value) || (isObject(value) && isArrayBuffer(value));
}

function checkImports(imports, name) {
  if (imports !== undefined && !isObject(imports)) {
    throw new TypeError(`WebAssembly.${name}(): Argument 1 must be an object`);
  }
}

/** What a response's bytes become. */
class ModuleOf {
  constructor(options) {
    this.options = options;
  }
  of(bytes) {
    return new Module(bytes, this.options);
  }
}
ObjectSetPrototypeOf(ModuleOf.prototype, null);

/** "Compile a potential WebAssembly response" (WebAssembly Web API, 2): a promise for the module. */
async function compileResponse(source, options, name) {
  const response = await source;
  const prefix = `WebAssembly.${name}()`;
  if (!isResponse(response)) throw makeException(prefix, "Argument 0", "is not of type Response");
  const type = listGet(listOfResponse(response), "content-type");
  if (type === null || StringPrototypeToLowerCase(type) !== "application/wasm") {
    throw new TypeError(`${prefix}: the response's Content-Type is not application/wasm`);
  }
  const status = statusOfResponse(response);
  if (status < 200 || status > 299) throw new TypeError(`${prefix}: the response's status is ${status}`);
  return consumeResponse(response, new ModuleOf(options));
}

// Methods, since a function could be constructed; what is optional is not among the parameters that `length` counts.
const operations = {
  validate(bytes) {
    return validateNative(bytes, argument(arguments, 1)) && ops.wasm_refusal(bytes) === undefined;
  },
  async compile(bytes) {
    // Async functions run up to their first await at once: the bytes are those of the call.
    return new Module(bytes, argument(arguments, 1));
  },
  instantiate(bytes) {
    const imports = argument(arguments, 1);
    return isBufferSource(bytes)
      ? instantiateBytes(bytes, imports, argument(arguments, 2))
      : instantiateModule(bytes, imports);
  },
  async compileStreaming(source) {
    return compileResponse(source, argument(arguments, 1), "compileStreaming");
  },
  async instantiateStreaming(source) {
    const imports = argument(arguments, 1);
    checkImports(imports, "instantiateStreaming");
    const module = await compileResponse(source, argument(arguments, 2), "instantiateStreaming");
    return { module, instance: new Instance(module, imports) };
  },
};

/** One that is not there is not to come from Object.prototype. */
function argument(given, index) {
  return index < given.length ? given[index] : undefined;
}

async function instantiateBytes(bytes, imports, options) {
  checkImports(imports, "instantiate");
  const module = new Module(bytes, options);
  // The imports are read later, as after a compilation elsewhere ("asynchronously instantiate").
  await undefined;
  return { module, instance: new Instance(module, imports) };
}

async function instantiateModule(module, imports) {
  const instance = await instantiateNative(module, imports);
  checkRoom("instantiate");
  return instance;
}

/** Puts all this on the namespace, before an app gets it. */
function install(WebAssembly) {
  // If this fails, it is begun anew, with what is replaced already in the place of V8's own.
  ({ CompileError } = WebAssembly);
  instantiateNative ??= WebAssembly.instantiate;
  validateNative ??= WebAssembly.validate;
  const { prototype } = WebAssembly.Memory;
  bufferOf ??= uncurryThis(ObjectGetOwnPropertyDescriptor(prototype, "buffer").get);
  growNative ??= uncurryThis(prototype.grow);
  Instance = guardConstructor(WebAssembly, "Instance", () => checkRoom("Instance"));
  Module = guardConstructor(WebAssembly, "Module", checkModule);
  guardConstructor(WebAssembly, "Memory", checkMemory);
  ObjectDefineProperty(prototype, "grow", { __proto__: null, value: memoryMethods.grow });
  const names = ReflectOwnKeys(operations);
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(WebAssembly, names[i], {
      __proto__: null, value: operations[names[i]], writable: true, enumerable: true, configurable: true,
    });
  }
}

function checkModule(module) {
  const reason = ops.wasm_refusal(module);
  if (reason !== undefined) throw new CompileError(`WebAssembly.Module(): ${reason}`);
}
function checkMemory(memory) {
  if (!isArrayBuffer(bufferOf(memory))) {
    throw new TypeError("WebAssembly.Memory(): shared memories are not available");
  }
  checkRoom("Memory");
}
/** Once the object is made; nobody gets it if this throws. */
function checkRoom(name) {
  if (!ops.has_memory_room(0)) throw new RangeError(`WebAssembly.${name}(): could not allocate memory`);
}

const memoryMethods = {
  grow(delta) {
    bufferOf(this); // the brand check
    if (typeof delta !== "bigint") delta = +delta;
    if (delta > 0 && delta <= PAGES_MAX && !ops.has_memory_room(Number(delta) * PAGE_BYTES)) {
      throw new RangeError("WebAssembly.Memory.grow(): Unable to grow instance memory");
    }
    return growNative(this, delta);
  },
};

/** Replaces a constructor of the namespace by one that refuses what `check` throws for. */
function guardConstructor(namespace, name, check) {
  const Native = namespace[name];
  const { [name]: Guarded } = {
    [name]: function (_) {
      if (new.target === undefined) throw new TypeError(`WebAssembly.${name} must be invoked with 'new'`);
      const object = ReflectConstruct(Native, arguments, new.target);
      check(object);
      return object;
    },
  };
  replaceConstructor(namespace, Native, Guarded);
  return Guarded;
}

exports.install = install;
