// How the response to a request that is being served goes to native code.

const { TypeError } = primordials;
const bodies = require("fetch/body");
const pumps = lazy("fetch/pump");
const { respond, SEND_STRING } = require("fetch/response");

// The kinds of body that `ops.respond` and `ops.fetch_send` take, besides those in `response.js`.
const SEND_BYTES = 2;
const SEND_STREAM = 3;
const SEND_NATIVE = 4;

/**
 * Answers request `rid` with `response`. Throws, having sent nothing, if the response's body is unusable or it is a
 * network error. Returns the Pump of the body when that is a stream to be read here, else undefined.
 */
function sendResponse(rid, response) {
  return respond(rid, response, sendBody);
}

/** The kind under which native code takes a body. */
function kindOf(body) {
  switch (body.kind) {
    case bodies.STRING: return SEND_STRING;
    case bodies.BYTES: return SEND_BYTES;
    case bodies.STREAM: return SEND_STREAM;
    default: return SEND_NATIVE;
  }
}

function sendBody(rid, status, list, body) {
  if (bodies.isUnusable(body)) throw new TypeError("The response's body was used already, or its stream is locked");
  const whole = bodies.wholeOf(body);
  if (whole.kind === bodies.STREAM) {
    const { startResponse } = pumps.load(); // before anything is sent, as this may fail
    ops.respond(rid, status, list, SEND_STREAM, undefined);
    return startResponse(rid, body.stream);
  }
  const source = whole.source;
  const kind = kindOf(whole);
  bodies.markTaken(body);
  body.source = undefined;
  ops.respond(rid, status, list, kind, source);
}

exports.sendResponse = sendResponse;
exports.kindOf = kindOf;
exports.SEND_STREAM = SEND_STREAM;
