const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function reportedDuring(fn) {
  const errors = [];
  const listener = (event) => {
    errors.push(event.error);
    event.preventDefault();
  };
  addEventListener("error", listener);
  try {
    await fn();
  } finally {
    removeEventListener("error", listener);
  }
  return errors;
}

test("setTimeout passes its arguments, and the global as `this`", async () => {
  const [self, args] = await new Promise((resolve) => {
    const id = setTimeout(function (...args) { resolve([this, args]); }, 1, "a", undefined, 3);
    assert(Number.isInteger(id) && id > 0);
  });
  assert(self === globalThis);
  assertEquals(args, ["a", undefined, 3]);
  assertEquals(await new Promise((resolve) => setTimeout((...rest) => resolve(rest.length))), 0);
});

test("timers of equal delay fire in the order they were started", async () => {
  const log = [];
  for (let i = 0; i < 5; i++) setTimeout(() => log.push(i), 2);
  await wait(10);
  assertEquals(log, [0, 1, 2, 3, 4]);
});

test("delays are converted to a long", async () => {
  for (const delay of [undefined, null, NaN, -5, "1", {}, 2 ** 32, -Infinity, [[1]]]) {
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
  assertThrows(() => setTimeout(() => {}, Symbol()), TypeError);
  assertThrows(() => setTimeout(() => {}, 1n), TypeError);
});

test("a handler must be a function", () => {
  for (const handler of [undefined, null, "code()", {}, 1]) {
    assertThrows(() => setTimeout(handler, 0), TypeError);
    assertThrows(() => setInterval(handler, 0), TypeError);
  }
  assertThrows(() => setTimeout(), TypeError);
});

test("clearTimeout and clearInterval are interchangeable, and take anything", async () => {
  let calls = 0;
  clearInterval(setTimeout(() => calls++, 1));
  clearTimeout(setInterval(() => calls++, 1));
  clearTimeout(String(setTimeout(() => calls++, 1)));
  for (const id of [undefined, null, -1, 0, "x", {}, 1e10, NaN]) assertEquals(clearTimeout(id), undefined);
  assertThrows(() => clearTimeout(Symbol()), TypeError);
  await wait(5);
  assertEquals(calls, 0);
});

test("setInterval repeats until it is cleared, from inside too", async () => {
  let calls = 0;
  await new Promise((resolve) => {
    const id = setInterval((step) => {
      calls += step;
      if (calls === 6) {
        clearInterval(id);
        resolve();
      }
    }, 1, 2);
  });
  await wait(5);
  assertEquals(calls, 6);
});

test("an exception in a timer is reported, and an interval goes on", async () => {
  const error = new Error("boom");
  let calls = 0;
  const errors = await reportedDuring(() => new Promise((resolve) => {
    const id = setInterval(() => {
      calls++;
      if (calls === 2) {
        clearInterval(id);
        resolve();
      }
      throw error;
    }, 1);
  }).then(() => wait(1)));
  assertEquals(errors, [error, error]);
});

test("nested timers are slowed down", async () => {
  const start = performance.now();
  await new Promise((resolve) => {
    let left = 12;
    const step = () => (--left === 0 ? resolve() : setTimeout(step, 0));
    setTimeout(step, 0);
  });
  assert(performance.now() - start >= 15, "timers more than five deep wait 4 ms");
});

test("timers do not depend on Map.prototype, nor on Function.prototype.apply", async () => {
  const { get, set } = Map.prototype;
  const { apply } = Function.prototype;
  Map.prototype.get = Map.prototype.set = Function.prototype.apply = () => { throw new Error("called"); };
  try {
    await wait(1);
  } finally {
    Object.assign(Map.prototype, { get, set });
    Function.prototype.apply = apply;
  }
});

test("the names and lengths of the functions", () => {
  for (const [fn, name, length] of [
    [setTimeout, "setTimeout", 1], [setInterval, "setInterval", 1], [clearTimeout, "clearTimeout", 0],
    [clearInterval, "clearInterval", 0],
  ]) {
    assertEquals([fn.name, fn.length], [name, length]);
    const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assertEquals([writable, enumerable, configurable], [true, true, true]);
  }
});
