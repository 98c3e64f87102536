const text = (...lines) => lines.join("\r\n");
const formOf = (...entries) => {
  const form = new FormData();
  for (const entry of entries) form.append(...entry);
  return form;
};
const responseOf = (body, type) => new Response(body, { headers: type === undefined ? {} : { "content-type": type } });
/** A form's entries as plain data. */
const entriesOf = async (form) => Promise.all(Array.from(form, async ([name, value]) =>
  typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]));
const boundaryOf = ({ headers }) =>
  /^multipart\/form-data; boundary=([-\w]{1,70})$/.exec(headers.get("content-type"))[1];

test("FormData: append, set, delete, get", () => {
  const form = formOf(["a", 1], ["b", "x"], ["a", null], ["\ud800", "\udc00"]);
  assertEquals([...form], [["a", "1"], ["b", "x"], ["a", "null"], ["\ufffd", "\ufffd"]]);
  assertEquals([form.get("a"), form.getAll("a"), form.has("b"), form.get("c"), form.getAll("c"), form.has("c")],
    ["1", ["1", "null"], true, null, [], false]);
  form.set("a", "2");
  form.set("c", "3");
  form.delete("\udfff");
  assertEquals([...form], [["a", "2"], ["b", "x"], ["c", "3"]]);
  form.delete("a");
  assertEquals([...form.keys(), ...form.values()], ["b", "c", "x", "3"]);
  const seen = [];
  form.forEach(function (value, name, object) { seen.push([value, name, object === form, this.t]); }, { t: 1 });
  assertEquals(seen, [["x", "b", true, 1], ["3", "c", true, 1]]);
  assertEquals([FormData.length, form.append.length, form.set.length, form[Symbol.iterator] === form.entries],
    [0, 2, 2, true]);
});

test("FormData: iteration sees changes", () => {
  const form = formOf(["a", "1"], ["b", "2"]);
  const seen = [];
  for (const [name] of form) {
    seen.push(name);
    if (name === "a") form.append("c", "3");
    if (name === "b") form.delete("a");
  }
  assertEquals(seen, ["a", "b"]);
});

test("FormData: blobs become files", async () => {
  const blob = new Blob(["abc"], { type: "a/b" });
  const file = new File(["def"], "f", { type: "c/d", lastModified: 7 });
  const form = formOf(["a", blob], ["a", blob, "n\ud800"], ["a", file], ["a", file, "g"], ["a", file, undefined]);
  form.set("s", blob, "");
  const files = form.getAll("a");
  assert(files[2] === file && files[4] === file && files.every((value) => value instanceof File));
  assertEquals(await entriesOf(form), [
    ["a", "blob", "a/b", "abc"], ["a", "n\ufffd", "a/b", "abc"], ["a", "f", "c/d", "def"], ["a", "g", "c/d", "def"],
    ["a", "f", "c/d", "def"], ["s", "", "a/b", "abc"],
  ]);
  assertEquals([files[3].lastModified, Math.abs(files[0].lastModified - Date.now()) < 10_000], [7, true]);
});

test("FormData: arguments that are refused", () => {
  for (const args of [[null], [{}], ["x"], [new FormData()], [undefined, {}]]) {
    assertThrows(() => new FormData(...args), TypeError);
  }
  assertEquals([...new FormData(undefined, null)], []);
  const form = new FormData();
  for (const method of ["append", "set"]) {
    for (const args of [[], ["a"], ["a", "b", "c"], ["a", {}, "c"], ["a", "b", undefined], [Symbol(), "b"]]) {
      assertThrows(() => form[method](...args), TypeError);
    }
    assertThrows(() => FormData.prototype[method].call({}, "a", "b"), TypeError);
  }
  for (const method of ["get", "getAll", "has", "delete"]) assertThrows(() => form[method](), TypeError);
  assertThrows(() => structuredClone(form), "DataCloneError");
  assertThrows(() => FormData(), TypeError);
});

