const COMPONENTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

// [input, base, component, value, ...]
const PARSED = [
  ["https://user:pa%20ss@example.com:8080/a/b?x=1#h", undefined, {
    href: "https://user:pa%20ss@example.com:8080/a/b?x=1#h", origin: "https://example.com:8080", protocol: "https:",
    username: "user", password: "pa%20ss", host: "example.com:8080", hostname: "example.com", port: "8080",
    pathname: "/a/b", search: "?x=1", hash: "#h",
  }],
  ["HTTP://EXAMPLE.com:80", undefined, { href: "http://example.com/", host: "example.com", port: "", pathname: "/" }],
  ["../c?d#", "https://e.f/a/b/", { href: "https://e.f/a/c?d#", search: "?d", hash: "" }],
  ["https://e.f/?#x", undefined, { href: "https://e.f/?#x", search: "", hash: "#x" }],
  ["https://:p@e.f/", undefined, { href: "https://:p@e.f/", username: "", password: "p", hostname: "e.f" }],
  ["https://u@e.f/", undefined, { href: "https://u@e.f/", username: "u", password: "", hostname: "e.f" }],
  ["mailto:a@b.c", undefined, { origin: "null", host: "", pathname: "a@b.c", protocol: "mailto:", port: "" }],
  ["web+x:/.//p", undefined, { href: "web+x:/.//p", host: "", pathname: "//p" }],
  ["file:///etc/x", undefined, { origin: "null", host: "", pathname: "/etc/x" }],
  ["blob:https://e.f/id", undefined, { origin: "https://e.f", pathname: "https://e.f/id" }],
  ["https://[::1]:3/", undefined, { host: "[::1]:3", hostname: "[::1]", port: "3" }],
  ["https://faß.example/é?ü", undefined, { host: "xn--fa-hia.example", pathname: "/%C3%A9", search: "?%C3%BC" }],
];
for (const [input, base, expected] of PARSED) {
  test(`URL: ${input}`, () => {
    const url = new URL(input, base);
    for (const key of Object.keys(expected)) assertEquals(url[key], expected[key], key);
    assertEquals(`${url}`, url.href);
    assertEquals(JSON.stringify({ url }), JSON.stringify({ url: url.href }));
    assert(URL.canParse(input, base));
    assertEquals(URL.parse(input, base).href, url.href);
  });
}

for (const [input, base] of [["/a"], ["https://"], ["//e.f"], ["https://a b/"], ["x", "mailto:y"], ["https://e.f", "/"]]) {
  test(`URL: ${input} on ${base} is refused`, () => {
    assertThrows(() => new URL(input, base), TypeError);
    assert(!URL.canParse(input, base));
    assertEquals(URL.parse(input, base), null);
  });
}

// [start, part, value, href]
const SETTERS = [
  ["https://e.f/p", "protocol", "http", "http://e.f/p"],
  ["https://e.f/p", "protocol", "mailto", "https://e.f/p"],
  ["https://e.f/p", "username", "ü@", "https://%C3%BC%40@e.f/p"],
  ["https://e.f/p", "password", "x", "https://:x@e.f/p"],
  ["https://e.f/p", "host", "g.h:81", "https://g.h:81/p"],
  ["https://e.f:81/p", "hostname", "g.h:82", "https://e.f:81/p"],
  ["https://e.f:81/p", "hostname", "g.h", "https://g.h:81/p"],
  ["https://e.f/p", "port", "443", "https://e.f/p"],
  ["https://e.f:81/p", "port", "", "https://e.f/p"],
  ["https://e.f/p", "port", "99999", "https://e.f/p"],
  ["https://e.f/p?q", "pathname", "a b", "https://e.f/a%20b?q"],
  ["https://e.f/p?q#h", "search", "", "https://e.f/p#h"],
  ["https://e.f/p#h", "search", "?a#", "https://e.f/p?a%23#h"],
  ["https://e.f/p#h", "hash", "", "https://e.f/p"],
  ["https://e.f/p", "href", "ws://x", "ws://x/"],
];
for (const [start, part, value, href] of SETTERS) {
  test(`URL: ${start} with ${part} = ${JSON.stringify(value)}`, () => {
    const url = new URL(start);
    url[part] = value;
    assertEquals(url.href, href);
  });
}

