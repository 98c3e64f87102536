// Web IDL (https://webidl.spec.whatwg.org): conversions from JavaScript values, interface objects, iterables.
//
// A converter is `(V, prefix, context, opts) => value`; `prefix` ("Failed to execute 'x' on 'Y'") and `context`
// ("Argument 1") name the place in the TypeError's message.

const {
  ArrayBufferIsView, ArrayBufferPrototypeGetByteLength, ArrayBufferPrototypeGetResizable, BigInt,
  BigIntAsIntN, BigIntAsUintN, DataViewPrototypeGetBuffer, FunctionPrototypeCall, IteratorPrototype,
  MathFloor, MathMax, MathMin, MathPow, MathTrunc, Number, NumberIsFinite, NumberIsNaN,
  NumberMAX_SAFE_INTEGER, ObjectCreate, ObjectDefineProperties, ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptors, ObjectSetPrototypeOf, PromisePrototypeThen, PromiseResolve, ReflectApply,
  ReflectGetOwnPropertyDescriptor, ReflectOwnKeys, SafeArray, SafeSet, SetPrototypeAdd, SetPrototypeHas, String, StringPrototypeCharCodeAt,
  StringPrototypeToWellFormed, SymbolIterator, SymbolToStringTag, TypeError, TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetSymbolToStringTag,
} = primordials;

function makeException(prefix, context, message) {
  return new TypeError(`${prefix ? prefix + ": " : ""}${context ? context : "Value"} ${message}`);
}

/** Whether `V` is an Object in the sense of ECMA-262. */
function isObject(V) {
  return (typeof V === "object" && V !== null) || typeof V === "function";
}

// 3.3 integer conversions.
function evenRound(x) {
  const floor = MathFloor(x);
  const fraction = x - floor;
  let result = fraction < 0.5 ? floor : fraction > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1;
  return result === 0 ? 0 : result; // no -0
}

function createIntegerConversion(bitLength, { signed }) {
  let lower, upper;
  if (bitLength === 64) {
    upper = NumberMAX_SAFE_INTEGER;
    lower = signed ? -NumberMAX_SAFE_INTEGER : 0;
  } else if (signed) {
    lower = -MathPow(2, bitLength - 1);
    upper = MathPow(2, bitLength - 1) - 1;
  } else {
    lower = 0;
    upper = MathPow(2, bitLength) - 1;
  }
  const modulo = MathPow(2, bitLength);
  const half = MathPow(2, bitLength - 1);

  return (V, prefix, context, opts) => {
    let x = +V; // ToNumber; throws for symbols and BigInts
    if (x === 0) return 0;
    if (opts !== undefined && opts.enforceRange) {
      if (!NumberIsFinite(x)) throw makeException(prefix, context, "is not a finite number");
      x = MathTrunc(x);
      if (x < lower || x > upper) {
        throw makeException(prefix, context, `is outside the accepted range of ${lower} to ${upper}, inclusive`);
      }
      return x === 0 ? 0 : x;
    }
    if (opts !== undefined && opts.clamp) {
      if (NumberIsNaN(x)) return 0;
      return evenRound(MathMin(MathMax(x, lower), upper));
    }
    if (!NumberIsFinite(x)) return 0;
    x = MathTrunc(x);
    if (x >= lower && x <= upper) return x === 0 ? 0 : x;
    if (bitLength === 64) {
      const big = BigInt(x);
      return Number(signed ? BigIntAsIntN(64, big) : BigIntAsUintN(64, big));
    }
    x %= modulo;
    if (x < 0) x += modulo;
    if (signed && x >= half) x -= modulo;
    return x === 0 ? 0 : x;
  };
}

const converters = ObjectCreate(null);
converters.any = (V) => V;
converters.undefined = () => undefined;
converters.boolean = (V) => !!V;
converters.byte = createIntegerConversion(8, { signed: true });
converters.octet = createIntegerConversion(8, { signed: false });
converters.short = createIntegerConversion(16, { signed: true });
converters["unsigned short"] = createIntegerConversion(16, { signed: false });
converters.long = createIntegerConversion(32, { signed: true });
converters["unsigned long"] = createIntegerConversion(32, { signed: false });
converters["long long"] = createIntegerConversion(64, { signed: true });
converters["unsigned long long"] = createIntegerConversion(64, { signed: false });
converters["unrestricted double"] = (V) => +V;
converters.double = (V, prefix, context) => {
  const x = +V;
  if (!NumberIsFinite(x)) throw makeException(prefix, context, "is not a finite number");
  return x;
};

