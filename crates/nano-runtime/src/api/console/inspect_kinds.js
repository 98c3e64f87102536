// How the log shows the objects of ECMA-262. Each is known by its prototype, then by its brand: a method of its class that
// throws for other objects, and reads nothing that an app can have changed.

const {
  ArrayBuffer, ArrayBufferPrototypeGetByteLength, ArrayBufferPrototypeGetDetached, BigInt, BigIntPrototypeValueOf,
  Boolean, BooleanPrototypeValueOf, DataView, DataViewPrototypeGetBuffer, DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset, Date, DatePrototypeGetTime, DatePrototypeToISOString, Map, MapIteratorPrototypeNext,
  MapPrototypeEntries, MapPrototypeGetSize, MathMin, Number, NumberIsNaN, NumberPrototypeValueOf, Promise, RegExp,
  RegExpPrototypeGetDotAll, RegExpPrototypeGetGlobal, RegExpPrototypeGetHasIndices, RegExpPrototypeGetIgnoreCase,
  RegExpPrototypeGetMultiline, RegExpPrototypeGetSource, RegExpPrototypeGetSticky, RegExpPrototypeGetUnicode,
  RegExpPrototypeGetUnicodeSets, Set, SetIteratorPrototypeNext, SetPrototypeGetSize, SetPrototypeValues, String,
  StringPrototypeValueOf, Symbol, SymbolPrototypeValueOf, TypedArray, TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag, Uint8Array, WeakMap, WeakMapPrototypeHas, WeakRef, WeakRefPrototypeDeref,
  WeakSet, WeakSetPrototypeHas,
} = primordials;
const {
  addMore, append, bounded, formatInner, formatPrimitive, hexEscape, kind, quoteBounded, MAX_ARRAY_FOR_KEYS, MAX_ITEMS,
} = require("inspect").internals;
const { dataProperty, inspect, ownKeys } = require("inspect");

const MAX_BUFFER_BYTES = 50;

const boxed = (valueOf, name, quoted) => (context, object, level, parts) => {
  const value = valueOf(object);
  parts.base = parts.prefix = `[${name}: ${quoted ? quoteBounded(value) : formatPrimitive(value)}]`;
  if (!quoted) return;
  parts.indexKeys = true; // the characters of a String are own properties too
  parts.keys = value.length <= MAX_ARRAY_FOR_KEYS;
};
kind(Number.prototype, boxed(NumberPrototypeValueOf, "Number", false), NumberPrototypeValueOf);
kind(String.prototype, boxed(StringPrototypeValueOf, "String", true), StringPrototypeValueOf);
kind(Boolean.prototype, boxed(BooleanPrototypeValueOf, "Boolean", false), BooleanPrototypeValueOf);
kind(BigInt.prototype, boxed(BigIntPrototypeValueOf, "BigInt", false), BigIntPrototypeValueOf);
kind(Symbol.prototype, boxed(SymbolPrototypeValueOf, "Symbol", false), SymbolPrototypeValueOf);

kind(Date.prototype, (context, date, level, parts) => {
  parts.base = parts.prefix = NumberIsNaN(DatePrototypeGetTime(date)) ? "Invalid Date" : DatePrototypeToISOString(date);
}, DatePrototypeGetTime);

kind(RegExp.prototype, (context, regexp, level, parts) => {
  // `RegExp.prototype.flags` reads properties that an app may have put there.
  const flags = (RegExpPrototypeGetHasIndices(regexp) ? "d" : "") + (RegExpPrototypeGetGlobal(regexp) ? "g" : "") +
    (RegExpPrototypeGetIgnoreCase(regexp) ? "i" : "") + (RegExpPrototypeGetMultiline(regexp) ? "m" : "") +
    (RegExpPrototypeGetDotAll(regexp) ? "s" : "") + (RegExpPrototypeGetUnicode(regexp) ? "u" : "") +
    (RegExpPrototypeGetUnicodeSets(regexp) ? "v" : "") + (RegExpPrototypeGetSticky(regexp) ? "y" : "");
  parts.base = parts.prefix = `/${bounded(RegExpPrototypeGetSource(regexp))}/${flags}`;
}, (object) => {
  if (RegExpPrototypeGetGlobal(object) === undefined) throw null; // RegExp.prototype itself
});

