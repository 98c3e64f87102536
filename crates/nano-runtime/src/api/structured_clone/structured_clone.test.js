test("structuredClone: plain values and cycles", () => {
  const value = { a: [1, "x", null, undefined, true], b: { c: 1n } };
  value.self = value;
  const clone = structuredClone(value);
  assert(clone !== value && clone.self === clone && clone.b !== value.b);
  assertEquals([clone.a, clone.b], [value.a, value.b]);
  assertEquals(structuredClone(5), 5);
  assertEquals(structuredClone("s", null), "s");
});

test("structuredClone: what cannot be cloned", () => {
  for (const value of [() => {}, Symbol("s"), { f() {} }, [Symbol.iterator], new Event("x"), new EventTarget(),
    new AbortController(), { signal: new AbortController().signal }, performance, navigator]) {
    const error = assertThrows(() => structuredClone(value), "DataCloneError");
    assert(error instanceof DOMException && error.code === 25);
  }
});

test("structuredClone: arguments", () => {
  assertThrows(() => structuredClone(), TypeError);
  for (const options of [1, "x", { transfer: 1 }, { transfer: {} }, { transfer: [1] }, { transfer: null }]) {
    assertThrows(() => structuredClone(1, options), TypeError);
  }
  assertEquals([structuredClone.length, structuredClone.name], [1, "structuredClone"]);
});

test("structuredClone: DOMException", () => {
  const error = new DOMException("m", "AbortError");
  const { inner, again } = structuredClone({ inner: error, again: error });
  assert(inner instanceof DOMException && inner !== error && inner === again);
  assertEquals([inner.name, inner.message, inner.code, inner.stack], ["AbortError", "m", 20, error.stack]);
  class Mine extends DOMException {}
  assertEquals(Object.getPrototypeOf(structuredClone(new Mine("q"))), DOMException.prototype);
});

test("structuredClone: QuotaExceededError", () => {
  for (const options of [{}, { quota: 0 }, { requested: 3 }, { quota: 1, requested: 2 }]) {
    const error = new QuotaExceededError("m", options);
    const clone = structuredClone(error);
    assert(clone instanceof QuotaExceededError && clone !== error);
    assertEquals([clone.name, clone.message, clone.stack, clone.quota, clone.requested],
      ["QuotaExceededError", "m", error.stack, error.quota, error.requested]);
  }
});

test("structuredClone: transfer of ArrayBuffers", () => {
  const buffer = new Uint8Array([1, 2, 3]).buffer;
  const clone = structuredClone({ buffer }, { transfer: [buffer] });
  assert(buffer.detached && buffer.byteLength === 0);
  assertEquals(new Uint8Array(clone.buffer), new Uint8Array([1, 2, 3]));
  assertThrows(() => structuredClone(1, { transfer: [buffer] }), "DataCloneError");
});

test("structuredClone: bad transfer lists leave the buffers alone", () => {
  const buffer = new ArrayBuffer(8);
  for (const transfer of [[buffer, buffer], [buffer, {}], [buffer, new Uint8Array(1)], [buffer, new Proxy({}, {})]]) {
    assertThrows(() => structuredClone(1, { transfer }), "DataCloneError");
    assertEquals(buffer.byteLength, 8);
  }
  assertThrows(() => structuredClone({ buffer, f() {} }, { transfer: [buffer] }), "DataCloneError");
  assertEquals(buffer.byteLength, 8);
});

test("structuredClone: a getter that clones in turn", () => {
  const clone = structuredClone({
    e: new DOMException("1"),
    get inner() { return structuredClone(new DOMException("2")); },
    f: new DOMException("3"),
  });
  assertEquals([clone.e.message, clone.inner.message, clone.f.message], ["1", "2", "3"]);
});

test("structuredClone does not see what an app adds to Object.prototype beyond the standard", () => {
  Object.prototype.required = true;
  Object.prototype.defaultValue = () => [{}];
  try {
    assertEquals(structuredClone(1), 1);
    assertEquals(structuredClone(1, {}), 1);
  } finally {
    delete Object.prototype.required;
    delete Object.prototype.defaultValue;
  }
});
