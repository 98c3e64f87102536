const parts = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
const patternsOf = (pattern) => parts.map((part) => pattern[part]);

test("constructor strings are taken apart, and what is not named matches everything", () => {
  const cases = [
    ["https://example.com/books/:id", undefined, ["https", "*", "*", "example.com", "", "/books/:id", "*", "*"]],
    ["https://*", undefined, ["https", "*", "*", "*", "", "*", "*", "*"]],
    ["http{s}?://:sub.example.com:*/a?q=:q#:h", undefined,
      ["http{s}?", "*", "*", ":sub.example.com", "*", "/a", "q=:q", ":h"]],
    ["https://example.com/*?q#:h", undefined, ["https", "*", "*", "example.com", "", "/*?q", "", ":h"]],
    ["https://me\\:pass@example.com", undefined, ["https", "me", "pass", "example.com", "", "*", "*", "*"]],
    ["https://[\\:\\:1]:8080/", undefined, ["https", "*", "*", "[\\:\\:1]", "8080", "/", "*", "*"]],
    ["data\\:text/*", undefined, ["data", "*", "*", "", "", "text/*", "*", "*"]],
    ["/a/:b", "https://example.com:80/x?y#z", ["https", "*", "*", "example.com", "80", "/a/:b", "*", "*"]],
    ["b/*", "https://example.com/a/x", ["https", "*", "*", "example.com", "", "/a/b/*", "*", "*"]],
    ["?q", "https://example.com/a", ["https", "*", "*", "example.com", "", "/a", "q", "*"]],
    ["#h", "https://example.com/a?b", ["https", "*", "*", "example.com", "", "/a", "b", "h"]],
    ["https://example.com:443/", undefined, ["https", "*", "*", "example.com", "", "/", "*", "*"]],
    ["(https?)://example.com#x", undefined, ["(https?)", "*", "*", "example.com", "", "/", "", "x"]],
  ];
  for (const [input, base, expected] of cases) {
    const pattern = base === undefined ? new URLPattern(input) : new URLPattern(input, base);
    assertEquals(patternsOf(pattern), expected, input);
  }
});

test("patterns are canonicalised like URLs", () => {
  const cases = [
    [{ protocol: "https:", hostname: "EXAMPLE.com", port: "443" }, { protocol: "https", hostname: "example.com", port: "" }],
    [{ hostname: "\u00fc.com" }, { hostname: "xn--tda.com" }],
    [{ pathname: "/caf\u00e9/:x" }, { pathname: "/caf%C3%A9/:x" }],
    [{ protocol: "https", pathname: "/a/../b" }, { pathname: "/b" }],
    [{ pathname: "/{:id(\\d+)}?" }, { pathname: "/{:id(\\d+)}?" }],
    [{ search: "?a=\u00e9", hash: "#\u00e9" }, { search: "a=%C3%A9", hash: "%C3%A9" }],
    [{ pathname: "*.{png}" }, { pathname: "*.png" }],
    [{ pathname: "/(.*)" }, { pathname: "/*" }],
    [{ pathname: "/([^\\/]+?)" }, { pathname: "/([^\\/]+?)" }],
    [{ pathname: "/:a{b}" }, { pathname: "{/:a}b" }],
  ];
  for (const [init, expected] of cases) {
    const pattern = new URLPattern(init);
    for (const part of Object.keys(expected)) assertEquals(pattern[part], expected[part], JSON.stringify(init));
  }
});

test("exec gives the groups of every component", () => {
  const pattern = new URLPattern("https://:sub.example.com/:kind/:id(\\d+){.:format}?/*");
  const url = "https://www.example.com/books/123.html/a/b?q#h";
  const result = pattern.exec(url);
  assertEquals(Object.keys(result), [
    "hash", "hostname", "inputs", "password", "pathname", "port", "protocol", "search", "username",
  ]);
  assertEquals(result.inputs, [url]);
  assertEquals(result.hostname, { groups: { sub: "www" }, input: "www.example.com" });
  assertEquals(result.pathname, {
    groups: { kind: "books", id: "123", format: "html", 0: "a/b" }, input: "/books/123.html/a/b",
  });
  assertEquals(result.search, { groups: { 0: "q" }, input: "q" });
  assertEquals(result.protocol, { groups: {}, input: "https" });
  const { groups } = pattern.exec("https://www.example.com/books/1/x").pathname;
  assert("format" in groups && groups.format === undefined, "a group that took no part is undefined");
  assertEquals(pattern.exec("https://www.example.com/books/x/y"), null);
  assertEquals(pattern.exec("no URL"), null);
});

test("test and exec take what URLs are made of, too", () => {
  const pattern = new URLPattern({ pathname: "/a/:b" });
  for (const [input, base, matches] of [
    ["https://example.com/a/b", undefined, true],
    ["/a/b", "https://example.com", true],
    ["a/b", "https://example.com/", true],
    ["/a/b", undefined, false],
    ["/a/b", "no URL", false],
    [{ pathname: "/a/b" }, undefined, true],
    [{ pathname: "b", baseURL: "https://example.com/a/x" }, undefined, true],
    [{ pathname: "/a/b/c" }, undefined, false],
    [{ pathname: "/a/b", baseURL: "no URL" }, undefined, false],
    [undefined, undefined, false],
    [new URL("https://example.com/a/b"), undefined, true],
  ]) {
    assertEquals(pattern.test(input, base), matches, String(input));
    assertEquals(pattern.exec(input, base) !== null, matches, String(input));
  }
  assertEquals(pattern.exec("/a/b", "https://example.com").inputs, ["/a/b", "https://example.com"]);
  assertEquals(pattern.exec({ pathname: "/a/b", other: 1 }).inputs, [{ pathname: "/a/b" }]);
  assertThrows(() => pattern.test({}, "https://example.com"), TypeError, "base URL");
  assertThrows(() => pattern.exec({}, "https://example.com"), TypeError, "base URL");
});

