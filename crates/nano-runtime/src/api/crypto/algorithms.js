// Algorithm normalization (https://w3c.github.io/webcrypto/#algorithm-normalization): the table of what each operation
// supports, which the file of each algorithm fills.

const { ObjectCreate, StringPrototypeCharCodeAt, StringPrototypeToUpperCase } = primordials;
const webidl = require("webidl");
const { copyBytes } = require("fetch/body");
const { cryptoError } = require("crypto/key");
const { converters } = webidl;

/** AlgorithmIdentifier: `(object or DOMString)`. */
function convertIdentifier(V, prefix, context) {
  return webidl.isObject(V) ? V : converters.DOMString(V, prefix, context);
}

const nameMember = { key: "name", converter: converters.DOMString, required: true };
const hashMember = { key: "hash", converter: convertIdentifier, required: true };
const enforceRange = { __proto__: null, enforceRange: true };
/** Members of parameters; bytes are copied when they are read. */
const integerMember = (type, key, required) => ({
  key, required, converter: (V, prefix, context) => converters[type](V, prefix, context, enforceRange),
});
const bytesMember = (key, required) => ({
  key, required, converter: (V, prefix, context) => copyBytes(converters.BufferSource(V, prefix, context)),
});
const convertAlgorithm = webidl.createDictionaryConverter("Algorithm", [nameMember]);

/** The parameters of an algorithm: a dictionary that inherits from Algorithm. `members` are sorted by key. */
function createParamsConverter(name, members) {
  const all = [nameMember];
  for (let i = 0; i < members.length; i++) webidl.append(all, members[i]);
  return webidl.createDictionaryConverter(name, all);
}

/** operation -> upper-case name -> { name, convertParams, run } */
const registry = ObjectCreate(null);

/**
 * Adds an algorithm to an operation. `convertParams` is a converter, or undefined where the name is all there is;
 * `run(normalized, ...)` does the operation.
 */
function define(operation, name, convertParams, run) {
  const entries = (registry[operation] ??= ObjectCreate(null));
  entries[StringPrototypeToUpperCase(name)] = { __proto__: null, name, convertParams, run };
}

/** In upper case, if it is ASCII: no name of an algorithm has another character. */
function asciiUpper(string) {
  for (let i = 0; i < string.length; i++) if (StringPrototypeCharCodeAt(string, i) > 127) return "";
  return StringPrototypeToUpperCase(string);
}

/**
 * "Normalize an algorithm", for a converted AlgorithmIdentifier: a dictionary with the canonical `name`, `hash`
 * normalised in turn, and `run`, the operation's implementation.
 */
function normalize(operation, algorithm, prefix) {
  if (typeof algorithm === "string") algorithm = { __proto__: null, name: algorithm };
  const { name } = convertAlgorithm(algorithm, prefix, "The algorithm");
  const entry = registry[operation]?.[asciiUpper(name)];
  if (entry === undefined) throw unsupported(operation, name, prefix);
  const { convertParams } = entry;
  const normalized =
    convertParams === undefined ? ObjectCreate(null) : convertParams(algorithm, prefix, "The algorithm");
  normalized.name = entry.name;
  normalized.run = entry.run;
  if (normalized.hash !== undefined) normalized.hash = normalize("digest", normalized.hash, prefix);
  return normalized;
}

/** For wrapKey and unwrapKey: an algorithm's own way, or else how it encrypts or decrypts. */
function normalizeWrapping(own, general, algorithm, prefix) {
  try {
    return normalize(own, algorithm, prefix);
  } catch {
    return normalize(general, algorithm, prefix);
  }
}

/** The implementation of an operation that is looked up by a key's algorithm ("exportKey"). */
function implementationOf(operation, name, prefix) {
  const entry = registry[operation]?.[StringPrototypeToUpperCase(name)];
  if (entry === undefined) throw unsupported(operation, name, prefix);
  return entry.run;
}

function unsupported(operation, name, prefix) {
  return cryptoError("NotSupportedError", `${prefix}: the algorithm '${name}' does not support '${operation}'`);
}

// 30 to 33: the SHA digests.
const runDigest = (normalized, data) => ops.crypto_digest(normalized.name, data);
define("digest", "SHA-1", undefined, runDigest);
define("digest", "SHA-256", undefined, runDigest);
define("digest", "SHA-384", undefined, runDigest);
define("digest", "SHA-512", undefined, runDigest);

exports.convertIdentifier = convertIdentifier;
exports.hashMember = hashMember;
exports.integerMember = integerMember;
exports.bytesMember = bytesMember;
exports.normalizeWrapping = normalizeWrapping;
exports.createParamsConverter = createParamsConverter;
exports.define = define;
exports.normalize = normalize;
exports.implementationOf = implementationOf;
