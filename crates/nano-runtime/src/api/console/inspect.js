// How values look in the log.
//
// Formatting runs no code of the app: properties are read by their descriptors, types are known by brand, a Proxy is
// shown as its target. It never throws, and its work and its output are bounded.

const {
  ArrayIsArray, ArrayPrototypeJoin, BigInt, BigIntPrototypeToString, ErrorIsError, FunctionPrototypeToString,
  MapPrototypeGet, MapPrototypeGetSize, MapPrototypeSet, MathMin, NumberPrototypeToString,
  ObjectGetPrototypeOf, ObjectHasOwn, ObjectIs, ObjectPrototype, ObjectPrototypeToString, ObjectSetPrototypeOf,
  ReflectGetOwnPropertyDescriptor, ReflectOwnKeys, SafeMap, String, StringPrototypeCharCodeAt,
  StringPrototypeIncludes, StringPrototypeIndexOf, StringPrototypePadStart, StringPrototypeRepeat,
  StringPrototypeReplaceAll, StringPrototypeSlice, StringPrototypeStartsWith, StringPrototypeValueOf,
  SymbolPrototypeGetDescription, SymbolToStringTag, TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
} = primordials;
const { append } = require("webidl");
const { inspectors } = require("inspectors");
const { MAX_TOTAL_CHARS, indent } = require("console/text");
const { isDOMException, messageOf, nameOf, stackOf } = require("domexception");

const MAX_DEPTH = 4;
const MAX_ITEMS = 100; // of an array, Map, Set or object
const MAX_SCANNED_INDICES = 1000; // of an array, when most of them are holes
const MAX_ARRAY_FOR_KEYS = 100_000; // longer arrays are not searched for properties beside their elements
const MAX_STRING_CHARS = 10_000;
const MAX_PROTOTYPES = 100; // of a prototype chain
const LINE_CHARS = 76;
const ENTRIES_ON_A_LINE = 6; // an array with more is laid out in filled lines
const LEVELS_ON_A_LINE = 3;

class Context {
  path = []; // the objects being formatted, outermost first
  circular = undefined; // SafeMap: object -> number, for those that contain themselves
  budget = MAX_TOTAL_CHARS;
  height = 0; // of the value that was formatted last: how many objects deep
  constructor(depth) {
    this.depth = depth;
  }
}
ObjectSetPrototypeOf(Context.prototype, null);

/** The text of `value`, for people. */
function inspect(value, depth = MAX_DEPTH) {
  try {
    const text = format(new Context(depth), value, 0);
    if (text.length <= MAX_TOTAL_CHARS) return text;
    return `${StringPrototypeSlice(text, 0, MAX_TOTAL_CHARS)}... ${text.length - MAX_TOTAL_CHARS} more characters`;
  } catch {
    return "<a value that cannot be shown>"; // the stack is used up, for one
  }
}

function format(context, value, level) {
  context.height = 0;
  let text;
  switch (typeof value) {
    case "string":
      text = quoteBounded(value);
      break;
    case "object":
    case "function":
      if (value !== null) return formatObject(context, value, level);
      text = "null";
      break;
    default:
      text = formatPrimitive(value);
  }
  context.budget -= text.length;
  return text;
}

function formatPrimitive(value) {
  switch (typeof value) {
    case "number": return ObjectIs(value, -0) ? "-0" : NumberPrototypeToString(value);
    case "bigint": return formatBigInt(value);
    case "symbol": return formatSymbol(value);
    default: return String(value);
  }
}
// The decimal form of a huge BigInt takes quadratic time.
const MAX_BIGINT = BigInt("0x1" + StringPrototypeRepeat("0", 1000));
function formatBigInt(value) {
  if (value > MAX_BIGINT || value < -MAX_BIGINT) return "<a large BigInt>";
  return `${BigIntPrototypeToString(value)}n`;
}
function formatSymbol(symbol) {
  const description = SymbolPrototypeGetDescription(symbol);
  return description === undefined ? "Symbol()" : `Symbol(${bounded(description)})`;
}
function bounded(string) {
  if (string.length <= MAX_STRING_CHARS) return string;
  return `${StringPrototypeSlice(string, 0, MAX_STRING_CHARS)}... ${string.length - MAX_STRING_CHARS} more characters`;
}
function quoteBounded(string) {
  if (string.length <= MAX_STRING_CHARS) return quote(string);
  const more = string.length - MAX_STRING_CHARS;
  return `${quote(StringPrototypeSlice(string, 0, MAX_STRING_CHARS))}... ${more} more character${more === 1 ? "" : "s"}`;
}

