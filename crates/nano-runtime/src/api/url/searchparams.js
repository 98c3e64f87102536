// URLSearchParams (https://url.spec.whatwg.org/#interface-urlsearchparams) and the
// application/x-www-form-urlencoded format (section 5) under it.
//
// Percent-decoding and UTF-8 are done here rather than in native code: most strings need neither, and a call into
// native code costs more than the scan that finds this out.

const {
  ArrayPrototypeSort, DecodeURIComponent: decodeURIComponent, EncodeURIComponent: encodeURIComponent,
  SafeArray, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice, SymbolIterator, TypeError,
} = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const { converters } = webidl;

const HEX = "0123456789ABCDEF";

function hexValue(code) {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** The byte of the escape `%XX` at `index`, or -1. */
function escapeAt(string, index) {
  if (StringPrototypeCharCodeAt(string, index) !== 37 || index + 2 >= string.length) return -1;
  const high = hexValue(StringPrototypeCharCodeAt(string, index + 1));
  const low = hexValue(StringPrototypeCharCodeAt(string, index + 2));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/** How many bytes follow the lead byte `byte` in UTF-8; 0 for ASCII, -1 for what is no lead byte. */
function trailLength(byte) {
  if (byte < 0x80) return 0;
  if (byte < 0xc2 || byte > 0xf4) return -1;
  return byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}

/**
 * Percent-decoding, then UTF-8 decoding with replacement, of a string that `decodeURIComponent` refused. Text outside
 * escapes consists of whole code points, so a sequence of bytes never continues into or out of it.
 */
function decodeLossy(string) {
  let result = "";
  let start = 0;
  let index = 0;
  while (index < string.length) {
    const byte = escapeAt(string, index);
    if (byte < 0) {
      index++;
      continue;
    }
    result += StringPrototypeSlice(string, start, index);
    const trail = trailLength(byte);
    // The second byte's range is narrower after these (Encoding, 8.1.1: no overlong forms, no surrogates).
    let lower = byte === 0xe0 ? 0xa0 : byte === 0xf0 ? 0x90 : 0x80;
    let upper = byte === 0xed ? 0x9f : byte === 0xf4 ? 0x8f : 0xbf;
    let end = index + 3;
    let seen = 0;
    while (seen < trail) {
      const next = escapeAt(string, end);
      if (next < lower || next > upper) break;
      lower = 0x80;
      upper = 0xbf;
      end += 3;
      seen++;
    }
    result += seen === trail ? decodeURIComponent(StringPrototypeSlice(string, index, end)) : "\ufffd";
    start = index = end;
  }
  return result + StringPrototypeSlice(string, start);
}

/** One name or value of the format, decoded. */
function decodeComponent(string, from, to) {
  let escaped = false;
  let plus = false;
  for (let i = from; i < to; i++) {
    const code = StringPrototypeCharCodeAt(string, i);
    if (code === 37) escaped = true;
    else if (code === 43) plus = true;
  }
  let part = StringPrototypeSlice(string, from, to);
  if (plus) {
    let spaced = "";
    let start = 0;
    for (let at = StringPrototypeIndexOf(part, "+"); at !== -1; at = StringPrototypeIndexOf(part, "+", start)) {
      spaced += StringPrototypeSlice(part, start, at) + " ";
      start = at + 1;
    }
    part = spaced + StringPrototypeSlice(part, start);
  }
  if (!escaped) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return decodeLossy(part);
  }
}

/** The urlencoded parser (5.1), from character `start` of `input` on. */
function parseUrlencoded(input, start = 0) {
  const list = new SafeArray();
  const length = input.length;
  while (start < length) {
    let end = StringPrototypeIndexOf(input, "&", start);
    if (end === -1) end = length;
    if (end !== start) {
      let equals = StringPrototypeIndexOf(input, "=", start);
      if (equals === -1 || equals > end) equals = end;
      list[list.length] = [
        decodeComponent(input, start, equals),
        equals < end ? decodeComponent(input, equals + 1, end) : "",
      ];
    }
    start = end + 1;
  }
  return list;
}

function isUnreserved(code) {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) ||
    code === 45 || code === 46 || code === 95 || code === 42;
}

function encodeComponent(string) {
  let result = "";
  let start = 0;
  for (let i = 0; i < string.length; i++) {
    const code = StringPrototypeCharCodeAt(string, i);
    if (isUnreserved(code)) continue;
    if (start < i) result += StringPrototypeSlice(string, start, i);
    if (code === 32) {
      result += "+";
    } else if (code < 128) {
      result += "%" + HEX[code >> 4] + HEX[code & 15];
    } else {
      const from = i;
      while (i + 1 < string.length && StringPrototypeCharCodeAt(string, i + 1) > 127) i++;
      result += encodeURIComponent(StringPrototypeSlice(string, from, i + 1));
    }
    start = i + 1;
  }
  return start === 0 ? string : result + StringPrototypeSlice(string, start);
}

/** The urlencoded serialiser (5.2). */
function serializeUrlencoded(list) {
  let result = "";
  for (let i = 0; i < list.length; i++) {
    const pair = list[i];
    result += (i === 0 ? "" : "&") + encodeComponent(pair[0]) + "=" + encodeComponent(pair[1]);
  }
  return result;
}

const convertRecord = webidl.createRecordConverter(converters.USVString, converters.USVString);
const convertPair = webidl.createSequenceConverter(converters.USVString);

