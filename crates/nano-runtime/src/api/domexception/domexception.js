// DOMException (Web IDL, 4.3) and QuotaExceededError, which derives from it (4.3.1).
//
// An instance is a real Error (it has [[ErrorData]], so `Error.isError` holds and V8 keeps its stack), whose prototype
// is DOMException.prototype. The interface object itself does not inherit from Error.

const {
  Error, ErrorPrototype, FunctionPrototypeCall, ObjectGetOwnPropertyDescriptor, ObjectSetPrototypeOf, RangeError,
  ReflectConstruct,
} = primordials;
const webidl = require("webidl");

// 2.8.1 names with a legacy code.
const legacyCodes = {
  __proto__: null,
  IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
  NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10, InvalidStateError: 11,
  SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14, InvalidAccessError: 15, TypeMismatchError: 17,
  SecurityError: 18, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23,
  InvalidNodeTypeError: 24, DataCloneError: 25,
};

// A constructor that returns its argument, so that a derived class's private fields go onto a given object.
const Identity = function (object) { return object; };
ObjectSetPrototypeOf(Identity, null);
Identity.prototype = null;

let make, isDOMException, nameOf, messageOf;
class State extends Identity {
  #message;
  #name;
  constructor(object, message, name) {
    super(object);
    this.#message = message;
    this.#name = name;
  }
  static {
    make = (object, message, name) => new State(object, message, name);
    isDOMException = (object) => webidl.isObject(object) && #name in object;
    nameOf = (object) => object.#name;
    messageOf = (object) => object.#message;
  }
}

function check(object) {
  if (!isDOMException(object)) throw webidl.illegalInvocation();
}

class DOMException {
  constructor(message = undefined, name = undefined) {
    const prefix = "Failed to construct 'DOMException'";
    message = message === undefined ? "" : webidl.converters.DOMString(message, prefix, "Argument 1");
    name = name === undefined ? "Error" : webidl.converters.DOMString(name, prefix, "Argument 2");
    // With `new.target` as the new target V8 leaves the frames up to this constructor out of the stack. Its first line
    // has the `name` of when `stack` is first read and the message given here, which must not stay as a property.
    const error = ReflectConstruct(Error, [message], new.target);
    delete error.message;
    return make(error, message, name);
  }
  get name() {
    check(this);
    return nameOf(this);
  }
  get message() {
    check(this);
    return messageOf(this);
  }
  get code() {
    check(this);
    return legacyCodes[nameOf(this)] ?? 0;
  }
}
ObjectSetPrototypeOf(DOMException.prototype, ErrorPrototype);
webidl.configureInterface(DOMException);
webidl.defineConstants(DOMException, {
  __proto__: null,
  INDEX_SIZE_ERR: 1, DOMSTRING_SIZE_ERR: 2, HIERARCHY_REQUEST_ERR: 3, WRONG_DOCUMENT_ERR: 4, INVALID_CHARACTER_ERR: 5,
  NO_DATA_ALLOWED_ERR: 6, NO_MODIFICATION_ALLOWED_ERR: 7, NOT_FOUND_ERR: 8, NOT_SUPPORTED_ERR: 9,
  INUSE_ATTRIBUTE_ERR: 10, INVALID_STATE_ERR: 11, SYNTAX_ERR: 12, INVALID_MODIFICATION_ERR: 13, NAMESPACE_ERR: 14,
  INVALID_ACCESS_ERR: 15, VALIDATION_ERR: 16, TYPE_MISMATCH_ERR: 17, SECURITY_ERR: 18, NETWORK_ERR: 19, ABORT_ERR: 20,
  URL_MISMATCH_ERR: 21, QUOTA_EXCEEDED_ERR: 22, TIMEOUT_ERR: 23, INVALID_NODE_TYPE_ERR: 24, DATA_CLONE_ERR: 25,
});

const { converters } = webidl;
const convertQuotaOptions = webidl.createDictionaryConverter("QuotaExceededErrorOptions", [
  { __proto__: null, key: "quota", converter: converters.double },
  { __proto__: null, key: "requested", converter: converters.double },
]);

let isQuotaExceededError, quotaOf, requestedOf;

class QuotaExceededError extends DOMException {
  #quota = null;
  #requested = null;
  constructor(message = undefined, options = undefined) {
    const prefix = "Failed to construct 'QuotaExceededError'";
    message = message === undefined ? "" : converters.DOMString(message, prefix, "Argument 1");
    const { quota, requested } = convertQuotaOptions(options, prefix, "Argument 2");
    super(message, "QuotaExceededError");
    if (quota < 0) throw new RangeError(`${prefix}: 'quota' is negative`);
    if (requested < 0) throw new RangeError(`${prefix}: 'requested' is negative`);
    if (requested < quota) throw new RangeError(`${prefix}: 'requested' is less than 'quota'`);
    if (quota !== undefined) this.#quota = quota;
    if (requested !== undefined) this.#requested = requested;
  }
  get quota() {
    if (!(#quota in this)) throw webidl.illegalInvocation();
    return this.#quota;
  }
  get requested() {
    if (!(#quota in this)) throw webidl.illegalInvocation();
    return this.#requested;
  }
  static {
    isQuotaExceededError = (object) => webidl.isObject(object) && #quota in object;
    quotaOf = (error) => error.#quota;
    requestedOf = (error) => error.#requested;
  }
}
webidl.configureInterface(QuotaExceededError);

// In V8 `stack` is an own accessor whose functions all errors share.
const stackGetter = ObjectGetOwnPropertyDescriptor(new Error(), "stack").get;

/** The stack of an error, unless the app has put something else there. Runs no getter of the app. */
function stackOf(error) {
  const descriptor = ObjectGetOwnPropertyDescriptor(error, "stack");
  if (descriptor === undefined) return undefined;
  ObjectSetPrototypeOf(descriptor, null);
  let stack = descriptor.value;
  if (descriptor.get !== undefined && descriptor.get === stackGetter) {
    try {
      stack = FunctionPrototypeCall(stackGetter, error); // an app's Error.prepareStackTrace may throw
    } catch {
      return undefined;
    }
  }
  return typeof stack === "string" ? stack : undefined;
}

exports.DOMException = DOMException;
exports.QuotaExceededError = QuotaExceededError;
exports.isQuotaExceededError = isQuotaExceededError;
/** The two attributes of a QuotaExceededError, null or a number. */
exports.quotaOf = quotaOf;
exports.requestedOf = requestedOf;
exports.isDOMException = isDOMException;
/** The name and message of a DOMException, whatever the app has done to its prototype. */
exports.nameOf = nameOf;
exports.messageOf = messageOf;
exports.stackOf = stackOf;
