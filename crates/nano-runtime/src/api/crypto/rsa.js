// RSASSA-PKCS1-v1_5, RSA-PSS and RSA-OAEP (https://w3c.github.io/webcrypto/#rsassa-pkcs1 and what follows).

const { TypedArrayPrototypeGetByteLength, Uint8Array } = primordials;
const webidl = require("webidl");
const {
  algorithmOf, checkType, checkUsages, copyMaterial, createKey, cryptoError, finish, intersect, isExtractable,
  materialOf, normalizeUsages, typeOf, usagesOf,
} = require("crypto/key");
const { bytesMember, createParamsConverter, define, hashMember, integerMember } = require("crypto/algorithms");
const { checkJwk, encodeBase64url, jwkBytes, makeJwk } = require("crypto/jwk");
const { copyBytes } = require("fetch/body");

const convertKeyGenParams = createParamsConverter("RsaHashedKeyGenParams", [
  integerMember("unsigned long", "modulusLength", true),
  {
    key: "publicExponent",
    converter: (V, prefix, context) => copyBytes(webidl.converters.Uint8Array(V, prefix, context)),
    required: true,
  },
  hashMember,
]);
const convertImportParams = createParamsConverter("RsaHashedImportParams", [hashMember]);
const convertPssParams = createParamsConverter("RsaPssParams", [integerMember("unsigned long", "saltLength", true)]);
const convertOaepParams = createParamsConverter("RsaOaepParams", [bytesMember("label", false)]);

/** What the keys can be used for, and the `use` of their JWKs. */
const SIGNING = { __proto__: null, public: ["verify"], private: ["sign"], both: ["sign", "verify"], use: "sig" };
const ENCRYPTION = {
  __proto__: null, public: ["encrypt", "wrapKey"], private: ["decrypt", "unwrapKey"],
  both: ["encrypt", "decrypt", "wrapKey", "unwrapKey"], use: "enc",
};
const kindOf = (name) => (name === "RSA-OAEP" ? ENCRYPTION : SIGNING);

function jwkAlg(name, hash) {
  const bits = hash === "SHA-1" ? "1" : hash === "SHA-256" ? "256" : hash === "SHA-384" ? "384" : "512";
  if (name === "RSA-OAEP") return bits === "1" ? "RSA-OAEP" : `RSA-OAEP-${bits}`;
  return `${name === "RSA-PSS" ? "PS" : "RS"}${bits}`;
}

/** A RsaHashedKeyAlgorithm, with what the key says of itself. */
function describe(name, hash, isPrivate, material) {
  const numbers = ops.crypto_rsa_split(isPrivate, material);
  const modulus = numbers[0];
  let modulusLength = TypedArrayPrototypeGetByteLength(modulus) * 8;
  for (let bit = 0x80; bit > 1 && (modulus[0] & bit) === 0; bit >>= 1) modulusLength--;
  return { __proto__: null, name, modulusLength, publicExponent: numbers[1], hash };
}

/** Whether big-endian bytes are 65537, the exponent that keys are generated with. */
function isUsualExponent(bytes) {
  const length = TypedArrayPrototypeGetByteLength(bytes);
  for (let i = 0; i < length - 3; i++) if (bytes[i] !== 0) return false;
  return length >= 3 && bytes[length - 3] === 1 && bytes[length - 2] === 0 && bytes[length - 1] === 1;
}

function generateKey(normalized, extractable, usages) {
  const { name, modulusLength, publicExponent } = normalized;
  const kind = kindOf(name);
  checkUsages(usages, kind.both, `A key of ${name}`);
  if (!isUsualExponent(publicExponent)) throw cryptoError("OperationError", "The public exponent is not 65537");
  if (modulusLength !== 2048 && modulusLength !== 3072 && modulusLength !== 4096) {
    throw cryptoError("OperationError", "RSA keys are generated with 2048, 3072 or 4096 bits");
  }
  const privateUsages = intersect(usages, kind.private);
  if (privateUsages.length === 0) throw cryptoError("SyntaxError", "A private key needs at least one usage");
  return finish(ops.crypto_rsa_generate(modulusLength), (pkcs8) => {
    if (pkcs8 === undefined) throw cryptoError("OperationError", "The key could not be generated");
    const material = new Uint8Array(pkcs8);
    const algorithm = describe(name, normalized.hash.name, true, material);
    const publicUsages = intersect(usages, kind.public);
    return {
      publicKey: createKey("public", true, algorithm, publicUsages, ops.crypto_rsa_public(material)),
      privateKey: createKey("private", extractable, algorithm, privateUsages, material),
    };
  });
}

