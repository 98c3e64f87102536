// Bodies as streams: the stream of a body that was none, and what reads the stream of one that is.

const {
  MathMax, ObjectSetPrototypeOf, PromisePrototypeThen, PromiseWithResolvers, TypeError, TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSet, Uint8Array,
} = primordials;
const { BYTES, NATIVE, copyBytes, fromBytes, isUint8Array, ownBytes, withReason, withoutStream } = require("fetch/body");
const { isAborted, reasonOf } = require("abort");
const streams = require("streams");
const files = lazy("file");
const structuredClones = lazy("structured_clone");

/** The stream of a body that has none yet. */
function makeStream(body) {
  if (body.used) {
    // Consuming has left the stream closed, and locked to a reader that nobody releases.
    const stream = streams.createReadableByteStream({ __proto__: null, pull: undefined, cancel: undefined });
    streams.readableStreamCancel(stream, undefined);
    streams.detachNativeStream(stream);
    return stream;
  }
  if (body.kind === BYTES && body.shared) {
    const stream = files.load().streamOfShared(body.source);
    streams.setNativeSource(stream, withoutStream(body));
    return stream;
  }
  if (body.kind === NATIVE) {
    const source = new NativeSource(body.source, body.signal);
    source.stream = streams.createReadableByteStream(source);
    streams.setNativeSource(source.stream, body.source);
    if (body.signal !== undefined && isAborted(body.signal)) {
      streams.readableStreamError(source.stream, reasonOf(body.signal));
    }
    return source.stream;
  }
  // The source knows its stream: the body's may be another one by then, when it was cloned.
  const source = new BytesSource(body);
  source.stream = streams.createReadableByteStream(source);
  streams.setNativeSource(source.stream, source.body);
  return source.stream;
}

/** The underlying source of a body that is a string or bytes. */
class BytesSource {
  constructor(body) {
    this.stream = undefined;
    this.body = withoutStream(body);
  }
  pull(controller) {
    const bytes = ownBytes(this.body);
    this.body = undefined;
    streams.setNativeSource(this.stream, undefined);
    if (TypedArrayPrototypeGetByteLength(bytes) > 0) controller.enqueueOwned(bytes);
    streams.readableStreamClose(this.stream);
  }
}
ObjectSetPrototypeOf(BytesSource.prototype, null);

/** The underlying source of a native body: nothing is read ahead of demand, so an untouched one stays native. */
class NativeSource {
  constructor(rid, signal) {
    this.stream = undefined;
    this.rid = rid;
    this.signal = signal;
    this.onChunk = undefined;
  }
  pull(controller) {
    this.onChunk ??= (held) => {
      if (held.bytes === undefined) streams.readableStreamClose(this.stream);
      else controller.enqueueOwned(held.bytes);
    };
    return PromisePrototypeThen(withReason(ops.body_read(this.rid), this.signal), this.onChunk);
  }
  cancel() {
    ops.body_cancel(this.rid);
  }
}
ObjectSetPrototypeOf(NativeSource.prototype, null);

/** A stream that gives what `stream` gives, which is locked by it. */
function proxyOf(stream) {
  return streams.createReadableStream(new ProxySource(streams.acquireReadableStreamDefaultReader(stream)), 0);
}

/** The underlying source of a stream that gives what another one gives. */
class ProxySource {
  constructor(reader) {
    this.reader = reader;
  }
  pull(controller) {
    const { promise, resolve } = PromiseWithResolvers();
    streams.readerRead(this.reader, new ForwardRequest(controller, resolve));
    return promise;
  }
  cancel(reason) {
    return new streams.OwnPromise(streams.readerCancel(this.reader, reason));
  }
}
ObjectSetPrototypeOf(ProxySource.prototype, null);

class ForwardRequest extends streams.ReadRequest {
  constructor(controller, done) {
    super();
    this.controller = controller;
    this.done = done;
  }
  chunk(value) {
    this.controller.enqueue(value);
    this.done();
  }
  close() {
    this.controller.close();
    this.done();
  }
  error(error) {
    this.controller.error(error);
    this.done();
  }
}

/** The second branch's copy of a chunk. Almost all are Uint8Arrays; what else there is gets a structured clone. */
function cloneChunk(chunk) {
  return isUint8Array(chunk) ? copyBytes(chunk) : structuredClones.load().structuredClone(chunk);
}

/** Two streams for a body and its clone. */
function teeStream(stream) {
  return streams.readableStreamTee(stream, cloneChunk);
}

/**
 * "Read all bytes" of a stream that is not locked: a promise for what `type` says. The bytes are not the result of a
 * promise in between, which would show them to an app that puts a `then` on Object.prototype.
 */
function readAll(stream, type) {
  const request = new CollectRequest(streams.acquireReadableStreamDefaultReader(stream), type);
  request.run();
  return request.promise;
}

class CollectRequest extends streams.ReadLoop {
  constructor(reader, type) {
    super(reader);
    const { promise, resolve, reject } = PromiseWithResolvers();
    this.type = type;
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.bytes = undefined; // grows by doubling; chunks are copied at once, as their owner may use the memory again
    this.size = 0;
  }
  chunk(value) {
    if (!isUint8Array(value)) {
      this.reject(new TypeError("A body's stream gave a chunk that is not a Uint8Array"));
      return;
    }
    const size = this.size;
    const end = size + TypedArrayPrototypeGetByteLength(value);
    const capacity = size === 0 ? 0 : TypedArrayPrototypeGetByteLength(this.bytes);
    if (end > capacity) {
      const larger = new Uint8Array(MathMax(end, 2 * capacity));
      if (size > 0) TypedArrayPrototypeSet(larger, this.bytes);
      this.bytes = larger;
    }
    if (end > size) TypedArrayPrototypeSet(this.bytes, value, size);
    this.size = end;
    this.run();
  }
  close() {
    const { bytes, size } = this;
    let all = bytes;
    if (size === 0) all = new Uint8Array(0);
    else if (size < TypedArrayPrototypeGetByteLength(bytes)) {
      all = copyBytes(new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), 0, size));
    }
    try {
      this.resolve(fromBytes(all, this.type));
    } catch (error) {
      this.reject(error);
    }
  }
  error(error) {
    this.reject(error);
  }
}

exports.makeStream = makeStream;
exports.proxyOf = proxyOf;
exports.teeStream = teeStream;
exports.readAll = readAll;
