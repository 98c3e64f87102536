// multipart/form-data (RFC 7578), as browsers write it and as Fetch reads it.

const { DateNow, SafeArray, StringPrototypeIndexOf, StringPrototypeReplaceAll } = primordials;
const { fileFrom, fileOf, joinParts, subarray, typeOf } = require("file");

// What `ops.multipart_parse` gives for each entry: name, value or file name, type (undefined for a field), and where a
// file's contents begin and end.
const SLOTS = 5;

/** The escapes of names and file names (HTML, 4.10.21.8, "escape a multipart form data name"). */
function escapeName(name) {
  if (StringPrototypeIndexOf(name, "\n") !== -1) name = StringPrototypeReplaceAll(name, "\n", "%0A");
  if (StringPrototypeIndexOf(name, "\r") !== -1) name = StringPrototypeReplaceAll(name, "\r", "%0D");
  if (StringPrototypeIndexOf(name, '"') !== -1) name = StringPrototypeReplaceAll(name, '"', "%22");
  return name;
}

/** Every CR without LF after it, and every LF without CR before it, becomes CR LF. */
function normalizeNewlines(string) {
  if (StringPrototypeIndexOf(string, "\r") !== -1) {
    string = StringPrototypeReplaceAll(StringPrototypeReplaceAll(string, "\r\n", "\n"), "\r", "\n");
  }
  return StringPrototypeIndexOf(string, "\n") === -1 ? string : StringPrototypeReplaceAll(string, "\n", "\r\n");
}

/** The "multipart/form-data encoding algorithm" (HTML, 4.10.21.8) of a FormData's list: a Uint8Array. */
function serializeMultipart(list, boundary) {
  const parts = new SafeArray();
  let text = "";
  for (let i = 0; i < list.length; i++) {
    const name = escapeName(normalizeNewlines(list[i][0]));
    const value = list[i][1];
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`;
    if (typeof value === "string") {
      text += `\r\n\r\n${normalizeNewlines(value)}\r\n`;
    } else {
      const type = typeOf(value);
      text += `; filename="${escapeName(fileOf(value).name)}"\r\nContent-Type: `;
      text += type === "" ? "application/octet-stream" : type;
      parts[parts.length] = text + "\r\n\r\n";
      parts[parts.length] = value;
      text = "\r\n";
    }
  }
  parts[parts.length] = text + `--${boundary}--\r\n`;
  return joinParts(parts);
}

/** The entries in `bytes`, whose files become views on them; throws a TypeError for what is not well-formed. */
function parseMultipart(bytes, boundary) {
  const flat = ops.multipart_parse(bytes, boundary);
  const list = new SafeArray();
  const now = DateNow();
  for (let i = 0; i < flat.length; i += SLOTS) {
    const type = flat[i + 2];
    const value = type === undefined
      ? flat[i + 1]
      : fileFrom(subarray(bytes, flat[i + 3], flat[i + 4]), type, flat[i + 1], now);
    list[list.length] = [flat[i], value];
  }
  return list;
}

exports.serializeMultipart = serializeMultipart;
exports.parseMultipart = parseMultipart;
