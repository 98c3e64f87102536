// structuredClone (HTML, 2.7).
//
// V8 clones what ECMA-262 defines. Platform objects are cloned or transferred here: since both ends are in one isolate,
// the clone is made straight from the original, and V8 puts it where the original was. `cloneWithTransfer` is also what
// postMessage uses.

const {
  MapPrototypeGet, ObjectDefineProperty, ObjectGetPrototypeOf, ObjectPrototype, SafeSet, SetPrototypeAdd,
  SetPrototypeHas,
} = primordials;
const webidl = require("webidl");
const { registerSerializable, serializable, transferable } = require("structured_clone/registry");
const { append } = webidl;
const {
  DOMException, isDOMException, isQuotaExceededError, messageOf, nameOf, QuotaExceededError, quotaOf, requestedOf, stackOf,
} = require("domexception");

const dataCloneError = (message) => new DOMException(message, "DataCloneError");

function copyStack(error, clone) {
  const stack = stackOf(error);
  if (stack !== undefined) {
    ObjectDefineProperty(clone, "stack", {
      __proto__: null, value: stack, writable: true, enumerable: false, configurable: true,
    });
  }
  return clone;
}
registerSerializable(DOMException, isDOMException,
  (error) => copyStack(error, new DOMException(messageOf(error), nameOf(error))));
registerSerializable(QuotaExceededError, isQuotaExceededError, (error) => {
  const options = { __proto__: null, quota: quotaOf(error) ?? undefined, requested: requestedOf(error) ?? undefined };
  return copyStack(error, new QuotaExceededError(messageOf(error), options));
});

// The nearest interface that `object` is of: a subclass that an app made is cloned as its platform class.
function lookUp(table, object) {
  let proto = ObjectGetPrototypeOf(object);
  while (proto !== null && proto !== ObjectPrototype && ops.proxy_details(proto) === undefined) {
    const entry = MapPrototypeGet(table, proto);
    if (entry !== undefined && entry.is(object)) return entry;
    proto = ObjectGetPrototypeOf(proto);
  }
  return undefined;
}

/** For V8's serialiser, about an ordinary object or an error: whether it is a platform object. Runs no code of the app. */
function isHostObject(object) {
  let proto = ObjectGetPrototypeOf(object);
  while (proto !== null && proto !== ObjectPrototype && ops.proxy_details(proto) === undefined) {
    if (webidl.isInterfacePrototype(proto)) return true;
    proto = ObjectGetPrototypeOf(proto);
  }
  return false;
}

// The clone under way: `transfers` are the platform objects to transfer, `hosts` what takes the places of the platform
// objects that were met. The first of `hosts` are for `transfers`, and filled in last.
let current;

/** For V8's serialiser: the number of a platform object, which stands for it in the serialised form. */
function writeHostObject(object) {
  const { transfers, hosts } = current;
  for (let i = 0; i < transfers.length; i++) if (transfers[i] === object) return i;
  const entry = lookUp(serializable, object);
  if (entry === undefined) throw dataCloneError("An object of this type cannot be cloned");
  append(hosts, entry.convert(object));
  return hosts.length - 1;
}
/** Between serialising and deserialising: does the transfers and returns the objects by their numbers. */
function finishHostObjects() {
  const { transfers, hosts } = current;
  for (let i = 0; i < transfers.length; i++) hosts[i] = lookUp(transferable, transfers[i]).convert(transfers[i]);
  return hosts;
}

/**
 * StructuredSerializeWithTransfer, then StructuredDeserializeWithTransfer. `transferList` is an internal list;
 * `received`, when it is given, gets the platform objects that came of it.
 */
function cloneWithTransfer(value, transferList, received = undefined) {
  const buffers = [];
  const transfers = [];
  const hosts = [];
  const seen = transferList.length > 1 ? new SafeSet() : undefined;
  for (let i = 0; i < transferList.length; i++) {
    const object = transferList[i];
    if (seen !== undefined) {
      if (SetPrototypeHas(seen, object)) throw dataCloneError("An object is more than once in the transfer list");
      SetPrototypeAdd(seen, object);
    }
    if (webidl.isArrayBuffer(object)) {
      append(buffers, object);
    } else if (lookUpTransferable(object) !== undefined) {
      append(transfers, object);
      append(hosts, undefined);
    } else {
      throw dataCloneError("A value in the transfer list cannot be transferred");
    }
  }
  const outer = current; // a getter of `value` may clone in turn
  current = { __proto__: null, transfers, hosts };
  try {
    const clone =
      ops.structured_clone(value, buffers, isHostObject, writeHostObject, finishHostObjects, dataCloneError);
    if (received !== undefined) for (let i = 0; i < transfers.length; i++) append(received, hosts[i]);
    return clone;
  } finally {
    current = outer;
  }
}
// A Proxy is never transferable, and must not be asked for its prototype.
function lookUpTransferable(object) {
  return ops.proxy_details(object) === undefined ? lookUp(transferable, object) : undefined;
}

const optionsConverter = webidl.createDictionaryConverter("StructuredSerializeOptions", [
  {
    __proto__: null, key: "transfer", converter: webidl.createSequenceConverter(webidl.converters.object),
    required: false, defaultValue: () => [],
  },
]);

const { structuredClone } = {
  structuredClone(value, options = undefined) {
    const prefix = "Failed to execute 'structuredClone'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    return cloneWithTransfer(value, optionsConverter(options, prefix, "Argument 2").transfer);
  },
};

exports.structuredClone = structuredClone;
exports.optionsConverter = optionsConverter;
exports.cloneWithTransfer = cloneWithTransfer;
exports.dataCloneError = dataCloneError;
