// Holds the 78 names of ECMA-429 against the IDL of their standards: types, prototypes, attributes of properties, names
// and lengths of functions, and what members do with a receiver that is none of theirs.

/**
 * A line for each interface: `Name:Parent length`, then groups of members after a bar.
 * r, w: attributes, read-only or not; R: read-only ones that give a promise; m: operations, as name/length; p: those
 * that give a promise; s: static operations; c: constants; u: unforgeable attributes; i: the kind of iterable.
 * A length of "-" is that of an interface without a constructor.
 */
const INTERFACES = `
Event 1|r type target srcElement currentTarget eventPhase bubbles cancelable defaultPrevented composed timeStamp|w cancelBubble returnValue|m composedPath/0 stopPropagation/0 stopImmediatePropagation/0 preventDefault/0 initEvent/1|u isTrusted|c NONE=0 CAPTURING_PHASE=1 AT_TARGET=2 BUBBLING_PHASE=3
EventTarget 0|m addEventListener/2 removeEventListener/2 dispatchEvent/1
AbortController 0|r signal|m abort/0
AbortSignal:EventTarget -|r aborted reason|w onabort|m throwIfAborted/0|s abort/0 timeout/1 any/1
CustomEvent:Event 1|r detail|m initCustomEvent/1
ErrorEvent:Event 1|r message filename lineno colno error
MessageChannel 0|r port1 port2
MessageEvent:Event 1|r data origin lastEventId source ports|m initMessageEvent/1
MessagePort:EventTarget -|m postMessage/1 start/0 close/0|w onmessage onmessageerror onclose
PromiseRejectionEvent:Event 2|r promise reason
DOMException:Error 0|r name message code|c INDEX_SIZE_ERR=1 DOMSTRING_SIZE_ERR=2 HIERARCHY_REQUEST_ERR=3 WRONG_DOCUMENT_ERR=4 INVALID_CHARACTER_ERR=5 NO_DATA_ALLOWED_ERR=6 NO_MODIFICATION_ALLOWED_ERR=7 NOT_FOUND_ERR=8 NOT_SUPPORTED_ERR=9 INUSE_ATTRIBUTE_ERR=10 INVALID_STATE_ERR=11 SYNTAX_ERR=12 INVALID_MODIFICATION_ERR=13 NAMESPACE_ERR=14 INVALID_ACCESS_ERR=15 VALIDATION_ERR=16 TYPE_MISMATCH_ERR=17 SECURITY_ERR=18 NETWORK_ERR=19 ABORT_ERR=20 URL_MISMATCH_ERR=21 QUOTA_EXCEEDED_ERR=22 TIMEOUT_ERR=23 INVALID_NODE_TYPE_ERR=24 DATA_CLONE_ERR=25
Headers 0|m append/2 delete/1 get/1 getSetCookie/0 has/1 set/2|i pair
Request 1|r method url headers destination referrer referrerPolicy mode credentials cache redirect integrity keepalive isReloadNavigation isHistoryNavigation signal duplex body bodyUsed|m clone/0|p arrayBuffer/0 blob/0 bytes/0 formData/0 json/0 text/0
Response 0|r type url redirected status ok statusText headers body bodyUsed|m clone/0|p arrayBuffer/0 blob/0 bytes/0 formData/0 json/0 text/0|s error/0 redirect/1 json/1
FormData 0|m append/2 delete/1 get/1 getAll/1 has/1 set/2|i pair
Blob 0|r size type|m slice/0 stream/0|p text/0 arrayBuffer/0 bytes/0
File:Blob 2|r name lastModified
CompressionStream 1|r readable writable
DecompressionStream 1|r readable writable
ReadableStream 0|r locked|m getReader/0 pipeThrough/1 tee/0|p cancel/0 pipeTo/1|s from/1|i async
ReadableStreamDefaultReader 1|m releaseLock/0|p read/0 cancel/0|R closed
ReadableStreamBYOBReader 1|m releaseLock/0|p read/1 cancel/0|R closed
ReadableStreamDefaultController -|r desiredSize|m close/0 enqueue/0 error/0
ReadableByteStreamController -|r byobRequest desiredSize|m close/0 enqueue/1 error/0
ReadableStreamBYOBRequest -|r view|m respond/1 respondWithNewView/1
WritableStream 0|r locked|m getWriter/0|p abort/0 close/0
WritableStreamDefaultWriter 1|r desiredSize|R closed ready|m releaseLock/0|p abort/0 close/0 write/0
WritableStreamDefaultController -|r signal|m error/0
TransformStream 0|r readable writable
TransformStreamDefaultController -|r desiredSize|m enqueue/0 error/0 terminate/0
ByteLengthQueuingStrategy 1|r highWaterMark size
CountQueuingStrategy 1|r highWaterMark size
TextEncoder 0|r encoding|m encode/0 encodeInto/2
TextDecoder 0|r encoding fatal ignoreBOM|m decode/0
TextEncoderStream 0|r encoding readable writable
TextDecoderStream 0|r encoding fatal ignoreBOM readable writable
URL 1|r origin searchParams|w href protocol username password host hostname port pathname search hash|m toJSON/0 toString/0|s parse/1 canParse/1 createObjectURL/1 revokeObjectURL/1 createObjectURL/1 revokeObjectURL/1
URLSearchParams 0|r size|m append/2 delete/1 get/1 getAll/1 has/1 set/2 sort/0 toString/0|i pair
URLPattern 0|r protocol username password hostname port pathname search hash hasRegExpGroups|m test/0 exec/0
Crypto -|r subtle|m getRandomValues/1 randomUUID/0
CryptoKey -|r type extractable algorithm usages
SubtleCrypto -|p encrypt/3 decrypt/3 sign/3 verify/4 digest/2 generateKey/3 deriveKey/5 deriveBits/2 importKey/5 exportKey/2 wrapKey/4 unwrapKey/7
Performance:EventTarget -|r timeOrigin|m now/0 toJSON/0
`;
/** V8's own, with names and lengths of what the WebAssembly JavaScript Interface has. */
const WEB_ASSEMBLY = `
Global 1|m valueOf/0|w value
Instance 1|r exports
Memory 1|r buffer|m grow/1
Module 1|s exports/1 imports/1 customSections/2
Table 1|r length|m get/1 set/1 grow/1
Tag 1
Exception 2|m is/1 getArg/2
`;
const GLOBALS = {
  globalThis: "object", atob: 1, btoa: 1, setTimeout: 1, clearTimeout: 0, setInterval: 1, clearInterval: 0,
  queueMicrotask: 1, structuredClone: 1, reportError: 1, self: "object", navigator: "object", onerror: "object",
  onunhandledrejection: "object", onrejectionhandled: "object", fetch: 1, console: "object", crypto: "object",
  performance: "object",
};
const WEB_ASSEMBLY_FUNCTIONS = { compile: 1, compileStreaming: 1, instantiate: 1, instantiateStreaming: 1, validate: 1 };
const CONSOLE = {
  assert: 0, clear: 0, count: 0, countReset: 0, debug: 0, dir: 0, dirxml: 0, error: 0, group: 0, groupCollapsed: 0,
  groupEnd: 0, info: 0, log: 0, table: 0, time: 0, timeEnd: 0, timeLog: 0, trace: 0, warn: 0,
};
/** What members of an interface may be besides those in the table. */
const LANGUAGE_MEMBERS = ["constructor", Symbol.toStringTag];
const PAIR_MEMBERS = { entries: 0, keys: 0, values: 0, forEach: 1 };

