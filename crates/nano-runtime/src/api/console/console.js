// The console namespace (https://console.spec.whatwg.org). Where the standard leaves the form of the output open, it is
// what users of other servers know. `ops.console_write(level, text)` gets one message at a time.

const {
  ArrayIsArray, ArrayPrototypeJoin, ErrorCaptureStackTrace, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet,
  MathMax, MathMin, NumberPrototypeToFixed, ObjectCreate, ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectHasOwn, ObjectPrototype,
  ParseFloat, ParseInt, ReflectOwnKeys, SafeMap, StringPrototypeCharCodeAt, StringPrototypeIndexOf, StringPrototypePadEnd, StringPrototypeRepeat,
  StringPrototypeSlice, SymbolToStringTag,
} = primordials;
const webidl = require("webidl");
const { MAX_TOTAL_CHARS, bounded, indent } = require("console/text");
// Strings are most of what is logged, and need nothing of it.
const inspecting = lazy("inspect_kinds");
const { stackOf } = require("domexception");
const { append, converters } = webidl;

const MAX_GROUP_INDENT = 32; // levels of groups beyond this are not indented further
const MAX_TABLE_ROWS = 1000;
const MAX_TABLE_COLUMNS = 50;
const MAX_CELL_CHARS = 1000;
const MAX_MESSAGE_PARTS = 1000; // arguments of one call

let groupDepth = 0;
let counts; // label -> count, made when first needed
let timersByLabel; // label -> start

function write(level, text) {
  if (groupDepth > 0) {
    const by = StringPrototypeRepeat("  ", MathMin(groupDepth, MAX_GROUP_INDENT));
    text = by + indent(text, by);
  }
  ops.console_write(level, bounded(text));
}

const show = (value) => (typeof value === "string" ? bounded(value) : inspecting.load().inspect(value));

// 2.2.1 Formatter. Conversions that would run the app's code (`toString` of an object) are not made.
function formatArguments(args) {
  const length = MathMin(args.length, MAX_MESSAGE_PARTS);
  if (length === 0) return "";
  const first = typeof args[0] === "string" ? bounded(args[0]) : args[0];
  let text;
  let next = 1;
  if (typeof first === "string" && length > 1 && StringPrototypeIndexOf(first, "%") >= 0) {
    text = "";
    let from = 0;
    for (let i = 0; i + 1 < first.length && text.length < MAX_TOTAL_CHARS; i++) {
      if (StringPrototypeCharCodeAt(first, i) !== 37) continue;
      const code = StringPrototypeCharCodeAt(first, i + 1);
      let insert;
      if (code === 37) insert = "%";
      else if (next < length && isSpecifier(code)) insert = convert(code, args[next++]);
      else continue;
      text += StringPrototypeSlice(first, from, i) + insert;
      i++;
      from = i + 1;
    }
    text += StringPrototypeSlice(first, from);
  } else {
    text = show(first);
  }
  for (; next < length && text.length < MAX_TOTAL_CHARS; next++) text += ` ${show(args[next])}`;
  return text;
}
const STRING = 115, DECIMAL = 100, INTEGER = 105, FLOAT = 102, OBJECT = 111, CAPITAL_OBJECT = 79, STYLE = 99;
function isSpecifier(code) {
  return code === STRING || code === DECIMAL || code === INTEGER || code === FLOAT || code === OBJECT ||
    code === CAPITAL_OBJECT || code === STYLE;
}
function convert(code, value) {
  if (code === STYLE) return "";
  const { formatPrimitive, inspect } = inspecting.load();
  if (code === OBJECT || code === CAPITAL_OBJECT) return inspect(value);
  const isObject = webidl.isObject(value);
  if (code === STRING) return isObject ? inspect(value, 0) : typeof value === "string" ? bounded(value) : formatPrimitive(value);
  if (isObject || typeof value === "symbol") return "NaN";
  if (typeof value === "bigint") return formatPrimitive(value);
  return formatPrimitive(code === FLOAT ? ParseFloat(value) : ParseInt(value, 10));
}

const toLabel = (label, name) =>
  (label === undefined ? "default" : converters.DOMString(label, `Failed to execute '${name}' on 'console'`, "Argument 1"));

