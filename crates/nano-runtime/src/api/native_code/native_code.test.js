test("built-ins show no source", () => {
  const getter = Object.getOwnPropertyDescriptor(Response.prototype, "status").get;
  for (const [fn, name] of [[SubtleCrypto, "SubtleCrypto"], [URL, "URL"], [Response.json, "json"], [fetch, "fetch"],
    [structuredClone, "structuredClone"], [getter, "get status"], [Function.prototype.toString, "toString"],
    [console.log, "log"], [WebAssembly.Module, "Module"], [WebAssembly.compile, "compile"]]) {
    assertEquals(String(fn), `function ${name}() { [native code] }`);
    assertEquals(Function.prototype.toString.call(fn), `function ${name}() { [native code] }`);
  }
  for (const fn of [Math.max, Array, fetch.bind(null), new Proxy(fetch, {})]) {
    assert(/^function .*\(\) \{ \[native code\] \}$/.test(String(fn)), String(fn));
  }
});

test("functions of the app show theirs", () => {
  class Mine extends URL { method() {} }
  assertEquals(String((a, b) => a + b), "(a, b) => a + b");
  assertEquals(String(Mine), "class Mine extends URL { method() {} }");
  assertEquals(Function("a", "return a").toString(), "function anonymous(a\n) {\nreturn a\n}");
});

test("Function.prototype.toString is what it was", () => {
  const { value, writable, enumerable, configurable } =
    Object.getOwnPropertyDescriptor(Function.prototype, "toString");
  assertEquals([value.name, value.length, writable, enumerable, configurable], ["toString", 0, true, false, true]);
  assertThrows(() => new value(), TypeError);
  for (const receiver of [undefined, null, {}, "text", Object.create(fetch), new Proxy({}, {})]) {
    assertThrows(() => value.call(receiver), TypeError);
  }
});

test("a name of the app's own is not looked up", () => {
  Object.defineProperty(TextEncoder, "name", { get() { throw new Error("asked"); }, configurable: true });
  assertEquals(String(TextEncoder), "function () { [native code] }");
  Object.defineProperty(TextEncoder, "name", { value: "TextEncoder", configurable: true });
});
