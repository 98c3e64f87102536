// atob and btoa (HTML, 8.3; Infra, "forgiving-base64").

const webidl = require("webidl");
const { DOMException } = require("domexception");
const { base64_atob, base64_btoa } = ops;

function atob(data) {
  const prefix = "Failed to execute 'atob'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  const string = base64_atob(webidl.converters.DOMString(data, prefix, "Argument 1"));
  if (string === undefined) {
    throw new DOMException(`${prefix}: the string is not correctly encoded`, "InvalidCharacterError");
  }
  return string;
}

function btoa(data) {
  const prefix = "Failed to execute 'btoa'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  const string = base64_btoa(webidl.converters.DOMString(data, prefix, "Argument 1"));
  if (string === undefined) {
    throw new DOMException(`${prefix}: the string has characters outside of the Latin1 range`, "InvalidCharacterError");
  }
  return string;
}

exports.atob = atob;
exports.btoa = btoa;