// [entry, its part's headers and contents, the entry when it is read again]
const PARTS = [
  [["a", "1"], text('form-data; name="a"', "", "1")],
  [["", ""], text('form-data; name=""', "", "")],
  [["\u00e9\u2028", "\u{1f600}"], text('form-data; name="\u00e9\u2028"', "", "\u{1f600}")],
  [['"\\;%', "--"], text('form-data; name="%22\\;%"', "", "--")],
  [["a\rb\nc\r\nd", "\r1\n2\r\n\n"], text('form-data; name="a%0D%0Ab%0D%0Ac%0D%0Ad"', "", "\r\n1\r\n2\r\n\r\n"),
    ["a\r\nb\r\nc\r\nd", "\r\n1\r\n2\r\n\r\n"]],
  [["f", new File(["\rx\n"], '"\r\n\u00e9;', { type: "image/png" })],
    text('form-data; name="f"; filename="%22%0D%0A\u00e9;"', "Content-Type: image/png", "", "\rx\n"),
    ["f", '"\r\n\u00e9;', "image/png", "\rx\n"]],
  [["f", new Blob([])], text('form-data; name="f"; filename="blob"', "Content-Type: application/octet-stream", "", ""),
    ["f", "blob", "application/octet-stream", ""]],
];
test("FormData as a body: how it is written, and read again", async () => {
  const form = formOf(...PARTS.map(([entry]) => entry));
  const read = PARTS.map(([entry, , again]) => again ?? entry);
  for (const object of [new Response(form), new Request("http://a/", { method: "POST", body: form })]) {
    const boundary = boundaryOf(object);
    const parts = PARTS.map(([, part]) => `--${boundary}\r\nContent-Disposition: ${part}\r\n`);
    assertEquals(await object.clone().text(), `${parts.join("")}--${boundary}--\r\n`);
    const blob = await object.clone().blob();
    assertEquals(blob.type, `multipart/form-data;boundary=${boundary}`);
    assertEquals(await entriesOf(await new Response(blob).formData()), read);
    assertEquals(await entriesOf(await responseOf(object.clone().body, blob.type).formData()), read);
    assertEquals(await entriesOf(await object.formData()), read);
    await assertRejects(object.formData(), TypeError);
  }
});

test("FormData as a body: it is as it was then, with a boundary of its own", async () => {
  const form = formOf(["a", "1"]);
  const responses = [new Response(form), new Response(form), responseOf(form, "x/y")];
  form.set("a", "2");
  assertEquals((await responses[0].clone().formData()).get("a"), "1");
  assert(boundaryOf(responses[0]) !== boundaryOf(responses[1]));
  assertEquals(responses[2].headers.get("content-type"), "x/y");
  assertEquals([...await new Response(new FormData()).formData()], []);
});

