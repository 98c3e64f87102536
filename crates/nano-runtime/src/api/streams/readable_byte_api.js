// The public face of byte streams: ReadableByteStreamController (4.7), ReadableStreamBYOBRequest (4.8).

const { FunctionPrototypeCall, TypeError } = primordials;
const {
  configureInterface, converters, illegalConstructor, illegalInvocation, internal, requiredArguments,
} = require("webidl");
const { bufferByteLength, isDetached, viewBuffer, viewByteLength } = require("streams/buffers");
const { READABLE } = require("streams/readable_state");
const { ByteController } = require("streams/readable_byte");

class ReadableByteStreamController {
  #controller;
  constructor(token = undefined, controller = undefined) {
    if (token !== internal) throw illegalConstructor();
    this.#controller = controller;
  }
  get byobRequest() {
    const request = ReadableByteStreamController.#of(this).getByobRequest();
    if (request === undefined) return null;
    request.object ??= new ReadableStreamBYOBRequest(internal, request);
    return request.object;
  }
  get desiredSize() {
    return ReadableByteStreamController.#of(this).desiredSize();
  }
  close() {
    const controller = ReadableByteStreamController.#of(this);
    if (!controller.canCloseOrEnqueue()) throw new TypeError("The stream cannot be closed: it is not open any more");
    controller.close();
  }
  enqueue(chunk) {
    const controller = ReadableByteStreamController.#of(this);
    const prefix = "Failed to execute 'enqueue' on 'ReadableByteStreamController'";
    requiredArguments(arguments.length, 1, prefix);
    chunk = converters.ArrayBufferView(chunk, prefix, "Argument 1");
    if (viewByteLength(chunk) === 0) throw new TypeError("The chunk is empty, or its buffer is detached");
    if (bufferByteLength(viewBuffer(chunk)) === 0) throw new TypeError("The chunk's buffer is empty");
    if (controller.closeRequested) throw new TypeError("The stream is being closed and takes no chunks");
    if (controller.stream.state !== READABLE) throw new TypeError("The stream is not open for chunks any more");
    controller.enqueue(chunk);
  }
  error(error = undefined) {
    ReadableByteStreamController.#of(this).error(error);
  }
  static #of(object) {
    if (!(#controller in object)) throw illegalInvocation();
    return object.#controller;
  }
}
configureInterface(ReadableByteStreamController);

class ReadableStreamBYOBRequest {
  #request;
  constructor(token = undefined, request = undefined) {
    if (token !== internal) throw illegalConstructor();
    this.#request = request;
  }
  get view() {
    return ReadableStreamBYOBRequest.#of(this).view;
  }
  respond(bytesWritten) {
    const request = ReadableStreamBYOBRequest.#of(this);
    const prefix = "Failed to execute 'respond' on 'ReadableStreamBYOBRequest'";
    requiredArguments(arguments.length, 1, prefix);
    bytesWritten = converters["unsigned long long"](bytesWritten, prefix, "Argument 1", enforceRange);
    if (request.controller === undefined) throw invalidated();
    if (isDetached(viewBuffer(request.view))) throw new TypeError("The BYOB request's buffer has been detached");
    request.controller.respond(bytesWritten);
  }
  respondWithNewView(view) {
    const request = ReadableStreamBYOBRequest.#of(this);
    const prefix = "Failed to execute 'respondWithNewView' on 'ReadableStreamBYOBRequest'";
    requiredArguments(arguments.length, 1, prefix);
    view = converters.ArrayBufferView(view, prefix, "Argument 1");
    if (request.controller === undefined) throw invalidated();
    if (isDetached(viewBuffer(view))) throw new TypeError("The view's buffer has been detached");
    request.controller.respondWithNewView(view);
  }
  static #of(object) {
    if (!(#request in object)) throw illegalInvocation();
    return object.#request;
  }
}
configureInterface(ReadableStreamBYOBRequest);

const enforceRange = { __proto__: null, enforceRange: true };

function invalidated() {
  return new TypeError("This BYOB request has been answered already");
}

/** SetUpReadableByteStreamControllerFromUnderlyingSource; the methods are the source's, read already. */
function setUpByteFromSource(stream, source, methods, highWaterMark) {
  const { start, pull, cancel, autoAllocateChunkSize } = methods;
  if (autoAllocateChunkSize === 0) throw new TypeError("autoAllocateChunkSize has to be more than 0");
  const controller = new ByteController(stream, source, highWaterMark, autoAllocateChunkSize);
  controller.pullMethod = pull;
  controller.cancelMethod = cancel;
  if (start === undefined && pull === undefined) return; // nobody can reach the controller
  controller.argument = new ReadableByteStreamController(internal, controller);
  controller.start(start === undefined ? undefined : FunctionPrototypeCall(start, source, controller.argument));
}

exports.ReadableByteStreamController = ReadableByteStreamController;
exports.ReadableStreamBYOBRequest = ReadableStreamBYOBRequest;
exports.setUpByteFromSource = setUpByteFromSource;