converters.DOMString = (V, prefix, context, opts) => {
  if (typeof V === "string") return V;
  if (V === null && opts !== undefined && opts.treatNullAsEmptyString) return "";
  if (typeof V === "symbol") throw makeException(prefix, context, "is a symbol, which cannot be converted to a string");
  return String(V);
};
converters.ByteString = (V, prefix, context, opts) => {
  const x = converters.DOMString(V, prefix, context, opts);
  for (let i = 0; i < x.length; i++) {
    if (StringPrototypeCharCodeAt(x, i) > 255) {
      throw makeException(prefix, context, "is not a valid ByteString: it has a character above U+00FF");
    }
  }
  return x;
};
converters.USVString = (V, prefix, context, opts) =>
  StringPrototypeToWellFormed(converters.DOMString(V, prefix, context, opts));

converters.object = (V, prefix, context) => {
  if (!isObject(V)) throw makeException(prefix, context, "is not an object");
  return V;
};
converters.Function = (V, prefix, context) => {
  if (typeof V !== "function") throw makeException(prefix, context, "is not a function");
  return V;
};

// Buffer sources. Shared buffers, which a WebAssembly memory may have, need [AllowShared], resizable ones
// [AllowResizable].
function isArrayBuffer(V) {
  try {
    ArrayBufferPrototypeGetByteLength(V);
    return true;
  } catch {
    return false;
  }
}
function rejectResizable(buffer, prefix, context, opts) {
  if (!isArrayBuffer(buffer)) {
    if (opts !== undefined && opts.allowShared) return;
    throw makeException(prefix, context, "is backed by a SharedArrayBuffer, which is not allowed here");
  }
  if ((opts === undefined || !opts.allowResizable) && ArrayBufferPrototypeGetResizable(buffer)) {
    throw makeException(prefix, context, "is backed by a resizable ArrayBuffer, which is not allowed here");
  }
}
/** The buffer under a view of any kind. */
function viewBuffer(view) {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined
    ? DataViewPrototypeGetBuffer(view)
    : TypedArrayPrototypeGetBuffer(view);
}
converters.ArrayBuffer = (V, prefix, context, opts) => {
  if (!isObject(V) || !isArrayBuffer(V)) throw makeException(prefix, context, "is not an ArrayBuffer");
  rejectResizable(V, prefix, context, opts);
  return V;
};
converters.ArrayBufferView = (V, prefix, context, opts) => {
  if (!ArrayBufferIsView(V)) throw makeException(prefix, context, "is not an ArrayBufferView");
  rejectResizable(viewBuffer(V), prefix, context, opts);
  return V;
};
converters.BufferSource = (V, prefix, context, opts) => {
  if (ArrayBufferIsView(V)) {
    rejectResizable(viewBuffer(V), prefix, context, opts);
    return V;
  }
  if (!isObject(V) || !isArrayBuffer(V)) {
    throw makeException(prefix, context, "is not an ArrayBuffer or a view on one");
  }
  rejectResizable(V, prefix, context, opts);
  return V;
};
converters.Uint8Array = (V, prefix, context, opts) => {
  if (!ArrayBufferIsView(V) || TypedArrayPrototypeGetSymbolToStringTag(V) !== "Uint8Array") {
    throw makeException(prefix, context, "is not a Uint8Array");
  }
  rejectResizable(TypedArrayPrototypeGetBuffer(V), prefix, context, opts);
  return V;
};

/** `T?` */
function createNullableConverter(converter) {
  return (V, prefix, context, opts) =>
    V === null || V === undefined ? null : converter(V, prefix, context, opts);
}

/** Adds to an array that an app may get, past any setter on Array.prototype. Lists that stay here are SafeArrays. */
function append(array, value) {
  ObjectDefineProperty(array, array.length, {
    __proto__: null, value, writable: true, enumerable: true, configurable: true,
  });
}

/** Steps an iterator whose `@@iterator` method is already known (3.2.21.1). */
function convertIterable(V, method, converter, prefix, context, opts) {
  const iterator = ReflectApply(method, V, []);
  if (!isObject(iterator)) throw makeException(prefix, context, "has an iterator that is not an object");
  const next = iterator.next;
  const array = [];
  while (true) {
    const result = ReflectApply(next, iterator, []);
    if (!isObject(result)) throw makeException(prefix, context, "has an iterator whose result is not an object");
    if (result.done) return array;
    append(array, converter(result.value, prefix, `${context}, index ${array.length}`, opts));
  }
}

/** `sequence<T>` */
function createSequenceConverter(converter) {
  return (V, prefix, context, opts) => {
    if (!isObject(V)) throw makeException(prefix, context, "is not iterable");
    const method = V[SymbolIterator];
    if (typeof method !== "function") throw makeException(prefix, context, "is not iterable");
    return convertIterable(V, method, converter, prefix, context, opts);
  };
}

