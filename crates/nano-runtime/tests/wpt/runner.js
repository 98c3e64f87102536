// Runs one file of web-platform-tests inside an app, with the project's own testharness.js, and gives its results.
//
// The sources are evaluated by indirect eval: scripts of a page, as these are, are sloppy code at the global level, and a
// module is neither.

/** What testharness.js calls a status, by its number. */
const STATUSES = ["pass", "fail", "timeout", "not run", "precondition failed"];

const evaluate = globalThis.eval;

/** Data files of the tests, by their path from the root of web-platform-tests; `load` imports one. */
function serveResources(file, resources) {
  const base = `http://web-platform.test/${file}`;
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const { pathname } = new URL(String(input), base);
    const load = resources[decodeURIComponent(pathname).slice(1)];
    if (load === undefined) {
      if (original === undefined) throw new TypeError(`no such resource: ${input}`);
      return original(input, init);
    }
    const { default: buffer } = await load();
    return new Response(buffer.slice(0));
  };
}

/** What scripts of web-platform-tests find in every global scope that they are made for. */
function prepareGlobal({ file, variant, title, resources }) {
  const define = (name, value) => {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  };
  define("GLOBAL", { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false });
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = new URL(
    `http://web-platform.test/${file}${variant}`,
  );
  define("location", { href, origin, protocol, host, hostname, port, pathname, search, hash, toString: () => href });
  define("META_TITLE", title);
  if (file.endsWith(".window.js")) {
    define("window", globalThis);
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = ({ data, ports }) => dispatchEvent(new MessageEvent("message", { data, ports }));
    define("postMessage", (message, _origin, transfer) => port1.postMessage(message, transfer));
  }
  if (file.startsWith("fetch/")) define("Request", relativeTo(href, Request));
  else if (Object.keys(resources).length > 0) serveResources(file, resources);
}

/** A page has an address that URLs of requests are relative to; an app has none. */
function relativeTo(base, constructor) {
  return new Proxy(constructor, {
    construct(target, args, newTarget) {
      if (typeof args[0] === "string" && URL.canParse(args[0], base)) args[0] = new URL(args[0], base).href;
      return Reflect.construct(target, args, newTarget);
    },
  });
}

/** idlharness.js asks which kind of global it is in, once testharness.js has found out for itself. */
function poseAsWorker() {
  const constructor = function DedicatedWorkerGlobalScope() {};
  Object.defineProperty(constructor, Symbol.hasInstance, { value: (object) => object === globalThis });
  Object.defineProperty(globalThis, "DedicatedWorkerGlobalScope", { value: constructor, configurable: true });
}

const text = (value) => (value === null || value === undefined ? null : String(value));

/** Gives `[[name, status, message], …]`; what concerns the file as a whole has no name. */
export function run(test) {
  prepareGlobal(test);
  evaluate(`${test.harness}\n//# sourceURL=testharness.js`);
  if (test.usesIdl) poseAsWorker();
  const { promise, resolve } = Promise.withResolvers();
  const timer = setTimeout(() => globalThis.timeout(), test.timeoutMs);
  // The harness is told by its own names, since a test may replace the global ones.
  add_completion_callback((tests, status) => {
    clearTimeout(timer);
    const results = tests.map(({ name, status, message }) => [name, STATUSES[status], text(message)]);
    if (status.status !== 0) results.push([null, `status ${status.status}`, text(status.message)]);
    resolve(results);
  });
  try {
    evaluate(`${test.source}\n//# sourceURL=${test.file}`);
  } catch (error) {
    resolve([[null, "exception", `${error}\n${error?.stack}`]]);
  }
  return promise;
}
