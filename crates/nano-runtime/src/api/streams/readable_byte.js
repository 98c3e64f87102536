// The controller of readable byte streams (4.7, 4.9.5), without its public face (`readable_byte_api.js`).

const { ArrayBuffer, MathMin, RangeError, TypedArrayPrototypeGetBuffer, TypeError, Uint8Array } = primordials;
const { internalClass, List } = require("streams/base");
const {
  bufferByteLength, cloneBytes, copyBytes, isDetached, transferBuffer, uint8, viewBuffer, viewByteLength,
  viewByteOffset, viewKind,
} = require("streams/buffers");
const { CLOSED, hasReadRequests, READABLE, readableClose, readableError } = require("streams/readable_state");
const { Controller } = require("streams/readable_controller");

/** Bytes in the queue: a readable byte stream queue entry. */
class ByteEntry {
  constructor(buffer, byteOffset, byteLength) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.next = undefined;
  }
}
internalClass(ByteEntry);

// The [[readerType]] of a pull-into descriptor.
const DEFAULT = 0;
const BYOB = 1;
const NONE = 2;

/** A pull-into descriptor: a buffer that waits to be filled. */
class PullInto {
  constructor(buffer, byteOffset, byteLength, minimumFill, kind, readerType) {
    this.buffer = buffer;
    this.bufferByteLength = bufferByteLength(buffer);
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.bytesFilled = 0;
    this.minimumFill = minimumFill;
    this.kind = kind;
    this.readerType = readerType;
    this.next = undefined;
  }
  /**
   * ReadableByteStreamControllerConvertPullIntoDescriptor. The standard transfers the buffer once more; but it was
   * transferred when it came here, and again after each BYOB request that showed it, so no one else has it.
   */
  filledView() {
    return new this.kind.construct(this.buffer, this.byteOffset, this.bytesFilled / this.kind.elementSize);
  }
}
internalClass(PullInto);

/** The slots of a ReadableStreamBYOBRequest. */
class ByobRequest {
  constructor(controller, view) {
    this.controller = controller;
    this.view = view;
    this.object = undefined; // its ReadableStreamBYOBRequest, once there is one
  }
}
internalClass(ByobRequest);

/** The slots of a ReadableByteStreamController. */
class ByteController extends Controller {
  constructor(stream, source, highWaterMark, autoAllocateChunkSize) {
    super(stream, source, highWaterMark);
    this.isByte = true;
    this.autoAllocateChunkSize = autoAllocateChunkSize;
    this.pullIntos = new List();
    this.byobRequest = undefined;
  }

  shouldCallPull() {
    if (!this.canCloseOrEnqueue() || !this.started) return false;
    const reader = this.stream.reader;
    return (reader !== undefined && reader.requests.head !== undefined) || this.highWaterMark - this.queueSize > 0;
  }

  close() {
    if (!this.canCloseOrEnqueue()) return;
    if (this.queueSize > 0) {
      this.closeRequested = true;
      return;
    }
    const first = this.pullIntos.head;
    if (first !== undefined && first.bytesFilled % first.kind.elementSize !== 0) {
      const error = new TypeError("The stream was closed with a part of an element left in a pending read");
      this.error(error);
      throw error;
    }
    this.clearAlgorithms();
    readableClose(this.stream);
  }

  error(error) {
    const stream = this.stream;
    if (stream.state !== READABLE) return;
    this.invalidateByobRequest();
    this.pullIntos.takeAll();
    this.resetQueue();
    this.clearAlgorithms();
    readableError(stream, error);
  }

  /** ReadableByteStreamControllerEnqueue. The chunk's buffer is taken from its owner. */
  enqueue(chunk) {
    if (!this.canCloseOrEnqueue()) return;
    const byteOffset = viewByteOffset(chunk);
    const byteLength = viewByteLength(chunk);
    const buffer = viewBuffer(chunk);
    if (isDetached(buffer)) throw new TypeError("The chunk's buffer is detached");
    this.enqueueBytes(transferBuffer(buffer), byteOffset, byteLength);
  }

