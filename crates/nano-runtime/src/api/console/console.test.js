// What is written is checked by the engine's own tests; here: the namespace, and that nothing throws or runs app code.
const trap = () => { throw new Error("app code was run"); };

test("console is a namespace", () => {
  assertEquals(Object.prototype.toString.call(console), "[object console]");
  const prototype = Object.getPrototypeOf(console);
  assertEquals(Reflect.ownKeys(prototype), []);
  assertEquals(Object.getPrototypeOf(prototype), Object.prototype);
  assertEquals(typeof globalThis.Console, "undefined");
  const methods = ["assert", "clear", "debug", "error", "info", "log", "table", "trace", "warn", "dir", "dirxml", "count",
    "countReset", "group", "groupCollapsed", "groupEnd", "time", "timeLog", "timeEnd"];
  assertEquals(Object.keys(console), methods);
  for (const name of methods) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(console, name);
    assertEquals([value.name, value.length, writable, enumerable, configurable], [name, 0, true, true, true]);
    assert(!("prototype" in value), name);
  }
  const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(console, Symbol.toStringTag);
  assertEquals([writable, enumerable, configurable], [false, false, true]);
});

test("labels are converted to strings, and their exceptions are the caller's", () => {
  for (const name of ["count", "countReset", "time", "timeLog", "timeEnd"]) {
    let called = 0;
    console[name]({ toString() { called++; return "label"; } });
    assertEquals(called, 1, name);
    assertThrows(() => console[name]({ toString: trap }), Error, "app code was run");
    assertThrows(() => console[name](Symbol()), TypeError);
    assertEquals(console[name](), undefined);
  }
});

test("nothing that is logged runs code of the app", () => {
  const hostile = {
    get getter() { return trap(); },
    toString: trap, valueOf: trap, toJSON: trap, inspect: trap, then: trap, [Symbol.toPrimitive]: trap,
    get [Symbol.toStringTag]() { return trap(); },
    get constructor() { return trap(); },
  };
  class Hostile {
    get [Symbol.toStringTag]() { return trap(); }
    static get name() { return trap(); }
  }
  const handler = new Proxy({}, { get: trap });
  const proxied = new Proxy({ a: 1 }, handler);
  const error = new Error("e");
  Object.defineProperty(error, "name", { get: trap });
  Object.defineProperty(error, "message", { get: trap });
  Object.defineProperty(error, "cause", { get: trap });
  const ownStack = new Error("e");
  Object.defineProperty(ownStack, "stack", { get: trap });
  const regexp = /x/g;
  Object.defineProperty(regexp, "flags", { get: trap });
  Object.defineProperty(regexp, "global", { get: trap });
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const values = [hostile, new Hostile(), Hostile, proxied, Object.create(proxied), error, ownStack, regexp, revoked.proxy,
    new Proxy(function () {}, handler), new Proxy([1], handler), Object.defineProperty([1], 0, { get: trap, enumerable: true }),
    Object.assign(new Map([[hostile, hostile]]), { get: trap, entries: trap }), Object.create(Map.prototype),
    Object.create(Promise.prototype), Object.create(Date.prototype), Object.create(Event.prototype),
    Object.create(AbortSignal.prototype), Object.create(DOMException.prototype), Object.create(Error.prototype),
    Map.prototype, Date.prototype, RegExp.prototype, Uint8Array.prototype, Event.prototype, DOMException.prototype];
  for (const value of values) {
    console.log(value);
    console.log({ value }, [value]);
    console.log("%s %d %i %f %o %O %c", value, value, value, value, value, value, value);
    console.dir(value);
    console.table(value);
    console.table([value, { value }]);
    console.group(value);
    console.groupEnd();
    console.assert(false, value);
  }
});

test("logging does not depend on what an app does to the built-in prototypes", () => {
  const saved = [];
  const patch = (object, key) => {
    saved[saved.length] = [object, key, Object.getOwnPropertyDescriptor(object, key)];
    Object.defineProperty(object, key, { __proto__: null, configurable: true, writable: true, value: trap });
  };
  const values = { a: [1, 2], b: new Map([[1, 2]]), c: new Set([1]), d() {} };
  try {
    for (const key of ["slice", "padEnd", "replaceAll", Symbol.iterator]) patch(String.prototype, key);
    for (const key of ["get", "entries", "forEach"]) patch(Map.prototype, key);
    for (const key of ["call", "apply"]) patch(Function.prototype, key);
    const keys = ["push", "join", "map", Symbol.iterator];
    for (let i = 0; i < keys.length; i++) patch(Array.prototype, keys[i]);
    console.log("%s", "a", values, new Error("e"), new Date(0));
    console.table([{ a: 1 }]);
    console.trace("t");
    console.count();
  } finally {
    for (let i = 0; i < saved.length; i++) Object.defineProperty(saved[i][0], saved[i][1], saved[i][2]);
  }
});

test("huge and deep values are bounded", () => {
  const start = performance.now();
  let deep = {};
  for (let i = 0; i < 100_000; i++) deep = { deep };
  let proxies = {};
  for (let i = 0; i < 10_000; i++) proxies = new Proxy(proxies, {});
  const wide = {};
  for (let i = 0; i < 1000; i++) wide[`key${i}`] = Array.from({ length: 100 }, () => ["x".repeat(100)]);
  const circular = { list: [] };
  circular.list.push(circular);
  let cause = new Error("c");
  for (let i = 0; i < 1000; i++) cause = new Error("c", { cause });
  for (const value of [deep, proxies, wide, circular, cause, "x".repeat(5_000_000), ["x".repeat(5_000_000)],
    new Array(4_294_967_295), new Uint8Array(5_000_000), new Map(Array.from({ length: 100_000 }, (_, i) => [i, i])),
    new String("x".repeat(5_000_000)), new Array(5_000_000).fill(0), [new Uint8Array(5_000_000)],
    new Array(1000).fill(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [i, "x".repeat(10_000)]))),
    2n ** 100_000n, Object.fromEntries([["k".repeat(100_000), 1]]), new Array(100_000).fill("y".repeat(1000))]) {
    console.log(value);
    console.log("%s%o", value, value);
    console.table(value);
  }
  console.log("%s".repeat(500), ...new Array(500).fill("x".repeat(60_000)));
  const holes = [];
  holes[4_000_000_000] = 1;
  console.log(holes);
  for (let i = 0; i < 10_000; i++) console.group();
  console.log("a\nb");
  for (let i = 0; i < 20_000; i++) console.groupEnd();
  assert(performance.now() - start < 5000, "bounded in time");
});

test("logging when the stack is nearly used up does not lose the app's own error", () => {
  let depth = 0;
  const recurse = () => {
    depth++;
    console.log({ a: { b: [1, { c: 2 }] } });
    recurse();
  };
  assertThrows(recurse, RangeError);
  assert(depth > 10);
});

test("console.table takes columns, and rejects what is no sequence", () => {
  console.table([{ a: 1, b: 2 }], ["b"]);
  console.table(5);
  console.table();
  console.table(new Map([[1, 2]]));
  assertThrows(() => console.table([], 5), TypeError);
  assertThrows(() => console.dir({}, 5), TypeError);
});
