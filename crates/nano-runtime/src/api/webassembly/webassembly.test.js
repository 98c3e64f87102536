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
  for (const name of ["compile", "instantiate"]) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(WebAssembly, name);
    assertEquals([value.name, value.length], [name, 1]);
    assertEquals([writable, enumerable, configurable], [true, true, true]);
    assertThrows(() => new value(ADD), TypeError);
  }
});
