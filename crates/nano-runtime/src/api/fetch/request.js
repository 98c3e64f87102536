// Request (https://fetch.spec.whatwg.org/#request-class).
//
// The request that is being served is one too: `makeServerRequest` makes it with nothing but its number, and what is
// asked of it is fetched from native code once. Its headers are immutable, as in service workers, and its redirect mode
// is "manual", as theirs is for navigations: `fetch(request)` hands redirects on to the client.
//
// There is no document here, and so no origin, base URL or referrer of one: relative URLs are invalid, "same-origin"
// and "no-cors" restrict no more than what the constructor checks, and a referrer is always "about:client".

const { ObjectSetPrototypeOf, StringPrototypeStartsWith, StringPrototypeToUpperCase, TypeError } = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const { createDependentSignal, createSignal, isAbortSignal, signalAbort } = require("abort");
const { lastHasCredentials, parseHref } = require("url");
const objectURLs = lazy("file/object_url");
const {
  checkList, convertInit, copyList, getHeaderGuard, getHeaderList, headersFromList, isToken, listAppend, listHas,
  splitList,
} = require("headers");
const bodies = require("fetch/body");
const { converters } = webidl;

const convertCache = webidl.createEnumConverter("RequestCache", [
  "default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached",
]);
const convertCredentials = webidl.createEnumConverter("RequestCredentials", ["omit", "same-origin", "include"]);
const convertDuplex = webidl.createEnumConverter("RequestDuplex", ["half"]);
const convertMode = webidl.createEnumConverter("RequestMode", ["navigate", "same-origin", "no-cors", "cors"]);
const convertPriority = webidl.createEnumConverter("RequestPriority", ["high", "low", "auto"]);
const convertRedirect = webidl.createEnumConverter("RequestRedirect", ["follow", "error", "manual"]);
const convertReferrerPolicy = webidl.createEnumConverter("ReferrerPolicy", [
  "", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
  "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
]);
const convertSignal = webidl.createNullableConverter(webidl.createInterfaceConverter("AbortSignal", isAbortSignal));

/** RequestInit, its members in the order in which Web IDL reads them (3.2.17). */
const convertRequestInit = webidl.createDictionaryConverter("RequestInit", [
  { key: "body", converter: bodies.convertBodyInit },
  { key: "cache", converter: convertCache },
  { key: "credentials", converter: convertCredentials },
  { key: "duplex", converter: convertDuplex },
  { key: "headers", converter: convertInit },
  { key: "integrity", converter: converters.DOMString },
  { key: "keepalive", converter: converters.boolean },
  { key: "method", converter: converters.ByteString },
  { key: "mode", converter: convertMode },
  { key: "priority", converter: convertPriority },
  { key: "redirect", converter: convertRedirect },
  { key: "referrer", converter: converters.USVString },
  { key: "referrerPolicy", converter: convertReferrerPolicy },
  { key: "signal", converter: convertSignal },
  { key: "window", converter: converters.any },
]);

/** What few requests set otherwise. Never changed: a request that differs has its own. */
class Options {
  constructor(other, redirect) {
    this.mode = other === undefined ? "cors" : other.mode;
    this.credentials = other === undefined ? "same-origin" : other.credentials;
    this.cache = other === undefined ? "default" : other.cache;
    this.redirect = other === undefined ? redirect : other.redirect;
    this.referrer = other === undefined ? "about:client" : other.referrer;
    this.referrerPolicy = other === undefined ? "" : other.referrerPolicy;
    this.integrity = other === undefined ? "" : other.integrity;
    this.keepalive = other === undefined ? false : other.keepalive;
    this.blob = other === undefined ? undefined : other.blob; // of a blob: URL, whenever that is revoked
  }
}
ObjectSetPrototypeOf(Options.prototype, null);
const DEFAULTS = new Options(undefined, "follow");
const SERVER_DEFAULTS = new Options(undefined, "manual");

/** "Normalize a method", and refuse what is none or forbidden. */
function convertMethod(method, prefix) {
  if (isNormalizedMethod(method)) return method;
  if (!isToken(method)) throw new TypeError(`${prefix}: '${method}' is not a method`);
  const upper = StringPrototypeToUpperCase(method);
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") {
    throw new TypeError(`${prefix}: the method '${method}' is forbidden`);
  }
  return isNormalizedMethod(upper) ? upper : method;
}

function isNormalizedMethod(method) {
  return method === "GET" || method === "POST" || method === "PUT" || method === "DELETE" || method === "HEAD" ||
    method === "OPTIONS";
}

