// How the log shows platform objects: the interfaces say it here, and `inspect` looks when it is loaded.

const { MapPrototypeSet, SafeMap } = primordials;

/** Prototype of an interface -> { is, describe }. */
const inspectors = new SafeMap();

/**
 * For a platform object: `describe(object)` gives an object without a prototype, whose properties are shown as if they
 * were the object's own. It must not run the app's code.
 */
function registerInspector(Interface, is, describe) {
  MapPrototypeSet(inspectors, Interface.prototype, { __proto__: null, is, describe });
}

exports.inspectors = inspectors;
exports.registerInspector = registerInspector;
