// The streams of the standard as an app sees them. What the standard says about the order of promise reactions is
// tested by lists of events.

const tick = () => Promise.resolve();
const ticks = async (count) => { for (let i = 0; i < count; i++) await tick(); };
/** Lets every reaction that is under way run. */
const settle = () => ticks(30);

function sourceOf(chunks, strategy) {
  let i = 0;
  return new ReadableStream({
    pull(controller) {
      if (i < chunks.length) controller.enqueue(chunks[i++]);
      else controller.close();
    },
  }, strategy);
}
function sinkInto(chunks, extra, strategy) {
  return new WritableStream({ write(chunk) { chunks.push(chunk); }, ...extra }, strategy);
}
async function readAll(stream) {
  const chunks = [];
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return chunks;
    chunks.push(value);
  }
}
async function reasonOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the promise was not rejected");
}
const boom = new Error("boom");

// Interfaces.
const interfaces = {
  ReadableStream: [0, "cancel getReader locked pipeThrough pipeTo tee values"],
  ReadableStreamDefaultReader: [1, "cancel closed read releaseLock"],
  ReadableStreamBYOBReader: [1, "cancel closed read releaseLock"],
  ReadableStreamDefaultController: [0, "close desiredSize enqueue error"],
  ReadableByteStreamController: [0, "byobRequest close desiredSize enqueue error"],
  ReadableStreamBYOBRequest: [0, "respond respondWithNewView view"],
  WritableStream: [0, "abort close getWriter locked"],
  WritableStreamDefaultWriter: [1, "abort close closed desiredSize ready releaseLock write"],
  WritableStreamDefaultController: [0, "error signal"],
  TransformStream: [0, "readable writable"],
  TransformStreamDefaultController: [0, "desiredSize enqueue error terminate"],
  ByteLengthQueuingStrategy: [1, "highWaterMark size"],
  CountQueuingStrategy: [1, "highWaterMark size"],
};
for (const name of Object.keys(interfaces)) {
  test(`${name}: its shape is that of its IDL`, () => {
    const [length, members] = interfaces[name];
    const global = Object.getOwnPropertyDescriptor(globalThis, name);
    assert(global.writable && global.configurable && !global.enumerable, "global");
    const Interface = global.value;
    assertEquals(Interface.name, name);
    assertEquals(Interface.length, length);
    const prototype = Interface.prototype;
    assertEquals(Object.getOwnPropertyDescriptor(Interface, "prototype").writable, false);
    assertEquals(Object.getOwnPropertyNames(prototype).filter((key) => key !== "constructor").sort().join(" "), members);
    for (const key of members.split(" ")) assert(Object.getOwnPropertyDescriptor(prototype, key).enumerable, key);
    assertEquals(prototype[Symbol.toStringTag], name);
    assertEquals(Object.keys(new ReadableStream()).length, 0);
  });
}
for (const name of Object.keys(interfaces).filter((name) => /Controller|Request/.test(name))) {
  test(`${name}: cannot be constructed`, () => {
    assertThrows(() => new globalThis[name](), TypeError);
    assertThrows(() => new globalThis[name](new ReadableStream(), {}), TypeError);
  });
}
test("Methods and getters check their receiver: those of promises reject, the others throw", async () => {
  for (const name of Object.keys(interfaces)) {
    const { prototype } = globalThis[name];
    for (const receiver of [{}, prototype, 1, undefined]) {
      for (const key of interfaces[name][1].split(" ")) {
        const { get, value } = Object.getOwnPropertyDescriptor(prototype, key);
        const call = () => (get ?? value).call(receiver, {}, {});
        const promises = /^(abort|cancel|closed|pipeTo|read|ready|write)$/.test(key) ||
          (key === "close" && /Writ(able|er)/.test(name) && !name.includes("Controller"));
        if (promises) await assertRejects(call(), TypeError);
        else assertThrows(call, TypeError);
      }
    }
  }
});
const lengths = { from: [ReadableStream, 1], pipeTo: [ReadableStream.prototype, 1], pipeThrough: [ReadableStream.prototype, 1],
  getReader: [ReadableStream.prototype, 0], values: [ReadableStream.prototype, 0],
  read: [ReadableStreamBYOBReader.prototype, 1], respond: [ReadableStreamBYOBRequest.prototype, 1],
  respondWithNewView: [ReadableStreamBYOBRequest.prototype, 1], write: [WritableStreamDefaultWriter.prototype, 0],
  enqueue: [ReadableByteStreamController.prototype, 1], error: [ReadableStreamDefaultController.prototype, 0] };
test("The lengths of functions count the required arguments", () => {
  for (const key of Object.keys(lengths)) assertEquals(lengths[key][0][key].length, lengths[key][1], key);
});