// 2.4.2 to 2.4.4: how long a timer has run.
function elapsed(label, name) {
  const start = timersByLabel === undefined ? undefined : MapPrototypeGet(timersByLabel, label);
  if (start === undefined) {
    write("warn", `Timer '${label}' does not exist (console.${name})`);
    return undefined;
  }
  return `${label}: ${formatMs(ops.performance_now() - start)}`;
}
function formatMs(ms) {
  return ms < 1000 ? `${NumberPrototypeToFixed(ms, 3)}ms` : `${NumberPrototypeToFixed(ms / 1000, 3)}s`;
}

// The methods, in the standard's order. All have length 0, and none looks at its `this`.
const members = {
  // 2.1 Logging functions
  assert(condition = false, ...data) {
    if (condition) return;
    if (data.length === 0) write("error", "Assertion failed");
    else if (typeof data[0] === "string") {
      data[0] = `Assertion failed: ${data[0]}`;
      write("error", formatArguments(data));
    } else write("error", `Assertion failed ${formatArguments(data)}`);
  },
  clear() {
    groupDepth = 0; // there is no screen to clear
  },
  debug(...data) {
    write("debug", formatArguments(data));
  },
  error(...data) {
    write("error", formatArguments(data));
  },
  info(...data) {
    write("info", formatArguments(data));
  },
  log(...data) {
    write("info", formatArguments(data));
  },
  table(tabularData = undefined, properties = undefined) {
    if (properties !== undefined) properties = tableColumns(properties, "Failed to execute 'table' on 'console'", "Argument 2");
    write("info", webidl.isObject(tabularData) ? table(tabularData, properties) : show(tabularData));
  },
  trace(...data) {
    const holder = {};
    ErrorCaptureStackTrace(holder, members.trace);
    const stack = stackOf(holder) ?? "";
    const firstFrame = StringPrototypeIndexOf(stack, "\n");
    const text = formatArguments(data);
    write("info", `Trace${text === "" ? "" : `: ${text}`}${firstFrame < 0 ? "" : StringPrototypeSlice(stack, firstFrame)}`);
  },
  warn(...data) {
    write("warn", formatArguments(data));
  },
  dir(item = undefined, options = undefined) {
    if (options !== undefined && options !== null) converters.object(options, "Failed to execute 'dir' on 'console'", "Argument 2");
    write("info", inspecting.load().inspect(item));
  },
  dirxml(...data) {
    write("info", formatArguments(data));
  },

  // 2.2 Counting functions
  count(label = undefined) {
    label = toLabel(label, "count");
    if (counts === undefined) counts = new SafeMap();
    const count = (MapPrototypeGet(counts, label) ?? 0) + 1;
    MapPrototypeSet(counts, label, count);
    write("info", `${label}: ${count}`);
  },
  countReset(label = undefined) {
    label = toLabel(label, "countReset");
    if (counts === undefined || !MapPrototypeDelete(counts, label)) write("warn", `Count for '${label}' does not exist`);
  },

  // 2.3 Grouping functions
  group(...data) {
    if (data.length > 0) write("info", formatArguments(data));
    groupDepth++;
  },
  groupCollapsed(...data) {
    if (data.length > 0) write("info", formatArguments(data));
    groupDepth++;
  },
  groupEnd() {
    if (groupDepth > 0) groupDepth--;
  },

  // 2.4 Timing functions
  time(label = undefined) {
    label = toLabel(label, "time");
    if (timersByLabel === undefined) timersByLabel = new SafeMap();
    if (MapPrototypeGet(timersByLabel, label) !== undefined) {
      write("warn", `Timer '${label}' already exists`);
      return;
    }
    MapPrototypeSet(timersByLabel, label, ops.performance_now());
  },
  timeLog(label = undefined, ...data) {
    label = toLabel(label, "timeLog");
    const text = elapsed(label, "timeLog");
    if (text === undefined) return;
    write("info", data.length === 0 ? text : `${text} ${formatArguments(data)}`);
  },
  timeEnd(label = undefined) {
    label = toLabel(label, "timeEnd");
    const text = elapsed(label, "timeEnd");
    if (text === undefined) return;
    MapPrototypeDelete(timersByLabel, label);
    write("info", text);
  },
};

const tableColumns = webidl.createSequenceConverter(converters.DOMString);

const cut = (text) => (text.length <= MAX_CELL_CHARS ? text : `${StringPrototypeSlice(text, 0, MAX_CELL_CHARS)}...`);

