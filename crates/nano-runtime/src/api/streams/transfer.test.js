const transfer = (stream) => structuredClone(stream, { transfer: [stream] });
const read = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
/** Fulfilled after what messages and their promises there are. */
async function settled() {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port2.onmessage = resolve;
      port1.postMessage(null);
    });
  }
}

test("a transferred ReadableStream gives its chunks, cloned", async () => {
  const original = { a: [1] };
  const bytes = new Uint8Array([1, 2, 3]);
  const stream = new ReadableStream({
    start(controller) {
      for (const chunk of [original, bytes, "text", 7n, undefined]) controller.enqueue(chunk);
      controller.close();
    },
  });
  const moved = transfer(stream);
  assert(moved instanceof ReadableStream && moved !== stream);
  assert(stream.locked && !moved.locked);
  const chunks = await read(moved);
  assertEquals(chunks, [{ a: [1] }, bytes, "text", 7n, undefined]);
  assert(chunks[0] !== original && chunks[1].buffer !== bytes.buffer && bytes.length === 3);
});

test("streams go through a port, and set no ports", async () => {
  const { port1, port2 } = new MessageChannel();
  const message = new Promise((resolve) => { port2.onmessage = resolve; });
  const readable = new ReadableStream();
  const writable = new WritableStream();
  const transform = new TransformStream();
  const inner = new MessageChannel();
  port1.postMessage({ readable, writable, transform }, [transform, inner.port1, readable, writable]);
  const { data, ports } = await message;
  assert(data.readable instanceof ReadableStream && data.writable instanceof WritableStream);
  assert(data.transform instanceof TransformStream && data.transform.readable instanceof ReadableStream);
  assertEquals(ports.length, 1);
});

test("what is not transferred, or locked, or twice in the list, is refused", () => {
  for (const make of [() => new ReadableStream(), () => new WritableStream(), () => new TransformStream()]) {
    const stream = make();
    assertThrows(() => structuredClone(stream), "DataCloneError");
    assertThrows(() => structuredClone(stream, { transfer: [stream, stream] }), "DataCloneError");
    transfer(stream);
    assertThrows(() => transfer(stream), "DataCloneError");
  }
  for (const [stream, lock] of [[new ReadableStream(), (s) => s.getReader()], [new WritableStream(), (s) => s.getWriter()],
    [new TransformStream(), (s) => s.readable.getReader()], [new TransformStream(), (s) => s.writable.getWriter()]]) {
    lock(stream);
    assertThrows(() => transfer(stream), "DataCloneError");
  }
  const halfLocked = new TransformStream();
  halfLocked.writable.getWriter();
  assertThrows(() => transfer(halfLocked), "DataCloneError");
  assert(!halfLocked.readable.locked);
  const whole = new TransformStream();
  assertThrows(() => structuredClone(0, { transfer: [whole, whole.readable] }), "DataCloneError");
});

test("a locked stream in the list leaves the buffers alone", () => {
  const buffer = new ArrayBuffer(8);
  const stream = new ReadableStream();
  stream.getReader();
  assertThrows(() => structuredClone(0, { transfer: [buffer, stream] }), "DataCloneError");
  assertEquals(buffer.byteLength, 8);
});

test("back-pressure reaches the source through the channel", async () => {
  let pulls = 0;
  const stream = new ReadableStream({ pull(controller) { controller.enqueue(pulls++); } }, { highWaterMark: 0 });
  assertEquals(pulls, 0);
  const moved = transfer(stream);
  await settled();
  assertEquals(pulls, 1, "the transfer adds room for one chunk");
  const reader = moved.getReader();
  assertEquals((await reader.read()).value, 0);
  await settled();
  assertEquals(pulls, 2);
});

test("back-pressure reaches the writer through the channel", async () => {
  const ends = [];
  const moved = transfer(new WritableStream({ write() { return new Promise((resolve) => ends.push(resolve)); } }));
  const writer = moved.getWriter();
  assertEquals(writer.desiredSize, 1);
  await writer.write("a");
  let done = false;
  const second = writer.write("b").then(() => { done = true; });
  await settled();
  assert(!done && ends.length === 1, "the second write waits for the first to end");
  ends[0]();
  await second;
});

test("closing and cancelling", async () => {
  const log = [];
  const written = transfer(new WritableStream({
    write(chunk) { log.push(chunk); },
    close() { log.push("close"); },
  })).getWriter();
  written.write("chunk");
  await written.close();
  await settled();
  assertEquals(log, ["chunk", "close"]);
  let reason;
  const read = transfer(new ReadableStream({ cancel(value) { reason = value; } }));
  await read.cancel({ why: 1 });
  await settled();
  assertEquals(reason, { why: 1 });
  await read.getReader().closed;
});

test("errors cross in both directions", async () => {
  const error = new RangeError("no more");
  const failing = transfer(new ReadableStream({ start(controller) { controller.error(error); } }));
  const crossed = await assertRejects(failing.getReader().read(), RangeError, "no more");
  assert(crossed !== error);
  let reason;
  const aborted = transfer(new WritableStream({ abort(value) { reason = value; } }));
  await aborted.abort("stop");
  await settled();
  assertEquals(reason, "stop");
  const broken = transfer(new WritableStream({ write() { throw new TypeError("disk"); } })).getWriter();
  await broken.write(1);
  await assertRejects(broken.closed, TypeError, "disk");
});

test("what cannot be cloned fails both sides", async () => {
  let controller, reason;
  const reader = transfer(new ReadableStream({
    start(c) { controller = c; },
    cancel(value) { reason = value; },
  })).getReader();
  controller.enqueue(() => {});
  await assertRejects(reader.read(), "DataCloneError");
  await settled();
  assertEquals(reason.name, "DataCloneError");
  assertThrows(() => controller.enqueue(1), TypeError);
  const writer = transfer(new WritableStream()).getWriter();
  await assertRejects(writer.write(Symbol("s")), "DataCloneError");
  await assertRejects(writer.closed, "DataCloneError");
  await assertRejects(transfer(new ReadableStream()).cancel(() => {}), "DataCloneError");
});

test("a chunk is cloned when it is read, and not before", async () => {
  let cloned = 0;
  let controller;
  const reader = transfer(new ReadableStream({ start(c) { controller = c; } })).getReader();
  await settled();
  const first = reader.read();
  await settled();
  controller.enqueue({ get value() { return ++cloned; } });
  assertEquals(cloned, 0);
  assertEquals((await first).value, { value: 1 });
});

test("a transferred TransformStream transforms", async () => {
  const upper = transfer(new TransformStream({
    transform(chunk, controller) { controller.enqueue(chunk.toUpperCase()); },
  }));
  const source = transfer(ReadableStream.from(["a", "b", "c"]));
  assertEquals(await read(source.pipeThrough(upper)), ["A", "B", "C"]);
});

test("a body's stream is transferred", async () => {
  const response = new Response("some text");
  const moved = transfer(response.body);
  assert(response.bodyUsed);
  assertEquals(await new Response(moved).text(), "some text");
});
