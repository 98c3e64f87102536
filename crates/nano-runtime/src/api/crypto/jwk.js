// JsonWebKey (https://w3c.github.io/webcrypto/#JsonWebKey-dictionary) and the checks that all algorithms share.

const { ObjectDefineProperty } = primordials;
const webidl = require("webidl");
const { cryptoError, hasUsage } = require("crypto/key");
const { converters } = webidl;
const { base64url_decode, base64url_encode } = ops;

const { DOMString } = converters;
const convertPrime = webidl.createDictionaryConverter("RsaOtherPrimesInfo", [
  { key: "d", converter: DOMString }, { key: "r", converter: DOMString }, { key: "t", converter: DOMString },
]);

const convertJwk = webidl.createDictionaryConverter("JsonWebKey", [
  { key: "alg", converter: DOMString },
  { key: "crv", converter: DOMString },
  { key: "d", converter: DOMString },
  { key: "dp", converter: DOMString },
  { key: "dq", converter: DOMString },
  { key: "e", converter: DOMString },
  { key: "ext", converter: converters.boolean },
  { key: "k", converter: DOMString },
  { key: "key_ops", converter: webidl.createSequenceConverter(DOMString) },
  { key: "kty", converter: DOMString },
  { key: "n", converter: DOMString },
  { key: "oth", converter: webidl.createSequenceConverter(convertPrime) },
  { key: "p", converter: DOMString },
  { key: "q", converter: DOMString },
  { key: "qi", converter: DOMString },
  { key: "use", converter: DOMString },
  { key: "x", converter: DOMString },
  { key: "y", converter: DOMString },
]);

function decodeBase64url(string) {
  const bytes = base64url_decode(string);
  if (bytes === undefined) throw cryptoError("DataError", "The JWK has a member that is not valid base64url");
  return bytes;
}

/** What every import checks: `use`, `key_ops` (RFC 7517, 4.3) and `ext`. */
function checkJwk(jwk, use, extractable, usages) {
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) {
    throw cryptoError("DataError", `The JWK's "use" is not "${use}"`);
  }
  const operations = jwk.key_ops;
  if (operations !== undefined) {
    for (let i = 0; i < operations.length; i++) {
      for (let j = 0; j < i; j++) {
        if (operations[i] === operations[j]) {
          throw cryptoError("DataError", 'The JWK\'s "key_ops" has an operation twice');
        }
      }
    }
    for (let i = 0; i < usages.length; i++) {
      if (!hasUsage(operations, usages[i])) {
        throw cryptoError("DataError", `The JWK's "key_ops" does not have "${usages[i]}"`);
      }
    }
  }
  if (jwk.ext === false && extractable) throw cryptoError("DataError", "The JWK is not extractable");
}

/** A member of a JSON Web Key that holds bytes. */
function jwkBytes(jwk, name) {
  if (jwk[name] === undefined) throw cryptoError("DataError", `The JWK has no "${name}"`);
  return decodeBase64url(jwk[name]);
}

/** A JsonWebKey for an app, of members without a prototype; those that are undefined are left out. */
function makeJwk(members) {
  const jwk = {};
  for (const key in members) {
    const value = members[key];
    if (value === undefined) continue;
    ObjectDefineProperty(jwk, key, { __proto__: null, value, configurable: true, enumerable: true, writable: true });
  }
  return jwk;
}

exports.makeJwk = makeJwk;
exports.jwkBytes = jwkBytes;
exports.convertJwk = convertJwk;
exports.decodeBase64url = decodeBase64url;
exports.encodeBase64url = base64url_encode;
exports.checkJwk = checkJwk;