const escapes = { __proto__: null, 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 92: "\\\\" };
function quote(string) {
  let mark = "'";
  if (StringPrototypeIncludes(string, "'")) {
    if (!StringPrototypeIncludes(string, '"')) mark = '"';
    else if (!StringPrototypeIncludes(string, "`")) mark = "`";
  }
  const markCode = StringPrototypeCharCodeAt(mark, 0);
  let result = mark;
  let from = 0;
  for (let i = 0; i < string.length; i++) {
    const code = StringPrototypeCharCodeAt(string, i);
    let escaped;
    if (code === markCode) escaped = `\\${mark}`;
    else if (code < 32 || code === 92) escaped = escapes[code] ?? hexEscape("\\x", code, 2);
    else if (code >= 127 && code < 160) escaped = hexEscape("\\x", code, 2);
    else if (code >= 0xd800 && code < 0xe000) {
      const next = code < 0xdc00 && i + 1 < string.length ? StringPrototypeCharCodeAt(string, i + 1) : 0;
      if (next >= 0xdc00 && next < 0xe000) {
        i++;
        continue;
      }
      escaped = hexEscape("\\u", code, 4);
    } else continue;
    result += StringPrototypeSlice(string, from, i) + escaped;
    from = i + 1;
  }
  return result + StringPrototypeSlice(string, from) + mark;
}
function hexEscape(prefix, code, digits) {
  return prefix + StringPrototypePadStart(NumberPrototypeToString(code, 16), digits, "0");
}

// Descriptors inherit from Object.prototype, so what they lack is asked for with `hasOwn`.
function dataProperty(object, key) {
  const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
  return descriptor !== undefined && ObjectHasOwn(descriptor, "value") ? descriptor.value : undefined;
}
function dataInChain(object, key) {
  for (let i = 0; i < MAX_PROTOTYPES && object !== null && ops.proxy_details(object) === undefined; i++) {
    if (ObjectHasOwn(object, key)) return dataProperty(object, key);
    object = ObjectGetPrototypeOf(object);
  }
  return undefined;
}
function functionName(fn) {
  const name = dataProperty(fn, "name");
  return typeof name === "string" ? bounded(name) : "";
}

// Prototype -> { is, show }, for the objects of ECMA-262 and those of `inspectors` that were shown.
const kinds = new SafeMap();
function kind(proto, show, brand = undefined) {
  const is = brand === undefined ? () => true : (object) => {
    try {
      brand(object);
      return true;
    } catch {
      return false;
    }
  };
  MapPrototypeSet(kinds, proto, { __proto__: null, is, show });
}
/** What is shown of the objects of a prototype, or undefined. */
function kindOf(proto) {
  const known = MapPrototypeGet(kinds, proto);
  if (known !== undefined) return known;
  const platform = MapPrototypeGet(inspectors, proto);
  if (platform === undefined) return undefined;
  const { is, describe } = platform;
  const entry = {
    __proto__: null, is,
    show: (context, object, level, parts) => {
      addProperties(context, describe(object), level, parts, false);
      parts.accessors = false; // such as an Event's `isTrusted`
    },
  };
  MapPrototypeSet(kinds, proto, entry);
  return entry;
}

