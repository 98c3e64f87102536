// Crypto (https://w3c.github.io/webcrypto/#Crypto-interface).

const { TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetSymbolToStringTag } = primordials;
const webidl = require("webidl");
const { DOMException, QuotaExceededError } = require("domexception");
const subtle = lazy("crypto/subtle");

const QUOTA_BYTES = 65536;

/** Whether the tag of a typed array (undefined for a DataView) is that of one of integers. */
function isIntegerArray(tag) {
  switch (tag) {
    case "Int8Array": case "Uint8Array": case "Uint8ClampedArray": case "Int16Array": case "Uint16Array":
    case "Int32Array": case "Uint32Array": case "BigInt64Array": case "BigUint64Array":
      return true;
    default:
      return false;
  }
}

let isCrypto;

class Crypto {
  #subtle = undefined;

  constructor(token = undefined) {
    if (token !== webidl.internal) throw webidl.illegalConstructor();
  }

  static {
    isCrypto = (value) => webidl.isObject(value) && #subtle in value;
  }

  get subtle() {
    return (this.#subtle ??= new (subtle.load().SubtleCrypto)(webidl.internal));
  }

  getRandomValues(array) {
    if (!isCrypto(this)) throw webidl.illegalInvocation();
    const prefix = "Failed to execute 'getRandomValues' on 'Crypto'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    webidl.converters.ArrayBufferView(array, prefix, "Argument 1");
    if (!isIntegerArray(TypedArrayPrototypeGetSymbolToStringTag(array))) {
      throw new DOMException(`${prefix}: the array is not one of integers`, "TypeMismatchError");
    }
    const length = TypedArrayPrototypeGetByteLength(array);
    if (length > QUOTA_BYTES) {
      throw new QuotaExceededError(`${prefix}: one call gives at most ${QUOTA_BYTES} bytes`);
    }
    if (length > 0) ops.crypto_random_fill(array);
    return array;
  }

  randomUUID() {
    if (!isCrypto(this)) throw webidl.illegalInvocation();
    return ops.crypto_random_uuid();
  }
}
webidl.configureInterface(Crypto);

exports.Crypto = Crypto;
exports.crypto = new Crypto(webidl.internal);
