// The intrinsics that built-ins use, captured before any app's code runs, so that an app that patches
// `Array.prototype.push` changes its own calls and none of NANO's. Methods are uncurried: the receiver is
// the first argument (`ArrayPrototypePush(list, item)`).
//
// The list is explicit because every entry costs memory in every isolate. Add what you need, in order.

const { bind, call, apply } = Function.prototype;
const uncurryThis = bind.bind(call);
const applyBind = bind.bind(apply);
const { getOwnPropertyDescriptor, getPrototypeOf, setPrototypeOf, freeze } = Object;
const { ownKeys, defineProperty } = Reflect;

const capitalise = (name) => name[0].toUpperCase() + name.slice(1);
const nameOf = (key) =>
  typeof key === "symbol" ? "Symbol" + capitalise(key.description.slice("Symbol.".length)) : capitalise(key);

function statics(prefix, object, names) {
  for (const name of names) primordials[prefix + nameOf(name)] = object[name];
}
function methods(prefix, proto, names) {
  for (const name of names) primordials[prefix + "Prototype" + nameOf(name)] = uncurryThis(proto[name]);
}
function getters(prefix, proto, names) {
  for (const name of names) {
    primordials[prefix + "PrototypeGet" + nameOf(name)] = uncurryThis(getOwnPropertyDescriptor(proto, name).get);
  }
}

primordials.uncurryThis = uncurryThis;
primordials.applyBind = applyBind;

// Constructors and namespaces are captured under their own names.
statics("", globalThis, [
  "AggregateError", "Array", "ArrayBuffer", "BigInt", "BigInt64Array", "BigUint64Array", "Boolean", "DataView", "Date", "Error",
  "EvalError", "Float16Array", "Float32Array", "Float64Array", "Function", "Int16Array", "Int32Array", "Int8Array", "Map",
  "Number", "Object", "Promise", "Proxy", "RangeError", "ReferenceError", "RegExp", "Set", "String", "Symbol",
  "SyntaxError", "TypeError", "URIError", "Uint16Array", "Uint32Array", "Uint8Array", "Uint8ClampedArray", "WeakMap",
  "WeakRef", "WeakSet",
  "decodeURIComponent", "encodeURIComponent", "parseFloat", "parseInt",
]);

statics("Array", Array, ["from", "isArray", "of"]);
statics("ArrayBuffer", ArrayBuffer, ["isView"]);
statics("BigInt", BigInt, ["asIntN", "asUintN"]);
statics("Date", Date, ["now"]);
statics("Error", Error, ["captureStackTrace", "isError"]);
statics("JSON", JSON, ["parse", "stringify"]);
statics("Math", Math, ["abs", "ceil", "floor", "max", "min", "pow", "round", "sign", "trunc"]);
statics("Number", Number, [
  "MAX_SAFE_INTEGER", "MIN_SAFE_INTEGER", "isFinite", "isInteger", "isNaN", "isSafeInteger",
]);
statics("Object", Object, [
  "assign", "create", "defineProperties", "defineProperty", "entries", "freeze", "fromEntries",
  "getOwnPropertyDescriptor", "getOwnPropertyDescriptors", "getOwnPropertyNames", "getOwnPropertySymbols",
  "getPrototypeOf", "hasOwn", "is", "isFrozen", "keys", "setPrototypeOf", "values",
]);
statics("Reflect", Reflect, [
  "apply", "construct", "defineProperty", "deleteProperty", "get", "getOwnPropertyDescriptor", "getPrototypeOf",
  "has", "ownKeys", "set",
]);
statics("String", String, ["fromCharCode", "fromCodePoint"]);
statics("Symbol", Symbol, [
  "asyncIterator", "for", "hasInstance", "iterator", "species", "toPrimitive", "toStringTag",
]);
// `Promise.x` needs its receiver.
for (const name of ["all", "allSettled", "any", "race", "reject", "resolve", "withResolvers"]) {
  primordials["Promise" + capitalise(name)] = bind.call(Promise[name], Promise);
}

