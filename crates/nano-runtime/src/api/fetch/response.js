// Response (https://fetch.spec.whatwg.org/#response-class).
//
// A handler makes one per request, so an object is little more than its status, a flat header list and the body as it
// was given. Headers, Body and stream are made when they are touched.

const { JSONStringify, RangeError, StringPrototypeCharCodeAt, TypeError } = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspect");
const { parseHref, withoutFragment } = require("url");
const { checkList, convertInit, copyList, getHeaderList, headersFromList, joinedList, listHas } = require("headers");
const bodies = require("fetch/body");
const { converters } = webidl;

// What most responses have as their only header, shared by all of them until their Headers are touched.
const TEXT_LIST = ["content-type", "text/plain;charset=UTF-8"];
const JSON_LIST = ["content-type", "application/json"];

// What `ops.respond` takes for them; undefined stands for no headers, and a string is as `joinedList` makes it.
const SEND_TEXT_LIST = 1;
const SEND_JSON_LIST = 2;

// The kinds of body that `ops.respond` takes; the others are in `send.js`.
const SEND_NONE = 0;
const SEND_STRING = 1;

/** In `#body`: consumed before anything needed a Body. */
const USED = { __proto__: null };

function isNullBodyStatus(status) {
  return status === 204 || status === 205 || status === 304 || status === 101 || status === 103;
}

/** RFC 9112, 4: reason-phrase. The value is a ByteString. */
function isReasonPhrase(text) {
  for (let i = 0; i < text.length; i++) {
    const code = StringPrototypeCharCodeAt(text, i);
    if ((code < 32 && code !== 9) || code === 127) return false;
  }
  return true;
}

let isResponse, describe, bodyOf, respond, responseFromParts;

class Response {
  /** null, a string, a Body, or USED. */
  #body = null;
  #status = 200;
  #statusText = "";
  /** The header list until `#headers` is made, which has it then. */
  #list = undefined;
  #headers = undefined;
  /** What only some responses have: { type, url, redirected, guard }. */
  #rare = undefined;

  constructor(body = null, init = undefined) {
    if (body === webidl.internal) return;
    const prefix = "Failed to construct 'Response'";
    if (body !== null) body = bodies.convertBodyInit(body, prefix, "Argument 1");
    if (init === undefined) {
      // The common case, in as few steps as it can be.
      if (body === null) this.#list = [];
      else this.#setBody(body, bodies.extractBody(body, prefix));
      return;
    }
    this.#initialize(init, body, prefix);
  }

  static {
    isResponse = (value) => webidl.isObject(value) && #body in value;
    describe = (response) => ({
      __proto__: null, status: response.#status, statusText: response.#statusText, headers: response.#headersObject(),
    });
    bodyOf = (response) => {
      const body = response.#body;
      if (typeof body === "string") return (response.#body = bodies.textBody(body));
      return body === USED ? (response.#body = bodies.usedBody()) : body;
    };
    respond = (rid, response, sendBody) => {
      const status = response.#status;
      if (status === 0) throw new TypeError("Response.error() cannot be sent");
      let list = response.#headers === undefined ? response.#list : getHeaderList(response.#headers);
      // The lists of most responses have a name, and are not taken apart on the way out.
      if (list === TEXT_LIST) list = SEND_TEXT_LIST;
      else if (list === JSON_LIST) list = SEND_JSON_LIST;
      else if (list !== undefined) list = joinedList(list);
      const body = response.#body;
      if (body === null) {
        ops.respond(rid, status, list, SEND_NONE, undefined);
      } else if (typeof body === "string") {
        response.#body = USED;
        ops.respond(rid, status, list, SEND_STRING, body);
      } else {
        return sendBody(rid, status, list, bodyOf(response));
      }
    };
    responseFromParts = (body, status, statusText, list, rare) => {
      const response = new Response(webidl.internal);
      response.#body = body;
      response.#status = status;
      response.#statusText = statusText;
      response.#list = list;
      response.#rare = rare;
      return response;
    };
  }

  static error() {
    const rare = { __proto__: null, type: "error", url: "", redirected: false, guard: "immutable" };
    return responseFromParts(null, 0, "", [], rare);
  }

  static redirect(url, status = 302) {
    const prefix = "Failed to execute 'redirect' on 'Response'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    status = converters["unsigned short"](status, prefix, "Argument 2");
    // There is no document whose URL a relative one could start from.
    const href = parseHref(url, undefined);
    if (href === undefined) throw new TypeError(`${prefix}: '${url}' is not a valid absolute URL`);
    if (status !== 301 && status !== 302 && status !== 303 && status !== 307 && status !== 308) {
      throw new RangeError(`${prefix}: ${status} is not the status of a redirect`);
    }
    const rare = { __proto__: null, type: "default", url: "", redirected: false, guard: "immutable" };
    return responseFromParts(null, status, "", ["location", href], rare);
  }

  static json(data, init = undefined) {
    const prefix = "Failed to execute 'json' on 'Response'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const response = new Response(webidl.internal);
    if (init === undefined) {
      response.#body = stringifyJSON(data, prefix);
      response.#list = JSON_LIST;
    } else {
      const { headers, status, statusText } = convertResponseInit(init, prefix);
      const body = stringifyJSON(data, prefix);
      response.#setInit(headers, status, statusText, prefix);
      response.#refuseNullBodyStatus(prefix);
      response.#body = body;
      response.#defaultType("application/json");
    }
    return response;
  }

  #initialize(init, body, prefix) {
    const { headers, status, statusText } = convertResponseInit(init, prefix);
    const extracted = body === null ? null : bodies.extractBody(body, prefix);
    this.#setInit(headers, status, statusText, prefix);
    if (body === null) return;
    this.#refuseNullBodyStatus(prefix);
    this.#setBody(body, extracted);
  }

  /** "Initialize a response", without its body. */
  #setInit(headers, status, statusText, prefix) {
    if (status < 200 || status > 599) throw new RangeError(`${prefix}: the status ${status} is outside 200 to 599`);
    if (!isReasonPhrase(statusText)) throw new TypeError(`${prefix}: '${statusText}' is not a reason phrase`);
    this.#status = status;
    this.#statusText = statusText;
    if (headers !== undefined) this.#list = checkList(headers, prefix);
  }

