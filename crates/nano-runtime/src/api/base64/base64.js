// atob and btoa (HTML, 8.3; Infra, "forgiving-base64").

const {
  ObjectGetPrototypeOf, StringFromCharCode, StringPrototypeCharCodeAt, SyntaxError, TypedArrayPrototypeGetLength,
  Uint8Array, Uint8ArrayFromBase64, Uint8ArrayPrototypeToBase64,
} = primordials;
const webidl = require("webidl");
const { DOMException } = require("domexception");

function atob(data) {
  const prefix = "Failed to execute 'atob'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  data = webidl.converters.DOMString(data, prefix, "Argument 1");
  let bytes;
  try {
    // Its "loose" mode, the default, is forgiving-base64 decode: ASCII white space is skipped, padding may be absent
    // but not incomplete, and left-over bits are ignored.
    bytes = Uint8ArrayFromBase64(data);
  } catch (error) {
    if (ObjectGetPrototypeOf(error) !== SyntaxError.prototype) throw error;
    throw new DOMException(`${prefix}: the string is not correctly encoded`, "InvalidCharacterError");
  }
  return binaryString(bytes);
}

// Eight characters at a time, since every `+=` makes a string.
function binaryString(b) {
  const length = TypedArrayPrototypeGetLength(b);
  let result = "";
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    result += StringFromCharCode(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
  }
  for (; i < length; i++) result += StringFromCharCode(b[i]);
  return result;
}

function btoa(data) {
  const prefix = "Failed to execute 'btoa'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  data = webidl.converters.DOMString(data, prefix, "Argument 1");
  const length = data.length;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const unit = StringPrototypeCharCodeAt(data, i);
    if (unit > 255) {
      throw new DOMException(`${prefix}: the string has characters outside of the Latin1 range`, "InvalidCharacterError");
    }
    bytes[i] = unit;
  }
  return Uint8ArrayPrototypeToBase64(bytes);
}

exports.atob = atob;
exports.btoa = btoa;
