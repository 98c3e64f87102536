// What other built-ins' state looks like when an app has polluted Object.prototype.
function polluted(properties, fn) {
  for (const key of Object.keys(properties)) {
    Object.defineProperty(Object.prototype, key, { __proto__: null, value: properties[key], configurable: true, writable: true });
  }
  try {
    return fn();
  } finally {
    for (const key of Object.keys(properties)) delete Object.prototype[key];
  }
}
function reportedBy(fn) {
  const errors = [];
  const listener = (event) => {
    errors.push(event.error);
    event.preventDefault();
  };
  addEventListener("error", listener);
  try {
    fn();
  } finally {
    removeEventListener("error", listener);
  }
  return errors;
}

test("Event: construction and its defaults", () => {
  const event = new Event("x");
  assertEquals(event.type, "x");
  for (const key of ["target", "srcElement", "currentTarget"]) assertEquals(event[key], null, key);
  for (const key of ["bubbles", "cancelable", "composed", "defaultPrevented", "cancelBubble", "isTrusted"]) {
    assertEquals(event[key], false, key);
  }
  assertEquals([event.eventPhase, event.returnValue], [0, true]);
  assert(event.timeStamp >= 0 && event.timeStamp <= performance.now());
  assertEquals(event.composedPath(), []);
  assertThrows(() => new Event(), TypeError);
  assertThrows(() => Event("x"), TypeError);
  assertThrows(() => new Event("x", 1), TypeError);
  assertEquals(new Event("x", null).bubbles, false);
  assertEquals(new Event(undefined).type, "undefined");
  assertEquals(Event.length, 1);
});

test("Event: init members are read in order", () => {
  const order = [];
  const init = {};
  for (const key of ["composed", "bubbles", "cancelable"]) Object.defineProperty(init, key, { get() { order.push(key); return 1; } });
  const event = new Event("x", init);
  assertEquals(order, ["bubbles", "cancelable", "composed"]);
  assertEquals([event.bubbles, event.cancelable, event.composed], [true, true, true]);
});

test("Event: isTrusted is own and unforgeable, with one getter for all", () => {
  const descriptor = Object.getOwnPropertyDescriptor(new Event("x"), "isTrusted");
  assertEquals([descriptor.set, descriptor.enumerable, descriptor.configurable], [undefined, true, false]);
  assertEquals(descriptor.get, Object.getOwnPropertyDescriptor(new Event("y"), "isTrusted").get);
  assert(!("isTrusted" in Event.prototype));
});

test("Event: constants and members", () => {
  assertEquals([Event.NONE, Event.CAPTURING_PHASE, Event.AT_TARGET, Event.BUBBLING_PHASE], [0, 1, 2, 3]);
  assertEquals(Event.prototype.AT_TARGET, 2);
  const members = Object.keys(Event.prototype).sort();
  assertEquals(members, [
    "AT_TARGET", "BUBBLING_PHASE", "CAPTURING_PHASE", "NONE", "bubbles", "cancelBubble", "cancelable", "composed",
    "composedPath", "currentTarget", "defaultPrevented", "eventPhase", "initEvent", "preventDefault", "returnValue",
    "srcElement", "stopImmediatePropagation", "stopPropagation", "target", "timeStamp", "type",
  ]);
  assertThrows(() => Event.prototype.type, TypeError);
  assertEquals(Event.prototype.initEvent.length, 1);
});

test("Event: cancelling", () => {
  for (const cancelable of [true, false]) {
    for (const cancel of [(e) => e.preventDefault(), (e) => { e.returnValue = false; }]) {
      const event = new Event("x", { cancelable });
      cancel(event);
      event.returnValue = true;
      assertEquals([event.defaultPrevented, event.returnValue], [cancelable, !cancelable]);
    }
  }
});

test("Event: initEvent", () => {
  const event = new Event("x", { cancelable: true });
  event.preventDefault();
  event.initEvent("y", true, true);
  assertEquals([event.type, event.bubbles, event.cancelable, event.defaultPrevented], ["y", true, true, false]);
  assertThrows(() => event.initEvent(), TypeError);
  const target = new EventTarget();
  target.addEventListener("y", () => event.initEvent("z"));
  target.dispatchEvent(event);
  assertEquals(event.type, "y");
});

