test("ArrayBuffer is as ECMA-262 says", () => {
  const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, "ArrayBuffer");
  assertEquals([ArrayBuffer.name, ArrayBuffer.length, writable, enumerable, configurable],
    ["ArrayBuffer", 1, true, false, true]);
  assertEquals(Reflect.ownKeys(ArrayBuffer), ["length", "name", "arguments", "caller", "prototype", "isView",
    Symbol.species].filter((key) => key !== "arguments" && key !== "caller"));
  const prototype = Object.getOwnPropertyDescriptor(ArrayBuffer, "prototype");
  assertEquals([prototype.writable, prototype.enumerable, prototype.configurable], [false, false, false]);
  assert(ArrayBuffer.prototype.constructor === ArrayBuffer && new Uint8Array(1).buffer.constructor === ArrayBuffer);
  assert(ArrayBuffer[Symbol.species] === ArrayBuffer && ArrayBuffer.isView(new DataView(new ArrayBuffer(1))));
  assertThrows(() => ArrayBuffer(1), TypeError);
  assertEquals(new ArrayBuffer().byteLength, 0);
  for (const [length, expected] of [[8, 8], ["3", 3], [2.9, 2], [-0.5, 0], [NaN, 0], [null, 0]]) {
    assertEquals(new ArrayBuffer(length).byteLength, expected);
    assertEquals(new ArrayBuffer(length, { maxByteLength: 10 }).byteLength, expected);
  }
  for (const length of [-1, 2 ** 53, Infinity]) {
    assertThrows(() => new ArrayBuffer(length), RangeError);
    assertThrows(() => new ArrayBuffer(length, {}), RangeError);
    assertThrows(() => new ArrayBuffer(0, { maxByteLength: length }), RangeError);
  }
  for (const length of [1n, Symbol()]) {
    assertThrows(() => new ArrayBuffer(length), TypeError);
    assertThrows(() => new ArrayBuffer(length, { maxByteLength: 1 }), TypeError);
  }
  assertThrows(() => new ArrayBuffer(2, { maxByteLength: 1 }), RangeError);
  for (const options of [undefined, null, 5, {}, { maxByteLength: undefined }]) {
    assert(!new ArrayBuffer(4, options).resizable);
  }
});

test("ArrayBuffer: order of conversions, and subclasses", () => {
  const log = [];
  const number = (name, value) => ({ valueOf() { log.push(name); return value; } });
  new ArrayBuffer(number("length", 1), { get maxByteLength() { log.push("get"); return number("max", 2); } });
  assertEquals(log, ["length", "get", "max"]);
  class Mine extends ArrayBuffer { more() { return 1; } }
  for (const mine of [new Mine(4), new Mine(4, { maxByteLength: 8 }), new Mine(4).slice(1)]) {
    assert(mine instanceof Mine && mine.more() === 1 && ArrayBuffer.prototype.slice.call(mine, 0).byteLength > 0);
  }
  assertEquals(Object.getPrototypeOf(Reflect.construct(ArrayBuffer, [1], Date)), Date.prototype);
});

test("resize and transfer", () => {
  const buffer = new ArrayBuffer(4, { maxByteLength: 16 });
  new Uint8Array(buffer).set([1, 2, 3, 4]);
  assertEquals([buffer.resize(16), buffer.byteLength, buffer.maxByteLength], [undefined, 16, 16]);
  buffer.resize("2");
  assertEquals(new Uint8Array(buffer), new Uint8Array([1, 2]));
  for (const length of [17, -1, Infinity]) assertThrows(() => buffer.resize(length), RangeError);
  assertThrows(() => new ArrayBuffer(4).resize(1), TypeError);
  assertThrows(() => buffer.resize.call({}, 1), TypeError);
  const moved = buffer.transfer(8);
  assert(buffer.detached && moved.resizable);
  assertEquals([moved.byteLength, moved.maxByteLength], [8, 16]);
  assertEquals([moved.transfer().byteLength, new ArrayBuffer(4).transfer(2).byteLength], [8, 2]);
  assertThrows(() => buffer.resize(1), TypeError);
  assertThrows(() => buffer.transfer(1), TypeError);
  assertThrows(() => buffer.transfer.call({}, 1), TypeError);
  for (const [name, length] of [["resize", 1], ["transfer", 0]]) {
    const { value, writable, enumerable, configurable } =
      Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, name);
    assertEquals([value.name, value.length, writable, enumerable, configurable], [name, length, true, false, true]);
  }
});

test("a buffer that could grow past the limit is not made", () => {
  assertThrows(() => new ArrayBuffer(0, { maxByteLength: 2 ** 40 }), RangeError, "allocation failed");
  const buffer = structuredClone(new ArrayBuffer(1, { maxByteLength: 8 }));
  assertEquals([buffer.resizable, buffer.maxByteLength], [true, 8]);
});
