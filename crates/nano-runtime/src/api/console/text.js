// The bounds and the indentation of what goes to the log.

const { StringPrototypeIndexOf, StringPrototypeReplaceAll, StringPrototypeSlice } = primordials;

const MAX_TOTAL_CHARS = 65_536;

function bounded(string) {
  if (string.length <= MAX_TOTAL_CHARS) return string;
  return `${StringPrototypeSlice(string, 0, MAX_TOTAL_CHARS)}... ${string.length - MAX_TOTAL_CHARS} more characters`;
}

function indent(text, by) {
  return by !== "" && StringPrototypeIndexOf(text, "\n") >= 0 ? StringPrototypeReplaceAll(text, "\n", `\n${by}`) : text;
}

exports.MAX_TOTAL_CHARS = MAX_TOTAL_CHARS;
exports.bounded = bounded;
exports.indent = indent;