// Construction.
test("ReadableStream: bad arguments", () => {
  for (const source of [null, 1, "x"]) assertThrows(() => new ReadableStream(source), TypeError);
  for (const key of ["start", "pull", "cancel"]) assertThrows(() => new ReadableStream({ [key]: 1 }), TypeError);
  for (const type of ["", "byte", null, 1]) assertThrows(() => new ReadableStream({ type }), TypeError);
  for (const highWaterMark of [-1, NaN, "x"]) {
    assertThrows(() => new ReadableStream({}, { highWaterMark }), RangeError);
    assertThrows(() => new WritableStream({}, { highWaterMark }), RangeError);
    assertThrows(() => new TransformStream({}, { highWaterMark }), RangeError);
  }
  assertThrows(() => new ReadableStream({}, { size: 1 }), TypeError);
  assertThrows(() => new ReadableStream({ type: "bytes" }, { size() {} }), RangeError);
  assertThrows(() => new ReadableStream({ type: "bytes", autoAllocateChunkSize: 0 }), TypeError);
  assertThrows(() => new ReadableStream({ type: "bytes", autoAllocateChunkSize: -1 }), TypeError);
  assertThrows(() => new WritableStream({ type: "bytes" }), RangeError);
  assertThrows(() => new TransformStream({ readableType: "bytes" }), RangeError);
  assertThrows(() => new TransformStream({ writableType: "bytes" }), RangeError);
  assertEquals(assertThrows(() => new ReadableStream({ start() { throw boom; } }), Error), boom);
});
const dictionaries = [
  [ReadableStream, "autoAllocateChunkSize cancel pull start type"],
  [WritableStream, "abort close start type write"],
  [TransformStream, "cancel flush readableType start transform writableType"],
];
for (const [Interface, keys] of dictionaries) {
  test(`${Interface.name}: reads its dictionaries in order, the strategy before the members`, () => {
    const seen = [];
    const record = (name) => new Proxy({}, { get(_, key) { seen.push(name + String(key)); } });
    new Interface(record(""), record("strategy."), record("second."));
    const strategies = ["strategy.highWaterMark", "strategy.size"];
    if (Interface === TransformStream) strategies.push("second.highWaterMark", "second.size");
    assertEquals(seen, [...strategies, ...keys.split(" ")]);
  });
}
test("Queuing strategies: highWaterMark is converted, size is shared", () => {
  for (const Strategy of [CountQueuingStrategy, ByteLengthQueuingStrategy]) {
    assertThrows(() => new Strategy(), TypeError);
    assertThrows(() => new Strategy({}), TypeError);
    assertThrows(() => new Strategy(1), TypeError);
    assertEquals(new Strategy({ highWaterMark: "16" }).highWaterMark, 16);
    assertEquals(new Strategy({ highWaterMark: -Infinity }).highWaterMark, -Infinity);
    const { size } = new Strategy({ highWaterMark: 1 });
    assertEquals(size, new Strategy({ highWaterMark: 2 }).size);
    assertEquals(size.name, "size");
    assertThrows(() => new size(), TypeError);
  }
  assertEquals(new CountQueuingStrategy({ highWaterMark: 1 }).size(), 1);
  assertEquals(new CountQueuingStrategy({ highWaterMark: 1 }).size.length, 0);
  assertEquals(new ByteLengthQueuingStrategy({ highWaterMark: 1 }).size({ byteLength: 7 }), 7);
  assertEquals(new ByteLengthQueuingStrategy({ highWaterMark: 1 }).size.length, 1);
});

