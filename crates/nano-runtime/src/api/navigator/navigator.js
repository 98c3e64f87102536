// Navigator (HTML, 8.10), of which ECMA-429 asks for `userAgent` alone.

const webidl = require("webidl");

/** Also the default `User-Agent` of fetch: a product token without a version, as ECMA-429 recommends. */
const USER_AGENT = "NANO";

let isNavigator;
class Navigator {
  #brand = true;
  constructor(token = undefined) {
    if (token !== webidl.internal) throw webidl.illegalConstructor();
  }
  get userAgent() {
    if (!isNavigator(this)) throw webidl.illegalInvocation();
    return USER_AGENT;
  }
  static {
    isNavigator = (object) => webidl.isObject(object) && #brand in object;
  }
}
webidl.configureInterface(Navigator);

exports.Navigator = Navigator;
exports.navigator = new Navigator(webidl.internal);
exports.userAgent = USER_AGENT;
