// The controller of readable streams whose chunks are any values (4.6, 4.9.4).

const { FunctionPrototypeCall, TypeError } = primordials;
const { configureInterface, illegalConstructor, illegalInvocation, internal } = require("webidl");
const { internalClass } = require("streams/base");
const { checkSize } = require("streams/strategies");
const { hasReadRequests, READABLE, readableClose, readableError } = require("streams/readable_state");
const { Controller } = require("streams/readable_controller");

/** A chunk in the queue, with its size. */
class Entry {
  constructor(value, size) {
    this.value = value;
    this.size = size;
    this.next = undefined;
  }
}
internalClass(Entry);

/** The slots of a ReadableStreamDefaultController. */
class DefaultController extends Controller {
  constructor(stream, source, highWaterMark, size) {
    super(stream, source, highWaterMark);
    this.isByte = false;
    this.size = size; // undefined: every chunk counts 1
  }

  shouldCallPull() {
    if (!this.canCloseOrEnqueue() || !this.started) return false;
    return hasReadRequests(this.stream) || this.highWaterMark - this.queueSize > 0;
  }

  clearAlgorithms() {
    super.clearAlgorithms();
    this.size = undefined;
  }

  close() {
    if (!this.canCloseOrEnqueue()) return;
    this.closeRequested = true;
    if (this.queue.head === undefined) {
      this.clearAlgorithms();
      readableClose(this.stream);
    }
  }

  enqueue(chunk) {
    if (!this.canCloseOrEnqueue()) return;
    const stream = this.stream;
    if (hasReadRequests(stream)) {
      stream.reader.requests.shift().chunk(chunk);
    } else if (this.size === undefined) {
      this.queue.append(new Entry(chunk, 1));
      this.queueSize += 1;
    } else {
      this.#enqueueSized(chunk);
    }
    this.callPullIfNeeded();
  }
  #enqueueSized(chunk) {
    try {
      const size = +FunctionPrototypeCall(this.size, undefined, chunk);
      checkSize(size);
      this.queue.append(new Entry(chunk, size));
      this.queueSize += size;
    } catch (error) {
      this.error(error);
      throw error;
    }
  }

  error(error) {
    const stream = this.stream;
    if (stream.state !== READABLE) return;
    this.resetQueue();
    this.clearAlgorithms();
    readableError(stream, error);
  }

  /** Whether `take` has a chunk to give. */
  hasQueued() {
    return this.queue.head !== undefined;
  }

  /** The first chunk of the queue, with what follows from its leaving. */
  take() {
    const entry = this.queue.shift();
    const size = this.queueSize - entry.size;
    this.queueSize = size < 0 ? 0 : size; // rounding
    if (this.closeRequested && this.queue.head === undefined) {
      this.clearAlgorithms();
      readableClose(this.stream);
    } else {
      this.callPullIfNeeded();
    }
    return entry.value;
  }

  // The internal methods of 4.6.4.
  cancelSteps(reason) {
    this.resetQueue();
    return this.callCancel(reason);
  }
  pullSteps(request) {
    if (this.queue.head !== undefined) {
      request.chunk(this.take());
    } else {
      this.stream.reader.requests.append(request);
      this.callPullIfNeeded();
    }
  }
  releaseSteps() {}
}
class ReadableStreamDefaultController {
  #controller;
  constructor(token = undefined, controller = undefined) {
    if (token !== internal) throw illegalConstructor();
    this.#controller = controller;
  }
  get desiredSize() {
    return ReadableStreamDefaultController.#of(this).desiredSize();
  }
  close() {
    const controller = ReadableStreamDefaultController.#of(this);
    if (!controller.canCloseOrEnqueue()) throw new TypeError("The stream cannot be closed: it is not open any more");
    controller.close();
  }
  enqueue(chunk = undefined) {
    const controller = ReadableStreamDefaultController.#of(this);
    if (!controller.canCloseOrEnqueue()) throw new TypeError("The stream is not open for chunks any more");
    controller.enqueue(chunk);
  }
  error(error = undefined) {
    ReadableStreamDefaultController.#of(this).error(error);
  }
  static #of(object) {
    if (!(#controller in object)) throw illegalInvocation();
    return object.#controller;
  }
}
configureInterface(ReadableStreamDefaultController);

/** SetUpReadableStreamDefaultControllerFromUnderlyingSource; the methods are the source's, read already. */
function setUpDefaultFromSource(stream, source, methods, highWaterMark, size) {
  const controller = new DefaultController(stream, source, highWaterMark, size);
  const { start, pull, cancel } = methods;
  controller.pullMethod = pull;
  controller.cancelMethod = cancel;
  if (start === undefined && pull === undefined) return; // nobody can reach the controller
  controller.argument = new ReadableStreamDefaultController(internal, controller);
  controller.start(start === undefined ? undefined : FunctionPrototypeCall(start, source, controller.argument));
}

exports.DefaultController = DefaultController;
exports.ReadableStreamDefaultController = ReadableStreamDefaultController;
exports.setUpDefaultFromSource = setUpDefaultFromSource;
