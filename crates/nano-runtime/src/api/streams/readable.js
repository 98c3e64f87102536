// ReadableStream (4.2).

const { PromiseReject, RangeError, SymbolAsyncIterator, ObjectDefineProperty, TypeError } = primordials;
const { isAbortSignal } = require("abort");
const {
  configureInterface, converters, illegalInvocation, internal, isObject, requiredArguments,
} = require("webidl");
const { internalClass, markHandled, methodOf } = require("streams/base");
const { convertStrategy } = require("streams/strategies");
const { acquireReader, ReadableState, readableCancel } = require("streams/readable_state");
const { DefaultController, setUpDefaultFromSource } = require("streams/readable_default");
const { ByteController } = require("streams/readable_byte");
const { setUpByteFromSource } = require("streams/readable_byte_api");
const {
  acquireByobReader, ReadableStreamBYOBReader, ReadableStreamDefaultReader, setStateOf,
} = require("streams/readers");
const { writableStateOf } = require("streams/writable");
const { defaultPipeOptions, PipeOptions, pipeTo } = require("streams/pipe");
const { tee } = require("streams/tee");
const { iterableSource } = require("streams/from");
const { createIterator } = require("streams/iterator");

let readableStateOf;

class ReadableStream {
  #stream;
  constructor(underlyingSource = undefined, strategy = undefined) {
    if (underlyingSource === internal) {
      this.#stream = strategy;
      strategy.object = this;
      return;
    }
    const prefix = "Failed to construct 'ReadableStream'";
    if (underlyingSource !== undefined && !isObject(underlyingSource)) {
      throw new TypeError(`${prefix}: Argument 1 is not an object`);
    }
    strategy = convertStrategy(strategy, prefix, "Argument 2");
    const stream = new ReadableState();
    stream.object = this;
    this.#stream = stream;
    const methods = underlyingSource === undefined ? noMethods : new SourceMethods(underlyingSource, prefix);
    if (methods.bytes) {
      if (strategy.size !== undefined) throw new RangeError(`${prefix}: a byte stream's strategy has no 'size'`);
      setUpByteFromSource(stream, underlyingSource, methods, strategy.extractHighWaterMark(0));
    } else {
      const size = strategy.extractSize();
      setUpDefaultFromSource(stream, underlyingSource, methods, strategy.extractHighWaterMark(1), size);
    }
  }
  static from(asyncIterable) {
    requiredArguments(arguments.length, 1, "Failed to execute 'from' on 'ReadableStream'");
    return readableObject(createReadableState(iterableSource(asyncIterable), 0, undefined));
  }
  get locked() {
    if (!(#stream in this)) throw illegalInvocation();
    return this.#stream.reader !== undefined;
  }
  cancel(reason = undefined) {
    if (!isObject(this) || !(#stream in this)) return PromiseReject(illegalInvocation());
    if (this.#stream.reader !== undefined) {
      return PromiseReject(new TypeError("A ReadableStream that is locked to a reader cannot be cancelled"));
    }
    return readableCancel(this.#stream, reason);
  }
  getReader(options = undefined) {
    if (!(#stream in this)) throw illegalInvocation();
    const stream = this.#stream;
    if (convertMode(options)) return new ReadableStreamBYOBReader(internal, acquireByobReader(stream));
    return new ReadableStreamDefaultReader(internal, acquireReader(stream, false));
  }
  pipeThrough(transform, options = undefined) {
    if (!(#stream in this)) throw illegalInvocation();
    const prefix = "Failed to execute 'pipeThrough' on 'ReadableStream'";
    requiredArguments(arguments.length, 1, prefix);
    if (!isObject(transform)) {
      throw new TypeError(`${prefix}: Argument 1 cannot be converted to a dictionary (ReadableWritablePair)`);
    }
    const { readable } = transform;
    if (!isObject(readable) || !(#stream in readable)) {
      throw new TypeError(`${prefix}: 'readable' of argument 1 is not of type ReadableStream`);
    }
    const dest = convertWritable(transform.writable, prefix, "'writable' of argument 1");
    options = convertPipeOptions(options, prefix);
    const source = this.#stream;
    if (source.reader !== undefined) throw new TypeError(`${prefix}: the stream is locked to a reader`);
    if (dest.writer !== undefined) throw new TypeError(`${prefix}: the 'writable' is locked to a writer`);
    markHandled(pipeTo(source, dest, options));
    return readable;
  }
  pipeTo(destination, options = undefined) {
    try {
      if (!(#stream in this)) throw illegalInvocation();
      const prefix = "Failed to execute 'pipeTo' on 'ReadableStream'";
      requiredArguments(arguments.length, 1, prefix);
      const dest = convertWritable(destination, prefix, "Argument 1");
      options = convertPipeOptions(options, prefix);
      const source = this.#stream;
      if (source.reader !== undefined) throw new TypeError(`${prefix}: the stream is locked to a reader`);
      if (dest.writer !== undefined) throw new TypeError(`${prefix}: the destination is locked to a writer`);
      return pipeTo(source, dest, options);
    } catch (error) {
      return PromiseReject(error);
    }
  }
  tee() {
    if (!(#stream in this)) throw illegalInvocation();
    const { branch1, branch2 } = tee(this.#stream, undefined);
    return [readableObject(branch1), readableObject(branch2)];
  }
  values(options = undefined) {
    if (!(#stream in this)) throw illegalInvocation();
    const preventCancel = convertPreventCancel(options);
    return createIterator(acquireReader(this.#stream, false), preventCancel);
  }
  static {
    readableStateOf = (object) => (#stream in object ? object.#stream : undefined);
  }
}
setStateOf(readableStateOf);
configureInterface(ReadableStream);
ObjectDefineProperty(ReadableStream.prototype, SymbolAsyncIterator, {
  __proto__: null, value: ReadableStream.prototype.values, writable: true, enumerable: false, configurable: true,
});

/** The members of an UnderlyingSource dictionary, converted in their order. */
class SourceMethods {
  constructor(source, prefix) {
    let size = source.autoAllocateChunkSize;
    if (size !== undefined) {
      size = converters["unsigned long long"](size, prefix, "'autoAllocateChunkSize' of argument 1", enforceRange);
    }
    this.autoAllocateChunkSize = size;
    this.cancel = methodOf(source, "cancel", prefix);
    this.pull = methodOf(source, "pull", prefix);
    this.start = methodOf(source, "start", prefix);
    const { type } = source;
    this.bytes = type !== undefined;
    if (type !== undefined && converters.DOMString(type, prefix, "'type' of argument 1") !== "bytes") {
      throw new TypeError(`${prefix}: 'type' of argument 1 is neither undefined nor 'bytes'`);
    }
  }
}
internalClass(SourceMethods);
const noMethods = {
  __proto__: null, autoAllocateChunkSize: undefined, cancel: undefined, pull: undefined, start: undefined, bytes: false,
};
const enforceRange = { __proto__: null, enforceRange: true };

/** Whether ReadableStreamGetReaderOptions asks for a BYOB reader. */
function convertMode(options) {
  if (options === undefined || options === null) return false;
  const prefix = "Failed to execute 'getReader' on 'ReadableStream'";
  if (!isObject(options)) {
    throw new TypeError(`${prefix}: Argument 1 cannot be converted to a dictionary (ReadableStreamGetReaderOptions)`);
  }
  const { mode } = options;
  if (mode === undefined) return false;
  if (converters.DOMString(mode, prefix, "'mode' of argument 1") !== "byob") {
    throw new TypeError(`${prefix}: 'mode' of argument 1 is not a value of the enumeration ReadableStreamReaderMode`);
  }
  return true;
}

function convertPreventCancel(options) {
  if (options === undefined || options === null) return false;
  if (!isObject(options)) {
    throw new TypeError(
      "Failed to execute 'values' on 'ReadableStream': Argument 1 cannot be converted to a dictionary (ReadableStreamIteratorOptions)",
    );
  }
  return !!options.preventCancel;
}

function convertWritable(value, prefix, context) {
  const state = isObject(value) ? writableStateOf(value) : undefined;
  if (state === undefined) throw new TypeError(`${prefix}: ${context} is not of type WritableStream`);
  return state;
}

function convertPipeOptions(options, prefix) {
  if (options === undefined || options === null) return defaultPipeOptions;
  if (!isObject(options)) {
    throw new TypeError(`${prefix}: Argument 2 cannot be converted to a dictionary (StreamPipeOptions)`);
  }
  const preventAbort = !!options.preventAbort;
  const preventCancel = !!options.preventCancel;
  const preventClose = !!options.preventClose;
  const { signal } = options;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new TypeError(`${prefix}: 'signal' of argument 2 is not of type AbortSignal`);
  }
  return new PipeOptions(preventAbort, preventCancel, preventClose, signal);
}

/**
 * The state of a built-in's stream (CreateReadableStream). `source` has `pull(controller)` and `cancel(reason)`, each
 * optional, called as methods; they return a promise, or undefined when they are done.
 */
function createReadableState(source, highWaterMark = 1, size = undefined) {
  const stream = new ReadableState();
  const controller = new DefaultController(stream, source, highWaterMark, size);
  controller.pullMethod = source.pull;
  controller.cancelMethod = source.cancel;
  controller.start(undefined);
  return stream;
}

/** As `createReadableState`, for bytes (CreateReadableByteStream). */
function createReadableByteState(source, highWaterMark = 0, autoAllocateChunkSize = undefined) {
  const stream = new ReadableState();
  const controller = new ByteController(stream, source, highWaterMark, autoAllocateChunkSize);
  controller.pullMethod = source.pull;
  controller.cancelMethod = source.cancel;
  controller.start(undefined);
  return stream;
}

/** The public object of a ReadableState. */
function readableObject(stream) {
  return stream.object ?? new ReadableStream(internal, stream);
}

exports.ReadableStream = ReadableStream;
exports.readableStateOf = readableStateOf;
exports.createReadableState = createReadableState;
exports.createReadableByteState = createReadableByteState;
exports.readableObject = readableObject;
