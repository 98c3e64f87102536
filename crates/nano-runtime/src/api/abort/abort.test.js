const tick = () => new Promise((resolve) => setTimeout(resolve, 0));

test("AbortController and AbortSignal: construction", () => {
  const controller = new AbortController();
  assert(controller.signal instanceof AbortSignal && controller.signal === controller.signal);
  assertEquals([controller.signal.aborted, controller.signal.reason], [false, undefined]);
  assertThrows(() => new AbortSignal(), TypeError);
  assertThrows(() => AbortController(), TypeError);
  assertThrows(() => AbortController.prototype.signal, TypeError);
  assertThrows(() => AbortSignal.prototype.aborted, TypeError);
  assertEquals(Object.getPrototypeOf(AbortSignal), EventTarget);
  assertEquals([AbortSignal.abort.length, AbortSignal.timeout.length, AbortSignal.any.length, controller.abort.length], [0, 1, 1, 0]);
});

test("abort: reasons, and one event only", () => {
  for (const [args, check] of [
    [[], (reason) => reason instanceof DOMException && reason.name === "AbortError" && reason.code === 20],
    [[undefined], (reason) => reason.name === "AbortError"],
    [[null], (reason) => reason === null],
    [[5], (reason) => reason === 5],
  ]) {
    const controller = new AbortController();
    const events = [];
    controller.signal.onabort = (event) => events.push(event);
    assertEquals(controller.abort(...args), undefined);
    controller.abort("again");
    assert(check(controller.signal.reason));
    assertEquals([events.length, events[0].isTrusted, events[0].bubbles, events[0].target], [1, true, false, controller.signal]);
    let thrown;
    try { controller.signal.throwIfAborted(); } catch (error) { thrown = [error]; }
    assert(thrown[0] === controller.signal.reason);
    assert(check(AbortSignal.abort(...args).reason) && AbortSignal.abort(...args).aborted);
  }
  new AbortController().signal.throwIfAborted();
});

test("AbortSignal.timeout", async () => {
  const signal = AbortSignal.timeout(2);
  assertEquals(signal.aborted, false);
  const event = await new Promise((resolve) => { signal.onabort = resolve; });
  assertEquals([signal.aborted, signal.reason.name, event.isTrusted], [true, "TimeoutError", true]);
  for (const value of [-1, Infinity, NaN, undefined, 2 ** 53]) assertThrows(() => AbortSignal.timeout(value), TypeError);
  assertThrows(() => AbortSignal.timeout(), TypeError);
  AbortSignal.timeout(4294967296); // more than a timer's `long`
});

test("AbortSignal.any: conversions and the empty list", () => {
  assertEquals(AbortSignal.any([]).aborted, false);
  assertEquals(AbortSignal.any(new Set()).aborted, false);
  for (const value of [undefined, null, {}, [null], [{}], 5]) assertThrows(() => AbortSignal.any(value), TypeError);
});

test("AbortSignal.any: an aborted source", () => {
  const signal = AbortSignal.any([new AbortController().signal, AbortSignal.abort(1), AbortSignal.abort(2)]);
  assertEquals([signal.aborted, signal.reason], [true, 1]);
});

test("AbortSignal.any: follows any source, through dependents", () => {
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const [a, b, c] = controllers.map((controller) => controller.signal);
  const ab = AbortSignal.any([a, b]);
  const abc = AbortSignal.any([ab, c, a, a]);
  let calls = 0;
  abc.onabort = () => calls++;
  controllers[1].abort("why");
  assertEquals([ab.reason, abc.reason, calls, a.aborted, c.aborted], ["why", "why", 1, false, false]);
  controllers[2].abort("later");
  assertEquals([abc.reason, calls], ["why", 1]);
});

test("AbortSignal.any: all are aborted before any event; sources first", () => {
  const controller = new AbortController();
  const source = controller.signal;
  const one = AbortSignal.any([source]);
  const two = AbortSignal.any([one]);
  const log = [];
  const note = (name) => () => log.push(`${name} ${source.aborted} ${one.aborted} ${two.aborted}`);
  two.addEventListener("abort", note("two"));
  one.addEventListener("abort", note("one"));
  source.addEventListener("abort", note("source"));
  controller.abort();
  assertEquals(log, ["source true true true", "one true true true", "two true true true"]);
});

test("AbortSignal.any: a dependent made while its source is aborting is aborted at once", () => {
  const controller = new AbortController();
  let made;
  controller.signal.onabort = () => { made = AbortSignal.any([controller.signal]); };
  controller.abort(7);
  assertEquals(made.reason, 7);
});

test("AbortSignal.any: a long-lived source with many dependents", async () => {
  const controller = new AbortController();
  const kept = AbortSignal.any([controller.signal]);
  for (let i = 0; i < 1000; i++) AbortSignal.any([controller.signal]);
  await tick();
  for (let i = 0; i < 1000; i++) AbortSignal.any([controller.signal]);
  controller.abort();
  assert(kept.aborted);
});

test("aborting does not depend on what an app does to the built-in prototypes", () => {
  const forEach = Set.prototype.forEach;
  const add = Set.prototype.add;
  const deref = WeakRef.prototype.deref;
  Set.prototype.forEach = Set.prototype.add = WeakRef.prototype.deref = () => { throw new Error("called"); };
  Object.prototype.once = true;
  try {
    const controller = new AbortController();
    const target = new EventTarget();
    let calls = 0;
    target.addEventListener("x", () => calls++, { signal: AbortSignal.any([controller.signal]), once: false });
    target.dispatchEvent(new Event("x"));
    controller.abort();
    target.dispatchEvent(new Event("x"));
    assertEquals(calls, 1);
  } finally {
    Set.prototype.forEach = forEach;
    Set.prototype.add = add;
    WeakRef.prototype.deref = deref;
    delete Object.prototype.once;
  }
});
