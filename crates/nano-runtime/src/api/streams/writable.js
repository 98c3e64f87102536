// The public faces of writable streams: WritableStream (5.2), its writer (5.3), its controller (5.4).

const { FunctionPrototypeCall, Promise, PromiseReject, RangeError, TypeError } = primordials;
const {
  configureInterface, illegalConstructor, illegalInvocation, internal, isObject, requiredArguments,
} = require("webidl");
const { methodOf } = require("streams/base");
const { convertStrategy } = require("streams/strategies");
const { releasedError, writerClosedPromise, writerReadyPromise } = require("streams/writer_state");
const {
  acquireWriter, closeQueuedOrInFlight, controllerSignal, errorIfNeeded, WritableState, writableAbort, writableClose,
  writerDesiredSize, writerRelease, writerWrite,
} = require("streams/writable_state");

let writableStateOf;

class WritableStream {
  #stream;
  constructor(underlyingSink = undefined, strategy = undefined) {
    if (underlyingSink === internal) {
      this.#stream = strategy;
      strategy.object = this;
      return;
    }
    const prefix = "Failed to construct 'WritableStream'";
    if (underlyingSink !== undefined && !isObject(underlyingSink)) {
      throw new TypeError(`${prefix}: Argument 1 is not an object`);
    }
    strategy = convertStrategy(strategy, prefix, "Argument 2");
    let abort, close, start, write;
    if (underlyingSink !== undefined) {
      abort = methodOf(underlyingSink, "abort", prefix);
      close = methodOf(underlyingSink, "close", prefix);
      start = methodOf(underlyingSink, "start", prefix);
      const type = underlyingSink.type;
      write = methodOf(underlyingSink, "write", prefix);
      if (type !== undefined) throw new RangeError(`${prefix}: 'type' of argument 1 has to be undefined`);
    }
    const size = strategy.extractSize();
    const stream = new WritableState(underlyingSink, strategy.extractHighWaterMark(1), size);
    stream.object = this;
    this.#stream = stream;
    stream.writeMethod = write;
    stream.closeMethod = close;
    stream.abortMethod = abort;
    let result;
    if (start !== undefined || write !== undefined) {
      const controller = new WritableStreamDefaultController(internal, stream);
      stream.argument = controller;
      if (start !== undefined) result = FunctionPrototypeCall(start, underlyingSink, controller);
    }
    stream.start(result);
  }
  get locked() {
    if (!(#stream in this)) throw illegalInvocation();
    return this.#stream.writer !== undefined;
  }
  abort(reason = undefined) {
    if (!isObject(this) || !(#stream in this)) return PromiseReject(illegalInvocation());
    if (this.#stream.writer !== undefined) return PromiseReject(lockedError("aborted"));
    return writableAbort(this.#stream, reason);
  }
  close() {
    if (!isObject(this) || !(#stream in this)) return PromiseReject(illegalInvocation());
    if (this.#stream.writer !== undefined) return PromiseReject(lockedError("closed"));
    if (closeQueuedOrInFlight(this.#stream)) return PromiseReject(closingError());
    return writableClose(this.#stream);
  }
  getWriter() {
    if (!(#stream in this)) throw illegalInvocation();
    return new WritableStreamDefaultWriter(internal, acquireWriter(this.#stream));
  }
  static {
    writableStateOf = (object) => (#stream in object ? object.#stream : undefined);
  }
}
configureInterface(WritableStream);

function lockedError(verb) {
  return new TypeError(`A WritableStream that is locked to a writer cannot be ${verb}`);
}
function closingError() {
  return new TypeError("The WritableStream is being closed already");
}

class WritableStreamDefaultWriter {
  #writer;
  constructor(stream, writer = undefined) {
    if (stream !== internal) {
      const prefix = "Failed to construct 'WritableStreamDefaultWriter'";
      requiredArguments(arguments.length, 1, prefix);
      const state = isObject(stream) ? writableStateOf(stream) : undefined;
      if (state === undefined) throw new TypeError(`${prefix}: Argument 1 is not of type WritableStream`);
      writer = acquireWriter(state);
    }
    this.#writer = writer;
  }
  get closed() {
    if (!isObject(this) || !(#writer in this)) return PromiseReject(illegalInvocation());
    return writerClosedPromise(this.#writer);
  }
  get desiredSize() {
    if (!(#writer in this)) throw illegalInvocation();
    if (this.#writer.stream === undefined) throw releasedError();
    return writerDesiredSize(this.#writer);
  }
  get ready() {
    if (!isObject(this) || !(#writer in this)) return PromiseReject(illegalInvocation());
    return writerReadyPromise(this.#writer);
  }
  abort(reason = undefined) {
    if (!isObject(this) || !(#writer in this)) return PromiseReject(illegalInvocation());
    const stream = this.#writer.stream;
    if (stream === undefined) return PromiseReject(releasedError());
    return writableAbort(stream, reason);
  }
  close() {
    if (!isObject(this) || !(#writer in this)) return PromiseReject(illegalInvocation());
    const stream = this.#writer.stream;
    if (stream === undefined) return PromiseReject(releasedError());
    if (closeQueuedOrInFlight(stream)) return PromiseReject(closingError());
    return writableClose(stream);
  }
  releaseLock() {
    if (!(#writer in this)) throw illegalInvocation();
    if (this.#writer.stream !== undefined) writerRelease(this.#writer);
  }
  write(chunk = undefined) {
    if (!isObject(this) || !(#writer in this)) return PromiseReject(illegalInvocation());
    const writer = this.#writer;
    if (writer.stream === undefined) return PromiseReject(releasedError());
    return new Promise((resolve, reject) => writerWrite(writer, chunk, resolve, reject));
  }
}
configureInterface(WritableStreamDefaultWriter);

class WritableStreamDefaultController {
  #stream;
  constructor(token = undefined, stream = undefined) {
    if (token !== internal) throw illegalConstructor();
    this.#stream = stream;
  }
  get signal() {
    if (!(#stream in this)) throw illegalInvocation();
    return controllerSignal(this.#stream);
  }
  error(error = undefined) {
    if (!(#stream in this)) throw illegalInvocation();
    errorIfNeeded(this.#stream, error);
  }
}
configureInterface(WritableStreamDefaultController);

/**
 * A WritableStream of a built-in (CreateWritableStream): `sink` has `write(chunk)`, `close()`, `abort(reason)`, each
 * optional, called as methods; they return a promise, or undefined when they are done.
 */
function createWritableState(sink, highWaterMark = 1, size = undefined) {
  const stream = new WritableState(sink, highWaterMark, size);
  stream.writeMethod = sink.write;
  stream.closeMethod = sink.close;
  stream.abortMethod = sink.abort;
  return stream;
}

/** The public object of a WritableState. */
function writableObject(stream) {
  return stream.object ?? new WritableStream(internal, stream);
}

exports.WritableStream = WritableStream;
exports.WritableStreamDefaultWriter = WritableStreamDefaultWriter;
exports.WritableStreamDefaultController = WritableStreamDefaultController;
exports.writableStateOf = (object) => writableStateOf(object);
exports.createWritableState = createWritableState;
exports.writableObject = writableObject;
