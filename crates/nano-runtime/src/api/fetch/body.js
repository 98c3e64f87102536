// Bodies (https://fetch.spec.whatwg.org/#bodies) and the Body mixin.
//
// A body keeps the source it was made of: a string, bytes, or the number of a native body (that of a request being
// served). Only what needs a stream makes one: consuming, cloning and sending work on the source.

const {
  ArrayBufferIsView, ArrayBufferPrototypeGetByteLength, DataViewPrototypeGetByteLength, DataViewPrototypeGetByteOffset,
  JSONParse, ObjectDefineProperties, ObjectGetOwnPropertyDescriptors, ObjectSetPrototypeOf, PromisePrototypeThen,
  PromiseReject, PromiseResolve, StringPrototypeCharCodeAt, StringPrototypeSlice, StringPrototypeToWellFormed,
  TypeError, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag, TypedArrayPrototypeSet, Uint8Array,
} = primordials;
const webidl = require("webidl");
const { isAborted, reasonOf } = require("abort");
const searchParams = lazy("url/searchparams");
const files = lazy("file");
const formData = lazy("form_data");
const streams = lazy("streams");
const bodyStreams = lazy("fetch/body_streams");
const bodyForms = lazy("fetch/body_forms");

// What a body's source is.
const STRING = 1;
const BYTES = 2;
const STREAM = 3; // none: there is only the stream
const NATIVE = 4;

// What consuming it gives; or an object whose `of(bytes)` makes that.
const ARRAY_BUFFER = 0;
const BYTE_ARRAY = 1;
const JSON_VALUE = 2;
const TEXT = 3;

const TEXT_TYPE = "text/plain;charset=UTF-8";
const FORM_TYPE = "application/x-www-form-urlencoded;charset=UTF-8";

/** The part of a Body in the standard that exists before anybody asks for its stream. */
class Body {
  constructor(kind, source, stream) {
    this.kind = kind;
    this.source = source;
    this.stream = stream; // undefined until it is asked for
    this.used = false; // the source was taken, so that the stream does not know
    this.shared = false; // another body has the same bytes
    this.signal = undefined; // what ends a fetch, of the body of its response
  }
}
ObjectSetPrototypeOf(Body.prototype, null);

/** Bytes that are others' as well, if they are `shared`. */
function bytesBody(bytes, shared) {
  const body = new Body(BYTES, bytes, undefined);
  body.shared = shared;
  return body;
}

/** Bytes of their own for what is in a BufferSource; none if it is detached. */
function copyBytes(source) {
  let buffer = source;
  let offset = 0;
  let length;
  if (!ArrayBufferIsView(source)) {
    length = ArrayBufferPrototypeGetByteLength(source);
  } else if (TypedArrayPrototypeGetSymbolToStringTag(source) !== undefined) {
    buffer = TypedArrayPrototypeGetBuffer(source);
    offset = TypedArrayPrototypeGetByteOffset(source);
    length = TypedArrayPrototypeGetByteLength(source);
  } else {
    buffer = webidl.viewBuffer(source);
    try {
      offset = DataViewPrototypeGetByteOffset(source);
      length = DataViewPrototypeGetByteLength(source);
    } catch {
      length = 0; // A DataView, unlike typed arrays, throws when its buffer is detached.
    }
  }
  const copy = new Uint8Array(length);
  if (length > 0) TypedArrayPrototypeSet(copy, new Uint8Array(buffer, offset, length));
  return copy;
}

function isUint8Array(value) {
  return ArrayBufferIsView(value) && TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";
}

// What no file is loaded for does not exist.
const isURLSearchParams = (V) => searchParams.loaded !== undefined && searchParams.loaded.isURLSearchParams(V);
const isBlob = (V) => files.loaded !== undefined && files.loaded.isBlob(V);
const isFormData = (V) => formData.loaded !== undefined && formData.loaded.isFormData(V);
const isReadableStream = (V) => streams.loaded !== undefined && streams.loaded.isReadableStream(V);

/**
 * `BodyInit?` (an absent one is the caller's): null, a string, or an object that `extractBody` knows. A string becomes
 * a USVString where it is read: encoding it in UTF-8 does that by itself.
 */
function convertBodyInit(V, prefix, context) {
  if (typeof V === "string") return V;
  if (typeof V !== "object") {
    if (V === undefined) return null;
  } else {
    if (V === null) return null;
    if (isURLSearchParams(V) || isReadableStream(V) || isBlob(V) || isFormData(V)) return V;
    if (ArrayBufferIsView(V) || webidl.isArrayBuffer(V)) return webidl.converters.BufferSource(V, prefix, context);
  }
  return webidl.converters.DOMString(V, prefix, context);
}

