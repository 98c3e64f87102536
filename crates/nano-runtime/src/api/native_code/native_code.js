// Function.prototype.toString (ECMA-262, 20.2.3.5), for which built-ins are native functions.

const { Function, FunctionPrototypeToString, ObjectDefineProperty, ObjectGetOwnPropertyDescriptor, ObjectHasOwn } =
  primordials;

const { toString } = {
  toString() {
    if (!ops.is_built_in(this)) return FunctionPrototypeToString(this);
    const name = ObjectHasOwn(this, "name") ? ObjectGetOwnPropertyDescriptor(this, "name").value : "";
    return `function ${typeof name === "string" ? name : ""}() { [native code] }`;
  },
};

ObjectDefineProperty(Function.prototype, "toString", { __proto__: null, value: toString });
