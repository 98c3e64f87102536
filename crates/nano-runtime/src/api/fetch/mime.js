// MIME types (https://mimesniff.spec.whatwg.org/, 4), and the one that a header list gives (Fetch, 3.4).

const {
  MapPrototypeForEach, MapPrototypeGet, MapPrototypeHas, MapPrototypeSet, ObjectSetPrototypeOf, SafeMap, StringPrototypeCharCodeAt,
  StringPrototypeIndexOf, StringPrototypeReplaceAll, StringPrototypeSlice, StringPrototypeToLowerCase,
} = primordials;
const { isToken } = require("headers");

class MimeType {
  constructor(essence, parameters) {
    this.essence = essence;
    this.parameters = parameters; // a SafeMap, in the order of their first appearance
  }
}
ObjectSetPrototypeOf(MimeType.prototype, null);

const isWhitespace = (code) => code === 32 || code === 9 || code === 10 || code === 13;

/** `string` from `start` to `end` without HTTP whitespace at its end. */
function trimmedEnd(string, start, end) {
  while (end > start && isWhitespace(StringPrototypeCharCodeAt(string, end - 1))) end--;
  return StringPrototypeSlice(string, start, end);
}

/** The index of `mark` in `string` from `start` on, or its length. */
function indexOrEnd(string, mark, start) {
  const index = StringPrototypeIndexOf(string, mark, start);
  return index === -1 ? string.length : index;
}

/** Where the quoted string that begins at `start` ends: behind its closing quote, if it has one. */
function quotedEnd(string, start) {
  for (let i = start + 1; i < string.length; i++) {
    const code = StringPrototypeCharCodeAt(string, i);
    if (code === 92) i++;
    else if (code === 34) return i + 1;
  }
  return string.length;
}

/** What the quoted string from `start` to `end` says ("collect an HTTP quoted string", with the extract-value flag). */
function unquoted(string, start, end) {
  let value = "";
  for (let i = start + 1; i < end; i++) {
    const code = StringPrototypeCharCodeAt(string, i);
    if (code === 34) break;
    if (code === 92 && i + 1 < end) i++;
    value += string[i];
  }
  return value;
}

/** HTTP quoted-string token code points only. */
function isQuotable(value) {
  for (let i = 0; i < value.length; i++) {
    const code = StringPrototypeCharCodeAt(value, i);
    if (code !== 9 && (code < 0x20 || code === 0x7f || code > 0xff)) return false;
  }
  return true;
}

/** "Parse a MIME type" (4.4): a MimeType, or undefined. */
function parseMimeType(input) {
  let start = 0;
  while (start < input.length && isWhitespace(StringPrototypeCharCodeAt(input, start))) start++;
  input = trimmedEnd(input, start, input.length);
  const slash = StringPrototypeIndexOf(input, "/");
  if (slash === -1) return undefined;
  const type = StringPrototypeSlice(input, 0, slash);
  const end = indexOrEnd(input, ";", slash);
  const subtype = trimmedEnd(input, slash + 1, end);
  if (!isToken(type) || !isToken(subtype)) return undefined;
  const parameters = new SafeMap();
  for (let at = end; at < input.length;) at = parseParameter(input, at + 1, parameters);
  return new MimeType(StringPrototypeToLowerCase(`${type}/${subtype}`), parameters);
}

/** Parses the parameter behind the semicolon before `at`; returns where the next semicolon is. */
function parseParameter(input, at, parameters) {
  while (at < input.length && isWhitespace(StringPrototypeCharCodeAt(input, at))) at++;
  const end = indexOrEnd(input, ";", at);
  const equals = indexOrEnd(input, "=", at);
  if (equals >= end) return end;
  const name = StringPrototypeToLowerCase(StringPrototypeSlice(input, at, equals));
  let value;
  let next = end;
  if (StringPrototypeCharCodeAt(input, equals + 1) === 34) {
    const close = quotedEnd(input, equals + 1);
    value = unquoted(input, equals + 1, close);
    next = indexOrEnd(input, ";", close);
  } else {
    value = trimmedEnd(input, equals + 1, end);
    if (value === "") return end;
  }
  if (isToken(name) && isQuotable(value) && !MapPrototypeHas(parameters, name)) {
    MapPrototypeSet(parameters, name, value);
  }
  return next;
}

/** "Serialize a MIME type" (4.5). */
function serializeMimeType({ essence, parameters }) {
  let result = essence;
  MapPrototypeForEach(parameters, (value, name) => {
    if (!isToken(value)) {
      value = `"${StringPrototypeReplaceAll(StringPrototypeReplaceAll(value, "\\", "\\\\"), '"', '\\"')}"`;
    }
    result += `;${name}=${value}`;
  });
  return result;
}

/**
 * "Extract a MIME type" from the combined value of Content-Type, or null: a MimeType, or undefined. The values in it
 * are between commas outside quoted strings ("get, decode, and split").
 */
function extractMimeType(combined) {
  if (combined === null) return undefined;
  let mimeType;
  let charset;
  for (let start = 0; start <= combined.length;) {
    let end = start;
    while (end < combined.length) {
      const code = StringPrototypeCharCodeAt(combined, end);
      if (code === 44) break;
      end = code === 34 ? quotedEnd(combined, end) : end + 1;
    }
    const next = parseMimeType(StringPrototypeSlice(combined, start, end));
    start = end + 1;
    if (next === undefined || next.essence === "*/*") continue;
    if (mimeType === undefined || mimeType.essence !== next.essence) {
      charset = MapPrototypeGet(next.parameters, "charset");
    } else if (charset !== undefined && !MapPrototypeHas(next.parameters, "charset")) {
      MapPrototypeSet(next.parameters, "charset", charset);
    }
    mimeType = next;
  }
  return mimeType;
}

exports.parseMimeType = parseMimeType;
exports.serializeMimeType = serializeMimeType;
exports.extractMimeType = extractMimeType;
