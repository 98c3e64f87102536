// fetch (https://fetch.spec.whatwg.org/#fetch-method).
//
// The request goes to native code whole, which follows redirects; a body of the response stays there until it is read,
// and one that is returned untouched never comes here. There is no document, so no origin, CORS, cookie jar or cache:
// every response can be read, and with redirect: "manual" it is the redirect itself.

const {
  ObjectSetPrototypeOf, PromisePrototypeThen, PromiseReject, PromiseResolve, PromiseWithResolvers, SafeArray,
  StringPrototypeIndexOf, StringPrototypeSlice, TypeError,
} = primordials;
const webidl = require("webidl");
const { addAlgorithm, isAborted, reasonOf, removeAlgorithm } = require("abort");
const { copyList, joinedList, listHas, splitList } = require("headers");
const {
  Request, blobOf, bodyOf, cacheOf, integrityOf, listOf, methodOf, redirectOf, signalIfAny, urlOf,
} = require("fetch/request");
const { SEND_NONE, responseFromParts } = require("fetch/response");
const { SEND_STREAM, kindOf } = require("fetch/send");
const bodies = require("fetch/body");
const schemes = lazy("fetch/schemes");
const pumps = lazy("fetch/pump");

const REDIRECT = { __proto__: null, follow: 0, error: 1, manual: 2 };

const { fetch } = {
  fetch(input, init = undefined) {
    try {
      webidl.requiredArguments(arguments.length, 1, "Failed to execute 'fetch'");
      return send(new Request(input, init));
    } catch (error) {
      return PromiseReject(error);
    }
  },
};

/** A fetch under way. */
class Call {
  constructor(id, signal, outcome) {
    this.id = id;
    this.signal = signal;
    this.reject = outcome.reject;
    this.resolve = outcome.resolve;
    this.pump = undefined;
    this.body = undefined; // of the response
    this.abort = undefined;
  }

  /** "Abort the fetch() call", at whatever point it is. */
  aborted() {
    const reason = reasonOf(this.signal);
    ops.fetch_abort(this.id);
    this.reject(reason);
    this.pump?.gone(reason);
    if (this.body !== undefined) bodies.abortNative(this.body, reason);
  }

  answered({ parts }) {
    const { 0: status, 1: statusText, 2: headers, 3: hasBody, 4: url, 5: redirected } = parts;
    let body = null;
    if (hasBody) {
      body = this.body = bodies.nativeBody(this.id);
      body.signal = this.signal;
      if (this.abort !== undefined) watch(this);
    } else {
      this.ended();
    }
    const rare = { __proto__: null, type: "basic", url, redirected, guard: "immutable" };
    this.resolve(responseFromParts(body, status, statusText, splitList(headers), rare));
  }

  failed(error) {
    this.ended();
    this.pump?.gone(error);
    this.reject(error);
  }

  ended() {
    if (this.abort !== undefined) removeAlgorithm(this.signal, this.abort);
  }
}
ObjectSetPrototypeOf(Call.prototype, null);

/**
 * Calls whose response has a body, and which a signal can still end. A signal may live as long as the app, and holds
 * them; a body ends in many ways, most of them in native code, so that is asked now and then.
 */
let watched = new SafeArray();
let purgeAt = 16;

function watch(call) {
  if (watched.length >= purgeAt) {
    const open = new SafeArray();
    for (let i = 0; i < watched.length; i++) {
      if (ops.fetch_is_open(watched[i].id)) open[open.length] = watched[i];
      else watched[i].ended();
    }
    watched = open;
    purgeAt = 2 * open.length + 16;
  }
  watched[watched.length] = call;
}

/**
 * HTTP-network-or-cache fetch, steps 8.18 and 8.19: what a cache mode says to the caches on the way. There is none here,
 * so there is nothing that "only-if-cached" could find.
 */
function withCacheMode(list, cache) {
  if (cache === "only-if-cached") throw new TypeError("fetch failed: there is no cache for 'only-if-cached'");
  const control = cache === "no-cache" ? "max-age=0" : cache === "no-store" || cache === "reload" ? "no-cache" : "";
  if (control === "") return list;
  const result = copyList(list);
  if (control === "no-cache" && !listHas(list, "pragma")) {
    result[result.length] = "pragma";
    result[result.length] = control;
  }
  if (!listHas(list, "cache-control")) {
    result[result.length] = "cache-control";
    result[result.length] = control;
  }
  return result;
}

function send(request) {
  const signal = signalIfAny(request);
  const body = bodyOf(request);
  if (signal !== undefined && isAborted(signal)) {
    if (body !== null) bodies.cancelBody(body, reasonOf(signal));
    return PromiseReject(reasonOf(signal));
  }
  const url = urlOf(request);
  const scheme = StringPrototypeSlice(url, 0, StringPrototypeIndexOf(url, ":"));
  if (scheme === "data") return PromiseResolve(schemes.load().fetchData(url, methodOf(request)));
  if (scheme === "blob") {
    return PromiseResolve(schemes.load().fetchBlob(url, methodOf(request), listOf(request), blobOf(request)));
  }
  if (scheme !== "http" && scheme !== "https") throw new TypeError(`fetch failed: no fetch of '${scheme}:' URLs`);

  const cache = cacheOf(request);
  const list = cache === "default" ? listOf(request) : withCacheMode(listOf(request), cache);

  // Before anything is sent, as this may fail.
  const createUpload =
    body !== null && kindOf(body) === SEND_STREAM ? pumps.load().createUpload : undefined;
  const id = ops.fetch_open();
  const headers = joinedList(list);
  const redirect = REDIRECT[redirectOf(request)];
  let kind = SEND_NONE;
  let source;
  if (body !== null) {
    kind = kindOf(body);
    if (kind !== SEND_STREAM) {
      source = body.source;
      bodies.markTaken(body);
    }
  }
  const outcome = PromiseWithResolvers();
  const call = new Call(id, signal, outcome);
  const sent = ops.fetch_send(id, methodOf(request), url, headers, redirect, integrityOf(request), kind, source);
  if (signal !== undefined) {
    call.abort = () => call.aborted();
    addAlgorithm(signal, call.abort);
  }
  if (createUpload !== undefined) {
    call.pump = createUpload(id, body.stream);
    call.pump.run();
  }
  PromisePrototypeThen(sent, (parts) => call.answered(parts), (error) => call.failed(error));
  return outcome.promise;
}

exports.fetch = fetch;
