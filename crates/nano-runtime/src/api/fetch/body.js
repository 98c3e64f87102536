// Bodies (https://fetch.spec.whatwg.org/#bodies) and the Body mixin.
//
// A body keeps the source it was made of: a string, bytes, or the number of a native body (that of a request being
// served). Only what needs a stream makes one: consuming, cloning and sending work on the source.

const {
  ArrayBufferIsView, ArrayBufferPrototypeGetByteLength, DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset, JSONParse, MapPrototypeGet, MathMax, ObjectDefineProperties,
  ObjectGetOwnPropertyDescriptors, ObjectSetPrototypeOf, PromisePrototypeThen, PromiseReject, PromiseResolve,
  PromiseWithResolvers, StringPrototypeCharCodeAt, StringPrototypeSlice, StringPrototypeToWellFormed, TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet, Uint8Array,
} = primordials;
const webidl = require("webidl");
const { isURLSearchParams, parseUrlencoded, serializeParams } = require("url/searchparams");
const { blobOf, bytesOf: bytesOfBlob, isBlob, streamOfShared, typeOf } = require("file");
const { formDataFromList, isFormData, listOf: listOfFormData } = require("form_data");
const { parseMultipart, serializeMultipart } = require("form_data/multipart");
const { listGet } = require("headers");
const { extractMimeType, serializeMimeType } = require("fetch/mime");
const streams = require("streams");
const { structuredClone } = require("structured_clone");
const { isAborted, reasonOf } = require("abort");

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

/** The Body of a FormData. */
class MultipartBody extends Body {
  constructor(bytes, type) {
    super(BYTES, bytes, undefined);
    this.type = type;
  }
}

/** Bytes that are others' as well, if they are `shared`. */
function bytesBody(bytes, shared) {
  const body = new Body(BYTES, bytes, undefined);
  body.shared = shared;
  return body;
}

function multipartBody(formData) {
  // Nobody can know it beforehand, so nothing of the form's contents is taken for it.
  const boundary = `----formdata-${ops.crypto_random_uuid()}`;
  const bytes = serializeMultipart(listOfFormData(formData), boundary);
  return new MultipartBody(bytes, `multipart/form-data; boundary=${boundary}`);
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
    if (isURLSearchParams(V) || streams.isReadableStream(V) || isBlob(V) || isFormData(V)) return V;
    if (ArrayBufferIsView(V) || webidl.isArrayBuffer(V)) return webidl.converters.BufferSource(V, prefix, context);
  }
  return webidl.converters.DOMString(V, prefix, context);
}

/** "Extract a body", for a converted BodyInit that is not null. A string stays one: it becomes a Body when touched. */
function extractBody(init, prefix) {
  if (typeof init === "string") return init;
  if (isURLSearchParams(init)) return serializeParams(init);
  if (isBlob(init)) return bytesBody(bytesOfBlob(init), true);
  if (isFormData(init)) return multipartBody(init);
  if (!streams.isReadableStream(init)) return new Body(BYTES, copyBytes(init), undefined);
  if (streams.readableStreamDisturbed(init) || streams.isReadableStreamLocked(init)) {
    throw new TypeError(`${prefix}: the ReadableStream is locked or was read from already`);
  }
  const native = streams.getNativeSource(init);
  return typeof native === "number" ? new Body(NATIVE, native, init) : new Body(STREAM, undefined, init);
}

/**
 * What a usable body can be sent as: itself, or, if its stream is that of another body that was a string or bytes,
 * that. So it goes out whole, with its length. (To scripts there is no difference: a stream has no source.)
 */
function wholeOf(body) {
  if (body.kind !== STREAM) return body;
  const source = streams.getNativeSource(body.stream);
  return typeof source === "object" ? source : body;
}

/** The Content-Type that "extract a body" gives, or null, for a converted BodyInit and what was extracted from it. */
function contentTypeOf(init, extracted) {
  if (typeof init === "string") return TEXT_TYPE;
  if (isURLSearchParams(init)) return FORM_TYPE;
  if (isFormData(init)) return extracted.type;
  return isBlob(init) && typeOf(init) !== "" ? typeOf(init) : null;
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
  return body.used || (body.stream !== undefined && streams.readableStreamDisturbed(body.stream));
}

/** "Unusable": disturbed or locked. */
function isUnusable(body) {
  return isUsed(body) || (body.stream !== undefined && streams.isReadableStreamLocked(body.stream));
}

/** Bytes that nobody else has, of a body of the kind STRING or BYTES. */
function ownBytes(body) {
  if (body.kind === STRING) return ops.encoding_encode_utf8(body.source);
  return body.shared ? copyBytes(body.source) : body.source;
}

