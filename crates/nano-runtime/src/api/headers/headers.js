// Headers (https://fetch.spec.whatwg.org/#headers-class).
//
// A header list is one flat array [name, value, name, value, ...], its names in lower case: what native code gives
// and takes, and what costs least to make. As names are compared without regard to case and HTTP/2 sends them in lower
// case anyway, the case in which an app wrote a name is not kept.
//
// Guards: "immutable" refuses changes. "request" and "response" forbid the names that a browser keeps for itself
// (Cookie, Host, Set-Cookie and so on); a server's code is its own user agent, so here they forbid nothing.

const {
  ArrayIsArray, ArrayPrototypeSort, ObjectGetOwnPropertySymbols, ObjectGetPrototypeOf, ObjectPrototype,
  ObjectPrototypeHasOwnProperty, ObjectPrototypePropertyIsEnumerable, ObjectSetPrototypeOf, ReflectOwnKeys,
  SafeArray, SafeArrayPrototype, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice, StringPrototypeToLowerCase, SymbolIterator, TypeError,
} = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const { ByteString } = webidl.converters;

/** Headers up to which a list is sorted by insertion. */
const SHORT_LIST = 16;

// Names that need no scan, in the spellings that are common.
const KNOWN = {
  __proto__: null,
  "accept": "accept", "Accept": "accept",
  "authorization": "authorization", "Authorization": "authorization",
  "cache-control": "cache-control", "Cache-Control": "cache-control",
  "content-length": "content-length", "Content-Length": "content-length",
  "content-type": "content-type", "Content-Type": "content-type",
  "cookie": "cookie", "Cookie": "cookie",
  "etag": "etag", "ETag": "etag",
  "host": "host", "Host": "host",
  "location": "location", "Location": "location",
  "set-cookie": "set-cookie", "Set-Cookie": "set-cookie",
  "user-agent": "user-agent", "User-Agent": "user-agent",
};

// RFC 9110, 5.6.2: for every ASCII code, "1" a token character, "2" an upper-case one, "0" another.
const TOKEN =
  "00000000000000000000000000000000" +
  "01011111001101101111111111000000" +
  "02222222222222222222222222200011" +
  "11111111111111111111111111101010";

/** `name` in lower case, or undefined when it is not a header name. */
function lowerName(name) {
  const known = KNOWN[name];
  if (known !== undefined) return known;
  const length = name.length;
  if (length === 0) return undefined;
  let upper = false;
  for (let i = 0; i < length; i++) {
    const code = StringPrototypeCharCodeAt(name, i);
    if (code > 127) return undefined;
    const kind = StringPrototypeCharCodeAt(TOKEN, code);
    if (kind === 48) return undefined;
    if (kind === 50) upper = true;
  }
  return upper ? StringPrototypeToLowerCase(name) : name;
}

function isHTTPWhitespace(code) {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/** `value` normalised ("2.2.2 Headers"), or undefined when it is not a header value. */
function normalizeValue(value) {
  let start = 0;
  let end = value.length;
  while (start < end && isHTTPWhitespace(StringPrototypeCharCodeAt(value, start))) start++;
  while (end > start && isHTTPWhitespace(StringPrototypeCharCodeAt(value, end - 1))) end--;
  for (let i = start; i < end; i++) {
    const code = StringPrototypeCharCodeAt(value, i);
    if (code <= 13 && (code === 0 || code === 10 || code === 13)) return undefined;
  }
  return end - start === value.length ? value : StringPrototypeSlice(value, start, end);
}

function convertName(name, prefix) {
  // A string in the table is a ByteString and a name.
  const known = typeof name === "string" ? KNOWN[name] : undefined;
  return known !== undefined ? known : ByteString(name, prefix, "Argument 1");
}

function checkedName(name, prefix) {
  const lower = lowerName(name);
  if (lower === undefined) throw new TypeError(`${prefix}: '${name}' is not a header name`);
  return lower;
}

function checkedValue(value, prefix) {
  const normalized = normalizeValue(value);
  if (normalized === undefined) throw new TypeError(`${prefix}: '${value}' is not a header value`);
  return normalized;
}

function listHas(list, name) {
  for (let i = 0; i < list.length; i += 2) if (list[i] === name) return true;
  return false;
}

/** The combined value of `name` (lower case), or null. */
function listGet(list, name) {
  let result = null;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) result = result === null ? list[i + 1] : result + ", " + list[i + 1];
  }
  return result;
}