const wrong = [];
const check = (fact, text) => { if (!fact) wrong.push(text); };
const checkFlags = (own, flags, text) => {
  const found = ["writable", "enumerable", "configurable"].filter((flag) => own?.[flag]).join(" ");
  check(own !== undefined && found === flags, `${text} is "${found}" and not "${flags}"`);
};
function checkFunction(f, name, length, text) {
  check(typeof f === "function" && !Object.hasOwn(f, "prototype"), `${text} is no operation`);
  if (typeof f !== "function") return;
  check(f.name === name, `${text} has the name ${f.name}`);
  check(f.length === length, `${text} has the length ${f.length}`);
}
const attempt = (run) => {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
};
/** A receiver that is none: a TypeError, which what gives a promise gives as its rejection. */
async function checkReceiver(run, gives, text) {
  for (const receiver of [{}, 1, null, undefined, Object.create(null), globalThis]) {
    const { value, error } = attempt(() => run(receiver));
    if (gives === "promise") {
      check(value instanceof Promise, `${text} of another object gives no promise`);
      const reason = await Promise.resolve(value).then(() => undefined, (rejected) => rejected);
      check(reason instanceof TypeError, `${text} of another object is not rejected with a TypeError`);
    } else {
      check(error instanceof TypeError, `${text} of another object throws ${error}`);
    }
  }
}