// Reading.
test("read(): chunks in order, then done for ever", async () => {
  const stream = sourceOf([1, undefined, "x"]);
  const reader = stream.getReader();
  assertEquals(await reader.read(), { value: 1, done: false });
  assertEquals(await reader.read(), { value: undefined, done: false });
  assertEquals(await reader.read(), { value: "x", done: false });
  for (let i = 0; i < 2; i++) assertEquals(await reader.read(), { value: undefined, done: true });
  await reader.closed;
});
test("read(): requests that wait are answered in order", async () => {
  let controller;
  const reader = new ReadableStream({ start(c) { controller = c; } }).getReader();
  const reads = [reader.read(), reader.read(), reader.read()];
  controller.enqueue("a");
  controller.enqueue("b");
  controller.close();
  assertEquals(await Promise.all(reads), [
    { value: "a", done: false }, { value: "b", done: false }, { value: undefined, done: true },
  ]);
});
test("read(): a queue of ten thousand chunks is not slow", async () => {
  const stream = new ReadableStream({ start(c) { for (let i = 0; i < 10000; i++) c.enqueue(i); c.close(); } });
  let sum = 0;
  for await (const i of stream) sum += i;
  assertEquals(sum, 49995000);
});
test("pull() is called once at a time, and again when it is wanted meanwhile", async () => {
  const events = [];
  let release;
  const stream = new ReadableStream({
    pull(c) {
      events.push("pull");
      c.enqueue(events.length);
      return new Promise((resolve) => { release = resolve; });
    },
  }, { highWaterMark: 3 });
  await settle();
  assertEquals(events.length, 1);
  release();
  await settle();
  assertEquals(events.length, 2);
  const reader = stream.getReader();
  await reader.read();
  assertEquals(events.length, 2);
  release();
  await settle();
  assertEquals(events.length, 3);
});
test("desiredSize: counts, bytes, closed and errored", () => {
  let controller;
  const start = (c) => { controller = c; };
  new ReadableStream({ start }, { highWaterMark: 3 });
  assertEquals(controller.desiredSize, 3);
  controller.enqueue("x");
  assertEquals(controller.desiredSize, 2);
  controller.close();
  assertEquals(controller.desiredSize, 2);
  new ReadableStream({ start }, new ByteLengthQueuingStrategy({ highWaterMark: 10 }));
  controller.enqueue(new Uint8Array(25));
  assertEquals(controller.desiredSize, -15);
  controller.error(boom);
  assertEquals(controller.desiredSize, null);
  new ReadableStream({ start });
  controller.close();
  assertEquals(controller.desiredSize, 0);
  assertThrows(() => controller.enqueue(1), TypeError);
  assertThrows(() => controller.close(), TypeError);
  controller.error(boom); // nothing
});
for (const size of [NaN, -1, Infinity, -Infinity, "x", undefined]) {
  test(`A size of ${size} errors the stream`, async () => {
    let controller;
    const readable = new ReadableStream({ start(c) { controller = c; } }, { size: () => size });
    const error = assertThrows(() => controller.enqueue(1), RangeError);
    assertEquals(await reasonOf(readable.getReader().closed), error);
    const writer = new WritableStream({}, { size: () => size }).getWriter();
    await assertRejects(writer.write(1), RangeError);
    await assertRejects(writer.closed, RangeError);
  });
}
test("An error goes to waiting reads, to closed, and drops the queue", async () => {
  let controller;
  const stream = new ReadableStream({ start(c) { controller = c; } });
  const reader = stream.getReader();
  const read = reader.read();
  controller.error(boom);
  assertEquals(await reasonOf(read), boom);
  assertEquals(await reasonOf(reader.closed), boom);
  assertEquals(await reasonOf(reader.read()), boom);
  assertEquals(await reasonOf(reader.cancel()), boom);
  const pulled = new ReadableStream({ pull() { throw boom; } });
  assertEquals(await reasonOf(readAll(pulled)), boom);
  const rejected = new ReadableStream({ async pull() { throw boom; } });
  assertEquals(await reasonOf(readAll(rejected)), boom);
});
test("closed settles before the reads that wait", async () => {
  let controller;
  const events = [];
  const reader = new ReadableStream({ start(c) { controller = c; } }).getReader();
  reader.closed.then(() => events.push("closed"));
  reader.read().then(() => events.push("read"));
  controller.close();
  await settle();
  assertEquals(events, ["closed", "read"]);
});
test("releaseLock(): waiting reads fail, the stream goes on", async () => {
  let controller;
  const stream = new ReadableStream({ start(c) { controller = c; } });
  const reader = stream.getReader();
  const { closed } = reader;
  assertThrows(() => stream.getReader(), TypeError);
  assert(stream.locked);
  const read = reader.read();
  reader.releaseLock();
  reader.releaseLock();
  assert(!stream.locked);
  await assertRejects(read, TypeError);
  await assertRejects(closed, TypeError);
  await assertRejects(reader.closed, TypeError);
  assertEquals(reader.closed, closed);
  await assertRejects(reader.read(), TypeError);
  await assertRejects(reader.cancel(), TypeError);
  controller.enqueue(1);
  assertEquals((await stream.getReader().read()).value, 1);
});
test("releaseLock() after the end gives a new closed promise", async () => {
  const reader = sourceOf([]).getReader();
  await reader.read();
  const { closed } = reader;
  await closed;
  reader.releaseLock();
  assert(reader.closed !== closed);
  await assertRejects(reader.closed, TypeError);
});
test("cancel(): the source hears the reason once; what it throws rejects", async () => {
  const reasons = [];
  const stream = new ReadableStream({ cancel(reason) { reasons.push(reason); return "ignored"; } });
  assertEquals(await stream.cancel("why"), undefined);
  assertEquals(await stream.cancel("again"), undefined);
  assertEquals(reasons, ["why"]);
  assertEquals(await reasonOf(new ReadableStream({ cancel() { throw boom; } }).cancel()), boom);
  const locked = new ReadableStream();
  locked.getReader();
  await assertRejects(locked.cancel(), TypeError);
});
test("getReader(): modes", () => {
  assertThrows(() => new ReadableStream().getReader({ mode: "byob" }), TypeError);
  assertThrows(() => new ReadableStream().getReader({ mode: "other" }), TypeError);
  assertThrows(() => new ReadableStream().getReader(1), TypeError);
  const bytes = () => new ReadableStream({ type: "bytes" });
  assert(bytes().getReader() instanceof ReadableStreamDefaultReader);
  assert(bytes().getReader({ mode: "byob" }) instanceof ReadableStreamBYOBReader);
  assert(bytes().getReader(null) instanceof ReadableStreamDefaultReader);
  assert(new ReadableStreamBYOBReader(bytes()) instanceof ReadableStreamBYOBReader);
  assertThrows(() => new ReadableStreamDefaultReader({}), TypeError);
  assertThrows(() => new ReadableStreamBYOBReader(new ReadableStream()), TypeError);
});

// Iteration.
test("for await reads all and releases the lock", async () => {
  const stream = sourceOf([1, 2]);
  const seen = [];
  for await (const chunk of stream) seen.push(chunk);
  assertEquals(seen, [1, 2]);
  assert(!stream.locked);
  assertEquals(ReadableStream.prototype[Symbol.asyncIterator], ReadableStream.prototype.values);
});
test("break cancels, unless preventCancel", async () => {
  for (const preventCancel of [false, true]) {
    let cancelled = false;
    const stream = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel() { cancelled = true; } });
    for await (const _ of stream.values({ preventCancel })) break;
    assertEquals(cancelled, !preventCancel);
    assert(!stream.locked);
    if (preventCancel) assertEquals((await stream.getReader().read()).value, 1);
  }
});
test("next() and return() wait for each other", async () => {
  let controller;
  const iterator = new ReadableStream({ start(c) { controller = c; } }).values();
  const events = [];
  const log = (name) => (result) => events.push([name, result.value, result.done]);
  const all = [iterator.next().then(log("a")), iterator.next().then(log("b")), iterator.return("r").then(log("c")),
    iterator.next().then(log("d"))];
  await settle();
  assertEquals(events, []);
  controller.enqueue(1);
  controller.enqueue(2);
  await Promise.all(all);
  assertEquals(events, [["a", 1, false], ["b", 2, false], ["c", "r", true], ["d", undefined, true]]);
  await assertRejects(iterator.next.call({}), TypeError);
});
test("An error ends the iteration and releases the lock", async () => {
  const stream = new ReadableStream({ start(c) { c.error(boom); } });
  const iterator = stream[Symbol.asyncIterator]();
  assertEquals(await reasonOf(iterator.next()), boom);
  assertEquals(await iterator.next(), { value: undefined, done: true });
  assert(!stream.locked);
});

