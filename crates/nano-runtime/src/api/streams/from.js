// ReadableStreamFromIterable (4.9.1): an iterator as the source of a stream.

const {
  FunctionPrototypeCall, PromisePrototypeThen, PromiseResolve, SymbolAsyncIterator, SymbolIterator, TypeError,
} = primordials;
const { isObject } = require("webidl");
const { internalClass, OwnPromise } = require("streams/base");

function getMethod(object, key) {
  const method = object[key];
  if (method === undefined || method === null) return undefined;
  if (typeof method !== "function") throw new TypeError("The method of the iterable or iterator is not a function");
  return method;
}

function checkResult(result) {
  if (!isObject(result)) throw new TypeError("The iterator's result is not an object");
  return result;
}

/** ECMA-262's GetIterator(value, async), as the source of a stream. */
function iterableSource(value) {
  if (value === undefined || value === null) throw new TypeError("The value is not iterable");
  let isAsync = true;
  let method = getMethod(value, SymbolAsyncIterator);
  if (method === undefined) {
    isAsync = false;
    method = getMethod(value, SymbolIterator);
    if (method === undefined) throw new TypeError("The value is not iterable");
  }
  const iterator = FunctionPrototypeCall(method, value);
  if (!isObject(iterator)) throw new TypeError("The iterator is not an object");
  const next = iterator.next;
  return isAsync ? new AsyncSource(iterator, next) : new SyncSource(iterator, next);
}

class AsyncSource {
  constructor(iterator, next) {
    this.iterator = iterator;
    this.next = next;
  }
  pull(controller) {
    const promise = PromiseResolve(FunctionPrototypeCall(this.next, this.iterator));
    return PromisePrototypeThen(promise, (result) => {
      if (checkResult(result).done) controller.close();
      else controller.enqueue(result.value);
    });
  }
  cancel(reason) {
    const method = getMethod(this.iterator, "return");
    if (method === undefined) return undefined;
    const promise = PromiseResolve(FunctionPrototypeCall(method, this.iterator, reason));
    return new OwnPromise(PromisePrototypeThen(promise, (result) => {
      checkResult(result);
    }));
  }
}
internalClass(AsyncSource);

/** What %AsyncFromSyncIteratorPrototype% does with a synchronous iterator: its values are awaited. */
class SyncSource {
  constructor(iterator, next) {
    this.iterator = iterator;
    this.next = next;
  }
  pull(controller) {
    const result = checkResult(FunctionPrototypeCall(this.next, this.iterator));
    const done = !!result.done;
    const value = result.value;
    let promise;
    try {
      promise = PromiseResolve(value);
    } catch (error) {
      if (!done) this.#close();
      throw error;
    }
    return PromisePrototypeThen(promise, (awaited) => {
      if (done) controller.close();
      else controller.enqueue(awaited);
    }, (error) => {
      if (!done) this.#close();
      throw error;
    });
  }
  // IteratorClose after a throw: what `return` throws does not matter.
  #close() {
    try {
      const method = getMethod(this.iterator, "return");
      if (method !== undefined) FunctionPrototypeCall(method, this.iterator);
    } catch { /* the first error is the one that counts */ }
  }
  cancel(reason) {
    const method = getMethod(this.iterator, "return");
    if (method === undefined) return undefined;
    const result = checkResult(FunctionPrototypeCall(method, this.iterator, reason));
    void result.done;
    return new OwnPromise(PromisePrototypeThen(PromiseResolve(result.value), () => {}));
  }
}
internalClass(SyncSource);

exports.iterableSource = iterableSource;
