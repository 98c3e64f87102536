// Writable streams without their public faces (5.5): states, writers, the controller's queue.

const {
  FunctionPrototypeCall, PromisePrototypeThen, PromiseReject, PromiseResolve, PromiseWithResolvers, TypeError,
} = primordials;
const { createSignal, signalAbort } = require("abort");
const {
  callAlgorithm, callFinalAlgorithm, callFinalAlgorithm0, internalClass, List, promiseResolvedWith, resolved,
} = require("streams/base");
const { checkSize } = require("streams/strategies");
const {
  CLOSED, ERRORED, ERRORING, FAILED, makeReadyPending, PENDING, rejectClosed, rejectReady, releasedError, resolveClosed,
  resolveReady, WRITABLE, WriterState,
} = require("streams/writer_state");


/** A chunk in the queue, with its size and how its write's promise is settled. */
class WriteEntry {
  constructor(chunk, size, resolve, reject) {
    this.chunk = chunk;
    this.size = size;
    this.resolve = resolve;
    this.reject = reject;
    this.next = undefined;
  }
}
internalClass(WriteEntry);

class AbortRequest {
  constructor(deferred, reason, wasAlreadyErroring) {
    this.promise = deferred.promise;
    this.resolve = deferred.resolve;
    this.reject = deferred.reject;
    this.reason = reason;
    this.wasAlreadyErroring = wasAlreadyErroring;
  }
}
internalClass(AbortRequest);

/**
 * The slots of a WritableStream and of its controller, which is never without it. [[writeRequests]] and the
 * controller's [[queue]] are one list: a write that is in flight is in `inFlightWrite`, and the close sentinel, always
 * the last of the queue, is `closeRequest`.
 *
 * The algorithms are methods called on `sink`, with `argument` after their own arguments.
 */
class WritableState {
  constructor(sink, highWaterMark, size) {
    this.state = WRITABLE;
    this.backpressure = !(highWaterMark > 0);
    this.started = false;
    this.writer = undefined;
    this.storedError = undefined;
    this.pendingAbort = undefined; // AbortRequest
    this.closeRequest = undefined; // { promise, resolve, reject }
    this.inFlightClose = undefined;
    this.inFlightWrite = undefined; // WriteEntry
    this.writes = new List();
    this.queueSize = 0;
    this.highWaterMark = highWaterMark;
    this.size = size; // undefined: every chunk counts 1
    this.sink = sink;
    this.argument = this;
    this.writeMethod = undefined;
    this.closeMethod = undefined;
    this.abortMethod = undefined;
    this.signal = undefined; // the controller's AbortSignal, once something has asked for it
    this.signalled = false;
    this.signalReason = undefined;
    this.object = undefined; // its WritableStream, once there is one
    this.onWritten = undefined;
    this.onWriteFailed = undefined;
  }

  /** SetUpWritableStreamDefaultController, from the start algorithm's result on. */
  start(startResult) {
    PromisePrototypeThen(promiseResolvedWith(startResult), () => {
      this.started = true;
      advanceQueue(this);
    }, (error) => {
      this.started = true;
      dealWithRejection(this, error);
    });
  }
}
internalClass(WritableState);

/** The controller's [[abortController]]'s signal. */
function controllerSignal(stream) {
  if (stream.signal === undefined) {
    stream.signal = createSignal();
    if (stream.signalled) signalAbort(stream.signal, stream.signalReason);
  }
  return stream.signal;
}

/** AcquireWritableStreamDefaultWriter, SetUpWritableStreamDefaultWriter */
function acquireWriter(stream) {
  if (stream.writer !== undefined) throw new TypeError("The WritableStream is locked to a writer already");
  const writer = new WriterState(stream);
  stream.writer = writer;
  if (stream.state === WRITABLE) {
    if (!closeQueuedOrInFlight(stream) && stream.backpressure) writer.ready = PENDING;
  } else if (stream.state !== CLOSED) {
    writer.ready = FAILED;
    writer.readyError = stream.storedError;
  }
  return writer;
}

function closeQueuedOrInFlight(stream) {
  return stream.closeRequest !== undefined || stream.inFlightClose !== undefined;
}
function hasOperationInFlight(stream) {
  return stream.inFlightWrite !== undefined || stream.inFlightClose !== undefined;
}

