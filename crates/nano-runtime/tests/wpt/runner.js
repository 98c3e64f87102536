// Runs one file of web-platform-tests inside an app, with the project's own testharness.js, and gives its results.
//
// The sources are evaluated by indirect eval: scripts of a page, as these are, are sloppy code at the global level, and a
// module is neither.

/** What testharness.js calls a status, by its number. */
const STATUSES = ["pass", "fail", "timeout", "not run", "precondition failed"];

const evaluate = globalThis.eval;

/** Data files of the tests, by their path from the root of web-platform-tests; `load` imports one. */
function serveResources(base, resources) {
  const original = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const { origin, pathname } = new URL(String(input), base);
    const load = origin === "null" ? undefined : resources[decodeURIComponent(pathname).slice(1)];
    if (load === undefined) {
      if (original === undefined) throw new TypeError(`no such resource: ${input}`);
      return original(input, init);
    }
    const { default: buffer } = await load();
    return new Response(buffer.slice(0));
  };
}

/** What scripts of web-platform-tests find in every global scope that they are made for. */
function prepareGlobal({ file, variant, title, resources, origin: base, hasServer, usesIdl }) {
  const define = (name, value) => {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  };
  define("GLOBAL", { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false });
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = new URL(
    `${base}/${file}${variant}`,
  );
  define("location", { href, origin, protocol, host, hostname, port, pathname, search, hash, toString: () => href });
  define("META_TITLE", title);
  if (file.endsWith(".window.js")) {
    define("window", globalThis);
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = ({ data, ports }) => dispatchEvent(new MessageEvent("message", { data, ports }));
    define("postMessage", (message, _origin, transfer) => port1.postMessage(message, transfer));
  }
  // The interfaces are what idlharness.js looks at, so they stay as they are.
  if (!usesIdl && (hasServer || file.startsWith("fetch/"))) takeRelativeURLs(href, define);
  if (Object.keys(resources).length > 0) serveResources(href, resources);
}

/**
 * A page has an address that the URLs of its requests are relative to; an app has none (a documented deviation), so what
 * takes a URL gets the absolute one here. All else is for NANO to answer.
 */
function takeRelativeURLs(base, define) {
  const NativeRequest = Request;
  const absolute = (input) => {
    if (input instanceof NativeRequest) return input;
    const url = String(input);
    return URL.canParse(url, base) ? new URL(url, base).href : url;
  };
  const withAbsolute = (args) => (args.length === 0 ? args : [absolute(args[0]), ...args.slice(1)]);
  define("Request", new Proxy(NativeRequest, {
    construct: (target, args, newTarget) => Reflect.construct(target, withAbsolute(args), newTarget),
  }));
  for (const [holder, name] of [[globalThis, "fetch"], [Response, "redirect"]]) {
    const native = holder[name];
    holder[name] = (...args) => {
      try {
        return Reflect.apply(native, holder, withAbsolute(args));
      } catch (error) {
        if (name === "fetch") return Promise.reject(error);
        throw error;
      }
    };
  }
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