function parse(table) {
  return table.trim().split("\n").map((line) => {
    const [head, ...groups] = line.split("|");
    const [, name, parent, length] = /^(\w+)(?::(\w+))? (\d|-)$/.exec(head);
    const members = { r: [], w: [], R: [], m: [], p: [], s: [], c: [], u: [], i: [] };
    for (const group of groups) members[group[0]] = group.slice(2).split(" ");
    return { name, parent, length: length === "-" ? 0 : Number(length), constructible: length !== "-", members };
  });
}
const nameAndLength = (text) => [text.split("/")[0], Number(text.split("/")[1])];

async function checkAttribute(prototype, name, key, kind) {
  const text = `${name}.${key}`;
  const own = Object.getOwnPropertyDescriptor(prototype, key);
  checkFlags(own, "enumerable configurable", text);
  checkFunction(own?.get, `get ${key}`, 0, `the getter of ${text}`);
  if (kind === "w") checkFunction(own?.set, `set ${key}`, 1, `the setter of ${text}`);
  else check(own?.set === undefined, `${text} has a setter`);
  if (own?.get === undefined) return;
  // EventTarget's subclasses aside, the global object has none of these.
  await checkReceiver((receiver) => own.get.call(receiver), kind === "R" ? "promise" : "error", `the getter of ${text}`);
}

