// "Scheme fetch" (Fetch, 4.3) of what needs no network: data: and blob: URLs.

const {
  MathMax, MathMin, Number, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypeSlice,
  StringPrototypeStartsWith, StringPrototypeToLowerCase, TypeError, TypedArrayPrototypeGetByteLength,
} = primordials;
const { withoutFragment } = require("url");
const { bytesOf, subarray, typeOf } = require("file");
const { listGet } = require("headers");
const { parseMimeType, serializeMimeType } = require("fetch/mime");
const { responseFromParts } = require("fetch/response");
const bodies = require("fetch/body");

function localResponse(body, status, statusText, list, url) {
  const rare = { __proto__: null, type: "basic", url, redirected: false, guard: "immutable" };
  return responseFromParts(body, status, statusText, list, rare);
}

const SPACE = 32;
const SEMICOLON = 59;

/** `type` without its ending `;base64`, with whatever spaces there are before that word; undefined if it has none. */
function withoutBase64(type) {
  let end = type.length - 6;
  if (end < 1 || StringPrototypeToLowerCase(StringPrototypeSlice(type, end)) !== "base64") return undefined;
  while (end > 0 && StringPrototypeCharCodeAt(type, end - 1) === SPACE) end--;
  if (end === 0 || StringPrototypeCharCodeAt(type, end - 1) !== SEMICOLON) return undefined;
  return StringPrototypeSlice(type, 0, end - 1);
}

/** "data: URL processor" (Fetch, 6). Throws for what is none. */
function fetchData(url, method) {
  const input = withoutFragment(url);
  const comma = StringPrototypeIndexOf(input, ",");
  if (comma === -1) throw new TypeError("fetch failed: the data: URL has no comma");
  // A serialised URL has no other whitespace than spaces.
  let start = "data:".length;
  let end = comma;
  while (start < end && StringPrototypeCharCodeAt(input, start) === SPACE) start++;
  while (start < end && StringPrototypeCharCodeAt(input, end - 1) === SPACE) end--;
  let type = StringPrototypeSlice(input, start, end);
  const bare = withoutBase64(type);
  const bytes = ops.data_url_bytes(StringPrototypeSlice(input, comma + 1), bare !== undefined);
  if (bytes === undefined) throw new TypeError("fetch failed: the data: URL is not valid base64");
  if (bare !== undefined) type = bare;
  if (StringPrototypeCharCodeAt(type, 0) === SEMICOLON) type = `text/plain${type}`;
  const mimeType = parseMimeType(type);
  const list = ["content-type", mimeType === undefined ? "text/plain;charset=US-ASCII" : serializeMimeType(mimeType)];
  return localResponse(method === "HEAD" ? null : bodies.bytesBody(bytes, false), 200, "OK", list, url);
}

const isBlank = (code) => code === SPACE || code === 9;
const isDigit = (code) => code >= 48 && code <= 57;

/** Where what `is` is true of ends, from `at` on. */
function endOf(is, string, at) {
  while (is(StringPrototypeCharCodeAt(string, at))) at++;
  return at;
}

/** "Parse a single range header value", against a length: { from, to }, or undefined. */
function rangeOf(value, length) {
  if (!StringPrototypeStartsWith(value, "bytes")) return undefined;
  const equals = endOf(isBlank, value, 5);
  if (value[equals] !== "=") return undefined;
  const start = endOf(isBlank, value, equals + 1);
  const startEnd = endOf(isDigit, value, start);
  const dash = endOf(isBlank, value, startEnd);
  if (value[dash] !== "-") return undefined;
  const end = endOf(isBlank, value, dash + 1);
  if (endOf(isDigit, value, end) !== value.length) return undefined;
  const first = StringPrototypeSlice(value, start, startEnd);
  const last = StringPrototypeSlice(value, end);
  if (first === "" && last === "") return undefined;
  const from = first === "" ? MathMax(length - Number(last), 0) : Number(first);
  const to = first === "" || last === "" ? length : MathMin(Number(last) + 1, length);
  return from < to && from < length ? { from, to } : undefined;
}

/** A blob: URL whose Blob was found when the request was made; `list` has the request's headers. */
function fetchBlob(url, method, list, blob) {
  if (method !== "GET") throw new TypeError(`fetch failed: the method '${method}' is not for blob: URLs`);
  if (blob === undefined) throw new TypeError("fetch failed: there is no Blob under this URL");
  const bytes = bytesOf(blob);
  const length = TypedArrayPrototypeGetByteLength(bytes);
  const range = listGet(list, "range");
  if (range === null) {
    const headers = ["content-length", `${length}`, "content-type", typeOf(blob)];
    return localResponse(bodies.bytesBody(bytes, true), 200, "OK", headers, url);
  }
  const part = rangeOf(range, length);
  if (part === undefined) throw new TypeError(`fetch failed: the Blob has no range '${range}'`);
  const { from, to } = part;
  const headers = [
    "content-length", `${to - from}`, "content-type", typeOf(blob),
    "content-range", `bytes ${from}-${to - 1}/${length}`,
  ];
  return localResponse(bodies.bytesBody(subarray(bytes, from, to), true), 206, "Partial Content", headers, url);
}

exports.fetchData = fetchData;
exports.fetchBlob = fetchBlob;
