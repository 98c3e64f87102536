// ReadableStreamTee (4.9.1).

const { PromisePrototypeThen, PromiseWithResolvers } = primordials;
const { follow, internalClass, OwnPromise, queueMicrotask, ReadRequest } = require("streams/base");
const { cloneAsUint8Array } = require("streams/buffers");
const {
  acquireReader, closedPromiseOf, ReadableState, readableCancel, readerRead, readerRelease,
} = require("streams/readable_state");
const { DefaultController } = require("streams/readable_default");
const { ByteController } = require("streams/readable_byte");
const { acquireByobReader, byobReaderRead, isByteStream } = require("streams/readers");

// What both kinds of tee have: two branches, and a cancel that waits for the second one.
class Tee {
  constructor(stream) {
    this.stream = stream;
    this.reader = acquireReader(stream, false);
    this.reading = false;
    this.branch1 = undefined;
    this.branch2 = undefined;
    this.canceled1 = false;
    this.canceled2 = false;
    this.reason1 = undefined;
    this.reason2 = undefined;
    this.cancelled = PromiseWithResolvers();
  }
  cancel1(reason) {
    this.canceled1 = true;
    this.reason1 = reason;
    if (this.canceled2) this.#cancelBoth();
    return this.cancelled.promise;
  }
  cancel2(reason) {
    this.canceled2 = true;
    this.reason2 = reason;
    if (this.canceled1) this.#cancelBoth();
    return this.cancelled.promise;
  }
  #cancelBoth() {
    this.cancelWith([this.reason1, this.reason2]);
  }
  cancelWith(reason) {
    follow(readableCancel(this.stream, reason), this.cancelled.resolve, this.cancelled.reject);
  }
  // Once the stream has ended, a branch's cancel has nothing to wait for.
  settleCancelUnlessBoth() {
    if (!this.canceled1 || !this.canceled2) this.cancelled.resolve();
  }
  errorBoth(error) {
    this.branch1.controller.error(error);
    this.branch2.controller.error(error);
  }
}
internalClass(Tee);

// The sources of the two branches: what each controller calls.
class Branch {
  constructor(tee, second) {
    this.tee = tee;
    this.second = second;
  }
  pull() {
    this.tee.pull(this.second);
  }
  cancel(reason) {
    return new OwnPromise(this.second ? this.tee.cancel2(reason) : this.tee.cancel1(reason));
  }
}
internalClass(Branch);

/** ReadableStreamDefaultTee. `clone` makes the second branch's chunk of the first's, when it is given. */
class DefaultTee extends Tee {
  constructor(stream, clone) {
    super(stream);
    this.clone = clone;
    this.readAgain = false;
    this.branch1 = this.#makeBranch(false);
    this.branch2 = this.#makeBranch(true);
    PromisePrototypeThen(closedPromiseOf(this.reader), undefined, (error) => {
      this.errorBoth(error);
      this.settleCancelUnlessBoth();
    });
  }
  #makeBranch(second) {
    const stream = new ReadableState();
    const source = new Branch(this, second);
    const controller = new DefaultController(stream, source, 1, undefined);
    controller.pullMethod = source.pull;
    controller.cancelMethod = source.cancel;
    controller.start(undefined);
    return stream;
  }
  pull() {
    if (this.reading) {
      this.readAgain = true;
      return;
    }
    this.reading = true;
    readerRead(this.reader, new DefaultTeeRequest(this));
  }
  deliver(chunk) {
    this.readAgain = false;
    let chunk2 = chunk;
    if (!this.canceled2 && this.clone !== undefined) {
      try {
        chunk2 = this.clone(chunk);
      } catch (error) {
        this.errorBoth(error);
        this.cancelWith(error);
        return;
      }
    }
    if (!this.canceled1) this.branch1.controller.enqueue(chunk);
    if (!this.canceled2) this.branch2.controller.enqueue(chunk2);
    this.reading = false;
    if (this.readAgain) this.pull();
  }
}

class DefaultTeeRequest extends ReadRequest {
  constructor(tee) {
    super();
    this.tee = tee;
  }
  // In a microtask, so that an error of the stream reaches the branches before the chunk does.
  chunk(value) {
    queueMicrotask(() => this.tee.deliver(value));
  }
  close() {
    const tee = this.tee;
    tee.reading = false;
    if (!tee.canceled1) tee.branch1.controller.close();
    if (!tee.canceled2) tee.branch2.controller.close();
    tee.settleCancelUnlessBoth();
  }
  error() {
    this.tee.reading = false;
  }
}

