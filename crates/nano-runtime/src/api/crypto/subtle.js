// SubtleCrypto (https://w3c.github.io/webcrypto/#subtlecrypto-interface).
//
// A method converts its arguments, normalises the algorithm and only then looks at bytes, all before it returns: so no
// copy of what a caller might change afterwards is needed for operations that are done at once.

const { ArrayBufferIsView, PromiseReject, PromiseResolve, TypeError } = primordials;
const webidl = require("webidl");
const { copyBytes } = require("fetch/body");
const { convertIdentifier, implementationOf, normalize } = require("crypto/algorithms");
const {
  algorithmOf, cryptoError, hasUsage, isCryptoKey, isExtractable, typeOf, USAGES, usagesOf,
} = require("crypto/key");
const { convertJwk } = require("crypto/jwk");
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

/** A secret or private key that can be used for nothing is refused, whichever the algorithm. */
function checkHasUsages(key) {
  const type = typeOf(key);
  if ((type === "secret" || type === "private") && usagesOf(key).length === 0) {
    throw cryptoError("SyntaxError", "A secret or private key needs at least one usage");
  }
  return key;
}

/** encrypt and decrypt. */
function crypt(operation, args, prefix) {
  webidl.requiredArguments(args.length, 3, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const data = BufferSource(args[2], prefix, "Argument 3");
  const normalized = normalize(operation, algorithm, prefix);
  checkKey(normalized, key, operation);
  return normalized.run(normalized, key, data);
}

function sign(args, prefix) {
  webidl.requiredArguments(args.length, 3, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const data = BufferSource(args[2], prefix, "Argument 3");
  const normalized = normalize("sign", algorithm, prefix);
  checkKey(normalized, key, "sign");
  return normalized.run(normalized, key, data);
}

function verify(args, prefix) {
  webidl.requiredArguments(args.length, 4, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const key = convertKey(args[1], prefix, "Argument 2");
  const signature = BufferSource(args[2], prefix, "Argument 3");
  const data = BufferSource(args[3], prefix, "Argument 4");
  const normalized = normalize("verify", algorithm, prefix);
  checkKey(normalized, key, "verify");
  return normalized.run(normalized, key, signature, data);
}

function digest(args, prefix) {
  webidl.requiredArguments(args.length, 2, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const data = BufferSource(args[1], prefix, "Argument 2");
  const normalized = normalize("digest", algorithm, prefix);
  return normalized.run(normalized, data);
}

function generateKey(args, prefix) {
  webidl.requiredArguments(args.length, 3, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  const extractable = !!args[1];
  const usages = convertUsages(args[2], prefix, "Argument 3");
  const normalized = normalize("generateKey", algorithm, prefix);
  const result = normalized.run(normalized, extractable, usages);
  return isCryptoKey(result) ? checkHasUsages(result) : result;
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

// No algorithm registers the operations of the rest yet, so that normalising always fails; an algorithm that does
// needs the steps that follow it here.
function deriveKey(args, prefix) {
  webidl.requiredArguments(args.length, 5, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  convertKey(args[1], prefix, "Argument 2");
  convertIdentifier(args[2], prefix, "Argument 3");
  convertUsages(args[4], prefix, "Argument 5");
  normalize("deriveBits", algorithm, prefix);
}

function deriveBits(args, prefix) {
  webidl.requiredArguments(args.length, 2, prefix);
  const algorithm = convertIdentifier(args[0], prefix, "Argument 1");
  convertKey(args[1], prefix, "Argument 2");
  if (args.length > 2) convertNullableLength(args[2], prefix, "Argument 3");
  normalize("deriveBits", algorithm, prefix);
}

function wrapKey(args, prefix) {
  webidl.requiredArguments(args.length, 4, prefix);
  convertFormat(args[0], prefix, "Argument 1");
  convertKey(args[1], prefix, "Argument 2");
  convertKey(args[2], prefix, "Argument 3");
  normalize("wrapKey", convertIdentifier(args[3], prefix, "Argument 4"), prefix);
}

function unwrapKey(args, prefix) {
  webidl.requiredArguments(args.length, 7, prefix);
  convertFormat(args[0], prefix, "Argument 1");
  BufferSource(args[1], prefix, "Argument 2");
  convertKey(args[2], prefix, "Argument 3");
  const algorithm = convertIdentifier(args[3], prefix, "Argument 4");
  convertIdentifier(args[4], prefix, "Argument 5");
  convertUsages(args[6], prefix, "Argument 7");
  normalize("unwrapKey", algorithm, prefix);
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
