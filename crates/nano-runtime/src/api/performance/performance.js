// Performance (High Resolution Time, 7). The clock is native, and coarsened there.

const webidl = require("webidl");
const { EventTarget } = require("event");

let isPerformance;
function check(object) {
  if (!isPerformance(object)) throw webidl.illegalInvocation();
}

class Performance extends EventTarget {
  #brand = true;
  constructor(token = undefined) {
    if (token !== webidl.internal) throw webidl.illegalConstructor();
    super();
  }
  now() {
    check(this);
    return ops.performance_now();
  }
  get timeOrigin() {
    check(this);
    return ops.performance_time_origin();
  }
  toJSON() {
    check(this);
    return { timeOrigin: ops.performance_time_origin() };
  }
  static {
    isPerformance = (object) => webidl.isObject(object) && #brand in object;
  }
}
webidl.configureInterface(Performance);

exports.Performance = Performance;
exports.performance = new Performance(webidl.internal);
