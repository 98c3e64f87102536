// Transferable streams (4.2.5, 5.2.5, 6.2.4, 8.2): a stream and its transferred self are the two sides of a channel, and
// each chunk is a message.
//
// Both sides are in one isolate, so a chunk is cloned when it is sent, and what fails, fails there: "messageerror" does
// not occur.

const { PromisePrototypeThen, PromiseReject, PromiseWithResolvers } = primordials;
const { isObject } = require("webidl");
const { createChannel, listen, send } = require("message_channel");
const { cloneWithTransfer, dataCloneError } = require("structured_clone");
const { internalClass, markHandled, resolved } = require("streams/base");
const { errorIfNeeded } = require("streams/writable_state");
const { createReadableState, readableObject, readableStateOf } = require("streams/readable");
const { createWritableState, writableObject, writableStateOf } = require("streams/writable");
const { transformOfSides, transformStateOf } = require("streams/transform");
const { defaultPipeOptions, pipeTo } = require("streams/pipe");

// The types of messages.
const CHUNK = 0;
const PULL = 1;
const CLOSE = 2;
const ERROR = 3;

class Packet {
  constructor(type, value) {
    this.type = type;
    this.value = value;
  }
}
internalClass(Packet);

/** PackAndPostMessage */
function post(end, type, value) {
  // All other primitives are their own clones.
  const mutable = isObject(value) || typeof value === "symbol";
  send(end, new Packet(type, mutable ? cloneWithTransfer(value, []) : value));
}
/** PackAndPostMessageHandlingError, and the promise of an algorithm that it is the result of. */
function postHandlingError(end, type, value) {
  try {
    post(end, type, value);
    return resolved;
  } catch (error) {
    try {
      post(end, ERROR, error);
    } catch {
      // CrossRealmTransformSendError discards it.
    }
    return PromiseReject(error);
  }
}

/** SetUpCrossRealmTransformReadable */
class ChannelSource {
  constructor(end) {
    this.end = end;
  }
  pull() {
    post(this.end, PULL, undefined);
  }
  cancel(reason) {
    const result = postHandlingError(this.end, ERROR, reason);
    this.end.close();
    return result;
  }
}
internalClass(ChannelSource);

function createChannelReadable(end) {
  const stream = createReadableState(new ChannelSource(end), 0);
  const { controller } = stream;
  listen(end, ({ type, value }) => {
    if (type === CHUNK) {
      controller.enqueue(value);
    } else if (type === CLOSE) {
      controller.close();
      end.close();
    } else if (type === ERROR) {
      controller.error(value);
      end.close();
    }
  });
  return stream;
}

/** SetUpCrossRealmTransformWritable */
class ChannelSink {
  constructor(end) {
    this.end = end;
    this.backpressure = PromiseWithResolvers(); // undefined: there is none
  }
  /** The other side pulled, or has failed. */
  release() {
    const { backpressure } = this;
    this.backpressure = undefined;
    if (backpressure !== undefined) backpressure.resolve();
  }
  write(chunk) {
    return PromisePrototypeThen(this.backpressure === undefined ? resolved : this.backpressure.promise, () => {
      this.backpressure = PromiseWithResolvers();
      const result = postHandlingError(this.end, CHUNK, chunk);
      if (result !== resolved) this.end.close();
      return result;
    });
  }
  close() {
    post(this.end, CLOSE, undefined);
    this.end.close();
  }
  abort(reason) {
    const result = postHandlingError(this.end, ERROR, reason);
    this.end.close();
    return result;
  }
}
internalClass(ChannelSink);

function createChannelWritable(end) {
  const sink = new ChannelSink(end);
  const stream = createWritableState(sink);
  stream.start(undefined);
  listen(end, ({ type, value }) => {
    if (type === ERROR) errorIfNeeded(stream, value);
    if (type === PULL || type === ERROR) sink.release();
  });
  return stream;
}

// The transfer steps, together with the transfer-receiving steps.

function transferReadable(stream) {
  if (stream.reader !== undefined) throw dataCloneError("A ReadableStream that is locked cannot be transferred");
  const { end1, end2 } = createChannel();
  markHandled(pipeTo(stream, createChannelWritable(end1), defaultPipeOptions));
  return createChannelReadable(end2);
}
function transferWritable(stream) {
  if (stream.writer !== undefined) throw dataCloneError("A WritableStream that is locked cannot be transferred");
  const { end1, end2 } = createChannel();
  markHandled(pipeTo(createChannelReadable(end1), stream, defaultPipeOptions));
  return createChannelWritable(end2);
}
function transferTransform({ readable, writable }) {
  if (readable.reader !== undefined || writable.writer !== undefined) {
    throw dataCloneError("A TransformStream with a side that is locked cannot be transferred");
  }
  return transformOfSides(transferReadable(readable), transferWritable(writable));
}

exports.transferReadable = (object) => readableObject(transferReadable(readableStateOf(object)));
exports.transferWritable = (object) => writableObject(transferWritable(writableStateOf(object)));
exports.transferTransform = (object) => transferTransform(transformStateOf(object));
