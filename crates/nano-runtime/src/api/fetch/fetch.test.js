const bytes = (...values) => Uint8Array.from(values);
const streamOf = (...chunks) => new ReadableStream({
  start(controller) {
    for (const chunk of chunks) controller.enqueue(chunk);
    controller.close();
  },
});
const post = (body, init) => new Request("https://e.f/", { method: "POST", body, ...init });

// [what, value, its Content-Type, its bytes]
const BODIES = [
  ["string", "é\ud800", "text/plain;charset=UTF-8", bytes(0xc3, 0xa9, 0xef, 0xbf, 0xbd)],
  ["empty string", "", "text/plain;charset=UTF-8", bytes()],
  ["number", 12, "text/plain;charset=UTF-8", bytes(49, 50)],
  ["object", { toString: () => "{}" }, "text/plain;charset=UTF-8", bytes(123, 125)],
  ["Uint8Array", bytes(1, 2, 255), null, bytes(1, 2, 255)],
  ["part of a buffer", bytes(1, 2, 3, 4).subarray(1, 3), null, bytes(2, 3)],
  ["Uint16Array", Uint16Array.of(258), null, bytes(2, 1)],
  ["ArrayBuffer", bytes(7, 8).buffer, null, bytes(7, 8)],
  ["DataView", new DataView(bytes(7, 8, 9).buffer, 1), null, bytes(8, 9)],
  ["URLSearchParams", new URLSearchParams("a=b c"), "application/x-www-form-urlencoded;charset=UTF-8",
    Uint8Array.from("a=b+c", (character) => character.charCodeAt(0))],
  ["stream", () => streamOf(bytes(1), bytes(), bytes(2, 3)), null, bytes(1, 2, 3)],
];
for (const [what, value, type, expected] of BODIES) {
  const make = {
    Response: () => new Response(typeof value === "function" ? value() : value),
    Request: () => (typeof value === "function" ? post(value(), { duplex: "half" }) : post(value)),
  };
  for (const Interface of ["Response", "Request"]) {
    test(`${Interface}: body of ${what}`, async () => {
      const object = make[Interface]();
      assertEquals(object.headers.get("content-type"), type);
      assertEquals(object.bodyUsed, false);
      const copy = object.clone();
      assertEquals(await object.bytes(), expected);
      assert(object.bodyUsed);
      await assertRejects(object.text(), TypeError);
      assertThrows(() => object.clone(), TypeError);
      assert(object.body.locked);
      assertEquals(new Uint8Array(await copy.arrayBuffer()), expected);

      const text = new TextDecoder().decode(expected);
      assertEquals(await make[Interface]().text(), text);
      const read = [];
      const streamed = make[Interface]();
      const { body } = streamed;
      assert(body instanceof ReadableStream && body === streamed.body);
      for await (const chunk of body) read.push(...chunk);
      assertEquals(Uint8Array.from(read), expected);
      assert(streamed.bodyUsed);

      // A stream that was made but not read changes nothing.
      const touched = make[Interface]();
      touched.body;
      const twin = touched.clone();
      assertEquals(await Promise.all([touched.text(), twin.text()]), [text, text]);
    });
  }
}

test("Body: none", async () => {
  for (const object of [new Response(), new Response(null), new Request("https://e.f/")]) {
    assertEquals(object.body, null);
    assertEquals(await object.text(), "");
    assertEquals((await object.arrayBuffer()).byteLength, 0);
    assertEquals(object.bodyUsed, false);
    await assertRejects(object.json(), SyntaxError);
  }
});

test("Body: JSON and byte order marks", async () => {
  assertEquals(await new Response("\ufeff[1]").json(), [1]);
  assertEquals(await new Response("\ufeff\ufeffx").text(), "\ufeffx");
  assertEquals(await new Response(bytes(0xef, 0xbb, 0xbf, 0x41)).text(), "A");
  assertEquals(await new Response(bytes(0xff, 0x41)).text(), "\ufffdA");
  await assertRejects(new Response("{").json(), SyntaxError);
});

test("Body: bytes are copied when the body is made, and when a chunk comes", async () => {
  const source = bytes(1, 2);
  const response = new Response(source);
  source[0] = 9;
  assertEquals(await response.bytes(), bytes(1, 2));
  const reused = bytes(0);
  const stream = new ReadableStream({
    pull(controller) {
      if (++reused[0] < 4) controller.enqueue(reused);
      else controller.close();
    },
  }, { highWaterMark: 0 });
  assertEquals(await new Response(stream).bytes(), bytes(1, 2, 3));
  const cloned = new Response(bytes(1));
  const clone = cloned.clone();
  (await cloned.bytes())[0] = 9;
  assertEquals(await clone.bytes(), bytes(1));
});