// What an object's text is made of.
class Parts {
  prefix = ""; // "Map(2)"
  open = "{";
  close = "}";
  base = ""; // instead of braces, when there is nothing between them: "[Function: f]"
  entries = [];
  accessors = true; // whether own accessors are shown
  keys = true; // whether own properties are to be added
  indexKeys = false; // whether array indices among them are elements that are shown already
  fill = false; // laid out in filled lines
  height = 0;
}
ObjectSetPrototypeOf(Parts.prototype, null);

function formatObject(context, object, level) {
  for (let details; (details = ops.proxy_details(object)) !== undefined;) {
    object = details[0];
    if (object === null || object === undefined) return "<revoked Proxy>";
  }
  for (let i = 0; i < context.path.length; i++) {
    if (context.path[i] === object) return circularMark(context, object);
  }
  // One walk up the prototypes finds the name of the class and the kind of object.
  let name, found;
  let proto = ObjectGetPrototypeOf(object);
  const nullPrototype = proto === null;
  for (let i = 0; i < MAX_PROTOTYPES && proto !== null && ops.proxy_details(proto) === undefined; i++) {
    if (name === undefined && ObjectHasOwn(proto, "constructor")) {
      const constructor = dataProperty(proto, "constructor");
      if (typeof constructor === "function" && ops.proxy_details(constructor) === undefined) name = functionName(constructor) || undefined;
    }
    if (found === undefined) {
      const entry = kindOf(proto);
      if (entry !== undefined && entry.is(object)) found = entry;
    }
    if (name !== undefined && (found !== undefined || proto === ObjectPrototype)) break;
    proto = ObjectGetPrototypeOf(proto);
  }
  const parts = new Parts();
  if (name === undefined) name = nullPrototype ? "[Object: null prototype]" : "Object";
  const isArray = ArrayIsArray(object);
  if (level > context.depth && typeof object !== "function" && !isErrorObject(object)) {
    const text = nullPrototype ? name : `[${isArray ? "Array" : name}]`;
    context.budget -= text.length;
    return text;
  }
  parts.prefix = name;
  append(context.path, object);
  if (isArray) showArray(context, object, level, parts, name);
  else if (typeof object === "function") showFunction(object, parts, name);
  else if (isErrorObject(object)) showError(context, object, level, parts);
  else if (found !== undefined) found.show(context, object, level, parts);
  else showPlain(context, object, level, parts, name, nullPrototype);
  if (parts.keys) addProperties(context, object, level, parts, parts.indexKeys);
  context.path.length--;
  let text = layOut(context, parts, level);
  const number = context.circular === undefined ? undefined : MapPrototypeGet(context.circular, object);
  if (number !== undefined) text = `<ref *${number}> ${text}`;
  return text;
}
function circularMark(context, object) {
  if (context.circular === undefined) context.circular = new SafeMap();
  let number = MapPrototypeGet(context.circular, object);
  if (number === undefined) MapPrototypeSet(context.circular, object, number = MapPrototypeGetSize(context.circular) + 1);
  context.height = 0;
  return `[Circular *${number}]`;
}

// An error by its brand, or (in engines without it) by its prototypes.
function isErrorObject(object) {
  return ErrorIsError !== undefined ? ErrorIsError(object) : stackOf(object) !== undefined && dataInChain(object, "name") !== undefined;
}

function showPlain(context, object, level, parts, name, nullPrototype) {
  const tag = dataInChain(object, SymbolToStringTag);
  if (typeof tag === "string" && tag !== "" && tag !== name) {
    parts.prefix = nullPrototype && tag === "Module" ? "[Module: null prototype]" : `${name} [${bounded(tag)}]`;
  } else if (name === "Object" && tag === undefined) {
    if (!ObjectHasOwn(object, SymbolToStringTag) && ObjectHasOwn(object, "callee") &&
        ObjectPrototypeToString(object) === "[object Arguments]") {
      showArray(context, object, level, parts, name);
      parts.prefix = "[Arguments]";
    } else {
      parts.prefix = "";
    }
  }
}

