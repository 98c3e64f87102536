// Readable streams and their readers, without controllers (4.1, 4.3 to 4.5, 4.9): states and locking.

const { Promise, PromisePrototypeThen, PromiseReject, PromiseResolve, TypeError } = primordials;
const { internalClass, List, markHandled, noop } = require("streams/base");

const READABLE = 0;
const CLOSED = 1;
const ERRORED = 2;

/** The slots of a ReadableStream. `controller` is a `DefaultController` or a `ByteController`. */
class ReadableState {
  constructor() {
    this.state = READABLE;
    this.disturbed = false;
    this.reader = undefined;
    this.controller = undefined;
    this.storedError = undefined;
    this.object = undefined; // its ReadableStream, once there is one
    this.native = undefined; // what `setNativeSource` put here
  }
}
internalClass(ReadableState);

/** The slots of a ReadableStreamDefaultReader or (`byob`) a ReadableStreamBYOBReader. */
class ReaderState {
  constructor(stream, byob) {
    this.stream = stream;
    this.byob = byob;
    this.requests = new List();
    this.closedPromise = undefined;
    this.closedResolve = undefined;
    this.closedReject = undefined;
  }
}
internalClass(ReaderState);

function releasedError() {
  return new TypeError("The reader was released and has no stream");
}

/** AcquireReadableStreamDefaultReader, AcquireReadableStreamBYOBReader (4.9.1) */
function acquireReader(stream, byob) {
  if (stream.reader !== undefined) throw new TypeError("The ReadableStream is locked to a reader already");
  const reader = new ReaderState(stream, byob);
  stream.reader = reader;
  return reader;
}

/** The reader's [[closedPromise]], from the state that the reader is in. */
function closedPromiseOf(reader) {
  if (reader.closedPromise !== undefined) return reader.closedPromise;
  const stream = reader.stream;
  let promise;
  if (stream === undefined) {
    promise = PromiseReject(releasedError());
  } else if (stream.state === CLOSED) {
    promise = PromiseResolve(undefined);
  } else if (stream.state === ERRORED) {
    promise = PromiseReject(stream.storedError);
  } else {
    promise = new Promise((resolve, reject) => {
      reader.closedResolve = resolve;
      reader.closedReject = reject;
    });
  }
  markHandled(promise);
  reader.closedPromise = promise;
  return promise;
}

function settleClosed(reader) {
  reader.closedResolve = undefined;
  reader.closedReject = undefined;
}

/** ReadableStreamClose (4.9.2) */
function readableClose(stream) {
  stream.state = CLOSED;
  const reader = stream.reader;
  if (reader === undefined) return;
  const resolve = reader.closedResolve;
  if (resolve !== undefined) {
    settleClosed(reader);
    resolve();
  }
  if (!reader.byob) closeRequests(reader);
}

function closeRequests(reader) {
  let request = reader.requests.takeAll();
  while (request !== undefined) {
    const next = request.next;
    request.next = undefined;
    request.close(undefined);
    request = next;
  }
}

/** ReadableStreamError (4.9.2) */
function readableError(stream, error) {
  stream.state = ERRORED;
  stream.storedError = error;
  const reader = stream.reader;
  if (reader === undefined) return;
  const reject = reader.closedReject;
  if (reject !== undefined) {
    settleClosed(reader);
    reject(error);
  }
  errorRequests(reader, error);
}

/** ReadableStreamDefaultReaderErrorReadRequests, ReadableStreamBYOBReaderErrorReadIntoRequests (4.9.3) */
function errorRequests(reader, error) {
  let request = reader.requests.takeAll();
  while (request !== undefined) {
    const next = request.next;
    request.next = undefined;
    request.error(error);
    request = next;
  }
}

/** ReadableStreamCancel (4.9.2) */
function readableCancel(stream, reason) {
  stream.disturbed = true;
  if (stream.state === CLOSED) return PromiseResolve(undefined);
  if (stream.state === ERRORED) return PromiseReject(stream.storedError);
  readableClose(stream);
  const reader = stream.reader;
  if (reader !== undefined && reader.byob) closeRequests(reader);
  return PromisePrototypeThen(stream.controller.cancelSteps(reason), noop);
}

/** ReadableStreamDefaultReaderRead (4.9.3) */
function readerRead(reader, request) {
  const stream = reader.stream;
  stream.disturbed = true;
  if (stream.state === CLOSED) request.close(undefined);
  else if (stream.state === ERRORED) request.error(stream.storedError);
  else stream.controller.pullSteps(request);
}

/** ReadableStreamDefaultReaderRelease, ReadableStreamBYOBReaderRelease (4.9.3) */
function readerRelease(reader) {
  const stream = reader.stream;
  if (reader.closedReject !== undefined) {
    const reject = reader.closedReject;
    settleClosed(reader);
    reject(releasedError());
  } else {
    reader.closedPromise = undefined;
  }
  stream.controller.releaseSteps();
  stream.reader = undefined;
  reader.stream = undefined;
  if (reader.requests.head !== undefined) {
    errorRequests(reader, new TypeError("The reader was released before its read was done"));
  }
}

/** Whether a default reader waits for chunks (ReadableStreamGetNumReadRequests > 0). */
function hasReadRequests(stream) {
  const reader = stream.reader;
  return reader !== undefined && !reader.byob && reader.requests.head !== undefined;
}

exports.READABLE = READABLE;
exports.CLOSED = CLOSED;
exports.ERRORED = ERRORED;
exports.ReadableState = ReadableState;
exports.acquireReader = acquireReader;
exports.releasedError = releasedError;
exports.closedPromiseOf = closedPromiseOf;
exports.readableClose = readableClose;
exports.readableError = readableError;
exports.readableCancel = readableCancel;
exports.readerRead = readerRead;
exports.readerRelease = readerRelease;
exports.hasReadRequests = hasReadRequests;
