// (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
const ADD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0,
  32, 0, 32, 1, 106, 11,
]);

test("compile and instantiate settle", async () => {
  const module = await WebAssembly.compile(ADD);
  assert(module instanceof WebAssembly.Module);
  assertEquals((await WebAssembly.instantiate(module)).exports.add(40, 2), 42);
  for (const bytes of [ADD, ADD.buffer]) {
    const result = await WebAssembly.instantiate(bytes, {});
    assertEquals(Object.keys(result), ["module", "instance"]);
    assertEquals(result.instance.exports.add(40, 2), 42);
  }
});

test("failures reject", async () => {
  const broken = new Uint8Array([0, 97, 115, 109, 2, 0, 0, 0]);
  await assertRejects(WebAssembly.compile(broken), WebAssembly.CompileError);
  await assertRejects(WebAssembly.instantiate(broken), WebAssembly.CompileError);
  for (const value of [undefined, null, 5, "text", {}, WebAssembly]) {
    await assertRejects(WebAssembly.compile(value), TypeError);
    await assertRejects(WebAssembly.instantiate(value), TypeError);
  }
  await assertRejects(WebAssembly.instantiate(ADD, 5), TypeError);
});

test("they read the bytes at once", async () => {
  const copy = ADD.slice();
  const promises = [WebAssembly.compile(copy), WebAssembly.instantiate(copy)];
  copy.fill(0);
  const [module, { instance }] = await Promise.all(promises);
  assert(module instanceof WebAssembly.Module);
  assertEquals(instance.exports.add(1, 2), 3);
});

test("they are operations of a namespace", () => {
  for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "validate"]) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(WebAssembly, name);
    assertEquals([value.name, value.length], [name, 1]);
    assertEquals([writable, enumerable, configurable], [true, true, true]);
    assertThrows(() => new value(ADD), TypeError);
  }
});

const wasmResponse = (body, type = "application/wasm", status = 200) =>
  new Response(body, { status, headers: type === null ? {} : { "content-type": type } });

test("compileStreaming and instantiateStreaming take a response or a promise of one", async () => {
  const stream = () => new ReadableStream({
    start(controller) {
      for (const byte of ADD) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  for (const body of [() => ADD, () => new Blob([ADD]), stream]) {
    for (const wrap of [(response) => response, (response) => Promise.resolve(response)]) {
      const module = await WebAssembly.compileStreaming(wrap(wasmResponse(body())));
      assert(module instanceof WebAssembly.Module);
      assertEquals(new WebAssembly.Instance(module).exports.add(1, 2), 3);
      const result = await WebAssembly.instantiateStreaming(wrap(wasmResponse(body())), {});
      assertEquals(Object.keys(result), ["module", "instance"]);
      assertEquals(result.instance.exports.add(40, 2), 42);
    }
  }
});

const streamings = [WebAssembly.compileStreaming, WebAssembly.instantiateStreaming];

test("streaming: the Content-Type is application/wasm and nothing else", async () => {
  for (const f of streamings) {
    for (const type of ["application/wasm", "APPLICATION/wasm", " application/WASM\t"]) await f(wasmResponse(ADD, type));
    for (const type of [null, "", "application/octet-stream", "text/wasm", "application/wasm;", "application/wasm;x",
      "application/wasm;charset=UTF-8", "application/wasm, application/wasm"]) {
      await assertRejects(f(wasmResponse(ADD, type)), TypeError, "Content-Type");
    }
    const late = wasmResponse(ADD, "text/plain");
    late.headers.set("content-type", "application/wasm");
    await f(late);
    await assertRejects(late.blob(), TypeError);
    const removed = wasmResponse(ADD);
    removed.headers.delete("content-type");
    await assertRejects(f(removed), TypeError);
    assertEquals((await removed.arrayBuffer()).byteLength, ADD.length, "it was left alone");
  }
});

test("streaming: responses and bodies that are refused", async () => {
  for (const f of streamings) {
    for (const status of [300, 404, 500]) {
      await assertRejects(f(wasmResponse(ADD, undefined, status)), TypeError, String(status));
    }
    await assertRejects(f(Response.error()), TypeError);
    for (const value of [undefined, null, true, "test", Symbol(), 0, {}, Response, Response.prototype, ADD]) {
      await assertRejects(f(value), TypeError);
      await assertRejects(f(Promise.resolve(value)), TypeError);
    }
    const reason = { name: "custom error" };
    assertEquals(await f(Promise.reject(reason)).catch((error) => error === reason), true);
    for (const body of [undefined, "", new Uint8Array([...ADD, 0xca, 0xfe]), ADD.subarray(0, 20)]) {
      await assertRejects(f(wasmResponse(body)), WebAssembly.CompileError);
    }
    const used = wasmResponse(ADD);
    await used.arrayBuffer();
    await assertRejects(f(used), TypeError);
    const raced = wasmResponse(ADD);
    const promise = f(raced);
    raced.arrayBuffer();
    await assertRejects(promise, TypeError);
    const locked = wasmResponse(ADD);
    locked.body.getReader();
    await assertRejects(f(locked), TypeError);
    const failing = new ReadableStream({ pull(controller) { controller.error(new RangeError("cut")); } });
    await assertRejects(f(wasmResponse(failing)), RangeError, "cut");
  }
});

// (module (import "m" "f" (func)))
const IMPORTS = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 2, 7, 1, 1, 109, 1, 102, 0, 0]);

test("instantiateStreaming: imports", async () => {
  const { instance } = await WebAssembly.instantiateStreaming(wasmResponse(IMPORTS), { m: { f() {} } });
  assert(instance instanceof WebAssembly.Instance);
  for (const imports of [null, 5, "text"]) {
    await assertRejects(WebAssembly.instantiateStreaming(wasmResponse(IMPORTS), imports), TypeError);
  }
  for (const imports of [undefined, {}]) {
    await assertRejects(WebAssembly.instantiateStreaming(wasmResponse(IMPORTS), imports), TypeError);
  }
  await assertRejects(WebAssembly.instantiateStreaming(wasmResponse(IMPORTS), { m: {} }), WebAssembly.LinkError);
});

const module = (...sections) => new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, ...sections.flat()]);
// (memory 1 1 shared), and (import "m" "m" (memory 1 1 shared)) behind imports of all other kinds.
const SHARED = module([5, 4, 1, 3, 1, 1]);
const SHARED_IMPORT = module([1, 4, 1, 96, 0, 0], [
  2, 38, 5, 1, 109, 1, 102, 0, 0, 1, 109, 1, 116, 1, 0x70, 1, 1, 2, 1, 109, 1, 103, 3, 0x7f, 0, 1, 109, 1, 101, 4, 0, 0,
  1, 109, 1, 109, 2, 3, 1, 1,
]);
const UNSHARED_IMPORT = module([1, 4, 1, 96, 0, 0], [
  2, 38, 5, 1, 109, 1, 102, 0, 0, 1, 109, 1, 116, 1, 0x70, 1, 1, 2, 1, 109, 1, 103, 3, 0x7f, 0, 1, 109, 1, 101, 4, 0, 0,
  1, 109, 1, 109, 2, 1, 1, 1,
]);

