// The fuzz target `structured_clone`: a clone is like what was cloned, shares nothing with it, and is cloned alike.

import { Source } from "./values.js";

const NODES_MAX = 200;

// Makes a graph; `made` are the objects in it, which come again.
function graph(source, made, depth) {
  const object = (value, fill) => {
    made.push(value);
    fill?.(value);
    return value;
  };
  const next = () => depth < 6 && made.length < NODES_MAX ? graph(source, made, depth + 1) : source.byte();
  const key = () => source.pick(["a", "b", "c", "0", "1", "7", "\u20ac", "length", "__proto__"]);
  switch (source.below(22)) {
    case 0: return undefined;
    case 1: return null;
    case 2: return source.below(2) === 1;
    case 3: return source.pick([0, -0, NaN, 1.5, -1, 2 ** 30, 2 ** 31, 2 ** 53, Infinity, -1e308]);
    case 4: return source.pick([0n, -1n, 2n ** 64n, -(2n ** 200n)]);
    case 5: return String.fromCharCode(...source.bytes(source.below(20)));
    case 6: return "\ud800\u20ac".repeat(source.below(30));
    case 7: return object(new Date(source.below(2) ? source.below(65536) : NaN));
    case 8: return object(/a.b/giu);
    case 9: return object(new Number(source.byte()));
    case 10: return object(new String("text"));
    case 11: return object(source.bytes(source.below(40)).buffer);
    case 12: {
      const bytes = source.bytes(16);
      return object(new (source.pick([Uint8Array, Int16Array, Float32Array, DataView, BigInt64Array]))(bytes.buffer));
    }
    case 13: return object(new Uint8Array(source.bytes(24).buffer, 3, 7));
    case 14: {
      const buffer = new ArrayBuffer(16, { maxByteLength: 32 });
      return object(source.below(2) ? new Uint8Array(buffer) : buffer);
    }
    case 15: return object(new Error("message"));
    case 16: return object(new Map(), (map) => {
      for (let i = source.below(4); i > 0; i--) map.set(next(), next());
    });
    case 17: return object(new Set(), (set) => {
      for (let i = source.below(4); i > 0; i--) set.add(next());
    });
    case 18: return made.length > 0 ? source.pick(made) : {};
    case 19: return object(new Array(source.below(6)), (array) => {
      for (let i = 0; i < array.length; i++) if (source.below(5) > 0) array[i] = next();
    });
    case 20: return object(new Blob(["text"], { type: "a/b" }));
    default: return object({}, (plain) => {
      for (let i = source.below(5); i > 0; i--) {
        Object.defineProperty(plain, key(), { value: next(), enumerable: true, writable: true, configurable: true });
      }
    });
  }
}

function check(holds, what) {
  if (!holds) throw new Error(`fuzz: a clone has another ${what}`);
}

/// `pairs` maps what was compared to what it was compared with: the shape of the graph is kept.
function same(one, other, pairs) {
  if (typeof one !== "object" || one === null) return check(Object.is(one, other), "value");
  check(typeof other === "object" && other !== null && one !== other, "kind, or is the same object");
  if (pairs.has(one)) return check(pairs.get(one) === other, "shape");
  pairs.set(one, other);
  check(Object.getPrototypeOf(one) === Object.getPrototypeOf(other), "prototype");
  if (ArrayBuffer.isView(one)) {
    check(one.byteOffset === other.byteOffset && one.byteLength === other.byteLength, "view");
    return same(one.buffer, other.buffer, pairs);
  }
  if (one instanceof ArrayBuffer) {
    const [left, right] = [new Uint8Array(one), new Uint8Array(other)];
    check(one.resizable === other.resizable && one.maxByteLength === other.maxByteLength, "kind of buffer");
    return check(left.length === right.length && left.every((byte, i) => byte === right[i]), "contents");
  }
  if (one instanceof Map || one instanceof Set) {
    const [left, right] = [[...one], [...other]];
    check(left.length === right.length, "size");
    for (let i = 0; i < left.length; i++) {
      if (one instanceof Set) same(left[i], right[i], pairs);
      else for (const at of [0, 1]) same(left[i][at], right[i][at], pairs);
    }
    return undefined;
  }
  if (one instanceof Blob) return check(one.size === other.size && one.type === other.type, "blob");
  if (one instanceof Date || one instanceof Number || one instanceof String) {
    check(Object.is(one.valueOf(), other.valueOf()), "primitive");
  }
  if (one instanceof RegExp) check(String(one) === String(other), "pattern");
  if (one instanceof Error) return check(one.message === other.message && one.name === other.name, "message");
  if (Array.isArray(one)) check(one.length === other.length, "length");
  const [left, right] = [Object.keys(one), Object.keys(other)];
  check(left.length === right.length && left.every((key, i) => key === right[i]), "list of keys");
  for (const key of left) same(one[key], other[key], pairs);
  return undefined;
}

export default async (request) => {
  const source = new Source(await request.bytes());
  const made = [];
  const value = graph(source, made, 0);
  const clone = structuredClone(value);
  same(value, clone, new Map());
  const buffers = made.filter((object) => object instanceof ArrayBuffer);
  const again = structuredClone(clone, { transfer: [] });
  same(value, again, new Map());
  structuredClone(value, { transfer: buffers });
  for (const buffer of buffers) check(buffer.detached, "owner");
  return new Response("ok");
};