// 2.1.7: a row for each enumerable property, a column for each property of those.
function table(data, properties) {
  const { dataProperty, inspect, ownKeys } = inspecting.load();
  if (ops.proxy_details(data) !== undefined) return inspect(data);
  const columns = [];
  const columnOf = new SafeMap(); // property -> its place in `columns`
  const addColumn = (name) => {
    if (columns.length >= MAX_TABLE_COLUMNS || MapPrototypeGet(columnOf, name) !== undefined) return;
    MapPrototypeSet(columnOf, name, columns.length);
    append(columns, name);
  };
  if (properties !== undefined) for (let i = 0; i < properties.length; i++) addColumn(properties[i]);
  const rows = []; // [index, own value, cells by column]
  let hasValues = false;
  let budget = MAX_TOTAL_CHARS; // for the cells, before they are cut
  const cell = (value) => {
    const text = inspect(value, 0);
    budget -= text.length;
    return cut(text);
  };
  const keys = ownKeys(data, MAX_TABLE_ROWS);
  for (let i = 0; i < keys.length && rows.length < MAX_TABLE_ROWS && budget > 0; i++) {
    const key = keys[i];
    if (typeof key !== "string" || (key === "length" && ArrayIsArray(data))) continue;
    const descriptor = ObjectGetOwnPropertyDescriptor(data, key);
    if (descriptor === undefined || !descriptor.enumerable) continue;
    const row = dataProperty(data, key);
    const cells = { __proto__: null };
    let value = "";
    if (webidl.isObject(row) && ops.proxy_details(row) === undefined) {
      const rowKeys = ownKeys(row, MAX_TABLE_COLUMNS);
      for (let j = 0; j < rowKeys.length && j < MAX_TABLE_COLUMNS; j++) {
        const rowKey = rowKeys[j];
        if (typeof rowKey !== "string") continue;
        const inner = ObjectGetOwnPropertyDescriptor(row, rowKey);
        if (inner === undefined || !inner.enumerable) continue;
        if (properties === undefined) addColumn(rowKey);
        const at = MapPrototypeGet(columnOf, rowKey);
        if (at !== undefined) cells[at] = ObjectHasOwn(inner, "value") ? cell(inner.value) : "[Getter]";
      }
    } else {
      value = cell(row);
      hasValues = true;
    }
    append(rows, { __proto__: null, index: cut(key), value, cells });
  }
  return drawTable(rows, columns, hasValues);
}
function drawTable(rows, columns, hasValues) {
  const grid = []; // lines of cells, the heads first
  const heads = ["(index)"];
  for (let i = 0; i < columns.length; i++) append(heads, cut(columns[i]));
  if (hasValues) append(heads, "Values");
  append(grid, heads);
  for (let i = 0; i < rows.length; i++) {
    const line = [rows[i].index];
    for (let j = 0; j < columns.length; j++) append(line, rows[i].cells[j] ?? "");
    if (hasValues) append(line, rows[i].value);
    append(grid, line);
  }
  const widths = [];
  for (let j = 0; j < heads.length; j++) {
    let width = 0;
    for (let i = 0; i < grid.length; i++) width = MathMax(width, grid[i][j].length);
    append(widths, width + 2);
  }
  const rule = (left, middle, right) => {
    const parts = [];
    for (let j = 0; j < widths.length; j++) append(parts, StringPrototypeRepeat("\u2500", widths[j]));
    return left + ArrayPrototypeJoin(parts, middle) + right;
  };
  let text = rule("\u250c", "\u252c", "\u2510");
  for (let i = 0; i < grid.length && text.length < MAX_TOTAL_CHARS; i++) {
    const parts = [];
    for (let j = 0; j < widths.length; j++) append(parts, StringPrototypePadEnd(` ${grid[i][j]}`, widths[j]));
    text += `\n\u2502${ArrayPrototypeJoin(parts, "\u2502")}\u2502`;
    if (i === 0) text += `\n${rule("\u251c", "\u253c", "\u2524")}`;
  }
  return `${text}\n${rule("\u2514", "\u2534", "\u2518")}`;
}

// A namespace object (Web IDL, 3.13): its prototype is an empty object.
const console = ObjectCreate(ObjectCreate(ObjectPrototype));
const names = ReflectOwnKeys(members);
for (let i = 0; i < names.length; i++) {
  ObjectDefineProperty(console, names[i], {
    __proto__: null, value: members[names[i]], writable: true, enumerable: true, configurable: true,
  });
}
ObjectDefineProperty(console, SymbolToStringTag, { __proto__: null, value: "console", configurable: true });

exports.console = console;