async function checkInterface({ name, parent, length, constructible, members }) {
  const Interface = globalThis[name];
  check(typeof Interface === "function", `there is no ${name}`);
  if (typeof Interface !== "function") return;
  checkFlags(Object.getOwnPropertyDescriptor(globalThis, name), "writable configurable", name);
  check(Interface.name === name && Interface.length === length, `${name} has the length ${Interface.length}`);
  const above = parent === undefined ? Function.prototype : name === "DOMException" ? Function.prototype : globalThis[parent];
  check(Object.getPrototypeOf(Interface) === above, `the prototype of ${name}`);
  const { prototype } = Interface;
  checkFlags(Object.getOwnPropertyDescriptor(Interface, "prototype"), "", `${name}.prototype`);
  check(
    Object.getPrototypeOf(prototype) === (parent === undefined ? Object : globalThis[parent]).prototype,
    `the prototype of ${name}.prototype`,
  );
  check(prototype.constructor === Interface, `${name}.prototype.constructor`);
  checkFlags(Object.getOwnPropertyDescriptor(prototype, "constructor"), "writable configurable", `${name}'s constructor`);
  const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
  checkFlags(tag, "configurable", `${name}'s tag`);
  check(tag?.value === name, `${name}'s tag is ${tag?.value}`);
  check(attempt(() => Interface("a", "b", "c")).error instanceof TypeError, `${name} can be called`);
  if (!constructible) {
    const { error } = attempt(() => new Interface());
    check(error instanceof TypeError, `${name} can be constructed`);
    class Sub extends Interface {}
    check(attempt(() => new Sub()).error instanceof TypeError, `a subclass of ${name} can be constructed`);
  } else if (length > 0) {
    check(attempt(() => new Interface()).error instanceof TypeError, `${name} needs no arguments`);
  }

  const known = new Set(LANGUAGE_MEMBERS);
  const knownStatics = new Set(["length", "name", "prototype"]);
  for (const kind of ["r", "w", "R"]) {
    for (const key of members[kind]) {
      known.add(key);
      await checkAttribute(prototype, name, key, kind);
    }
  }
  for (const kind of ["m", "p", "s"]) {
    for (const [key, count] of members[kind].map(nameAndLength)) {
      const text = `${name}.${key}()`;
      const own = Object.getOwnPropertyDescriptor(kind === "s" ? Interface : prototype, key);
      (kind === "s" ? knownStatics : known).add(key);
      checkFlags(own, "writable enumerable configurable", text);
      checkFunction(own?.value, key, count, text);
      if (typeof own?.value !== "function") continue;
      const isGlobals = name === "EventTarget";
      if (kind !== "s" && !isGlobals) {
        const given = Array.from({ length: count }, () => ({}));
        await checkReceiver((receiver) => own.value.apply(receiver, given), kind === "p" ? "promise" : "error", text);
      }
    }
  }
  for (const constant of members.c) {
    const [key, value] = constant.split("=");
    known.add(key);
    knownStatics.add(key);
    for (const object of [Interface, prototype]) {
      const own = Object.getOwnPropertyDescriptor(object, key);
      checkFlags(own, "enumerable", `${name}.${key}`);
      check(own?.value === Number(value), `${name}.${key} is ${own?.value}`);
    }
  }
  for (const key of members.u) {
    const own = Object.getOwnPropertyDescriptor(new Interface("x"), key);
    checkFlags(own, "enumerable", `${name}.${key}`);
    checkFunction(own?.get, `get ${key}`, 0, `the getter of ${name}.${key}`);
    check(own?.get === Object.getOwnPropertyDescriptor(new Interface("y"), key)?.get, `${name}.${key} has many getters`);
  }
  if (members.i[0] === "pair") {
    for (const [key, count] of Object.entries(PAIR_MEMBERS)) {
      known.add(key);
      const own = Object.getOwnPropertyDescriptor(prototype, key);
      checkFlags(own, "writable enumerable configurable", `${name}.${key}()`);
      checkFunction(own?.value, key, count, `${name}.${key}()`);
      await checkReceiver((receiver) => own.value.call(receiver, () => {}), "error", `${name}.${key}()`);
    }
    checkIterator(prototype, Symbol.iterator, "entries", name);
    known.add(Symbol.iterator);
    const iterator = Object.getPrototypeOf(new Interface().entries());
    check(iterator[Symbol.toStringTag] === `${name} Iterator`, `the tag of ${name}'s iterators`);
    checkFlags(Object.getOwnPropertyDescriptor(iterator, "next"), "writable enumerable configurable", `${name}'s next()`);
  }
  if (members.i[0] === "async") {
    known.add("values").add(Symbol.asyncIterator);
    checkFunction(prototype.values, "values", 0, `${name}.values()`);
    checkIterator(prototype, Symbol.asyncIterator, "values", name);
    const iterator = Object.getPrototypeOf(new Interface().values());
    for (const [key, count] of Object.entries({ next: 0, return: 1 })) {
      checkFunction(iterator[key], key, count, `${name}'s iterator.${key}()`);
      await checkReceiver((receiver) => iterator[key].call(receiver), "promise", `${name}'s iterator.${key}()`);
    }
  }
  for (const key of Reflect.ownKeys(prototype)) check(known.has(key), `${name} has ${String(key)} besides`);
  for (const key of Reflect.ownKeys(Interface)) check(knownStatics.has(key), `${name} has a static ${String(key)} besides`);
}

function checkIterator(prototype, symbol, key, name) {
  const own = Object.getOwnPropertyDescriptor(prototype, symbol);
  checkFlags(own, "writable configurable", `${name}[${String(symbol)}]`);
  check(own?.value === prototype[key], `${name}[${String(symbol)}] is not ${key}`);
}

