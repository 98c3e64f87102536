// TextEncoderStream and TextDecoderStream (Encoding, 7.5 and 7.6).

const { ObjectSetPrototypeOf, StringPrototypeCharCodeAt, StringPrototypeSlice, Uint8Array } = primordials;
const { ALLOW_SHARED, configureInterface, converters, illegalInvocation } = require("webidl");
const { createTransform, transformReadable, transformWritable } = require("streams");
const { Decoder } = require("encoding");

/** "Encode and enqueue a chunk": a surrogate pair may be split between two chunks. */
class EncoderTransformer {
  constructor() {
    this.high = "";
  }
  transform(chunk, controller) {
    let text = converters.DOMString(chunk, "TextEncoderStream", "The chunk");
    if (text === "") return;
    if (this.high !== "") {
      text = this.high + text;
      this.high = "";
    }
    const last = text.length - 1;
    const code = StringPrototypeCharCodeAt(text, last);
    if (code >= 0xd800 && code <= 0xdbff) {
      this.high = StringPrototypeSlice(text, last);
      if (last === 0) return;
      text = StringPrototypeSlice(text, 0, last);
    }
    controller.enqueue(ops.encoding_encode_utf8(text));
  }
  flush(controller) {
    if (this.high === "") return;
    const bytes = new Uint8Array(3); // U+FFFD
    bytes[0] = 0xef;
    bytes[1] = 0xbf;
    bytes[2] = 0xbd;
    controller.enqueue(bytes);
  }
}
ObjectSetPrototypeOf(EncoderTransformer.prototype, null);

class TextEncoderStream {
  #transform = createTransform(new EncoderTransformer());
  constructor() {}
  get encoding() {
    if (!(#transform in this)) throw illegalInvocation();
    return "utf-8";
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
configureInterface(TextEncoderStream);

class DecoderTransformer {
  constructor(decoder) {
    this.decoder = decoder;
  }
  transform(chunk, controller) {
    const bytes = converters.BufferSource(chunk, "TextDecoderStream", "The chunk", ALLOW_SHARED);
    const text = this.decoder.decode(bytes, true);
    if (text !== "") controller.enqueue(text);
  }
  flush(controller) {
    const text = this.decoder.decode(undefined, false);
    if (text !== "") controller.enqueue(text);
  }
  cancel() {
    this.decoder.drop();
  }
}
ObjectSetPrototypeOf(DecoderTransformer.prototype, null);

class TextDecoderStream {
  #decoder;
  #transform;
  constructor(label = undefined, options = undefined) {
    this.#decoder = new Decoder(label, options, "Failed to construct 'TextDecoderStream'");
    this.#transform = createTransform(new DecoderTransformer(this.#decoder));
  }
  get encoding() {
    if (!(#decoder in this)) throw illegalInvocation();
    return this.#decoder.encoding;
  }
  get fatal() {
    if (!(#decoder in this)) throw illegalInvocation();
    return this.#decoder.fatal;
  }
  get ignoreBOM() {
    if (!(#decoder in this)) throw illegalInvocation();
    return this.#decoder.ignoreBOM;
  }
  get readable() {
    if (!(#decoder in this)) throw illegalInvocation();
    return transformReadable(this.#transform);
  }
  get writable() {
    if (!(#decoder in this)) throw illegalInvocation();
    return transformWritable(this.#transform);
  }
}
configureInterface(TextDecoderStream);

exports.globals = { __proto__: null, TextDecoderStream, TextEncoderStream };
