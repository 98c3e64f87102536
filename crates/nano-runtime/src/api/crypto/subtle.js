// SubtleCrypto (https://w3c.github.io/webcrypto/#subtlecrypto-interface).
//
// A method converts its arguments, normalises the algorithm and only then looks at bytes, all before it returns: so no
// copy of what a caller might change afterwards is needed for operations that are done at once.

const {
  ArrayBufferIsView, ArrayBufferPrototypeGetByteLength, JSONParse, JSONStringify, MathCeil, ObjectSetPrototypeOf,
  PromiseReject, PromiseResolve, TypeError, TypedArrayPrototypeGetBuffer, Uint8Array,
} = primordials;
const webidl = require("webidl");
const { copyBytes } = require("fetch/body");
const { convertIdentifier, implementationOf, normalize, normalizeWrapping } = require("crypto/algorithms");
const {
  algorithmOf, checkHasUsages, cryptoError, finish, hasUsage, isCryptoKey, isExtractable, typeOf, USAGES, usagesOf,
} = require("crypto/key");
const { convertJwk } = require("crypto/jwk");
// Each adds its algorithms to the table.
require("crypto/hmac");
require("crypto/aes");
require("crypto/ec");
require("crypto/okp");
require("crypto/rsa");
require("crypto/kdf");
const { converters } = webidl;

const { BufferSource } = converters;
const convertFormat = webidl.createEnumConverter("KeyFormat", ["raw", "spki", "pkcs8", "jwk"]);
const convertKey = webidl.createInterfaceConverter("CryptoKey", isCryptoKey);
const convertUsages = webidl.createSequenceConverter(webidl.createEnumConverter("KeyUsage", USAGES));
const convertNullableLength = webidl.createNullableConverter(converters["unsigned long"]);

/** `(BufferSource or JsonWebKey)` */
function convertKeyData(V, prefix, context) {
  if (ArrayBufferIsView(V) || (webidl.isObject(V) && webidl.isArrayBuffer(V))) return BufferSource(V, prefix, context);
  return convertJwk(V, prefix, context);
}

function isBufferSource(value) {
  return ArrayBufferIsView(value) || webidl.isArrayBuffer(value);
}

/** Whether `key` is one for the normalised algorithm, and allows `usage`. */
function checkKey(normalized, key, usage) {
  if (algorithmOf(key).name !== normalized.name) {
    throw cryptoError("InvalidAccessError", `The key is not one of the algorithm '${normalized.name}'`);
  }
  if (!hasUsage(usagesOf(key), usage)) {
    throw cryptoError("InvalidAccessError", `The key does not allow the operation '${usage}'`);
  }
}

/** What a native operation gave, with the OperationError of one that failed. */
function checkResult(result) {
  if (result === undefined) throw cryptoError("OperationError", "The operation failed");
  return result;
}