test("EventTarget: what a listener sees during and after dispatch", () => {
  const target = new EventTarget();
  const event = new Event("x");
  let seen;
  target.addEventListener("x", function (e) {
    seen = [this === target, e === event, e.target === target, e.currentTarget === target, e.eventPhase,
      e.composedPath().length, e.srcElement === target, arguments.length];
  });
  assertEquals(target.dispatchEvent(event), true);
  assertEquals(seen, [true, true, true, true, 2, 1, true, 1]);
  assertEquals([event.target === target, event.currentTarget, event.eventPhase, event.composedPath()], [true, null, 0, []]);
});

test("EventTarget: order, duplicates, removal and addition during dispatch", () => {
  const target = new EventTarget();
  const log = [];
  const named = (name, then) => () => { log.push(name); then?.(); };
  const c = named("c");
  const late = named("late");
  const a = named("a", () => {
    target.removeEventListener("x", c);
    target.addEventListener("x", late);
  });
  target.addEventListener("x", a);
  target.addEventListener("x", a);
  target.addEventListener("x", named("capture"), true);
  target.addEventListener("x", named("b"));
  target.addEventListener("x", c);
  target.dispatchEvent(new Event("x"));
  assertEquals(log, ["capture", "a", "b"]);
  log.length = 0;
  target.dispatchEvent(new Event("x"));
  assertEquals(log, ["capture", "a", "b", "late"]);
});

test("EventTarget: a listener added by a capturing one is called in the same dispatch", () => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener("x", () => target.addEventListener("x", () => log.push("inner")), true);
  target.dispatchEvent(new Event("x"));
  assertEquals(log, ["inner"]);
});

test("EventTarget: stopPropagation and stopImmediatePropagation", () => {
  for (const [stop, expected] of [
    ["stopPropagation", ["1", "2"]], ["stopImmediatePropagation", ["1"]],
  ]) {
    const target = new EventTarget();
    const log = [];
    target.addEventListener("x", (e) => { log.push("1"); e[stop](); }, true);
    target.addEventListener("x", () => log.push("2"), true);
    target.addEventListener("x", () => log.push("3"));
    const event = new Event("x");
    target.dispatchEvent(event);
    assertEquals(log, expected, stop);
    assertEquals(event.cancelBubble, false);
  }
  const target = new EventTarget();
  target.addEventListener("x", () => { throw new Error("called"); });
  const stopped = new Event("x");
  stopped.stopPropagation();
  target.dispatchEvent(stopped);
});

test("EventTarget: once, passive, capture options", () => {
  const target = new EventTarget();
  let calls = 0;
  target.addEventListener("x", () => {
    calls++;
    if (calls === 1) target.dispatchEvent(new Event("x"));
  }, { once: true });
  target.dispatchEvent(new Event("x"));
  assertEquals(calls, 1);

  const listener = (e) => e.preventDefault();
  target.addEventListener("x", listener, { passive: true });
  assertEquals(target.dispatchEvent(new Event("x", { cancelable: true })), true);
  target.removeEventListener("x", listener, { passive: false });
  target.addEventListener("x", listener);
  assertEquals(target.dispatchEvent(new Event("x", { cancelable: true })), false);
  target.removeEventListener("x", listener, true);
  assertEquals(target.dispatchEvent(new Event("x", { cancelable: true })), false);
  target.removeEventListener("x", listener, { capture: 0 });
  assertEquals(target.dispatchEvent(new Event("x", { cancelable: true })), true);
});