// from().
const iterables = [
  ["an array", () => ["a", "b"]],
  ["a string", () => "ab"],
  ["a set", () => new Set(["a", "b"])],
  ["an array of promises", () => [Promise.resolve("a"), Promise.resolve("b")]],
  ["a generator", () => (function* () { yield "a"; yield "b"; })()],
  ["an async generator", () => (async function* () { yield "a"; yield "b"; })()],
  ["a stream", () => sourceOf(["a", "b"])],
];
for (const [name, make] of iterables) {
  test(`from() ${name}`, async () => assertEquals(await readAll(ReadableStream.from(make())), ["a", "b"]));
}
test("from(): what is not iterable throws, what an iterator throws errors", async () => {
  for (const value of [undefined, null, 1, {}, { [Symbol.asyncIterator]: 1 }, { [Symbol.iterator]: () => 1 }]) {
    assertThrows(() => ReadableStream.from(value), TypeError);
  }
  assertEquals(await reasonOf(readAll(ReadableStream.from((function* () { throw boom; })()))), boom);
  await assertRejects(readAll(ReadableStream.from({ [Symbol.iterator]: () => ({ next: () => 1 }) })), TypeError);
  assertEquals(await reasonOf(readAll(ReadableStream.from([Promise.reject(boom)]))), boom);
});
test("from(): cancel calls return() with the reason", async () => {
  let reason;
  const iterable = { [Symbol.asyncIterator]: () => ({ next() {}, return(r) { reason = r; return {}; } }) };
  await ReadableStream.from(iterable).cancel("why");
  assertEquals(reason, "why");
  await ReadableStream.from({ [Symbol.asyncIterator]: () => ({ next() {} }) }).cancel();
  await assertRejects(ReadableStream.from({ [Symbol.asyncIterator]: () => ({ next() {}, return: () => 1 }) }).cancel(), TypeError);
});

