// CompressionStream and DecompressionStream (Compression, https://compression.spec.whatwg.org, 5 and 6).
//
// The codecs are native. A chunk is handed over whole and worked off in steps of bounded time, whose output is enqueued
// piece by piece, as it is read: what a small chunk may expand to is never there at once.

const { ObjectSetPrototypeOf, PromisePrototypeThen } = primordials;
const { configureInterface, converters, createEnumConverter, illegalInvocation, requiredArguments } =
  require("webidl");
const { createTransform, transformReadable, transformWritable } = require("streams");
const { ERRORING } = require("streams/writer_state");

const toFormat = createEnumConverter("CompressionFormat", ["brotli", "deflate", "deflate-raw", "gzip"]);

class CodecTransformer {
  constructor(format, decompress) {
    this.format = format;
    this.decompress = decompress;
    this.id = 0; // of the native codec, once there is something for it to do
    this.cancelled = false;
  }
  open() {
    if (this.id === 0) this.id = ops.codec_new(this.format, this.decompress);
  }

  // "Compress and enqueue a chunk", "decompress and enqueue a chunk".
  transform(chunk, controller) {
    const prefix = this.decompress ? "DecompressionStream" : "CompressionStream";
    try {
      converters.BufferSource(chunk, prefix, "The chunk");
      this.open();
      // From here on the app may do with its buffer what it likes.
      ops.codec_push(this.id, chunk);
    } catch (error) {
      this.cancel();
      throw error;
    }
    return this.run(controller);
  }
  /** Goes on until all input is read, and waits where nobody wants more output. */
  run(controller) {
    while (ops.codec_has_more(this.id)) {
      const output = ops.codec_step(this.id, false);
      if (output === undefined) continue;
      controller.enqueue(output);
      if (controller.backpressure && ops.codec_has_more(this.id)) return this.wait(controller);
    }
    return undefined;
  }
  wait(controller) {
    return PromisePrototypeThen(controller.changePromise(), () => {
      // An abort waits for the write that is under way: it ends here.
      if (this.cancelled || controller.writable.state === ERRORING) return undefined;
      return this.run(controller);
    });
  }

  // "Compress flush and enqueue", "decompress flush and enqueue". What is left is little, and nobody is waited for.
  flush(controller) {
    try {
      this.open();
      do {
        const output = ops.codec_step(this.id, true);
        if (output !== undefined) controller.enqueue(output);
      } while (ops.codec_has_more(this.id));
    } finally {
      this.cancel();
    }
  }
  cancel() {
    this.cancelled = true;
    if (this.id !== 0) ops.codec_drop(this.id);
  }
}
ObjectSetPrototypeOf(CodecTransformer.prototype, null);

class CompressionStream {
  #transform;
  constructor(format) {
    const prefix = "Failed to construct 'CompressionStream'";
    requiredArguments(arguments.length, 1, prefix);
    this.#transform = createTransform(new CodecTransformer(toFormat(format, prefix, "Argument 1"), false));
  }
  get readable() {
    if (!(#transform in this)) throw illegalInvocation();
    return transformReadable(this.#transform);
  }
  get writable() {
    if (!(#transform in this)) throw illegalInvocation();
    return transformWritable(this.#transform);
  }
}
configureInterface(CompressionStream);

class DecompressionStream {
  #transform;
  constructor(format) {
    const prefix = "Failed to construct 'DecompressionStream'";
    requiredArguments(arguments.length, 1, prefix);
    this.#transform = createTransform(new CodecTransformer(toFormat(format, prefix, "Argument 1"), true));
  }
  get readable() {
    if (!(#transform in this)) throw illegalInvocation();
    return transformReadable(this.#transform);
  }
  get writable() {
    if (!(#transform in this)) throw illegalInvocation();
    return transformWritable(this.#transform);
  }
}
configureInterface(DecompressionStream);

exports.globals = { __proto__: null, CompressionStream, DecompressionStream };