test("URL: a bad href throws and changes nothing", () => {
  const url = new URL("https://e.f/?a=b");
  assertThrows(() => { url.href = "nope"; }, TypeError);
  assertEquals(url.href, "https://e.f/?a=b");
});

test("URL: searchParams is linked both ways", () => {
  const url = new URL("https://e.f/p?a=1&b=%20#h");
  const params = url.searchParams;
  assert(params === url.searchParams);
  assertEquals([...params], [["a", "1"], ["b", " "]]);
  params.append("c", "ü &");
  assertEquals(url.href, "https://e.f/p?a=1&b=+&c=%C3%BC+%26#h");
  for (const key of ["a", "b", "c"]) params.delete(key);
  assertEquals(url.href, "https://e.f/p#h");
  url.search = "?x=y";
  assertEquals(params.get("x"), "y");
  url.href = "https://g.h/";
  assertEquals(params.size, 0);
  params.set("k", "v");
  assertEquals(url.search, "?k=v");
  params.sort();
  assertEquals(url.href, "https://g.h/?k=v");
});

test("URL: the list comes from the value that search was set to", () => {
  const url = new URL("https://e.f/");
  url.search = "a\tb=1";
  assertEquals(url.search, "?ab=1");
  assertEquals([...url.searchParams], [["a\tb", "1"]]);
});

test("URL: a getter that an app replaced does not matter to the others", () => {
  const original = Object.getOwnPropertyDescriptor(URL.prototype, "searchParams");
  Object.defineProperty(URL.prototype, "searchParams", { get() { throw new Error("called"); }, configurable: true });
  try {
    new URL("https://e.f/").search = "a\nb";
  } finally {
    Object.defineProperty(URL.prototype, "searchParams", original);
  }
});

test("URL: interface", () => {
  assertEquals(URL.length, 1);
  assertEquals(URL.canParse.length, 1);
  assertEquals(URL.parse.length, 1);
  assertEquals(Object.prototype.toString.call(new URL("a:b")), "[object URL]");
  assertEquals(Object.keys(URL.prototype).sort(), [...COMPONENTS, "searchParams", "toJSON", "toString"].sort());
  assertEquals(Object.getOwnPropertyDescriptor(URL.prototype, "origin").set, undefined);
  assertThrows(() => URL("a:b"), TypeError);
  assertThrows(() => new URL(), TypeError);
  for (const key of COMPONENTS) {
    const { get, set } = Object.getOwnPropertyDescriptor(URL.prototype, key);
    assertThrows(() => get.call({}), TypeError);
    if (set) assertThrows(() => set.call({}, { toString() { throw new Error("converted"); } }), TypeError);
  }
});

const CODED = [
  ["a=b&c", [["a", "b"], ["c", ""]], "a=b&c="],
  ["&&a=b&&", [["a", "b"]], "a=b"],
  ["=", [["", ""]], "="],
  ["a=b=c", [["a", "b=c"]], "a=b%3Dc"],
  ["a+b=c%20d", [["a b", "c d"]], "a+b=c+d"],
  ["a=%2B+", [["a", "+ "]], "a=%2B+"],
  ["%zz=%4", [["%zz", "%4"]], "%25zz=%254"],
  ["a=%C3%A9€", [["a", "é€"]], "a=%C3%A9%E2%82%AC"],
  ["a=%f0%9f%92%a9", [["a", "💩"]], "a=%F0%9F%92%A9"],
  ["a=%FF%41", [["a", "\ufffdA"]], "a=%EF%BF%BDA"],
  ["a=%E2%82x", [["a", "\ufffdx"]], "a=%EF%BF%BDx"],
  ["a=%ED%A0%80", [["a", "\ufffd\ufffd\ufffd"]], "a=%EF%BF%BD%EF%BF%BD%EF%BF%BD"],
  ["a=%F4%90%80%80", [["a", "\ufffd\ufffd\ufffd\ufffd"]], "a=" + "%EF%BF%BD".repeat(4)],
  ["a=%C3é%A9", [["a", "\ufffdé\ufffd"]], "a=%EF%BF%BD%C3%A9%EF%BF%BD"],
  ["%EF%BB%BFa=b", [["\ufeffa", "b"]], "%EF%BB%BFa=b"],
  ["a=!'()~*-._", [["a", "!'()~*-._"]], "a=%21%27%28%29%7E*-._"],
];
for (const [input, pairs, output] of CODED) {
  test(`URLSearchParams: ${input}`, () => {
    const params = new URLSearchParams(input);
    assertEquals([...params], pairs);
    assertEquals(params.toString(), output);
    assertEquals([...new URLSearchParams(output)], pairs);
  });
}

