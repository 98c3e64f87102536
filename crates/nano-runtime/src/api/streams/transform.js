// TransformStream (6).

const { FunctionPrototypeCall, PromisePrototypeThen, PromiseReject, PromiseWithResolvers, RangeError, TypeError } =
  primordials;
const { configureInterface, illegalConstructor, illegalInvocation, internal, isObject } = require("webidl");
const { callAlgorithm, callFinalAlgorithm, internalClass, methodOf, OwnPromise, resolved } = require("streams/base");
const { convertStrategy } = require("streams/strategies");
const { ERRORED: READABLE_ERRORED, ReadableState } = require("streams/readable_state");
const { DefaultController } = require("streams/readable_default");
const { readableObject } = require("streams/readable");
const { ERRORED: WRITABLE_ERRORED, ERRORING } = require("streams/writer_state");
const { errorIfNeeded, WritableState } = require("streams/writable_state");
const { writableObject } = require("streams/writable");

/**
 * The slots of a TransformStream and of its controller. It is itself the sink of its writable side, and the source of
 * its readable side through `TransformSource`. The algorithms are methods called on `transformer`, with `argument`
 * after their own arguments.
 */
class TransformState {
  constructor(transformer, writableHighWaterMark, writableSize, readableHighWaterMark, readableSize) {
    this.transformer = transformer;
    this.argument = this;
    this.transformMethod = undefined;
    this.flushMethod = undefined;
    this.cancelMethod = undefined;
    this.object = undefined; // its TransformStream, once there is one
    this.backpressure = true;
    // The promise of [[backpressureChangePromise]], once something waits for it.
    this.change = undefined;
    this.finish = undefined;
    this.writable = new WritableState(this, writableHighWaterMark, writableSize);
    this.writable.writeMethod = this.write;
    this.writable.closeMethod = this.close;
    this.writable.abortMethod = this.abort;
    this.readable = new ReadableState();
    const source = new TransformSource(this);
    const controller = new DefaultController(this.readable, source, readableHighWaterMark, readableSize);
    controller.pullMethod = source.pull;
    controller.cancelMethod = source.cancel;
  }
  /** Starts both sides once `startResult`, a promise or undefined, is fulfilled. */
  start(startResult) {
    this.writable.start(startResult);
    this.readable.controller.start(startResult);
  }

  changePromise() {
    this.change ??= PromiseWithResolvers();
    return this.change.promise;
  }
  /** TransformStreamSetBackpressure */
  setBackpressure(backpressure) {
    this.backpressure = backpressure;
    const change = this.change;
    if (change !== undefined) {
      this.change = undefined;
      change.resolve();
    }
  }
  unblockWrite() {
    if (this.backpressure) this.setBackpressure(false);
  }
  errorWritableAndUnblockWrite(error) {
    this.clearAlgorithms();
    errorIfNeeded(this.writable, error);
    this.unblockWrite();
  }
  clearAlgorithms() {
    this.transformer = undefined;
    this.argument = undefined;
    this.transformMethod = undefined;
    this.flushMethod = undefined;
    this.cancelMethod = undefined;
  }

  // The controller (6.4.2).
  desiredSize() {
    return this.readable.controller.desiredSize();
  }
  enqueue(chunk) {
    const controller = this.readable.controller;
    if (!controller.canCloseOrEnqueue()) throw new TypeError("The readable side is not open for chunks");
    try {
      controller.enqueue(chunk);
    } catch (error) {
      this.errorWritableAndUnblockWrite(error);
      throw this.readable.storedError;
    }
    // ReadableStreamDefaultControllerHasBackpressure
    if (!this.backpressure && !controller.shouldCallPull()) this.setBackpressure(true);
  }
  error(error) {
    this.readable.controller.error(error);
    this.errorWritableAndUnblockWrite(error);
  }
  terminate() {
    this.readable.controller.close();
    this.errorWritableAndUnblockWrite(new TypeError("The TransformStream has been terminated"));
  }

