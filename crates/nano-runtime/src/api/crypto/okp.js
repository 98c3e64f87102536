// Ed25519 and X25519 (https://w3c.github.io/webcrypto/#ed25519, https://w3c.github.io/webcrypto/#x25519).

const {
  TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength, TypedArrayPrototypeSet, Uint8Array,
} = primordials;
const webidl = require("webidl");
const {
  algorithmOf, checkHasUsages, checkType, checkUsages, copyMaterial, createKey, cryptoError, intersect, isCryptoKey,
  isExtractable, materialOf, normalizeUsages, partOf, typeOf, usagesOf,
} = require("crypto/key");
const { createParamsConverter, define } = require("crypto/algorithms");
const { checkJwk, encodeBase64url, jwkBytes, makeJwk } = require("crypto/jwk");

const convertDeriveParams = createParamsConverter("EcdhKeyDeriveParams", [
  { key: "public", converter: webidl.createInterfaceConverter("CryptoKey", isCryptoKey), required: true },
]);

const KEY_BYTES = 32;
/** What the keys can be used for, the `use` of their JWKs, and the last byte of their object identifier. */
const KINDS = {
  __proto__: null,
  Ed25519: { __proto__: null, public: ["verify"], private: ["sign"], use: "sig", oid: 0x70 },
  X25519: { __proto__: null, public: [], private: ["deriveKey", "deriveBits"], use: "enc", oid: 0x6e },
};

function makeKey(type, name, extractable, usages, material) {
  return createKey(type, extractable, { __proto__: null, name }, usages, material);
}

function generateKey(normalized, extractable, usages) {
  const { name } = normalized;
  const kind = KINDS[name];
  checkUsages(usages, name === "Ed25519" ? ["sign", "verify"] : kind.private, `A key of ${name}`);
  const material = ops.crypto_okp_generate(name);
  if (material === undefined) throw cryptoError("OperationError", "The key could not be generated");
  const point = new Uint8Array(partOf(material, KEY_BYTES, KEY_BYTES));
  const privateKey = makeKey("private", name, extractable, intersect(usages, kind.private), material);
  checkHasUsages(privateKey);
  return { publicKey: makeKey("public", name, true, intersect(usages, kind.public), point), privateKey };
}

function importJwk(name, jwk, extractable, usages) {
  const kind = KINDS[name];
  const type = jwk.d === undefined ? "public" : "private";
  checkUsages(usages, kind[type], `A ${type} key of ${name}`);
  if (jwk.kty !== "OKP") throw cryptoError("DataError", 'The JWK\'s "kty" is not "OKP"');
  if (jwk.crv !== name) throw cryptoError("DataError", `The JWK's "crv" is not "${name}"`);
  if (name === "Ed25519" && jwk.alg !== undefined && jwk.alg !== "Ed25519" && jwk.alg !== "EdDSA") {
    throw cryptoError("DataError", 'The JWK\'s "alg" is neither "Ed25519" nor "EdDSA"');
  }
  checkJwk(jwk, kind.use, extractable, usages);
  const x = jwkBytes(jwk, "x");
  if (TypedArrayPrototypeGetByteLength(x) !== KEY_BYTES) throw cryptoError("DataError", 'The JWK\'s "x" has not 32 bytes');
  if (type === "public") return makeKey(type, name, extractable, usages, x);
  const material = ops.crypto_okp_import(name, "private", jwkBytes(jwk, "d"));
  if (material === undefined) throw cryptoError("DataError", 'The JWK\'s "d" has not 32 bytes');
  for (let i = 0; i < KEY_BYTES; i++) {
    if (material[KEY_BYTES + i] !== x[i]) {
      throw cryptoError("DataError", 'The JWK\'s "x" and "d" do not belong together');
    }
  }
  return makeKey(type, name, extractable, usages, material);
}

function importKey(normalized, format, keyData, extractable, usages) {
  const { name } = normalized;
  if (format === "jwk") return importJwk(name, keyData, extractable, usages);
  const type = format === "pkcs8" ? "private" : "public";
  checkUsages(usages, KINDS[name][type], `A ${type} key of ${name}`);
  let material = keyData;
  if (format !== "raw") material = ops.crypto_okp_import(name, format, keyData);
  if (material === undefined || (format === "raw" && TypedArrayPrototypeGetByteLength(material) !== KEY_BYTES)) {
    throw cryptoError("DataError", `The data are no ${type} key of ${name}`);
  }
  return makeKey(type, name, extractable, usages, material);
}

function exportKey(key, format) {
  const { name } = algorithmOf(key);
  const material = materialOf(key);
  const isPrivate = typeOf(key) === "private";
  if (format === "jwk") {
    return makeJwk({
      __proto__: null,
      alg: name === "Ed25519" ? name : undefined,
      crv: name,
      d: isPrivate ? encodeBase64url(partOf(material, 0, KEY_BYTES)) : undefined,
      ext: isExtractable(key),
      key_ops: normalizeUsages(usagesOf(key)),
      kty: "OKP",
      x: encodeBase64url(isPrivate ? partOf(material, KEY_BYTES, KEY_BYTES) : material),
    });
  }
  checkType(key, format === "pkcs8" ? "private" : "public");
  if (format === "raw") return copyMaterial(key);
  // RFC 8410, 4 and 7: a key has always the same around it.
  const { oid } = KINDS[name];
  const prefix = format === "spki"
    ? [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, oid, 3, 0x21, 0]
    : [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, oid, 4, 0x22, 4, 0x20];
  const der = new Uint8Array(prefix.length + KEY_BYTES);
  for (let i = 0; i < prefix.length; i++) der[i] = prefix[i];
  TypedArrayPrototypeSet(der, partOf(material, 0, KEY_BYTES), prefix.length);
  return TypedArrayPrototypeGetBuffer(der);
}

function sign(normalized, key, data) {
  checkType(key, "private");
  return ops.crypto_ed25519_sign(materialOf(key), data);
}

function verify(normalized, key, signature, data) {
  checkType(key, "public");
  return ops.crypto_ed25519_verify(materialOf(key), signature, data);
}

function deriveBits(normalized, key) {
  checkType(key, "private");
  const peer = normalized.public;
  checkType(peer, "public");
  if (algorithmOf(peer).name !== "X25519") {
    throw cryptoError("InvalidAccessError", "The public key is not one for the private key");
  }
  return ops.crypto_x25519(materialOf(key), materialOf(peer));
}

define("sign", "Ed25519", undefined, sign);
define("verify", "Ed25519", undefined, verify);
define("deriveBits", "X25519", convertDeriveParams, deriveBits);
const names = ["Ed25519", "X25519"];
for (let i = 0; i < names.length; i++) {
  const name = names[i];
  define("generateKey", name, undefined, generateKey);
  define("importKey", name, undefined, importKey);
  define("exportKey", name, undefined, exportKey);
}
