// Writers without their public face (5.5.3): the `ready` and `closed` promises, made when they are asked for.

const { Promise, PromiseReject, PromiseResolve, TypeError } = primordials;
const { internalClass, markHandled } = require("streams/base");

// The [[state]] of a writable stream.
const WRITABLE = 0;
const ERRORING = 1;
const ERRORED = 2;
const CLOSED = 3;

// The [[readyPromise]] of a writer.
const PENDING = 0;
const READY = 1;
const FAILED = 2;

/** The slots of a WritableStreamDefaultWriter. */
class WriterState {
  constructor(stream) {
    this.stream = stream;
    this.closedPromise = undefined;
    this.closedResolve = undefined;
    this.closedReject = undefined;
    this.closedHeld = false; // pending though the stream is errored: its abort algorithm runs
    this.ready = READY;
    this.readyError = undefined;
    this.readyPromise = undefined;
    this.readyResolve = undefined;
    this.readyReject = undefined;
    this.pipe = undefined; // told of `ready` by its method of that name
  }
}
internalClass(WriterState);

function releasedError() {
  return new TypeError("The writer was released and has no stream");
}

function writerClosedPromise(writer) {
  if (writer.closedPromise !== undefined) return writer.closedPromise;
  const stream = writer.stream;
  let promise;
  if (stream === undefined) {
    promise = PromiseReject(writer.readyError);
  } else if (stream.state === CLOSED) {
    promise = PromiseResolve(undefined);
  } else if (stream.state === ERRORED && !writer.closedHeld) {
    promise = PromiseReject(stream.storedError);
  } else {
    promise = new Promise((resolve, reject) => {
      writer.closedResolve = resolve;
      writer.closedReject = reject;
    });
  }
  markHandled(promise);
  writer.closedPromise = promise;
  return promise;
}

function writerReadyPromise(writer) {
  if (writer.readyPromise !== undefined) return writer.readyPromise;
  let promise;
  if (writer.ready === READY) {
    promise = PromiseResolve(undefined);
  } else if (writer.ready === FAILED) {
    promise = PromiseReject(writer.readyError);
    markHandled(promise);
  } else {
    promise = new Promise((resolve, reject) => {
      writer.readyResolve = resolve;
      writer.readyReject = reject;
    });
    markHandled(promise);
  }
  writer.readyPromise = promise;
  return promise;
}

function resolveReady(writer) {
  writer.ready = READY;
  const resolve = writer.readyResolve;
  if (resolve !== undefined) {
    writer.readyResolve = undefined;
    writer.readyReject = undefined;
    resolve();
  }
  if (writer.pipe !== undefined) writer.pipe.ready();
}
/** WritableStreamDefaultWriterEnsureReadyPromiseRejected */
function rejectReady(writer, error) {
  const wasPending = writer.ready === PENDING;
  writer.ready = FAILED;
  writer.readyError = error;
  if (!wasPending) {
    writer.readyPromise = undefined;
  } else if (writer.readyReject !== undefined) {
    const reject = writer.readyReject;
    writer.readyResolve = undefined;
    writer.readyReject = undefined;
    reject(error);
  }
}
function makeReadyPending(writer) {
  writer.ready = PENDING;
  writer.readyPromise = undefined;
}
/** WritableStreamDefaultWriterEnsureClosedPromiseRejected */
function rejectClosed(writer, error) {
  writer.closedHeld = false;
  const reject = writer.closedReject;
  if (reject === undefined) {
    writer.closedPromise = undefined; // made anew by the getter, from the state
  } else {
    writer.closedResolve = undefined;
    writer.closedReject = undefined;
    reject(error);
  }
}
function resolveClosed(writer) {
  const resolve = writer.closedResolve;
  if (resolve === undefined) return;
  writer.closedResolve = undefined;
  writer.closedReject = undefined;
  resolve();
}

exports.CLOSED = CLOSED;
exports.ERRORED = ERRORED;
exports.ERRORING = ERRORING;
exports.FAILED = FAILED;
exports.PENDING = PENDING;
exports.WRITABLE = WRITABLE;
exports.WriterState = WriterState;
exports.makeReadyPending = makeReadyPending;
exports.rejectClosed = rejectClosed;
exports.rejectReady = rejectReady;
exports.releasedError = releasedError;
exports.resolveClosed = resolveClosed;
exports.resolveReady = resolveReady;
exports.writerClosedPromise = writerClosedPromise;
exports.writerReadyPromise = writerReadyPromise;
