// FetchEvent (Service Workers, 4.6): the handler of an app that says `addEventListener("fetch", ...)`.

const { PromiseResolve, TypeError } = primordials;
const webidl = require("webidl");
const { Event, dispatch } = require("event");
const { DOMException } = require("domexception");

let makeEvent, responseOf;

class FetchEvent extends Event {
  #request; #context; #response; #responded = false; #open = true;
  constructor(key, request, context) {
    if (key !== webidl.internal) throw webidl.illegalConstructor();
    super("fetch", { __proto__: null, cancelable: true });
    this.#request = request;
    this.#context = context;
  }
  get request() { return this.#request; }
  /** Takes the response, or a promise of it. Has to be called while the listeners run, and once. */
  respondWith(response) {
    if (!(#request in this)) throw webidl.illegalInvocation();
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'respondWith' on 'FetchEvent'");
    if (!this.#open || this.#responded) {
      throw new DOMException("respondWith() was called too late, or twice", "InvalidStateError");
    }
    this.#responded = true;
    this.#response = PromiseResolve(response);
  }
  /** As `ctx.waitUntil`. */
  waitUntil(promise) {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'waitUntil' on 'FetchEvent'");
    this.#context.waitUntil(promise);
  }
  /** As `ctx.passThroughOnException`: NANO has no origin to pass a request on to. */
  passThroughOnException() {
    this.#request;
  }
  static {
    makeEvent = (request, context) => new FetchEvent(webidl.internal, request, context);
    responseOf = (event) => {
      event.#open = false;
      return event.#responded ? event.#response : undefined;
    };
  }
}
webidl.configureInterface(FetchEvent);

exports.FetchEvent = FetchEvent;
/** Gives the promise of the response that a listener responded with. */
exports.dispatchFetch = (global, request, context) => {
  const event = makeEvent(request, context);
  dispatch(global, event);
  const response = responseOf(event);
  if (response === undefined) throw new TypeError('no listener of "fetch" called event.respondWith()');
  return response;
};