/** `(sequence<sequence<USVString>> or record<USVString, USVString> or USVString)`, as the object's list. */
function listFromInit(init, prefix) {
  if (!webidl.isObject(init)) {
    init = converters.USVString(init, prefix, "Argument 1");
    return parseUrlencoded(init, StringPrototypeCharCodeAt(init, 0) === 63 ? 1 : 0);
  }
  const method = init[SymbolIterator];
  if (method !== undefined && method !== null) {
    if (typeof method !== "function") throw new TypeError(`${prefix}: Argument 1 is not iterable`);
    const pairs = webidl.convertIterable(init, method, convertPair, prefix, "Argument 1");
    const list = new SafeArray();
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i].length !== 2) {
        throw new TypeError(`${prefix}: Argument 1, index ${i} must have two items, a name and a value`);
      }
      list[i] = pairs[i];
    }
    return list;
  }
  const flat = convertRecord(init, prefix, "Argument 1");
  const list = new SafeArray();
  for (let i = 0; i < flat.length; i += 2) list[list.length] = [flat[i], flat[i + 1]];
  return list;
}

function byName(a, b) {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}

let isURLSearchParams, listOf, paramsForURL, replaceList;

class URLSearchParams {
  /** [[name, value], ...]: the pairs never leave this file. */
  #list;
  /** Called with the serialised list after every change, for the object of a URL. */
  #update = undefined;

  constructor(init = undefined) {
    if (init === webidl.internal) return;
    this.#list = init === undefined ? new SafeArray() : listFromInit(init, "Failed to construct 'URLSearchParams'");
  }

  static {
    isURLSearchParams = (object) => webidl.isObject(object) && #list in object;
    listOf = (params) => {
      if (!isURLSearchParams(params)) throw webidl.illegalInvocation();
      return params.#list;
    };
    paramsForURL = (query, update) => {
      const params = new URLSearchParams(webidl.internal);
      params.#list = parseUrlencoded(query);
      params.#update = update;
      return params;
    };
    replaceList = (params, query) => {
      params.#list = parseUrlencoded(query);
    };
  }

  #changed() {
    if (this.#update !== undefined) this.#update(serializeUrlencoded(this.#list));
  }

  get size() {
    return listOf(this).length;
  }

  append(name, value) {
    const list = listOf(this);
    const prefix = "Failed to execute 'append' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    value = converters.USVString(value, prefix, "Argument 2");
    list[list.length] = [name, value];
    this.#changed();
  }

  delete(name, value = undefined) {
    listOf(this);
    const prefix = "Failed to execute 'delete' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    if (value !== undefined) value = converters.USVString(value, prefix, "Argument 2");
    const list = this.#list;
    let kept = 0;
    for (let i = 0; i < list.length; i++) {
      const pair = list[i];
      if (pair[0] === name && (value === undefined || pair[1] === value)) continue;
      list[kept++] = pair;
    }
    list.length = kept;
    this.#changed();
  }

  get(name) {
    const list = listOf(this);
    const prefix = "Failed to execute 'get' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) return list[i][1];
    return null;
  }

  getAll(name) {
    const list = listOf(this);
    const prefix = "Failed to execute 'getAll' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    const values = [];
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) webidl.append(values, list[i][1]);
    return values;
  }

  has(name, value = undefined) {
    const list = listOf(this);
    const prefix = "Failed to execute 'has' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    if (value !== undefined) value = converters.USVString(value, prefix, "Argument 2");
    for (let i = 0; i < list.length; i++) {
      if (list[i][0] === name && (value === undefined || list[i][1] === value)) return true;
    }
    return false;
  }

  set(name, value) {
    listOf(this);
    const prefix = "Failed to execute 'set' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    value = converters.USVString(value, prefix, "Argument 2");
    const list = this.#list;
    let kept = 0;
    let found = false;
    for (let i = 0; i < list.length; i++) {
      const pair = list[i];
      if (pair[0] === name) {
        if (found) continue;
        found = true;
        pair[1] = value;
      }
      list[kept++] = pair;
    }
    list.length = kept;
    if (!found) list[kept] = [name, value];
    this.#changed();
  }

  sort() {
    // JavaScript compares strings by UTF-16 code units and sorts stably, which is what the standard asks for.
    ArrayPrototypeSort(listOf(this), byName);
    this.#changed();
  }

  toString() {
    return serializeUrlencoded(listOf(this));
  }
}
webidl.mixinPairIterable("URLSearchParams", URLSearchParams, (object) => listOf(object));
webidl.configureInterface(URLSearchParams);
registerInspector(URLSearchParams, isURLSearchParams, (params) => {
  const list = listOf(params);
  const shown = { __proto__: null };
  for (let i = 0; i < list.length; i++) {
    const name = list[i][0];
    shown[name] = shown[name] === undefined ? list[i][1] : `${shown[name]}, ${list[i][1]}`;
  }
  return shown;
});

exports.URLSearchParams = URLSearchParams;
exports.isURLSearchParams = isURLSearchParams;
exports.paramsForURL = paramsForURL;
exports.replaceList = replaceList;
exports.parseUrlencoded = parseUrlencoded;
exports.serializeUrlencoded = serializeUrlencoded;
/** The serialisation of a URLSearchParams object, whatever an app put on its prototype. */
exports.serializeParams = (params) => serializeUrlencoded(listOf(params));
