// Response (https://fetch.spec.whatwg.org/#response-class).
//
// A handler makes one per request, so an object is little more than its status, a flat header list and the body as it
// was given. Headers, Body and stream are made when they are touched.

const { JSONStringify, RangeError, StringPrototypeCharCodeAt, TypeError } = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const { parseHref, withoutFragment } = require("url");
const {
  checkList, convertInit, copyList, getHeaderList, headersFromList, joinedList, listAppend, listHas,
} = require("headers");
const bodies = require("fetch/body");
const { converters } = webidl;

// What most responses have as their only header, shared by all of them until their Headers are touched.
const TEXT_LIST = ["content-type", "text/plain;charset=UTF-8"];
const JSON_LIST = ["content-type", "application/json"];

// The kinds of body that `ops.respond` takes; the others are in `send.js`.
const SEND_NONE = 0;
const SEND_STRING = 1;

/** Header lists of up to this length go to native code piece by piece. */
const FEW = 32;

/** Strings of up to this length go to native code as they lie in V8's heap. Longer ones count as the app's memory. */
const SHORT = 32768;

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

let isResponse, describe, bodyOf, listOf, respond, responseFromParts, statusOf;

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
    listOf = (response) => (response.#headers === undefined ? response.#list ?? [] : getHeaderList(response.#headers));
    statusOf = (response) => response.#status;
    respond = (rid, response, sendBody) => {
      const status = response.#status;
      if (status === 0) throw new TypeError("Response.error() cannot be sent");
      const list = response.#headers === undefined ? response.#list : getHeaderList(response.#headers);
      const body = response.#body;
      if (typeof body === "string") {
        response.#body = USED;
        const last = list.length - 2;
        if (last < 0 || last > FEW || body.length > SHORT) {
          ops.respond(rid, status, joinedList(list), SEND_STRING, body);
        } else {
          // Most responses: optimised code hands strings to native code as they lie there.
          for (let i = 0; i < last; i += 2) ops.add_header(rid, list[i], list[i + 1]);
          ops.respond_text(rid, status, list[last], list[last + 1], body);
        }
      } else if (body === null) {
        ops.respond(rid, status, list === undefined ? "" : joinedList(list), SEND_NONE, undefined);
      } else {
        return sendBody(rid, status, list === undefined ? "" : joinedList(list), bodyOf(response));
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
      response.#convertInit(init, prefix);
      const body = stringifyJSON(data, prefix);
      response.#checkInit(prefix);
      response.#refuseNullBodyStatus(prefix);
      response.#body = body;
      response.#defaultType("application/json");
    }
    return response;
  }

  #initialize(init, body, prefix) {
    this.#convertInit(init, prefix);
    const extracted = body === null ? null : bodies.extractBody(body, prefix);
    this.#checkInit(prefix);
    if (body === null) return;
    this.#refuseNullBodyStatus(prefix);
    this.#setBody(body, extracted);
  }

  /** ResponseInit: members are read in alphabetical order (Web IDL, 3.2.17). Nobody sees them until they are checked. */
  #convertInit(init, prefix) {
    if (init === undefined || init === null) return;
    if (!webidl.isObject(init)) {
      throw new TypeError(`${prefix}: Argument 2 cannot be converted to a dictionary (ResponseInit)`);
    }
    const headers = init.headers;
    if (headers !== undefined) this.#list = convertInit(headers, prefix, "'headers' of 'ResponseInit'");
    const status = init.status;
    if (status !== undefined) {
      this.#status = converters["unsigned short"](status, prefix, "'status' of 'ResponseInit'");
    }
    const statusText = init.statusText;
    if (statusText !== undefined) {
      this.#statusText = converters.ByteString(statusText, prefix, "'statusText' of 'ResponseInit'");
    }
  }

  /** "Initialize a response" with what was converted, without its body. */
  #checkInit(prefix) {
    const status = this.#status;
    if (status < 200 || status > 599) throw new RangeError(`${prefix}: the status ${status} is outside 200 to 599`);
    const statusText = this.#statusText;
    if (!isReasonPhrase(statusText)) throw new TypeError(`${prefix}: '${statusText}' is not a reason phrase`);
    if (this.#list !== undefined) this.#list = checkList(this.#list, prefix);
  }

  #refuseNullBodyStatus(prefix) {
    const status = this.#status;
    if (isNullBodyStatus(status)) throw new TypeError(`${prefix}: a response with status ${status} has no body`);
  }

  #setBody(init, extracted) {
    this.#body = extracted;
    const type = bodies.contentTypeOf(init, extracted);
    if (type !== null) this.#defaultType(type);
    else if (this.#list === undefined) this.#list = [];
  }

  #defaultType(type) {
    const list = this.#list;
    if (list === undefined) {
      this.#list = type === TEXT_LIST[1] ? TEXT_LIST : type === JSON_LIST[1] ? JSON_LIST : ["content-type", type];
    } else if (!listHas(list, "content-type")) {
      this.#list = listAppend(list, "content-type", type);
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
bodies.mixinBody(Response, (response) => bodyOf(response), (response) => listOf(response));
webidl.configureInterface(Response);
registerInspector(Response, isResponse, describe);

/** "Serialize a JavaScript value to JSON bytes", kept a string. */
function stringifyJSON(data, prefix) {
  const string = JSONStringify(data);
  if (string === undefined) throw new TypeError(`${prefix}: the value cannot be serialized to JSON`);
  return string;
}

exports.Response = Response;
exports.isResponse = isResponse;
exports.listOfResponse = listOf;
exports.statusOfResponse = statusOf;
/** A promise for what `type.of(bytes)` makes of the body, which it consumes. */
exports.consumeResponse = (response, type) => bodies.consume(response, bodyOf, type);
exports.respond = respond;
exports.responseFromParts = responseFromParts;
exports.SEND_NONE = SEND_NONE;
exports.SEND_STRING = SEND_STRING;
