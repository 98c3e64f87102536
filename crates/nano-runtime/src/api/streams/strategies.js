// Queuing strategies (section 7): the two built-in ones, and how a stream reads the one it is given.

const { ObjectDefineProperty, RangeError, TypeError } = primordials;
const webidl = require("webidl");
const { internalClass } = require("streams/base");

const { configureInterface, illegalInvocation, isObject, requiredArguments } = webidl;

// 7.1, 7.2: one `size` function per realm, the same for every instance; neither is a constructor.
const { size: byteLengthSize } = { size(chunk) { return chunk.byteLength; } };
const { size: countSize } = { size() { return 1; } };

function convertInit(init, argumentCount, name) {
  const prefix = `Failed to construct '${name}'`;
  requiredArguments(argumentCount, 1, prefix);
  if (init !== undefined && init !== null && !isObject(init)) {
    throw new TypeError(`${prefix}: Argument 1 cannot be converted to a dictionary (QueuingStrategyInit)`);
  }
  const highWaterMark = init === undefined || init === null ? undefined : init.highWaterMark;
  if (highWaterMark === undefined) {
    throw new TypeError(`${prefix}: 'highWaterMark' is required in 'QueuingStrategyInit'`);
  }
  return +highWaterMark;
}

class ByteLengthQueuingStrategy {
  #highWaterMark;
  constructor(init) {
    this.#highWaterMark = convertInit(init, arguments.length, "ByteLengthQueuingStrategy");
  }
  get highWaterMark() {
    if (!(#highWaterMark in this)) throw illegalInvocation();
    return this.#highWaterMark;
  }
  get size() {
    if (!(#highWaterMark in this)) throw illegalInvocation();
    return byteLengthSize;
  }
}

class CountQueuingStrategy {
  #highWaterMark;
  constructor(init) {
    this.#highWaterMark = convertInit(init, arguments.length, "CountQueuingStrategy");
  }
  get highWaterMark() {
    if (!(#highWaterMark in this)) throw illegalInvocation();
    return this.#highWaterMark;
  }
  get size() {
    if (!(#highWaterMark in this)) throw illegalInvocation();
    return countSize;
  }
}

configureInterface(ByteLengthQueuingStrategy);
configureInterface(CountQueuingStrategy);
// A rest of one parameter: Web IDL counts the required ones.
ObjectDefineProperty(ByteLengthQueuingStrategy, "length", { __proto__: null, value: 1 });
ObjectDefineProperty(CountQueuingStrategy, "length", { __proto__: null, value: 1 });

/** The members of a QueuingStrategy dictionary, read in their order. Both may be undefined. */
class Strategy {
  constructor(highWaterMark, size) {
    this.highWaterMark = highWaterMark;
    this.size = size;
  }
  /** ExtractHighWaterMark (7.4) */
  extractHighWaterMark(defaultValue) {
    const h = this.highWaterMark;
    if (h === undefined) return defaultValue;
    if (!(h >= 0)) throw new RangeError(`The highWaterMark '${h}' is not a number that is zero or more`);
    return h;
  }
  /** ExtractSizeAlgorithm (7.4): undefined stands for an algorithm that returns 1. */
  extractSize() {
    return this.size === countSize ? undefined : this.size;
  }
}
internalClass(Strategy);
const noStrategy = new Strategy(undefined, undefined);

function convertStrategy(value, prefix, context) {
  if (value === undefined || value === null) return noStrategy;
  if (!isObject(value)) {
    throw new TypeError(`${prefix}: ${context} cannot be converted to a dictionary (QueuingStrategy)`);
  }
  let highWaterMark = value.highWaterMark;
  if (highWaterMark !== undefined) highWaterMark = +highWaterMark;
  const size = value.size;
  if (size !== undefined && typeof size !== "function") {
    throw new TypeError(`${prefix}: 'size' of ${context} is not a function`);
  }
  return new Strategy(highWaterMark, size);
}

/** What EnqueueValueWithSize (8.1) demands of a chunk's size. */
function checkSize(size) {
  if (!(size >= 0) || size === Infinity) {
    throw new RangeError(`The size of a chunk has to be a finite number that is zero or more, not '${size}'`);
  }
}

exports.ByteLengthQueuingStrategy = ByteLengthQueuingStrategy;
exports.CountQueuingStrategy = CountQueuingStrategy;
exports.convertStrategy = convertStrategy;
exports.checkSize = checkSize;