test("URLSearchParams: what it can be made of", () => {
  const list = (init) => [...new URLSearchParams(init)];
  assertEquals(list(), []);
  assertEquals(list("?a=b"), [["a", "b"]]);
  assertEquals(list("??a=b"), [["?a", "b"]]);
  assertEquals(list([["a", "b"], new Set(["c", 1])]), [["a", "b"], ["c", "1"]]);
  assertEquals(list({ a: 1, "\ud800": "\udc00" }), [["a", "1"], ["\ufffd", "\ufffd"]]);
  assertEquals(list({ "\ud800": 1, x: 2, "\ufffd": 3 }), [["\ufffd", "3"], ["x", "2"]]);
  assertEquals(list(new URLSearchParams("x=y&x=z")), [["x", "y"], ["x", "z"]]);
  assertEquals(list(Object.create({ [Symbol.iterator]: null }, { a: { value: "b", enumerable: true } })), [["a", "b"]]);
  for (const bad of [[["a"]], [["a", "b", "c"]], ["ab", 1], { [Symbol("x")]: 1 }, { [Symbol.iterator]: 1 }]) {
    assertThrows(() => new URLSearchParams(bad), TypeError);
  }
});

test("URLSearchParams: members", () => {
  const params = new URLSearchParams("a=1&b=2&a=3");
  assertEquals(params.size, 3);
  assertEquals(params.get("a"), "1");
  assertEquals(params.get("z"), null);
  assertEquals(params.getAll("a"), ["1", "3"]);
  assert(params.has("a", "3") && !params.has("a", "2") && params.has("b", undefined));
  params.set("a", "9");
  assertEquals(`${params}`, "a=9&b=2");
  params.append("b", "4");
  params.delete("b", "2");
  assertEquals(`${params}`, "a=9&b=4");
  params.delete("b", undefined);
  assertEquals(`${params}`, "a=9");
  for (const name of ["append", "set"]) assertThrows(() => params[name]("a"), TypeError);
  for (const name of ["delete", "get", "getAll", "has"]) assertThrows(() => params[name](), TypeError);
  assertEquals(["append", "set", "delete", "has", "get", "sort", "forEach"].map((name) => params[name].length), [2, 2, 1, 1, 1, 0, 1]);
});

test("URLSearchParams: sorts by code units, stably", () => {
  const params = new URLSearchParams("z=1&\ufb03=&🌈=&a=2&z=0&a=1&é=");
  params.sort();
  assertEquals([...params.keys()], ["a", "a", "z", "z", "é", "🌈", "\ufb03"]);
  assertEquals(params.getAll("z"), ["1", "0"]);
});

test("URLSearchParams: iteration sees changes", () => {
  const params = new URLSearchParams("a=1&b=2&c=3");
  const seen = [];
  for (const [name] of params) {
    seen.push(name);
    if (name === "a") params.delete("a");
  }
  assertEquals(seen, ["a", "c"]);
  params.forEach((value, name, object) => {
    assert(object === params);
    if (params.size < 4) params.append(`${name}x`, value);
  });
  assertEquals(params.size, 4);
  assert(params[Symbol.iterator] === params.entries);
  assertEquals(Object.prototype.toString.call(params.keys()), "[object URLSearchParams Iterator]");
});