/** Steps 13 to 24 of the constructor: the options that `init` asks for, on top of `base`. */
function optionsFromInit(base, init, prefix) {
  const options = new Options(base, undefined);
  if (options.mode === "navigate") options.mode = "same-origin";
  options.referrer = "about:client";
  options.referrerPolicy = "";
  if (init.referrer !== undefined) {
    if (init.referrer === "") {
      options.referrer = "";
    } else if (parseHref(init.referrer, undefined) === undefined) {
      throw new TypeError(`${prefix}: the referrer '${init.referrer}' is not a valid absolute URL`);
    }
  }
  if (init.referrerPolicy !== undefined) options.referrerPolicy = init.referrerPolicy;
  if (init.mode === "navigate") throw new TypeError(`${prefix}: the mode 'navigate' is not for requests of an app`);
  if (init.mode !== undefined) options.mode = init.mode;
  if (init.credentials !== undefined) options.credentials = init.credentials;
  if (init.cache !== undefined) options.cache = init.cache;
  if (options.cache === "only-if-cached" && options.mode !== "same-origin") {
    throw new TypeError(`${prefix}: the cache mode 'only-if-cached' needs the mode 'same-origin'`);
  }
  if (init.redirect !== undefined) options.redirect = init.redirect;
  if (init.integrity !== undefined) options.integrity = init.integrity;
  if (init.keepalive !== undefined) options.keepalive = init.keepalive;
  return options;
}

function isEmpty(dictionary) {
  for (const _key in dictionary) return false; // it has no prototype
  return true;
}

let isRequest, cacheOf, integrityOf, blobOf, redirectOf, signalIfAny, bodyOf, methodOf, urlOf, listOf, headersOf, signalOf;
let makeServerRequest, abortServerRequest;

class Request {
  /** The number of the request that is being served, or -1. What is undefined below is still in native code then. */
  #rid = -1;
  #method = undefined;
  #url = undefined;
  #list = undefined;
  #headers = undefined;
  /** null, a string, or a Body. */
  #body = null;
  #options = DEFAULTS;
  #signal = undefined;
  /** What `#signal` will depend on when it is made: an AbortSignal, or the Request whose signal it is. */
  #signalSource = undefined;

  constructor(input, init = undefined) {
    // A server's requests are made by a constructor that V8 can inline.
    if (input !== webidl.internal) this.#initialize(input, init, arguments.length);
  }