test("shared memories are refused", async () => {
  const { CompileError } = WebAssembly;
  for (const bytes of [SHARED, SHARED_IMPORT]) {
    assertEquals([WebAssembly.validate(bytes), WebAssembly.validate(bytes.buffer)], [false, false]);
    assertThrows(() => new WebAssembly.Module(bytes), CompileError, "shared memories are not available");
    await assertRejects(WebAssembly.compile(bytes), CompileError);
    await assertRejects(WebAssembly.instantiate(bytes), CompileError);
    await assertRejects(WebAssembly.compileStreaming(wasmResponse(bytes)), CompileError);
    await assertRejects(WebAssembly.instantiateStreaming(wasmResponse(bytes)), CompileError);
    const { constructor } = WebAssembly.Module.prototype;
    assertThrows(() => Reflect.construct(constructor, [bytes], Object), CompileError);
  }
  const shared = { initial: 1, maximum: 1, shared: true };
  assertThrows(() => new WebAssembly.Memory(shared), TypeError, "shared memories are not available");
  assertThrows(() => new WebAssembly.Memory.prototype.constructor(shared), TypeError);
  for (const bytes of [ADD, module([5, 4, 1, 1, 1, 1]), UNSHARED_IMPORT]) {
    assert(WebAssembly.validate(bytes) && new WebAssembly.Module(bytes) instanceof WebAssembly.Module);
  }
  assertThrows(() => WebAssembly.validate(), TypeError);
});

test("a module has four memories at most", () => {
  const memories = (count) => module([5, 1 + 2 * count, count, ...Array(2 * count).fill(0)]);
  assert(WebAssembly.validate(memories(4)) && new WebAssembly.Module(memories(4)));
  assert(!WebAssembly.validate(memories(5)));
  assertThrows(() => new WebAssembly.Module(memories(5)), WebAssembly.CompileError, "4 memories");
});

test("Instance, Module and Memory are constructors as V8's own", () => {
  const compiled = new WebAssembly.Module(ADD);
  for (const [name, argument] of [["Instance", compiled], ["Module", ADD], ["Memory", { initial: 1 }]]) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(WebAssembly, name);
    assertEquals([value.name, value.length, writable, enumerable, configurable], [name, 1, true, false, true]);
    const prototype = Object.getOwnPropertyDescriptor(value, "prototype");
    assertEquals([prototype.writable, prototype.enumerable, prototype.configurable], [false, false, false]);
    assert(value.prototype.constructor === value);
    const constructor = Object.getOwnPropertyDescriptor(value.prototype, "constructor");
    assertEquals([constructor.writable, constructor.enumerable, constructor.configurable], [true, false, true]);
    assertThrows(() => value(argument), TypeError, "new");
    assertThrows(() => new value(), TypeError);
    class Sub extends value { more() { return 1; } }
    const object = new Sub(argument);
    assert(object instanceof Sub && object instanceof value && object.more() === 1);
    assertEquals(Object.prototype.toString.call(object), `[object WebAssembly.${name}]`);
  }
  assertEquals(WebAssembly.Module.exports(new WebAssembly.Module(ADD)), [{ name: "add", kind: "function" }]);
  assert(WebAssembly.JSTag instanceof WebAssembly.Tag);
});

test("memories grow", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 3 });
  const { buffer } = memory;
  assertEquals([memory.grow(1), memory.grow("1"), memory.grow(0)], [1, 2, 3]);
  assertEquals([buffer.byteLength, memory.buffer.byteLength], [0, 3 * 65536]);
  assertThrows(() => memory.grow(1), RangeError);
  for (const delta of [undefined, NaN, -1, 1n, 2 ** 32, Symbol()]) assertThrows(() => memory.grow(delta), TypeError);
  assertEquals([memory.grow.name, memory.grow.length], ["grow", 1]);
  assertThrows(() => memory.grow.call({}, 1), TypeError);
  assertThrows(() => memory.grow.call({}, 1e9), TypeError);
  const wide = new WebAssembly.Memory({ initial: 1n, maximum: 2n, address: "i64" });
  assertEquals(wide.grow(1n), 1n);
});