// Bytes.
const bytes = (...values) => new Uint8Array(values);
test("Byte streams: the chunk's buffer is taken, the reader gets a Uint8Array", async () => {
  let controller;
  const stream = new ReadableStream({ type: "bytes", start(c) { controller = c; } });
  const chunk = new Uint16Array([0x0201, 0x0403]);
  controller.enqueue(chunk);
  assertEquals(chunk.byteLength, 0);
  assertEquals((await stream.getReader().read()).value, bytes(1, 2, 3, 4));
  for (const bad of [1, {}, new ArrayBuffer(1)]) assertThrows(() => controller.enqueue(bad), TypeError);
  assertThrows(() => controller.enqueue(new Uint8Array(0)), TypeError);
  assertThrows(() => controller.enqueue(chunk), TypeError);
});
test("BYOB: the view is filled from the queue, over the bounds of chunks", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    start(c) { c.enqueue(bytes(1, 2, 3)); c.enqueue(bytes(4, 5)); c.close(); },
  });
  const reader = stream.getReader({ mode: "byob" });
  const view = new Uint8Array(8);
  const first = await reader.read(view.subarray(2, 6));
  assertEquals(view.byteLength, 0);
  assertEquals(first.value, bytes(1, 2, 3, 4));
  assertEquals([first.value.byteOffset, first.value.buffer.byteLength, first.done], [2, 8, false]);
  const second = await reader.read(new DataView(new ArrayBuffer(4)));
  assert(second.value instanceof DataView);
  assertEquals([second.value.getUint8(0), second.value.byteLength], [5, 1]);
  const end = await reader.read(new Uint8Array(2));
  assertEquals([end.value.byteLength, end.value.buffer.byteLength, end.done], [0, 2, true]);
});
test("BYOB: elements are not cut; what is left of one stays in the queue", async () => {
  let controller;
  const reader = new ReadableStream({ type: "bytes", start(c) { controller = c; } }).getReader({ mode: "byob" });
  const read = reader.read(new Uint16Array(2));
  controller.enqueue(bytes(1));
  controller.enqueue(bytes(2, 3));
  assertEquals((await read).value, new Uint16Array([0x0201]));
  const next = reader.read(new Uint16Array(1));
  controller.enqueue(bytes(4));
  assertEquals((await next).value, new Uint16Array([0x0403]));
  const cut = reader.read(new Uint16Array(1));
  controller.enqueue(bytes(5));
  const error = assertThrows(() => controller.close(), TypeError);
  assertEquals(await reasonOf(cut), error);
});
test("BYOB: min", async () => {
  let controller;
  const reader = new ReadableStream({ type: "bytes", start(c) { controller = c; } }).getReader({ mode: "byob" });
  let done = false;
  const read = reader.read(new Uint8Array(4), { min: 3 });
  read.then(() => { done = true; });
  controller.enqueue(bytes(1, 2));
  await settle();
  assert(!done);
  controller.enqueue(bytes(3));
  assertEquals((await read).value, bytes(1, 2, 3));
  await assertRejects(reader.read(new Uint8Array(1), { min: 0 }), TypeError);
  await assertRejects(reader.read(new Uint8Array(1), { min: 2 }), RangeError);
  await assertRejects(reader.read(new Uint16Array(1), { min: 2 }), RangeError);
  await assertRejects(reader.read(new Uint8Array(1), { min: -1 }), TypeError);
  await assertRejects(reader.read(new Uint8Array(0)), TypeError);
  await assertRejects(reader.read(1), TypeError);
});
test("BYOB request: respond() fills the reader's own buffer", async () => {
  const requests = [];
  const reader = new ReadableStream({
    type: "bytes",
    pull(c) {
      const request = c.byobRequest;
      assertEquals(request, c.byobRequest);
      requests.push(request);
      request.view.set([7, 8]);
      request.respond(2);
      assertEquals(request.view, null);
      assertThrows(() => request.respond(1), TypeError);
      assertThrows(() => request.respondWithNewView(bytes(1)), TypeError);
    },
  }).getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(10).subarray(4, 8));
  assertEquals([value, value.byteOffset], [bytes(7, 8), 4]);
  assertEquals(requests.length, 1);
});
test("BYOB request: wrong answers", async () => {
  let controller;
  const reader = new ReadableStream({ type: "bytes", start(c) { controller = c; } }).getReader({ mode: "byob" });
  assertEquals(controller.byobRequest, null);
  const read = reader.read(new Uint8Array(4));
  const request = controller.byobRequest;
  assertThrows(() => request.respond(5), RangeError);
  assertThrows(() => request.respond(0), TypeError);
  assertThrows(() => request.respond(-1), TypeError);
  assertThrows(() => request.respond(), TypeError);
  assertThrows(() => request.respondWithNewView(new Uint8Array(5)), RangeError);
  assertThrows(() => request.respondWithNewView(new Uint8Array(request.view.buffer, 1)), RangeError);
  request.respondWithNewView(request.view.subarray(0, 3));
  assertEquals((await read).value.byteLength, 3);
});
test("BYOB: after close, reads give their buffers back with respond(0)", async () => {
  let controller;
  const reader = new ReadableStream({ type: "bytes", start(c) { controller = c; } }).getReader({ mode: "byob" });
  const reads = [reader.read(new Uint8Array(3)), reader.read(new Uint8Array(5))];
  controller.close();
  controller.byobRequest.respond(0);
  const results = await Promise.all(reads);
  assertEquals(results.map((r) => [r.done, r.value.byteLength, r.value.buffer.byteLength]), [[true, 0, 3], [true, 0, 5]]);
});
test("BYOB: cancel answers reads with undefined", async () => {
  const reader = new ReadableStream({ type: "bytes" }).getReader({ mode: "byob" });
  const read = reader.read(new Uint8Array(3));
  await reader.cancel();
  assertEquals(await read, { value: undefined, done: true });
});
test("BYOB: what fills a released reader's buffer goes to the next reader", async () => {
  let controller;
  const stream = new ReadableStream({ type: "bytes", start(c) { controller = c; } });
  const reader = stream.getReader({ mode: "byob" });
  const read = reader.read(new Uint8Array(4));
  const request = controller.byobRequest;
  reader.releaseLock();
  await assertRejects(read, TypeError);
  request.view[0] = 9;
  request.respond(1);
  assertEquals((await stream.getReader().read()).value, bytes(9));
});
test("autoAllocateChunkSize gives default readers a BYOB request", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    autoAllocateChunkSize: 16,
    pull(c) { assertEquals(c.byobRequest.view.byteLength, 16); c.byobRequest.view[0] = 1; c.byobRequest.respond(1); },
  });
  assertEquals((await stream.getReader().read()).value, bytes(1));
});
test("desiredSize of a byte stream counts bytes", () => {
  let controller;
  new ReadableStream({ type: "bytes", start(c) { controller = c; } }, { highWaterMark: 8 });
  controller.enqueue(new Uint8Array(5));
  assertEquals(controller.desiredSize, 3);
});

// tee().
test("tee(): both branches get every chunk; the stream stays locked", async () => {
  const stream = sourceOf([1, 2, 3]);
  const [a, b] = stream.tee();
  assert(stream.locked);
  assertEquals(await readAll(a), [1, 2, 3]);
  assertEquals(await readAll(b), [1, 2, 3]);
});
test("tee(): cancelled when both branches are, with both reasons", async () => {
  let reasons;
  const [a, b] = new ReadableStream({ cancel(r) { reasons = r; } }).tee();
  const first = a.cancel("one");
  await settle();
  assertEquals(reasons, undefined);
  await b.cancel("two");
  await first;
  assertEquals(reasons, ["one", "two"]);
});
test("tee(): an error reaches both branches", async () => {
  let controller;
  const [a, b] = new ReadableStream({ start(c) { controller = c; } }).tee();
  controller.error(boom);
  assertEquals(await reasonOf(readAll(a)), boom);
  assertEquals(await reasonOf(readAll(b)), boom);
});
test("tee() of bytes: each branch has its own buffer; BYOB reads reach the source", async () => {
  const views = [];
  const stream = new ReadableStream({
    type: "bytes",
    pull(c) {
      if (c.byobRequest === null) { c.enqueue(bytes(5)); return; }
      views.push(c.byobRequest.view.byteLength);
      c.byobRequest.view[0] = 4;
      c.byobRequest.respond(1);
    },
  });
  const [a, b] = stream.tee();
  const one = a.getReader({ mode: "byob" });
  const { value } = await one.read(new Uint8Array(6));
  assertEquals([value, views], [bytes(4), [6]]);
  value[0] = 0;
  const two = b.getReader();
  assertEquals((await two.read()).value, bytes(4));
  one.releaseLock();
  assertEquals((await two.read()).value, bytes(5));
  assertEquals((await a.getReader().read()).value, bytes(5));
});

