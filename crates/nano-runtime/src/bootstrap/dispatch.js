// From the engine to the app's handler and back: start-up, one request, its end.

const { makeServerRequest, abortServerRequest } = require("fetch/request");
const { isResponse } = require("fetch/response");
const { sendResponse } = require("fetch/send");
const { hasListeners } = require("event");
const fetchEvent = lazy("fetch_event");
const { reportException } = require("global_scope");
const webidl = require("webidl");
const {
  FunctionPrototypeToString, ObjectCreate, ObjectFreeze, PromisePrototypeThen, PromiseResolve, SafeMap,
  StringPrototypeStartsWith, TypeError,
} = primordials;

const globalObject = globalThis;

// Requests whose handler still runs, and the pumps of streams, so that a client that goes away can be told to them.
let running;
let pumps;
let handle;
let env;

/** The third argument of a handler (Workers API). */
let makeContext;
class ExecutionContext {
  #request;
  #props;
  constructor(key, rid) {
    if (key !== webidl.internal) throw webidl.illegalConstructor();
    this.#request = rid;
  }
  /** Keeps the request's resources until `promise` is settled, within the request's time limit once more. */
  waitUntil(promise) {
    const rid = this.#request;
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'waitUntil' on 'ExecutionContext'");
    waitUntil(rid, promise);
  }
  /** NANO has no origin server to pass a request on to, so a failed request is answered as any other. */
  passThroughOnException() {
    this.#request;
  }
  get props() {
    this.#request;
    return (this.#props ??= ObjectCreate(null));
  }
  static {
    makeContext = (rid) => new ExecutionContext(webidl.internal, rid);
  }
}
webidl.configureInterface(ExecutionContext);

function waitUntil(rid, value) {
  const promise = PromiseResolve(value);
  if (!ops.hold(rid)) {
    PromisePrototypeThen(promise, undefined, (error) => ops.report_exception(error, true));
    return;
  }
  PromisePrototypeThen(promise, () => ops.release(rid), (error) => {
    ops.report_exception(error, true);
    ops.release(rid);
  });
}

/** Picks the app's handler out of what its entry module exports. */
function handlerOf(namespace) {
  const exported = namespace.default;
  if (typeof exported === "function") {
    if (StringPrototypeStartsWith(FunctionPrototypeToString(exported), "class")) {
      throw new TypeError("the default export is a class; export an object with a fetch method, or a function");
    }
    return (request, env, context) => exported(request, env, context);
  }
  if (webidl.isObject(exported)) {
    if (typeof exported.fetch !== "function") {
      throw new TypeError("the default export has no fetch method");
    }
    return (request, env, context) => exported.fetch(request, env, context);
  }
  if (hasListeners(globalObject, "fetch")) {
    return (request, env, context) => fetchEvent.load().dispatchFetch(globalObject, request, context);
  }
  throw new TypeError(
    "the entry module has no handler: export default { fetch(request, env, ctx) { \u2026 } }, export a function as default, " +
      'or addEventListener("fetch", \u2026)',
  );
}

/** The app's modules are evaluated, or about to be when they wait at their top level. */
function start(namespace, evaluation, variables) {
  env = ObjectFreeze(variables);
  running = new SafeMap();
  pumps = new SafeMap();
  PromisePrototypeThen(
    PromiseResolve(evaluation),
    () => {
      try {
        handle = handlerOf(namespace);
      } catch (error) {
        ops.app_ready(true, error);
        return;
      }
      ops.app_ready(false);
    },
    (error) => ops.app_ready(true, error),
  );
}

/** One request. Whatever comes of it reaches the engine by `respond` or `handler_failed`. */
function dispatch(rid, hasBody) {
  const request = makeServerRequest(rid, hasBody);
  let result;
  try {
    result = handle(request, env, makeContext(rid));
  } catch (error) {
    ops.handler_failed(rid, error);
    return;
  }
  if (isResponse(result)) {
    answer(rid, request, result);
    return;
  }
  if (!webidl.isObject(result)) {
    noResponse(rid);
    return;
  }
  try {
    result = PromiseResolve(result);
  } catch (error) {
    ops.handler_failed(rid, error);
    return;
  }
  running.set(rid, request);
  PromisePrototypeThen(
    result,
    (response) => {
      running.delete(rid);
      if (isResponse(response)) answer(rid, request, response);
      else noResponse(rid);
    },
    (error) => {
      running.delete(rid);
      ops.handler_failed(rid, error);
    },
  );
}

function noResponse(rid) {
  ops.handler_failed(rid, new TypeError("the handler returned no Response"));
}

function answer(rid, request, response) {
  let pump;
  try {
    pump = sendResponse(rid, response);
  } catch (error) {
    ops.handler_failed(rid, error);
    return;
  }
  if (pump === undefined) return;
  running.set(rid, request);
  pumps.set(rid, pump);
  PromisePrototypeThen(pump.ended, () => {
    running.delete(rid);
    pumps.delete(rid);
  });
}

/** The client is gone. */
function abortRequest(rid) {
  const request = running.get(rid);
  if (request === undefined) return;
  running.delete(rid);
  try {
    abortServerRequest(request);
  } catch (error) {
    reportException(error);
  }
  pumps.get(rid)?.gone();
}

exports.start = start;
exports.dispatch = dispatch;
exports.abortRequest = abortRequest;
exports.waitUntil = waitUntil;
exports.ExecutionContext = ExecutionContext;
