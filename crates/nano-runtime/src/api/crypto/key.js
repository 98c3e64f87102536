// CryptoKey (https://w3c.github.io/webcrypto/#cryptokey-interface). Key material is a Uint8Array that never leaves
// private fields and the calls to native code.

const {
  ObjectDefineProperty, PromisePrototypeThen, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteOffset, Uint8Array,
} = primordials;
const { DOMException } = require("domexception");
const { registerSerializable } = require("structured_clone/registry");
const webidl = require("webidl");
const { copyBytes } = require("fetch/body");
const { registerInspector } = require("inspectors");

/** The recognised key usages, in the order in which `usages` lists them. */
const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"];

/** "Normalized value" of a list of usages: in order, each once. */
function normalizeUsages(usages) {
  const result = [];
  for (let i = 0; i < USAGES.length; i++) if (hasUsage(usages, USAGES[i])) webidl.append(result, USAGES[i]);
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
    const shown = key === "hash" ? { name: value } : key === "publicExponent" ? copyBytes(value) : value;
    ObjectDefineProperty(result, key, {
      __proto__: null, value: shown, writable: true, enumerable: true, configurable: true,
    });
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
/**
 * What follows a native operation: it gives bytes, a boolean, or undefined for a failure; or it takes long and gives a
 * promise for `{ value }`.
 */
exports.finish = (result, convert) => {
  if (!webidl.isObject(result) || webidl.isArrayBuffer(result)) return convert(result);
  return PromisePrototypeThen(result, (boxed) => convert(boxed.value));
};
/** The SyntaxError of a usage that the algorithm, or this type of key, does not have. */
exports.checkUsages = (usages, allowed, what) => {
  for (let i = 0; i < usages.length; i++) {
    if (!hasUsage(allowed, usages[i])) {
      throw new DOMException(`${what} cannot be used to '${usages[i]}'`, "SyntaxError");
    }
  }
};
/** A list's usages that are in the other list, too. */
exports.intersect = (usages, allowed) => {
  const result = [];
  for (let i = 0; i < usages.length; i++) if (hasUsage(allowed, usages[i])) webidl.append(result, usages[i]);
  return result;
};
exports.checkType = (key, type) => {
  if (typeOf(key) !== type) throw new DOMException(`The key is not a ${type} one`, "InvalidAccessError");
};
/** A part of key material; subarray and slice would ask an app's Symbol.species for the array. */
exports.partOf = (bytes, offset, length) =>
  new Uint8Array(TypedArrayPrototypeGetBuffer(bytes), TypedArrayPrototypeGetByteOffset(bytes) + offset, length);
/** A secret or private key that can be used for nothing is refused, whichever the algorithm. */
exports.checkHasUsages = (key) => {
  const type = typeOf(key);
  if ((type === "secret" || type === "private") && usagesOf(key).length === 0) {
    throw new DOMException("A secret or private key needs at least one usage", "SyntaxError");
  }
  return key;
};
exports.copyMaterial = (key) => webidl.viewBuffer(copyBytes(materialOf(key)));
/** For the errors that the standard calls by their DOMException name. */
exports.cryptoError = (name, message) => new DOMException(message, name);