function listDelete(list, name) {
  let kept = 0;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) continue;
    if (kept !== i) {
      list[kept] = list[i];
      list[kept + 1] = list[i + 1];
    }
    kept += 2;
  }
  list.length = kept;
}

/** `list` with a header more: itself, if it can grow where no app sees it. */
function listAppend(list, name, value) {
  if (ObjectGetPrototypeOf(list) !== SafeArrayPrototype) list = copyList(list);
  list[list.length] = name;
  list[list.length] = value;
  return list;
}

/** `list` with a header set, which may be a new list. */
function listSet(list, name, value) {
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== name) continue;
    list[i + 1] = value;
    let kept = i + 2;
    for (let j = kept; j < list.length; j += 2) {
      if (list[j] === name) continue;
      list[kept] = list[j];
      list[kept + 1] = list[j + 1];
      kept += 2;
    }
    list.length = kept;
    return list;
  }
  return listAppend(list, name, value);
}

// A list crosses to and from native code as one string, "name\0value\0name\0value", which takes less than an array;
// no part can have a NUL.

function joinedList(list) {
  const length = list.length;
  if (length === 0) return "";
  let joined = list[0] + "\0" + list[1];
  for (let i = 2; i < length; i += 2) joined += "\0" + list[i] + "\0" + list[i + 1];
  return joined;
}

function splitList(joined) {
  const list = new SafeArray();
  if (joined === "") return list;
  let start = 0;
  for (let end; (end = StringPrototypeIndexOf(joined, "\0", start)) >= 0; start = end + 1) {
    list[list.length] = StringPrototypeSlice(joined, start, end);
  }
  list[list.length] = StringPrototypeSlice(joined, start);
  return list;
}

function copyList(list) {
  const copy = new SafeArray();
  for (let i = 0; i < list.length; i++) copy[i] = list[i];
  return copy;
}

function byName(a, b) {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

/** Sorts pairs by name, in place and stably. Most lists are short, for which this is quicker than to call a sort. */
function sortPairs(pairs) {
  if (pairs.length > SHORT_LIST) {
    ArrayPrototypeSort(pairs, byName);
    return;
  }
  for (let i = 1; i < pairs.length; i++) {
    const pair = pairs[i];
    let at = i;
    for (; at > 0 && pairs[at - 1][0] > pair[0]; at--) pairs[at] = pairs[at - 1];
    pairs[at] = pair;
  }
}

/** "Sort and combine": [[name, value], ...]. */
function sortAndCombine(list) {
  const pairs = new SafeArray();
  for (let i = 0; i < list.length; i += 2) pairs[i >> 1] = [list[i], list[i + 1]];
  sortPairs(pairs);
  let kept = 0;
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    if (kept > 0 && pair[0] !== "set-cookie" && pairs[kept - 1][0] === pair[0]) {
      pairs[kept - 1][1] += ", " + pair[1];
    } else {
      pairs[kept++] = pair;
    }
  }
  pairs.length = kept;
  return pairs;
}

const convertPair = webidl.createSequenceConverter(ByteString);

/** A flat list whose names and values are still to be checked. */
class Unchecked {
  constructor(flat) {
    this.flat = flat;
  }
}
ObjectSetPrototypeOf(Unchecked.prototype, null);

/**
 * Converts a HeadersInit to what `checkList` makes a header list of: one already, or an Unchecked. No name or value is
 * refused before all are converted, as the former is the algorithm's and the latter Web IDL's: an app can tell by what
 * its getters and proxies see.
 */
