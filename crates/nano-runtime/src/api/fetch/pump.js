// A body's stream on its way to native code.

const { PromisePrototypeThen, PromiseWithResolvers, TypeError, TypedArrayPrototypeGetByteLength } = primordials;
const webidl = require("webidl");
const { isUint8Array } = require("fetch/body");
const streams = require("streams");

/** Reads a stream and writes it to a sink, no faster than that takes it. It is its own read request. */
class Pump extends streams.ReadLoop {
  constructor(rid, stream, sink) {
    super(streams.acquireReadableStreamDefaultReader(stream));
    const { promise, resolve } = PromiseWithResolvers();
    this.rid = rid;
    this.sink = sink;
    this.ended = promise;
    this.resolve = resolve;
    this.isGone = false;
    this.onRoom = undefined;
  }

  chunk(value) {
    if (!isUint8Array(value)) {
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

/** Where the stream of a response's body goes. */
const RESPONSE = {
  __proto__: null,
  write: (rid, chunk) => ops.response_write(rid, chunk),
  close: (rid) => ops.response_close(rid),
  error: (rid, error) => ops.response_error(rid, error),
};

/** Where the stream of a request's body goes. */
const UPLOAD = {
  __proto__: null,
  write: (id, chunk) => ops.upload_write(id, chunk),
  close: (id) => ops.upload_close(id),
  error: (id) => ops.upload_error(id),
};

function start(id, stream, sink) {
  const pump = new Pump(id, stream, sink);
  pump.run();
  return pump;
}

exports.startResponse = (rid, stream) => start(rid, stream, RESPONSE);
exports.createUpload = (id, stream) => new Pump(id, stream, UPLOAD);