/** "Extract a body", for a converted BodyInit that is not null. A string stays one: it becomes a Body when touched. */
function extractBody(init, prefix) {
  if (typeof init === "string") return init;
  if (isURLSearchParams(init)) return searchParams.load().serializeParams(init);
  if (isBlob(init)) return bytesBody(files.load().bytesOf(init), true);
  if (isFormData(init)) return bodyForms.load().multipartBody(init);
  if (!isReadableStream(init)) return new Body(BYTES, copyBytes(init), undefined);
  if (streams.load().readableStreamDisturbed(init) || streams.load().isReadableStreamLocked(init)) {
    throw new TypeError(`${prefix}: the ReadableStream is locked or was read from already`);
  }
  const native = streams.load().getNativeSource(init);
  return typeof native === "number" ? new Body(NATIVE, native, init) : new Body(STREAM, undefined, init);
}

/**
 * What a usable body can be sent as: itself, or, if its stream is that of another body that was a string or bytes,
 * that. So it goes out whole, with its length. (To scripts there is no difference: a stream has no source.)
 */
function wholeOf(body) {
  if (body.kind !== STREAM) return body;
  const source = streams.load().getNativeSource(body.stream);
  return typeof source === "object" ? source : body;
}

/** The Content-Type that "extract a body" gives, or null, for a converted BodyInit and what was extracted from it. */
function contentTypeOf(init, extracted) {
  if (typeof init === "string") return TEXT_TYPE;
  if (isURLSearchParams(init)) return FORM_TYPE;
  if (isFormData(init)) return extracted.type;
  if (!isBlob(init)) return null;
  const type = files.load().typeOf(init);
  return type === "" ? null : type;
}

const textBody = (string) => new Body(STRING, string, undefined);
const nativeBody = (rid) => new Body(NATIVE, rid, undefined);

/** A Body that was consumed: what is left of one whose source has been handed on. */
function usedBody() {
  const body = new Body(STREAM, undefined, undefined);
  body.used = true;
  return body;
}

function isUsed(body) {
  return body.used || (body.stream !== undefined && streams.load().readableStreamDisturbed(body.stream));
}

/** "Unusable": disturbed or locked. */
function isUnusable(body) {
  return isUsed(body) || (body.stream !== undefined && streams.load().isReadableStreamLocked(body.stream));
}

/** Bytes that nobody else has, of a body of the kind STRING or BYTES. */
function ownBytes(body) {
  if (body.kind === STRING) return ops.encoding_encode_utf8(body.source);
  return body.shared ? copyBytes(body.source) : body.source;
}

/** The body's stream, made on first use. */
function streamOf(body) {
  return (body.stream ??= bodyStreams.load().makeStream(body));
}

/** A body with the same source. */
function withoutStream(body) {
  const result = new Body(body.kind, body.source, undefined);
  result.shared = body.shared;
  return result;
}

/** A native promise, rejected with the signal's reason when that is why it fails. */
function withReason(promise, signal) {
  if (signal === undefined) return promise;
  return PromisePrototypeThen(promise, undefined, (error) => {
    throw isAborted(signal) ? reasonOf(signal) : error;
  });
}

/** The fetch that a native body comes from was aborted. */
function abortNative(body, reason) {
  if (body.stream !== undefined) streams.load().readableStreamError(body.stream, reason);
}

/** Nobody will read `body`. */
function cancelBody(body, reason) {
  if (!isUnusable(body)) webidl.markAsHandled(streams.load().readableStreamCancel(streamOf(body), reason));
}

/** Takes the source away from a usable body that has one: it is consumed, and its stream, if there is one, locked. */
function markTaken(body) {
  body.used = true;
  if (body.stream !== undefined) streams.load().detachNativeStream(body.stream);
}

/** A body with what `body` has, which is left consumed: "create a proxy" for it. */
function transferBody(body) {
  if (body.kind !== STREAM) {
    markTaken(body);
    const result = withoutStream(body);
    result.signal = body.signal;
    body.source = undefined;
    return result;
  }
  const stream = bodyStreams.load().proxyOf(body.stream);
  body.used = true;
  return new Body(STREAM, undefined, stream);
}

/** "Clone a body", of a usable one. */
function cloneBody(body) {
  const whole = wholeOf(body);
  if (whole.kind === STRING || whole.kind === BYTES) {
    // Both have the source, and a stream of their own when they need one. An earlier one is locked, as a tee does it.
    if (body.stream !== undefined) streams.load().detachNativeStream(body.stream);
    body.kind = whole.kind;
    body.source = whole.source;
    body.stream = undefined;
    body.shared = true;
    return withoutStream(body);
  }
  const branches = bodyStreams.load().teeStream(streamOf(body));
  body.kind = STREAM;
  body.source = undefined;
  body.stream = branches[0];
  return new Body(STREAM, undefined, branches[1]);
}