methods("Array", Array.prototype, [
  "concat", "every", "fill", "filter", "find", "findIndex", "flat", "forEach", "includes", "indexOf", "join", "map",
  "pop", "push", "reverse", "shift", "slice", "some", "sort", "splice", "unshift", Symbol.iterator,
]);
methods("ArrayBuffer", ArrayBuffer.prototype, ["slice", "transfer", "transferToFixedLength"]);
getters("ArrayBuffer", ArrayBuffer.prototype, ["byteLength", "detached", "maxByteLength", "resizable"]);
methods("BigInt", BigInt.prototype, ["toString", "valueOf"]);
methods("Boolean", Boolean.prototype, ["valueOf"]);
getters("DataView", DataView.prototype, ["buffer", "byteLength", "byteOffset"]);
methods("Date", Date.prototype, ["getTime", "toISOString", "valueOf"]);
methods("Error", Error.prototype, ["toString"]);
primordials.ErrorPrototype = Error.prototype;
primordials.ObjectPrototype = Object.prototype;
methods("Function", Function.prototype, ["apply", "bind", "call", "toString", Symbol.hasInstance]);
methods("Map", Map.prototype, ["clear", "delete", "entries", "forEach", "get", "has", "keys", "set", "values"]);
getters("Map", Map.prototype, ["size"]);
methods("Number", Number.prototype, ["toFixed", "toString", "valueOf"]);
methods("Object", Object.prototype, ["hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toString"]);
methods("Promise", Promise.prototype, ["catch", "finally", "then"]);
methods("RegExp", RegExp.prototype, ["exec", "test", "toString", Symbol.replace, Symbol.split]);
getters("RegExp", RegExp.prototype, [
  "dotAll", "flags", "global", "hasIndices", "ignoreCase", "multiline", "source", "sticky", "unicode", "unicodeSets",
]);
methods("Set", Set.prototype, ["add", "clear", "delete", "entries", "forEach", "has", "keys", "values"]);
getters("Set", Set.prototype, ["size"]);
methods("String", String.prototype, [
  "at", "charAt", "charCodeAt", "codePointAt", "endsWith", "includes", "indexOf", "isWellFormed", "lastIndexOf",
  "localeCompare", "match", "padEnd", "padStart", "repeat", "replace", "replaceAll", "slice", "split", "startsWith", "substring", "toLowerCase",
  "toString", "toUpperCase", "toWellFormed", "trim", "trimEnd", "trimStart", Symbol.iterator, "valueOf",
]);
methods("Symbol", Symbol.prototype, ["toString", "valueOf"]);
getters("Symbol", Symbol.prototype, ["description"]);
methods("WeakMap", WeakMap.prototype, ["delete", "get", "has", "set"]);
methods("WeakRef", WeakRef.prototype, ["deref"]);
methods("WeakSet", WeakSet.prototype, ["add", "delete", "has"]);

const TypedArray = getPrototypeOf(Uint8Array);
primordials.TypedArray = TypedArray;
methods("TypedArray", TypedArray.prototype, ["fill", "set", "slice", "subarray", "values"]);
getters("TypedArray", TypedArray.prototype, ["buffer", "byteLength", "byteOffset", "length", Symbol.toStringTag]);

const IteratorPrototype = getPrototypeOf(getPrototypeOf([][Symbol.iterator]()));
primordials.IteratorPrototype = IteratorPrototype;
primordials.ArrayIteratorPrototype = getPrototypeOf([][Symbol.iterator]());
primordials.AsyncIteratorPrototype = getPrototypeOf(getPrototypeOf(async function* () {}.prototype));
primordials.AsyncGeneratorFunction = getPrototypeOf(async function* () {}).constructor;
methods("ArrayIterator", primordials.ArrayIteratorPrototype, ["next"]);
methods("MapIterator", getPrototypeOf(new Map().entries()), ["next"]);
methods("SetIterator", getPrototypeOf(new Set().values()), ["next"]);

// Subclasses whose methods are their own and frozen, for collections that built-ins keep.
function makeSafe(Unsafe, Safe) {
  for (const key of ownKeys(Unsafe.prototype)) {
    if (key === "constructor") continue;
    defineProperty(Safe.prototype, key, getOwnPropertyDescriptor(Unsafe.prototype, key));
  }
  setPrototypeOf(Safe.prototype, null);
  freeze(Safe.prototype);
  freeze(Safe);
  return Safe;
}
primordials.SafeMap = makeSafe(Map, class SafeMap extends Map {
  constructor() { super(); }
});
primordials.SafeSet = makeSafe(Set, class SafeSet extends Set {
  constructor() { super(); }
});
primordials.SafeWeakMap = makeSafe(WeakMap, class SafeWeakMap extends WeakMap {
  constructor() { super(); }
});
primordials.SafeWeakSet = makeSafe(WeakSet, class SafeWeakSet extends WeakSet {
  constructor() { super(); }
});

// A list that grows by `list[list.length] = item`: its prototype has nothing, above or on it, so no setter that an app
// puts on Array.prototype gets the item. It goes to no app: `ArrayPrototypeSlice(list)` makes an array of it.
primordials.SafeArray = class SafeArray extends Array {};
primordials.SafeArrayPrototype = primordials.SafeArray.prototype;
setPrototypeOf(primordials.SafeArrayPrototype, null);
delete primordials.SafeArrayPrototype.constructor;

setPrototypeOf(primordials, null);
freeze(primordials);