test("Body: a stream must be fresh, and give bytes", async () => {
  const locked = streamOf();
  locked.getReader();
  assertThrows(() => new Response(locked), TypeError);
  const read = streamOf(bytes(1));
  const reader = read.getReader();
  await reader.read();
  reader.releaseLock();
  assertThrows(() => new Response(read), TypeError);
  await assertRejects(new Response(streamOf("text")).text(), TypeError);
  await assertRejects(new Response(new ReadableStream({ pull() { throw new RangeError("x"); } })).text(), RangeError);
});

test("Body: many chunks that are there already", async () => {
  const response = new Response(streamOf(...Array.from({ length: 20000 }, () => bytes(65))));
  assertEquals((await response.text()).length, 20000);
});

test("Body: byte readers", async () => {
  const reader = new Response("hello").body.getReader({ mode: "byob" });
  const { value } = await reader.read(new Uint8Array(2));
  assertEquals(value, bytes(104, 101));
});

test("Body: Object.prototype.then sees none of the bytes", async () => {
  const seen = [];
  Object.defineProperty(Object.prototype, "then", { get() { seen.push(this); }, configurable: true });
  try {
    await new Response(streamOf(bytes(65))).text();
  } finally {
    delete Object.prototype.then;
  }
  assert(!seen.some((object) => object instanceof Uint8Array));
});

test("Response: defaults", () => {
  const response = new Response();
  assertEquals(
    [response.type, response.url, response.redirected, response.status, response.ok, response.statusText],
    ["default", "", false, 200, true, ""],
  );
  assertEquals([...response.headers], []);
  assert(response.headers === response.headers);
  assertEquals(new Response("x", null).status, 200);
});

test("Response: init", () => {
  const response = new Response("x", { status: 404, statusText: "Nö\t!", headers: { "Content-Type": "a/b", x: "y" } });
  assertEquals([response.status, response.ok, response.statusText], [404, false, "Nö\t!"]);
  assertEquals([...response.headers], [["content-type", "a/b"], ["x", "y"]]);
  assertEquals(new Response("x", { status: 65736 }).status, 200); // unsigned short
  for (const status of [0, 101, 199, 600, 1000, "x"]) assertThrows(() => new Response("", { status }), RangeError);
  for (const statusText of ["\n", "\u0100", "\x7f"]) assertThrows(() => new Response("", { statusText }), TypeError);
  for (const status of [204, 205, 304]) {
    assertThrows(() => new Response("", { status }), TypeError);
    assertEquals(new Response(null, { status }).status, status);
  }
  assertThrows(() => new Response("", 1), TypeError);
  assertThrows(() => new Response("", { headers: null }), TypeError);
});

test("Response: headers that many have are still each one's own", () => {
  new Response("x").headers.set("content-type", "a/b");
  assertEquals(new Response("x").headers.get("content-type"), "text/plain;charset=UTF-8");
  Response.json(1).headers.delete("content-type");
  assertEquals(Response.json(1).headers.get("content-type"), "application/json");
  const response = new Response("x");
  const clone = response.clone();
  clone.headers.set("a", "b");
  response.headers.set("c", "d");
  assertEquals([...clone.headers.keys()], ["a", "content-type"]);
  assertEquals([...response.headers.keys()], ["c", "content-type"]);
});

test("Response: init is read in order, after the body", () => {
  const log = [];
  const init = new Proxy({}, { get(_, key) { log.push(key); } });
  new Response({ toString() { log.push("body"); return ""; } }, init);
  assertEquals(log, ["body", "headers", "status", "statusText"]);
});

test("Response.error", () => {
  const response = Response.error();
  assertEquals([response.type, response.status, response.body], ["error", 0, null]);
  assertThrows(() => response.headers.set("a", "b"), TypeError);
});

test("Response.redirect", () => {
  const response = Response.redirect("https://e.f/é#x", 301);
  assertEquals([response.status, response.headers.get("location")], [301, "https://e.f/%C3%A9#x"]);
  assertEquals(Response.redirect("https://e.f").status, 302);
  assertThrows(() => response.headers.delete("location"), TypeError);
  for (const status of [200, 300, 304, 309]) assertThrows(() => Response.redirect("https://e.f/", status), RangeError);
  assertThrows(() => Response.redirect("https://", 200), TypeError);
  assertThrows(() => Response.redirect(), TypeError);
});

