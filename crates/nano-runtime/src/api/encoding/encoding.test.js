// TextEncoder, TextDecoder, TextEncoderStream, TextDecoderStream.

const bytes = (...values) => new Uint8Array(values);
const encoder = new TextEncoder();

const texts = [
  ["", []],
  ["a", [0x61]],
  ["é", [0xc3, 0xa9]],
  ["€", [0xe2, 0x82, 0xac]],
  ["😀", [0xf0, 0x9f, 0x98, 0x80]],
  ["a\0b", [0x61, 0, 0x62]],
  ["\ud800", [0xef, 0xbf, 0xbd]],
  ["\udc00x", [0xef, 0xbf, 0xbd, 0x78]],
  ["\ud83d\ud83d\ude00", [0xef, 0xbf, 0xbd, 0xf0, 0x9f, 0x98, 0x80]],
];
for (const [text, expected] of texts) {
  test(`encode(${JSON.stringify(text)})`, () => assertEquals(encoder.encode(text), bytes(...expected)));
}
test("encode() converts its argument; undefined is the empty string", () => {
  assertEquals(encoder.encode(), bytes());
  assertEquals(encoder.encode(undefined), bytes());
  assertEquals(encoder.encode(null), encoder.encode("null"));
  assertEquals(encoder.encode(12), bytes(0x31, 0x32));
  assertThrows(() => encoder.encode(Symbol()), TypeError);
  assertEquals(encoder.encoding, "utf-8");
});

const intos = [
  ["abc", 3, { read: 3, written: 3 }],
  ["abc", 2, { read: 2, written: 2 }],
  ["abc", 9, { read: 3, written: 3 }],
  ["", 2, { read: 0, written: 0 }],
  ["é", 1, { read: 0, written: 0 }],
  ["a€", 3, { read: 1, written: 1 }],
  ["😀", 3, { read: 0, written: 0 }],
  ["😀", 4, { read: 2, written: 4 }],
  ["a\ud800", 4, { read: 2, written: 4 }],
  ["a\ud800", 3, { read: 1, written: 1 }],
];
for (const [text, room, expected] of intos) {
  test(`encodeInto(${JSON.stringify(text)}) with room for ${room}`, () => {
    const buffer = new Uint8Array(room + 2).fill(0xff);
    const result = encoder.encodeInto(text, buffer.subarray(1, room + 1));
    assertEquals(result, expected);
    assertEquals(buffer.slice(1, 1 + expected.written), encoder.encode(text).slice(0, expected.written));
    assertEquals([buffer[0], buffer[1 + expected.written]], [0xff, 0xff]);
  });
}
test("encodeInto(): only a Uint8Array will do", () => {
  for (const bad of [undefined, null, {}, [], new ArrayBuffer(2), new Uint8ClampedArray(2), new Int8Array(2), new DataView(new ArrayBuffer(2))]) {
    assertThrows(() => encoder.encodeInto("a", bad), TypeError);
  }
  assertThrows(() => encoder.encodeInto("a"), TypeError);
});

const labels = [
  ["utf-8", "utf-8"], ["UTF8", "utf-8"], [" unicode-1-1-utf-8\n", "utf-8"], ["x-unicode20utf8", "utf-8"],
  ["ascii", "windows-1252"], ["latin1", "windows-1252"], ["iso-8859-1", "windows-1252"], ["cp1251", "windows-1251"],
  ["iso-8859-15", "iso-8859-15"], ["koi8-r", "koi8-r"], ["macintosh", "macintosh"], ["ibm866", "ibm866"],
  ["gb2312", "gbk"], ["gb18030", "gb18030"], ["big5-hkscs", "big5"], ["x-euc-jp", "euc-jp"], ["sjis", "shift_jis"],
  ["csiso2022jp", "iso-2022-jp"], ["korean", "euc-kr"], ["utf-16", "utf-16le"], ["utf-16be", "utf-16be"],
  ["x-user-defined", "x-user-defined"],
];
for (const [label, name] of labels) {
  test(`The label ${JSON.stringify(label)} is of ${name}`, () => {
    assertEquals(new TextDecoder(label).encoding, name);
    assertEquals(new TextDecoderStream(label).encoding, name);
  });
}
test("Labels of nothing, and of the replacement encoding", () => {
  for (const label of ["", "utf", "utf-7", "utf-32", "replacement", "iso-2022-kr", "hz-gb-2312", "\u00a0utf-8", "utf-8\0"]) {
    assertThrows(() => new TextDecoder(label), RangeError);
    assertThrows(() => new TextDecoderStream(label), RangeError);
  }
});
test("Options are converted", () => {
  const decoder = new TextDecoder(undefined, { fatal: 1, ignoreBOM: "" });
  assertEquals([decoder.encoding, decoder.fatal, decoder.ignoreBOM], ["utf-8", true, false]);
  assertThrows(() => new TextDecoder("utf-8", 1), TypeError);
  assertEquals(new TextDecoder("utf-8", null).fatal, false);
});