/** V8 writes these by the older text in details that no app depends on: presence, names and lengths. */
function checkWebAssembly({ name, length, members }) {
  const Interface = WebAssembly[name];
  const text = `WebAssembly.${name}`;
  check(typeof Interface === "function" && Interface.name === name, `there is no ${text}`);
  if (typeof Interface !== "function") return;
  checkFlags(Object.getOwnPropertyDescriptor(WebAssembly, name), "writable configurable", text);
  check(Interface.length === length, `${text} has the length ${Interface.length}`);
  check(Interface.prototype[Symbol.toStringTag] === text, `${text}'s tag`);
  check(attempt(() => Interface()).error instanceof TypeError, `${text} can be called`);
  for (const key of [...members.r, ...members.w]) {
    const own = Object.getOwnPropertyDescriptor(Interface.prototype, key);
    checkFlags(own, "enumerable configurable", `${text}.${key}`);
    check((own?.set !== undefined) === members.w.includes(key), `the setter of ${text}.${key}`);
    check(attempt(() => own.get.call({})).error instanceof TypeError, `${text}.${key} of another object`);
  }
  for (const [key, count] of members.m.map(nameAndLength)) {
    checkFunction(Interface.prototype[key], key, count, `${text}.${key}()`);
    check(attempt(() => Interface.prototype[key].call({}, 0, 0)).error instanceof TypeError, `${text}.${key}() of another object`);
  }
  for (const [key, count] of members.s.map(nameAndLength)) checkFunction(Interface[key], key, count, `${text}.${key}()`);
}

function checkGlobals() {
  for (const [name, what] of Object.entries(GLOBALS)) {
    check(name in globalThis, `there is no ${name}`);
    if (typeof what === "number") {
      checkFlags(Object.getOwnPropertyDescriptor(globalThis, name), "writable enumerable configurable", name);
      checkFunction(globalThis[name], name, what, name);
    } else {
      check(typeof globalThis[name] === what, `${name} is a ${typeof globalThis[name]}`);
    }
  }
  check(self === globalThis && globalThis.globalThis === globalThis, "self");
  check(globalThis instanceof EventTarget, "the global object is no EventTarget");
  check(/^[!#$%&'*+.^_`|~\w-]+(\/[!#$%&'*+.^_`|~\w-]+)?$/.test(navigator.userAgent), "navigator.userAgent");
  const prototypes = { crypto: Crypto, performance: Performance };
  for (const [name, Interface] of Object.entries(prototypes)) {
    check(Object.getPrototypeOf(globalThis[name]) === Interface.prototype, `the prototype of ${name}`);
  }
  for (const [name, length] of Object.entries(CONSOLE)) {
    checkFlags(Object.getOwnPropertyDescriptor(console, name), "writable enumerable configurable", `console.${name}`);
    checkFunction(console[name], name, length, `console.${name}`);
  }
  check(console[Symbol.toStringTag] === "console", "console's tag");
  check(Object.getPrototypeOf(Object.getPrototypeOf(console)) === Object.prototype, "the prototype of console's");
  check(Reflect.ownKeys(Object.getPrototypeOf(console)).length === 0, "console's prototype has members");
}

function checkWebAssemblyNamespace() {
  for (const [name, length] of Object.entries(WEB_ASSEMBLY_FUNCTIONS)) {
    checkFlags(Object.getOwnPropertyDescriptor(WebAssembly, name), "writable enumerable configurable", `WebAssembly.${name}`);
    checkFunction(WebAssembly[name], name, length, `WebAssembly.${name}`);
  }
  check(WebAssembly[Symbol.toStringTag] === "WebAssembly", "WebAssembly's tag");
  check(WebAssembly.JSTag instanceof WebAssembly.Tag, "WebAssembly.JSTag");
  for (const name of ["CompileError", "LinkError", "RuntimeError"]) {
    const own = WebAssembly[name];
    check(Object.getPrototypeOf(own) === Error && new own("m") instanceof Error, `WebAssembly.${name}`);
    check(own.prototype.name === name && own.length === 1, `WebAssembly.${name}'s name and length`);
    checkFlags(Object.getOwnPropertyDescriptor(WebAssembly, name), "writable configurable", `WebAssembly.${name}`);
  }
}

export default {
  async fetch() {
    wrong.length = 0;
    const interfaces = parse(INTERFACES);
    const webAssembly = parse(WEB_ASSEMBLY);
    for (const entry of interfaces) await checkInterface(entry);
    webAssembly.forEach(checkWebAssembly);
    checkGlobals();
    checkWebAssemblyNamespace();
    // The names of ECMA-429: the three errors, and navigator.userAgent for navigator and JSTag besides.
    const names = interfaces.length + webAssembly.length + 3;
    const globals = Object.keys(GLOBALS).length + Object.keys(WEB_ASSEMBLY_FUNCTIONS).length + 1;
    return Response.json([names, globals, wrong]);
  },
};
