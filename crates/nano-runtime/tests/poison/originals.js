// Members of objects as they were before the poison.

const { apply, getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf } = Reflect;
const mapGet = Function.prototype.call.bind(Map.prototype.get);
const mapSet = Function.prototype.call.bind(Map.prototype.set);
const text = String;
export const { addEventListener } = globalThis;
export const { stringify } = JSON;
export const { setPrototypeOf: setPrototype } = Object;

/** A property's descriptor, which inherits nothing. */
export function descriptor(object, key) {
  const own = getOwnPropertyDescriptor(object, key);
  if (own !== undefined) setPrototypeOf(own, null);
  return own;
}

/** Prototypes and the like, each with a map of its members. */
const remembered = new Map();

export function remember(object) {
  if (mapGet(remembered, object) !== undefined) return;
  const members = new Map();
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) mapSet(members, keys[i], descriptor(object, keys[i]));
  mapSet(remembered, object, members);
}

function find(object, key) {
  for (let at = typeof object === "string" ? String.prototype : object; at !== null; at = getPrototypeOf(at)) {
    const members = mapGet(remembered, at);
    const own = members === undefined ? descriptor(at, key) : mapGet(members, key);
    if (own !== undefined) return own;
  }
  throw new Error(`there is no ${text(key)}`);
}

/** Calls a method, or reads an attribute. */
export function $(object, key, ...args) {
  const own = find(object, key);
  if (own.get !== undefined) return apply(own.get, object, args);
  return typeof own.value === "function" ? apply(own.value, object, args) : own.value;
}

/** Sets an attribute. */
export function put(object, key, value) {
  apply(find(object, key).set, object, [value]);
}
