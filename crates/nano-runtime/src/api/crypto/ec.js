// ECDSA and ECDH (https://w3c.github.io/webcrypto/#ecdsa, https://w3c.github.io/webcrypto/#ecdh).

const { TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSet, Uint8Array } = primordials;
const webidl = require("webidl");
const {
  algorithmOf, checkHasUsages, checkType, checkUsages, copyMaterial, createKey, cryptoError, intersect, isCryptoKey,
  isExtractable, materialOf, normalizeUsages, partOf, typeOf, usagesOf,
} = require("crypto/key");
const { createParamsConverter, define, hashMember } = require("crypto/algorithms");
const { checkJwk, encodeBase64url, jwkBytes, makeJwk } = require("crypto/jwk");
const { converters } = webidl;

const convertKeyParams = createParamsConverter("EcKeyImportParams", [
  { key: "namedCurve", converter: converters.DOMString, required: true },
]);
const convertEcdsaParams = createParamsConverter("EcdsaParams", [hashMember]);
const convertDeriveParams = createParamsConverter("EcdhKeyDeriveParams", [
  { key: "public", converter: webidl.createInterfaceConverter("CryptoKey", isCryptoKey), required: true },
]);

/** Bytes of a coordinate, by curve. */
const COORDINATE_BYTES = { __proto__: null, "P-256": 32, "P-384": 48, "P-521": 66 };
/** The `alg` of a JWK for ECDSA. */
const JWK_ALG = { __proto__: null, "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };
/** What the keys of an algorithm can be used for, and the `use` of their JWKs. */
const KINDS = {
  __proto__: null,
  ECDSA: { __proto__: null, public: ["verify"], private: ["sign"], use: "sig" },
  ECDH: { __proto__: null, public: [], private: ["deriveKey", "deriveBits"], use: "enc" },
};

function makeKey(type, name, namedCurve, extractable, usages, material) {
  return createKey(type, extractable, { __proto__: null, name, namedCurve }, usages, material);
}

/** The point of a private key's material. */
const pointOf = (curve, material) => partOf(material, COORDINATE_BYTES[curve], 1 + 2 * COORDINATE_BYTES[curve]);

function generateKey(normalized, extractable, usages) {
  const { name, namedCurve } = normalized;
  const kind = KINDS[name];
  checkUsages(usages, name === "ECDSA" ? ["sign", "verify"] : kind.private, `A key of ${name}`);
  if (COORDINATE_BYTES[namedCurve] === undefined) {
    throw cryptoError("NotSupportedError", `There is no curve '${namedCurve}'`);
  }
  const material = ops.crypto_ec_generate(namedCurve);
  if (material === undefined) throw cryptoError("OperationError", "The key could not be generated");
  const point = new Uint8Array(pointOf(namedCurve, material));
  const privateKey = makeKey("private", name, namedCurve, extractable, intersect(usages, kind.private), material);
  checkHasUsages(privateKey);
  return { publicKey: makeKey("public", name, namedCurve, true, intersect(usages, kind.public), point), privateKey };
}

function concat(parts, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    TypedArrayPrototypeSet(all, parts[i], at);
    at += TypedArrayPrototypeGetByteLength(parts[i]);
  }
  return all;
}

function importJwk(normalized, jwk, extractable, usages) {
  const { name, namedCurve } = normalized;
  const kind = KINDS[name];
  const type = jwk.d === undefined ? "public" : "private";
  checkUsages(usages, kind[type], `A ${type} key of ${name}`);
  if (jwk.kty !== "EC") throw cryptoError("DataError", 'The JWK\'s "kty" is not "EC"');
  checkJwk(jwk, kind.use, extractable, usages);
  const bytes = checkCurve(namedCurve);
  if (jwk.crv !== namedCurve) throw cryptoError("DataError", 'The JWK\'s "crv" is not that of the algorithm');
  if (name === "ECDSA" && jwk.alg !== undefined && jwk.alg !== JWK_ALG[namedCurve]) {
    throw cryptoError("DataError", `The JWK's "alg" is not "${JWK_ALG[namedCurve]}"`);
  }
  const parts = [new Uint8Array(1), jwkBytes(jwk, "x"), jwkBytes(jwk, "y")];
  parts[0][0] = 4; // uncompressed
  const hasLength = (part) => TypedArrayPrototypeGetByteLength(part) === bytes;
  const right = hasLength(parts[1]) && hasLength(parts[2]);
  let material;
  if (right && type === "public") {
    material = ops.crypto_ec_import(namedCurve, "raw", concat(parts, 1 + 2 * bytes));
  } else if (right) {
    const number = jwkBytes(jwk, "d");
    if (hasLength(number)) {
      const all = concat([number, parts[0], parts[1], parts[2]], 1 + 3 * bytes);
      material = ops.crypto_ec_import(namedCurve, "private", all);
    }
  }
  if (material === undefined) throw cryptoError("DataError", "The JWK is no key on its curve");
  return makeKey(type, name, namedCurve, extractable, usages, material);
}