const decoded = [
  ["utf-8", [0xe2, 0x82, 0xac], "€"],
  ["utf-8", [0xef, 0xbb, 0xbf, 0x61], "a"],
  ["utf-8", [0x61, 0xef, 0xbb, 0xbf], "a\ufeff"],
  ["utf-8", [0xff, 0x61], "\ufffda"],
  ["utf-8", [0xe2, 0x82], "\ufffd"],
  ["utf-8", [0xe2, 0x82, 0x61], "\ufffda"],
  ["utf-8", [0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
  ["utf-8", [0xf0, 0x90, 0x80], "\ufffd"],
  ["utf-8", [0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"],
  ["utf-8", [0xc0, 0xaf], "\ufffd\ufffd"],
  ["windows-1252", [0x80, 0xe9], "€é"],
  ["iso-8859-2", [0xb1], "ą"],
  ["koi8-r", [0xc1], "а"],
  ["shift_jis", [0x82, 0xa0], "あ"],
  ["euc-jp", [0xa4, 0xa2], "あ"],
  ["iso-2022-jp", [0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42, 0x61], "あa"],
  ["gb18030", [0xc4, 0xe3], "你"],
  ["big5", [0xa7, 0x41], "你"],
  ["euc-kr", [0xb0, 0xa1], "가"],
  ["utf-16le", [0x61, 0, 0x3d, 0xd8, 0, 0xde], "a😀"],
  ["utf-16be", [0, 0x61, 0xd8, 0x3d, 0xde, 0], "a😀"],
  ["utf-16le", [0xff, 0xfe, 0x61, 0], "a"],
];
for (const [label, input, text] of decoded) {
  test(`${label}: ${input.map((byte) => byte.toString(16)).join(" ")}`, () => {
    assertEquals(new TextDecoder(label).decode(bytes(...input)), text, "at once");
    // Cut at every place, and in single bytes.
    for (let cut = 0; cut <= input.length; cut++) {
      const decoder = new TextDecoder(label);
      const head = decoder.decode(bytes(...input.slice(0, cut)), { stream: true });
      assertEquals(head + decoder.decode(bytes(...input.slice(cut))), text, `cut at ${cut}`);
    }
    const decoder = new TextDecoder(label);
    let out = "";
    for (const byte of input) out += decoder.decode(bytes(byte), { stream: true });
    assertEquals(out + decoder.decode(), text, "by bytes");
  });
}
test("decode() takes any buffer source, and only what a view covers", () => {
  const buffer = bytes(0x61, 0x62, 0x63, 0x64).buffer;
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(buffer), "abcd");
  assertEquals(decoder.decode(new Uint8Array(buffer, 1, 2)), "bc");
  assertEquals(decoder.decode(new DataView(buffer, 2)), "cd");
  assertEquals(decoder.decode(new Uint16Array(buffer, 2, 1)), "cd");
  assertEquals(decoder.decode(new DataView(buffer, 1, 2), { stream: true }), "bc");
  assertEquals(decoder.decode(buffer, { stream: true }), "abcd");
  assertEquals(decoder.decode(), "");
  for (const bad of [null, "a", 1, {}, [0x61]]) assertThrows(() => decoder.decode(bad), TypeError);
  assertThrows(() => decoder.decode(buffer, 1), TypeError);
});
test("A detached buffer has no bytes", () => {
  const view = bytes(1, 2);
  view.buffer.transfer();
  assertEquals(new TextDecoder().decode(view), "");
  assertEquals(new TextDecoder().decode(view.buffer), "");
  assertEquals(new TextDecoder().decode(view.buffer, { stream: true }), "");
});
test("ignoreBOM keeps the mark; without it only the first one goes, also in pieces", () => {
  const marked = [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x61];
  assertEquals(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(...marked)), "\ufeff\ufeffa");
  const decoder = new TextDecoder();
  for (let round = 0; round < 2; round++) {
    let out = "";
    for (const byte of marked) out += decoder.decode(bytes(byte), { stream: true });
    assertEquals(out + decoder.decode(), "\ufeffa");
  }
});
const broken = [
  ["utf-8", [0xff]], ["utf-8", [0xe2, 0x82]], ["utf-8", [0xc0, 0x80]], ["utf-8", [0xed, 0xa0, 0x80]], ["shift_jis", [0x82]],
  ["utf-16le", [0x61]], ["utf-16le", [0, 0xd8]], ["windows-1253", [0xaa]], ["gb18030", [0xff]],
];
for (const [label, input] of broken) {
  test(`fatal: ${label} ${input.map((byte) => byte.toString(16)).join(" ")}`, () => {
    const decoder = new TextDecoder(label, { fatal: true });
    assertThrows(() => decoder.decode(bytes(...input)), TypeError);
    assertEquals(decoder.decode(), "", "and it starts anew");
    assertThrows(() => {
      for (const byte of input) decoder.decode(bytes(byte), { stream: true });
      decoder.decode();
    }, TypeError);
  });
}
test("Long texts survive any cut", () => {
  const text = "aé€😀".repeat(50);
  const all = encoder.encode(text);
  for (const size of [1, 2, 3, 5, 7, 64]) {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let out = "";
    for (let i = 0; i < all.length; i += size) out += decoder.decode(all.subarray(i, i + size), { stream: true });
    assertEquals(out + decoder.decode(), text);
  }
});

async function through(transform, chunks) {
  const out = [];
  for await (const chunk of ReadableStream.from(chunks).pipeThrough(transform)) out.push(chunk);
  return out;
}
test("TextEncoderStream: chunks, and pairs that are split", async () => {
  assertEquals(await through(new TextEncoderStream(), ["a", "", 1, "€"]), [bytes(0x61), bytes(0x31), bytes(0xe2, 0x82, 0xac)]);
  assertEquals(await through(new TextEncoderStream(), ["x\ud83d", "\ude00"]), [bytes(0x78), bytes(0xf0, 0x9f, 0x98, 0x80)]);
  assertEquals(await through(new TextEncoderStream(), ["\ud83d", "", "a"]), [bytes(0xef, 0xbf, 0xbd, 0x61)]);
  assertEquals(await through(new TextEncoderStream(), ["\ud83d"]), [bytes(0xef, 0xbf, 0xbd)]);
  await assertRejects(through(new TextEncoderStream(), [Symbol()]), TypeError);
});
test("TextDecoderStream: characters that are split", async () => {
  const chunks = [...encoder.encode("aé😀")].map((byte) => bytes(byte));
  assertEquals(await through(new TextDecoderStream(), chunks), ["a", "é", "😀"]);
  assertEquals(await through(new TextDecoderStream(), [bytes(0xe2, 0x82)]), ["\ufffd"]);
  assertEquals(await through(new TextDecoderStream("shift_jis"), [bytes(0x82), bytes(0xa0)]), ["あ"]);
  await assertRejects(through(new TextDecoderStream("utf-8", { fatal: true }), [bytes(0xff)]), TypeError);
  await assertRejects(through(new TextDecoderStream("utf-8", { fatal: true }), [bytes(0xe2)]), TypeError);
  await assertRejects(through(new TextDecoderStream(), ["text"]), TypeError);
});
test("Encoding streams: their shape", () => {
  for (const stream of [new TextEncoderStream(), new TextDecoderStream("latin1", { fatal: true, ignoreBOM: true })]) {
    assert(stream.readable instanceof ReadableStream && stream.writable instanceof WritableStream);
    assertEquals(stream.readable, stream.readable);
    assertEquals(stream.writable, stream.writable);
  }
  const stream = new TextDecoderStream("latin1", { fatal: true, ignoreBOM: true });
  assertEquals([stream.encoding, stream.fatal, stream.ignoreBOM], ["windows-1252", true, true]);
});

const interfaces = {
  TextEncoder: "encode encodeInto encoding",
  TextDecoder: "decode encoding fatal ignoreBOM",
  TextEncoderStream: "encoding readable writable",
  TextDecoderStream: "encoding fatal ignoreBOM readable writable",
};
for (const name of Object.keys(interfaces)) {
  test(`${name}: its shape is that of its IDL`, () => {
    const global = Object.getOwnPropertyDescriptor(globalThis, name);
    assert(global.writable && global.configurable && !global.enumerable, "global");
    const { prototype } = global.value;
    assertEquals(global.value.length, 0);
    assertEquals(Object.getOwnPropertyNames(prototype).filter((key) => key !== "constructor").sort().join(" "), interfaces[name]);
    for (const key of interfaces[name].split(" ")) {
      const { enumerable, get, value } = Object.getOwnPropertyDescriptor(prototype, key);
      assert(enumerable, key);
      assertThrows(() => (get ?? value).call({}, "", bytes()), TypeError);
    }
    assertEquals(prototype[Symbol.toStringTag], name);
  });
}