function convertInit(init, prefix, context) {
  if (!webidl.isObject(init)) {
    throw new TypeError(`${prefix}: ${context} is neither a sequence of pairs nor an object`);
  }
  const method = init[SymbolIterator];
  if (method !== undefined && method !== null) {
    if (typeof method !== "function") throw new TypeError(`${prefix}: ${context} is not iterable`);
    if (method === headersEntries && isHeaders(init) && iteratorPrototype.next === iteratorNext) {
      return combinedList(init);
    }
    return new Unchecked(flatFromIterable(init, method, prefix, context));
  }
  return isPlain(init) ? fromPlain(init, prefix, context) : new Unchecked(flatFromRecord(init, prefix, context));
}

/** The header list of what `convertInit` has given: all names and values are normalised and checked. */
function checkList(converted, prefix) {
  if (ArrayIsArray(converted)) return converted;
  const flat = converted.flat;
  for (let i = 0; i < flat.length; i += 2) {
    flat[i] = checkedName(flat[i], prefix);
    flat[i + 1] = checkedValue(flat[i + 1], prefix);
  }
  return flat;
}

function flatFromIterable(init, method, prefix, context) {
  const pairs = webidl.convertIterable(init, method, convertPair, prefix, context);
  const flat = new SafeArray();
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    if (pair.length !== 2) {
      throw new TypeError(`${prefix}: ${context}, index ${i} must have two items, a name and a value`);
    }
    flat[i * 2] = pair[0];
    flat[i * 2 + 1] = pair[1];
  }
  return flat;
}

/** Whether `for (key in object)` is the same to see as the standard's steps: proxies see each, symbols are no names. */
function isPlain(object) {
  if (ops.is_proxy(object)) return false;
  const prototype = ObjectGetPrototypeOf(object);
  return (prototype === ObjectPrototype || prototype === null) && ObjectGetOwnPropertySymbols(object).length === 0;
}

/** Whether a string is a header value as it is, as far as can be told quickly. */
function isCleanValue(string) {
  return string === "text/plain" || string === "application/json" || ops.is_header_value(string);
}

/** As `flatFromRecord`, which takes several times as long. Mostly nothing is left to check. */
function fromPlain(init, prefix, context) {
  let flat;
  let isChecked = true;
  for (const key in init) {
    // In this place V8 knows the answer.
    if (!ObjectPrototypeHasOwnProperty(init, key)) continue;
    let name = key === "content-type" ? key : lowerName(key);
    if (name === undefined) {
      name = ByteString(key, prefix, context);
      isChecked = false;
    }
    let value = init[key];
    if (typeof value !== "string") value = ByteString(value, prefix, context);
    if (!isCleanValue(value)) {
      value = ByteString(value, prefix, context);
      isChecked = false;
    }
    if (flat === undefined) {
      flat = [name, value];
    } else {
      if (flat.length === 2) flat = copyList(flat);
      flat[flat.length] = name;
      flat[flat.length] = value;
    }
  }
  if (flat === undefined) return [];
  return isChecked ? flat : new Unchecked(flat);
}

/**
 * `record<ByteString, ByteString>` (Web IDL, 3.2.20). propertyIsEnumerable is its [[GetOwnProperty]], without a
 * descriptor.
 */
function flatFromRecord(init, prefix, context) {
  const keys = ReflectOwnKeys(init);
  const flat = new SafeArray();
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (!ObjectPrototypePropertyIsEnumerable(init, key)) continue;
    const name = ByteString(key, prefix, context);
    const value = init[key];
    flat[flat.length] = name;
    flat[flat.length] = ByteString(value, prefix, context);
  }
  return flat;
}

let isHeaders, getHeaderList, getHeaderGuard, headersFromList, pairsOf;

class Headers {
  #list;
  #guard = "none";
  /** The result of sort-and-combine, until the list changes. */
  #pairs = undefined;

