// URL (https://url.spec.whatwg.org/#url-class). The parser is native; an object keeps the serialised URL and the
// offsets of its components, so that a getter is one slice.

const {
  StringPrototypeCharCodeAt, StringPrototypeIncludes, StringPrototypeIndexOf, StringPrototypeSlice, TypeError,
  Uint32Array,
} = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const searchParams = lazy("url/searchparams");
const objectURLs = lazy("file/object_url");
const { USVString } = webidl.converters;

// The parts that `ops.url_set` knows.
const HREF = 0;
const PROTOCOL = 1;
const USERNAME = 2;
const PASSWORD = 3;
const HOST = 4;
const HOSTNAME = 5;
const PORT = 6;
const PATHNAME = 7;
const SEARCH = 8;
const HASH = 9;

// The scheme types of the native parser that are not an ordinary special scheme.
const NOT_SPECIAL = 1;
const FILE = 6;

const AT = 64;

/** Where native code writes offsets. Made on first use: a buffer's memory cannot be in the startup snapshot. */
let offsets;

/** An optional `base` argument: `undefined` stays. */
function convertBase(base, prefix) {
  return base === undefined ? undefined : USVString(base, prefix, "Argument 2");
}

let hrefOf;

class URL {
  #href;
  #protocolEnd;
  #usernameEnd;
  #hostStart;
  #hostEnd;
  /** -1 when there is none, like the next two. */
  #port;
  #pathnameStart;
  #searchStart;
  #hashStart;
  #schemeType;
  #searchParams = undefined;

  constructor(url, base = undefined) {
    if (url === webidl.internal) return;
    const prefix = "Failed to construct 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = USVString(url, prefix, "Argument 1");
    base = convertBase(base, prefix);
    if (!this.#parse(url, base)) {
      const against = base === undefined ? "" : ` with the base '${base}'`;
      throw new TypeError(`${prefix}: '${url}' is not a valid URL${against}`);
    }
  }

  static {
    hrefOf = (value) => (webidl.isObject(value) && #href in value ? value.#href : undefined);
  }

  static parse(url, base = undefined) {
    const prefix = "Failed to execute 'parse' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = USVString(url, prefix, "Argument 1");
    base = convertBase(base, prefix);
    const result = new URL(webidl.internal);
    return result.#parse(url, base) ? result : null;
  }

  static canParse(url, base = undefined) {
    const prefix = "Failed to execute 'canParse' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = USVString(url, prefix, "Argument 1");
    return ops.url_can_parse(url, convertBase(base, prefix));
  }

  // "partial interface URL" of the File API (8.4).
  static createObjectURL(obj) {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'createObjectURL' on 'URL'");
    return objectURLs.load().createObjectURL(obj);
  }
  static revokeObjectURL(url) {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'revokeObjectURL' on 'URL'");
    objectURLs.load().revokeObjectURL(url);
  }

  #parse(url, base) {
    offsets ??= new Uint32Array(9);
    const href = ops.url_parse(url, base, offsets);
    if (href === undefined) return false;
    this.#take(href);
    return true;
  }