  // The writable side's sink (6.4.3).
  write(chunk) {
    if (!this.backpressure) return this.#transform(chunk);
    return PromisePrototypeThen(this.changePromise(), () => {
      if (this.writable.state === ERRORING) throw this.writable.storedError;
      return this.#transform(chunk);
    });
  }
  #transform(chunk) {
    const { transformMethod } = this;
    let promise;
    if (transformMethod === undefined) {
      try {
        this.enqueue(chunk);
        return undefined;
      } catch (error) {
        promise = PromiseReject(error);
      }
    } else {
      promise = callAlgorithm(transformMethod, this.transformer, chunk, this.argument);
      if (promise === resolved) return undefined;
    }
    return PromisePrototypeThen(promise, undefined, (error) => {
      this.error(error);
      throw error;
    });
  }
  abort(reason) {
    if (this.finish !== undefined) return new OwnPromise(this.finish.promise);
    const finish = this.finish = PromiseWithResolvers();
    const { cancelMethod, transformer, readable } = this;
    const promise = callFinalAlgorithm(cancelMethod, transformer, reason);
    this.clearAlgorithms();
    PromisePrototypeThen(promise, () => {
      if (readable.state === READABLE_ERRORED) {
        finish.reject(readable.storedError);
      } else {
        readable.controller.error(reason);
        finish.resolve();
      }
    }, (error) => {
      readable.controller.error(error);
      finish.reject(error);
    });
    return new OwnPromise(finish.promise);
  }
  close() {
    if (this.finish !== undefined) return new OwnPromise(this.finish.promise);
    const finish = this.finish = PromiseWithResolvers();
    const { flushMethod, transformer, argument, readable } = this;
    const promise = callFinalAlgorithm(flushMethod, transformer, argument);
    this.clearAlgorithms();
    PromisePrototypeThen(promise, () => {
      if (readable.state === READABLE_ERRORED) {
        finish.reject(readable.storedError);
      } else {
        readable.controller.close();
        finish.resolve();
      }
    }, (error) => {
      readable.controller.error(error);
      finish.reject(error);
    });
    return new OwnPromise(finish.promise);
  }

  // The readable side's source (6.4.4).
  pull() {
    this.setBackpressure(false);
    return this.changePromise();
  }
  cancel(reason) {
    if (this.finish !== undefined) return new OwnPromise(this.finish.promise);
    const finish = this.finish = PromiseWithResolvers();
    const { cancelMethod, transformer, writable } = this;
    const promise = callFinalAlgorithm(cancelMethod, transformer, reason);
    this.clearAlgorithms();
    PromisePrototypeThen(promise, () => {
      if (writable.state === WRITABLE_ERRORED) {
        finish.reject(writable.storedError);
      } else {
        errorIfNeeded(writable, reason);
        this.unblockWrite();
        finish.resolve();
      }
    }, (error) => {
      errorIfNeeded(writable, error);
      this.unblockWrite();
      finish.reject(error);
    });
    return new OwnPromise(finish.promise);
  }
}
internalClass(TransformState);

class TransformSource {
  constructor(transform) {
    this.transform = transform;
  }
  pull() {
    return this.transform.pull();
  }
  cancel(reason) {
    return this.transform.cancel(reason);
  }
}
internalClass(TransformSource);

let transformStateOf;

