// Event and EventTarget (DOM, 2) and event handler IDL attributes (HTML, 8.1.8.1).
//
// There is no tree here: an event's path is its target alone.

const {
  FunctionPrototypeCall, ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectSetPrototypeOf, ReflectApply,
  StringPrototypeSlice, TypeError,
} = primordials;
const webidl = require("webidl");
const { DOMException } = require("domexception");
const { registerInspector } = require("inspectors");
const { append, converters, isObject } = webidl;

const BUBBLES = 1, CANCELABLE = 2, COMPOSED = 4, CANCELED = 8, STOP = 16, STOP_IMMEDIATE = 32, IN_PASSIVE = 64;
const DISPATCH = 128, TRUSTED = 256;

let eventFlags, setEventFlags, beginDispatch, endDispatch, isEvent, eventType, isTrustedDescriptor, describe;

class Event {
  #type = "";
  #flags = 0;
  #target = null;
  #currentTarget = null;
  #timeStamp = ops.performance_now();

  constructor(type, eventInitDict = undefined) {
    ObjectDefineProperty(this, "isTrusted", isTrustedDescriptor);
    const prefix = "Failed to construct 'Event'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    this.#type = converters.DOMString(type, prefix, "Argument 1");
    if (eventInitDict !== undefined && eventInitDict !== null) {
      if (!isObject(eventInitDict)) {
        throw webidl.makeException(prefix, "Argument 2", "cannot be converted to a dictionary (EventInit)");
      }
      let flags = 0;
      if (eventInitDict.bubbles) flags |= BUBBLES;
      if (eventInitDict.cancelable) flags |= CANCELABLE;
      if (eventInitDict.composed) flags |= COMPOSED;
      this.#flags = flags;
    }
  }
  get type() { return this.#type; }
  get target() { return this.#target; }
  get srcElement() { return this.#target; }
  get currentTarget() { return this.#currentTarget; }
  composedPath() { return this.#currentTarget === null ? [] : [this.#currentTarget]; }
  get eventPhase() { return this.#flags & DISPATCH ? 2 : 0; }
  stopPropagation() { this.#flags |= STOP; }
  get cancelBubble() { return (this.#flags & STOP) !== 0; }
  set cancelBubble(value) {
    const flags = this.#flags;
    if (value) this.#flags = flags | STOP;
  }
  stopImmediatePropagation() { this.#flags |= STOP | STOP_IMMEDIATE; }
  get bubbles() { return (this.#flags & BUBBLES) !== 0; }
  get cancelable() { return (this.#flags & CANCELABLE) !== 0; }
  get returnValue() { return (this.#flags & CANCELED) === 0; }
  set returnValue(value) {
    const flags = this.#flags;
    if (!value) this.#flags = canceled(flags);
  }
  preventDefault() { this.#flags = canceled(this.#flags); }
  get defaultPrevented() { return (this.#flags & CANCELED) !== 0; }
  get composed() { return (this.#flags & COMPOSED) !== 0; }
  get timeStamp() { return this.#timeStamp; }
  initEvent(type, bubbles = false, cancelable = false) {
    const flags = this.#flags;
    const prefix = "Failed to execute 'initEvent' on 'Event'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    // 2.2: nothing during dispatch; otherwise "initialize" also makes the event untrusted and forgets its target.
    if (flags & DISPATCH) return;
    this.#flags = (flags & COMPOSED) | (bubbles ? BUBBLES : 0) | (cancelable ? CANCELABLE : 0);
    this.#type = type;
    this.#target = null;
  }

  static {
    // [LegacyUnforgeable]: an accessor of every event, with one getter for all.
    const { get } = ObjectGetOwnPropertyDescriptor(
      { get isTrusted() { return (this.#flags & TRUSTED) !== 0; } }, "isTrusted",
    );
    isTrustedDescriptor = { __proto__: null, get, set: undefined, enumerable: true, configurable: false };
    isEvent = (object) => isObject(object) && #flags in object;
    describe = (event) => ({
      __proto__: null, type: event.#type, defaultPrevented: (event.#flags & CANCELED) !== 0,
      cancelable: (event.#flags & CANCELABLE) !== 0, timeStamp: event.#timeStamp,
    });
    eventType = (event) => event.#type;
    eventFlags = (event) => event.#flags;
    setEventFlags = (event, flags) => { event.#flags = flags; };
    beginDispatch = (event, target) => {
      event.#flags |= DISPATCH;
      event.#target = target;
      event.#currentTarget = target;
    };
    endDispatch = (event) => {
      event.#currentTarget = null;
      event.#flags &= ~(DISPATCH | STOP | STOP_IMMEDIATE);
    };
  }
}
// 2.2 "set the canceled flag".
function canceled(flags) {
  return flags & CANCELABLE && !(flags & IN_PASSIVE) ? flags | CANCELED : flags;
}
webidl.configureInterface(Event);
registerInspector(Event, isEvent, describe);
webidl.defineConstants(Event, { __proto__: null, NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

// 2.7 An event listener. For an event handler IDL attribute, `handler` is true and `callback` is the attribute's value.
class Listener {
  constructor(type, callback, capture, once, passive, handler) {
    this.type = type;
    this.callback = callback;
    this.capture = capture;
    this.once = once;
    this.passive = passive;
    this.handler = handler;
    this.removed = false;
    this.signal = undefined;
    this.algorithm = undefined;
  }
}
ObjectSetPrototypeOf(Listener.prototype, null);

// The global object is an EventTarget too, but not one that the constructor made: its list is here.
let globalTarget, globalListeners;
let listenersOf, setListeners, isEventTarget;

// A list of listeners only ever grows in place; removal makes a new one. So a dispatch needs no copy of the list
// (2.10 clones it): it remembers the list and how long it was.
function appendListener(target, listener) {
  const list = listenersOf(target);
  if (list === undefined) setListeners(target, [listener]);
  else append(list, listener);
  if (listener.type === "abort") abortListenersChanged(target);
}
function removeListener(target, listener) {
  if (listener.removed) return;
  listener.removed = true;
  const list = listenersOf(target);
  let rest;
  for (let i = 0; i < list.length; i++) {
    if (list[i] === listener) continue;
    if (rest === undefined) rest = [list[i]];
    else append(rest, list[i]);
  }
  setListeners(target, rest);
  if (listener.signal !== undefined) abortHooks.removeAlgorithm(listener.signal, listener.algorithm);
  if (listener.type === "abort") abortListenersChanged(target);
}
function findListener(target, type, callback, capture) {
  const list = listenersOf(target);
  if (list === undefined) return undefined;
  for (let i = 0; i < list.length; i++) {
    const listener = list[i];
    if (listener.callback === callback && listener.capture === capture && listener.type === type && !listener.handler) {
      return listener;
    }
  }
  return undefined;
}
function hasListeners(target, type) {
  const list = listenersOf(target);
  if (list !== undefined) for (let i = 0; i < list.length; i++) if (list[i].type === type) return true;
  return false;
}

// What `abort` and `message_channel` hand in, being later in the list.
let abortHooks;
const abortListenersChanged = (target) => {
  if (abortHooks !== undefined) abortHooks.listenersChanged(target);
};

let reporter = () => {};
function report(error) {
  reporter(error);
}

// 2.8 "flatten" for the options of removeEventListener.
const flatten = (options) => (isObject(options) ? !!options.capture : !!options);

function toEventTarget(object) {
  if (object === undefined || object === null) object = globalTarget;
  if (!isEventTarget(object)) throw webidl.illegalInvocation();
  return object;
}
// EventListener? is a callback interface: any object will do.
function toListener(callback, prefix) {
  if (callback === undefined || callback === null) return null;
  if (!isObject(callback)) throw webidl.makeException(prefix, "Argument 2", "is not an object");
  return callback;
}

class EventTarget {
  #listeners = undefined;
  constructor() {}
  addEventListener(type, callback, options = undefined) {
    const target = toEventTarget(this);
    const prefix = "Failed to execute 'addEventListener' on 'EventTarget'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    callback = toListener(callback, prefix);
    let capture = false, once = false, passive = false, signal;
    if (isObject(options)) {
      capture = !!options.capture;
      once = !!options.once;
      passive = !!options.passive;
      signal = options.signal;
      if (signal !== undefined && !abortHooks.isSignal(signal)) {
        throw webidl.makeException(prefix, "'signal' of 'AddEventListenerOptions' (Argument 3)", "is not of type AbortSignal");
      }
    } else {
      capture = !!options;
    }
    // 2.7 "add an event listener".
    if (signal !== undefined && abortHooks.isAborted(signal)) return;
    if (callback === null || findListener(target, type, callback, capture) !== undefined) return;
    const listener = new Listener(type, callback, capture, once, passive, false);
    appendListener(target, listener);
    if (signal !== undefined) {
      listener.signal = signal;
      listener.algorithm = () => removeListener(target, listener);
      abortHooks.addAlgorithm(signal, listener.algorithm);
    }
  }
  removeEventListener(type, callback, options = undefined) {
    const target = toEventTarget(this);
    const prefix = "Failed to execute 'removeEventListener' on 'EventTarget'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    callback = toListener(callback, prefix);
    const listener = findListener(target, type, callback, flatten(options));
    if (listener !== undefined) removeListener(target, listener);
  }
  dispatchEvent(event) {
    const target = toEventTarget(this);
    const prefix = "Failed to execute 'dispatchEvent' on 'EventTarget'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    if (!isEvent(event)) throw webidl.makeException(prefix, "Argument 1", "is not of type Event");
    const flags = eventFlags(event);
    if (flags & DISPATCH) throw new DOMException("The event is already being dispatched", "InvalidStateError");
    setEventFlags(event, flags & ~TRUSTED);
    return dispatch(target, event);
  }
  static {
    isEventTarget = (object) => isObject(object) && (#listeners in object || object === globalTarget);
    listenersOf = (target) => (target === globalTarget ? globalListeners : target.#listeners);
    setListeners = (target, list) => {
      if (target === globalTarget) globalListeners = list;
      else target.#listeners = list;
    };
  }
}
webidl.configureInterface(EventTarget);

/** 2.9 "dispatch", for a path of one target: its capturing listeners first, then the others. */
function dispatch(target, event) {
  beginDispatch(event, target);
  if (listenersOf(target) !== undefined && !(eventFlags(event) & STOP)) {
    invoke(target, event, true);
    if (!(eventFlags(event) & STOP)) invoke(target, event, false);
  }
  endDispatch(event);
  return (eventFlags(event) & CANCELED) === 0;
}

// 2.9 "inner invoke".
function invoke(target, event, capture) {
  const list = listenersOf(target);
  if (list === undefined) return;
  const type = eventType(event);
  const length = list.length;
  for (let i = 0; i < length; i++) {
    const listener = list[i];
    if (listener.removed || listener.type !== type || listener.capture !== capture) continue;
    if (listener.once) removeListener(target, listener);
    if (listener.passive) setEventFlags(event, eventFlags(event) | IN_PASSIVE);
    try {
      if (listener.handler) callHandler(listener.callback, target, event);
      else callListener(listener.callback, target, event);
    } catch (error) {
      report(error);
    }
    const flags = eventFlags(event) & ~IN_PASSIVE;
    setEventFlags(event, flags);
    if (flags & STOP_IMMEDIATE) return;
  }
}
// Web IDL 3.11 "call a user object's operation".
function callListener(callback, target, event) {
  if (typeof callback === "function") {
    FunctionPrototypeCall(callback, target, event);
    return;
  }
  const handleEvent = callback.handleEvent;
  if (typeof handleEvent !== "function") throw new TypeError("EventListener's 'handleEvent' is not a function");
  FunctionPrototypeCall(handleEvent, callback, event);
}
// HTML 8.1.8.1 "the event handler processing algorithm". `onerror` of a global gets the parts of an ErrorEvent.
let errorEventParts = () => undefined;
function callHandler(callback, target, event) {
  if (typeof callback !== "function") return; // [LegacyTreatNonObjectAsNull]: a non-callable object does nothing
  const parts = target === globalTarget && eventType(event) === "error" ? errorEventParts(event) : undefined;
  const result = parts === undefined
    ? FunctionPrototypeCall(callback, target, event)
    : ReflectApply(callback, target, parts);
  if (parts === undefined ? result === false : result === true) setEventFlags(event, canceled(eventFlags(event)));
}

/**
 * Defines an event handler IDL attribute such as `onabort` on `holder`: an interface, or the global object.
 * `is` is the brand check of `this`; `afterSet(object)` runs after the attribute was set (MessagePort's onmessage).
 */
function defineEventHandler(holder, name, is = isEventTarget, afterSet = undefined) {
  const object = typeof holder === "function" ? holder.prototype : holder;
  const type = StringPrototypeSlice(name, 2);
  const check = (target) => {
    if ((target === undefined || target === null) && object === globalTarget) return globalTarget;
    if (!isObject(target) || !is(target)) throw webidl.illegalInvocation();
    return target;
  };
  const find = (target) => {
    const list = listenersOf(target);
    if (list !== undefined) for (let i = 0; i < list.length; i++) if (list[i].handler && list[i].type === type) return list[i];
    return undefined;
  };
  const { get, set } = ObjectGetOwnPropertyDescriptor({
    get [name]() {
      const listener = find(check(this));
      return listener === undefined ? null : listener.callback;
    },
    set [name](value) {
      const target = check(this);
      const listener = find(target);
      if (!isObject(value)) {
        if (listener !== undefined) removeListener(target, listener);
      } else if (listener !== undefined) {
        listener.callback = value; // a handler keeps the place where it was first set
      } else {
        appendListener(target, new Listener(type, value, false, false, false, true));
      }
      if (afterSet !== undefined) afterSet(target);
    },
  }, name);
  ObjectDefineProperty(object, name, { __proto__: null, get, set, enumerable: true, configurable: true });
}

/** Marks an event that NANO itself fires. */
function trust(event, cancelable = false) {
  setEventFlags(event, eventFlags(event) | TRUSTED | (cancelable ? CANCELABLE : 0));
  return event;
}
/** DOM 2.10 "fire an event": false when it was cancelled. */
function fireEvent(target, type, cancelable = false) {
  return dispatch(target, trust(new Event(type), cancelable));
}

/** Makes the one global object an EventTarget; it must inherit from EventTarget.prototype by itself. */
function makeEventTarget(object) {
  globalTarget = object;
}

exports.Event = Event;
exports.EventTarget = EventTarget;
exports.isEvent = isEvent;
exports.isEventTarget = isEventTarget;
exports.dispatch = dispatch;
exports.trust = trust;
exports.fireEvent = fireEvent;
exports.hasListeners = hasListeners;
exports.defineEventHandler = defineEventHandler;
exports.makeEventTarget = makeEventTarget;
exports.report = report;
exports.setReporter = (fn) => { reporter = fn; };
exports.setAbortHooks = (hooks) => { abortHooks = hooks; };
exports.setErrorEventParts = (fn) => { errorEventParts = fn; };
/** A getter and a method of Event, for the events that have more, whatever an app makes of these. */
exports.eventPhase = ObjectGetOwnPropertyDescriptor(Event.prototype, "eventPhase").get;
exports.initEvent = Event.prototype.initEvent;
