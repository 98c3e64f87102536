// How the response to a request that is being served goes to native code.

const { PromisePrototypeThen, PromiseWithResolvers, TypeError, TypedArrayPrototypeGetByteLength } = primordials;
const webidl = require("webidl");
const bodies = require("fetch/body");
const streams = require("streams");
const { respond, SEND_STRING } = require("fetch/response");

// The kinds of body that `ops.respond` and `ops.fetch_send` take, besides those in `response.js`.
const SEND_BYTES = 2;
const SEND_STREAM = 3;
const SEND_NATIVE = 4;

/**
 * Answers request `rid` with `response`. Throws, having sent nothing, if the response's body is unusable or it is a
 * network error. Returns the Pump of the body when that is a stream to be read here, else undefined.
 */
function sendResponse(rid, response) {
  return respond(rid, response, sendBody);
}

/** The kind under which native code takes a body. */
function kindOf(body) {
  switch (body.kind) {
    case bodies.STRING: return SEND_STRING;
    case bodies.BYTES: return SEND_BYTES;
    case bodies.STREAM: return SEND_STREAM;
    default: return SEND_NATIVE;
  }
}

function sendBody(rid, status, list, body) {
  if (bodies.isUnusable(body)) throw new TypeError("The response's body was used already, or its stream is locked");
  const whole = bodies.wholeOf(body);
  if (whole.kind === bodies.STREAM) {
    ops.respond(rid, status, list, SEND_STREAM, undefined);
    const pump = new Pump(rid, body.stream, RESPONSE);
    pump.run();
    return pump;
  }
  const source = whole.source;
  const kind = kindOf(whole);
  bodies.markTaken(body);
  body.source = undefined;
  ops.respond(rid, status, list, kind, source);
}

/** Where the stream of a response's body goes. */
const RESPONSE = {
  __proto__: null,
  write: (rid, chunk) => ops.response_write(rid, chunk),
  close: (rid) => ops.response_close(rid),
  error: (rid, error) => ops.response_error(rid, error),
};

/** Reads a stream and writes it to a sink, no faster than that takes it. It is its own read request. */
class Pump extends streams.ReadRequest {
  constructor(rid, stream, sink) {
    super();
    const { promise, resolve } = PromiseWithResolvers();
    this.rid = rid;
    this.sink = sink;
    this.reader = streams.acquireReadableStreamDefaultReader(stream);
    this.ended = promise;
    this.resolve = resolve;
    this.isGone = false;
    this.running = false;
    this.again = false;
    this.onRoom = undefined;
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
    if (!bodies.isUint8Array(value)) {
      const error = new TypeError("A body's stream gave a chunk that is not a Uint8Array");
      this.cancel(error);
      this.sink.error(this.rid, error);
      this.resolve();
      return;
    }
    if (TypedArrayPrototypeGetByteLength(value) === 0) {
      this.run();
      return;
    }
    const room = this.sink.write(this.rid, value);
    if (room === true) {
      this.run();
    } else if (room === false) {
      this.gone();
    } else if (room !== undefined) {
      this.onRoom ??= (open) => (open ? this.run() : this.gone());
      PromisePrototypeThen(room, this.onRoom, (error) => this.gone(error));
    }
  }

  close() {
    this.sink.close(this.rid);
    this.resolve();
  }

  error(error) {
    this.sink.error(this.rid, error);
    this.resolve();
  }

  /** The client went away, whatever the stream is at: a source that waits for its next chunk is told as well. */
  gone(error = new TypeError("The client closed the connection")) {
    if (this.isGone) return;
    this.isGone = true;
    this.cancel(error);
    this.resolve();
  }

  cancel(reason) {
    webidl.markAsHandled(streams.readerCancel(this.reader, reason));
  }
}

exports.sendResponse = sendResponse;
exports.Pump = Pump;
exports.kindOf = kindOf;
exports.SEND_STREAM = SEND_STREAM;
