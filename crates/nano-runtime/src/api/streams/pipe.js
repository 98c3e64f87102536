// ReadableStreamPipeTo (4.9.1), without a promise per chunk: the pipe is itself the read request and what the writer
// tells of `ready`.

const { Promise, PromisePrototypeThen, TypeError } = primordials;
const { addAlgorithm, isAborted, reasonOf, removeAlgorithm } = require("abort");
const { internalClass, queueMicrotask, ReadRequest, resolved } = require("streams/base");
const readable = require("streams/readable_state");
const writable = require("streams/writer_state");

const { acquireReader, closedPromiseOf, readableCancel, readerRead, readerRelease } = readable;
const {
  acquireWriter, closeQueuedOrInFlight, writableAbort, writerCloseWithErrorPropagation, writerRelease, writerWrite,
} = require("streams/writable_state");

/** One pipe, while it lasts. */
class Pipe extends ReadRequest {
  constructor(source, dest, options, resolve, reject) {
    super();
    this.source = source;
    this.dest = dest;
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.reader = acquireReader(source, false);
    this.writer = acquireWriter(dest);
    this.shuttingDown = false;
    this.reading = false;
    this.chunkValue = undefined;
    this.pendingWrites = 0; // chunks read whose writes have not ended
    this.afterWrites = undefined;
    this.abortAlgorithm = undefined;
    this.step = () => this.#step();
    this.writeChunk = () => this.#writeChunk();
    this.onWriteEnd = () => this.#writeEnded();
  }

  start() {
    const { source, dest, options, reader, writer } = this;
    source.disturbed = true;
    const { signal } = options;
    if (signal !== undefined) {
      this.abortAlgorithm = () => this.#abort();
      if (isAborted(signal)) {
        this.#abort();
        return;
      }
      addAlgorithm(signal, this.abortAlgorithm);
    }
    // The conditions that end a pipe, in the standard's order of precedence.
    if (source.state === readable.ERRORED) this.#sourceErrored();
    else if (source.state === readable.READABLE) {
      PromisePrototypeThen(closedPromiseOf(reader), () => this.#sourceClosed(), () => this.#sourceErrored());
    }
    if (dest.state === writable.ERRORED) this.#destErrored();
    else if (dest.state !== writable.CLOSED) {
      PromisePrototypeThen(writable.writerClosedPromise(writer), undefined, () => this.#destErrored());
    }
    if (source.state === readable.CLOSED) this.#sourceClosed();
    if (closeQueuedOrInFlight(dest) || dest.state === writable.CLOSED) this.#destClosed();
    writer.pipe = this;
    this.#step();
  }

  // Reads one chunk when the destination wants one; `ready` and the write of the last chunk come back here.
  #step() {
    if (this.shuttingDown || this.reading) return;
    const dest = this.dest;
    if (dest.state !== writable.WRITABLE || dest.backpressure) return;
    this.reading = true;
    readerRead(this.reader, this);
  }
  /** The writer's [[readyPromise]] was fulfilled. */
  ready() {
    if (!this.shuttingDown) queueMicrotask(this.step);
  }

  // The read request. The write is put off to a microtask, because `enqueue` must not run the sink's code.
  chunk(value) {
    this.chunkValue = value;
    this.pendingWrites++;
    queueMicrotask(this.writeChunk);
  }
  close() {
    this.reading = false;
  }
  error() {
    this.reading = false;
  }
  #writeChunk() {
    const value = this.chunkValue;
    this.chunkValue = undefined;
    this.reading = false;
    writerWrite(this.writer, value, this.onWriteEnd, this.onWriteEnd);
    this.#step();
  }
  #writeEnded() {
    if (--this.pendingWrites === 0 && this.afterWrites !== undefined) queueMicrotask(this.afterWrites);
  }

  #sourceErrored() {
    const { dest, source } = this;
    const error = source.storedError;
    this.#shutdown(this.options.preventAbort ? undefined : () => writableAbort(dest, error), true, error);
  }
  #destErrored() {
    const { dest, source } = this;
    const error = dest.storedError;
    this.#shutdown(this.options.preventCancel ? undefined : () => readableCancel(source, error), true, error);
  }
  #sourceClosed() {
    const { writer } = this;
    const action = this.options.preventClose ? undefined : () => writerCloseWithErrorPropagation(writer);
    this.#shutdown(action, false, undefined);
  }
  #destClosed() {
    const { source } = this;
    const error = new TypeError("The destination of the pipe is closing or closed");
    this.#shutdown(this.options.preventCancel ? undefined : () => readableCancel(source, error), true, error);
  }
  #abort() {
    const { dest, options, source } = this;
    const error = reasonOf(options.signal);
    this.#shutdown(() => {
      const aborted = !options.preventAbort && dest.state === writable.WRITABLE ? writableAbort(dest, error) : resolved;
      const cancelled = !options.preventCancel && source.state === readable.READABLE
        ? readableCancel(source, error)
        : resolved;
      return bothOf(aborted, cancelled);
    }, true, error);
  }

  /** "Shutdown with an action", "shutdown" */
  #shutdown(action, isError, error) {
    if (this.shuttingDown) return;
    this.shuttingDown = true;
    const proceed = () => {
      if (action === undefined) {
        this.#finalize(isError, error);
        return;
      }
      PromisePrototypeThen(
        action(),
        () => this.#finalize(isError, error),
        (actionError) => this.#finalize(true, actionError),
      );
    };
    // What was read has to be written first, if it can be.
    if (this.dest.state !== writable.WRITABLE || closeQueuedOrInFlight(this.dest)) proceed();
    else if (this.pendingWrites === 0) queueMicrotask(proceed);
    else this.afterWrites = proceed;
  }
  #finalize(isError, error) {
    this.writer.pipe = undefined;
    writerRelease(this.writer);
    readerRelease(this.reader);
    if (this.abortAlgorithm !== undefined) removeAlgorithm(this.options.signal, this.abortAlgorithm);
    if (isError) this.reject(error);
    else this.resolve();
  }
}


/** "Wait for all" of two promises, without a look at an app's `then`. */
function bothOf(a, b) {
  return new Promise((resolve, reject) => {
    let missing = 2;
    const one = () => {
      if (--missing === 0) resolve();
    };
    PromisePrototypeThen(a, one, reject);
    PromisePrototypeThen(b, one, reject);
  });
}

/** The members of StreamPipeOptions, converted. `signal` may be undefined. */
class PipeOptions {
  constructor(preventAbort, preventCancel, preventClose, signal) {
    this.preventAbort = preventAbort;
    this.preventCancel = preventCancel;
    this.preventClose = preventClose;
    this.signal = signal;
  }
}
internalClass(PipeOptions);
const defaultPipeOptions = new PipeOptions(false, false, false, undefined);

/** Pipes a ReadableState to a WritableState, neither of them locked; the promise of the whole. */
function pipeTo(source, dest, options) {
  return new Promise((resolve, reject) => new Pipe(source, dest, options, resolve, reject).start());
}

exports.PipeOptions = PipeOptions;
exports.defaultPipeOptions = defaultPipeOptions;
exports.pipeTo = pipeTo;