// Writable streams.
test("write(): one at a time, in order, with the controller", async () => {
  const events = [];
  let release;
  const writer = new WritableStream({
    write(chunk, controller) {
      assert(controller instanceof WritableStreamDefaultController);
      events.push(chunk);
      return new Promise((resolve) => { release = resolve; });
    },
    close() { events.push(`close ${arguments.length}`); },
  }).getWriter();
  await settle();
  writer.write("a");
  writer.write("b");
  const closed = writer.close();
  await settle();
  assertEquals(events, ["a"]);
  release();
  await settle();
  assertEquals(events, ["a", "b"]);
  release();
  await closed;
  await writer.closed;
  assertEquals(events, ["a", "b", "close 0"]);
  assertEquals(writer.desiredSize, 0);
  await assertRejects(writer.write("c"), TypeError);
  await assertRejects(writer.close(), TypeError);
});
test("ready follows backpressure; each wait is a promise of its own", async () => {
  let release;
  const writer = new WritableStream({ write: () => new Promise((resolve) => { release = resolve; }) }).getWriter();
  await settle();
  const first = writer.ready;
  assertEquals(writer.ready, first);
  await first;
  assertEquals(writer.desiredSize, 1);
  writer.write(1);
  assertEquals(writer.desiredSize, 0);
  const second = writer.ready;
  assert(second !== first);
  let ready = false;
  second.then(() => { ready = true; });
  await settle();
  assert(!ready);
  release();
  await second;
  assertEquals([writer.ready, writer.desiredSize], [second, 1]);
});
test("A failing write errors the stream, and all that waits", async () => {
  const writer = new WritableStream({ write() { throw boom; } }).getWriter();
  const writes = [writer.write(1), writer.write(2)];
  const closing = writer.close();
  for (const promise of [...writes, closing, writer.closed]) assertEquals(await reasonOf(promise), boom);
  assertEquals(await reasonOf(writer.ready), boom);
  assertEquals(writer.desiredSize, null);
  await assertRejects(writer.close(), TypeError);
  assertEquals(await writer.abort(), undefined);
});
test("start() delays the first write; its failure errors the stream", async () => {
  const events = [];
  let release;
  const writer = new WritableStream({
    start: () => new Promise((resolve) => { release = resolve; }),
    write(chunk) { events.push(chunk); },
  }).getWriter();
  const write = writer.write(1);
  await settle();
  assertEquals(events, []);
  release();
  await write;
  assertEquals(events, [1]);
  const failed = new WritableStream({ start: async () => { throw boom; } }).getWriter();
  assertEquals(await reasonOf(failed.closed), boom);
});
test("abort(): the signal first, then the write in flight ends, then abort() of the sink", async () => {
  const events = [];
  let release;
  const stream = new WritableStream({
    start(c) { c.signal.addEventListener("abort", () => events.push(["signal", c.signal.reason])); },
    write: () => new Promise((resolve) => { release = resolve; }),
    abort(reason) { events.push(["abort", reason]); },
  });
  const writer = stream.getWriter();
  await settle();
  const inFlight = writer.write(1);
  const queued = writer.write(2);
  const aborted = writer.abort(boom);
  assertEquals(writer.abort("later"), aborted);
  assertEquals(events, [["signal", boom]]);
  assertEquals(await reasonOf(writer.ready), boom);
  release();
  await inFlight;
  await aborted;
  assertEquals(events, [["signal", boom], ["abort", boom]]);
  assertEquals(await reasonOf(queued), boom);
  assertEquals(await reasonOf(writer.closed), boom);
});
test("The signal that is asked for after an abort is aborted", async () => {
  let controller;
  const stream = new WritableStream({ start(c) { controller = c; } });
  stream.abort(boom);
  assert(controller.signal.aborted);
  assertEquals(controller.signal.reason, boom);
  assertEquals(controller.signal, controller.signal);
  const unnamed = new WritableStream({ start(c) { controller = c; } });
  unnamed.abort();
  assertEquals(controller.signal.reason.name, "AbortError");
  assert(!(() => { new WritableStream({ start(c) { controller = c; } }); return controller.signal.aborted; })());
});
test("closed stays pending while the sink's abort() runs", async () => {
  let release;
  let settled = false;
  const stream = new WritableStream({ abort: () => new Promise((resolve) => { release = resolve; }) });
  const writer = stream.getWriter();
  await settle();
  const aborted = writer.abort(boom);
  await settle();
  writer.closed.catch(() => { settled = true; });
  await settle();
  assert(!settled);
  release();
  await aborted;
  assertEquals(await reasonOf(writer.closed), boom);
});
test("controller.error() of a writable stream", async () => {
  let controller;
  const writer = new WritableStream({ start(c) { controller = c; } }).getWriter();
  controller.error(boom);
  controller.error("later");
  assertEquals(await reasonOf(writer.write(1)), boom);
  assertEquals(await reasonOf(writer.closed), boom);
});
test("A released writer: everything fails, the stream goes on", async () => {
  const stream = new WritableStream();
  const writer = stream.getWriter();
  assertThrows(() => stream.getWriter(), TypeError);
  await assertRejects(stream.abort(), TypeError);
  await assertRejects(stream.close(), TypeError);
  const { closed, ready } = writer;
  writer.releaseLock();
  writer.releaseLock();
  assert(!stream.locked);
  await assertRejects(closed, TypeError);
  await ready;
  for (const make of [() => writer.write(1), () => writer.close(), () => writer.abort(), () => writer.ready]) {
    await assertRejects(make(), TypeError);
  }
  assertThrows(() => writer.desiredSize, TypeError);
  await stream.close();
});

