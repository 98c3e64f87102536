// Blob and File (https://w3c.github.io/FileAPI/).
//
// A blob's bytes never change: they lie in an ArrayBuffer of the isolate that no app ever gets, and counts against its
// memory as any other. A slice, a clone, a File made of a single blob are further views on the same buffer; what is
// given out (by `arrayBuffer()`, or a chunk of a stream) is a copy.

const {
  ArrayBufferIsView, ArrayBufferPrototypeGetByteLength, DateNow, MathMin, ObjectSetPrototypeOf, PromiseReject,
  PromiseResolve, ReflectConstruct, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice,
  StringPrototypeToLowerCase, SymbolIterator, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeSet, Uint8Array,
} = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const { registerSerializable } = require("structured_clone/registry");
const { viewBuffer, viewByteLength, viewByteOffset } = require("streams/buffers");
const streams = lazy("streams");
const { converters } = webidl;

/** The largest chunk of a blob's stream. */
const STREAM_CHUNK_BYTES = 64 << 10;

const convertEndings = webidl.createEnumConverter("EndingType", ["transparent", "native"]);
const endingsMember = { key: "endings", converter: convertEndings, defaultValue: () => "transparent" };
const typeMember = { key: "type", converter: converters.DOMString, defaultValue: () => "" };
const convertBlobOptions = webidl.createDictionaryConverter("BlobPropertyBag", [endingsMember, typeMember]);
const convertFileOptions = webidl.createDictionaryConverter("FilePropertyBag", [
  endingsMember,
  typeMember,
  { key: "lastModified", converter: converters["long long"] },
]);

const clamp = { __proto__: null, clamp: true };

/** `(BufferSource or Blob or USVString)` */
function convertPart(V, prefix, context) {
  if (typeof V === "object" && V !== null) {
    if (isBlob(V)) return V;
    if (ArrayBufferIsView(V) || webidl.isArrayBuffer(V)) return converters.BufferSource(V, prefix, context);
  }
  return converters.USVString(V, prefix, context);
}

function convertParts(V, prefix) {
  const method = webidl.isObject(V) ? V[SymbolIterator] : undefined;
  if (typeof method !== "function") throw webidl.makeException(prefix, "Argument 1", "is not a sequence");
  return webidl.convertIterable(V, method, convertPart, prefix, "Argument 1");
}

/** A type as a blob keeps it (3.1): in lower case, and empty if there is a character that it cannot have. */
function normalizeType(type) {
  for (let i = 0; i < type.length; i++) {
    const code = StringPrototypeCharCodeAt(type, i);
    if (code < 0x20 || code > 0x7e) return "";
  }
  return StringPrototypeToLowerCase(type);
}

/** "Convert line endings to native", which are LF here: CR LF, and CR alone, become LF. */
function toNativeEndings(string) {
  let result = "";
  let start = 0;
  for (let at = StringPrototypeIndexOf(string, "\r"); at !== -1; at = StringPrototypeIndexOf(string, "\r", start)) {
    result += StringPrototypeSlice(string, start, at) + "\n";
    start = StringPrototypeCharCodeAt(string, at + 1) === 10 ? at + 2 : at + 1;
  }
  return start === 0 ? string : result + StringPrototypeSlice(string, start);
}

/**
 * One Uint8Array of `parts`: well-formed strings, buffer sources, blobs. Neighbouring strings are encoded in one go. It
 * is nobody else's, or a single blob's; no code of the app runs in here. The pieces take the places of the parts, since
 * an app may see what is put at a new index of a list.
 */
