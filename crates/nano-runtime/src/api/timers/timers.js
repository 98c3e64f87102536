// Timers (HTML, 8.6).
//
// The callbacks are here and the clock is native: `ops.timer_start(id, delayMs)` arranges one call of `fireTimer(id)`.
// An interval is started again after each call, as the standard has it, so that a slow callback never piles up calls.

const {
  MapPrototypeDelete, MapPrototypeGet, MapPrototypeHas, MapPrototypeSet, ObjectSetPrototypeOf, ReflectApply, SafeMap,
} = primordials;
const webidl = require("webidl");
const { report } = require("event");
const { setStartTimer } = require("abort");
const toLong = webidl.converters.long;

// 8.6: timers started by timers, more than five deep, wait at least 4 ms.
const MAX_NESTING_LEVEL = 5;
const MIN_NESTED_DELAY_MS = 4;
const MAX_ID = 0x7fffffff;

class Timer {
  constructor(callback, args, delayMs, repeat, nestingLevel) {
    this.callback = callback;
    this.args = args;
    this.delayMs = delayMs;
    this.repeat = repeat;
    this.nestingLevel = nestingLevel;
  }
}
ObjectSetPrototypeOf(Timer.prototype, null);

const timers = new SafeMap();
const noArguments = [];
let lastId = 0;
let nestingLevel = 0; // of the timer whose callback is running

function nextId() {
  do {
    lastId = lastId === MAX_ID ? 1 : lastId + 1;
  } while (MapPrototypeHas(timers, lastId));
  return lastId;
}

function start(callback, delayMs, args, repeat) {
  if (delayMs < 0) delayMs = 0;
  const id = nextId();
  const timer = new Timer(callback, args, delayMs, repeat, nestingLevel + 1);
  MapPrototypeSet(timers, id, timer);
  ops.timer_start(id, clamped(delayMs, nestingLevel));
  return id;
}
function clamped(delayMs, level) {
  return level > MAX_NESTING_LEVEL && delayMs < MIN_NESTED_DELAY_MS ? MIN_NESTED_DELAY_MS : delayMs;
}

/** Called by the engine when the timer is due. */
function fireTimer(id) {
  const timer = MapPrototypeGet(timers, id);
  if (timer === undefined) return;
  if (!timer.repeat) MapPrototypeDelete(timers, id);
  nestingLevel = timer.nestingLevel;
  try {
    ReflectApply(timer.callback, globalThis, timer.args);
  } catch (error) {
    report(error);
  } finally {
    nestingLevel = 0;
  }
  // The callback may have cleared its interval.
  if (timer.repeat && MapPrototypeGet(timers, id) === timer) {
    const level = timer.nestingLevel;
    if (level <= MAX_NESTING_LEVEL) timer.nestingLevel = level + 1;
    ops.timer_start(id, clamped(timer.delayMs, level));
  }
}
/** Called by the engine when it has dropped a timer itself, because its request ended. */
function forgetTimer(id) {
  MapPrototypeDelete(timers, id);
}

// A string handler would be eval by another name, which is not offered: it is a TypeError.
function toHandler(handler, length, name) {
  const prefix = `Failed to execute '${name}'`;
  webidl.requiredArguments(length, 1, prefix);
  return webidl.converters.Function(handler, prefix, "Argument 1");
}
// Arguments 3 and on. A rest parameter would make a list for every call.
function restOf(args) {
  if (args.length <= 2) return noArguments;
  return ReflectApply(listOfRest, undefined, args);
}
const listOfRest = (handler, timeout, ...rest) => rest;

const { setTimeout, setInterval } = {
  setTimeout(handler, timeout = undefined) {
    const callback = toHandler(handler, arguments.length, "setTimeout");
    return start(callback, toLong(timeout), restOf(arguments), false);
  },
  setInterval(handler, timeout = undefined) {
    const callback = toHandler(handler, arguments.length, "setInterval");
    return start(callback, toLong(timeout), restOf(arguments), true);
  },
};
function clear(id) {
  if (MapPrototypeDelete(timers, id)) ops.timer_cancel(id);
}
const { clearTimeout, clearInterval } = {
  clearTimeout(id = undefined) {
    clear(toLong(id));
  },
  clearInterval(id = undefined) {
    clear(toLong(id));
  },
};

/** For other built-ins: calls `fn()` after `ms`, which may be more than a `long` holds. Returns an id for `stopTimer`. */
function startTimer(fn, ms) {
  return start(fn, ms, noArguments, false);
}
setStartTimer(startTimer);

exports.setTimeout = setTimeout;
exports.setInterval = setInterval;
exports.clearTimeout = clearTimeout;
exports.clearInterval = clearInterval;
exports.startTimer = startTimer;
exports.stopTimer = clear;
exports.fireTimer = fireTimer;
exports.forgetTimer = forgetTimer;
