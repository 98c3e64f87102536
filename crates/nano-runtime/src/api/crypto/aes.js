// AES-CTR, AES-CBC, AES-GCM and AES-KW (https://w3c.github.io/webcrypto/#aes-ctr and what follows).

const { TypedArrayPrototypeGetByteLength, Uint8Array } = primordials;
const {
  algorithmOf, checkUsages, copyMaterial, createKey, cryptoError, isExtractable, materialOf, normalizeUsages, usagesOf,
} = require("crypto/key");
const { bytesMember, createParamsConverter, define, integerMember } = require("crypto/algorithms");
const { checkJwk, encodeBase64url, jwkBytes } = require("crypto/jwk");

const convertKeyParams = createParamsConverter("AesKeyGenParams", [integerMember("unsigned short", "length", true)]);
const convertCtrParams = createParamsConverter("AesCtrParams", [
  bytesMember("counter", true), integerMember("octet", "length", true),
]);
const convertCbcParams = createParamsConverter("AesCbcParams", [bytesMember("iv", true)]);
const convertGcmParams = createParamsConverter("AesGcmParams", [
  bytesMember("additionalData", false), bytesMember("iv", true), integerMember("octet", "tagLength", false),
]);

const CIPHER_USAGES = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
const WRAP_USAGES = ["wrapKey", "unwrapKey"];
const usagesFor = (name) => (name === "AES-KW" ? WRAP_USAGES : CIPHER_USAGES);
const isKeyLength = (bits) => bits === 128 || bits === 192 || bits === 256;
const JWK_MODE = { __proto__: null, "AES-CTR": "CTR", "AES-CBC": "CBC", "AES-GCM": "GCM", "AES-KW": "KW" };
/** "A128GCM" and the like. */
const jwkAlg = (name, bits) => `A${bits}${JWK_MODE[name]}`;

function checkLength(bits) {
  if (!isKeyLength(bits)) throw cryptoError("OperationError", `An AES key has 128, 192 or 256 bits, not ${bits}`);
  return bits;
}

function makeKey(material, name, extractable, usages) {
  const length = TypedArrayPrototypeGetByteLength(material) * 8;
  return createKey("secret", extractable, { __proto__: null, name, length }, usages, material);
}

function generateKey(normalized, extractable, usages) {
  const { name, length } = normalized;
  checkUsages(usages, usagesFor(name), `A key of ${name}`);
  const material = new Uint8Array(checkLength(length) / 8);
  ops.crypto_random_fill(material);
  return makeKey(material, name, extractable, usages);
}

function importKey(normalized, format, keyData, extractable, usages) {
  const { name } = normalized;
  checkUsages(usages, usagesFor(name), `A key of ${name}`);
  let material = keyData;
  if (format === "jwk") {
    if (keyData.kty !== "oct") throw cryptoError("DataError", 'The JWK\'s "kty" is not "oct"');
    material = jwkBytes(keyData, "k");
  } else if (format !== "raw") {
    throw cryptoError("NotSupportedError", `Keys of ${name} have no '${format}' format`);
  }
  const bits = TypedArrayPrototypeGetByteLength(material) * 8;
  if (!isKeyLength(bits)) throw cryptoError("DataError", "An AES key has 128, 192 or 256 bits");
  if (format === "jwk") {
    if (keyData.alg !== undefined && keyData.alg !== jwkAlg(name, bits)) {
      throw cryptoError("DataError", `The JWK's "alg" is not "${jwkAlg(name, bits)}"`);
    }
    checkJwk(keyData, "enc", extractable, usages);
  }
  return makeKey(material, name, extractable, usages);
}

function exportKey(key, format) {
  const { name, length } = algorithmOf(key);
  if (format === "raw") return copyMaterial(key);
  if (format !== "jwk") throw cryptoError("NotSupportedError", `Keys of ${name} have no '${format}' format`);
  return {
    alg: jwkAlg(name, length),
    ext: isExtractable(key),
    k: encodeBase64url(materialOf(key)),
    key_ops: normalizeUsages(usagesOf(key)),
    kty: "oct",
  };
}

function checkBlock(bytes, what) {
  if (TypedArrayPrototypeGetByteLength(bytes) !== 16) throw cryptoError("OperationError", `The ${what} has not 16 bytes`);
}

function ctr(normalized, key, data) {
  const { counter, length } = normalized;
  checkBlock(counter, "counter");
  if (length === 0 || length > 128) throw cryptoError("OperationError", "The counter's length is not 1 to 128 bits");
  return ops.crypto_aes_ctr(materialOf(key), counter, length, data);
}

const cbc = (operation) => (normalized, key, data) => {
  checkBlock(normalized.iv, "iv");
  return ops.crypto_aes_cbc(operation, materialOf(key), normalized.iv, data);
};

const gcm = (operation) => (normalized, key, data) => {
  const { iv, tagLength = 128 } = normalized;
  if (TypedArrayPrototypeGetByteLength(iv) === 0) throw cryptoError("OperationError", "The iv is empty");
  switch (tagLength) {
    case 32: case 64: case 96: case 104: case 112: case 120: case 128: break;
    default: throw cryptoError("OperationError", `A tag has not ${tagLength} bits`);
  }
  const additionalData = normalized.additionalData ?? new Uint8Array(0);
  return ops.crypto_aes_gcm(operation, materialOf(key), iv, additionalData, tagLength / 8, data);
};

define("encrypt", "AES-CTR", convertCtrParams, ctr);
define("decrypt", "AES-CTR", convertCtrParams, ctr);
define("encrypt", "AES-CBC", convertCbcParams, cbc("encrypt"));
define("decrypt", "AES-CBC", convertCbcParams, cbc("decrypt"));
define("encrypt", "AES-GCM", convertGcmParams, gcm("encrypt"));
define("decrypt", "AES-GCM", convertGcmParams, gcm("decrypt"));
const operations = ["wrapKey", "unwrapKey"];
for (let i = 0; i < operations.length; i++) {
  const operation = operations[i];
  define(operation, "AES-KW", undefined, (normalized, key, data) => ops.crypto_aes_kw(operation, materialOf(key), data));
}
const names = ["AES-CTR", "AES-CBC", "AES-GCM", "AES-KW"];
for (let i = 0; i < names.length; i++) {
  const name = names[i];
  define("generateKey", name, convertKeyParams, generateKey);
  define("importKey", name, undefined, importKey);
  define("exportKey", name, undefined, exportKey);
  define("getKeyLength", name, convertKeyParams, (normalized) => checkLength(normalized.length));
}
