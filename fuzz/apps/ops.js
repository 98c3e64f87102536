// The fuzz target `ops`: native functions, called with arguments of all kinds. The engine puts `ops` here for this app.

import { Source, keep, makeValue } from "./values.js";

const { ops, current, deserialize } = globalThis;
const names = [...Object.keys(ops), "deserialize"];
const functions = names.map((name) => ops[name] ?? deserialize);

const CALLS_MAX = 24;
const ITERATIONS_MAX = 1000;

// Work that only takes long, by its arguments.
const cheaper = {
  __proto__: null,
  crypto_pbkdf2: (args) => args[3] > ITERATIONS_MAX ? (args[3] = ITERATIONS_MAX) : 0,
  crypto_rsa_generate: (args) => args[0] > 2048 ? (args[0] = 1) : 0,
};

// Calls that get optimised, so that V8 takes the ops' fast ways.
const hot = [
  (a) => ops.is_proxy(a), (a) => ops.is_header_value(a), (a, b, c) => ops.add_header(a, b, c),
  (a, b, c, d, e) => ops.respond_text(a, b, c, d, e),
];
for (let i = 0; i < 20_000; i++) {
  hot[0](hot);
  hot[1]("value");
  try { hot[2](-1, "name", "value"); } catch { /* There is no such request. */ }
  try { hot[3](-1, 200, "", "", "text"); } catch { /* As above. */ }
}

function call(index, source, pool) {
  const args = [];
  // The request's own number leads further than others.
  if (source.below(4) === 0) args.push(current());
  const count = source.below(8);
  for (let i = 0; i < count; i++) args.push(makeValue(source, 0, pool));
  const name = names[index];
  cheaper[name]?.(args);
  const callee = source.below(8) === 0 ? hot[index % hot.length] : functions[index];
  try {
    keep(callee(...args), pool);
  } catch (error) {
    if (error?.message === "internal error") throw new Error(`fuzz: ${name} panicked`);
    keep(error, pool);
  }
}

export default async (request) => {
  const source = new Source(await request.bytes());
  const pool = [];
  for (let calls = 0; calls < CALLS_MAX && source.left > 0; calls++) {
    call(source.below(functions.length), source, pool);
    if (source.below(16) === 0) await null;
  }
  return new Response("ok");
};