function checkCurve(namedCurve) {
  const bytes = COORDINATE_BYTES[namedCurve];
  if (bytes === undefined) throw cryptoError("DataError", `There is no curve '${namedCurve}'`);
  return bytes;
}

function importKey(normalized, format, keyData, extractable, usages) {
  if (format === "jwk") return importJwk(normalized, keyData, extractable, usages);
  const { name, namedCurve } = normalized;
  const type = format === "pkcs8" ? "private" : "public";
  checkUsages(usages, KINDS[name][type], `A ${type} key of ${name}`);
  checkCurve(namedCurve);
  const material = ops.crypto_ec_import(namedCurve, format, keyData);
  if (material === undefined) throw cryptoError("DataError", `The data are no ${type} key on the curve ${namedCurve}`);
  return makeKey(type, name, namedCurve, extractable, usages, material);
}

function exportJwk(key) {
  const { name, namedCurve } = algorithmOf(key);
  const bytes = COORDINATE_BYTES[namedCurve];
  const material = materialOf(key);
  const isPrivate = typeOf(key) === "private";
  const point = isPrivate ? pointOf(namedCurve, material) : material;
  return makeJwk({
    __proto__: null,
    crv: namedCurve,
    d: isPrivate ? encodeBase64url(partOf(material, 0, bytes)) : undefined,
    ext: isExtractable(key),
    key_ops: normalizeUsages(usagesOf(key)),
    kty: "EC",
    x: encodeBase64url(partOf(point, 1, bytes)),
    y: encodeBase64url(partOf(point, 1 + bytes, bytes)),
  });
}

function exportKey(key, format) {
  if (format === "jwk") return exportJwk(key);
  checkType(key, format === "pkcs8" ? "private" : "public");
  if (format === "raw") return copyMaterial(key);
  return ops.crypto_ec_export(algorithmOf(key).namedCurve, format, materialOf(key));
}

function sign(normalized, key, data) {
  checkType(key, "private");
  return ops.crypto_ecdsa_sign(algorithmOf(key).namedCurve, normalized.hash.name, materialOf(key), data);
}

function verify(normalized, key, signature, data) {
  checkType(key, "public");
  return ops.crypto_ecdsa_verify(algorithmOf(key).namedCurve, normalized.hash.name, materialOf(key), signature, data);
}

function deriveBits(normalized, key) {
  checkType(key, "private");
  const peer = normalized.public;
  checkType(peer, "public");
  const { name, namedCurve } = algorithmOf(peer);
  if (name !== "ECDH" || namedCurve !== algorithmOf(key).namedCurve) {
    throw cryptoError("InvalidAccessError", "The public key is not one for the private key");
  }
  return ops.crypto_ecdh(namedCurve, materialOf(key), materialOf(peer));
}

define("sign", "ECDSA", convertEcdsaParams, sign);
define("verify", "ECDSA", convertEcdsaParams, verify);
define("deriveBits", "ECDH", convertDeriveParams, deriveBits);
const names = ["ECDSA", "ECDH"];
for (let i = 0; i < names.length; i++) {
  const name = names[i];
  define("generateKey", name, convertKeyParams, generateKey);
  define("importKey", name, convertKeyParams, importKey);
  define("exportKey", name, undefined, exportKey);
}