test("Response.json", async () => {
  const response = Response.json({ a: [1] }, { status: 201, headers: { x: "y" } });
  assertEquals(
    [response.status, response.headers.get("content-type"), response.headers.get("x")], [201, "application/json", "y"],
  );
  assertEquals(await response.json(), { a: [1] });
  assertEquals(Response.json(1, { headers: { "content-type": "a/b" } }).headers.get("content-type"), "a/b");
  assertThrows(() => Response.json(undefined), TypeError);
  assertThrows(() => Response.json(Symbol("x")), TypeError);
  assertThrows(() => Response.json(1n), TypeError);
  assertThrows(() => Response.json(1, { status: 204 }), TypeError);
  assertThrows(() => Response.json(), TypeError);
});

test("Request: defaults", () => {
  const request = new Request("HTTPS://E.f/a?b#c");
  assertEquals(
    [request.method, request.url, request.destination, request.referrer, request.referrerPolicy, request.mode,
      request.credentials, request.cache, request.redirect, request.integrity, request.keepalive, request.duplex,
      request.isReloadNavigation, request.isHistoryNavigation],
    ["GET", "https://e.f/a?b#c", "", "about:client", "", "cors", "same-origin", "default", "follow", "", false, "half",
      false, false],
  );
  assert(request.signal instanceof AbortSignal && request.signal === request.signal);
  assertEquals([...request.headers], []);
});

test("Request: init", () => {
  const init = {
    method: "pOsT", mode: "same-origin", credentials: "include", cache: "only-if-cached", redirect: "error",
    referrerPolicy: "origin", integrity: "x", keepalive: 1, headers: [["A", "b"]], body: "c", window: null,
    priority: "low", referrer: "",
  };
  const request = new Request("https://e.f/", init);
  const keys = ["method", "mode", "credentials", "cache", "redirect", "referrerPolicy", "integrity", "keepalive", "referrer"];
  assertEquals(keys.map((key) => request[key]),
    ["POST", "same-origin", "include", "only-if-cached", "error", "origin", "x", true, ""]);
  const copy = new Request(request.clone());
  for (const key of keys) assertEquals(copy[key], request[key], key);
  copy.headers.set("a", "z");
  assertEquals(request.headers.get("a"), "b");
});

const METHODS = { get: "GET", Put: "PUT", delete: "DELETE", options: "OPTIONS", head: "HEAD", patch: "patch", "x-y": "x-y" };
for (const method of Object.keys(METHODS)) {
  test(`Request: method ${method}`, () => assertEquals(new Request("https://e.f/", { method }).method, METHODS[method]));
}

const REFUSED = [
  ["relative URL", "/a"], ["credentials", "https://u:p@e.f/"], ["user only", "https://u@e.f/"],
  ["window", "https://e.f/", { window: {} }], ["mode navigate", "https://e.f/", { mode: "navigate" }],
  ["mode", "https://e.f/", { mode: "x" }], ["cache", "https://e.f/", { cache: "only-if-cached" }],
  ["method", "https://e.f/", { method: "a b" }], ["empty method", "https://e.f/", { method: "" }],
  ["CONNECT", "https://e.f/", { method: "Connect" }], ["trace", "https://e.f/", { method: "trace" }],
  ["no-cors PUT", "https://e.f/", { mode: "no-cors", method: "PUT" }], ["GET with body", "https://e.f/", { body: "" }],
  ["HEAD with body", "https://e.f/", { method: "HEAD", body: "x" }], ["signal", "https://e.f/", { signal: {} }],
  ["duplex", "https://e.f/", { duplex: "full" }], ["referrer", "https://e.f/", { referrer: "x" }],
  ["header", "https://e.f/", { headers: { "a b": "c" } }], ["init", "https://e.f/", 1],
];
for (const [what, url, init] of REFUSED) {
  test(`Request: refuses ${what}`, () => assertThrows(() => new Request(url, init), TypeError));
}

test("Request: streams as bodies", () => {
  assertThrows(() => post(streamOf()), TypeError, "duplex");
  assertThrows(() => post(streamOf(), { duplex: "half", keepalive: true }), TypeError);
  assertThrows(() => post(streamOf(), { duplex: "half", mode: "no-cors" }), TypeError);
});