  #refuseNullBodyStatus(prefix) {
    const status = this.#status;
    if (isNullBodyStatus(status)) throw new TypeError(`${prefix}: a response with status ${status} has no body`);
  }

  #setBody(init, extracted) {
    this.#body = extracted;
    const type = bodies.contentTypeOf(init);
    if (type !== null) this.#defaultType(type);
    else if (this.#list === undefined) this.#list = [];
  }

  #defaultType(type) {
    const list = this.#list;
    if (list === undefined) {
      this.#list = type === TEXT_LIST[1] ? TEXT_LIST : type === JSON_LIST[1] ? JSON_LIST : ["content-type", type];
    } else if (!listHas(list, "content-type")) {
      list[list.length] = "content-type";
      list[list.length] = type;
    }
  }

  get type() {
    const rare = this.#rare;
    return rare === undefined ? "default" : rare.type;
  }

  get url() {
    const rare = this.#rare;
    return rare === undefined ? "" : withoutFragment(rare.url);
  }

  get redirected() {
    const rare = this.#rare;
    return rare !== undefined && rare.redirected;
  }

  get status() {
    return this.#status;
  }

  get ok() {
    const status = this.#status;
    return status >= 200 && status <= 299;
  }

  get statusText() {
    return this.#statusText;
  }

  #headersObject() {
    if (this.#headers === undefined) {
      const list = this.#list;
      const own = list === undefined ? [] : list === TEXT_LIST || list === JSON_LIST ? copyList(list) : list;
      this.#headers = headersFromList(own, this.#rare === undefined ? "response" : this.#rare.guard);
    }
    return this.#headers;
  }

  get headers() {
    return this.#headersObject();
  }

  clone() {
    const body = bodyOf(this);
    if (body !== null && bodies.isUnusable(body)) {
      const prefix = "Failed to execute 'clone' on 'Response'";
      throw new TypeError(`${prefix}: the body was used already, or its stream is locked`);
    }
    const list = this.#headers === undefined ? this.#list : getHeaderList(this.#headers);
    const copy = list === undefined || list === TEXT_LIST || list === JSON_LIST ? list : copyList(list);
    const cloned = body === null ? null : bodies.cloneBody(body);
    return responseFromParts(cloned, this.#status, this.#statusText, copy, this.#rare);
  }
}
bodies.mixinBody(Response, (response) => bodyOf(response));
webidl.configureInterface(Response);
registerInspector(Response, isResponse, describe);

/** "Serialize a JavaScript value to JSON bytes", kept a string. */
function stringifyJSON(data, prefix) {
  const string = JSONStringify(data);
  if (string === undefined) throw new TypeError(`${prefix}: the value cannot be serialized to JSON`);
  return string;
}

/** ResponseInit: members are read in alphabetical order (Web IDL, 3.2.17). */
function convertResponseInit(init, prefix) {
  if (init === undefined || init === null) return { headers: undefined, status: 200, statusText: "" };
  if (!webidl.isObject(init)) {
    throw new TypeError(`${prefix}: Argument 2 cannot be converted to a dictionary (ResponseInit)`);
  }
  let headers = init.headers;
  if (headers !== undefined) headers = convertInit(headers, prefix, "'headers' of 'ResponseInit'");
  let status = init.status;
  if (status === undefined) status = 200;
  else status = converters["unsigned short"](status, prefix, "'status' of 'ResponseInit'");
  let statusText = init.statusText;
  if (statusText === undefined) statusText = "";
  else statusText = converters.ByteString(statusText, prefix, "'statusText' of 'ResponseInit'");
  return { headers, status, statusText };
}

exports.Response = Response;
exports.isResponse = isResponse;
exports.respond = respond;
exports.responseFromParts = responseFromParts;
exports.SEND_STRING = SEND_STRING;