test("ignoreCase is about pathname, search and hash", () => {
  for (const options of [[{ ignoreCase: true }], ["https://example.com", { ignoreCase: true }]]) {
    const pattern = new URLPattern(options.length === 1 ? "https://example.com/Foo?Bar#Baz" : "/Foo?Bar#Baz", ...options);
    assert(pattern.test("https://example.com/fOO?bAR#bAZ"));
    assertEquals(pattern.pathname, "/Foo");
  }
  assert(!new URLPattern({ pathname: "/Foo" }).test({ pathname: "/foo" }));
  assert(new URLPattern({ pathname: "/Foo" }, { ignoreCase: true }).test({ pathname: "/foo" }));
  assert(!new URLPattern({ username: "Me" }, { ignoreCase: true }).test({ username: "me" }));
});

test("the constructor's overloads", () => {
  assertEquals(patternsOf(new URLPattern()), ["*", "*", "*", "*", "*", "*", "*", "*"]);
  assertEquals(patternsOf(new URLPattern(null, undefined)), ["*", "*", "*", "*", "*", "*", "*", "*"]);
  assertEquals(new URLPattern("/a", "https://b.c", undefined).hostname, "b.c");
  assertEquals(new URLPattern("/a", { toString: () => "https://b.c" }, {}).hostname, "b.c");
  assertEquals(URLPattern.length, 0);
  for (const args of [
    ["/a"], ["/a", {}], [{}, "https://b.c"], [{}, "https://b.c", {}], ["/a", "no URL"], ["/a", undefined, {}],
    [{ baseURL: "no URL" }], [{ pathname: Symbol() }], ["https://a", 1n], ["https://a", "https://b", 1],
  ]) {
    assertThrows(() => new URLPattern(...args), TypeError);
  }
  assertThrows(() => URLPattern({}), TypeError);
});

test("patterns that are not valid are TypeErrors", () => {
  for (const pathname of [
    "/(", "/(?x)", "/()", "/(\u00e9)", "/((a))", "/(a(b))", "/:", "/{a", "/a}", "/{a{b}}", "/\\", "/?", "/+", "/**?+",
    "/:a/:a", "/(a", "/([)", "/(\\", "/:a(?<b)",
  ]) {
    assertThrows(() => new URLPattern({ pathname }), TypeError);
  }
  for (const init of [
    { hostname: "a b" }, { hostname: "[\\:x]" }, { port: "a" }, { port: "65536" }, { protocol: "1{a}" },
    { pathname: "/" + "a".repeat(70_000) },
  ]) {
    assertThrows(() => new URLPattern(init), TypeError);
  }
});

test("the regular expressions are the language's own", () => {
  const pattern = new URLPattern({ pathname: "/:a(x(?=y).*)", protocol: "(http(?:s)?)" });
  assertEquals(pattern.hasRegExpGroups, true);
  assert(pattern.test("https://a/xyz") && !pattern.test("https://a/xz"));
  assertEquals(new URLPattern({ pathname: "/:id([[0-9]&&[1-3]])" }).exec({ pathname: "/2" }).pathname.groups, { id: "2" });
  assertEquals(new URLPattern({ pathname: "/:a((?<own>b)c)" }).exec({ pathname: "/bc" }).pathname.groups, { a: "bc" });
  assertEquals(new URLPattern({ pathname: "/:a/*" }).hasRegExpGroups, false);
});

test("groups may have any name", () => {
  const { groups } = new URLPattern({ pathname: "/:__proto__/:constructor/:\u00fcber/:$_\u200c1" })
    .exec({ pathname: "/a/b/c/d" }).pathname;
  assertEquals(Object.entries(groups), [
    ["__proto__", "a"], ["constructor", "b"], ["\u00fcber", "c"], ["$_\u200c1", "d"],
  ]);
});

test("what an app does to the prototypes changes nothing", () => {
  const { exec } = RegExp.prototype;
  RegExp.prototype.exec = () => { throw new Error("called"); };
  Object.defineProperty(Object.prototype, "input", { set() { throw new Error("called"); }, configurable: true });
  Object.prototype.pathname = "/patched";
  try {
    const pattern = new URLPattern("https://:a.com/(x)");
    assertEquals(pattern.exec("https://b.com/x").hostname.groups.a, "b");
    // Dictionaries are read with their prototypes: this one is the app's own doing.
    assertEquals(new URLPattern({}).pathname, "/patched");
  } finally {
    delete Object.prototype.pathname;
    delete Object.prototype.input;
    RegExp.prototype.exec = exec;
  }
});

test("the members are as the standard says", () => {
  const pattern = new URLPattern();
  assertEquals(String(pattern), "[object URLPattern]");
  for (const name of [...parts, "hasRegExpGroups"]) {
    const { get, set, enumerable } = Object.getOwnPropertyDescriptor(URLPattern.prototype, name);
    assertEquals([set, enumerable], [undefined, true]);
    assertThrows(() => get.call({}), TypeError);
  }
  for (const name of ["test", "exec"]) {
    assertEquals(pattern[name].length, 0);
    assertThrows(() => pattern[name].call({}), TypeError);
  }
});