test("EventTarget: the signal option", () => {
  const target = new EventTarget();
  const controller = new AbortController();
  let calls = 0;
  const count = () => calls++;
  target.addEventListener("x", count, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  target.addEventListener("x", count, { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  assertEquals(calls, 1);
  for (const signal of [null, {}, 1]) {
    assertThrows(() => target.addEventListener("x", count, { signal }), TypeError);
    assertThrows(() => target.addEventListener("x", null, { signal }), TypeError);
  }
});

test("EventTarget: argument conversions", () => {
  const target = new EventTarget();
  assertThrows(() => target.addEventListener("x"), TypeError);
  assertThrows(() => target.addEventListener("x", 1), TypeError);
  assertThrows(() => target.removeEventListener("x", "s"), TypeError);
  assertEquals(target.addEventListener("x", null), undefined);
  assertEquals(target.addEventListener("x", undefined, undefined), undefined);
  assertEquals(target.removeEventListener("x", null), undefined);
  for (const value of [null, undefined, {}, "x"]) assertThrows(() => target.dispatchEvent(value), TypeError);
  const order = [];
  const options = {};
  for (const key of ["signal", "passive", "once", "capture"]) Object.defineProperty(options, key, { get() { order.push(key); } });
  target.addEventListener({ toString() { order.push("type"); return "x"; } }, () => {}, options);
  assertEquals(order, ["type", "capture", "once", "passive", "signal"]);
  assertThrows(() => EventTarget.prototype.addEventListener.call({}, "x", null), TypeError);
  assertEquals([EventTarget.length, target.addEventListener.length, target.dispatchEvent.length], [0, 2, 1]);
});

test("EventTarget: handleEvent is looked up at each dispatch, and its failures are reported", () => {
  const target = new EventTarget();
  const log = [];
  const listener = { handleEvent(e) { log.push(this === listener, e.type); } };
  target.addEventListener("x", listener);
  target.dispatchEvent(new Event("x"));
  listener.handleEvent = 1;
  const errors = reportedBy(() => target.dispatchEvent(new Event("x")));
  assertEquals(log, [true, "x"]);
  assert(errors[0] instanceof TypeError);
});

test("EventTarget: an exception is reported and the next listener is called", () => {
  const target = new EventTarget();
  const error = new Error("boom");
  let called = false;
  target.addEventListener("x", () => { throw error; });
  target.addEventListener("x", () => { called = true; });
  assertEquals(reportedBy(() => target.dispatchEvent(new Event("x"))), [error]);
  assert(called);
});

test("EventTarget: an event cannot be dispatched while it is being dispatched", () => {
  const target = new EventTarget();
  const event = new Event("x");
  let error;
  target.addEventListener("x", () => { error = assertThrows(() => target.dispatchEvent(event), "InvalidStateError"); });
  target.dispatchEvent(event);
  assert(error);
  target.dispatchEvent(event);
});

test("EventTarget: subclasses, and the global as a receiver", () => {
  class Mine extends EventTarget { constructor() { super(); this.x = 1; } }
  let seen;
  const mine = new Mine();
  mine.addEventListener("x", (e) => { seen = e.target; });
  mine.dispatchEvent(new Event("x"));
  assertEquals(seen, mine);

  const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype;
  const listener = (e) => { seen = e.currentTarget; };
  addEventListener("y", listener);
  dispatchEvent.call(null, new Event("y"));
  assertEquals(seen, globalThis);
  removeEventListener.call(undefined, "y", listener);
});

test("event handler attributes: order, values, return value", () => {
  const target = new AbortController().signal;
  const log = [];
  assertEquals(target.onabort, null);
  target.addEventListener("abort", () => log.push("1"));
  target.onabort = () => log.push("never");
  target.addEventListener("abort", () => log.push("3"));
  target.onabort = function (e) { log.push("2", this === target, e.type); return false; };
  const event = new Event("abort", { cancelable: true });
  assertEquals(target.dispatchEvent(event), false);
  assertEquals(log, ["1", "2", true, "abort", "3"]);
  log.length = 0;
  target.onabort = 5;
  assertEquals(target.onabort, null);
  target.onabort = () => log.push("last");
  target.dispatchEvent(new Event("abort"));
  assertEquals(log, ["1", "3", "last"]);
  const object = {};
  target.onabort = object;
  assertEquals(target.onabort, object);
  target.dispatchEvent(new Event("abort"));
  const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "onabort");
  assertEquals([get.name, set.name, enumerable, configurable], ["get onabort", "set onabort", true, true]);
  assertThrows(() => get.call(new EventTarget()), TypeError);
});

test("event classes: members and conversions", () => {
  for (const [Class, init, members] of [
    [CustomEvent, undefined, { detail: null }],
    [CustomEvent, { detail: 5 }, { detail: 5 }],
    [ErrorEvent, undefined, { message: "", filename: "", lineno: 0, colno: 0, error: undefined }],
    [ErrorEvent, { message: 1, filename: "\ud800", lineno: "7", colno: -1, error: null },
      { message: "1", filename: "\ufffd", lineno: 7, colno: 4294967295, error: null }],
    [MessageEvent, undefined, { data: null, origin: "", lastEventId: "", source: null, ports: [] }],
    [MessageEvent, { data: 1, origin: "o", lastEventId: 2, ports: [] }, { data: 1, origin: "o", lastEventId: "2" }],
  ]) {
    const event = init === undefined ? new Class("x") : new Class("x", { ...init, bubbles: true });
    assert(event instanceof Event);
    assertEquals(event.bubbles, init !== undefined);
    for (const key of Object.keys(members)) assertEquals(event[key], members[key], `${Class.name}.${key}`);
    assertEquals([Class.length, Object.getPrototypeOf(Class)], [1, Event]);
    assertThrows(() => new Class(), TypeError);
    assertThrows(() => new Class("x", 1), TypeError);
    assertThrows(() => Class.prototype[Object.keys(members)[0]], TypeError);
  }
  const event = new MessageEvent("x");
  assert(Object.isFrozen(event.ports) && event.ports === event.ports);
  assertThrows(() => new MessageEvent("x", { ports: [{}] }), TypeError);
  assertThrows(() => new MessageEvent("x", { source: {} }), TypeError);
});

test("PromiseRejectionEvent requires a promise", () => {
  const promise = {};
  const event = new PromiseRejectionEvent("x", { promise, reason: 1 });
  assertEquals([event.promise === promise, event.reason, PromiseRejectionEvent.length], [true, 1, 2]);
  for (const args of [[], ["x"], ["x", undefined], ["x", {}], ["x", { promise: 1 }]]) {
    assertThrows(() => new PromiseRejectionEvent(...args), TypeError);
  }
});

test("initCustomEvent and initMessageEvent", () => {
  const custom = new CustomEvent("x", { detail: 1 });
  custom.initCustomEvent("y", true, false, 2);
  assertEquals([custom.type, custom.bubbles, custom.detail], ["y", true, 2]);
  custom.initCustomEvent("z");
  assertEquals([custom.bubbles, custom.detail], [false, null]);
  const target = new EventTarget();
  target.addEventListener("z", (e) => e.initCustomEvent("q", false, false, 9));
  target.dispatchEvent(custom);
  assertEquals([custom.type, custom.detail], ["z", null]);
  const message = new MessageEvent("x");
  message.initMessageEvent("y", true, true, 1, "o", "id", null, []);
  assertEquals([message.type, message.cancelable, message.data, message.origin, message.lastEventId], ["y", true, 1, "o", "id"]);
});

test("events do not depend on what an app does to the built-in prototypes", () => {
  const { call } = Function.prototype;
  const target = new EventTarget();
  let calls = 0;
  polluted({ get: 1, value: 2, signal: 3, capture: true, once: true, removed: true, handler: true, 0: 1 }, () => {
    Function.prototype.call = () => { throw new Error("called"); };
    try {
      target.addEventListener("x", () => { calls++; }, false);
      target.addEventListener("x", () => { calls++; }, false);
      target.dispatchEvent(new Event("x"));
      target.dispatchEvent(new Event("x"));
    } finally {
      Function.prototype.call = call;
    }
  });
  assertEquals(calls, 4);
  const setter = Object.getOwnPropertyDescriptor(Array.prototype, "1");
  Object.defineProperty(Array.prototype, "1", { __proto__: null, set() { throw new Error("called"); }, configurable: true });
  try {
    const other = new EventTarget();
    other.addEventListener("x", () => {});
    other.addEventListener("x", () => {}, true);
  } finally {
    assertEquals(setter, undefined);
    delete Array.prototype[1];
  }
});