const field = (disposition, ...rest) => text(`Content-Disposition: ${disposition}`, ...rest);
// [what, lines of the body, the entries or, when it is not well-formed, undefined]
const READ = [
  ["a preamble and an epilogue", ["before", "--b", field("form-data; name=a", "", "1"), "--b--", "after", "--b"],
    [["a", "1"]]],
  ["blanks behind the boundary", ["--b \t", field('form-data; name="a"', "", "1"), "--b--"], [["a", "1"]]],
  ["no line break at the end", ["--b", field('form-data; name="a"', "", "1"), "--b--"], [["a", "1"]]],
  ["other cases and orders", ["--b", "content-TYPE: \tx/Y ", 'CONTENT-disposition:Form-Data;filename="f"  ; NAME="a";',
    "X-Other: 1", "", "1", "--b--"], [["a", "f", "x/y", "1"]]],
  ["a blank behind an equals sign", ["--b", field('form-data; name= "a"', "", "1"), "--b--"], undefined],
  ["a file without a type", ["--b", field('form-data; name="a"; filename="f"', "", "1"), "--b--"],
    [["a", "f", "text/plain", "1"]]],
  ["a file without a name", ["--b", field('form-data; name="a"; filename=""', "", ""), "--b--"],
    [["a", "", "text/plain", ""]]],
  ["a path for a name", ["--b", field('form-data; name="a"; filename="C:\\d\\f"', "", ""), "--b--"],
    [["a", "C:\\d\\f", "text/plain", ""]]],
  ["filename* beside filename", ["--b", field("form-data; name=a; filename=f; filename*=utf-8''g", "", ""), "--b--"],
    [["a", "f", "text/plain", ""]]],
  ["filename* alone", ["--b", field("form-data; name=a; filename*=utf-8''g", "", "1"), "--b--"], [["a", "1"]]],
  ["a charset that does not count",
    ["--b", field("form-data; name=a", "Content-Type: text/plain; charset=latin1", "", "\u00e9"), "--b--"],
    [["a", "\u00e9"]]],
  ["escapes", ["--b", field('form-data; name="%22%0d%0A%20%"', "", "%22"), "--b--"], [['"\r\n%20%', "%22"]]],
  ["a byte order mark", ["--b", field("form-data; name=a", "", "\ufeff1"), "--b--"], [["a", "\ufeff1"]]],
  ["boundaries within lines", ["--b", field("form-data; name=a", "", "x--b", "--c--b--"), "--b--"],
    [["a", "x--b\r\n--c--b--"]]],
  ["a type that is none", ["--b", field("form-data; name=a; filename=f", "Content-Type: \u00e9", "", "1"), "--b--"],
    [["a", "f", "", "1"]]],
  ["no entries", ["--b--", ""], []],
  ["nothing", [""], undefined],
  ["no boundary", ["x"], undefined],
  ["no end", ["--b", field("form-data; name=a", "", "1")], undefined],
  ["no end of the headers", ["--b", field("form-data; name=a")], undefined],
  ["no headers", ["--b", "", "1", "--b--"], undefined],
  ["a line that is no header", ["--b", "x", field("form-data; name=a", "", "1"), "--b--"], undefined],
  ["junk behind a boundary", ["--b", field("form-data; name=a", "", "1"), "--bx"], undefined],
  ["no Content-Disposition", ["--b", "Content-Type: x/y", "", "1", "--b--"], undefined],
  ["another disposition", ["--b", field("attachment; name=a", "", "1"), "--b--"], undefined],
  ["no name", ["--b", field("form-data; filename=a", "", "1"), "--b--"], undefined],
  ["no parameters", ["--b", field("form-data", "", "1"), "--b--"], undefined],
  ["two names", ["--b", field("form-data; name=a; name=b", "", "1"), "--b--"], undefined],
  ["a name that does not end", ["--b", field('form-data; name="a', "", "1"), "--b--"], undefined],
  ["text behind a name", ["--b", field('form-data; name="a"b', "", "1"), "--b--"], undefined],
  ["a parameter without a value", ["--b", field("form-data; name", "", "1"), "--b--"], undefined],
  ["line breaks of one byte", ["--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n"], undefined],
];
for (const [what, lines, expected] of READ) {
  test(`multipart/form-data: ${what}`, async () => {
    const form = responseOf(text(...lines), 'Multipart/Form-Data; x=y; boundary="b"').formData();
    if (expected === undefined) await assertRejects(form, TypeError);
    else assertEquals(await entriesOf(await form), expected);
  });
}

test("multipart/form-data: files share the body's bytes, and still never change", async () => {
  const body = new TextEncoder().encode(text("--b", field("form-data; name=a; filename=f", "", "abc"), "--b--"));
  const response = responseOf(body, "multipart/form-data; boundary=b");
  const copy = response.clone();
  const file = (await response.formData()).get("a");
  body.fill(0);
  (await copy.bytes()).fill(0);
  assertEquals(await file.text(), "abc");
});

