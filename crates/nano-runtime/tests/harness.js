// What `*.test.js` files find as globals, and the handler that runs their tests: `/list` answers their names,
// `/run/<index>` runs one.

const tests = [];

/** Registers a test; `fn` may be async. */
globalThis.test = (name, fn) => {
  tests.push({ name, fn });
};

globalThis.assert = (value, message = "assertion failed") => {
  if (!value) throw new AssertionError(message);
};

globalThis.assertEquals = (actual, expected, message) => {
  if (equal(actual, expected, [])) return;
  const prefix = message === undefined ? "" : `${message}: `;
  throw new AssertionError(`${prefix}got ${show(actual)}, expected ${show(expected)}`);
};

globalThis.assertThrows = (fn, type, messagePart) => {
  let error;
  try {
    fn();
  } catch (thrown) {
    checkError(thrown, type, messagePart);
    error = thrown;
    return error;
  }
  throw new AssertionError(`nothing was thrown, expected ${typeName(type)}`);
};

globalThis.assertRejects = async (promiseOrFn, type, messagePart) => {
  try {
    await (typeof promiseOrFn === "function" ? promiseOrFn() : promiseOrFn);
  } catch (thrown) {
    checkError(thrown, type, messagePart);
    return thrown;
  }
  throw new AssertionError(`the promise was not rejected, expected ${typeName(type)}`);
};

class AssertionError extends Error {
  name = "AssertionError";
}

function checkError(error, type, messagePart) {
  const fits = type === undefined
    || (typeof type === "string" ? error instanceof DOMException && error.name === type : error instanceof type);
  if (!fits) throw new AssertionError(`expected ${typeName(type)}, got ${show(error)}`);
  if (messagePart !== undefined && !String(error.message).includes(messagePart)) {
    throw new AssertionError(`expected a message with ${show(messagePart)}, got ${show(error.message)}`);
  }
}

const typeName = (type) => (typeof type === "function" ? type.name : type ?? "an exception");

/** Deep equality of plain data; what is no plain data is equal to itself. `pairs` are those under comparison. */
function equal(a, b, pairs) {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (pairs.some(([x, y]) => x === a && y === b)) return true;
  pairs = [...pairs, [a, b]];
  if (a instanceof ArrayBuffer) return equal(new Uint8Array(a), new Uint8Array(b), pairs);
  if (ArrayBuffer.isView(a) && !(a instanceof DataView)) {
    return a.length === b.length && a.every((value, index) => Object.is(value, b[index]));
  }
  if (a instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp) return String(a) === String(b);
  if (a instanceof Error && (a.name !== b.name || a.message !== b.message)) return false;
  if (a instanceof Map) return equal([...a], [...b], pairs);
  if (a instanceof Set) return equal([...a], [...b], pairs);
  if (Array.isArray(a) && a.length !== b.length) return false;
  const keys = Reflect.ownKeys(a).filter((key) => Object.prototype.propertyIsEnumerable.call(a, key));
  const others = Reflect.ownKeys(b).filter((key) => Object.prototype.propertyIsEnumerable.call(b, key));
  return keys.length === others.length
    && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key], pairs));
}

function show(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return value.stack ?? `${value.name}: ${value.message}`;
  if (value instanceof ArrayBuffer) return `ArrayBuffer ${show(new Uint8Array(value))}`;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return `${value.constructor.name} [${value}]`;
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name} ${show([...value])}`;
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  try {
    return JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? `${inner}n` : inner));
  } catch {
    return Object.prototype.toString.call(value);
  }
}

async function run({ fn }) {
  try {
    await fn();
    return { passed: true };
  } catch (error) {
    return { passed: false, error: show(error) };
  }
}

export default {
  async fetch(request) {
    const path = request.url.slice(request.url.indexOf("/", "http://".length));
    const answer = path === "/list"
      ? tests.map(({ name }) => name)
      : await run(tests[Number(path.slice("/run/".length))]);
    return new Response(JSON.stringify(answer));
  },
};
