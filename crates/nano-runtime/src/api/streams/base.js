// What every part of the Streams standard (https://streams.spec.whatwg.org) here shares.
//
// How the folder is built: the algorithms work on internal objects (`ReadableState`, `WriterState`, ...), and public
// objects are thin: one private field that holds the internal one. So streams that built-ins make and pipe among
// themselves never get public controllers, readers and writers, and what V8 sees in the hot paths is plain fields.
// Internal classes have no prototype above their own, so nothing an app puts on Object.prototype reaches them.
//
// Promises of the standard that nobody has asked for (`closed`, `ready`) are made when their getter first runs.

const {
  FunctionPrototypeCall, ObjectSetPrototypeOf, Promise, PromisePrototypeThen, PromiseReject, PromiseResolve,
  TypeError,
} = primordials;

/** Cuts a class of internal objects off from Object.prototype. */
function internalClass(Class) {
  ObjectSetPrototypeOf(Class.prototype, null);
  return Class;
}

/**
 * The fulfilled promise that stands for every algorithm that ended at once. It is never handed to an app: what an app
 * sees is a promise of its own.
 */
const resolved = PromiseResolve(undefined);

function noop() {}

/** Runs `job` in a microtask. */
function queueMicrotask(job) {
  PromisePrototypeThen(resolved, job);
}

/** Marks `promise` as handled, so that its rejection is not reported. */
function markHandled(promise) {
  PromisePrototypeThen(promise, undefined, noop);
}

/**
 * Calls an algorithm that runs for every chunk (pull, write, transform) and makes a promise of what it returns or
 * throws. `resolved` stands for undefined, so that synchronous algorithms cost no promise; a promise is taken as it is,
 * which is two microtasks less than Web IDL's conversion and which no one can tell from a quicker app.
 */
function callAlgorithm(method, self, a, b) {
  let result;
  try {
    result = FunctionPrototypeCall(method, self, a, b);
  } catch (error) {
    return PromiseReject(error);
  }
  return result === undefined ? resolved : PromiseResolve(result);
}

/** `callAlgorithm` with one argument: methods see how many they get. */
function callAlgorithm1(method, self, a) {
  let result;
  try {
    result = FunctionPrototypeCall(method, self, a);
  } catch (error) {
    return PromiseReject(error);
  }
  return result === undefined ? resolved : PromiseResolve(result);
}

/**
 * Calls an algorithm that runs once (cancel, abort, close, flush). Here the order against other reactions matters, and
 * a promise is converted as Web IDL does it: a new promise is resolved with it.
 */
function callFinalAlgorithm(method, self, a) {
  if (method === undefined) return resolved;
  let result;
  try {
    result = FunctionPrototypeCall(method, self, a);
  } catch (error) {
    return PromiseReject(error);
  }
  return promiseResolvedWith(result);
}
/** `callFinalAlgorithm` without an argument. */
function callFinalAlgorithm0(method, self) {
  if (method === undefined) return resolved;
  let result;
  try {
    result = FunctionPrototypeCall(method, self);
  } catch (error) {
    return PromiseReject(error);
  }
  return promiseResolvedWith(result);
}

/**
 * "A promise resolved with" a value. Unlike PromiseResolve it makes a new promise of a promise, which takes two
 * microtasks more: apps can tell when a stream has started.
 */
function promiseResolvedWith(result) {
  if (result === undefined) return resolved;
  const own = result === resolved ? resolved : promiseIn(result);
  return new Promise((resolve, reject) => {
    if (own === undefined) resolve(result);
    else follow(own, resolve, reject);
  });
}

/** What resolving a promise with `promise` does, but for its `then`, which an app may have replaced. */
function follow(promise, resolve, reject) {
  queueMicrotask(() => {
    PromisePrototypeThen(promise, resolve, reject);
  });
}

let promiseIn;
/** A promise of a built-in, as the result of an algorithm that is called as an app's would be. */
class OwnPromise {
  #promise;
  constructor(promise) {
    this.#promise = promise;
  }
  static {
    promiseIn = (object) =>
      typeof object === "object" && object !== null && #promise in object ? object.#promise : undefined;
  }
}
internalClass(OwnPromise);

/**
 * A queue linked through the `next` field of what is in it: no allocation of its own, and no arrays, whose indices an
 * app can intercept on Array.prototype.
 */
class List {
  constructor() {
    this.head = undefined;
    this.tail = undefined;
  }
  append(node) {
    if (this.tail === undefined) this.head = node;
    else this.tail.next = node;
    this.tail = node;
  }
  shift() {
    const node = this.head;
    const next = node.next;
    this.head = next;
    if (next === undefined) this.tail = undefined;
    else node.next = undefined;
    return node;
  }
  /** Empties the list and returns its first node; the others hang on it by `next`. */
  takeAll() {
    const node = this.head;
    this.head = undefined;
    this.tail = undefined;
    return node;
  }
}
internalClass(List);

/**
 * A read request (4.4, 4.5): what happens when a chunk comes, the stream closes, or fails. Built-ins that read without
 * promises extend this class, so that requests can be linked in a reader's list.
 *
 * For a BYOB reader `close(view)` gets the view that the reader's buffer goes back in, or undefined after a cancel.
 */
class ReadRequest {
  constructor() {
    this.next = undefined;
  }
  chunk(_value) {}
  close(_view) {}
  error(_error) {}
}
internalClass(ReadRequest);

/** A method of an underlying source, sink or transformer, as Web IDL converts a dictionary's callback function. */
function methodOf(object, name, prefix) {
  const method = object[name];
  if (method === undefined || typeof method === "function") return method;
  throw new TypeError(`${prefix}: '${name}' is not a function`);
}

exports.internalClass = internalClass;
exports.resolved = resolved;
exports.noop = noop;
exports.queueMicrotask = queueMicrotask;
exports.markHandled = markHandled;
exports.callAlgorithm = callAlgorithm;
exports.callAlgorithm1 = callAlgorithm1;
exports.callFinalAlgorithm = callFinalAlgorithm;
exports.callFinalAlgorithm0 = callFinalAlgorithm0;
exports.List = List;
exports.OwnPromise = OwnPromise;
exports.follow = follow;
exports.ReadRequest = ReadRequest;
exports.promiseResolvedWith = promiseResolvedWith;
exports.methodOf = methodOf;
