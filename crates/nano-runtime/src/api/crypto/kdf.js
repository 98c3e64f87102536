// HKDF and PBKDF2 (https://w3c.github.io/webcrypto/#hkdf, https://w3c.github.io/webcrypto/#pbkdf2).

const { ArrayBuffer } = primordials;
const { checkUsages, createKey, cryptoError, materialOf } = require("crypto/key");
const { bytesMember, createParamsConverter, define, hashMember, integerMember } = require("crypto/algorithms");

const convertHkdfParams = createParamsConverter("HkdfParams", [
  hashMember, bytesMember("info", true), bytesMember("salt", true),
]);
const convertPbkdf2Params = createParamsConverter("Pbkdf2Params", [
  hashMember, integerMember("unsigned long", "iterations", true), bytesMember("salt", true),
]);

const USAGES = ["deriveKey", "deriveBits"];

function importKey(normalized, format, keyData, extractable, usages) {
  const { name } = normalized;
  if (format !== "raw") throw cryptoError("NotSupportedError", `Keys of ${name} have no '${format}' format`);
  checkUsages(usages, USAGES, `A key of ${name}`);
  if (extractable) throw cryptoError("SyntaxError", `A key of ${name} cannot be extractable`);
  return createKey("secret", false, { __proto__: null, name }, usages, keyData);
}

function checkLength(length) {
  if (length === null || length % 8 !== 0) throw cryptoError("OperationError", "The length is not one of whole bytes");
  return length / 8;
}

function hkdf(normalized, key, length) {
  const bytes = checkLength(length);
  if (bytes === 0) return new ArrayBuffer(0);
  const { hash, info, salt } = normalized;
  return ops.crypto_hkdf(hash.name, materialOf(key), salt, info, bytes);
}

function pbkdf2(normalized, key, length) {
  const bytes = checkLength(length);
  const { hash, iterations, salt } = normalized;
  if (iterations === 0) throw cryptoError("OperationError", "PBKDF2 needs an iteration");
  if (bytes === 0) return new ArrayBuffer(0);
  return ops.crypto_pbkdf2(hash.name, materialOf(key), salt, iterations, bytes);
}

define("deriveBits", "HKDF", convertHkdfParams, hkdf);
define("deriveBits", "PBKDF2", convertPbkdf2Params, pbkdf2);
const names = ["HKDF", "PBKDF2"];
for (let i = 0; i < names.length; i++) {
  const name = names[i];
  define("importKey", name, undefined, importKey);
  define("getKeyLength", name, undefined, () => null);
}
