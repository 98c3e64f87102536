// AbortController and AbortSignal (DOM, 3).

const {
  ObjectSetPrototypeOf, SafeSet, SetPrototypeAdd, SetPrototypeDelete, SetPrototypeForEach, SetPrototypeGetSize,
  WeakRef, WeakRefPrototypeDeref,
} = primordials;
const webidl = require("webidl");
const { DOMException } = require("domexception");
const { EventTarget, defineEventHandler, fireEvent, hasListeners, report, setAbortHooks } = require("event");
const { registerInspector } = require("inspectors");
const { append, converters, internal } = webidl;

// The hook of `timers`, which is later in the list: (fn, ms) => undefined.
let startTimer;

let isAbortSignal, reasonOf, setReason, algorithmsOf, setAlgorithms, familyOf, setFamily;

class AbortSignal extends EventTarget {
  #reason = undefined; // aborted means that this is not undefined
  #algorithms = undefined; // a SafeSet of functions
  #family = undefined; // what AbortSignal.any() ties together, see Family

  constructor(token = undefined) {
    if (token !== internal) throw webidl.illegalConstructor();
    super();
  }
  static abort(reason = undefined) {
    const signal = createSignal();
    setReason(signal, reason === undefined ? defaultReason() : reason);
    return signal;
  }
  static timeout(milliseconds) {
    const prefix = "Failed to execute 'timeout' on 'AbortSignal'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const ms = converters["unsigned long long"](milliseconds, prefix, "Argument 1", enforceRange);
    const signal = createSignal();
    startTimer(() => signalAbort(signal, new DOMException("The operation timed out", "TimeoutError")), ms);
    return signal;
  }
  static any(signals) {
    const prefix = "Failed to execute 'any' on 'AbortSignal'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    return createDependentSignal(signalsConverter(signals, prefix, "Argument 1"));
  }
  get aborted() { return this.#reason !== undefined; }
  get reason() { return this.#reason; }
  throwIfAborted() {
    if (this.#reason !== undefined) throw this.#reason;
  }
  static {
    isAbortSignal = (object) => webidl.isObject(object) && #reason in object;
    reasonOf = (signal) => signal.#reason;
    setReason = (signal, reason) => { signal.#reason = reason; };
    algorithmsOf = (signal) => signal.#algorithms;
    setAlgorithms = (signal, algorithms) => { signal.#algorithms = algorithms; };
    familyOf = (signal) => signal.#family;
    setFamily = (signal, family) => { signal.#family = family; };
  }
}
defineEventHandler(AbortSignal, "onabort", isAbortSignal);
webidl.configureInterface(AbortSignal);
registerInspector(AbortSignal, isAbortSignal, (signal) => (isAborted(signal)
  ? { __proto__: null, aborted: true, reason: reasonOf(signal) }
  : { __proto__: null, aborted: false }));

const enforceRange = { __proto__: null, enforceRange: true };
const signalsConverter = webidl.createSequenceConverter(
  webidl.createInterfaceConverter("AbortSignal", isAbortSignal),
);
const defaultReason = () => new DOMException("This operation was aborted", "AbortError");
const createSignal = () => new AbortSignal(internal);
const isAborted = (signal) => reasonOf(signal) !== undefined;

/** 3.2 "add an algorithm": nothing when already aborted. */
function addAlgorithm(signal, fn) {
  if (isAborted(signal)) return;
  let algorithms = algorithmsOf(signal);
  if (algorithms === undefined) setAlgorithms(signal, algorithms = new SafeSet());
  SetPrototypeAdd(algorithms, fn);
  interestChanged(signal);
}
function removeAlgorithm(signal, fn) {
  const algorithms = algorithmsOf(signal);
  if (algorithms === undefined || !SetPrototypeDelete(algorithms, fn)) return;
  if (SetPrototypeGetSize(algorithms) === 0) setAlgorithms(signal, undefined);
  interestChanged(signal);
}

/** 3.2 "signal abort". */
function signalAbort(signal, reason = undefined) {
  if (isAborted(signal)) return;
  if (reason === undefined) reason = defaultReason();
  setReason(signal, reason);
  const family = familyOf(signal);
  if (family === undefined) {
    runAbortSteps(signal);
    return;
  }
  // All dependents are aborted before any code of the app runs.
  const toAbort = [];
  const dependents = family.dependents;
  for (let i = 0; i < dependents.length; i++) {
    const dependent = WeakRefPrototypeDeref(dependents[i]);
    if (dependent === undefined || isAborted(dependent)) continue;
    setReason(dependent, reason);
    append(toAbort, dependent);
  }
  setFamily(signal, undefined);
  runAbortSteps(signal);
  for (let i = 0; i < toAbort.length; i++) {
    const dependent = toAbort[i];
    release(dependent);
    runAbortSteps(dependent);
  }
}
// 3.2 "run the abort steps".
function runAbortSteps(signal) {
  const algorithms = algorithmsOf(signal);
  if (algorithms !== undefined) {
    setAlgorithms(signal, undefined);
    SetPrototypeForEach(algorithms, runAlgorithm);
  }
  if (hasListeners(signal, "abort")) fireEvent(signal, "abort");
}
// One algorithm's failure must not keep the others from running.
function runAlgorithm(fn) {
  try {
    fn();
  } catch (error) {
    report(error);
  }
}

// 3.2.2 Dependent signals. A source knows its dependents weakly, so that a long-lived source does not collect every
// AbortSignal.any() made of it; but while somebody listens to a dependent, its sources hold it (3.2.3, garbage
// collection). A dependent holds its sources, none of which is itself a dependent.
class Family {
  sources = undefined; // of a dependent: a list of signals
  dependents = []; // of a source: a list of WeakRefs
  held = undefined; // of a source: a SafeSet of the dependents that somebody listens to
  purgeAt = 8; // of a source: the length of `dependents` at which dead references are dropped
}
ObjectSetPrototypeOf(Family.prototype, null);

function createDependentSignal(signals) {
  const result = createSignal();
  for (let i = 0; i < signals.length; i++) {
    if (isAborted(signals[i])) {
      setReason(result, reasonOf(signals[i]));
      return result;
    }
  }
  const sources = new SafeSet();
  for (let i = 0; i < signals.length; i++) {
    const inherited = familyOf(signals[i])?.sources;
    if (inherited === undefined) SetPrototypeAdd(sources, signals[i]);
    else for (let j = 0; j < inherited.length; j++) SetPrototypeAdd(sources, inherited[j]);
  }
  const family = new Family();
  family.sources = [];
  const reference = new WeakRef(result);
  SetPrototypeForEach(sources, (source) => {
    append(family.sources, source);
    let ofSource = familyOf(source);
    if (ofSource === undefined) setFamily(source, ofSource = new Family());
    if (ofSource.dependents.length >= ofSource.purgeAt) purge(ofSource);
    append(ofSource.dependents, reference);
  });
  setFamily(result, family);
  return result;
}
function purge(family) {
  const live = [];
  for (let i = 0; i < family.dependents.length; i++) {
    const signal = WeakRefPrototypeDeref(family.dependents[i]);
    if (signal !== undefined && !isAborted(signal)) append(live, family.dependents[i]);
  }
  family.dependents = live;
  family.purgeAt = 2 * live.length + 8;
}

// Somebody began or ceased to listen to `signal`.
function interestChanged(signal) {
  const sources = familyOf(signal)?.sources;
  if (sources === undefined || isAborted(signal)) return;
  const wanted = algorithmsOf(signal) !== undefined || hasListeners(signal, "abort");
  for (let i = 0; i < sources.length; i++) {
    const family = familyOf(sources[i]);
    if (family === undefined) continue;
    if (wanted) {
      if (family.held === undefined) family.held = new SafeSet();
      SetPrototypeAdd(family.held, signal);
    } else if (family.held !== undefined) {
      SetPrototypeDelete(family.held, signal);
    }
  }
}
// An aborted dependent needs its sources no more, nor they it.
function release(dependent) {
  const sources = familyOf(dependent).sources;
  for (let i = 0; i < sources.length; i++) {
    const held = familyOf(sources[i])?.held;
    if (held !== undefined) SetPrototypeDelete(held, dependent);
  }
  setFamily(dependent, undefined);
}

setAbortHooks({
  __proto__: null, isSignal: isAbortSignal, isAborted, addAlgorithm, removeAlgorithm,
  listenersChanged(target) {
    if (isAbortSignal(target)) interestChanged(target);
  },
});

class AbortController {
  #signal = createSignal();
  constructor() {}
  get signal() { return this.#signal; }
  abort(reason = undefined) {
    signalAbort(this.#signal, reason);
  }
}
webidl.configureInterface(AbortController);

exports.AbortController = AbortController;
exports.AbortSignal = AbortSignal;
exports.isAbortSignal = isAbortSignal;
exports.isAborted = isAborted;
exports.reasonOf = reasonOf;
exports.createSignal = createSignal;
exports.createDependentSignal = createDependentSignal;
exports.addAlgorithm = addAlgorithm;
exports.removeAlgorithm = removeAlgorithm;
exports.signalAbort = signalAbort;
exports.setStartTimer = (fn) => { startTimer = fn; };