/** encrypt and decrypt. */
function crypt(operation, args, prefix) {
  webidl.requiredArguments(args.length, 3, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const data = BufferSource(args[2], prefix, "Argument 3");
  const normalized = normalize(operation, algorithm, prefix);
  checkKey(normalized, key, operation);
  return finish(normalized.run(normalized, key, data), checkResult);
}

function sign(args, prefix) {
  webidl.requiredArguments(args.length, 3, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const data = BufferSource(args[2], prefix, "Argument 3");
  const normalized = normalize("sign", algorithm, prefix);
  checkKey(normalized, key, "sign");
  return finish(normalized.run(normalized, key, data), checkResult);
}

function verify(args, prefix) {
  webidl.requiredArguments(args.length, 4, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const signature = BufferSource(args[2], prefix, "Argument 3");
  const data = BufferSource(args[3], prefix, "Argument 4");
  const normalized = normalize("verify", algorithm, prefix);
  checkKey(normalized, key, "verify");
  return finish(normalized.run(normalized, key, signature, data), checkResult);
}

function digest(args, prefix) {
  webidl.requiredArguments(args.length, 2, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const data = BufferSource(args[1], prefix, "Argument 2");
  const normalized = normalize("digest", algorithm, prefix);
  return finish(normalized.run(normalized, data), checkResult);
}

function generateKey(args, prefix) {
  webidl.requiredArguments(args.length, 3, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const extractable = !!args[1];
  const usages = convertUsages(args[2], prefix, "Argument 3");
  const normalized = normalize("generateKey", algorithm, prefix);
  const result = normalized.run(normalized, extractable, usages);
  return isCryptoKey(result) ? checkHasUsages(result) : result; // pairs are checked where they are made
}

function importKey(args, prefix) {
  webidl.requiredArguments(args.length, 5, prefix);
  const format = convertFormat(args[0], prefix, "Argument 1");
  let keyData = convertKeyData(args[1], prefix, "Argument 2");
  const algorithm = convertIdentifier(args[2], prefix, "Argument 3");
  const extractable = !!args[3];
  const usages = convertUsages(args[4], prefix, "Argument 5");
  const normalized = normalize("importKey", algorithm, prefix);
  if (isBufferSource(keyData) === (format === "jwk")) {
    throw new TypeError(`${prefix}: the key data is not of the format '${format}'`);
  }
  if (format !== "jwk") keyData = copyBytes(keyData);
  return checkHasUsages(normalized.run(normalized, format, keyData, extractable, usages));
}

function exportKey(args, prefix) {
  webidl.requiredArguments(args.length, 2, prefix);
  const format = convertFormat(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const run = implementationOf("exportKey", algorithmOf(key).name, prefix);
  if (!isExtractable(key)) throw cryptoError("InvalidAccessError", `${prefix}: the key is not extractable`);
  return run(key, format);
}

/** The first `length` bits (null: all) of what a key agreement gave; unused bits of the last byte are 0. */
function truncate(bits, length) {
  if (length === null) return bits;
  const bytes = MathCeil(length / 8);
  const all = ArrayBufferPrototypeGetByteLength(bits);
  if (bytes > all) throw cryptoError("OperationError", "There are not so many bits");
  if (length === all * 8) return bits;
  const part = copyBytes(new Uint8Array(bits, 0, bytes));
  if (length % 8 !== 0) part[bytes - 1] &= 0xff << (8 - (length % 8));
  return TypedArrayPrototypeGetBuffer(part);
}

/** The bits that `algorithm` derives from a key, given to `then`. */
function derive(normalized, key, length, then) {
  const bits = normalized.run(normalized, key, length);
  return finish(bits, (result) => then(truncate(checkResult(result), length)));
}

function deriveKey(args, prefix) {
  webidl.requiredArguments(args.length, 5, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const derivedType = convertIdentifier(args[2], prefix, "Argument 3");
  const extractable = !!args[3];
  const usages = convertUsages(args[4], prefix, "Argument 5");
  const normalized = normalize("deriveBits", algorithm, prefix);
  const forImport = normalize("importKey", derivedType, prefix);
  const forLength = normalize("getKeyLength", derivedType, prefix);
  checkKey(normalized, key, "deriveKey");
  return derive(normalized, key, forLength.run(forLength), (bits) =>
    checkHasUsages(forImport.run(forImport, "raw", new Uint8Array(bits), extractable, usages)));
}

function deriveBits(args, prefix) {
  webidl.requiredArguments(args.length, 2, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const length = convertNullableLength(args[2], prefix, "Argument 3");
  const normalized = normalize("deriveBits", algorithm, prefix);
  checkKey(normalized, key, "deriveBits");
  return derive(normalized, key, length, (bits) => bits);
}

function wrapKey(args, prefix) {
  webidl.requiredArguments(args.length, 4, prefix);
  const format = convertFormat(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const wrappingKey = convertKey(args[2], prefix, "Argument 3");
  const algorithm = convertIdentifier(args[3], prefix, "Argument 4");
  const normalized = normalizeWrapping("wrapKey", "encrypt", algorithm, prefix);
  checkKey(normalized, wrappingKey, "wrapKey");
  const run = implementationOf("exportKey", algorithmOf(key).name, prefix);
  if (!isExtractable(key)) throw cryptoError("InvalidAccessError", `${prefix}: the key is not extractable`);
  let exported = run(key, format);
  if (format === "jwk") {
    // An app's toJSON is not asked.
    ObjectSetPrototypeOf(exported, null);
    ObjectSetPrototypeOf(exported.key_ops, null);
    exported = ops.encoding_encode_utf8(JSONStringify(exported));
  }
  return finish(normalized.run(normalized, wrappingKey, exported), checkResult);
}

/** "Parse a JWK". */
function parseJwk(bytes, prefix) {
  let jwk;
  try {
    jwk = JSONParse(ops.encoding_decode_utf8(bytes, false, false));
  } catch {
    throw cryptoError("DataError", `${prefix}: what was wrapped is not JSON`);
  }
  if (!webidl.isObject(jwk)) throw cryptoError("DataError", `${prefix}: what was wrapped is no JWK`);
  // Members that an app has put on Object.prototype are none of the key's.
  ObjectSetPrototypeOf(jwk, null);
  const converted = convertJwk(jwk, prefix, "The JWK");
  if (converted.kty === undefined) throw cryptoError("DataError", `${prefix}: the JWK has no "kty"`);
  return converted;
}

function unwrapKey(args, prefix) {
  webidl.requiredArguments(args.length, 7, prefix);
  const format = convertFormat(args[0], prefix, "Argument 1");
  const wrappedKey = BufferSource(args[1], prefix, "Argument 2");
  const unwrappingKey = convertKey(args[2], prefix, "Argument 3");
  const algorithm = convertIdentifier(args[3], prefix, "Argument 4");
  const keyAlgorithm = convertIdentifier(args[4], prefix, "Argument 5");
  const extractable = !!args[5];
  const usages = convertUsages(args[6], prefix, "Argument 7");
  const normalized = normalizeWrapping("unwrapKey", "decrypt", algorithm, prefix);
  const forImport = normalize("importKey", keyAlgorithm, prefix);
  checkKey(normalized, unwrappingKey, "unwrapKey");
  return finish(normalized.run(normalized, unwrappingKey, wrappedKey), (result) => {
    const bytes = new Uint8Array(checkResult(result));
    const keyData = format === "jwk" ? parseJwk(bytes, prefix) : bytes;
    return checkHasUsages(forImport.run(forImport, format, keyData, extractable, usages));
  });
}

let isSubtleCrypto;

/** A promise for what `method` does with the arguments, or throws. */
function settle(self, name, method, args) {
  try {
    if (!isSubtleCrypto(self)) throw webidl.illegalInvocation();
    return PromiseResolve(method(args, `Failed to execute '${name}' on 'SubtleCrypto'`));
  } catch (error) {
    return PromiseReject(error);
  }
}

const encrypt = (args, prefix) => crypt("encrypt", args, prefix);
const decrypt = (args, prefix) => crypt("decrypt", args, prefix);

class SubtleCrypto {
  #brand;
  constructor(token = undefined) {
    if (token !== webidl.internal) throw webidl.illegalConstructor();
  }
  static {
    isSubtleCrypto = (value) => webidl.isObject(value) && #brand in value;
  }
  encrypt(algorithm, key, data) { return settle(this, "encrypt", encrypt, arguments); }
  decrypt(algorithm, key, data) { return settle(this, "decrypt", decrypt, arguments); }
  sign(algorithm, key, data) { return settle(this, "sign", sign, arguments); }
  verify(algorithm, key, signature, data) { return settle(this, "verify", verify, arguments); }
  digest(algorithm, data) { return settle(this, "digest", digest, arguments); }
  generateKey(algorithm, extractable, keyUsages) { return settle(this, "generateKey", generateKey, arguments); }
  deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages) {
    return settle(this, "deriveKey", deriveKey, arguments);
  }
  deriveBits(algorithm, baseKey, length = null) { return settle(this, "deriveBits", deriveBits, arguments); }
  importKey(format, keyData, algorithm, extractable, keyUsages) {
    return settle(this, "importKey", importKey, arguments);
  }
  exportKey(format, key) { return settle(this, "exportKey", exportKey, arguments); }
  wrapKey(format, key, wrappingKey, wrapAlgorithm) { return settle(this, "wrapKey", wrapKey, arguments); }
  unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, keyUsages) {
    return settle(this, "unwrapKey", unwrapKey, arguments);
  }
}
webidl.configureInterface(SubtleCrypto);

exports.SubtleCrypto = SubtleCrypto;
