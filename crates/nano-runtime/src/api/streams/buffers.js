// Buffers and views as byte streams handle them (8.3): transfer, clone, and what kind a view is.

const {
  ArrayBufferPrototypeGetByteLength, ArrayBufferPrototypeGetDetached, ArrayBufferPrototypeTransferToFixedLength,
  BigInt64Array, BigUint64Array, DataView, DataViewPrototypeGetBuffer, DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset, Float16Array, Float32Array, Float64Array, Int16Array, Int32Array, Int8Array,
  ObjectSetPrototypeOf, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag, TypedArrayPrototypeSet, Uint16Array, Uint32Array, Uint8Array,
  Uint8ClampedArray,
} = primordials;

class ViewKind {
  constructor(constructor, elementSize) {
    this.construct = constructor;
    this.elementSize = elementSize;
  }
}
ObjectSetPrototypeOf(ViewKind.prototype, null);
// By the name that %TypedArray%.prototype[@@toStringTag] gives; a DataView has none.
const dataView = new ViewKind(DataView, 1);
const uint8 = new ViewKind(Uint8Array, 1);
const otherKinds = {
  __proto__: null,
  Int8Array: new ViewKind(Int8Array, 1),
  Uint8ClampedArray: new ViewKind(Uint8ClampedArray, 1),
  Int16Array: new ViewKind(Int16Array, 2),
  Uint16Array: new ViewKind(Uint16Array, 2),
  Float16Array: new ViewKind(Float16Array, 2),
  Int32Array: new ViewKind(Int32Array, 4),
  Uint32Array: new ViewKind(Uint32Array, 4),
  Float32Array: new ViewKind(Float32Array, 4),
  Float64Array: new ViewKind(Float64Array, 8),
  BigInt64Array: new ViewKind(BigInt64Array, 8),
  BigUint64Array: new ViewKind(BigUint64Array, 8),
};

function viewKind(view) {
  const name = TypedArrayPrototypeGetSymbolToStringTag(view);
  return name === "Uint8Array" ? uint8 : name === undefined ? dataView : otherKinds[name];
}

function isDataView(view) {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined;
}
function viewBuffer(view) {
  return isDataView(view) ? DataViewPrototypeGetBuffer(view) : TypedArrayPrototypeGetBuffer(view);
}
// A DataView on a detached buffer throws where a typed array has 0.
function viewByteLength(view) {
  if (!isDataView(view)) return TypedArrayPrototypeGetByteLength(view);
  return isDetached(DataViewPrototypeGetBuffer(view)) ? 0 : DataViewPrototypeGetByteLength(view);
}
function viewByteOffset(view) {
  if (!isDataView(view)) return TypedArrayPrototypeGetByteOffset(view);
  return isDetached(DataViewPrototypeGetBuffer(view)) ? 0 : DataViewPrototypeGetByteOffset(view);
}

const isDetached = ArrayBufferPrototypeGetDetached;
const bufferByteLength = ArrayBufferPrototypeGetByteLength;

/** TransferArrayBuffer: throws a TypeError for a buffer that cannot be detached, such as a WebAssembly memory's. */
function transferBuffer(buffer) {
  return ArrayBufferPrototypeTransferToFixedLength(buffer);
}

/** A copy of some bytes of a buffer. (`ArrayBuffer.prototype.slice` asks the app's species.) */
function cloneBytes(buffer, byteOffset, byteLength) {
  const copy = new Uint8Array(byteLength);
  TypedArrayPrototypeSet(copy, new Uint8Array(buffer, byteOffset, byteLength));
  return copy;
}

/** CloneAsUint8Array */
function cloneAsUint8Array(view) {
  return cloneBytes(viewBuffer(view), viewByteOffset(view), viewByteLength(view));
}

/** CopyDataBlockBytes */
function copyBytes(to, toOffset, from, fromOffset, count) {
  TypedArrayPrototypeSet(new Uint8Array(to, toOffset, count), new Uint8Array(from, fromOffset, count));
}

exports.uint8 = uint8;
exports.viewKind = viewKind;
exports.viewBuffer = viewBuffer;
exports.viewByteLength = viewByteLength;
exports.viewByteOffset = viewByteOffset;
exports.isDetached = isDetached;
exports.bufferByteLength = bufferByteLength;
exports.transferBuffer = transferBuffer;
exports.cloneBytes = cloneBytes;
exports.cloneAsUint8Array = cloneAsUint8Array;
exports.copyBytes = copyBytes;