// Pipes.
test("pipeTo(): all chunks, then close; both locked meanwhile, neither after", async () => {
  const out = [];
  const source = sourceOf([1, 2, 3]);
  const dest = sinkInto(out, { close() { out.push("close"); } });
  const piped = source.pipeTo(dest);
  assert(source.locked && dest.locked);
  assertEquals(await piped, undefined);
  assertEquals(out, [1, 2, 3, "close"]);
  assert(!source.locked && !dest.locked);
});
test("pipeTo(): enqueue() does not run the sink", async () => {
  let controller;
  const out = [];
  new ReadableStream({ start(c) { controller = c; } }).pipeTo(sinkInto(out));
  await settle();
  controller.enqueue(1);
  assertEquals(out, []);
  await settle();
  assertEquals(out, [1]);
});
test("pipeTo(): no read without demand", async () => {
  let pulls = 0;
  const source = new ReadableStream({ pull(c) { pulls++; c.enqueue(pulls); } }, { highWaterMark: 0 });
  source.pipeTo(new WritableStream({ write: () => new Promise(() => {}) }, { highWaterMark: 3 }));
  await settle();
  assertEquals(pulls, 3);
});
const ends = [
  // [name, options, source ends with, what the sink hears, does the pipe fail]
  ["close", {}, "close", ["close"], false],
  ["close", { preventClose: true }, "close", [], false],
  ["error", {}, "error", ["abort"], true],
  ["error", { preventAbort: true }, "error", [], true],
];
for (const [name, options, ending, heard, fails] of ends) {
  test(`pipeTo(${JSON.stringify(options)}): ${name} of the source`, async () => {
    const events = [];
    const dest = new WritableStream({
      close() { events.push("close"); },
      abort(reason) { assertEquals(reason, boom); events.push("abort"); },
    });
    const source = new ReadableStream({ start(c) { ending === "close" ? c.close() : c.error(boom); } });
    const piped = source.pipeTo(dest, options);
    if (fails) assertEquals(await reasonOf(piped), boom);
    else await piped;
    await settle();
    assertEquals(events, heard);
    if (heard.length === 0) await dest.getWriter().write(1);
  });
}
for (const preventCancel of [false, true]) {
  test(`pipeTo({ preventCancel: ${preventCancel} }): error and close of the destination`, async () => {
    const reasons = [];
    const make = () => new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { reasons.push(r); } });
    assertEquals(await reasonOf(make().pipeTo(new WritableStream({ write() { throw boom; } }), { preventCancel })), boom);
    assertEquals(reasons, preventCancel ? [] : [boom]);
    const closed = new WritableStream();
    await closed.close();
    const error = await assertRejects(make().pipeTo(closed, { preventCancel }), TypeError);
    assertEquals(reasons, preventCancel ? [] : [boom, error]);
  });
}
for (const [preventAbort, preventCancel] of [[false, false], [true, false], [false, true], [true, true]]) {
  test(`pipeTo(): a signal, with preventAbort ${preventAbort} and preventCancel ${preventCancel}`, async () => {
    const events = [];
    const control = new AbortController();
    const source = new ReadableStream({ pull: () => new Promise(() => {}), cancel(r) { events.push("cancel", r); } });
    const dest = new WritableStream({ abort(r) { events.push("abort", r); } });
    const piped = source.pipeTo(dest, { preventAbort, preventCancel, signal: control.signal });
    await settle();
    control.abort(boom);
    assertEquals(await reasonOf(piped), boom);
    const expected = [];
    if (!preventAbort) expected.push("abort", boom);
    if (!preventCancel) expected.push("cancel", boom);
    assertEquals(events, expected);
    assert(!source.locked && !dest.locked);
  });
}
test("pipeTo(): what is read is written before an abort's end", async () => {
  const out = [];
  let release;
  const control = new AbortController();
  const dest = new WritableStream({
    write(chunk) { out.push(chunk); return new Promise((resolve) => { release = resolve; }); },
    abort() { out.push("abort"); },
  });
  const piped = sourceOf([1, 2]).pipeTo(dest, { signal: control.signal });
  await settle();
  control.abort(boom);
  await settle();
  assertEquals(out, [1]);
  release();
  assertEquals(await reasonOf(piped), boom);
  assertEquals(out, [1, "abort"]);
});
test("pipeTo() and pipeThrough(): bad arguments", async () => {
  await assertRejects(new ReadableStream().pipeTo(), TypeError);
  await assertRejects(new ReadableStream().pipeTo({}), TypeError);
  await assertRejects(new ReadableStream().pipeTo(new WritableStream(), 1), TypeError);
  for (const signal of [null, {}, true, Object.create(AbortSignal.prototype)]) {
    await assertRejects(new ReadableStream().pipeTo(new WritableStream(), { signal }), TypeError);
  }
  const locked = new ReadableStream();
  locked.getReader();
  await assertRejects(locked.pipeTo(new WritableStream()), TypeError);
  const lockedDest = new WritableStream();
  lockedDest.getWriter();
  await assertRejects(new ReadableStream().pipeTo(lockedDest), TypeError);
  for (const pair of [undefined, 1, {}, { readable: new ReadableStream() }, { writable: new WritableStream() }]) {
    assertThrows(() => new ReadableStream().pipeThrough(pair), TypeError);
  }
  assertThrows(() => locked.pipeThrough(new TransformStream()), TypeError);
});
test("pipeTo() looks up nothing on an app's prototypes", async () => {
  const out = [];
  const source = new ReadableStream({ start(c) { c.enqueue("a"); c.close(); } });
  const dest = sinkInto(out);
  await tick(); // the harness has called `then` of this test
  const { then } = Promise.prototype;
  const touched = [];
  const trap = (key) => Object.defineProperty(Object.prototype, key, {
    configurable: true, get() { touched.push(key); }, set() { touched.push(key); },
  });
  const keys = ["then", "next", "chunk", "size", "head", "tail", "state", "resolve", "promise", "signal"];
  keys.forEach(trap);
  Promise.prototype.then = () => touched.push("Promise.then");
  let piped;
  try {
    piped = source.pipeTo(dest);
    await new Promise((resolve) => setTimeout(resolve, 1));
  } finally {
    Promise.prototype.then = then;
    for (const key of keys) delete Object.prototype[key];
  }
  await piped;
  assertEquals([out, touched], [["a"], []]);
});

