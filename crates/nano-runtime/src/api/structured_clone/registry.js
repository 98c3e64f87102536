// Which platform objects structuredClone copies and transfers, and how: the interfaces say it here, and it looks when it is
// loaded.

const { MapPrototypeSet, SafeMap } = primordials;

// Prototype of an interface -> { is, convert }.
const serializable = new SafeMap();
const transferable = new SafeMap();

/** [Serializable]: `clone(object)` returns the clone, or throws `dataCloneError(...)`. */
function registerSerializable(Interface, is, clone) {
  MapPrototypeSet(serializable, Interface.prototype, { __proto__: null, is, convert: clone });
}
/** [Transferable]: `transfer(object)` returns the new object and detaches the old one, or throws `dataCloneError(...)`. */
function registerTransferable(Interface, is, transfer) {
  MapPrototypeSet(transferable, Interface.prototype, { __proto__: null, is, convert: transfer });
}

exports.serializable = serializable;
exports.transferable = transferable;
exports.registerSerializable = registerSerializable;
exports.registerTransferable = registerTransferable;
