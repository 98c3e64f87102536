// Resizable ArrayBuffers (ECMA-262, 25.1). V8 maps their pages itself, past the allocator that counts the others, so what
// makes or grows one asks for room first. One whose largest size is over the limit is never made: it takes up address
// space, which all isolates share.

const {
  ArrayBuffer: Native, ArrayBufferPrototypeGetByteLength, ArrayBufferPrototypeGetResizable, MathTrunc,
  NumberMAX_SAFE_INTEGER, ObjectDefineProperty, ObjectGetOwnPropertyDescriptors, ObjectSetPrototypeOf, RangeError,
  ReflectConstruct, ReflectOwnKeys, TypeError, uncurryThis,
} = primordials;
const { isObject } = require("webidl");

const { prototype } = Native;
const resizeNative = uncurryThis(prototype.resize);
const transferNative = uncurryThis(prototype.transfer);

/** ToIndex */
function toIndex(value, what) {
  const index = MathTrunc(+value);
  if (index < 0 || index > NumberMAX_SAFE_INTEGER) throw new RangeError(`Invalid array buffer ${what}`);
  return index > 0 ? index : 0; // NaN, too
}

function needRoom(bytes) {
  if (bytes > 0 && !ops.has_memory_room(bytes)) throw new RangeError("Array buffer allocation failed");
}

function ArrayBuffer(length) {
  if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'");
  const options = arguments[1];
  if (!isObject(options)) {
    return new.target === ArrayBuffer ? new Native(length) : ReflectConstruct(Native, [length], new.target);
  }
  length = toIndex(length, "length");
  const { maxByteLength } = options;
  if (maxByteLength === undefined) return ReflectConstruct(Native, [length], new.target);
  const limits = { __proto__: null, maxByteLength: toIndex(maxByteLength, "max length") };
  needRoom(limits.maxByteLength);
  return ReflectConstruct(Native, [length, limits], new.target);
}
replaceConstructor(globalThis, Native, ArrayBuffer);

const methods = {
  resize(newLength) {
    if (!ArrayBufferPrototypeGetResizable(this)) return resizeNative(this, newLength); // which throws
    newLength = toIndex(newLength, "length");
    needRoom(newLength - ArrayBufferPrototypeGetByteLength(this));
    return resizeNative(this, newLength);
  },
  transfer() {
    let newLength = arguments[0];
    if (newLength === undefined || !ArrayBufferPrototypeGetResizable(this)) return transferNative(this, newLength);
    newLength = toIndex(newLength, "length");
    needRoom(newLength);
    return transferNative(this, newLength);
  },
};
ObjectDefineProperty(prototype, "resize", { __proto__: null, value: methods.resize });
ObjectDefineProperty(prototype, "transfer", { __proto__: null, value: methods.transfer });

/** Puts `Replacement` where `Native` is, on `holder` and on its prototype, with all its properties. */
function replaceConstructor(holder, Native, Replacement) {
  const descriptors = ObjectGetOwnPropertyDescriptors(Native);
  const keys = ReflectOwnKeys(descriptors);
  for (let i = 0; i < keys.length; i++) {
    ObjectSetPrototypeOf(descriptors[keys[i]], null);
    ObjectDefineProperty(Replacement, keys[i], descriptors[keys[i]]);
  }
  ObjectDefineProperty(Native.prototype, "constructor", { __proto__: null, value: Replacement });
  ObjectDefineProperty(holder, Native.name, { __proto__: null, value: Replacement });
}

exports.replaceConstructor = replaceConstructor;
