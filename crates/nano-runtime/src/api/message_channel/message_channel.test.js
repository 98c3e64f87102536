const nextMessage = (port) => new Promise((resolve) => { port.onmessage = resolve; });
/** Fulfilled once all that was posted before is delivered. */
async function settled() {
  const { port1, port2 } = new MessageChannel();
  const message = nextMessage(port2);
  port1.postMessage(null);
  await message;
}

test("a message is a clone, and comes in a task of its own", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  const value = { a: [1, 2] };
  const message = nextMessage(port2);
  port1.postMessage(value);
  value.a.push(3);
  log.push("script");
  await null;
  log.push("microtask");
  const event = await message.then((event) => { log.push("message"); return event; });
  assertEquals(log, ["script", "microtask", "message"]);
  assertEquals(event.data, { a: [1, 2] });
  assert(event instanceof MessageEvent && event.isTrusted && event.target === port2);
  assertEquals([event.type, event.origin, event.lastEventId, event.source, event.ports.length, event.bubbles],
    ["message", "", "", null, 0, false]);
  assert(event.ports === event.ports && Object.isFrozen(event.ports));
});

test("messages keep their order, with microtasks between them", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  port2.addEventListener("message", ({ data }) => {
    log.push(data);
    Promise.resolve().then(() => log.push(`after ${data}`));
  });
  port1.postMessage(1);
  port1.postMessage(2);
  await settled();
  assertEquals(log, [], "addEventListener does not start a port");
  port2.start();
  port1.postMessage(3);
  await settled();
  assertEquals(log, [1, "after 1", 2, "after 2", 3, "after 3"]);
});

test("both ends send, from inside of a listener too", async () => {
  const { port1, port2 } = new MessageChannel();
  const begin = performance.now();
  port2.onmessage = ({ data }) => port2.postMessage(data + 1);
  const last = await new Promise((resolve) => {
    port1.onmessage = ({ data }) => (data < 200 ? port1.postMessage(data + 1) : resolve(data));
    port1.postMessage(0);
  });
  assertEquals(last, 201);
  assert(performance.now() - begin < 2000, "messages do not wait for timers");
});

test("ports are transferred, with what is in their queue and on its way", async () => {
  const outer = new MessageChannel();
  const inner = new MessageChannel();
  inner.port2.postMessage("queued");
  const received = nextMessage(outer.port2);
  outer.port1.postMessage({ port: inner.port1 }, [inner.port1]);
  inner.port2.postMessage("on its way");
  const event = await received;
  const [port] = event.ports;
  assert(port instanceof MessagePort && port !== inner.port1 && event.data.port === port);
  const data = [];
  port.onmessage = (message) => data.push(message.data);
  inner.port2.postMessage("later");
  await settled();
  assertEquals(data, ["queued", "on its way", "later"]);
  port.postMessage("back");
  assertEquals((await nextMessage(inner.port2)).data, "back");
  assertThrows(() => outer.port1.postMessage(1, [inner.port1]), "DataCloneError");
  inner.port1.postMessage("to nobody");
});

test("a started port that is transferred waits for its next start", async () => {
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => { throw new Error("delivered to the old port"); };
  port1.postMessage(1);
  const moved = structuredClone(port2, { transfer: [port2] });
  port1.postMessage(2);
  await settled();
  const data = [];
  moved.onmessage = (event) => data.push(event.data);
  port1.postMessage(3);
  await settled();
  assertEquals(data, [1, 2, 3]);
});

test("what cannot be posted", () => {
  const { port1, port2 } = new MessageChannel();
  for (const [message, transfer] of [
    [() => {}], [Symbol()], [port2], [1, [port1]], [1, [port2, port2]], [1, [{}]], [1, { transfer: [port1] }],
  ]) {
    assertThrows(() => port1.postMessage(message, transfer), "DataCloneError");
  }
  for (const args of [[], [1, 1], [1, "x"], [1, [1]], [1, { transfer: 1 }]]) {
    assertThrows(() => port1.postMessage(...args), TypeError);
  }
  port1.postMessage(1, null);
  port1.postMessage(1, undefined);
  const buffer = new ArrayBuffer(8);
  port1.postMessage(buffer, { transfer: [buffer] });
  assertEquals(buffer.detached, true);
});

