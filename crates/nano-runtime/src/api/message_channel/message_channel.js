// MessageChannel and MessagePort (HTML, 9.4), within one isolate.
//
// A message is cloned when it is posted, and delivered by a task of the request that posted it. It stays in the port's
// queue until then, so that messages keep their order; what a request posted that has ended meanwhile is dropped.

const { ObjectDefineProperty, ObjectSetPrototypeOf, PromisePrototypeThen, PromiseWithResolvers, SymbolIterator } =
  primordials;
const webidl = require("webidl");
const { EventTarget, defineEventHandler, dispatch, fireEvent, hasListeners } = require("event");
const { makeMessageEvent, setMessagePortCheck } = require("event_types");
const { cloneWithTransfer, dataCloneError, optionsConverter } = require("structured_clone");
const { registerTransferable } = require("structured_clone/registry");

/** A message in a port's queue. */
class Message {
  constructor(data, ports) {
    this.data = data;
    this.ports = ports;
    this.request = ops.message_owner(); // on whose account it is delivered
    this.next = undefined;
    this.pending = false; // a task for it is on its way
    this.gate = undefined; // lets it out of its task to the listeners, which run for the request that posted it
  }
}
ObjectSetPrototypeOf(Message.prototype, null);

/**
 * One end of a channel. A transfer gives it another MessagePort; the ends of a transferred stream have none, but a
 * `handler(data)`.
 */
class End {
  constructor() {
    this.port = undefined;
    this.handler = undefined;
    this.other = undefined; // the end that it is entangled with
    this.enabled = false;
    this.detached = false;
    this.head = undefined;
    this.tail = undefined;
  }

  /** Queues a message, on behalf of the request that is running. */
  receive(message) {
    if (this.tail === undefined) this.head = message;
    else this.tail.next = message;
    this.tail = message;
    message.gate = PromiseWithResolvers();
    PromisePrototypeThen(message.gate.promise, () => this.dispatch(message));
    if (this.enabled) this.schedule(message);
  }
  schedule(message) {
    const task = ops.next_task(message.request);
    if (task === undefined) return;
    message.pending = true;
    PromisePrototypeThen(task, () => {
      message.pending = false;
      this.deliver(message);
    });
  }
  /** Enables the queue. */
  start() {
    if (this.enabled || this.detached) return;
    this.enabled = true;
    for (let message = this.head; message !== undefined; message = message.next) {
      if (!message.pending) this.schedule(message);
    }
  }
  /** The message's task. */
  deliver(message) {
    if (!this.enabled) return; // meanwhile the port was transferred: the message waits for the new one's start
    // What a request has posted that has ended is dropped, and what there could be no task for.
    let first = this.head;
    while (first !== undefined && first !== message && !(first.pending && ops.message_is_due(first.request))) {
      first = first.next;
    }
    this.head = first;
    if (first === message) {
      this.head = message.next;
      if (this.head === undefined) this.tail = undefined;
      message.gate.resolve();
    } else if (first === undefined) {
      this.tail = undefined;
    } else {
      this.schedule(message); // its turn comes after those before it
    }
  }
  dispatch(message) {
    if (this.handler !== undefined) this.handler(message.data);
    else dispatch(this.port, makeMessageEvent(message.data, message.ports));
  }

  /** "Disentangle", started by this end. What is on its way still arrives, at either end. */
  close() {
    this.detached = true;
    const { other } = this;
    if (other === undefined) return;
    this.other = undefined;
    other.other = undefined;
    if (other.port === undefined || !hasListeners(other.port, "close")) return;
    const task = ops.next_task(ops.message_owner());
    if (task !== undefined) PromisePrototypeThen(task, () => fireEvent(other.port, "close"));
  }
}
ObjectSetPrototypeOf(End.prototype, null);

/** Two ends without ports, each other's. */
function createChannel() {
  const end1 = new End();
  const end2 = new End();
  end1.other = end2;
  end2.other = end1;
  return { __proto__: null, end1, end2 };
}

/** (sequence<object> or StructuredSerializeOptions): the transfer list. */
const transferConverter = webidl.createSequenceConverter(webidl.converters.object);
function convertTransfer(value, prefix) {
  if (webidl.isObject(value) && value[SymbolIterator] !== undefined && value[SymbolIterator] !== null) {
    return transferConverter(value, prefix, "Argument 2");
  }
  return optionsConverter(value, prefix, "Argument 2").transfer;
}

let isMessagePort, startPort, takeEnd;

class MessagePort extends EventTarget {
  #end;
  constructor(token = undefined, end = undefined) {
    if (token !== webidl.internal) throw webidl.illegalConstructor();
    super();
    this.#end = end;
    end.port = this;
  }
  postMessage(message, transferOrOptions = undefined) {
    const end = this.#end;
    const prefix = "Failed to execute 'postMessage' on 'MessagePort'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const transfer = convertTransfer(transferOrOptions, prefix);
    // "Message port post message steps".
    const target = end.other;
    let doomed = false;
    for (let i = 0; i < transfer.length; i++) {
      if (transfer[i] === this) throw dataCloneError("A port cannot be sent through itself");
      if (target !== undefined && transfer[i] === target.port) doomed = true;
    }
    const received = [];
    const data = cloneWithTransfer(message, transfer, received);
    if (target === undefined || doomed) return;
    const ports = [];
    for (let i = 0; i < received.length; i++) {
      if (!isMessagePort(received[i])) continue;
      ObjectDefineProperty(ports, ports.length, {
        __proto__: null, value: received[i], writable: true, enumerable: true, configurable: true,
      });
    }
    target.receive(new Message(data, ports));
  }
  start() {
    this.#end.start();
  }
  close() {
    this.#end.close();
  }
  static {
    isMessagePort = (object) => webidl.isObject(object) && #end in object;
    startPort = (port) => port.#end.start();
    // The transfer steps: the end goes on to another port, with its queue, and this one is detached.
    takeEnd = (port) => {
      const end = port.#end;
      if (end.detached) throw dataCloneError("A MessagePort that is closed or was transferred cannot be transferred");
      const detached = new End();
      detached.detached = true;
      detached.port = port;
      port.#end = detached;
      end.enabled = false;
      return end;
    };
  }
}
webidl.configureInterface(MessagePort);
defineEventHandler(MessagePort, "onmessage", isMessagePort, startPort);
defineEventHandler(MessagePort, "onmessageerror", isMessagePort);
defineEventHandler(MessagePort, "onclose", isMessagePort);
setMessagePortCheck(isMessagePort);
registerTransferable(MessagePort, isMessagePort, (port) => new MessagePort(webidl.internal, takeEnd(port)));

class MessageChannel {
  #port1; #port2;
  constructor() {
    const { end1, end2 } = createChannel();
    this.#port1 = new MessagePort(webidl.internal, end1);
    this.#port2 = new MessagePort(webidl.internal, end2);
  }
  get port1() {
    return this.#port1;
  }
  get port2() {
    return this.#port2;
  }
}
webidl.configureInterface(MessageChannel);

exports.createChannel = createChannel;
/** Sends what nobody else has, or what cannot change, to the other end; nothing when that is closed. */
exports.send = (end, data) => {
  if (end.other !== undefined) end.other.receive(new Message(data, undefined));
};
/** Gives all messages to `handler`, those that have come already first. */
exports.listen = (end, handler) => {
  end.handler = handler;
  end.start();
};
exports.globals = { __proto__: null, MessageChannel, MessagePort };