function importJwk(normalized, jwk, extractable, usages) {
  const { name } = normalized;
  const kind = kindOf(name);
  const type = jwk.d === undefined ? "public" : "private";
  checkUsages(usages, kind[type], `A ${type} key of ${name}`);
  if (jwk.kty !== "RSA") throw cryptoError("DataError", 'The JWK\'s "kty" is not "RSA"');
  checkJwk(jwk, kind.use, extractable, usages);
  const alg = jwkAlg(name, normalized.hash.name);
  if (jwk.alg !== undefined && jwk.alg !== alg) throw cryptoError("DataError", `The JWK's "alg" is not "${alg}"`);
  const n = jwkBytes(jwk, "n");
  const e = jwkBytes(jwk, "e");
  if (type === "public") return ops.crypto_rsa_join(n, e);
  if (jwk.oth !== undefined) {
    throw cryptoError("NotSupportedError", "RSA keys of more than two primes are not supported");
  }
  return ops.crypto_rsa_join(
    n, e, jwkBytes(jwk, "d"), jwkBytes(jwk, "p"), jwkBytes(jwk, "q"), jwkBytes(jwk, "dp"), jwkBytes(jwk, "dq"),
    jwkBytes(jwk, "qi"),
  );
}

function importKey(normalized, format, keyData, extractable, usages) {
  const { name } = normalized;
  let type, material;
  if (format === "jwk") {
    type = keyData.d === undefined ? "public" : "private";
    material = importJwk(normalized, keyData, extractable, usages);
  } else if (format === "spki" || format === "pkcs8") {
    type = format === "spki" ? "public" : "private";
    checkUsages(usages, kindOf(name)[type], `A ${type} key of ${name}`);
    material = ops.crypto_rsa_import(format, keyData);
  } else {
    throw cryptoError("NotSupportedError", `Keys of ${name} have no '${format}' format`);
  }
  if (material === undefined) throw cryptoError("DataError", `The data are no ${type} RSA key that can be used`);
  const algorithm = describe(name, normalized.hash.name, type === "private", material);
  return createKey(type, extractable, algorithm, usages, material);
}

function exportJwk(key) {
  const { name, hash } = algorithmOf(key);
  const isPrivate = typeOf(key) === "private";
  const numbers = ops.crypto_rsa_split(isPrivate, materialOf(key));
  const number = (index) => (index < numbers.length ? encodeBase64url(numbers[index]) : undefined);
  return makeJwk({
    __proto__: null,
    alg: jwkAlg(name, hash),
    d: number(2),
    dp: number(5),
    dq: number(6),
    e: number(1),
    ext: isExtractable(key),
    key_ops: normalizeUsages(usagesOf(key)),
    kty: "RSA",
    n: number(0),
    p: number(3),
    q: number(4),
    qi: number(7),
  });
}

function exportKey(key, format) {
  if (format === "jwk") return exportJwk(key);
  if (format === "raw") throw cryptoError("NotSupportedError", `Keys of ${algorithmOf(key).name} have no 'raw' format`);
  checkType(key, format === "pkcs8" ? "private" : "public");
  return copyMaterial(key);
}

function sign(normalized, key, data) {
  checkType(key, "private");
  return ops.crypto_rsa_sign(algorithmOf(key).hash, normalized.saltLength, materialOf(key), data);
}

function verify(normalized, key, signature, data) {
  checkType(key, "public");
  return ops.crypto_rsa_verify(algorithmOf(key).hash, normalized.saltLength, materialOf(key), signature, data);
}

function encrypt(normalized, key, data) {
  checkType(key, "public");
  const label = normalized.label ?? new Uint8Array(0);
  return ops.crypto_rsa_encrypt(algorithmOf(key).hash, label, materialOf(key), data);
}

function decrypt(normalized, key, data) {
  checkType(key, "private");
  const label = normalized.label ?? new Uint8Array(0);
  return ops.crypto_rsa_decrypt(algorithmOf(key).hash, label, materialOf(key), data);
}

define("sign", "RSASSA-PKCS1-v1_5", undefined, sign);
define("verify", "RSASSA-PKCS1-v1_5", undefined, verify);
define("sign", "RSA-PSS", convertPssParams, sign);
define("verify", "RSA-PSS", convertPssParams, verify);
define("encrypt", "RSA-OAEP", convertOaepParams, encrypt);
define("decrypt", "RSA-OAEP", convertOaepParams, decrypt);
const names = ["RSASSA-PKCS1-v1_5", "RSA-PSS", "RSA-OAEP"];
for (let i = 0; i < names.length; i++) {
  const name = names[i];
  define("generateKey", name, convertKeyGenParams, generateKey);
  define("importKey", name, convertImportParams, importKey);
  define("exportKey", name, undefined, exportKey);
}