class TransformStream {
  #stream;
  constructor(transformer = undefined, writableStrategy = undefined, readableStrategy = undefined) {
    if (transformer === internal) {
      this.#stream = writableStrategy;
      return;
    }
    const prefix = "Failed to construct 'TransformStream'";
    if (transformer !== undefined && !isObject(transformer)) {
      throw new TypeError(`${prefix}: Argument 1 is not an object`);
    }
    writableStrategy = convertStrategy(writableStrategy, prefix, "Argument 2");
    readableStrategy = convertStrategy(readableStrategy, prefix, "Argument 3");
    let cancel, flush, start, transform;
    if (transformer !== undefined) {
      cancel = methodOf(transformer, "cancel", prefix);
      flush = methodOf(transformer, "flush", prefix);
      const { readableType } = transformer;
      start = methodOf(transformer, "start", prefix);
      transform = methodOf(transformer, "transform", prefix);
      const { writableType } = transformer;
      if (readableType !== undefined) throw new RangeError(`${prefix}: 'readableType' has to be undefined`);
      if (writableType !== undefined) throw new RangeError(`${prefix}: 'writableType' has to be undefined`);
    }
    const readableHighWaterMark = readableStrategy.extractHighWaterMark(0);
    const writableHighWaterMark = writableStrategy.extractHighWaterMark(1);
    const stream = new TransformState(
      transformer, writableHighWaterMark, writableStrategy.extractSize(), readableHighWaterMark,
      readableStrategy.extractSize(),
    );
    this.#stream = stream;
    stream.object = this;
    stream.transformMethod = transform;
    stream.flushMethod = flush;
    stream.cancelMethod = cancel;
    if (start !== undefined || transform !== undefined || flush !== undefined) {
      stream.argument = new TransformStreamDefaultController(internal, stream);
    }
    if (start === undefined) {
      stream.start(resolved);
      return;
    }
    // Both sides wait for a promise that is made before `start` runs and resolved with its result.
    const { promise, resolve } = PromiseWithResolvers();
    stream.start(new OwnPromise(promise));
    resolve(FunctionPrototypeCall(start, transformer, stream.argument));
  }
  get readable() {
    if (!(#stream in this)) throw illegalInvocation();
    return readableObject(this.#stream.readable);
  }
  get writable() {
    if (!(#stream in this)) throw illegalInvocation();
    return writableObject(this.#stream.writable);
  }
  static {
    transformStateOf = (object) => (isObject(object) && #stream in object ? object.#stream : undefined);
  }
}
configureInterface(TransformStream);

class TransformStreamDefaultController {
  #stream;
  constructor(token = undefined, stream = undefined) {
    if (token !== internal) throw illegalConstructor();
    this.#stream = stream;
  }
  get desiredSize() {
    if (!(#stream in this)) throw illegalInvocation();
    return this.#stream.desiredSize();
  }
  enqueue(chunk = undefined) {
    if (!(#stream in this)) throw illegalInvocation();
    this.#stream.enqueue(chunk);
  }
  error(reason = undefined) {
    if (!(#stream in this)) throw illegalInvocation();
    this.#stream.error(reason);
  }
  terminate() {
    if (!(#stream in this)) throw illegalInvocation();
    this.#stream.terminate();
  }
}
configureInterface(TransformStreamDefaultController);

/**
 * The state of a built-in's transform stream, for GenericTransformStream (6.5). `transformer` has `transform(chunk,
 * controller)`, `flush(controller)` and `cancel(reason)`, the last two optional, called as methods; they return a
 * promise, or undefined when they are done. The controller has `enqueue(chunk)`, `error(error)` and `terminate()`.
 */
function createTransformState(transformer) {
  const stream = new TransformState(transformer, 1, undefined, 0, undefined);
  stream.transformMethod = transformer.transform;
  stream.flushMethod = transformer.flush;
  stream.cancelMethod = transformer.cancel;
  stream.start(undefined);
  return stream;
}

/** A TransformStream whose sides come from elsewhere. */
class TransformSides {
  constructor(readable, writable) {
    this.readable = readable;
    this.writable = writable;
  }
}
internalClass(TransformSides);

exports.TransformStream = TransformStream;
exports.transformStateOf = (object) => transformStateOf(object);
exports.transformOfSides = (readable, writable) => new TransformStream(internal, new TransformSides(readable, writable));
exports.TransformStreamDefaultController = TransformStreamDefaultController;
exports.createTransformState = createTransformState;