// Elements of an array: holes are counted, accessors are not called.
function showArray(context, array, level, parts, name) {
  const length = dataProperty(array, "length");
  if (typeof length !== "number") return;
  parts.prefix = name === "Array" ? "" : `${name}(${length})`;
  parts.open = "[";
  parts.close = "]";
  parts.indexKeys = true;
  parts.fill = true;
  if (length > MAX_ARRAY_FOR_KEYS) parts.keys = false;
  let i = 0;
  const scanned = MathMin(length, MAX_SCANNED_INDICES);
  while (i < scanned && parts.entries.length < MAX_ITEMS && context.budget > 0) {
    const descriptor = ReflectGetOwnPropertyDescriptor(array, i);
    if (descriptor === undefined) {
      const from = i;
      while (i < length && i < from + MAX_SCANNED_INDICES && !ObjectHasOwn(array, i)) i++;
      append(parts.entries, `<${i - from} empty item${i - from === 1 ? "" : "s"}>`);
    } else {
      append(parts.entries, formatDescriptor(context, descriptor, level, parts));
      i++;
    }
  }
  addMore(parts, length - i);
}
// How many elements an array, a typed array or a String object has; 0 for other objects.
function elementCount(object) {
  if (ArrayIsArray(object)) return dataProperty(object, "length");
  try {
    if (TypedArrayPrototypeGetSymbolToStringTag(object) !== undefined) return TypedArrayPrototypeGetLength(object);
    return StringPrototypeValueOf(object).length;
  } catch {
    return 0;
  }
}
/** The own keys of `object`; of a long list the first `max` indices, since all of them would be a string each. */
function ownKeys(object, max) {
  const count = elementCount(object);
  if (count <= MAX_ARRAY_FOR_KEYS) return ReflectOwnKeys(object);
  const keys = [];
  for (let i = 0; i < max; i++) {
    if (ObjectHasOwn(object, i)) append(keys, String(i));
  }
  return keys;
}
function addMore(parts, count) {
  if (count > 0) append(parts.entries, `... ${count} more item${count === 1 ? "" : "s"}`);
}

function showFunction(fn, parts, name) {
  const source = FunctionPrototypeToString(fn);
  const own = functionName(fn);
  if (StringPrototypeStartsWith(source, "class") && !StringPrototypeStartsWith(source, "class(")) {
    const parent = ObjectGetPrototypeOf(fn);
    const parentName = typeof parent === "function" && ops.proxy_details(parent) === undefined ? functionName(parent) : "";
    parts.base = `[class ${own || "(anonymous)"}${parentName === "" ? "" : ` extends ${parentName}`}]`;
  } else {
    parts.base = `[${name === "Object" ? "Function" : name}${own === "" ? " (anonymous)" : `: ${own}`}]`;
  }
  parts.prefix = parts.base;
}

function showError(context, error, level, parts) {
  let text = stackOf(error);
  if (text === undefined || text === "") {
    const domException = isDOMException(error);
    const name = domException ? nameOf(error) : dataInChain(error, "name");
    const message = domException ? messageOf(error) : dataInChain(error, "message");
    text = typeof name === "string" ? name : "Error";
    if (typeof message === "string" && message !== "") text += `: ${message}`;
    text = `[${text}]`;
  }
  text = bounded(text);
  context.budget -= text.length;
  parts.base = parts.prefix = text;
  if (level > context.depth) {
    parts.keys = false;
    return;
  }
  addHidden(context, error, "cause", level, parts);
  addHidden(context, error, "errors", level, parts);
}
// `cause` and `errors` matter, though they are not enumerable.
function addHidden(context, error, key, level, parts) {
  const descriptor = ReflectGetOwnPropertyDescriptor(error, key);
  if (descriptor === undefined || descriptor.enumerable) return;
  append(parts.entries, `[${key}]: ${formatDescriptor(context, descriptor, level, parts)}`);
}

