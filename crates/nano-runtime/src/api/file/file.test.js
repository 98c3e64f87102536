const codes = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

// [what, arguments of Blob, its text, its type]
const BLOBS = [
  ["nothing", [], "", ""],
  ["undefined", [undefined, undefined], "", ""],
  ["no parts", [[], null], "", ""],
  ["strings", [["a", "", "\u00e9", "\ud83d\ude00"]], "a\u00e9\ud83d\ude00", ""],
  ["halves of a character", [["\ud83d", "\ude00"]], "\ufffd\ufffd", ""],
  ["values that become strings", [[1, null, { toString: () => "x" }, ["y", 2]]], "1nullxy,2", ""],
  ["a set", [new Set(["a", "b"])], "ab", ""],
  ["bytes", [[codes("abc").subarray(1), codes("de").buffer, new DataView(codes("xfg").buffer, 1), "h"]], "bcdefgh", ""],
  ["a Uint16Array", [[Uint16Array.of(0x4241)]], "AB", ""],
  ["blobs", [[new Blob(["a", codes("b")]), "-", new Blob(["cdef"]).slice(1, 3), new Blob()]], "ab-de", ""],
  ["empty parts around one", [["", new Blob(), new Uint8Array(), "", "ab", "", new Blob(), ""]], "ab", ""],
  ["empty parts around a blob", [["", new Blob(["ab"]), "", new Uint8Array()]], "ab", ""],
  ["a type", [[], { type: "Text/PLAIN;X=Y" }], "", "text/plain;x=y"],
  ["a type outside ASCII", [[], { type: "text/pl\u00e4in" }], "", ""],
  ["a type with a line break", [[], { type: "text/plain\r\nx: y" }], "", ""],
  ["endings as they are", [["a\r\nb\rc\n"], { endings: "transparent" }], "a\r\nb\rc\n", ""],
  ["native endings", [["a\r\nb\r", "\nc\r\r\n", codes("\r\n")], { endings: "native" }], "a\nb\n\nc\n\n\r\n", ""],
];
for (const [what, args, text, type] of BLOBS) {
  test(`Blob of ${what}`, async () => {
    const expected = new TextEncoder().encode(text);
    const blobs = [new Blob(...args), new File(args[0] ?? [], "n", args[1]), structuredClone(new Blob(...args))];
    for (const blob of blobs) {
      assertEquals([blob.size, blob.type], [expected.length, type]);
      assertEquals(await blob.text(), text);
      assertEquals(await blob.bytes(), expected);
      assertEquals(new Uint8Array(await blob.arrayBuffer()), expected);
      const read = [];
      for await (const chunk of blob.stream()) read.push(...chunk);
      assertEquals(Uint8Array.from(read), expected);
    }
  });
}

test("Blob: arguments that are refused", () => {
  for (const parts of [null, 1, "text", {}, new Blob(), codes("a").buffer, { [Symbol.iterator]: 1 }]) {
    assertThrows(() => new Blob(parts), TypeError);
  }
  assertThrows(() => new Blob([Symbol()]), TypeError);
  assertThrows(() => new Blob([new ArrayBuffer(1, { maxByteLength: 2 })]), TypeError);
  for (const options of [1, "x", { endings: "Native" }, { type: Symbol() }]) {
    assertThrows(() => new Blob([], options), TypeError);
  }
  assertThrows(() => Blob(), TypeError);
  for (const args of [[], [[]], [null, "n"], [[], Symbol()], [[], "n", { lastModified: 1n }]]) {
    assertThrows(() => new File(...args), TypeError);
  }
});

test("Blob: bytes are read when all arguments are converted", async () => {
  const bytes = codes("abc");
  const gone = codes("xyz");
  const parts = [bytes, gone, { toString() {
    bytes[0] = 65;
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    return "!";
  } }];
  const blob = new Blob(parts, { get type() {
    bytes[1] = 66;
    return "";
  } });
  bytes[2] = 67;
  assertEquals(await blob.text(), "ABc!");
});

test("Blob: nothing that is given out changes it", async () => {
  const blob = new Blob([codes("abc")]);
  (await blob.bytes()).fill(0);
  new Uint8Array(await blob.arrayBuffer()).fill(0);
  const { value } = await blob.stream().getReader().read();
  value.fill(0);
  (await new Response(blob).bytes()).fill(0);
  const reader = new Response(blob).body.getReader({ mode: "byob" });
  (await reader.read(new Uint8Array(3))).value.fill(0);
  assertEquals(await blob.slice().text(), "abc");
});

// [arguments of slice, what is left of "0123456789"]
const SLICES = [
  [[], "0123456789"], [[3], "3456789"], [[-3], "789"], [[2, 5], "234"], [[2, -2], "234567"], [[5, 2], ""], [[20], ""],
  [[-20, 2], "01"], [[0, 20], "0123456789"], [[undefined, 2], "01"], [[null, "3"], "012"],
  [[NaN, Infinity], "0123456789"],
  [[1.5, 3.5], "23"], [[-Infinity, -9], "0"], [[2 ** 60], ""],
];
for (const [args, text] of SLICES) {
  test(`Blob: slice(${args.join(", ")})`, async () => {
    for (const blob of [new Blob(["0123456789"], { type: "a/b" }), new Blob(["x0123456789y"]).slice(1, 11)]) {
      const slice = blob.slice(...args);
      assertEquals([await slice.text(), slice.size, slice.type], [text, text.length, ""]);
    }
  });
}