function fromString(string, type) {
  if (type === TEXT || type === JSON_VALUE) {
    string = StringPrototypeToWellFormed(string);
    // UTF-8 decoding drops a byte order mark.
    if (StringPrototypeCharCodeAt(string, 0) === 0xfeff) string = StringPrototypeSlice(string, 1);
    return type === TEXT ? string : JSONParse(string);
  }
  return fromBytes(ops.encoding_encode_utf8(string), type);
}

function fromBytes(bytes, type) {
  if (type === BYTE_ARRAY) return bytes;
  if (type === ARRAY_BUFFER) {
    const buffer = TypedArrayPrototypeGetBuffer(bytes);
    if (ArrayBufferPrototypeGetByteLength(buffer) === TypedArrayPrototypeGetByteLength(bytes)) return buffer;
    return TypedArrayPrototypeGetBuffer(copyBytes(bytes));
  }
  if (typeof type === "object") return type.of(bytes);
  const string = ops.encoding_decode_utf8(bytes, false, false);
  return type === TEXT ? string : JSONParse(string);
}

const parseJSON = (text) => JSONParse(text);
/** "Consume body". */
function consume(object, bodyOf, type) {
  try {
    const body = bodyOf(object);
    if (body === null) return PromiseResolve(fromString("", type));
    const { signal } = body;
    if (body.kind === NATIVE && !body.used && signal !== undefined && isAborted(signal)) {
      // Nothing of it can be read, now or later.
      return PromiseReject(reasonOf(signal));
    }
    if (isUnusable(body)) throw new TypeError("The body was used already, or its stream is locked");
    if (body.kind === STREAM) return bodyStreams.load().readAll(body.stream, type);
    markTaken(body);
    const source = body.source;
    if (body.kind === NATIVE) {
      if (type === TEXT) return withReason(ops.body_text(source), signal);
      if (type === JSON_VALUE) return PromisePrototypeThen(withReason(ops.body_text(source), signal), parseJSON);
      // No promise has the bytes but the one that the app gets: `then` on Object.prototype would see them.
      const all = withReason(ops.body_collect(source), signal);
      return PromisePrototypeThen(all, (held) => fromBytes(held.bytes, type));
    }
    body.source = undefined;
    if (body.kind === STRING) return PromiseResolve(fromString(source, type));
    // A Blob keeps the bytes, but does not change them.
    const needsOwn = body.shared && (type === BYTE_ARRAY || type === ARRAY_BUFFER);
    return PromiseResolve(fromBytes(needsOwn ? copyBytes(source) : source, type));
  } catch (error) {
    return PromiseReject(error);
  }
}

/** "Consume body", where what it gives depends on the header list: `kind` is a class of `body_forms`. */
function consumeAs(object, bodyOf, listOf, kind) {
  let result;
  try {
    const list = listOf(object);
    result = new (bodyForms.load()[kind])(list);
  } catch (error) {
    return PromiseReject(error);
  }
  return consume(object, bodyOf, result);
}

/**
 * Puts the Body mixin on `Interface`. `bodyOf` throws on a failed brand check, and gives a Body or null; `listOf` gives
 * the header list.
 */
function mixinBody(Interface, bodyOf, listOf) {
  const members = {
    get body() {
      const body = bodyOf(this);
      return body === null ? null : streamOf(body);
    },
    get bodyUsed() {
      const body = bodyOf(this);
      return body !== null && isUsed(body);
    },
    arrayBuffer() { return consume(this, bodyOf, ARRAY_BUFFER); },
    blob() { return consumeAs(this, bodyOf, listOf, "BlobOf"); },
    bytes() { return consume(this, bodyOf, BYTE_ARRAY); },
    formData() { return consumeAs(this, bodyOf, listOf, "FormDataOf"); },
    json() { return consume(this, bodyOf, JSON_VALUE); },
    text() { return consume(this, bodyOf, TEXT); },
  };
  ObjectDefineProperties(Interface.prototype, ObjectGetOwnPropertyDescriptors(members));
}

exports.STRING = STRING;
exports.BYTES = BYTES;
exports.STREAM = STREAM;
exports.NATIVE = NATIVE;
exports.Body = Body;
exports.convertBodyInit = convertBodyInit;
exports.extractBody = extractBody;
exports.consume = consume;
exports.contentTypeOf = contentTypeOf;
exports.textBody = textBody;
exports.bytesBody = bytesBody;
exports.nativeBody = nativeBody;
exports.abortNative = abortNative;
exports.cancelBody = cancelBody;
exports.wholeOf = wholeOf;
exports.usedBody = usedBody;
exports.isUnusable = isUnusable;
exports.withoutStream = withoutStream;
exports.ownBytes = ownBytes;
exports.withReason = withReason;
exports.fromBytes = fromBytes;
exports.copyBytes = copyBytes;
exports.isUint8Array = isUint8Array;
exports.markTaken = markTaken;
exports.transferBody = transferBody;
exports.cloneBody = cloneBody;
exports.mixinBody = mixinBody;
