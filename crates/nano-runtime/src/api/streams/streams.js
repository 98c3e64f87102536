// The Streams standard as other built-ins see it: the interfaces, and functions that take public stream objects.

const readable = require("streams/readable");
const { READABLE, acquireReader, readableCancel, readerRead, readerRelease } = require("streams/readable_state");
const { OwnPromise, ReadRequest } = require("streams/base");
const { ReadableStreamDefaultController } = require("streams/readable_default");
const { ReadableByteStreamController, ReadableStreamBYOBRequest } = require("streams/readable_byte_api");
const { ReadableStreamBYOBReader, ReadableStreamDefaultReader } = require("streams/readers");
const writable = require("streams/writable");
const { acquireWriter, closeQueuedOrInFlight, errorIfNeeded, writableAbort, writableClose, writerRelease, writerWrite } =
  require("streams/writable_state");
const { defaultPipeOptions, PipeOptions, pipeTo } = require("streams/pipe");
const { tee } = require("streams/tee");
const { TransformStream, TransformStreamDefaultController, createTransformState, transformStateOf } =
  require("streams/transform");
const { ByteLengthQueuingStrategy, CountQueuingStrategy } = require("streams/strategies");
const { isObject } = require("webidl");
const { registerTransferable } = require("structured_clone/registry");
const transfer = lazy("streams/transfer");

const { readableObject, readableStateOf } = readable;
const { writableObject, writableStateOf } = writable;

exports.globals = {
  __proto__: null,
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream: readable.ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream: writable.WritableStream,
  WritableStreamDefaultController: writable.WritableStreamDefaultController,
  WritableStreamDefaultWriter: writable.WritableStreamDefaultWriter,
};

// Readable streams. `source` has `pull(controller)` and `cancel(reason)`, see `createReadableState`; the controller
// that `pull` gets has `enqueue(chunk)`, `enqueueOwned(uint8Array)` (bytes only), `close()`, `error(error)` and
// `desiredSize()`. The first `pull` is in a microtask, at the earliest.
exports.createReadableStream = (source, highWaterMark = 1, size = undefined) =>
  readableObject(readable.createReadableState(source, highWaterMark, size));
exports.createReadableByteStream = (source, highWaterMark = 0) =>
  readableObject(readable.createReadableByteState(source, highWaterMark));

exports.isReadableStream = (value) => isObject(value) && readableStateOf(value) !== undefined;
exports.isReadableStreamLocked = (stream) => readableStateOf(stream).reader !== undefined;
exports.isReadableByteStream = (stream) => readableStateOf(stream).controller.isByte;
/** Whether the stream is open: neither closed nor errored. */
exports.isReadableStreamReadable = (stream) => readableStateOf(stream).state === READABLE;
exports.readableStreamDisturbed = (stream) => readableStateOf(stream).disturbed;
/** The promise of the cancellation; the stream must not be locked, or its reader be the caller's. */
exports.readableStreamCancel = (stream, reason) => readableCancel(readableStateOf(stream), reason);

/** Closes, once what is queued has been read; nothing when the stream is not open. A BYOB read gets its buffer back. */
exports.readableStreamClose = (stream) => {
  const { controller } = readableStateOf(stream);
  controller.close();
  if (controller.isByte && controller.pullIntos.head !== undefined) controller.respond(0);
};
/** Enqueues a chunk; the buffer of a byte stream's chunk is transferred. Nothing when the stream is not open. */
exports.readableStreamEnqueue = (stream, chunk) => readableStateOf(stream).controller.enqueue(chunk);
/** As `readableStreamEnqueue`, for a byte stream and a Uint8Array whose buffer nobody else has: no transfer. */
exports.readableStreamEnqueueOwned = (stream, chunk) => readableStateOf(stream).controller.enqueueOwned(chunk);
exports.readableStreamError = (stream, error) => readableStateOf(stream).controller.error(error);
exports.readableStreamDesiredSize = (stream) => readableStateOf(stream).controller.desiredSize();