  /** `enqueue` for built-ins whose chunk is a Uint8Array on a buffer that nobody else has: it is not transferred. */
  enqueueOwned(chunk) {
    if (!this.canCloseOrEnqueue()) return;
    const byteLength = viewByteLength(chunk);
    if (byteLength === 0) return;
    if (this.queueSize === 0 && this.pullIntos.head === undefined && hasReadRequests(this.stream)) {
      this.stream.reader.requests.shift().chunk(chunk);
      this.callPullIfNeeded();
    } else {
      this.enqueueBytes(TypedArrayPrototypeGetBuffer(chunk), viewByteOffset(chunk), byteLength);
    }
  }

  enqueueBytes(buffer, byteOffset, byteLength) {
    const stream = this.stream;
    const first = this.pullIntos.head;
    if (first !== undefined) {
      // Only a BYOB request shows the buffer to others; without one it need not be taken back.
      if (this.byobRequest !== undefined) {
        if (isDetached(first.buffer)) throw new TypeError("The buffer of the BYOB request has been detached");
        this.invalidateByobRequest();
        first.buffer = transferBuffer(first.buffer);
      }
      if (first.readerType === NONE) this.#enqueueDetached(first);
    }
    const reader = stream.reader;
    if (reader === undefined) {
      this.#append(buffer, byteOffset, byteLength);
    } else if (reader.byob) {
      this.#append(buffer, byteOffset, byteLength);
      this.#commitAll(this.#fillFromQueue());
    } else {
      while (reader.requests.head !== undefined && this.queueSize > 0) {
        reader.requests.shift().chunk(this.take());
      }
      if (reader.requests.head === undefined) {
        this.#append(buffer, byteOffset, byteLength);
      } else {
        if (this.pullIntos.head !== undefined) this.pullIntos.shift();
        reader.requests.shift().chunk(new Uint8Array(buffer, byteOffset, byteLength));
      }
    }
    this.callPullIfNeeded();
  }