/** The body's stream, made on first use. */
function streamOf(body) {
  if (body.stream !== undefined) return body.stream;
  if (body.used) {
    // Consuming has left the stream closed, and locked to a reader that nobody releases.
    body.stream = streams.createReadableByteStream({ __proto__: null, pull: undefined, cancel: undefined });
    streams.readableStreamCancel(body.stream, undefined);
    streams.detachNativeStream(body.stream);
  } else if (body.kind === BYTES && body.shared) {
    body.stream = streamOfShared(body.source);
    streams.setNativeSource(body.stream, withoutStream(body));
  } else if (body.kind === NATIVE) {
    const source = new NativeSource(body.source, body.signal);
    body.stream = source.stream = streams.createReadableByteStream(source);
    streams.setNativeSource(body.stream, body.source);
    if (body.signal !== undefined && isAborted(body.signal)) abortNative(body, reasonOf(body.signal));
  } else {
    // The source knows its stream: the body's may be another one by then, when it was cloned.
    const source = new BytesSource(body);
    body.stream = source.stream = streams.createReadableByteStream(source);
    streams.setNativeSource(body.stream, source.body);
  }
  return body.stream;
}

/** A body with the same source. */
function withoutStream(body) {
  const result = new Body(body.kind, body.source, undefined);
  result.shared = body.shared;
  return result;
}

/** The underlying source of a body that is a string or bytes. */
class BytesSource {
  constructor(body) {
    this.stream = undefined;
    this.body = withoutStream(body);
  }
  pull(controller) {
    const bytes = ownBytes(this.body);
    this.body = undefined;
    streams.setNativeSource(this.stream, undefined);
    if (TypedArrayPrototypeGetByteLength(bytes) > 0) controller.enqueueOwned(bytes);
    streams.readableStreamClose(this.stream);
  }
}
ObjectSetPrototypeOf(BytesSource.prototype, null);

/** The underlying source of a native body: nothing is read ahead of demand, so an untouched one stays native. */
class NativeSource {
  constructor(rid, signal) {
    this.stream = undefined;
    this.rid = rid;
    this.signal = signal;
    this.onChunk = undefined;
  }
  pull(controller) {
    this.onChunk ??= (held) => {
      if (held.bytes === undefined) streams.readableStreamClose(this.stream);
      else controller.enqueueOwned(held.bytes);
    };
    return PromisePrototypeThen(withReason(ops.body_read(this.rid), this.signal), this.onChunk);
  }
  cancel() {
    ops.body_cancel(this.rid);
  }
}
ObjectSetPrototypeOf(NativeSource.prototype, null);

/** A native promise, rejected with the signal's reason when that is why it fails. */
function withReason(promise, signal) {
  if (signal === undefined) return promise;
  return PromisePrototypeThen(promise, undefined, (error) => {
    throw isAborted(signal) ? reasonOf(signal) : error;
  });
}

/** The fetch that a native body comes from was aborted. */
function abortNative(body, reason) {
  if (body.stream !== undefined) streams.readableStreamError(body.stream, reason);
}

/** Nobody will read `body`. */
function cancelBody(body, reason) {
  if (!isUnusable(body)) webidl.markAsHandled(streams.readableStreamCancel(streamOf(body), reason));
}

/** Takes the source away from a usable body that has one: it is consumed, and its stream, if there is one, locked. */
function markTaken(body) {
  body.used = true;
  if (body.stream !== undefined) streams.detachNativeStream(body.stream);
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
  const reader = streams.acquireReadableStreamDefaultReader(body.stream);
  body.used = true;
  return new Body(STREAM, undefined, streams.createReadableStream(new ProxySource(reader), 0));
}

/** The underlying source of a stream that gives what another one gives. */
class ProxySource {
  constructor(reader) {
    this.reader = reader;
  }
  pull(controller) {
    const { promise, resolve } = PromiseWithResolvers();
    streams.readerRead(this.reader, new ForwardRequest(controller, resolve));
    return promise;
  }
  cancel(reason) {
    return new streams.OwnPromise(streams.readerCancel(this.reader, reason));
  }
}
ObjectSetPrototypeOf(ProxySource.prototype, null);

class ForwardRequest extends streams.ReadRequest {
  constructor(controller, done) {
    super();
    this.controller = controller;
    this.done = done;
  }
  chunk(value) {
    this.controller.enqueue(value);
    this.done();
  }
  close() {
    this.controller.close();
    this.done();
  }
  error(error) {
    this.controller.error(error);
    this.done();
  }
}

/** The second branch's copy of a chunk. Almost all are Uint8Arrays; what else there is gets a structured clone. */
function cloneChunk(chunk) {
  return isUint8Array(chunk) ? copyBytes(chunk) : structuredClone(chunk);
}

