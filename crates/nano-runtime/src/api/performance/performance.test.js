test("performance", () => {
  assert(performance instanceof Performance && performance instanceof EventTarget);
  const start = performance.now();
  assert(start >= 0 && performance.now() >= start);
  assert(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 60_000);
  assertEquals(performance.toJSON(), { timeOrigin: performance.timeOrigin });
  assertEquals(performance.timeOrigin, performance.timeOrigin);
  assertThrows(() => new Performance(), TypeError);
  assertThrows(() => Performance.prototype.now.call({}), TypeError);
  assertThrows(() => Performance.prototype.timeOrigin, TypeError);
  assertEquals(Object.keys(Performance.prototype).sort(), ["now", "timeOrigin", "toJSON"]);
  assertEquals(Object.prototype.toString.call(performance), "[object Performance]");
});