  /** ReadableByteStreamControllerEnqueueChunkToQueue */
  #append(buffer, byteOffset, byteLength) {
    this.queue.append(new ByteEntry(buffer, byteOffset, byteLength));
    this.queueSize += byteLength;
  }
  /** ReadableByteStreamControllerEnqueueClonedChunkToQueue */
  #appendClone(buffer, byteOffset, byteLength) {
    let copy;
    try {
      copy = cloneBytes(buffer, byteOffset, byteLength);
    } catch (error) {
      this.error(error);
      throw error;
    }
    this.#append(TypedArrayPrototypeGetBuffer(copy), 0, byteLength);
  }
  /** ReadableByteStreamControllerEnqueueDetachedPullIntoToQueue: bytes for a reader that was released since. */
  #enqueueDetached(pullInto) {
    if (pullInto.bytesFilled > 0) this.#appendClone(pullInto.buffer, pullInto.byteOffset, pullInto.bytesFilled);
    this.pullIntos.shift();
  }

  /** Whether `take` has a chunk to give. */
  hasQueued() {
    return this.queueSize > 0;
  }
  /** The first bytes of the queue (ReadableByteStreamControllerFillReadRequestFromQueue). */
  take() {
    const entry = this.queue.shift();
    this.queueSize -= entry.byteLength;
    this.#handleQueueDrain();
    return new Uint8Array(entry.buffer, entry.byteOffset, entry.byteLength);
  }
  #handleQueueDrain() {
    if (this.queueSize === 0 && this.closeRequested) {
      this.clearAlgorithms();
      readableClose(this.stream);
    } else {
      this.callPullIfNeeded();
    }
  }

  /** ReadableByteStreamControllerFillPullIntoDescriptorFromQueue: whether `pullInto` has its minimum now. */
  #fill(pullInto) {
    const maxToCopy = MathMin(this.queueSize, pullInto.byteLength - pullInto.bytesFilled);
    const maxFilled = pullInto.bytesFilled + maxToCopy;
    const maxAligned = maxFilled - (maxFilled % pullInto.kind.elementSize);
    const ready = maxAligned >= pullInto.minimumFill;
    let remaining = ready ? maxAligned - pullInto.bytesFilled : maxToCopy;
    while (remaining > 0) {
      const head = this.queue.head;
      const count = MathMin(remaining, head.byteLength);
      copyBytes(pullInto.buffer, pullInto.byteOffset + pullInto.bytesFilled, head.buffer, head.byteOffset, count);
      if (head.byteLength === count) {
        this.queue.shift();
      } else {
        head.byteOffset += count;
        head.byteLength -= count;
      }
      this.queueSize -= count;
      pullInto.bytesFilled += count;
      remaining -= count;
    }
    return ready;
  }
  /** ReadableByteStreamControllerProcessPullIntoDescriptorsUsingQueue: the list of what is filled now. */
  #fillFromQueue() {
    const filled = new List();
    while (this.pullIntos.head !== undefined && this.queueSize > 0 && this.#fill(this.pullIntos.head)) {
      filled.append(this.pullIntos.shift());
    }
    return filled;
  }
  #commitAll(filled) {
    while (filled.head !== undefined) this.#commit(filled.shift());
  }
  /** ReadableByteStreamControllerCommitPullIntoDescriptor */
  #commit(pullInto) {
    const stream = this.stream;
    const done = stream.state === CLOSED;
    const view = pullInto.filledView();
    const request = stream.reader.requests.shift();
    if (done) request.close(view);
    else request.chunk(view);
  }

  /** ReadableByteStreamControllerPullInto */
  pullInto(view, min, request) {
    const stream = this.stream;
    const kind = viewKind(view);
    const byteOffset = viewByteOffset(view);
    const byteLength = viewByteLength(view);
    let buffer;
    try {
      buffer = transferBuffer(viewBuffer(view));
    } catch (error) {
      request.error(error);
      return;
    }
    const pullInto = new PullInto(buffer, byteOffset, byteLength, min * kind.elementSize, kind, BYOB);
    const requests = stream.reader.requests;
    if (this.pullIntos.head !== undefined) {
      this.pullIntos.append(pullInto);
      requests.append(request);
      return;
    }
    if (stream.state === CLOSED) {
      request.close(new kind.construct(buffer, byteOffset, 0));
      return;
    }
    if (this.queueSize > 0) {
      if (this.#fill(pullInto)) {
        const filledView = pullInto.filledView();
        this.#handleQueueDrain();
        request.chunk(filledView);
        return;
      }
      if (this.closeRequested) {
        const error = new TypeError("The stream ended with less than the read's minimum");
        this.error(error);
        request.error(error);
        return;
      }
    }
    this.pullIntos.append(pullInto);
    requests.append(request);
    this.callPullIfNeeded();
  }

  /** ReadableByteStreamControllerGetBYOBRequest */
  getByobRequest() {
    const first = this.pullIntos.head;
    if (this.byobRequest === undefined && first !== undefined) {
      const { buffer, byteOffset, byteLength, bytesFilled } = first;
      const view = new Uint8Array(buffer, byteOffset + bytesFilled, byteLength - bytesFilled);
      this.byobRequest = new ByobRequest(this, view);
    }
    return this.byobRequest;
  }
  invalidateByobRequest() {
    const request = this.byobRequest;
    if (request === undefined) return;
    request.controller = undefined;
    request.view = null;
    this.byobRequest = undefined;
  }

  /** ReadableByteStreamControllerRespond */
  respond(bytesWritten) {
    const first = this.pullIntos.head;
    if (this.stream.state === CLOSED) {
      if (bytesWritten !== 0) throw new TypeError("The stream is closed: respond takes no more than 0 bytes");
    } else {
      if (bytesWritten === 0) throw new TypeError("The stream is open: respond takes more than 0 bytes");
      if (first.bytesFilled + bytesWritten > first.byteLength) {
        throw new RangeError(`${bytesWritten} bytes are more than the BYOB request's view holds`);
      }
    }
    first.buffer = transferBuffer(first.buffer);
    this.#respond(bytesWritten, first);
  }

  /** ReadableByteStreamControllerRespondWithNewView */
  respondWithNewView(view) {
    const first = this.pullIntos.head;
    const byteLength = viewByteLength(view);
    if (this.stream.state === CLOSED) {
      if (byteLength !== 0) throw new TypeError("The stream is closed: the view has to be empty");
    } else if (byteLength === 0) {
      throw new TypeError("The stream is open: the view must not be empty");
    }
    if (first.byteOffset + first.bytesFilled !== viewByteOffset(view)) {
      throw new RangeError("The view begins at another place than the BYOB request's");
    }
    const buffer = viewBuffer(view);
    if (first.bufferByteLength !== bufferByteLength(buffer)) {
      throw new RangeError("The view's buffer has another size than the BYOB request's");
    }
    if (first.bytesFilled + byteLength > first.byteLength) {
      throw new RangeError("The view is longer than the BYOB request's");
    }
    first.buffer = transferBuffer(buffer);
    this.#respond(byteLength, first);
  }

  /** ReadableByteStreamControllerRespondInternal */
  #respond(bytesWritten, first) {
    this.invalidateByobRequest();
    if (this.stream.state === CLOSED) this.#respondInClosedState(first);
    else this.#respondInReadableState(bytesWritten, first);
    this.callPullIfNeeded();
  }
  #respondInClosedState(first) {
    if (first.readerType === NONE) this.pullIntos.shift();
    const reader = this.stream.reader;
    if (reader === undefined || !reader.byob) return;
    // Every request that waits now gets its buffer back; those that committing makes do not wait.
    const filled = new List();
    for (let request = reader.requests.head; request !== undefined; request = request.next) {
      filled.append(this.pullIntos.shift());
    }
    this.#commitAll(filled);
  }
  #respondInReadableState(bytesWritten, pullInto) {
    pullInto.bytesFilled += bytesWritten;
    if (pullInto.readerType === NONE) {
      this.#enqueueDetached(pullInto);
      this.#commitAll(this.#fillFromQueue());
      return;
    }
    if (pullInto.bytesFilled < pullInto.minimumFill) return;
    this.pullIntos.shift();
    const remainder = pullInto.bytesFilled % pullInto.kind.elementSize;
    if (remainder > 0) {
      const end = pullInto.byteOffset + pullInto.bytesFilled;
      this.#appendClone(pullInto.buffer, end - remainder, remainder);
    }
    pullInto.bytesFilled -= remainder;
    const filled = this.#fillFromQueue();
    this.#commit(pullInto);
    this.#commitAll(filled);
  }

  // The internal methods of 4.7.4.
  cancelSteps(reason) {
    this.invalidateByobRequest();
    this.pullIntos.takeAll();
    this.resetQueue();
    return this.callCancel(reason);
  }
  pullSteps(request) {
    if (this.queueSize > 0) {
      request.chunk(this.take());
      return;
    }
    const size = this.autoAllocateChunkSize;
    if (size !== undefined) {
      let buffer;
      try {
        buffer = new ArrayBuffer(size);
      } catch (error) {
        request.error(error);
        return;
      }
      this.pullIntos.append(new PullInto(buffer, 0, size, 1, uint8, DEFAULT));
    }
    this.stream.reader.requests.append(request);
    this.callPullIfNeeded();
  }
  releaseSteps() {
    const first = this.pullIntos.head;
    if (first === undefined) return;
    first.readerType = NONE;
    this.pullIntos.takeAll();
    first.next = undefined;
    this.pullIntos.append(first);
  }
}
exports.ByteController = ByteController;