test("a port that is sent through its own channel is lost", async () => {
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => { throw new Error("delivered"); };
  port1.postMessage(port2, [port2]);
  await settled();
});

test("closing an end", async () => {
  for (const closed of ["port1", "port2"]) {
    const channel = new MessageChannel();
    const data = [];
    channel.port1.onmessage = (event) => data.push(event.data);
    channel.port2.postMessage("before");
    channel[closed].close();
    channel[closed].close();
    channel.port2.postMessage("after");
    await settled();
    assertEquals(data, ["before"], "what is on its way arrives, and nothing after it");
    assertThrows(() => structuredClone(0, { transfer: [channel[closed]] }), "DataCloneError");
  }
  const { port1, port2 } = new MessageChannel();
  const event = new Promise((resolve) => { port2.onclose = resolve; });
  port1.onclose = () => { throw new Error("the end that closes gets no event"); };
  port1.close();
  assertEquals((await event).type, "close");
});

test("an exception in a listener is reported, and the next message comes", async () => {
  const { port1, port2 } = new MessageChannel();
  const error = new Error("boom");
  const errors = [];
  const listener = (event) => { errors.push(event.error); event.preventDefault(); };
  addEventListener("error", listener);
  const data = [];
  port2.onmessage = (event) => { data.push(event.data); if (event.data === 1) throw error; };
  port1.postMessage(1);
  port1.postMessage(2);
  await settled();
  removeEventListener("error", listener);
  assertEquals([data, errors], [[1, 2], [error]]);
});

test("messages that are too many are refused, and the others come", async () => {
  const { port1, port2 } = new MessageChannel();
  let count = 0;
  port2.onmessage = () => count++;
  const error = assertThrows(() => { for (;;) port1.postMessage(0); }, RangeError, "too many");
  assert(error !== undefined);
  while (count === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  port1.postMessage(0);
  await settled();
  assert(count > 1000);
});

test("MessageEvent takes ports", () => {
  const { port1, port2 } = new MessageChannel();
  const event = new MessageEvent("message", { ports: [port1, port2], source: port1 });
  assert(event.ports[0] === port1 && event.ports[1] === port2 && event.source === port1);
  assertThrows(() => new MessageEvent("message", { ports: [{}] }), TypeError);
});

test("prototypes that an app has changed make no difference", async () => {
  const { port1, port2 } = new MessageChannel();
  const iterator = Array.prototype[Symbol.iterator];
  const { then } = Promise.prototype;
  const message = new Promise((resolve) => { port2.onmessage = ({ data, ports }) => resolve([data, ports.length]); });
  Array.prototype[Symbol.iterator] = Promise.prototype.then = () => { throw new Error("called"); };
  Object.defineProperty(Array.prototype, "0", { set() { throw new Error("called"); }, configurable: true });
  const moved = new MessageChannel();
  try {
    port1.postMessage([1], { transfer: { [Symbol.iterator]: () => iterator.call([moved.port1]) } });
  } finally {
    delete Array.prototype[0];
    Array.prototype[Symbol.iterator] = iterator;
    Promise.prototype.then = then;
  }
  assertEquals(await message, [[1], 1]);
});

test("the members are as the standard says", async () => {
  assertThrows(() => new MessagePort(), TypeError, "Illegal constructor");
  assertThrows(() => MessageChannel(), TypeError);
  const channel = new MessageChannel();
  assert(channel.port1 === channel.port1 && channel.port1 instanceof EventTarget);
  assertEquals([String(channel), String(channel.port1)], ["[object MessageChannel]", "[object MessagePort]"]);
  assertEquals(MessagePort.prototype.postMessage.length, 1);
  for (const name of ["onmessage", "onmessageerror", "onclose"]) assertEquals(channel.port1[name], null);
  for (const name of ["postMessage", "start", "close"]) {
    assertThrows(() => MessagePort.prototype[name].call({}, 1), TypeError);
  }
  assertThrows(() => structuredClone(channel.port1), "DataCloneError");
  assertThrows(() => structuredClone(channel), "DataCloneError");
});