/** `record<K, V>`, as a flat list [key, value, key, value, ...]; later values replace those of an equal key. */
function createRecordConverter(keyConverter, valueConverter) {
  return (V, prefix, context, opts) => {
    if (!isObject(V)) throw makeException(prefix, context, "is not an object");
    const flat = new SafeArray();
    const keys = ReflectOwnKeys(V);
    for (let i = 0; i < keys.length; i++) {
      const descriptor = ReflectGetOwnPropertyDescriptor(V, keys[i]);
      if (descriptor === undefined || !descriptor.enumerable) continue;
      const key = keyConverter(keys[i], prefix, `${context}'s key`, opts);
      const value = valueConverter(V[keys[i]], prefix, `${context}'s value of "${key}"`, opts);
      let at = flat.length;
      for (let j = 0; j < flat.length; j += 2) if (flat[j] === key) at = j;
      flat[at] = key;
      flat[at + 1] = value;
    }
    return flat;
  };
}

/** `Promise<T>` */
converters["Promise<any>"] = (V) => PromiseResolve(V);

/** An enumeration: the value must be one of `values` (a list of strings). */
function createEnumConverter(name, values) {
  return (V, prefix, context) => {
    const S = converters.DOMString(V, prefix, context);
    for (let i = 0; i < values.length; i++) if (values[i] === S) return S;
    throw makeException(prefix, context, `('${S}') is not a value of the enumeration ${name}`);
  };
}

/**
 * A dictionary. `members` is a list of `{ key, converter, required?, defaultValue? }`, base dictionaries first, each
 * sorted by key (3.2.17). `defaultValue` is a function. The result has no prototype, and absent members are absent.
 */
function createDictionaryConverter(name, members) {
  // An app's `Object.prototype.required` must not reach the members.
  for (let i = 0; i < members.length; i++) ObjectSetPrototypeOf(members[i], null);
  return (V, prefix, context, opts) => {
    if (V !== undefined && V !== null && !isObject(V)) {
      throw makeException(prefix, context, `cannot be converted to a dictionary (${name})`);
    }
    const result = ObjectCreate(null);
    for (let i = 0; i < members.length; i++) {
      const { key, converter, required, defaultValue } = members[i];
      const value = V === undefined || V === null ? undefined : V[key];
      if (value !== undefined) {
        result[key] = converter(value, prefix, `'${key}' of '${name}' (${context})`, opts);
      } else if (defaultValue !== undefined) {
        result[key] = defaultValue();
      } else if (required) {
        throw makeException(prefix, context, `cannot be converted to '${name}' because '${key}' is required in '${name}'`);
      }
    }
    return result;
  };
}

/** An interface type: `is` is the brand check. */
function createInterfaceConverter(name, is) {
  return (V, prefix, context) => {
    if (!isObject(V) || !is(V)) throw makeException(prefix, context, `is not of type ${name}`);
    return V;
  };
}

/** A callback function type; the result calls it with `thisArg` undefined and does not convert what it returns. */
function createCallbackConverter() {
  return (V, prefix, context) => {
    if (typeof V !== "function") throw makeException(prefix, context, "is not a function");
    return V;
  };
}

function requiredArguments(length, required, prefix) {
  if (length < required) {
    throw new TypeError(
      `${prefix ? prefix + ": " : ""}${required} argument${required === 1 ? "" : "s"} required, but only ${length} present`,
    );
  }
}

/** The TypeError of a failed brand check. */
function illegalInvocation() {
  return new TypeError("Illegal invocation");
}
/** The TypeError of an interface without a constructor. */
function illegalConstructor() {
  return new TypeError("Illegal constructor");
}

/** The private argument with which built-ins make objects whose constructor is illegal or converts arguments. */
const internal = { __proto__: null, internal: true };

// The prototypes of all interfaces, by which structuredClone knows a platform object.
const interfacePrototypes = new SafeSet();
const isInterfacePrototype = (object) => SetPrototypeHas(interfacePrototypes, object);

/** Gives an interface the property attributes of 3.7: members enumerable, prototype fixed, @@toStringTag. */
function configureInterface(Interface, name = Interface.name) {
  SetPrototypeAdd(interfacePrototypes, Interface.prototype);
  configureMembers(Interface);
  ObjectDefineProperty(Interface, "prototype", { __proto__: null, writable: false });
  configureMembers(Interface.prototype);
  ObjectDefineProperty(Interface.prototype, SymbolToStringTag, {
    __proto__: null, value: name, writable: false, enumerable: false, configurable: true,
  });
}
function configureMembers(object) {
  const descriptors = ObjectGetOwnPropertyDescriptors(object);
  const keys = ReflectOwnKeys(descriptors);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (key === "constructor" || typeof key === "symbol") continue;
    // The own properties of a function; on a prototype these names are attributes (`DOMException.prototype.name`).
    if (typeof object === "function" && (key === "prototype" || key === "name" || key === "length")) continue;
    const descriptor = descriptors[key];
    if (!descriptor.configurable) continue;
    ObjectDefineProperty(object, key, { __proto__: null, enumerable: true });
  }
}

