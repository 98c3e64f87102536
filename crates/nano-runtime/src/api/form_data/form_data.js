// FormData (https://xhr.spec.whatwg.org/#interface-formdata). There are no forms here: it begins empty.

const { DateNow, SafeArray, TypeError } = primordials;
const webidl = require("webidl");
const { registerInspector } = require("inspectors");
const { bytesOf, fileFrom, fileOf, isBlob, isFile, typeOf } = require("file");
const { converters } = webidl;

const convertBlob = webidl.createInterfaceConverter("Blob", isBlob);

/** "Create an entry" (4.2.1), of a converted name, value and file name; undefined stands for an absent file name. */
function createEntry(name, value, filename) {
  if (typeof value !== "string" && (filename !== undefined || !isFile(value))) {
    const details = fileOf(value);
    const lastModified = details === undefined ? DateNow() : details.lastModified;
    value = fileFrom(bytesOf(value), typeOf(value), filename === undefined ? "blob" : filename, lastModified);
  }
  return [name, value];
}

/** The arguments of `append` and `set`, which are overloaded, as an entry. */
function convertEntry(count, name, value, filename, prefix) {
  webidl.requiredArguments(count, 2, prefix);
  name = converters.USVString(name, prefix, "Argument 1");
  if (count > 2) {
    value = convertBlob(value, prefix, "Argument 2");
    if (filename !== undefined) filename = converters.USVString(filename, prefix, "Argument 3");
  } else if (!isBlob(value)) {
    value = converters.USVString(value, prefix, "Argument 2");
  }
  return createEntry(name, value, filename);
}

let isFormData, listOf, formDataFromList;

class FormData {
  /** [[name, value], ...], a value being a string or a File: the pairs never leave this file and `multipart.js`. */
  #list = new SafeArray();

  constructor(form = undefined, submitter = null) {
    if (form !== undefined || (submitter !== null && submitter !== undefined)) {
      throw new TypeError("Failed to construct 'FormData': there are no forms here, so it takes no arguments");
    }
  }

  static {
    isFormData = (object) => webidl.isObject(object) && #list in object;
    listOf = (formData) => {
      if (!isFormData(formData)) throw webidl.illegalInvocation();
      return formData.#list;
    };
    formDataFromList = (list) => {
      const formData = new FormData();
      formData.#list = list;
      return formData;
    };
  }

  append(name, value, filename = undefined) {
    const list = listOf(this);
    list[list.length] = convertEntry(
      arguments.length, name, value, filename, "Failed to execute 'append' on 'FormData'",
    );
  }

  delete(name) {
    const list = listOf(this);
    const prefix = "Failed to execute 'delete' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    let kept = 0;
    for (let i = 0; i < list.length; i++) if (list[i][0] !== name) list[kept++] = list[i];
    list.length = kept;
  }

  get(name) {
    const list = listOf(this);
    const prefix = "Failed to execute 'get' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) return list[i][1];
    return null;
  }

  getAll(name) {
    const list = listOf(this);
    const prefix = "Failed to execute 'getAll' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    const values = [];
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) webidl.append(values, list[i][1]);
    return values;
  }

  has(name) {
    const list = listOf(this);
    const prefix = "Failed to execute 'has' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    for (let i = 0; i < list.length; i++) if (list[i][0] === name) return true;
    return false;
  }

  set(name, value, filename = undefined) {
    const list = listOf(this);
    const entry = convertEntry(arguments.length, name, value, filename, "Failed to execute 'set' on 'FormData'");
    let kept = 0;
    let found = false;
    for (let i = 0; i < list.length; i++) {
      if (list[i][0] !== entry[0]) {
        list[kept++] = list[i];
      } else if (!found) {
        found = true;
        list[kept++] = entry;
      }
    }
    list.length = kept;
    if (!found) list[kept] = entry;
  }
}
webidl.mixinPairIterable("FormData", FormData, (object) => listOf(object));
webidl.configureInterface(FormData);
registerInspector(FormData, isFormData, (formData) => {
  const list = listOf(formData);
  const shown = { __proto__: null };
  const repeated = { __proto__: null };
  for (let i = 0; i < list.length; i++) {
    const name = list[i][0];
    const value = list[i][1];
    if (shown[name] === undefined) shown[name] = value;
    else if (repeated[name] === undefined) shown[name] = repeated[name] = [shown[name], value];
    else webidl.append(repeated[name], value);
  }
  return shown;
});

exports.FormData = FormData;
exports.isFormData = isFormData;
exports.listOf = listOf;
exports.formDataFromList = formDataFromList;
