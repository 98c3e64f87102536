// What both controllers of readable streams have (4.6, 4.7): the queue's size, and when to pull.

const { PromisePrototypeThen } = primordials;
const { callAlgorithm1, callFinalAlgorithm, internalClass, List, promiseResolvedWith } = require("streams/base");
const { CLOSED, ERRORED, READABLE } = require("streams/readable_state");

/**
 * The algorithms are methods called on `source`: with `argument`, which is the public controller for an app's source
 * and this object for a built-in's. Subclasses have `shouldCallPull()` and `error(error)`.
 */
class Controller {
  constructor(stream, source, highWaterMark) {
    this.stream = stream;
    this.source = source;
    this.argument = this;
    this.pullMethod = undefined;
    this.cancelMethod = undefined;
    this.highWaterMark = highWaterMark;
    this.queue = new List();
    this.queueSize = 0;
    this.started = false;
    this.closeRequested = false;
    this.pullAgain = false;
    this.pulling = false;
    this.onPulled = undefined;
    this.onPullFailed = undefined;
    stream.controller = this;
  }

  /** The last part of the set-up: what follows from the start algorithm's result. */
  start(startResult) {
    PromisePrototypeThen(promiseResolvedWith(startResult), () => {
      this.started = true;
      this.callPullIfNeeded();
    }, (error) => this.error(error));
  }

  desiredSize() {
    const state = this.stream.state;
    return state === ERRORED ? null : state === CLOSED ? 0 : this.highWaterMark - this.queueSize;
  }

  canCloseOrEnqueue() {
    return !this.closeRequested && this.stream.state === READABLE;
  }

  callPullIfNeeded() {
    // Without a method the only effect of a pull would be the `pulling` flag, which nothing but a pull looks at.
    if (this.pullMethod === undefined || !this.shouldCallPull()) return;
    if (this.pulling) {
      this.pullAgain = true;
      return;
    }
    this.pulling = true;
    const promise = callAlgorithm1(this.pullMethod, this.source, this.argument);
    if (this.onPulled === undefined) {
      this.onPulled = () => {
        this.pulling = false;
        if (this.pullAgain) {
          this.pullAgain = false;
          this.callPullIfNeeded();
        }
      };
      this.onPullFailed = (error) => this.error(error);
    }
    PromisePrototypeThen(promise, this.onPulled, this.onPullFailed);
  }

  clearAlgorithms() {
    this.source = undefined;
    this.argument = undefined;
    this.pullMethod = undefined;
    this.cancelMethod = undefined;
  }

  resetQueue() {
    this.queue.takeAll();
    this.queueSize = 0;
  }

  /** Calls the cancel algorithm, the last thing that is called. */
  callCancel(reason) {
    const promise = callFinalAlgorithm(this.cancelMethod, this.source, reason);
    this.clearAlgorithms();
    return promise;
  }
}
internalClass(Controller);

exports.Controller = Controller;