function addIterated(context, level, parts, iterator, next, size, toEntry) {
  for (let i = 0; i < size; i++) {
    if (i === MAX_ITEMS || context.budget <= 0) {
      addMore(parts, size - i);
      return;
    }
    append(parts.entries, toEntry(next(iterator).value));
  }
}
kind(Map.prototype, (context, map, level, parts) => {
  const size = MapPrototypeGetSize(map);
  parts.prefix += `(${size})`;
  addIterated(context, level, parts, MapPrototypeEntries(map), MapIteratorPrototypeNext, size, (pair) =>
    `${formatInner(context, pair[0], level, parts)} => ${formatInner(context, pair[1], level, parts)}`);
}, MapPrototypeGetSize);
kind(Set.prototype, (context, set, level, parts) => {
  const size = SetPrototypeGetSize(set);
  parts.prefix += `(${size})`;
  addIterated(context, level, parts, SetPrototypeValues(set), SetIteratorPrototypeNext, size, (value) =>
    formatInner(context, value, level, parts));
}, SetPrototypeGetSize);

const unknownItems = (context, object, level, parts) => append(parts.entries, "<items unknown>");
kind(WeakMap.prototype, unknownItems, (object) => WeakMapPrototypeHas(object, object));
kind(WeakSet.prototype, unknownItems, (object) => WeakSetPrototypeHas(object, object));
kind(WeakRef.prototype, (context, ref, level, parts) => {
  append(parts.entries, formatInner(context, WeakRefPrototypeDeref(ref), level, parts));
}, WeakRefPrototypeDeref);

kind(Promise.prototype, (context, promise, level, parts) => {
  const state = ops.promise_state(promise);
  if (state[0] === 0) append(parts.entries, "<pending>");
  else append(parts.entries, (state[0] === 2 ? "<rejected> " : "") + formatInner(context, state[1], level, parts));
}, (object) => {
  if (ops.promise_state(object) === undefined) throw null;
});

kind(TypedArray.prototype, (context, array, level, parts) => {
  const length = TypedArrayPrototypeGetLength(array);
  parts.prefix += `(${length})`;
  parts.open = "[";
  parts.close = "]";
  parts.fill = true;
  parts.indexKeys = true;
  parts.keys = length <= MAX_ARRAY_FOR_KEYS;
  const shown = MathMin(length, MAX_ITEMS);
  for (let i = 0; i < shown; i++) append(parts.entries, formatInner(context, array[i], level, parts));
  addMore(parts, length - shown);
}, (object) => {
  if (TypedArrayPrototypeGetSymbolToStringTag(object) === undefined) throw null;
});
kind(DataView.prototype, (context, view, level, parts) => {
  append(parts.entries, `byteLength: ${DataViewPrototypeGetByteLength(view)}`);
  append(parts.entries, `byteOffset: ${DataViewPrototypeGetByteOffset(view)}`);
  append(parts.entries, `buffer: ${formatInner(context, DataViewPrototypeGetBuffer(view), level, parts)}`);
}, DataViewPrototypeGetByteLength);
kind(ArrayBuffer.prototype, (context, buffer, level, parts) => {
  const length = ArrayBufferPrototypeGetByteLength(buffer);
  if (ArrayBufferPrototypeGetDetached(buffer)) {
    append(parts.entries, "(detached)");
  } else {
    const shown = MathMin(length, MAX_BUFFER_BYTES);
    const bytes = new Uint8Array(buffer, 0, shown);
    let text = "";
    for (let i = 0; i < shown; i++) text += `${i === 0 ? "" : " "}${hexEscape("", bytes[i], 2)}`;
    if (length > shown) text += ` ... ${length - shown} more byte${length - shown === 1 ? "" : "s"}`;
    append(parts.entries, `[Uint8Contents]: <${text}>`);
  }
  append(parts.entries, `byteLength: ${length}`);
}, ArrayBufferPrototypeGetByteLength);

/** `inspect`, now that it knows them. */
exports.inspect = inspect;
exports.dataProperty = dataProperty;
exports.formatPrimitive = formatPrimitive;
exports.ownKeys = ownKeys;