/** A read request that goes with its reader from chunk to chunk. */
class ReadLoop extends ReadRequest {
  constructor(reader) {
    super();
    this.reader = reader;
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
      readerRead(this.reader, this);
    } while (this.again);
    this.running = false;
  }
}

// Reading without promises: the reader is internal, and a request extends `ReadRequest`, with `chunk(value)`,
// `close()` and `error(error)`. They may run inside `readerRead`.
exports.ReadRequest = ReadRequest;
exports.ReadLoop = ReadLoop;
exports.OwnPromise = OwnPromise;
/** Throws a TypeError when the stream is locked. */
exports.acquireReadableStreamDefaultReader = (stream) => acquireReader(readableStateOf(stream), false);
exports.readerRead = readerRead;
exports.readerCancel = (reader, reason) => readableCancel(reader.stream, reason);
exports.readerRelease = (reader) => {
  if (reader.stream !== undefined) readerRelease(reader);
};

/**
 * Two branches, public objects. `clone(chunk)` makes the second branch's chunk, when it is given (`cloneForBranch2` of
 * the standard); byte streams clone without it. Throws a TypeError when the stream is locked.
 */
exports.readableStreamTee = (stream, clone = undefined) => {
  const { branch1, branch2 } = tee(readableStateOf(stream), clone);
  return [readableObject(branch1), readableObject(branch2)];
};
/** The promise of the pipe; `options` as in StreamPipeOptions. The caller has seen to it that neither side is locked. */
exports.readableStreamPipeTo = (source, destination, options = undefined) =>
  pipeTo(
    readableStateOf(source),
    writableStateOf(destination),
    options === undefined
      ? defaultPipeOptions
      : new PipeOptions(!!options.preventAbort, !!options.preventCancel, !!options.preventClose, options.signal),
  );

/** What a built-in recognises a stream of its own by. Only an undisturbed, unlocked stream may be short-cut by it. */
exports.setNativeSource = (stream, source) => {
  readableStateOf(stream).native = source;
};
exports.getNativeSource = (stream) => readableStateOf(stream).native;
/** Takes an untouched stream away from JavaScript for good: it is disturbed and locked. */
exports.detachNativeStream = (stream) => {
  const state = readableStateOf(stream);
  state.disturbed = true;
  acquireReader(state, false);
  state.native = undefined;
};

// Writable streams.
exports.isWritableStream = (value) => isObject(value) && writableStateOf(value) !== undefined;
exports.createWritableStream = (sink, highWaterMark = 1, size = undefined) => {
  const state = writable.createWritableState(sink, highWaterMark, size);
  state.start(undefined);
  return writableObject(state);
};
exports.isWritableStreamLocked = (stream) => writableStateOf(stream).writer !== undefined;
exports.writableStreamAbort = (stream, reason) => writableAbort(writableStateOf(stream), reason);
exports.writableStreamClose = (stream) => writableClose(writableStateOf(stream));
exports.writableStreamCloseQueuedOrInFlight = (stream) => closeQueuedOrInFlight(writableStateOf(stream));
exports.writableStreamError = (stream, error) => errorIfNeeded(writableStateOf(stream), error);
exports.acquireWritableStreamDefaultWriter = (stream) => acquireWriter(writableStateOf(stream));
/** Writes a chunk; `resolve()` or `reject(error)` is called when its write has ended. */
exports.writerWrite = writerWrite;
exports.writerRelease = writerRelease;

// GenericTransformStream: see `createTransformState`. The two sides' public objects are made when they are asked for.
exports.createTransform = createTransformState;
exports.transformReadable = (transform) => readableObject(transform.readable);
exports.transformWritable = (transform) => writableObject(transform.writable);

registerTransferable(readable.ReadableStream, exports.isReadableStream, (stream) =>
  transfer.load().transferReadable(stream));
registerTransferable(writable.WritableStream, exports.isWritableStream, (stream) =>
  transfer.load().transferWritable(stream));
registerTransferable(TransformStream, (value) => transformStateOf(value) !== undefined, (stream) =>
  transfer.load().transferTransform(stream));