function joinParts(parts) {
  const count = parts.length;
  let text = "";
  let total = 0;
  let only; // the piece that is all so far, if nobody changes it
  for (let i = 0; i <= count; i++) {
    const part = i < count ? parts[i] : undefined;
    if (typeof part === "string") {
      text += part;
      parts[i] = undefined;
      continue;
    }
    if (text !== "") {
      const bytes = parts[i - 1] = ops.encoding_encode_utf8(text);
      only = total === 0 ? bytes : undefined;
      total += TypedArrayPrototypeGetByteLength(bytes);
      text = "";
    }
    if (i === count) break;
    const blob = isBlob(part);
    const bytes = parts[i] = blob ? bytesOf(part) : bytesOfSource(part);
    const length = TypedArrayPrototypeGetByteLength(bytes);
    if (length === 0) continue;
    only = blob && total === 0 ? bytes : undefined;
    total += length;
  }
  if (only !== undefined) return only;
  const all = new Uint8Array(total);
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (parts[i] === undefined) continue;
    TypedArrayPrototypeSet(all, parts[i], at);
    at += TypedArrayPrototypeGetByteLength(parts[i]);
  }
  return all;
}

/** A view on what is in a buffer source now; an empty one, if it is detached. */
function bytesOfSource(source) {
  if (!ArrayBufferIsView(source)) {
    const length = ArrayBufferPrototypeGetByteLength(source);
    return length === 0 ? new Uint8Array(0) : new Uint8Array(source, 0, length);
  }
  const length = viewByteLength(source);
  return length === 0 ? new Uint8Array(0) : new Uint8Array(viewBuffer(source), viewByteOffset(source), length);
}

/** The view on the bytes `from` to `to` of a view. */
function subarray(bytes, from, to) {
  return new Uint8Array(
    TypedArrayPrototypeGetBuffer(bytes), TypedArrayPrototypeGetByteOffset(bytes) + from, to - from,
  );
}

function copyOf(bytes) {
  const copy = new Uint8Array(TypedArrayPrototypeGetByteLength(bytes));
  TypedArrayPrototypeSet(copy, bytes);
  return copy;
}

/** The underlying source of a stream of bytes that are shared: it copies them, a chunk at a time. */
class SharedSource {
  constructor(bytes) {
    this.stream = undefined;
    this.bytes = bytes;
    this.at = 0;
  }
  pull(controller) {
    const length = TypedArrayPrototypeGetByteLength(this.bytes);
    const end = MathMin(this.at + STREAM_CHUNK_BYTES, length);
    if (end > this.at) controller.enqueueOwned(copyOf(subarray(this.bytes, this.at, end)));
    this.at = end;
    if (end === length) {
      this.bytes = undefined;
      streams.load().readableStreamClose(this.stream);
    }
  }
  cancel() {
    this.bytes = undefined;
  }
}
ObjectSetPrototypeOf(SharedSource.prototype, null);

/** A stream of bytes that somebody else has, too. */
function streamOfShared(bytes) {
  const source = new SharedSource(bytes);
  source.stream = streams.load().createReadableByteStream(source);
  return source.stream;
}

let isBlob, bytesOf, typeOf, fileOf, makeBlob;

class Blob {
  /** A Uint8Array whose buffer no app has. */
  #bytes;
  #type;
  /** What a File has besides: { name, lastModified }. */
  #file = undefined;

  constructor(blobParts = undefined, options = undefined) {
    if (blobParts === webidl.internal) return;
    const prefix = "Failed to construct 'Blob'";
    const parts = blobParts === undefined ? [] : convertParts(blobParts, prefix);
    options = convertBlobOptions(options, prefix, "Argument 2");
    this.#bytes = processParts(parts, options.endings);
    this.#type = normalizeType(options.type);
  }

  static {
    isBlob = (value) => webidl.isObject(value) && #bytes in value;
    bytesOf = (blob) => blob.#bytes;
    typeOf = (blob) => blob.#type;
    fileOf = (blob) => blob.#file;
    makeBlob = (bytes, type, file, newTarget) => {
      const blob = ReflectConstruct(Blob, [webidl.internal], newTarget);
      blob.#bytes = bytes;
      blob.#type = type;
      blob.#file = file;
      return blob;
    };
  }