/** ReadableByteStreamTee: reads into a branch's own buffer when that branch has a BYOB read. */
class ByteTee extends Tee {
  constructor(stream) {
    super(stream);
    this.readAgain1 = false;
    this.readAgain2 = false;
    this.branch1 = this.#makeBranch(false);
    this.branch2 = this.#makeBranch(true);
    this.#forwardReaderError(this.reader);
  }
  #makeBranch(second) {
    const stream = new ReadableState();
    const source = new Branch(this, second);
    const controller = new ByteController(stream, source, 0, undefined);
    controller.pullMethod = source.pull;
    controller.cancelMethod = source.cancel;
    controller.start(undefined);
    return stream;
  }
  #forwardReaderError(reader) {
    PromisePrototypeThen(closedPromiseOf(reader), undefined, (error) => {
      if (reader !== this.reader) return;
      this.errorBoth(error);
      this.settleCancelUnlessBoth();
    });
  }
  pull(second) {
    if (this.reading) {
      if (second) this.readAgain2 = true;
      else this.readAgain1 = true;
      return;
    }
    this.reading = true;
    const branch = second ? this.branch2 : this.branch1;
    const request = branch.controller.getByobRequest();
    if (request === undefined) this.#pullDefault();
    else this.#pullByob(request.view, second);
  }
  #pullDefault() {
    if (this.reader.byob) this.#replaceReader(acquireReader);
    readerRead(this.reader, new ByteTeeRequest(this));
  }
  #pullByob(view, second) {
    if (!this.reader.byob) this.#replaceReader(acquireByobReader);
    byobReaderRead(this.reader, view, 1, new ByteTeeIntoRequest(this, second));
  }
  #replaceReader(acquire) {
    readerRelease(this.reader);
    this.reader = acquire(this.stream, false);
    this.#forwardReaderError(this.reader);
  }
  #cloneOrFail(chunk) {
    try {
      return cloneAsUint8Array(chunk);
    } catch (error) {
      this.errorBoth(error);
      this.cancelWith(error);
    }
  }
  #delivered() {
    this.reading = false;
    if (this.readAgain1) this.pull(false);
    else if (this.readAgain2) this.pull(true);
  }
  deliver(chunk) {
    this.readAgain1 = false;
    this.readAgain2 = false;
    let chunk2 = chunk;
    if (!this.canceled1 && !this.canceled2) {
      chunk2 = this.#cloneOrFail(chunk);
      if (chunk2 === undefined) return;
    }
    if (!this.canceled1) this.branch1.controller.enqueue(chunk);
    if (!this.canceled2) this.branch2.controller.enqueue(chunk2);
    this.#delivered();
  }
  deliverInto(chunk, second) {
    this.readAgain1 = false;
    this.readAgain2 = false;
    const byobCanceled = second ? this.canceled2 : this.canceled1;
    const otherCanceled = second ? this.canceled1 : this.canceled2;
    const byob = (second ? this.branch2 : this.branch1).controller;
    const other = (second ? this.branch1 : this.branch2).controller;
    if (otherCanceled) {
      if (!byobCanceled) byob.respondWithNewView(chunk);
    } else {
      const copy = this.#cloneOrFail(chunk);
      if (copy === undefined) return;
      if (!byobCanceled) byob.respondWithNewView(chunk);
      other.enqueue(copy);
    }
    this.#delivered();
  }
}

class ByteTeeRequest extends ReadRequest {
  constructor(tee) {
    super();
    this.tee = tee;
  }
  chunk(value) {
    queueMicrotask(() => this.tee.deliver(value));
  }
  close() {
    const tee = this.tee;
    const one = tee.branch1.controller;
    const two = tee.branch2.controller;
    tee.reading = false;
    if (!tee.canceled1) one.close();
    if (!tee.canceled2) two.close();
    if (one.pullIntos.head !== undefined) one.respond(0);
    if (two.pullIntos.head !== undefined) two.respond(0);
    tee.settleCancelUnlessBoth();
  }
  error() {
    this.tee.reading = false;
  }
}

class ByteTeeIntoRequest extends ReadRequest {
  constructor(tee, second) {
    super();
    this.tee = tee;
    this.second = second;
  }
  chunk(view) {
    queueMicrotask(() => this.tee.deliverInto(view, this.second));
  }
  close(view) {
    const { tee, second } = this;
    const byobCanceled = second ? tee.canceled2 : tee.canceled1;
    const otherCanceled = second ? tee.canceled1 : tee.canceled2;
    const byob = (second ? tee.branch2 : tee.branch1).controller;
    const other = (second ? tee.branch1 : tee.branch2).controller;
    tee.reading = false;
    if (!byobCanceled) byob.close();
    if (!otherCanceled) other.close();
    if (view !== undefined) {
      if (!byobCanceled) byob.respondWithNewView(view);
      if (!otherCanceled && other.pullIntos.head !== undefined) other.respond(0);
    }
    tee.settleCancelUnlessBoth();
  }
  error() {
    this.tee.reading = false;
  }
}

/** Two branches of a ReadableState: the tee object, with `branch1` and `branch2`, which are ReadableStates. */
function tee(stream, clone) {
  return isByteStream(stream) ? new ByteTee(stream) : new DefaultTee(stream, clone);
}

exports.tee = tee;