  /** Sets the state to `href` and the shared offsets. */
  #take(href) {
    this.#href = href;
    this.#protocolEnd = offsets[0];
    this.#usernameEnd = offsets[1];
    this.#hostStart = offsets[2];
    this.#hostEnd = offsets[3];
    this.#port = offsets[4] | 0;
    this.#pathnameStart = offsets[5];
    this.#searchStart = offsets[6] | 0;
    this.#hashStart = offsets[7] | 0;
    this.#schemeType = offsets[8];
  }

  /** Whether the value was accepted; if not, nothing has changed. */
  #set(part, value) {
    offsets ??= new Uint32Array(9);
    const href = ops.url_set(this.#href, part, value, offsets);
    if (href === undefined) return false;
    this.#take(href);
    return true;
  }

  #slice(start, end) {
    return StringPrototypeSlice(this.#href, start, end);
  }

  /** Where the host begins: `#hostStart` is at the "@" when there are credentials. */
  #hostFrom() {
    const start = this.#hostStart;
    return this.#hostEnd > start && StringPrototypeCharCodeAt(this.#href, start) === AT ? start + 1 : start;
  }

  #query() {
    const start = this.#searchStart;
    if (start < 0) return "";
    return this.#slice(start + 1, this.#hashStart < 0 ? this.#href.length : this.#hashStart);
  }

  get href() {
    return this.#href;
  }
  set href(value) {
    this.#href; // The brand check comes before the conversion, here and below.
    const prefix = "Failed to set 'href' on 'URL'";
    value = USVString(value, prefix, "Value");
    if (!this.#set(HREF, value)) throw new TypeError(`${prefix}: '${value}' is not a valid URL`);
    if (this.#searchParams !== undefined) searchParams.load().replaceList(this.#searchParams, this.#query());
  }

  get origin() {
    const type = this.#schemeType;
    if (type === NOT_SPECIAL) {
      // Only a blob URL has an origin inside its path.
      return this.#slice(0, this.#protocolEnd) === "blob:" ? ops.url_origin(this.#href) : "null";
    }
    if (type === FILE) return "null";
    return this.#slice(0, this.#protocolEnd) + "//" + this.#slice(this.#hostFrom(), this.#pathnameStart);
  }

  get protocol() {
    return this.#slice(0, this.#protocolEnd);
  }
  set protocol(value) {
    this.#href;
    this.#set(PROTOCOL, USVString(value, "Failed to set 'protocol' on 'URL'", "Value"));
  }

  get username() {
    return this.#protocolEnd + 2 < this.#usernameEnd ? this.#slice(this.#protocolEnd + 2, this.#usernameEnd) : "";
  }
  set username(value) {
    this.#href;
    this.#set(USERNAME, USVString(value, "Failed to set 'username' on 'URL'", "Value"));
  }

  get password() {
    return this.#hostStart > this.#usernameEnd ? this.#slice(this.#usernameEnd + 1, this.#hostStart) : "";
  }
  set password(value) {
    this.#href;
    this.#set(PASSWORD, USVString(value, "Failed to set 'password' on 'URL'", "Value"));
  }

  get host() {
    const start = this.#hostFrom();
    // After an empty host the path may be preceded by "/.", which is not part of the host.
    return start === this.#hostEnd ? "" : this.#slice(start, this.#pathnameStart);
  }
  set host(value) {
    this.#href;
    this.#set(HOST, USVString(value, "Failed to set 'host' on 'URL'", "Value"));
  }

  get hostname() {
    return this.#slice(this.#hostFrom(), this.#hostEnd);
  }
  set hostname(value) {
    this.#href;
    this.#set(HOSTNAME, USVString(value, "Failed to set 'hostname' on 'URL'", "Value"));
  }

  get port() {
    return this.#port < 0 ? "" : this.#slice(this.#hostEnd + 1, this.#pathnameStart);
  }
  set port(value) {
    this.#href;
    this.#set(PORT, USVString(value, "Failed to set 'port' on 'URL'", "Value"));
  }

  get pathname() {
    const end = this.#searchStart >= 0 ? this.#searchStart : this.#hashStart;
    return this.#slice(this.#pathnameStart, end < 0 ? this.#href.length : end);
  }
  set pathname(value) {
    this.#href;
    this.#set(PATHNAME, USVString(value, "Failed to set 'pathname' on 'URL'", "Value"));
  }

  get search() {
    const query = this.#query();
    return query === "" ? "" : "?" + query;
  }
  set search(value) {
    this.#href;
    value = USVString(value, "Failed to set 'search' on 'URL'", "Value");
    this.#set(SEARCH, value);
    // The list comes from the value itself, which the URL parser strips of tabs and newlines: such a value cannot wait.
    if (
      this.#searchParams === undefined &&
      (StringPrototypeIncludes(value, "\t") || StringPrototypeIncludes(value, "\n") ||
        StringPrototypeIncludes(value, "\r"))
    ) {
      this.#params();
    }
    if (this.#searchParams !== undefined) {
      const query = StringPrototypeCharCodeAt(value, 0) === 63 ? StringPrototypeSlice(value, 1) : value;
      searchParams.load().replaceList(this.#searchParams, query);
    }
  }

  #params() {
    return (this.#searchParams ??= searchParams.load().paramsForURL(this.#query(), (query) => {
      this.#set(SEARCH, query);
    }));
  }

  get searchParams() {
    return this.#params();
  }

  get hash() {
    const start = this.#hashStart;
    return start < 0 || start + 1 === this.#href.length ? "" : this.#slice(start, this.#href.length);
  }
  set hash(value) {
    this.#href;
    this.#set(HASH, USVString(value, "Failed to set 'hash' on 'URL'", "Value"));
  }

  toString() {
    return this.#href;
  }

  toJSON() {
    return this.#href;
  }
}
webidl.configureInterface(URL);
registerInspector(URL, (value) => hrefOf(value) !== undefined, (url) => ({ __proto__: null, href: hrefOf(url) }));

/** The serialised URL record of `input`, or undefined. For built-ins: no object is made. */
function parseHref(input, base) {
  offsets ??= new Uint32Array(9);
  return ops.url_parse(input, base, offsets);
}

/** Whether the URL that `parseHref` has just returned includes credentials. */
function lastHasCredentials() {
  return offsets[2] > offsets[1] || offsets[0] + 2 < offsets[1];
}

/** `href` without its fragment. */
function withoutFragment(href) {
  const at = StringPrototypeIndexOf(href, "#");
  return at === -1 ? href : StringPrototypeSlice(href, 0, at);
}

exports.URL = URL;
exports.hrefOf = hrefOf;
exports.parseHref = parseHref;
exports.lastHasCredentials = lastHasCredentials;
exports.withoutFragment = withoutFragment;
