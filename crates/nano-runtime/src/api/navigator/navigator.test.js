test("navigator", () => {
  assert(navigator instanceof Navigator);
  assertEquals(navigator.userAgent, "NANO");
  assertThrows(() => new Navigator(), TypeError);
  assertThrows(() => Navigator.prototype.userAgent, TypeError);
  assertEquals(Object.getOwnPropertyDescriptor(globalThis, "navigator").set, undefined);
});