  constructor(init = undefined) {
    if (init === webidl.internal) return;
    const prefix = "Failed to construct 'Headers'";
    this.#list = init === undefined ? [] : checkList(convertInit(init, prefix, "Argument 1"), prefix);
  }

  static {
    isHeaders = (object) => webidl.isObject(object) && #list in object;
    getHeaderList = (headers) => headers.#list;
    getHeaderGuard = (headers) => headers.#guard;
    headersFromList = (list, guard) => {
      const headers = new Headers(webidl.internal);
      headers.#list = list;
      headers.#guard = guard;
      return headers;
    };
    pairsOf = (headers) => {
      if (!isHeaders(headers)) throw webidl.illegalInvocation();
      return (headers.#pairs ??= sortAndCombine(headers.#list));
    };
  }

  /** The list, for a change to it. */
  #mutable(prefix) {
    if (this.#guard === "immutable") throw new TypeError(`${prefix}: the headers are immutable`);
    this.#pairs = undefined;
    return this.#list;
  }

  append(name, value) {
    if (!isHeaders(this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'append' on 'Headers'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = convertName(name, prefix);
    value = checkedValue(ByteString(value, prefix, "Argument 2"), prefix);
    name = checkedName(name, prefix);
    this.#list = listAppend(this.#mutable(prefix), name, value);
  }

  delete(name) {
    if (!isHeaders(this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'delete' on 'Headers'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = checkedName(convertName(name, prefix), prefix);
    listDelete(this.#mutable(prefix), name);
  }

  get(name) {
    if (!isHeaders(this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'get' on 'Headers'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    return listGet(this.#list, checkedName(convertName(name, prefix), prefix));
  }

  getSetCookie() {
    if (!isHeaders(this)) throw webidl.illegalInvocation();
    const list = this.#list;
    const values = [];
    for (let i = 0; i < list.length; i += 2) if (list[i] === "set-cookie") webidl.append(values, list[i + 1]);
    return values;
  }

  has(name) {
    if (!isHeaders(this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'has' on 'Headers'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    return listHas(this.#list, checkedName(convertName(name, prefix), prefix));
  }

  set(name, value) {
    if (!isHeaders(this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'set' on 'Headers'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = convertName(name, prefix);
    value = checkedValue(ByteString(value, prefix, "Argument 2"), prefix);
    name = checkedName(name, prefix);
    this.#list = listSet(this.#mutable(prefix), name, value);
  }
}
webidl.mixinPairIterable("Headers", Headers, (object) => pairsOf(object));
webidl.configureInterface(Headers);
registerInspector(Headers, isHeaders, (headers) => {
  const list = getHeaderList(headers);
  const shown = { __proto__: null };
  for (let i = 0; i < list.length; i += 2) shown[list[i]] = listGet(list, list[i]);
  return shown;
});

const headersEntries = Headers.prototype.entries;
const iteratorPrototype = ObjectGetPrototypeOf(new Headers().entries());
const iteratorNext = iteratorPrototype.next;

/** What iterating over `headers` gives, as a new list. */
function combinedList(headers) {
  const pairs = pairsOf(headers);
  const flat = new SafeArray();
  for (let i = 0; i < pairs.length; i++) {
    flat[i * 2] = pairs[i][0];
    flat[i * 2 + 1] = pairs[i][1];
  }
  return flat;
}

exports.Headers = Headers;
exports.isHeaders = isHeaders;
exports.headersFromList = headersFromList;
exports.getHeaderList = getHeaderList;
exports.getHeaderGuard = getHeaderGuard;
exports.convertInit = convertInit;
exports.checkList = checkList;
/** RFC 9110, 5.6.2: whether `string` is a token. */
exports.isToken = (string) => lowerName(string) !== undefined;
exports.copyList = copyList;
exports.joinedList = joinedList;
exports.splitList = splitList;
exports.listHas = listHas;
exports.listAppend = listAppend;
exports.listGet = listGet;