// [body, entries]
const URLENCODED = [
  ["", []],
  ["a=1&b=x+y&&c&=d&a=%C3%A9%00", [["a", "1"], ["b", "x y"], ["c", ""], ["", "d"], ["a", "\u00e9\0"]]],
  ["?a=\u00e9&b=%zz%80", [["?a", "\u00e9"], ["b", "%zz\ufffd"]]],
  // A character of one byte as it is and one that is escaped.
  [Uint8Array.of(97, 61, 0xc3, 37, 65, 57), [["a", "\u00e9"]]],
];
for (const [body, expected] of URLENCODED) {
  test(`application/x-www-form-urlencoded: ${body}`, async () => {
    for (const type of ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded;charset=latin1"]) {
      assertEquals([...await responseOf(body, type).formData()], expected);
    }
  });
}

test("formData: bodies of other types, and none", async () => {
  const form = text("--b", field("form-data; name=a", "", "1"), "--b--");
  const long = `multipart/form-data;boundary="${"b".repeat(71)}"`;
  for (const type of ["text/plain", "multipart/form-data", "multipart/mixed;boundary=b", long]) {
    await assertRejects(responseOf(form, type).formData(), TypeError);
  }
  await assertRejects(new Response().formData(), TypeError);
  await assertRejects(responseOf(null, "multipart/form-data; boundary=b").formData(), TypeError);
  assertEquals([...await responseOf(null, "application/x-www-form-urlencoded").formData()], []);
  assertEquals([...await new Response(new URLSearchParams("a=b")).formData()], [["a", "b"]]);
  await assertRejects(Response.prototype.formData.call({}), TypeError);
  await assertRejects(Response.prototype.blob.call({}), TypeError);
});

test("formData: the number of entries is limited", async () => {
  const read = (count) => responseOf("a&".repeat(count), "application/x-www-form-urlencoded").formData();
  assertEquals([...await read(9_999)].length, 9_999);
  await assertRejects(read(10_001), TypeError, "too many entries");
});

// [Content-Type, the type of the blob]
const TYPES = [
  [undefined, ""], ["text/html;charset=GBK", "text/html;charset=GBK"],
  [" Text/HTML ; Charset=\"utf-8\" ; x", "text/html;charset=utf-8"],
  ["a/b;c=\"d e\\\"\\\\\";c=f;=g;h=", "a/b;c=\"d e\\\"\\\\\""], ["a/b;c=\"d;e", 'a/b;c="d;e"'],
  ["a", ""], ["a/ b", ""], ["/b", ""], ["a/b/c", ""],
  ["text/html, */*, x, text/plain", "text/plain"], ["text/html;charset=a, text/html;d=e", "text/html;d=e;charset=a"],
  ["a/b;c=\",\", d/e;f=\",", 'd/e;f=","'], ["a/b;2=x;1=y;__proto__=z", "a/b;2=x;1=y;__proto__=z"],
];
for (const [type, expected] of TYPES) {
  test(`blob: the type of ${type}`, async () => {
    assertEquals((await responseOf(new Uint8Array(1), type).blob()).type, expected);
    const headers = type === undefined ? {} : { "content-type": type };
    const request = new Request("http://a/", { method: "POST", body: new Uint8Array(1), headers });
    assertEquals((await request.blob()).type, expected);
  });
}

test("Blob as a body: its type is the body's, unless there is one", async () => {
  const blob = new Blob(["abc"], { type: "a/b" });
  assertEquals(new Response(blob).headers.get("content-type"), "a/b");
  assertEquals(new Response(new Blob(["abc"])).headers.get("content-type"), null);
  assertEquals(responseOf(blob, "c/d").headers.get("content-type"), "c/d");
  const request = new Request("http://a/", { method: "POST", body: blob, keepalive: true });
  assertEquals([request.headers.get("content-type"), await request.clone().text()], ["a/b", "abc"]);
  assertEquals([(await request.blob()).type, await new Response(blob.slice(1)).text()], ["a/b", "bc"]);
});

test("blob and formData do not show their bytes to a `then` of the app", async () => {
  const seen = [];
  Object.defineProperty(Uint8Array.prototype, "then", { configurable: true, get() { seen.push(this); } });
  try {
    await new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); c.close(); } })).blob();
    await new Response("x").blob();
  } finally {
    delete Uint8Array.prototype.then;
  }
  assertEquals(seen, []);
});