/** WritableStreamAbort (5.5.1) */
function writableAbort(stream, reason) {
  if (stream.state === CLOSED || stream.state === ERRORED) return PromiseResolve(undefined);
  if (!stream.signalled) {
    stream.signalled = true;
    stream.signalReason = reason;
    if (stream.signal !== undefined) signalAbort(stream.signal, reason); // runs listeners
  }
  const state = stream.state;
  if (state === CLOSED || state === ERRORED) return PromiseResolve(undefined);
  if (stream.pendingAbort !== undefined) return stream.pendingAbort.promise;
  const wasAlreadyErroring = state === ERRORING;
  const request = new AbortRequest(PromiseWithResolvers(), wasAlreadyErroring ? undefined : reason, wasAlreadyErroring);
  stream.pendingAbort = request;
  if (!wasAlreadyErroring) startErroring(stream, reason);
  return request.promise;
}

/** WritableStreamClose (5.5.1) */
function writableClose(stream) {
  if (stream.state === CLOSED || stream.state === ERRORED) {
    return PromiseReject(new TypeError("The stream is not open any more, so it cannot be closed"));
  }
  const request = PromiseWithResolvers();
  stream.closeRequest = request;
  const writer = stream.writer;
  if (writer !== undefined && stream.backpressure && stream.state === WRITABLE) resolveReady(writer);
  advanceQueue(stream);
  return request.promise;
}

function dealWithRejection(stream, error) {
  if (stream.state === WRITABLE) startErroring(stream, error);
  else finishErroring(stream);
}
function startErroring(stream, reason) {
  stream.state = ERRORING;
  stream.storedError = reason;
  if (stream.writer !== undefined) rejectReady(stream.writer, reason);
  if (!hasOperationInFlight(stream) && stream.started) finishErroring(stream);
}
function finishErroring(stream) {
  stream.state = ERRORED;
  stream.queueSize = 0;
  const storedError = stream.storedError;
  let entry = stream.writes.takeAll();
  for (; entry !== undefined; entry = entry.next) entry.reject(storedError);
  const abort = stream.pendingAbort;
  if (abort === undefined) {
    rejectCloseAndClosed(stream);
    return;
  }
  stream.pendingAbort = undefined;
  if (abort.wasAlreadyErroring) {
    abort.reject(storedError);
    rejectCloseAndClosed(stream);
    return;
  }
  const { abortMethod, sink } = stream;
  const promise = callFinalAlgorithm(abortMethod, sink, abort.reason);
  clearAlgorithms(stream);
  if (stream.writer !== undefined) stream.writer.closedHeld = true;
  PromisePrototypeThen(promise, () => {
    abort.resolve();
    rejectCloseAndClosed(stream);
  }, (error) => {
    abort.reject(error);
    rejectCloseAndClosed(stream);
  });
}
function rejectCloseAndClosed(stream) {
  const request = stream.closeRequest;
  if (request !== undefined) {
    request.reject(stream.storedError);
    stream.closeRequest = undefined;
  }
  if (stream.writer !== undefined) rejectClosed(stream.writer, stream.storedError);
}

function finishInFlightClose(stream) {
  stream.inFlightClose.resolve();
  stream.inFlightClose = undefined;
  if (stream.state === ERRORING) {
    // The close won over the error.
    stream.storedError = undefined;
    if (stream.pendingAbort !== undefined) {
      stream.pendingAbort.resolve();
      stream.pendingAbort = undefined;
    }
  }
  stream.state = CLOSED;
  if (stream.writer !== undefined) resolveClosed(stream.writer);
}
function finishInFlightCloseWithError(stream, error) {
  stream.inFlightClose.reject(error);
  stream.inFlightClose = undefined;
  if (stream.pendingAbort !== undefined) {
    stream.pendingAbort.reject(error);
    stream.pendingAbort = undefined;
  }
  dealWithRejection(stream, error);
}

function updateBackpressure(stream, backpressure) {
  const writer = stream.writer;
  if (backpressure === stream.backpressure) return;
  stream.backpressure = backpressure;
  if (writer === undefined) return;
  if (backpressure) makeReadyPending(writer);
  else resolveReady(writer);
}

/** WritableStreamDefaultWriterWrite (5.5.3), with functions that settle the write's promise. */
function writerWrite(writer, chunk, resolve, reject) {
  const stream = writer.stream;
  const size = chunkSize(stream, chunk);
  // The size algorithm was an app's code.
  if (stream !== writer.stream) return reject(releasedError());
  const state = stream.state;
  if (state === ERRORED) return reject(stream.storedError);
  if (closeQueuedOrInFlight(stream) || state === CLOSED) {
    return reject(new TypeError("The stream is closing or closed, so nothing can be written"));
  }
  if (state === ERRORING) return reject(stream.storedError);
  stream.writes.append(new WriteEntry(chunk, size, resolve, reject));
  if (stream.size !== undefined) {
    try {
      checkSize(size);
    } catch (error) {
      errorIfNeeded(stream, error); // which settles the entry, when what is in flight has ended
      return;
    }
  }
  stream.queueSize += size;
  updateBackpressure(stream, desiredSize(stream) <= 0);
  advanceQueue(stream);
}
function chunkSize(stream, chunk) {
  if (stream.size === undefined) return 1;
  try {
    return +FunctionPrototypeCall(stream.size, undefined, chunk);
  } catch (error) {
    errorIfNeeded(stream, error);
    return 1;
  }
}