/** Defines constants on the interface object and its prototype (3.7.5). `constants` is `{ NAME: value }`. */
function defineConstants(Interface, constants) {
  const names = ReflectOwnKeys(constants);
  for (let i = 0; i < names.length; i++) {
    const descriptor = {
      __proto__: null, value: constants[names[i]], writable: false, enumerable: true, configurable: false,
    };
    ObjectDefineProperty(Interface, names[i], descriptor);
    ObjectDefineProperty(Interface.prototype, names[i], descriptor);
  }
}

/**
 * `iterable<K, V>` (3.7.9): entries, keys, values, forEach, @@iterator on `Interface.prototype`.
 * `listOf(object)` throws on a failed brand check and returns the current list as [[key, value], ...].
 * It is read anew at every step, so that changes during iteration are seen.
 */
function mixinPairIterable(name, Interface, listOf) {
  const iteratorPrototype = ObjectCreate(IteratorPrototype);
  let isIterator, step;
  class PairIterator {
    #target; #kind; #index = 0;
    constructor(target, kind) {
      this.#target = target;
      this.#kind = kind;
    }
    static {
      isIterator = (object) => isObject(object) && #target in object;
      step = (iterator) => {
        const list = listOf(iterator.#target);
        const index = iterator.#index;
        if (index >= list.length) return { value: undefined, done: true };
        iterator.#index = index + 1;
        const pair = list[index];
        const kind = iterator.#kind;
        return { value: kind === "key" ? pair[0] : kind === "value" ? pair[1] : [pair[0], pair[1]], done: false };
      };
    }
  }
  ObjectDefineProperties(iteratorPrototype, {
    __proto__: null,
    next: {
      __proto__: null, writable: true, enumerable: true, configurable: true,
      value: { next() {
        if (!isIterator(this)) throw new TypeError(`next() called on a value that is not a ${name} Iterator`);
        return step(this);
      } }.next,
    },
    [SymbolToStringTag]: { __proto__: null, value: `${name} Iterator`, configurable: true },
  });
  const make = (target, kind) => {
    listOf(target);
    const iterator = new PairIterator(target, kind);
    ObjectSetPrototypeOf(iterator, iteratorPrototype);
    return iterator;
  };
  const members = {
    entries() { return make(this, "entry"); },
    keys() { return make(this, "key"); },
    values() { return make(this, "value"); },
    forEach(callback, thisArg = undefined) {
      let list = listOf(this);
      const prefix = `Failed to execute 'forEach' on '${name}'`;
      requiredArguments(arguments.length, 1, prefix);
      callback = converters.Function(callback, prefix, "Argument 1");
      for (let i = 0; i < list.length; i++) {
        FunctionPrototypeCall(callback, thisArg, list[i][1], list[i][0], this);
        list = listOf(this);
      }
    },
  };
  ObjectDefineProperty(members.forEach, "length", { __proto__: null, value: 1 });
  const define = (key, value, enumerable) =>
    ObjectDefineProperty(Interface.prototype, key, { __proto__: null, value, writable: true, enumerable, configurable: true });
  define("entries", members.entries, true);
  define("keys", members.keys, true);
  define("values", members.values, true);
  define("forEach", members.forEach, true);
  define(SymbolIterator, members.entries, false);
}

/** Marks `promise` as handled, so that its rejection is not reported. */
function markAsHandled(promise) {
  PromisePrototypeThen(promise, undefined, () => {});
}

/** The option of a converter for [AllowShared]. */
exports.ALLOW_SHARED = { __proto__: null, allowShared: true };
exports.converters = converters;
exports.isObject = isObject;
exports.isArrayBuffer = isArrayBuffer;
exports.viewBuffer = viewBuffer;
exports.makeException = makeException;
exports.append = append;
exports.convertIterable = convertIterable;
exports.createNullableConverter = createNullableConverter;
exports.createSequenceConverter = createSequenceConverter;
exports.createRecordConverter = createRecordConverter;
exports.createEnumConverter = createEnumConverter;
exports.createDictionaryConverter = createDictionaryConverter;
exports.createInterfaceConverter = createInterfaceConverter;
exports.createCallbackConverter = createCallbackConverter;
exports.requiredArguments = requiredArguments;
exports.illegalInvocation = illegalInvocation;
exports.illegalConstructor = illegalConstructor;
exports.internal = internal;
exports.isInterfacePrototype = isInterfacePrototype;
exports.configureInterface = configureInterface;
exports.defineConstants = defineConstants;
exports.mixinPairIterable = mixinPairIterable;
exports.markAsHandled = markAsHandled;
