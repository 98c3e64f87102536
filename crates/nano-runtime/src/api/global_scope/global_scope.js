// What the global object does as such: it is an EventTarget, and gets the errors that nobody caught (HTML, 8.1.4).

const {
  MapPrototypeDelete, MapPrototypeForEach, MapPrototypeGetSize, MapPrototypeSet, ObjectDefineProperty,
  ObjectSetPrototypeOf, ReflectApply, SafeMap, SafeWeakSet, SymbolToStringTag, WeakSetPrototypeAdd,
  WeakSetPrototypeDelete,
} = primordials;
const webidl = require("webidl");
const {
  EventTarget, defineEventHandler, dispatch, hasListeners, makeEventTarget, setReporter, trust,
} = require("event");
const eventTypes = lazy("event_types");

let globalObject;

// 8.1.4.2 "report an exception". An error inside an error listener goes straight to the log.
let inErrorReporting = false;
function reportException(error) {
  let handled = false;
  if (!inErrorReporting && hasListeners(globalObject, "error")) {
    inErrorReporting = true;
    try {
      const location = ops.exception_location(error);
      const event = new (eventTypes.load().ErrorEvent)("error", {
        __proto__: null,
        bubbles: undefined, cancelable: true, composed: undefined,
        message: location[0], filename: location[1], lineno: location[2], colno: location[3], error,
      });
      handled = !dispatch(globalObject, trust(event));
    } finally {
      inErrorReporting = false;
    }
  }
  if (!handled) ops.report_exception(error, false);
}
setReporter(reportException);

const { reportError } = {
  reportError(e) {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'reportError'");
    reportException(e);
  },
};

// 8.1.4.6 HostPromiseRejectionTracker, with V8's names of the events.
const REJECTED_WITH_NO_HANDLER = 0;
const HANDLER_ADDED_AFTER_REJECT = 1;
let pending; // about-to-be-notified: promise -> reason, made when first needed
let draining; // those of the drain that is under way
let reported; // outstanding rejected promises, held weakly
let handledLate; // of `reported`, those that have got a handler since: promise -> reason

/** Called by the engine at once, while the app's code is on the stack: it must do little, and never throw. */
function promiseRejected(kind, promise, reason) {
  if (kind === REJECTED_WITH_NO_HANDLER) {
    if (pending === undefined) pending = new SafeMap();
    MapPrototypeSet(pending, promise, reason);
  } else if (kind === HANDLER_ADDED_AFTER_REJECT) {
    if (pending !== undefined && MapPrototypeDelete(pending, promise)) return;
    if (draining !== undefined && MapPrototypeDelete(draining, promise)) return;
    if (reported === undefined || !WeakSetPrototypeDelete(reported, promise)) return;
    if (handledLate === undefined) handledLate = new SafeMap();
    MapPrototypeSet(handledLate, promise, ops.promise_state(promise)[1]);
  }
}

/**
 * Called by the engine after microtasks have run ("notify about rejected promises"). True when listeners caused more to
 * do: the engine runs microtasks and calls again.
 */
function drainRejections() {
  if (handledLate !== undefined) {
    const late = handledLate;
    handledLate = undefined;
    MapPrototypeForEach(late, (reason, promise) => fireRejection("rejectionhandled", promise, reason, false));
  }
  if (pending === undefined) return false;
  draining = pending;
  pending = undefined;
  MapPrototypeForEach(draining, notify);
  draining = undefined;
  return handledLate !== undefined || (pending !== undefined && MapPrototypeGetSize(pending) > 0);
}
function notify(reason, promise) {
  const handled = fireRejection("unhandledrejection", promise, reason, true);
  if (!handled) ops.report_exception(reason, true);
  // A listener that attached a handler has taken the promise out of `draining`.
  if (!MapPrototypeDelete(draining, promise)) return;
  if (reported === undefined) reported = new SafeWeakSet();
  WeakSetPrototypeAdd(reported, promise);
}
function fireRejection(type, promise, reason, cancelable) {
  if (!hasListeners(globalObject, type)) return false;
  const event = new (eventTypes.load().PromiseRejectionEvent)(type, {
    __proto__: null, bubbles: undefined, cancelable, composed: undefined, promise, reason,
  });
  return !dispatch(globalObject, trust(event));
}

// 8.7 Microtask queuing
const { queueMicrotask } = {
  queueMicrotask(callback) {
    const prefix = "Failed to execute 'queueMicrotask'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    callback = webidl.converters.Function(callback, prefix, "Argument 1");
    ops.queue_microtask(() => {
      try {
        ReflectApply(callback, undefined, []);
      } catch (error) {
        reportException(error);
      }
    });
  },
};

/** Makes `global` an EventTarget with the event handlers that ECMA-429 asks for. */
function install(global) {
  globalObject = global;
  makeEventTarget(global);
  ObjectSetPrototypeOf(global, EventTarget.prototype);
  // Otherwise it would call itself an EventTarget.
  ObjectDefineProperty(global, SymbolToStringTag, { __proto__: null, value: "global", configurable: true });
  defineEventHandler(global, "onerror");
  defineEventHandler(global, "onunhandledrejection");
  defineEventHandler(global, "onrejectionhandled");
}

exports.reportException = reportException;
exports.reportError = reportError;
exports.queueMicrotask = queueMicrotask;
exports.promiseRejected = promiseRejected;
exports.drainRejections = drainRejections;
exports.install = install;
