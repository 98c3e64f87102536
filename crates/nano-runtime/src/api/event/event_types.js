// The events that carry something: CustomEvent (DOM, 2.4), ErrorEvent and PromiseRejectionEvent (HTML, 8.1.4.3 and
// 8.1.4.5), MessageEvent (HTML, 9.1).

const { FunctionPrototypeCall, ObjectFreeze } = primordials;
const webidl = require("webidl");
const { Event, eventPhase, initEvent, setErrorEventParts, trust } = require("event");
const { converters } = webidl;

// Reads member `key` of an event's init dictionary, whose base members `Event` has read and checked.
function member(init, key, converter, name, fallback) {
  if (init === undefined || init === null) return fallback;
  const value = init[key];
  return value === undefined ? fallback : converter(value, `Failed to construct '${name}'`, `'${key}' of '${name}Init'`);
}

// initCustomEvent and initMessageEvent do nothing during dispatch; `eventPhase` tells.
const inDispatch = (event) => FunctionPrototypeCall(eventPhase, event) !== 0;

class CustomEvent extends Event {
  #detail;
  constructor(type, eventInitDict = undefined) {
    webidl.requiredArguments(arguments.length, 1, "Failed to construct 'CustomEvent'");
    super(type, eventInitDict);
    this.#detail = member(eventInitDict, "detail", converters.any, "CustomEvent", null);
  }
  get detail() { return this.#detail; }
  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    if (!(#detail in this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'initCustomEvent' on 'CustomEvent'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    if (inDispatch(this)) return;
    FunctionPrototypeCall(initEvent, this, type, bubbles, cancelable);
    this.#detail = detail;
  }
}
webidl.configureInterface(CustomEvent);

class ErrorEvent extends Event {
  #message; #filename; #lineno; #colno; #error;
  constructor(type, eventInitDict = undefined) {
    webidl.requiredArguments(arguments.length, 1, "Failed to construct 'ErrorEvent'");
    super(type, eventInitDict);
    this.#colno = member(eventInitDict, "colno", converters["unsigned long"], "ErrorEvent", 0);
    this.#error = member(eventInitDict, "error", converters.any, "ErrorEvent", undefined);
    this.#filename = member(eventInitDict, "filename", converters.USVString, "ErrorEvent", "");
    this.#lineno = member(eventInitDict, "lineno", converters["unsigned long"], "ErrorEvent", 0);
    this.#message = member(eventInitDict, "message", converters.DOMString, "ErrorEvent", "");
  }
  get message() { return this.#message; }
  get filename() { return this.#filename; }
  get lineno() { return this.#lineno; }
  get colno() { return this.#colno; }
  get error() { return this.#error; }
  static {
    // HTML 8.1.8.1: what `onerror` of a global is called with.
    setErrorEventParts((event) => (#message in event
      ? [event.#message, event.#filename, event.#lineno, event.#colno, event.#error]
      : undefined));
  }
}
webidl.configureInterface(ErrorEvent);

class PromiseRejectionEvent extends Event {
  #promise; #reason;
  constructor(type, eventInitDict) {
    const prefix = "Failed to construct 'PromiseRejectionEvent'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    super(type, eventInitDict);
    this.#promise = member(eventInitDict, "promise", converters.object, "PromiseRejectionEvent", undefined);
    if (this.#promise === undefined) {
      throw webidl.makeException(prefix, "Argument 2", "lacks the required member 'promise' of 'PromiseRejectionEventInit'");
    }
    this.#reason = member(eventInitDict, "reason", converters.any, "PromiseRejectionEvent", undefined);
  }
  get promise() { return this.#promise; }
  get reason() { return this.#reason; }
}
webidl.configureInterface(PromiseRejectionEvent);

// MessagePort is later in the list of built-ins.
let isMessagePort = () => false;
const portConverter = webidl.createInterfaceConverter("MessagePort", (object) => isMessagePort(object));
const portsConverter = webidl.createSequenceConverter(portConverter);
// MessageEventSource: here only a MessagePort can be one.
const sourceConverter = webidl.createNullableConverter(portConverter);

/** The `message` event that a port fires; `ports` is a list that nobody else has. */
let makeMessageEvent;

class MessageEvent extends Event {
  #data; #origin; #lastEventId; #source; #ports;
  constructor(type, eventInitDict = undefined) {
    webidl.requiredArguments(arguments.length, 1, "Failed to construct 'MessageEvent'");
    super(type, eventInitDict);
    this.#data = member(eventInitDict, "data", converters.any, "MessageEvent", null);
    this.#lastEventId = member(eventInitDict, "lastEventId", converters.DOMString, "MessageEvent", "");
    this.#origin = member(eventInitDict, "origin", converters.USVString, "MessageEvent", "");
    this.#ports = member(eventInitDict, "ports", portsConverter, "MessageEvent", undefined);
    this.#source = member(eventInitDict, "source", sourceConverter, "MessageEvent", null);
  }
  get data() { return this.#data; }
  get origin() { return this.#origin; }
  get lastEventId() { return this.#lastEventId; }
  get source() { return this.#source; }
  get ports() {
    // FrozenArray: the same frozen list every time, made when first asked for.
    return (this.#ports = ObjectFreeze(this.#ports ?? []));
  }
  initMessageEvent(
    type, bubbles = false, cancelable = false, data = null, origin = "", lastEventId = "", source = null,
    ports = undefined,
  ) {
    if (!(#data in this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'initMessageEvent' on 'MessageEvent'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    origin = converters.USVString(origin, prefix, "Argument 5");
    lastEventId = converters.DOMString(lastEventId, prefix, "Argument 6");
    source = sourceConverter(source, prefix, "Argument 7");
    if (ports !== undefined) ports = portsConverter(ports, prefix, "Argument 8");
    if (inDispatch(this)) return;
    FunctionPrototypeCall(initEvent, this, type, bubbles, cancelable);
    this.#data = data;
    this.#origin = origin;
    this.#lastEventId = lastEventId;
    this.#source = source;
    this.#ports = ports;
  }
  static {
    makeMessageEvent = (data, ports) => {
      const event = new MessageEvent("message");
      event.#data = data;
      event.#ports = ports;
      return trust(event);
    };
  }
}
webidl.configureInterface(MessageEvent);

exports.CustomEvent = CustomEvent;
exports.ErrorEvent = ErrorEvent;
exports.PromiseRejectionEvent = PromiseRejectionEvent;
exports.MessageEvent = MessageEvent;
exports.makeMessageEvent = makeMessageEvent;
exports.setMessagePortCheck = (fn) => { isMessagePort = fn; };