function desiredSize(stream) {
  return stream.highWaterMark - stream.queueSize;
}
/** WritableStreamDefaultWriterGetDesiredSize (5.5.3) */
function writerDesiredSize(writer) {
  const stream = writer.stream;
  if (stream.state === ERRORED || stream.state === ERRORING) return null;
  return stream.state === CLOSED ? 0 : desiredSize(stream);
}

/** WritableStreamDefaultWriterCloseWithErrorPropagation (5.5.3) */
function writerCloseWithErrorPropagation(writer) {
  const stream = writer.stream;
  if (closeQueuedOrInFlight(stream) || stream.state === CLOSED) return resolved;
  if (stream.state === ERRORED) return PromiseReject(stream.storedError);
  return writableClose(stream);
}

/** WritableStreamDefaultWriterRelease (5.5.3) */
function writerRelease(writer) {
  const error = releasedError();
  rejectReady(writer, error);
  rejectClosed(writer, error);
  writer.stream.writer = undefined;
  writer.stream = undefined;
}

function clearAlgorithms(stream) {
  stream.sink = undefined;
  stream.argument = undefined;
  stream.writeMethod = undefined;
  stream.closeMethod = undefined;
  stream.abortMethod = undefined;
  stream.size = undefined;
}

/** WritableStreamDefaultControllerError */
function writableError(stream, error) {
  clearAlgorithms(stream);
  startErroring(stream, error);
}
function errorIfNeeded(stream, error) {
  if (stream.state === WRITABLE) writableError(stream, error);
}

/** WritableStreamDefaultControllerAdvanceQueueIfNeeded */
function advanceQueue(stream) {
  if (!stream.started || stream.inFlightWrite !== undefined) return;
  if (stream.state === ERRORING) finishErroring(stream);
  else if (stream.state !== WRITABLE) return;
  else if (stream.writes.head !== undefined) processWrite(stream, stream.writes.shift());
  else if (stream.closeRequest !== undefined) processClose(stream);
}
function processClose(stream) {
  stream.inFlightClose = stream.closeRequest;
  stream.closeRequest = undefined;
  const { closeMethod, sink } = stream;
  const promise = callFinalAlgorithm0(closeMethod, sink);
  clearAlgorithms(stream);
  PromisePrototypeThen(
    promise,
    () => finishInFlightClose(stream),
    (error) => finishInFlightCloseWithError(stream, error),
  );
}
function processWrite(stream, entry) {
  stream.inFlightWrite = entry;
  const promise = stream.writeMethod === undefined
    ? resolved
    : callAlgorithm(stream.writeMethod, stream.sink, entry.chunk, stream.argument);
  if (stream.onWritten === undefined) {
    stream.onWritten = () => finishWrite(stream);
    stream.onWriteFailed = (error) => failWrite(stream, error);
  }
  PromisePrototypeThen(promise, stream.onWritten, stream.onWriteFailed);
}
function finishWrite(stream) {
  const entry = stream.inFlightWrite;
  stream.inFlightWrite = undefined;
  entry.resolve();
  const size = stream.queueSize - entry.size;
  stream.queueSize = size < 0 ? 0 : size; // rounding
  if (stream.state === WRITABLE && !closeQueuedOrInFlight(stream)) {
    updateBackpressure(stream, desiredSize(stream) <= 0);
  }
  advanceQueue(stream);
}
function failWrite(stream, error) {
  if (stream.state === WRITABLE) clearAlgorithms(stream);
  const entry = stream.inFlightWrite;
  stream.inFlightWrite = undefined;
  entry.reject(error);
  dealWithRejection(stream, error);
}

exports.WritableState = WritableState;
exports.controllerSignal = controllerSignal;
exports.acquireWriter = acquireWriter;
exports.closeQueuedOrInFlight = closeQueuedOrInFlight;
exports.writableAbort = writableAbort;
exports.writableClose = writableClose;
exports.writableError = writableError;
exports.errorIfNeeded = errorIfNeeded;
exports.writerWrite = writerWrite;
exports.writerDesiredSize = writerDesiredSize;
exports.writerCloseWithErrorPropagation = writerCloseWithErrorPropagation;
exports.writerRelease = writerRelease;
