const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

test("the global object is an EventTarget", () => {
  assert(globalThis instanceof EventTarget);
  assertEquals(self, globalThis);
  let event;
  const listener = (e) => { event = e; };
  addEventListener("x", listener);
  dispatchEvent(new Event("x"));
  globalThis.removeEventListener("x", listener);
  assertEquals([event.target, event.srcElement], [globalThis, globalThis]);
});

test("reportError fires an ErrorEvent at the global", () => {
  const error = new Error("boom");
  let event;
  const listener = (e) => {
    event = e;
    e.preventDefault();
  };
  addEventListener("error", listener);
  try {
    assertEquals(reportError(error), undefined);
  } finally {
    removeEventListener("error", listener);
  }
  assert(event instanceof ErrorEvent && event.isTrusted && event.cancelable && !event.bubbles);
  assert(event.error === error && event.message.includes("boom"));
  assertEquals(typeof event.filename, "string");
  assertThrows(() => reportError(), TypeError);
});

test("onerror gets five arguments, and true prevents", () => {
  const error = new RangeError("r");
  let args, prevented;
  onerror = function (...list) {
    args = list;
    assertEquals(this, globalThis);
    return true;
  };
  const after = (event) => { prevented = event.defaultPrevented; };
  addEventListener("error", after);
  try {
    reportError(error);
    assertEquals([args.length, typeof args[0], typeof args[1], typeof args[2], typeof args[3], args[4] === error, prevented],
      [5, "string", "string", "number", "number", true, true]);
    // An event that is not an ErrorEvent is passed as for any other handler.
    dispatchEvent(new Event("error"));
    assert(args.length === 1 && args[0] instanceof Event);
  } finally {
    onerror = null;
    removeEventListener("error", after);
  }
  assertEquals(onerror, null);
});

test("an error in an error listener does not start over", () => {
  let calls = 0;
  const listener = (event) => {
    calls++;
    event.preventDefault();
    reportError(new Error("again"));
    throw new Error("and again");
  };
  addEventListener("error", listener);
  reportError(new Error("first"));
  removeEventListener("error", listener);
  assertEquals(calls, 1);
});

test("queueMicrotask: order, this, exceptions", async () => {
  const log = [];
  const errors = [];
  const listener = (event) => {
    errors.push(event.error);
    event.preventDefault();
  };
  addEventListener("error", listener);
  queueMicrotask(function () { "use strict"; log.push(1, this, arguments.length); });
  Promise.resolve().then(() => log.push(2));
  queueMicrotask(() => { throw 3; });
  queueMicrotask(() => log.push(4));
  assertEquals(log, []);
  await wait(1);
  removeEventListener("error", listener);
  assertEquals(log, [1, undefined, 0, 2, 4]);
  assertEquals(errors, [3]);
  for (const value of [undefined, null, {}, "x"]) assertThrows(() => queueMicrotask(value), TypeError);
  assertEquals(queueMicrotask.length, 1);
});

test("unhandledrejection and rejectionhandled", async () => {
  const log = [];
  const unhandled = (event) => {
    log.push(["unhandledrejection", event.promise, event.reason, event.cancelable, event.isTrusted]);
    event.preventDefault();
  };
  const handled = (event) => log.push(["rejectionhandled", event.promise, event.reason, event.cancelable]);
  addEventListener("unhandledrejection", unhandled);
  addEventListener("rejectionhandled", handled);
  try {
    const promise = Promise.reject(7);
    Promise.reject(8).catch(() => {});
    const late = Promise.reject(9);
    queueMicrotask(() => late.catch(() => {}));
    await wait(2);
    assertEquals(log.length, 1);
    assert(log[0][1] === promise);
    assertEquals([log[0][0], log[0][2], log[0][3], log[0][4]], ["unhandledrejection", 7, true, true]);
    promise.catch(() => {});
    await wait(2);
    assertEquals(log.length, 2);
    assert(log[1][1] === promise);
    assertEquals([log[1][0], log[1][2], log[1][3]], ["rejectionhandled", 7, false]);
  } finally {
    removeEventListener("unhandledrejection", unhandled);
    removeEventListener("rejectionhandled", handled);
  }
});

test("onunhandledrejection", async () => {
  let reason;
  onunhandledrejection = (event) => {
    reason = event.reason;
    return false;
  };
  Promise.reject("r");
  await wait(2);
  onunhandledrejection = null;
  assertEquals([reason, onrejectionhandled], ["r", null]);
});

test("the attributes of the globals", () => {
  for (const name of ["Event", "EventTarget", "DOMException", "AbortSignal", "console"]) {
    const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assertEquals([writable, enumerable, configurable], [true, false, true], name);
  }
  for (const name of ["reportError", "queueMicrotask", "structuredClone", "atob", "btoa"]) {
    const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assertEquals([writable, enumerable, configurable], [true, true, true], name);
  }
  for (const name of ["self", "navigator", "performance", "onerror", "onunhandledrejection", "onrejectionhandled"]) {
    const { get, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assertEquals([get.name, enumerable, configurable], [`get ${name}`, true, true], name);
    assertThrows(() => get.call({}), TypeError);
  }
});

test("a [Replaceable] attribute becomes a data property", () => {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "performance");
  try {
    performance = 5;
    assertEquals(performance, 5);
    const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, "performance");
    assertEquals([writable, enumerable, configurable], [true, true, true]);
  } finally {
    Object.defineProperty(globalThis, "performance", descriptor);
  }
});
