// URLPattern (URL Pattern, https://urlpattern.spec.whatwg.org, 1). Patterns are parsed natively; each component is a
// regular expression of V8's, made when it is first needed, and none where everything matches.

const { ObjectDefineProperty, ObjectSetPrototypeOf, RegExp, RegExpPrototypeExec, TypeError } = primordials;
const { append, configureInterface, converters, createDictionaryConverter, isObject } = require("webidl");
const { registerInspector } = require("inspectors");

const names = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
// Of a dictionary's members, in the order in which Web IDL reads and writes them.
const sortedNames = ["baseURL", "hash", "hostname", "password", "pathname", "port", "protocol", "search", "username"];

const members = [];
for (let i = 0; i < sortedNames.length; i++) {
  append(members, { key: sortedNames[i], converter: converters.USVString });
}
const toInit = createDictionaryConverter("URLPatternInit", members);
const toOptions = createDictionaryConverter("URLPatternOptions", [
  { key: "ignoreCase", converter: converters.boolean, required: false, defaultValue: () => false },
]);

/** (USVString or URLPatternInit) */
function toInput(input, prefix) {
  return input === undefined || input === null || isObject(input)
    ? toInit(input, prefix, "Argument 1")
    : converters.USVString(input, prefix, "Argument 1");
}
/** A URLPatternInit as native code takes it. */
function listOf(init) {
  return [
    init.protocol, init.username, init.password, init.hostname, init.port, init.pathname, init.search, init.hash,
    init.baseURL,
  ];
}
/** A URLPatternInit as a script gets it. */
function initObject(init) {
  const object = {};
  for (let i = 0; i < sortedNames.length; i++) {
    const value = init[sortedNames[i]];
    if (value !== undefined) define(object, sortedNames[i], value);
  }
  return object;
}
// An app may have put setters on Object.prototype.
function define(object, key, value) {
  ObjectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

const specialSchemes = ["ftp", "file", "http", "https", "ws", "wss"];

/** "Protocol component matches a special scheme", of its regular expression. */
function isSpecial(source) {
  const regexp = new RegExp(source, "v");
  for (let i = 0; i < specialSchemes.length; i++) {
    if (RegExpPrototypeExec(regexp, specialSchemes[i]) !== null) return true;
  }
  return false;
}

const ANYTHING = "^(.*)$";

class Component {
  #source; #flags; #names;
  #regexp = undefined;
  constructor(pattern, source, hasRegExpGroups, groupNames, ignoreCase) {
    this.pattern = pattern;
    this.hasRegExpGroups = hasRegExpGroups;
    this.#source = source;
    this.#flags = ignoreCase ? "vi" : "v";
    this.#names = groupNames;
    // What an app wrote is to fail here; what was generated from nothing of the kind is valid.
    if (hasRegExpGroups) this.#regexp = new RegExp(source, this.#flags);
  }
  #exec(input) {
    this.#regexp ??= new RegExp(this.#source, this.#flags);
    return RegExpPrototypeExec(this.#regexp, input);
  }
  test(input) {
    return this.#source === ANYTHING || this.#exec(input) !== null;
  }
  /** "Create a component match result", or null. */
  exec(input) {
    const groups = {};
    if (this.#source === ANYTHING) {
      define(groups, this.#names[0], input);
    } else {
      const result = this.#exec(input);
      if (result === null) return null;
      // A regular expression may have named groups of its own, which are none of the pattern's.
      for (let i = 0; i < this.#names.length; i++) define(groups, this.#names[i], result[i + 1]);
    }
    const match = {};
    define(match, "groups", groups);
    define(match, "input", input);
    return match;
  }
}

ObjectSetPrototypeOf(Component.prototype, null);

/** "Create". */
function createComponents(input, base, ignoreCase, prefix) {
  if (typeof input !== "string" && base !== undefined) {
    throw new TypeError(`${prefix}: a base URL cannot be given besides a URLPatternInit`);
  }
  try {
    const parsed = ops.urlpattern_parse(typeof input === "string" ? input : listOf(input), base, isSpecial);
    const components = { __proto__: null };
    for (let i = 0; i < names.length; i++) {
      const at = 4 * i;
      const ignores = ignoreCase && i >= 5; // pathname, search and hash
      components[names[i]] = new Component(parsed[at], parsed[at + 1], parsed[at + 2], parsed[at + 3], ignores);
    }
    return components;
  } catch (error) {
    throw new TypeError(`${prefix}: ${error.message}`);
  }
}

/** The components of what is matched against a pattern, or undefined when there is no such URL. */
function matchInput(input, base, prefix) {
  if (typeof input === "string") return ops.urlpattern_match_url(input, base);
  if (base !== undefined) throw new TypeError(`${prefix}: a base URL cannot be given besides a URLPatternInit`);
  return ops.urlpattern_match_init(listOf(input));
}

let isURLPattern, inspected;

class URLPattern {
  #components;
  constructor(input = undefined, baseURLOrOptions = undefined, options = undefined) {
    const prefix = "Failed to construct 'URLPattern'";
    let base;
    // Web IDL, 3.6: a second argument that is a dictionary is the options, unless there is a third.
    const hasBase = arguments.length > 2
      || (baseURLOrOptions !== undefined && baseURLOrOptions !== null && !isObject(baseURLOrOptions));
    input = toInput(input, prefix);
    if (hasBase) base = converters.USVString(baseURLOrOptions, prefix, "Argument 2");
    else options = baseURLOrOptions;
    const { ignoreCase } = toOptions(options, prefix, hasBase ? "Argument 3" : "Argument 2");
    this.#components = createComponents(input, base, ignoreCase, prefix);
  }

  static {
    isURLPattern = (object) => isObject(object) && #components in object;
    inspected = (pattern) => {
      const object = { __proto__: null };
      for (let i = 0; i < names.length; i++) object[names[i]] = pattern.#components[names[i]].pattern;
      return object;
    };
  }

  test(input = undefined, baseURL = undefined) {
    const components = this.#components;
    const prefix = "Failed to execute 'test' on 'URLPattern'";
    input = toInput(input, prefix);
    if (baseURL !== undefined) baseURL = converters.USVString(baseURL, prefix, "Argument 2");
    const values = matchInput(input, baseURL, prefix);
    if (values === undefined) return false;
    for (let i = 0; i < names.length; i++) if (!components[names[i]].test(values[i])) return false;
    return true;
  }

  exec(input = undefined, baseURL = undefined) {
    const components = this.#components;
    const prefix = "Failed to execute 'exec' on 'URLPattern'";
    input = toInput(input, prefix);
    if (baseURL !== undefined) baseURL = converters.USVString(baseURL, prefix, "Argument 2");
    const values = matchInput(input, baseURL, prefix);
    if (values === undefined) return null;
    const matches = { __proto__: null };
    for (let i = 0; i < names.length; i++) {
      const match = components[names[i]].exec(values[i]);
      if (match === null) return null;
      matches[names[i]] = match;
    }
    const inputs = typeof input === "string" ? [input] : [initObject(input)];
    if (baseURL !== undefined) define(inputs, 1, baseURL);
    matches.inputs = inputs;
    const result = {};
    for (let i = 0; i < resultNames.length; i++) define(result, resultNames[i], matches[resultNames[i]]);
    return result;
  }

  get protocol() { return this.#components.protocol.pattern; }
  get username() { return this.#components.username.pattern; }
  get password() { return this.#components.password.pattern; }
  get hostname() { return this.#components.hostname.pattern; }
  get port() { return this.#components.port.pattern; }
  get pathname() { return this.#components.pathname.pattern; }
  get search() { return this.#components.search.pattern; }
  get hash() { return this.#components.hash.pattern; }

  get hasRegExpGroups() {
    const components = this.#components;
    for (let i = 0; i < names.length; i++) if (components[names[i]].hasRegExpGroups) return true;
    return false;
  }
}
const resultNames = ["hash", "hostname", "inputs", "password", "pathname", "port", "protocol", "search", "username"];
configureInterface(URLPattern);
registerInspector(URLPattern, isURLPattern, inspected);

exports.globals = { __proto__: null, URLPattern };
