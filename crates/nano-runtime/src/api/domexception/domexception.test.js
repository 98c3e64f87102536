test("DOMException is an Error by its instances, not by its interface object", () => {
  const error = new DOMException("m", "AbortError");
  assert(error instanceof Error);
  assert(Error.isError(error));
  assertEquals(Object.getPrototypeOf(DOMException), Function.prototype);
  assertEquals(Object.getPrototypeOf(DOMException.prototype), Error.prototype);
  assertEquals(String(error), "AbortError: m");
  assertEquals(Object.prototype.toString.call(error), "[object DOMException]");
  assertEquals(Object.getOwnPropertyNames(error), ["stack"]);
});

test("DOMException has the stack of where it was made", () => {
  function here() { return new DOMException("m", "DataError"); }
  const lines = here().stack.split("\n");
  assertEquals(lines[0], "DataError: m");
  assert(lines[1].includes("here"), lines[1]);
});

test("DOMException converts its arguments", () => {
  for (const [args, name, message, code] of [
    [[], "Error", "", 0], [[undefined, undefined], "Error", "", 0], [[null], "Error", "null", 0],
    [["a", null], "null", "a", 0], [[1, { toString: () => "NotFoundError" }], "NotFoundError", "1", 8],
    [["", "IndexSizeError"], "IndexSizeError", "", 1], [["", "DataCloneError"], "DataCloneError", "", 25],
    [["", "DOMStringSizeError"], "DOMStringSizeError", "", 0], [["", "constructor"], "constructor", "", 0],
    [["", "ValidationError"], "ValidationError", "", 0], [["", "EncodingError"], "EncodingError", "", 0],
  ]) {
    const error = new DOMException(...args);
    assertEquals([error.name, error.message, error.code], [name, message, code]);
  }
  assertThrows(() => new DOMException(Symbol()), TypeError);
  assertThrows(() => DOMException(), TypeError);
});

test("DOMException's attributes are accessors with a brand check", () => {
  for (const key of ["name", "message", "code"]) {
    const descriptor = Object.getOwnPropertyDescriptor(DOMException.prototype, key);
    assertEquals([descriptor.enumerable, descriptor.configurable, descriptor.set], [true, true, undefined], key);
    assertEquals(descriptor.get.name, `get ${key}`);
    assertThrows(() => descriptor.get.call(new Error()), TypeError);
    assertThrows(() => descriptor.get.call(Object.create(new DOMException())), TypeError);
    assertThrows(() => DOMException.prototype[key], TypeError);
  }
});

test("DOMException's legacy constants", () => {
  const constants = Object.keys(DOMException).filter((key) => key.endsWith("_ERR"));
  assertEquals(constants.length, 25);
  assertEquals(DOMException.DATA_CLONE_ERR, 25);
  for (const key of constants) {
    for (const object of [DOMException, DOMException.prototype]) {
      const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(object, key);
      assertEquals([writable, enumerable, configurable], [false, true, false], key);
    }
  }
});

test("DOMException can be extended", () => {
  class Mine extends DOMException {}
  const error = new Mine("m", "AbortError");
  assert(error instanceof Mine && error instanceof DOMException);
  assertEquals(error.code, 20);
});

test("DOMException is not affected by an app's changes to Error", () => {
  const { captureStackTrace } = Error;
  Error.captureStackTrace = () => { throw new Error("called"); };
  try {
    assertEquals(new DOMException("m").message, "m");
  } finally {
    Error.captureStackTrace = captureStackTrace;
  }
});

test("QuotaExceededError", () => {
  const error = new QuotaExceededError("too much", { quota: 1, requested: 2.5 });
  assert(error instanceof QuotaExceededError && error instanceof DOMException && error instanceof Error);
  assertEquals([error.name, error.message, error.code, error.quota, error.requested],
    ["QuotaExceededError", "too much", 22, 1, 2.5]);
  assert(typeof error.stack === "string" && Error.isError(error));
  const plain = new QuotaExceededError();
  assertEquals([plain.message, plain.quota, plain.requested], ["", null, null]);
  assertEquals(Object.getPrototypeOf(QuotaExceededError), DOMException);
  assertEquals(Object.prototype.toString.call(error), "[object QuotaExceededError]");
  assertEquals(QuotaExceededError.length, 0);
  for (const options of [{ quota: -1 }, { requested: -1 }, { quota: 2, requested: 1 }]) {
    assertThrows(() => new QuotaExceededError("", options), RangeError);
  }
  for (const options of [{ quota: NaN }, { requested: Infinity }, 5, { quota: 1n }]) {
    assertThrows(() => new QuotaExceededError("", options), TypeError);
  }
  const { get } = Object.getOwnPropertyDescriptor(QuotaExceededError.prototype, "quota");
  assertThrows(() => get.call(new DOMException("", "QuotaExceededError")), TypeError);
});