test("Blob: slices of slices, of Files, with types", async () => {
  const file = new File(["0123456789"], "n", { type: "a/b" });
  const slice = file.slice(2, 8, "Text/Plain");
  assertEquals([slice instanceof File, slice.type, file.slice(0, 1, "\u0100").type], [false, "text/plain", ""]);
  assertEquals(await slice.slice(1, -1).slice(-2).text(), "56");
});

test("Blob: a stream comes in pieces, is read into buffers, and can be cancelled", async () => {
  const bytes = new Uint8Array(200_000).map((_, index) => index % 251);
  const blob = new Blob([bytes]);
  const sizes = [];
  const all = [];
  for await (const chunk of blob.stream()) {
    sizes.push(chunk.length);
    all.push(chunk);
  }
  assert(sizes.length > 1 && Math.max(...sizes) <= 65536, String(sizes));
  assertEquals(await new Blob(all).bytes(), bytes);
  const reader = blob.stream().getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(10), { min: 10 });
  assertEquals(value, bytes.slice(0, 10));
  await reader.cancel();
  assertEquals((await reader.read(new Uint8Array(1))).done, true);
});

test("Blob: text drops a byte order mark and replaces what is no UTF-8", async () => {
  assertEquals(await new Blob([Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff)]).text(), "a\ufffd");
});

test("Blob: other objects are refused", async () => {
  for (const name of ["text", "arrayBuffer", "bytes"]) await assertRejects(Blob.prototype[name].call({}), TypeError);
  const proxy = new Proxy(new Blob(), {});
  for (const name of ["slice", "stream"]) assertThrows(() => Blob.prototype[name].call(proxy), TypeError);
  for (const name of ["size", "type"]) assertThrows(() => Blob.prototype[name], TypeError);
  for (const name of ["name", "lastModified"]) {
    const { get } = Object.getOwnPropertyDescriptor(File.prototype, name);
    assertThrows(() => get.call(new Blob()), TypeError);
  }
});

test("File: name and time", () => {
  const before = Date.now();
  const file = new File(["a"], "a/b\ud800\r\n", {});
  assert(file.lastModified >= before && file.lastModified <= Date.now());
  assertEquals([file.name, file.size, file instanceof Blob], ["a/b\ufffd\r\n", 1, true]);
  const of = (lastModified) => new File([], "", { lastModified }).lastModified;
  assertEquals([of(-1), of(1.9), of("7"), of(null), of(new Date(3)), of(NaN)], [-1, 1, 7, 0, 3, 0]);
  assertEquals([File.length, Blob.length, Blob.prototype.slice.length], [2, 0, 0]);
  assertEquals(Object.prototype.toString.call(file), "[object File]");
});

test("File: subclasses, and other prototypes, get no more than others", async () => {
  class Mine extends File {
    #mark = 1;
    get mark() { return this.#mark; }
  }
  const mine = new Mine(["abc"], "m");
  assertEquals([mine.mark, mine.name, await mine.text(), mine.constructor], [1, "m", "abc", Mine]);
  assertEquals(structuredClone(mine).constructor, File);
  const seen = [];
  Object.setPrototypeOf(File, class { constructor(...args) { seen.push(...args); } });
  try {
    assertEquals(new File(["abc"], "f").size, 3);
    assertEquals(seen, []);
  } finally {
    Object.setPrototypeOf(File, Blob);
  }
});

test("File: structuredClone", async () => {
  const file = new File(["abc"], "f.txt", { type: "a/b", lastModified: 5 });
  const { inner, again, blob } = structuredClone({ inner: file, again: file, blob: new Blob(["x"], { type: "c/d" }) });
  assert(inner === again && inner !== file && inner instanceof File && !(blob instanceof File));
  assertEquals([inner.name, inner.lastModified, inner.type, await inner.text()], ["f.txt", 5, "a/b", "abc"]);
  assertEquals([blob.type, await blob.text()], ["c/d", "x"]);
  assertThrows(() => structuredClone(file, { transfer: [file] }), "DataCloneError");
});

test("Blob: what an app changes in its intrinsics does not matter", () => {
  const { set, slice } = Uint8Array.prototype;
  Object.prototype.required = true;
  try {
    Uint8Array.prototype.set = Uint8Array.prototype.slice = () => assert(false);
    assertEquals(new Blob(["a\r", new Uint8Array(2)], {}).size, 4);
  } finally {
    Object.assign(Uint8Array.prototype, { set, slice });
    delete Object.prototype.required;
  }
});

test("Blob: setters on Array.prototype see none of its bytes", async () => {
  const seen = [];
  Object.defineProperty(Array.prototype, 0, { configurable: true, set(value) { seen.push(value); } });
  let blob;
  try {
    blob = new Blob(["a", "b", Uint8Array.of(99), new Blob(["d"]), "e"]);
  } finally {
    delete Array.prototype[0];
  }
  assertEquals([await blob.text(), seen.length], ["abcde", 0]);
});

test("Blob: thousands of blobs of one take its memory once, and too large a one is a RangeError", async () => {
  let blob = new Blob([new Uint8Array(1 << 20)]);
  const kept = [];
  for (let i = 0; i < 1000; i++) kept.push(new File([blob], "f"), blob.slice(i), structuredClone(blob));
  assertEquals(kept.at(-1).size, 1 << 20);
  assertThrows(() => {
    for (;;) blob = new Blob([blob, blob]);
  }, RangeError);
});
