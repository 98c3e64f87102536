// CryptoKey (https://w3c.github.io/webcrypto/#cryptokey-interface). Key material is a Uint8Array that never leaves
// private fields and the calls to native code.

const { DOMException } = require("domexception");
const { registerSerializable } = require("structured_clone");
const webidl = require("webidl");
const { registerInspector } = require("inspect");

/** The recognised key usages, in the order in which `usages` lists them. */
const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

/** "Normalized value" of a list of usages: in order, each once. */
function normalizeUsages(usages) {
  const result = [];
  for (let i = 0; i < USAGES.length; i++) if (hasUsage(usages, USAGES[i])) result[result.length] = USAGES[i];
  return result;
}

function hasUsage(usages, usage) {
  for (let i = 0; i < usages.length; i++) if (usages[i] === usage) return true;
  return false;
}

let isCryptoKey, createKey, typeOf, isExtractable, algorithmOf, usagesOf, materialOf;

class CryptoKey {
  #type;
  #extractable;
  /** A KeyAlgorithm dictionary; `hash` is the name of the hash. */
  #algorithm;
  #usages;
  #material;
  // What the getters give: objects that an app may change, with no effect on the key.
  #algorithmObject = undefined;
  #usagesObject = undefined;

  constructor(token = undefined) {
    if (token !== webidl.internal) throw webidl.illegalConstructor();
  }

  static {
    isCryptoKey = (value) => webidl.isObject(value) && #material in value;
    createKey = (type, extractable, algorithm, usages, material) => {
      const key = new CryptoKey(webidl.internal);
      key.#type = type;
      key.#extractable = extractable;
      key.#algorithm = algorithm;
      key.#usages = normalizeUsages(usages);
      key.#material = material;
      return key;
    };
    typeOf = (key) => key.#type;
    isExtractable = (key) => key.#extractable;
    algorithmOf = (key) => key.#algorithm;
    usagesOf = (key) => key.#usages;
    materialOf = (key) => key.#material;
  }

  get type() {
    return this.#type;
  }
  get extractable() {
    return this.#extractable;
  }
  get algorithm() {
    return (this.#algorithmObject ??= algorithmObject(this.#algorithm));
  }
  get usages() {
    return (this.#usagesObject ??= normalizeUsages(this.#usages));
  }
}
webidl.configureInterface(CryptoKey);
registerInspector(CryptoKey, isCryptoKey, (key) => ({
  __proto__: null, type: typeOf(key), extractable: isExtractable(key), algorithm: algorithmObject(algorithmOf(key)),
  usages: normalizeUsages(usagesOf(key)),
}));

function algorithmObject(algorithm) {
  const result = {};
  for (const key in algorithm) { // it has no prototype
    const value = algorithm[key];
    result[key] = key === "hash" ? { name: value } : value;
  }
  return result;
}

registerSerializable(CryptoKey, isCryptoKey, (key) =>
  createKey(typeOf(key), isExtractable(key), algorithmOf(key), usagesOf(key), materialOf(key)));

exports.CryptoKey = CryptoKey;
exports.USAGES = USAGES;
exports.hasUsage = hasUsage;
exports.normalizeUsages = normalizeUsages;
exports.isCryptoKey = isCryptoKey;
exports.createKey = createKey;
exports.typeOf = typeOf;
exports.isExtractable = isExtractable;
exports.algorithmOf = algorithmOf;
exports.usagesOf = usagesOf;
exports.materialOf = materialOf;
/** For the errors that the standard calls by their DOMException name. */
exports.cryptoError = (name, message) => new DOMException(message, name);
