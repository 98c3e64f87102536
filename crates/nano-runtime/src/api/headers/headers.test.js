test("Headers: names and values", () => {
  const headers = new Headers({ "X-One": " a\t", two: "b c" });
  assertEquals(headers.get("x-ONE"), "a");
  assertEquals([...headers], [["two", "b c"], ["x-one", "a"]]);
  headers.append("X-One", "z");
  assertEquals(headers.get("X-One"), "a, z");
  headers.set("x-one", "only");
  assertEquals(headers.get("X-One"), "only");
  assert(headers.has("TWO"));
  headers.delete("TWO");
  assert(!headers.has("two"));
  assertEquals(headers.get("two"), null);
  headers.delete("two");
});

const TOKENS = "!#$%&'*+-.^_`|~09azAZ";
test("Headers: every ASCII character in a name", () => {
  for (let code = 0; code < 256; code++) {
    const name = `x${String.fromCharCode(code)}`;
    const valid = code < 128 && (TOKENS.includes(name[1]) || /[a-zA-Z0-9]/.test(name[1]));
    if (valid) assertEquals([...new Headers([[name, "v"]]).keys()], [name.toLowerCase()], name);
    else for (const method of ["get", "has", "delete"]) assertThrows(() => new Headers()[method](name), TypeError);
  }
  for (const name of ["", "a b", "Ā", "a:"]) {
    assertThrows(() => new Headers().set(name, "v"), TypeError);
    assertThrows(() => new Headers({ [name]: "v" }), TypeError);
  }
});

test("Headers: every Latin-1 character in a value", () => {
  for (let code = 0; code < 256; code++) {
    const value = `a${String.fromCharCode(code)}b`;
    const headers = new Headers();
    if (code === 0 || code === 10 || code === 13) assertThrows(() => headers.append("x", value), TypeError);
    else {
      headers.append("x", value);
      assertEquals(headers.get("x"), value);
    }
  }
  assertThrows(() => new Headers().set("x", "Ā"), TypeError);
  assertEquals(new Headers({ x: "\r\n\t v \n" }).get("x"), "v");
  assertEquals(new Headers({ x: " " }).get("x"), "");
});

test("Headers: Set-Cookie is never combined", () => {
  const headers = new Headers([["set-cookie", "a=1"], ["x", "1"], ["Set-Cookie", "b=2"], ["x", "2"]]);
  assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
  assertEquals(headers.get("set-cookie"), "a=1, b=2");
  assertEquals([...headers], [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["x", "1, 2"]]);
  assertEquals([...new Headers(headers)], [...headers]);
  headers.set("set-cookie", "c=3");
  assertEquals(headers.getSetCookie(), ["c=3"]);
});

test("Headers: iteration sees changes and starts sorted", () => {
  const headers = new Headers({ b: 1, c: 2, a: 0 });
  const seen = [];
  for (const [name] of headers) {
    seen.push(name);
    headers.delete(name);
    if (name === "a") headers.append("z", "9");
  }
  assertEquals(seen, ["a", "c"]);
  const values = [];
  headers.forEach(function (value, name, object) {
    assert(object === headers && this.tag === 1);
    values.push(`${name}=${value}`);
  }, { tag: 1 });
  assertEquals(values, ["b=1", "z=9"]);
});

test("Headers: what it can be made of", () => {
  assertEquals([...new Headers(undefined)], []);
  assertEquals([...new Headers(new Map([["a", "b"]]))], [["a", "b"]]);
  for (const bad of [null, 1, "a", [["a"]], [["a", "b", "c"]], ["ab", 1], { [Symbol("x")]: "y" }]) {
    assertThrows(() => new Headers(bad), TypeError);
  }
  const patched = new Headers({ a: "b" });
  patched[Symbol.iterator] = function* () { yield ["c", "d"]; };
  assertEquals([...new Headers(patched)], [["c", "d"]]);
});

test("Headers: a record is read as Web IDL says", () => {
  const log = [];
  const record = new Proxy({ b: "1", a: "2", [Symbol("s")]: 1 }, {
    ownKeys(target) { log.push("ownKeys"); return Reflect.ownKeys(target).slice(0, 2); },
    getOwnPropertyDescriptor(target, key) { log.push(`descriptor ${key}`); return Reflect.getOwnPropertyDescriptor(target, key); },
    get(target, key) { log.push(`get ${String(key)}`); return target[key]; },
  });
  assertEquals(new Headers(record).get("a"), "2");
  assertEquals(log, ["get Symbol(Symbol.iterator)", "ownKeys", "descriptor b", "get b", "descriptor a", "get a"]);
  // Everything is converted before anything is checked.
  let read = false;
  assertThrows(() => new Headers({ "bad name": "x", get z() { read = true; return ""; } }), TypeError);
  assert(read);
});

test("Headers: a plain object is read as any record", () => {
  const log = [];
  const value = (text) => ({ toString() { log.push(text); return text; } });
  const init = {
    "Content-Type": "text/plain", "X-Number": 5, padded: " v\t", latin: "\xe9", object: value("converted"),
    get late() { delete this.gone; return "l"; },
    gone: "x",
  };
  Object.prototype.polluted = "x";
  try {
    assertEquals([...new Headers(init)], [
      ["content-type", "text/plain"], ["late", "l"], ["latin", "\xe9"], ["object", "converted"], ["padded", "v"], ["x-number", "5"],
    ]);
  } finally {
    delete Object.prototype.polluted;
  }
  assertEquals(log, ["converted"]);
  assertEquals([...new Headers(Object.assign(Object.create(null), { a: "b" }))], [["a", "b"]]);
  assertEquals([...new Headers({})], []);
  for (const [bad, seen] of [
    [{ a: "\u0101", z: value("z") }, []], [{ "\u0101": "a", z: value("z") }, []],
    [{ a: "b\nc", z: value("z") }, ["z"]], [{ "a b": "c", z: value("z") }, ["z"]], [{ "": "c", z: value("z") }, ["z"]],
    [{ a: Symbol("s"), z: value("z") }, []], [{ z: value("z"), [Symbol("s")]: "a" }, ["z"]],
  ]) {
    log.length = 0;
    assertThrows(() => new Headers(bad), TypeError);
    assertEquals(log, seen);
  }
});

test("Headers: interface", () => {
  const members = ["append", "delete", "entries", "forEach", "get", "getSetCookie", "has", "keys", "set", "values"];
  assertEquals(Object.keys(Headers.prototype).sort(), members);
  assertEquals(members.map((name) => Headers.prototype[name].length), [2, 1, 0, 1, 1, 0, 1, 0, 2, 0]);
  assertEquals(Headers.length, 0);
  assert(Headers.prototype[Symbol.iterator] === Headers.prototype.entries);
  for (const name of members) assertThrows(() => Headers.prototype[name].call({}, "a", "b"), TypeError);
  const { next } = Object.getPrototypeOf(new Headers().entries());
  assertThrows(() => next.call(new URLSearchParams().entries()), TypeError);
});
