// Runs the vectors of one file, `vectors.json`, through the JavaScript API, as `kind` says.

import vectors from "./vectors.json";

const PARTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
const failures = [];
let count = 0;

/** Counts one vector; `run` gives a text for each thing that is wrong with it. */
function vector(name, run) {
  count++;
  let wrong;
  try {
    wrong = [...run()];
  } catch (error) {
    wrong = [String(error?.stack ?? error)];
  }
  if (wrong.length > 0) failures.push(`${JSON.stringify(name)}: ${wrong.join("; ")}`);
}
function* same(what, actual, expected) {
  if (actual !== expected) yield `${what} is ${JSON.stringify(actual)} and not ${JSON.stringify(expected)}`;
}
function* throwsTypeError(what, run) {
  try {
    run();
    yield `${what} throws nothing`;
  } catch (error) {
    if (!(error instanceof TypeError)) yield `${what} throws ${error}`;
  }
}
/** JSON whose objects have their keys in order. */
const sorted = (value) =>
  JSON.stringify(value, (_key, inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort())
      : inner);
const isComment = (entry) => typeof entry === "string";

const kinds = {
  /** url/README.md of web-platform-tests describes it: what an input is, against a base, or that it fails. */
  parse(entry) {
    const { input, base, failure, relativeTo, comment, message, ...expected } = entry;
    vector([input, base], function* () {
      const against = base === null || base === undefined ? [input] : [input, base];
      yield* same("canParse", URL.canParse(...against), !failure);
      if (failure) {
        yield* throwsTypeError("the constructor", () => new URL(...against));
        yield* same("parse", URL.parse(...against), null);
        if (against.length > 1) return;
        // Without a base it fails; `relativeTo` says against which bases it does not.
        yield* throwsTypeError("the setter of href", () => { new URL("about:blank").href = input; });
        if (relativeTo === undefined) return;
        // Some are relative to a base of their own scheme only.
        const bases = ["http://a.test/b", "https://a.test/b"];
        yield* same("canParse with a path", bases.some((base) => URL.canParse(input, base)), true);
        yield* same("canParse with an opaque path", URL.canParse(input, "a:b"), relativeTo === "any-base");
        return;
      }
      const url = new URL(...against);
      for (const [key, value] of Object.entries(expected)) {
        if (key === "searchParams") yield* same(key, String(url.searchParams), value);
        // An opaque origin is null in some files.
        else yield* same(key, url[key], String(value));
      }
      yield* same("the URL parsed again", new URL(url.href).href, url.href);
      yield* same("parse", URL.parse(...against).href, url.href);
    });
  },

  /** What an attribute's setter makes of a URL. */
  setters([attribute, entries]) {
    if (attribute === "comment") return;
    for (const { href, new_value: value, expected } of entries) {
      vector([attribute, href, value], function* () {
        const url = new URL(href);
        url[attribute] = value;
        for (const [key, part] of Object.entries(expected)) yield* same(key, url[key], part);
      });
    }
  },

  /** Domain to ASCII. */
  host({ input, output }) {
    if (input === "") return;
    vector(input, function* () {
      if (output === null) {
        yield* throwsTypeError("the constructor", () => new URL(`https://${input}/x`));
      } else {
        const url = new URL(`https://${input}/x`);
        yield* same("host", url.host, output);
        yield* same("hostname", url.hostname, output);
        yield* same("href", url.href, `https://${output}/x`);
      }
    });
  },

  /** As `host`, and by the setters. */
  hostAndSetters(entry) {
    kinds.host(entry);
    for (const attribute of ["host", "hostname"]) {
      vector([attribute, entry.input], function* () {
        const url = new URL("https://x/x");
        url[attribute] = entry.input;
        yield* same(attribute, url[attribute], entry.output ?? "x");
      });
    }
  },

  /** The encoding of a page is for pages; here it is UTF-8. */
  percentEncoding({ input, output }) {
    vector(input, function* () {
      const url = new URL(`https://x/?${input}#${input}`);
      yield* same("search", url.search, `?${output["utf-8"]}`);
      yield* same("hash", url.hash, `#${output["utf-8"]}`);
    });
  },

  /** A pattern's constructor arguments, its parts, and what it matches. */
  pattern(entry) {
    vector([entry.pattern, entry.inputs], function* () {
      if (entry.expected_obj === "error") {
        yield* throwsTypeError("the constructor", () => new URLPattern(...entry.pattern));
        return;
      }
      const pattern = new URLPattern(...entry.pattern);
      for (const part of PARTS) yield* same(part, pattern[part], expectedPart(entry, part));
      if (entry.expected_match === "error") {
        yield* throwsTypeError("test()", () => pattern.test(...entry.inputs));
        yield* throwsTypeError("exec()", () => pattern.exec(...entry.inputs));
        return;
      }
      const inputs = entry.inputs ?? [];
      yield* same("test()", pattern.test(...inputs), Boolean(entry.expected_match));
      const match = pattern.exec(...inputs);
      if (!entry.expected_match) {
        yield* same("exec()", match, null);
        return;
      }
      yield* same("inputs", sorted(match.inputs), sorted(entry.expected_match.inputs ?? inputs));
      for (const part of PARTS) yield* samePart(part, match[part], expectedGroups(entry, part));
    });
  },
};

/** Parts of a base URL that a part given in a pattern keeps from being inherited. */
const EARLIER = {
  protocol: [], username: [], password: [], hostname: ["protocol"], port: ["protocol", "hostname"],
  pathname: ["protocol", "hostname", "port"], search: ["protocol", "hostname", "port", "pathname"],
  hash: ["protocol", "hostname", "port", "pathname", "search"],
};

/** The vectors leave out what follows from the arguments. */
function expectedPart(entry, part) {
  const explicit = entry.expected_obj?.[part];
  if (explicit !== undefined) return explicit;
  if (entry.exactly_empty_components?.includes(part)) return "";
  const [first, second] = entry.pattern;
  const init = typeof first === "object" ? first : {};
  if (init[part]) return init[part];
  if (EARLIER[part].some((earlier) => earlier in init)) return "*";
  const base = init.baseURL || (typeof second === "string" ? second : undefined);
  if (base === undefined || part === "username" || part === "password") return "*";
  const value = new URL(base)[part];
  return part === "protocol" ? value.slice(0, -1) : part === "search" || part === "hash" ? value.slice(1) : value;
}

function expectedGroups(entry, part) {
  const explicit = entry.expected_match[part];
  if (explicit) return explicit;
  return { input: "", groups: entry.exactly_empty_components?.includes(part) ? {} : { 0: "" } };
}

function* samePart(part, actual, expected) {
  yield* same(`${part}.input`, actual.input, expected.input);
  // JSON has no undefined: a group that took no part is null there.
  const groups = (object, absent) =>
    Object.entries(object).map(([name, value]) => `${name}=${value === absent ? "(none)" : value}`).sort().join("&");
  yield* same(`${part}.groups`, groups(actual.groups, undefined), groups(expected.groups, null));
}

export default {
  fetch(request) {
    const kind = kinds[new URL(request.url).pathname.slice(1)];
    const entries = Array.isArray(vectors) ? vectors : Object.entries(vectors);
    for (const entry of entries) if (!isComment(entry)) kind(entry);
    return Response.json({ count, failures });
  },
};
