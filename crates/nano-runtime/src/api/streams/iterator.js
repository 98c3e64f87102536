// Asynchronous iteration of a ReadableStream (4.2.5), with Web IDL's asynchronous iterator objects (3.7.10).

const {
  AsyncIteratorPrototype, ObjectDefineProperty, ObjectSetPrototypeOf, Promise, PromisePrototypeThen, PromiseReject,
  PromiseResolve, SymbolToStringTag,
} = primordials;
const { illegalInvocation, isObject } = require("webidl");
const { ReadRequest } = require("streams/base");
const { READABLE, readableCancel, readerRead, readerRelease } = require("streams/readable_state");

/** "End of iteration". Without a prototype, so that a promise that is resolved with it looks for no app's `then`. */
const endOfIteration = { __proto__: null };

class IteratorRequest extends ReadRequest {
  constructor(reader, resolve, reject) {
    super();
    this.reader = reader;
    this.resolve = resolve;
    this.reject = reject;
  }
  chunk(value) {
    this.resolve(value);
  }
  close() {
    readerRelease(this.reader);
    this.resolve(endOfIteration);
  }
  error(error) {
    readerRelease(this.reader);
    this.reject(error);
  }
}

class ReadableStreamAsyncIterator {
  #reader;
  #preventCancel;
  #finished = false;
  #ongoing = undefined;
  #onNext;
  #onNextFailed;
  constructor(reader, preventCancel) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
    this.#onNext = (value) => {
      this.#ongoing = undefined;
      if (value !== endOfIteration) return { value, done: false };
      this.#finished = true;
      return { value: undefined, done: true };
    };
    this.#onNextFailed = (error) => {
      this.#ongoing = undefined;
      this.#finished = true;
      throw error;
    };
  }
  next() {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    const ongoing = this.#ongoing;
    if (ongoing === undefined) return (this.#ongoing = this.#next());
    const steps = () => this.#next();
    return (this.#ongoing = PromisePrototypeThen(ongoing, steps, steps));
  }
  #next() {
    if (this.#finished) return PromiseResolve({ value: undefined, done: true });
    const reader = this.#reader;
    const stream = reader.stream;
    let promise;
    if (stream.state === READABLE && stream.controller.hasQueued()) {
      stream.disturbed = true;
      promise = PromiseResolve(stream.controller.take());
    } else {
      promise = new Promise((resolve, reject) => readerRead(reader, new IteratorRequest(reader, resolve, reject)));
    }
    return PromisePrototypeThen(promise, this.#onNext, this.#onNextFailed);
  }
  return(value) {
    if (!isObject(this) || !(#reader in this)) return PromiseReject(illegalInvocation());
    const steps = () => this.#return(value);
    const ongoing = this.#ongoing;
    this.#ongoing = ongoing === undefined ? steps() : PromisePrototypeThen(ongoing, steps, steps);
    return PromisePrototypeThen(this.#ongoing, () => ({ value, done: true }));
  }
  #return(value) {
    if (this.#finished) return PromiseResolve(undefined);
    this.#finished = true;
    const reader = this.#reader;
    if (this.#preventCancel) {
      readerRelease(reader);
      return PromiseResolve(undefined);
    }
    const promise = readableCancel(reader.stream, value);
    readerRelease(reader);
    return promise;
  }
}

// The interface has no constructor and no interface object: only its prototype is seen.
const { prototype } = ReadableStreamAsyncIterator;
ObjectSetPrototypeOf(prototype, AsyncIteratorPrototype);
ObjectDefineProperty(prototype, "next", { __proto__: null, enumerable: true });
ObjectDefineProperty(prototype, "return", { __proto__: null, enumerable: true });
ObjectDefineProperty(prototype, SymbolToStringTag, {
  __proto__: null, value: "ReadableStream AsyncIterator", writable: false, enumerable: false, configurable: true,
});
delete prototype.constructor;

exports.createIterator = (reader, preventCancel) => new ReadableStreamAsyncIterator(reader, preventCancel);