test("Request: init is read in order", () => {
  const log = [];
  const init = new Proxy({}, { get(_, key) { log.push(key); } });
  new Request("https://e.f/", init);
  assertEquals(log, [
    "body", "cache", "credentials", "duplex", "headers", "integrity", "keepalive", "method", "mode", "priority",
    "redirect", "referrer", "referrerPolicy", "signal", "window",
  ]);
});

test("Request: a body moves", async () => {
  for (const body of ["text", streamOf(bytes(116, 101, 120, 116))]) {
    const first = post(body, { duplex: "half" });
    assertThrows(() => new Request(first, { method: "GET" }), TypeError);
    assert(!first.bodyUsed);
    const second = new Request(first);
    assert(first.bodyUsed && !second.bodyUsed);
    assertThrows(() => new Request(first), TypeError);
    assertEquals(new Request(first, { body: "other" }).bodyUsed, false);
    await assertRejects(first.text(), TypeError);
    assertEquals(await second.text(), "text");
  }
  const overridden = post("a");
  assertEquals(await new Request(overridden, { body: "b" }).text(), "b");
  assert(!overridden.bodyUsed);
});

test("Request: as the init of another", async () => {
  const request = new Request("https://g.h/", post("x", { headers: { a: "b" } }));
  assertEquals([request.url, request.method, request.headers.get("a")], ["https://g.h/", "POST", "b"]);
  assertEquals(await request.text(), "x");
});

test("Request: signals follow", () => {
  const controller = new AbortController();
  const request = new Request("https://e.f/", { signal: controller.signal });
  const copy = new Request(request);
  const clone = copy.clone();
  const cut = new Request(request, { signal: null });
  assert(request.signal !== controller.signal);
  let fired = 0;
  clone.signal.addEventListener("abort", () => fired++);
  controller.abort("why");
  assertEquals([fired, request.signal.reason, copy.signal.reason, clone.signal.reason], [1, "why", "why", "why"]);
  assert(!cut.signal.aborted);
});

test("fetch: interfaces", () => {
  const body = ["arrayBuffer", "body", "bodyUsed", "bytes", "json", "text"];
  const keys = {
    Response: ["clone", "headers", "ok", "redirected", "status", "statusText", "type", "url"],
    Request: ["cache", "clone", "credentials", "destination", "duplex", "headers", "integrity", "isHistoryNavigation",
      "isReloadNavigation", "keepalive", "method", "mode", "redirect", "referrer", "referrerPolicy", "signal", "url"],
  };
  for (const Interface of [Response, Request]) {
    const { prototype, name } = Interface;
    const own = Object.keys(prototype);
    for (const key of [...body, ...keys[name]]) assert(own.includes(key), `${name}.${key}`);
    assertEquals(Object.prototype.toString.call(prototype), `[object ${name}]`);
    assert(Object.getPrototypeOf(Interface) === Function.prototype);
    for (const key of [...body, ...keys[name]]) {
      const { get } = Object.getOwnPropertyDescriptor(prototype, key);
      if (get) assertThrows(() => get.call({}), TypeError);
    }
  }
  assertEquals([Response.length, Request.length, Response.json.length, Response.redirect.length], [0, 1, 1, 1]);
  assertThrows(() => Response(), TypeError);
  return assertRejects(Response.prototype.text.call({}), TypeError);
});

async function answerTo(url, init) {
  const r = await fetch(url, init);
  return [r.status, r.statusText, r.type, r.url, [...r.headers].join("; "), await r.text()];
}

test("fetch: data: URLs give what they say", async () => {
  const ASCII = "content-type,text/plain;charset=US-ASCII";
  for (const [url, headers, text] of [
    ["data:,hello", ASCII, "hello"],
    ["data:,a%20b c?d#e", ASCII, "a b c?d"],
    ["data:text/html;charset=utf-8,%C3%BC", "content-type,text/html;charset=utf-8", "\u00fc"],
    ["data:;charset=x,1", "content-type,text/plain;charset=x", "1"],
    ["data: text/html ,1", "content-type,text/html", "1"],
    ["data:nonsense,1,2", ASCII, "1,2"],
    ["data:;base64,aGk=", ASCII, "hi"],
    ["data:;base64;x=y,aGk=", "content-type,text/plain;x=y", "aGk="],
    ["DATA:text/x;BASE64,a%47%6b", "content-type,text/x", "hi"],
    ["data:text/x; base64,aGk", "content-type,text/x", "hi"],
    ["data:text/x ;  base64 ,a G k", "content-type,text/x", "hi"],
    ["data:base64,aGk", ASCII, "aGk"],
    ["data:text/x;abase64,aGk", "content-type,text/x", "aGk"],
    ["data:,", ASCII, ""],
  ]) {
    const { href } = new URL(url);
    const shown = href.split("#")[0];
    assertEquals(await answerTo(url), [200, "OK", "basic", shown, headers, text], url);
    assertEquals((await answerTo(url, { method: "POST", body: "ignored" }))[5], text, url);
    const head = await fetch(url, { method: "HEAD" });
    assertEquals([head.body, head.headers.get("content-type")], [null, headers.slice("content-type,".length)], url);
  }
  for (const url of ["data:", "data:text/plain", "data:;base64,a", "data:;base64,%%", "data:;base64,aGk==="]) {
    await assertRejects(fetch(url), TypeError, "data: URL");
  }
  await assertRejects(fetch("data:,x", { signal: AbortSignal.abort() }), "AbortError");
});

