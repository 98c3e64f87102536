// HMAC (https://w3c.github.io/webcrypto/#hmac).

const { MathCeil, TypeError, TypedArrayPrototypeGetByteLength, Uint8Array } = primordials;
const webidl = require("webidl");
const {
  algorithmOf, checkUsages, copyMaterial, createKey, cryptoError, isExtractable, materialOf, normalizeUsages, usagesOf,
} = require("crypto/key");
const { createParamsConverter, define, hashMember } = require("crypto/algorithms");
const { checkJwk, decodeBase64url, encodeBase64url } = require("crypto/jwk");

const enforceRange = { __proto__: null, enforceRange: true };
const lengthMember = {
  key: "length",
  converter: (V, prefix, context) => webidl.converters["unsigned long"](V, prefix, context, enforceRange),
};
const convertKeyGenParams = createParamsConverter("HmacKeyGenParams", [hashMember, lengthMember]);
const convertImportParams = createParamsConverter("HmacImportParams", [hashMember, lengthMember]);

const USAGES = ["sign", "verify"];

/** The `alg` of a JWK, by hash. */
const JWK_ALG = { __proto__: null, "SHA-1": "HS1", "SHA-256": "HS256", "SHA-384": "HS384", "SHA-512": "HS512" };

function makeKey(material, hash, length, extractable, usages) {
  return createKey("secret", extractable, { __proto__: null, name: "HMAC", hash, length }, usages, material);
}

const blockBits = (hash) => (hash === "SHA-1" || hash === "SHA-256" ? 512 : 1024);

function getKeyLength(normalized) {
  if (normalized.length === undefined) return blockBits(normalized.hash.name);
  if (normalized.length === 0) throw new TypeError("The length of an HMAC key cannot be 0");
  return normalized.length;
}

function generateKey(normalized, extractable, usages) {
  checkUsages(usages, USAGES, "An HMAC key");
  const hash = normalized.hash.name;
  const length = normalized.length ?? blockBits(hash);
  if (length === 0) throw cryptoError("OperationError", "The length of an HMAC key cannot be 0");
  const material = new Uint8Array(MathCeil(length / 8));
  ops.crypto_random_fill(material);
  return makeKey(material, hash, length, extractable, usages);
}

function importKey(normalized, format, keyData, extractable, usages) {
  checkUsages(usages, USAGES, "An HMAC key");
  const hash = normalized.hash.name;
  let material;
  if (format === "raw") {
    material = keyData;
  } else if (format === "jwk") {
    if (keyData.kty !== "oct") throw cryptoError("DataError", 'The JWK\'s "kty" is not "oct"');
    if (keyData.k === undefined) throw cryptoError("DataError", 'The JWK has no "k"');
    material = decodeBase64url(keyData.k);
    if (keyData.alg !== undefined && keyData.alg !== JWK_ALG[hash]) {
      throw cryptoError("DataError", `The JWK's "alg" is not "${JWK_ALG[hash]}"`);
    }
    checkJwk(keyData, "sig", extractable, usages);
  } else {
    throw cryptoError("NotSupportedError", `HMAC keys have no '${format}' format`);
  }
  let length = TypedArrayPrototypeGetByteLength(material) * 8;
  if (length === 0) throw cryptoError("DataError", "An HMAC key cannot be empty");
  if (normalized.length !== undefined) {
    if (normalized.length > length || normalized.length <= length - 8) {
      throw cryptoError("DataError", "The length is not that of the key");
    }
    length = normalized.length;
  }
  return makeKey(material, hash, length, extractable, usages);
}

function exportKey(key, format) {
  const material = materialOf(key);
  if (format === "raw") return copyMaterial(key);
  if (format !== "jwk") throw cryptoError("NotSupportedError", `HMAC keys have no '${format}' format`);
  return {
    alg: JWK_ALG[algorithmOf(key).hash],
    ext: isExtractable(key),
    k: encodeBase64url(material),
    key_ops: normalizeUsages(usagesOf(key)),
    kty: "oct",
  };
}

define("generateKey", "HMAC", convertKeyGenParams, generateKey);
define("importKey", "HMAC", convertImportParams, importKey);
define("exportKey", "HMAC", undefined, exportKey);
define("getKeyLength", "HMAC", convertImportParams, getKeyLength);
define("sign", "HMAC", undefined, (normalized, key, data) =>
  ops.crypto_hmac_sign(algorithmOf(key).hash, materialOf(key), data));
define("verify", "HMAC", undefined, (normalized, key, signature, data) =>
  ops.crypto_hmac_verify(algorithmOf(key).hash, materialOf(key), signature, data));