  get size() { return TypedArrayPrototypeGetByteLength(this.#bytes); }
  get type() { return this.#type; }

  slice(start = undefined, end = undefined, contentType = undefined) {
    const bytes = this.#bytes;
    const prefix = "Failed to execute 'slice' on 'Blob'";
    const size = TypedArrayPrototypeGetByteLength(bytes);
    const from = start === undefined ? 0 : convertIndex(start, size, prefix, "Argument 1");
    const to = end === undefined ? size : convertIndex(end, size, prefix, "Argument 2");
    const type = contentType === undefined ? "" : converters.DOMString(contentType, prefix, "Argument 3");
    return makeBlob(subarray(bytes, from, to > from ? to : from), normalizeType(type), undefined, Blob);
  }

  stream() {
    return streamOfShared(this.#bytes);
  }

  text() {
    try {
      return PromiseResolve(ops.encoding_decode_utf8(this.#bytes, false, false));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  arrayBuffer() {
    try {
      return PromiseResolve(TypedArrayPrototypeGetBuffer(copyOf(this.#bytes)));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  bytes() {
    try {
      return PromiseResolve(copyOf(this.#bytes));
    } catch (error) {
      return PromiseReject(error);
    }
  }
}
webidl.configureInterface(Blob);

/** An index of `slice`: from the end if it is negative, and within the blob. */
function convertIndex(V, size, prefix, context) {
  const index = converters["long long"](V, prefix, context, clamp);
  if (index < 0) return index + size > 0 ? index + size : 0;
  return MathMin(index, size);
}

/** "Process blob parts" (3.1). */
function processParts(parts, endings) {
  if (endings === "native") {
    for (let i = 0; i < parts.length; i++) {
      if (typeof parts[i] === "string") parts[i] = toNativeEndings(parts[i]);
    }
  }
  return joinParts(parts);
}

const isFile = (value) => isBlob(value) && fileOf(value) !== undefined;

/** What File's attributes read; throws for what is no File. */
function detailsOf(object) {
  if (!isFile(object)) throw webidl.illegalInvocation();
  return fileOf(object);
}

// Not `extends Blob`: `super()` would call what an app has made the prototype of File, with what only Blob may get. A
// constructor may return another object than its own.
class File {
  constructor(fileBits, fileName, options = undefined) {
    const prefix = "Failed to construct 'File'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    const parts = convertParts(fileBits, prefix);
    const name = converters.USVString(fileName, prefix, "Argument 2");
    options = convertFileOptions(options, prefix, "Argument 3");
    const lastModified = options.lastModified === undefined ? DateNow() : options.lastModified;
    const bytes = processParts(parts, options.endings);
    return makeBlob(bytes, normalizeType(options.type), { __proto__: null, name, lastModified }, new.target);
  }
  get name() { return detailsOf(this).name; }
  get lastModified() { return detailsOf(this).lastModified; }
}
ObjectSetPrototypeOf(File, Blob);
ObjectSetPrototypeOf(File.prototype, Blob.prototype);
webidl.configureInterface(File);

/** A Blob of bytes that nobody else changes; the type is kept as it is. */
const blobOf = (bytes, type) => makeBlob(bytes, type, undefined, Blob);
/** A File of such bytes. */
const fileFrom = (bytes, type, name, lastModified) =>
  makeBlob(bytes, normalizeType(type), { __proto__: null, name, lastModified }, File);

registerSerializable(Blob, isBlob, (blob) => makeBlob(bytesOf(blob), typeOf(blob), undefined, Blob));
registerSerializable(File, isFile, (file) => makeBlob(bytesOf(file), typeOf(file), fileOf(file), File));

const describe = (blob) => ({
  __proto__: null, size: TypedArrayPrototypeGetByteLength(bytesOf(blob)), type: typeOf(blob),
});
registerInspector(Blob, isBlob, describe);
registerInspector(File, isFile, (file) => {
  const shown = describe(file);
  shown.name = fileOf(file).name;
  shown.lastModified = fileOf(file).lastModified;
  return shown;
});

exports.Blob = Blob;
exports.File = File;
exports.isBlob = isBlob;
exports.isFile = isFile;
/** The view on a blob's bytes, which nobody may change. */
exports.bytesOf = bytesOf;
exports.typeOf = typeOf;
/** A File's { name, lastModified }; undefined for another Blob. */
exports.fileOf = fileOf;
exports.blobOf = blobOf;
exports.fileFrom = fileFrom;
exports.joinParts = joinParts;
exports.subarray = subarray;
exports.streamOfShared = streamOfShared;