function addProperties(context, object, level, parts, skipIndices) {
  const keys = ReflectOwnKeys(object);
  let shown = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (skipIndices && typeof key === "string" && isIndex(key)) continue;
    let descriptor;
    try {
      descriptor = ReflectGetOwnPropertyDescriptor(object, key);
    } catch {
      append(parts.entries, `${formatKey(key)}: <uninitialized>`); // an export of a module that has not run yet
      continue;
    }
    if (descriptor === undefined || !descriptor.enumerable) continue;
    if (!parts.accessors && !ObjectHasOwn(descriptor, "value")) continue;
    if (shown === MAX_ITEMS || context.budget <= 0) {
      addMore(parts, keys.length - i);
      return;
    }
    shown++;
    const name = formatKey(key);
    context.budget -= name.length;
    append(parts.entries, `${name}: ${formatDescriptor(context, descriptor, level, parts)}`);
  }
}
function isIndex(key) {
  if (key.length === 0 || key.length > 10) return false;
  for (let i = 0; i < key.length; i++) {
    const code = StringPrototypeCharCodeAt(key, i);
    if (code < 48 || code > 57) return false;
  }
  return key.length === 1 || StringPrototypeCharCodeAt(key, 0) !== 48;
}
function formatKey(key) {
  if (typeof key === "symbol") return `[${formatSymbol(key)}]`;
  for (let i = 0; i < key.length; i++) {
    const code = StringPrototypeCharCodeAt(key, i);
    const letter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95 || code === 36;
    if (!letter && (i === 0 || code < 48 || code > 57)) return quoteBounded(key);
  }
  return key === "" ? "''" : bounded(key);
}
function formatDescriptor(context, descriptor, level, parts) {
  if (ObjectHasOwn(descriptor, "value")) return formatInner(context, descriptor.value, level, parts);
  const { get, set } = descriptor;
  return get === undefined ? "[Setter]" : set === undefined ? "[Getter]" : "[Getter/Setter]";
}
function formatInner(context, value, level, parts) {
  if (context.budget <= 0) return "...";
  const text = format(context, value, level + 1);
  if (context.height >= parts.height) parts.height = context.height;
  return text;
}

// One line if it fits and is not too deep; else filled lines for an array's elements, or a line for each entry.
function layOut(context, parts, level) {
  const { entries, open, close, prefix } = parts;
  context.height = parts.height + 1;
  if (entries.length === 0) {
    if (parts.base !== "") return parts.base;
    return `${prefix === "" ? "" : `${prefix} `}${open}${close}`;
  }
  const start = `${prefix === "" ? "" : `${prefix} `}${open}`;
  let width = start.length + 2 * level;
  let single = parts.height < LEVELS_ON_A_LINE && !StringPrototypeIncludes(start, "\n");
  for (let i = 0; i < entries.length; i++) {
    width += entries[i].length + 2;
    if (single && (width > LINE_CHARS || StringPrototypeIncludes(entries[i], "\n"))) single = false;
  }
  if (single && !(parts.fill && entries.length > ENTRIES_ON_A_LINE && width > LINE_CHARS)) {
    return `${start} ${ArrayPrototypeJoin(entries, ", ")} ${close}`;
  }
  let text = start;
  let column = LINE_CHARS + 1;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i];
    const inline = parts.fill && entries.length > ENTRIES_ON_A_LINE && column + entry.length + 2 <= LINE_CHARS &&
      !StringPrototypeIncludes(entry, "\n");
    if (i > 0) text += ",";
    text += inline ? ` ${entry}` : `\n  ${indent(entry, "  ")}`;
    column = inline ? column + entry.length + 2 : StringPrototypeIncludes(entry, "\n") ? LINE_CHARS + 1 : entry.length + 2;
  }
  return `${text}\n${close}`;
}
/** For the kinds of objects, in `inspect_kinds`. */
exports.internals = {
  __proto__: null, addMore, append, bounded, formatInner, formatPrimitive, hexEscape, kind, quoteBounded, MAX_ARRAY_FOR_KEYS,
  MAX_ITEMS,
};
exports.inspect = inspect;
exports.formatPrimitive = formatPrimitive;
exports.dataProperty = dataProperty;
exports.ownKeys = ownKeys;
