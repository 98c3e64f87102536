const formats = ["brotli", "deflate", "deflate-raw", "gzip"];
const text = (bytes) => new TextDecoder().decode(bytes);
const utf8 = (string) => new TextEncoder().encode(string);
const hex = (string) => Uint8Array.from(string.match(/../g) ?? [], (byte) => parseInt(byte, 16));

async function collect(readable) {
  const chunks = [];
  let length = 0;
  for await (const chunk of readable) {
    assert(chunk instanceof Uint8Array && chunk.length > 0, "chunks are Uint8Arrays that are not empty");
    chunks.push(chunk);
    length += chunk.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
function through(stream, ...chunks) {
  const writer = stream.writable.getWriter();
  for (const chunk of chunks) writer.write(chunk).catch(() => {});
  writer.close().catch(() => {});
  return collect(stream.readable);
}
const compress = (format, ...chunks) => through(new CompressionStream(format), ...chunks);
const decompress = (format, ...chunks) => through(new DecompressionStream(format), ...chunks);

/** Bytes that do not compress, the same every time. */
function noise(length) {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1103515245) + 12345 | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

// "expected output", as other programs compress it.
const known = {
  brotli: "213800046578706563746564206f757470757403",
  deflate: "78da4bad28484d2e494d51c82f2d29282d010030ad0624",
  "deflate-raw": "4bad28484d2e494d51c82f2d29282d0100",
  gzip: "1f8b08000000000002034bad28484d2e494d51c82f2d29282d0100b00139b30f000000",
};

test("what other programs compressed is decompressed, byte for byte too", async () => {
  for (const format of formats) {
    const bytes = hex(known[format]);
    assertEquals(text(await decompress(format, bytes)), "expected output", format);
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
    assertEquals(text(await decompress(format, ...single)), "expected output", format);
  }
});

test("data of any size and kind comes back", async () => {
  const inputs = [
    [], [utf8("")], [utf8("a")], [utf8("a"), utf8(""), utf8("b")], [noise(1000)], [noise(300_000)],
    [new Uint8Array(1_000_000)], [noise(70_000), new Uint8Array(70_000), noise(65_536)],
  ];
  for (const format of formats) {
    for (const chunks of inputs) {
      const whole = await collect(ReadableStream.from(chunks.filter((chunk) => chunk.length > 0)));
      const back = await decompress(format, await compress(format, ...chunks));
      assertEquals(back.length, whole.length, format);
      assert(back.every((byte, index) => byte === whole[index]), format);
    }
  }
});

test("compression makes it smaller", async () => {
  for (const format of formats) {
    const length = (await compress(format, new Uint8Array(500_000))).length;
    assert(length < 1000, `${format}: ${length}`);
  }
});

test("every kind of buffer source is taken", async () => {
  const bytes = hex(known.gzip);
  const padded = new Uint8Array(bytes.length + 10);
  padded.set(bytes, 5);
  const chunks = [
    bytes.buffer, new DataView(padded.buffer, 5, bytes.length), padded.subarray(5, 5 + bytes.length),
    new Int8Array(bytes.buffer),
  ];
  for (const chunk of chunks) assertEquals(text(await decompress("gzip", chunk)), "expected output");
});

test("a chunk that is no buffer source is a TypeError on both sides", async () => {
  const resizable = new ArrayBuffer(1, { maxByteLength: 2 });
  for (const chunk of [undefined, null, 3.14, {}, [65], "a", resizable]) {
    for (const Stream of [CompressionStream, DecompressionStream]) {
      const { readable, writable } = new Stream("gzip");
      const read = readable.getReader().read();
      await assertRejects(writable.getWriter().write(chunk), TypeError);
      await assertRejects(read, TypeError);
    }
  }
});

test("data that is truncated, corrupt, or followed by junk is a TypeError", async () => {
  for (const format of formats) {
    const bytes = hex(known[format]);
    for (let length = 0; length < bytes.length; length++) {
      await assertRejects(decompress(format, bytes.subarray(0, length)), TypeError, "ended too early");
    }
    await assertRejects(decompress(format, bytes, Uint8Array.of(0)), TypeError, "after the end");
    await assertRejects(decompress(format, Uint8Array.of(...bytes, 0)), TypeError, "after the end");
    assertEquals(text(await decompress(format, bytes, new Uint8Array(0))), "expected output");
  }
  const corrupt = [
    ["deflate", 0, 0], ["deflate", 1, 157], ["deflate", 22, 255], ["gzip", 0, 255], ["gzip", 2, 0], ["gzip", 3, 2],
    ["gzip", 27, 0], ["gzip", 31, 1], ["brotli", 0, 255], ["deflate-raw", 0, 255],
  ];
  for (const [format, at, value] of corrupt) {
    const bytes = hex(known[format]);
    bytes[at] = value;
    await assertRejects(decompress(format, bytes), TypeError);
  }
  // A second member is no part of the stream, and a preset dictionary is not known.
  await assertRejects(decompress("gzip", hex(known.gzip + known.gzip)), TypeError, "after the end");
  await assertRejects(decompress("deflate", hex("78bb74ee09592bc12e0c0074ee0959")), TypeError, "not valid");
});

test("what comes before the junk is given", async () => {
  for (const format of formats) {
    const { readable, writable } = new DecompressionStream(format);
    const reader = readable.getReader();
    writable.getWriter().write(hex(known[format] + "00")).catch(() => {});
    assertEquals(text((await reader.read()).value), "expected output");
    await assertRejects(reader.read(), TypeError);
  }
});

test("a chunk that expands to much comes out as it is read, and waits in between", async () => {
  for (const format of formats) {
    const bomb = await compress(format, new Uint8Array(20_000_000));
    assert(bomb.length < 30_000, `${format}: ${bomb.length}`);
    const { readable, writable } = new DecompressionStream(format);
    const reader = readable.getReader();
    let written = false;
    const writing = writable.getWriter().write(bomb).then(() => { written = true; }, () => {});
    for (let i = 0; i < 10; i++) {
      const { value } = await reader.read();
      assert(value.length <= 65_536, "no chunk is larger than 64 KiB");
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(written, false, "the write waits for the reader");
    await reader.cancel();
    await writing;
  }
});

test("an aborted stream stops in the middle of a chunk", async () => {
  const bomb = await compress("gzip", new Uint8Array(5_000_000));
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter();
  const reader = readable.getReader();
  const writing = writer.write(bomb);
  await reader.read();
  const reason = new Error("enough");
  const aborted = writer.abort(reason);
  await assertRejects(async () => { for (;;) if ((await reader.read()).done) return; }, Error, "enough");
  await writing;
  await aborted;
});

test("the app may detach its buffer while it is compressed", async () => {
  const input = noise(500_000);
  const copy = input.slice();
  const { readable, writable } = new CompressionStream("deflate");
  const writer = writable.getWriter();
  writer.write(input);
  writer.close();
  const reader = readable.getReader();
  const first = (await reader.read()).value;
  structuredClone(undefined, { transfer: [input.buffer] });
  reader.releaseLock();
  const back = await decompress("deflate", first, await collect(readable));
  assert(back.length === copy.length && back.every((byte, index) => byte === copy[index]));
});

test("streams that are left open do not use up the app's memory once they are cancelled", async () => {
  for (let i = 0; i < 2000; i++) {
    const { readable, writable } = new CompressionStream("gzip");
    const writing = writable.getWriter().write(utf8("a"));
    await readable.cancel();
    await writing.catch(() => {});
  }
});

test("what codecs hold counts against the app's memory", async () => {
  const streams = [];
  const error = await assertRejects(async () => {
    for (let i = 0; i < 5000; i++) {
      const { readable, writable } = new CompressionStream("gzip");
      streams.push(readable);
      readable.getReader().read().catch(() => {});
      await writable.getWriter().write(utf8("a"));
    }
  }, RangeError, "memory");
  assert(error !== undefined && streams.length > 10);
});

test("the constructors and their members are as the standard says", () => {
  for (const Stream of [CompressionStream, DecompressionStream]) {
    for (const format of ["a", "GZIP", "zstd", "x-gzip", undefined, null]) {
      assertThrows(() => new Stream(format), TypeError);
    }
    assertThrows(() => new Stream(), TypeError);
    assertThrows(() => Stream("gzip"), TypeError);
    assertThrows(() => new Stream({ toString() { throw new RangeError(); } }), RangeError);
    const stream = new Stream({ toString: () => "gzip" });
    assert(stream.readable instanceof ReadableStream && stream.readable === stream.readable);
    assert(stream.writable instanceof WritableStream && stream.writable === stream.writable);
    assertEquals([Stream.length, String(stream)], [1, `[object ${Stream.name}]`]);
    for (const name of ["readable", "writable"]) {
      const { get, set, enumerable } = Object.getOwnPropertyDescriptor(Stream.prototype, name);
      assertEquals([set, enumerable], [undefined, true]);
      assertThrows(() => get.call({}), TypeError, "Illegal invocation");
    }
  }
});

test("what is put on Object.prototype is no part of a transformer", async () => {
  Object.prototype.transform = Object.prototype.flush = () => { throw new Error("called"); };
  try {
    assertEquals(text(await decompress("gzip", await compress("gzip", utf8("x")))), "x");
  } finally {
    delete Object.prototype.transform;
    delete Object.prototype.flush;
  }
});