// Transform streams.
test("TransformStream: identity, and a transform that multiplies", async () => {
  assertEquals(await readAll(sourceOf([1, 2]).pipeThrough(new TransformStream())), [1, 2]);
  const twice = new TransformStream({
    start(c) { c.enqueue("start"); },
    async transform(chunk, c) { c.enqueue(chunk); c.enqueue(chunk); },
    flush(c) { c.enqueue("flush"); },
  });
  assertEquals(await readAll(sourceOf([1, 2]).pipeThrough(twice)), ["start", 1, 1, 2, 2, "flush"]);
});
test("TransformStream: backpressure holds the first write until a read", async () => {
  const events = [];
  const stream = new TransformStream({ transform(chunk, c) { events.push(chunk); c.enqueue(chunk); } });
  const writer = stream.writable.getWriter();
  writer.write(1);
  writer.write(2);
  await settle();
  assertEquals(events, []);
  const reader = stream.readable.getReader();
  assertEquals((await reader.read()).value, 1);
  assertEquals(events, [1]);
  assertEquals((await reader.read()).value, 2);
});
for (const [name, transformer] of [
  ["throws", { transform() { throw boom; } }],
  ["rejects", { async transform() { throw boom; } }],
  ["calls error()", { transform(_, c) { c.error(boom); } }],
]) {
  test(`TransformStream: transform() ${name}`, async () => {
    const stream = new TransformStream(transformer);
    const writer = stream.writable.getWriter();
    const reader = stream.readable.getReader();
    writer.write(1).catch(() => {});
    assertEquals(await reasonOf(reader.read()), boom);
    assertEquals(await reasonOf(writer.closed), boom);
  });
}
test("TransformStream: terminate() closes one side and errors the other", async () => {
  const stream = new TransformStream({ transform(chunk, c) { c.enqueue(chunk); c.terminate(); } });
  const writer = stream.writable.getWriter();
  writer.write(1).catch(() => {});
  assertEquals(await readAll(stream.readable), [1]);
  await assertRejects(writer.closed, TypeError);
});
test("TransformStream: cancel() hears a cancelled readable and an aborted writable", async () => {
  for (const end of [(s, r) => s.readable.cancel(r), (s, r) => s.writable.abort(r)]) {
    const reasons = [];
    const stream = new TransformStream({ cancel(reason) { reasons.push(reason); }, flush() { reasons.push("flush"); } });
    await settle();
    await end(stream, boom);
    assertEquals(reasons, [boom]);
    assertEquals(await reasonOf(end === undefined ? null : stream.writable.getWriter().closed), boom);
    assertEquals(await reasonOf(end(new TransformStream({ cancel() { throw boom; } }), "x")), boom);
  }
});
test("TransformStream: flush() that fails rejects close()", async () => {
  const stream = new TransformStream({ flush() { throw boom; } });
  const closing = stream.writable.close();
  assertEquals(await reasonOf(stream.readable.getReader().closed), boom);
  assertEquals(await reasonOf(closing), boom);
});
test("A chain of pipes carries errors in both directions", async () => {
  let cancelled;
  const source = new ReadableStream({ pull(c) { c.enqueue(1); }, cancel(r) { cancelled = r; } });
  const chain = source.pipeThrough(new TransformStream()).pipeThrough(new TransformStream());
  await chain.cancel(boom);
  await settle();
  assertEquals(cancelled, boom);
});