  #initialize(input, init, count) {
    const prefix = "Failed to construct 'Request'";
    webidl.requiredArguments(count, 1, prefix);
    const from = isRequest(input) ? input : undefined;
    if (from === undefined) input = converters.USVString(input, prefix, "Argument 1");
    const dictionary = init === undefined ? undefined : convertRequestInit(init, prefix, "Argument 2");
    if (from === undefined) {
      const href = parseHref(input, undefined);
      if (href === undefined) throw new TypeError(`${prefix}: '${input}' is not a valid absolute URL`);
      if (lastHasCredentials()) throw new TypeError(`${prefix}: '${input}' is a URL with credentials`);
      this.#url = href;
      this.#method = "GET";
      if (StringPrototypeStartsWith(href, "blob:")) {
        this.#options = new Options(DEFAULTS, undefined);
        this.#options.blob = objectURLs.loaded?.blobOfURL(href); // none is there if nobody made one
      }
    } else {
      this.#url = urlOf(from);
      this.#method = methodOf(from);
      this.#options = from.#options;
      this.#signalSource = from;
    }
    if (dictionary !== undefined && !isEmpty(dictionary)) {
      this.#applyInit(from, dictionary, prefix);
    } else {
      this.#checkMode(prefix);
      this.#list = from === undefined ? [] : copyList(listOf(from));
      if (from !== undefined) this.#takeBody(from, prefix);
    }
  }

  static {
    isRequest = (value) => webidl.isObject(value) && #rid in value;
    methodOf = (request) => (request.#method ??= ops.request_method(request.#rid));
    urlOf = (request) => (request.#url ??= ops.request_url(request.#rid));
    listOf = (request) => {
      if (request.#headers !== undefined) return getHeaderList(request.#headers);
      return (request.#list ??= splitList(ops.request_headers(request.#rid)));
    };
    headersOf = (request) =>
      (request.#headers ??= headersFromList(listOf(request), request.#rid < 0 ? "request" : "immutable"));
    bodyOf = (request) => {
      const body = request.#body;
      return typeof body === "string" ? (request.#body = bodies.textBody(body)) : body;
    };
    signalOf = (request) => {
      if (request.#signal === undefined) {
        const source = request.#signalSource;
        if (source === undefined) {
          request.#signal = createSignal();
        } else {
          request.#signal = createDependentSignal([isRequest(source) ? signalOf(source) : source]);
          request.#signalSource = undefined;
        }
      }
      return request.#signal;
    };
    cacheOf = (request) => request.#options.cache;
    integrityOf = (request) => request.#options.integrity;
    blobOf = (request) => request.#options.blob;
    redirectOf = (request) => request.#options.redirect;
    signalIfAny = (request) =>
      request.#signal === undefined && request.#signalSource === undefined ? undefined : signalOf(request);
    makeServerRequest = (rid, hasBody) => {
      const request = new Request(webidl.internal);
      request.#rid = rid;
      request.#options = SERVER_DEFAULTS;
      if (hasBody) request.#body = bodies.nativeBody(rid);
      return request;
    };
    abortServerRequest = (request, reason) => signalAbort(signalOf(request), reason);
  }

  /** Steps 13 to 42, where there is an init dictionary. */
  #applyInit(from, init, prefix) {
    if (init.window !== undefined && init.window !== null) throw new TypeError(`${prefix}: 'window' can only be null`);
    this.#options = optionsFromInit(this.#options, init, prefix);
    if (init.method !== undefined) this.#method = convertMethod(init.method, prefix);
    if (init.signal !== undefined) this.#signalSource = init.signal === null ? undefined : init.signal;
    this.#checkMode(prefix);
    if (init.headers !== undefined) this.#list = checkList(init.headers, prefix);
    else this.#list = from === undefined ? [] : copyList(listOf(from));

    const initBody = init.body === undefined ? null : init.body;
    if (initBody === null) {
      if (from !== undefined) this.#takeBody(from, prefix);
      return;
    }
    this.#refuseBodyOfGet(prefix);
    const body = bodies.extractBody(initBody, prefix);
    const type = bodies.contentTypeOf(initBody, body);
    if (type !== null && !listHas(this.#list, "content-type")) {
      this.#list = listAppend(this.#list, "content-type", type);
    }
    if (type === null && (body.kind === bodies.STREAM || body.kind === bodies.NATIVE)) {
      if (this.#options.keepalive) throw new TypeError(`${prefix}: a stream cannot be the body of a keepalive request`);
      if (init.duplex === undefined) throw new TypeError(`${prefix}: a stream as body needs duplex: "half"`);
      this.#refuseStreamMode(prefix);
    }
    this.#body = body;
  }

  #checkMode(prefix) {
    if (this.#options.mode !== "no-cors") return;
    const method = this.#method;
    if (method !== "GET" && method !== "HEAD" && method !== "POST") {
      throw new TypeError(`${prefix}: the mode 'no-cors' does not allow the method '${method}'`);
    }
  }

  #refuseBodyOfGet(prefix) {
    const method = this.#method;
    if (method === "GET" || method === "HEAD") throw new TypeError(`${prefix}: a ${method} request has no body`);
  }

  #refuseStreamMode(prefix) {
    const mode = this.#options.mode;
    if (mode !== "cors" && mode !== "same-origin") {
      throw new TypeError(`${prefix}: the mode '${mode}' allows no stream as body`);
    }
  }

  /** The body of the request that this one is made from moves here. */
  #takeBody(from, prefix) {
    const body = bodyOf(from);
    if (body === null) return;
    this.#refuseBodyOfGet(prefix);
    if (body.kind === bodies.STREAM || body.kind === bodies.NATIVE) this.#refuseStreamMode(prefix);
    if (bodies.isUnusable(body)) {
      throw new TypeError(`${prefix}: the body of the request was used already, or its stream is locked`);
    }
    this.#body = bodies.transferBody(body);
  }

  get method() { return methodOf(this); }
  get url() { return urlOf(this); }
  get headers() { return headersOf(this); }
  get destination() {
    this.#rid; // The brand check, here and below.
    return "";
  }
  get referrer() { return this.#options.referrer; }
  get referrerPolicy() { return this.#options.referrerPolicy; }
  get mode() { return this.#options.mode; }
  get credentials() { return this.#options.credentials; }
  get cache() { return this.#options.cache; }
  get redirect() { return this.#options.redirect; }
  get integrity() { return this.#options.integrity; }
  get keepalive() { return this.#options.keepalive; }
  get isReloadNavigation() {
    this.#rid;
    return false;
  }
  get isHistoryNavigation() {
    this.#rid;
    return false;
  }
  get signal() { return signalOf(this); }
  get duplex() {
    this.#rid;
    return "half";
  }

  clone() {
    const body = bodyOf(this);
    if (body !== null && bodies.isUnusable(body)) {
      throw new TypeError("Failed to execute 'clone' on 'Request': the body was used already, or its stream is locked");
    }
    const result = new Request(webidl.internal);
    result.#method = methodOf(this);
    result.#url = urlOf(this);
    result.#options = this.#options;
    result.#signalSource = this;
    const list = copyList(listOf(this));
    // The guard goes with the list.
    if (this.#headers !== undefined || this.#rid >= 0) {
      result.#headers = headersFromList(list, getHeaderGuard(headersOf(this)));
    } else {
      result.#list = list;
    }
    if (body !== null) result.#body = bodies.cloneBody(body);
    return result;
  }
}
bodies.mixinBody(Request, (request) => bodyOf(request), (request) => listOf(request));
webidl.configureInterface(Request);
registerInspector(Request, isRequest, (request) => ({
  __proto__: null, method: methodOf(request), url: urlOf(request), headers: headersOf(request),
}));

exports.Request = Request;
exports.isRequest = isRequest;
exports.makeServerRequest = makeServerRequest;
exports.abortServerRequest = abortServerRequest;
/** What `fetch` needs of a request. */
exports.methodOf = methodOf;
exports.urlOf = urlOf;
exports.listOf = listOf;
exports.bodyOf = bodyOf;
exports.signalIfAny = signalIfAny;
exports.cacheOf = cacheOf;
exports.integrityOf = integrityOf;
exports.redirectOf = redirectOf;
exports.blobOf = blobOf;
