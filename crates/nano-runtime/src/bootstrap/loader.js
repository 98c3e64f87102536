// How built-ins get at each other. The first of them: it runs before primordials are there, and needs none later.
//
// Eager files are evaluated for the snapshot. A lazy file is evaluated in an isolate when something there needs it, at any
// point of an app's code: if that fails (the stack is used up, say), the file counts as not loaded, and the next who needs
// it starts anew.

const { Error } = globalThis;
const { setPrototypeOf } = Object;

/** The exports of the eager files that have run, by name; the engine adds to it. */
const eager = { __proto__: null };
/** The lazy files that were asked for, by name. */
const files = { __proto__: null };
/** Whether the snapshot is made: nothing is loaded before. */
let isComplete = false;

class LazyFile {
  constructor(name) {
    this.name = name;
    /** Its exports, or undefined as long as nobody has needed them: then no object of its classes exists. */
    this.loaded = undefined;
  }
  /** Its exports. */
  load() {
    return this.loaded ?? run(this);
  }
}
setPrototypeOf(LazyFile.prototype, null);

function run(file) {
  if (!isComplete) throw new Error(`the lazy built-in "${file.name}" is not for the snapshot`);
  // Not by `__proto__: null`: V8 would keep a dictionary, and optimised code could not see through it.
  const exports = setPrototypeOf({}, null);
  ops.run_built_in(file.name, exports, requireAny, primordials, ops, lazy);
  return (file.loaded = exports);
}

/** The handle of a lazy file. */
function lazy(name) {
  let file = files[name];
  if (file === undefined) {
    if (!ops.is_lazy_built_in(name)) throw new Error(`no lazy built-in "${name}"`);
    file = files[name] = new LazyFile(name);
  }
  return file;
}

/** The `require` of eager files. */
function require(name) {
  const exports = eager[name];
  if (exports === undefined) throw new Error(`no built-in "${name}" before this one, or it is a lazy one`);
  return exports;
}

/** The `require` of lazy files, which loads others. */
function requireAny(name) {
  return eager[name] ?? lazy(name).load();
}

exports.eager = eager;
exports.require = require;
exports.lazy = lazy;
/** For the end of the last eager file. */
exports.complete = () => {
  isComplete = true;
};