/** "Clone a body", of a usable one. */
function cloneBody(body) {
  const whole = wholeOf(body);
  if (whole.kind === STRING || whole.kind === BYTES) {
    // Both have the source, and a stream of their own when they need one. An earlier one is locked, as a tee does it.
    if (body.stream !== undefined) streams.detachNativeStream(body.stream);
    body.kind = whole.kind;
    body.source = whole.source;
    body.stream = undefined;
    body.shared = true;
    return withoutStream(body);
  }
  const branches = streams.readableStreamTee(streamOf(body), cloneChunk);
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
    if (body.kind === STREAM) return readAll(body.stream, type);
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

/** "Consume body", where what it gives depends on the header list. */
function consumeAs(object, bodyOf, listOf, Result) {
  let result;
  try {
    result = new Result(listOf(object));
  } catch (error) {
    return PromiseReject(error);
  }
  return consume(object, bodyOf, result);
}

/**
 * "Read all bytes" of a stream that is not locked: a promise for what `type` says. The bytes are not the result of a
 * promise in between, which would show them to an app that puts a `then` on Object.prototype.
 */
function readAll(stream, type) {
  const request = new CollectRequest(streams.acquireReadableStreamDefaultReader(stream), type);
  request.run();
  return request.promise;
}

class CollectRequest extends streams.ReadRequest {
  constructor(reader, type) {
    super();
    const { promise, resolve, reject } = PromiseWithResolvers();
    this.reader = reader;
    this.type = type;
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.bytes = undefined; // grows by doubling; chunks are copied at once, as their owner may use the memory again
    this.size = 0;
    this.running = false;
    this.again = false;
  }
  /** Reads on. Chunks that come at once make the loop go round, rather than the stack grow. */
  run() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    do {
      this.again = false;
      streams.readerRead(this.reader, this);
    } while (this.again);
    this.running = false;
  }
  chunk(value) {
    if (!isUint8Array(value)) {
      this.reject(new TypeError("A body's stream gave a chunk that is not a Uint8Array"));
      return;
    }
    const size = this.size;
    const end = size + TypedArrayPrototypeGetByteLength(value);
    const capacity = size === 0 ? 0 : TypedArrayPrototypeGetByteLength(this.bytes);
    if (end > capacity) {
      const larger = new Uint8Array(MathMax(end, 2 * capacity));
      if (size > 0) TypedArrayPrototypeSet(larger, this.bytes);
      this.bytes = larger;
    }
    if (end > size) TypedArrayPrototypeSet(this.bytes, value, size);
    this.size = end;
    this.run();
  }
  close() {
    const { bytes, size } = this;
    let all = bytes;
    if (size === 0) all = new Uint8Array(0);
    else if (size < TypedArrayPrototypeGetByteLength(bytes)) {
      all = copyBytes(new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), 0, size));
    }
    try {
      this.resolve(fromBytes(all, this.type));
    } catch (error) {
      this.reject(error);
    }
  }
  error(error) {
    this.reject(error);
  }
}

/** "Get the MIME type" of a header list. */
const mimeTypeOf = (list) => extractMimeType(listGet(list, "content-type"));

/** What `blob()` makes of the bytes. */
class BlobOf {
  constructor(list) {
    this.list = list;
  }
  of(bytes) {
    const mimeType = mimeTypeOf(this.list);
    return blobOf(bytes, mimeType === undefined ? "" : serializeMimeType(mimeType));
  }
}
ObjectSetPrototypeOf(BlobOf.prototype, null);

/** What `formData()` makes of the bytes. */
class FormDataOf {
  constructor(list) {
    this.list = list;
  }
  of(bytes) {
    const mimeType = mimeTypeOf(this.list);
    const essence = mimeType === undefined ? "" : mimeType.essence;
    if (essence === "multipart/form-data") {
      const boundary = MapPrototypeGet(mimeType.parameters, "boundary");
      if (boundary === undefined) throw new TypeError("The Content-Type multipart/form-data has no boundary");
      return formDataFromList(parseMultipart(bytes, boundary));
    }
    if (essence !== "application/x-www-form-urlencoded") {
      throw new TypeError("The Content-Type is neither multipart/form-data nor application/x-www-form-urlencoded");
    }
    return formDataFromList(parseUrlencoded(ops.form_urlencoded_text(bytes)));
  }
}
ObjectSetPrototypeOf(FormDataOf.prototype, null);

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
    blob() { return consumeAs(this, bodyOf, listOf, BlobOf); },
    bytes() { return consume(this, bodyOf, BYTE_ARRAY); },
    formData() { return consumeAs(this, bodyOf, listOf, FormDataOf); },
    json() { return consume(this, bodyOf, JSON_VALUE); },
    text() { return consume(this, bodyOf, TEXT); },
  };
  ObjectDefineProperties(Interface.prototype, ObjectGetOwnPropertyDescriptors(members));
}

exports.STRING = STRING;
exports.BYTES = BYTES;
exports.STREAM = STREAM;
exports.NATIVE = NATIVE;
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
exports.copyBytes = copyBytes;
exports.isUint8Array = isUint8Array;
exports.markTaken = markTaken;
exports.transferBody = transferBody;
exports.cloneBody = cloneBody;
exports.mixinBody = mixinBody;
