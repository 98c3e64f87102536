// ReadableStreamDefaultReader (4.4) and ReadableStreamBYOBReader (4.5).

const {
  Promise, PromiseReject, PromiseResolve, RangeError, TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag, TypeError,
} = primordials;
const {
  configureInterface, converters, illegalInvocation, internal, isObject, requiredArguments,
} = require("webidl");
const { ReadRequest } = require("streams/base");
const { bufferByteLength, isDetached, viewBuffer, viewByteLength } = require("streams/buffers");
const {
  acquireReader, closedPromiseOf, ERRORED, READABLE, readableCancel, readerRead, readerRelease, releasedError,
} = require("streams/readable_state");

/** The request of a `read()` that has to wait. */
class PromiseReadRequest extends ReadRequest {
  constructor(resolve, reject) {
    super();
    this.resolve = resolve;
    this.reject = reject;
  }
  chunk(value) {
    this.resolve({ value, done: false });
  }
  close(view) {
    this.resolve({ value: view, done: true });
  }
  error(error) {
    this.reject(error);
  }
}

let stateOf; // ReadableStream -> ReadableState | undefined, from readable.js
/** Hands in how the internal state of a ReadableStream is found. */
function setStateOf(fn) {
  stateOf = fn;
}

function convertStream(stream, argumentCount, name) {
  const prefix = `Failed to construct '${name}'`;
  requiredArguments(argumentCount, 1, prefix);
  const state = isObject(stream) ? stateOf(stream) : undefined;
  if (state === undefined) throw new TypeError(`${prefix}: Argument 1 is not of type ReadableStream`);
  return state;
}

class ReadableStreamDefaultReader {
  #reader;
  constructor(stream, reader = undefined) {
    this.#reader = stream === internal
      ? reader
      : acquireReader(convertStream(stream, arguments.length, "ReadableStreamDefaultReader"), false);
  }
  get closed() {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    return closedPromiseOf(this.#reader);
  }
  cancel(reason = undefined) {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    const stream = this.#reader.stream;
    if (stream === undefined) return PromiseReject(releasedError());
    return readableCancel(stream, reason);
  }
  read() {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    const reader = this.#reader;
    const stream = reader.stream;
    if (stream === undefined) return PromiseReject(releasedError());
    // What is there already needs no request.
    if (stream.state === READABLE) {
      const controller = stream.controller;
      if (controller.hasQueued()) {
        stream.disturbed = true;
        return PromiseResolve({ value: controller.take(), done: false });
      }
    }
    return new Promise((resolve, reject) => readerRead(reader, new PromiseReadRequest(resolve, reject)));
  }
  releaseLock() {
    if (!(#reader in this)) throw illegalInvocation();
    if (this.#reader.stream !== undefined) readerRelease(this.#reader);
  }
}
configureInterface(ReadableStreamDefaultReader);

const enforceRange = { __proto__: null, enforceRange: true };

/** ReadableStreamBYOBReaderRead (4.9.3) */
function byobReaderRead(reader, view, min, request) {
  const stream = reader.stream;
  stream.disturbed = true;
  if (stream.state === ERRORED) request.error(stream.storedError);
  else stream.controller.pullInto(view, min, request);
}

function convertMin(options, prefix) {
  if (options === undefined || options === null) return 1;
  if (!isObject(options)) {
    throw new TypeError(`${prefix}: Argument 2 cannot be converted to a dictionary (ReadableStreamBYOBReaderReadOptions)`);
  }
  const min = options.min;
  if (min === undefined) return 1;
  return converters["unsigned long long"](min, prefix, "'min' of argument 2", enforceRange);
}

/** The checks of 4.5.3's `read`, which reject its promise. */
function checkRead(view, min) {
  const byteLength = viewByteLength(view);
  const buffer = viewBuffer(view);
  if (isDetached(buffer)) throw new TypeError("The view's buffer is detached");
  if (byteLength === 0) throw new TypeError("The view is empty");
  if (bufferByteLength(buffer) === 0) throw new TypeError("The view's buffer is empty");
  if (min === 0) throw new TypeError("'min' has to be more than 0");
  const length = TypedArrayPrototypeGetSymbolToStringTag(view) === undefined
    ? byteLength
    : TypedArrayPrototypeGetLength(view);
  if (min > length) throw new RangeError("'min' is more than the view holds");
}

class ReadableStreamBYOBReader {
  #reader;
  constructor(stream, reader = undefined) {
    this.#reader = stream === internal
      ? reader
      : acquireByobReader(convertStream(stream, arguments.length, "ReadableStreamBYOBReader"));
  }
  get closed() {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    return closedPromiseOf(this.#reader);
  }
  cancel(reason = undefined) {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    const stream = this.#reader.stream;
    if (stream === undefined) return PromiseReject(releasedError());
    return readableCancel(stream, reason);
  }
  read(view, options = undefined) {
    try {
      if (!(#reader in this)) throw illegalInvocation();
      const prefix = "Failed to execute 'read' on 'ReadableStreamBYOBReader'";
      requiredArguments(arguments.length, 1, prefix);
      view = converters.ArrayBufferView(view, prefix, "Argument 1");
      const min = convertMin(options, prefix);
      checkRead(view, min);
      const reader = this.#reader;
      if (reader.stream === undefined) throw releasedError();
      return new Promise((resolve, reject) => byobReaderRead(reader, view, min, new PromiseReadRequest(resolve, reject)));
    } catch (error) {
      return PromiseReject(error);
    }
  }
  releaseLock() {
    if (!(#reader in this)) throw illegalInvocation();
    if (this.#reader.stream !== undefined) readerRelease(this.#reader);
  }
}
configureInterface(ReadableStreamBYOBReader);

/** AcquireReadableStreamBYOBReader (4.9.1) */
function acquireByobReader(stream) {
  if (stream.reader !== undefined) throw new TypeError("The ReadableStream is locked to a reader already");
  if (!isByteStream(stream)) throw new TypeError("A BYOB reader needs a stream of type 'bytes'");
  return acquireReader(stream, true);
}

/** Whether the stream's controller is a byte controller. */
function isByteStream(stream) {
  return stream.controller.isByte;
}

exports.setStateOf = setStateOf;
exports.ReadableStreamDefaultReader = ReadableStreamDefaultReader;
exports.ReadableStreamBYOBReader = ReadableStreamBYOBReader;
exports.acquireByobReader = acquireByobReader;
exports.byobReaderRead = byobReaderRead;
exports.isByteStream = isByteStream;