test("fetch: blob: URLs give the Blob and its ranges", async () => {
  const blob = new Blob(["hello ", "world"], { type: "text/X" });
  const url = URL.createObjectURL(blob);
  assert(/^blob:null\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(url), url);
  assertEquals(new URL(url).origin, "null");
  const whole = [200, "OK", "basic", url, "content-length,11; content-type,text/x", "hello world"];
  assertEquals(await answerTo(url), whole);
  assertEquals(await answerTo(`${url}#fragment`), whole);
  for (const [range, part, text] of [
    ["bytes=0-", "0-10", "hello world"],
    ["bytes=6-7", "6-7", "wo"],
    ["bytes=6-99999999999999999999", "6-10", "world"],
    ["bytes=-3", "8-10", "rld"],
    ["bytes=-99", "0-10", "hello world"],
    ["bytes \t= 1 - 1", "1-1", "e"],
  ]) {
    const { length } = text;
    const headers = `content-length,${length}; content-range,bytes ${part}/11; content-type,text/x`;
    const expected = [206, "Partial Content", "basic", url, headers, text];
    assertEquals(await answerTo(url, { headers: { range } }), expected, range);
  }
  for (const range of ["", "bytes", "bytes=", "bytes=-", "bytes=-0", "bytes=5-4", "bytes=11-", "bytes=1-2,4-5", "byte=1-2",
    "bytes=1-2x", "bytes=+1-2", "bytes=1"]) {
    await assertRejects(fetch(url, { headers: { range } }), TypeError, "has no range");
  }
  for (const method of ["HEAD", "POST", "PUT", "x"]) await assertRejects(fetch(url, { method }), TypeError, "method");
  for (const other of [`${url}?`, `${url}/`, "blob:null/", "blob:"]) await assertRejects(fetch(other), TypeError);
  // The bytes are a copy: nobody changes the Blob.
  new Uint8Array(await (await fetch(url)).arrayBuffer()).fill(0);
  assertEquals(await blob.text(), "hello world");
});

test("fetch: a request keeps the Blob of its URL", async () => {
  const url = URL.createObjectURL(new Blob(["kept"]));
  const request = new Request(url);
  const text = async (request) => (await fetch(request)).text();
  const begun = text(url);
  URL.revokeObjectURL(`${url}#exactly`);
  assertEquals(await text(url), "kept");
  URL.revokeObjectURL(url);
  URL.revokeObjectURL(url);
  await assertRejects(fetch(url), TypeError, "no Blob");
  assertEquals(await begun, "kept");
  for (const kept of [request, request.clone(), new Request(request), new Request(request, { headers: { a: "b" } })]) {
    assertEquals(await text(kept), "kept");
  }
});

test("URL.createObjectURL takes Blobs, up to a limit", () => {
  for (const value of [undefined, null, {}, "x", new URL("a:b"), Object.create(Blob.prototype)]) {
    assertThrows(() => URL.createObjectURL(value), TypeError);
  }
  assertThrows(() => URL.createObjectURL(), TypeError);
  assertThrows(() => URL.revokeObjectURL(), TypeError);
  assertEquals([URL.revokeObjectURL("no URL"), URL.revokeObjectURL("a:b")], [undefined, undefined]);
  const all = [];
  const blob = new File(["x"], "x");
  assertThrows(() => { for (;;) all.push(URL.createObjectURL(blob)); }, RangeError, "too many");
  assertEquals([all.length > 9_000, new Set(all).size], [true, all.length]);
  all.forEach((url) => URL.revokeObjectURL(url));
  URL.revokeObjectURL(URL.createObjectURL(blob));
});
