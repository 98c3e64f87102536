// TextEncoder and TextDecoder (Encoding, https://encoding.spec.whatwg.org, 7).

const { ObjectSetPrototypeOf, RangeError, TypeError, Uint32Array, Uint8Array } = primordials;
const {
  ALLOW_SHARED, configureInterface, converters, illegalInvocation, isObject, requiredArguments,
} = require("webidl");
const { Utf8Decoder } = require("encoding/utf8");

// What `encodeInto` has read and written: no other way to return two numbers costs as little.
// Made at first use: V8 cannot keep a typed array in the startup snapshot.
let counts;

class TextEncoder {
  #brand;
  constructor() {}
  get encoding() {
    if (!(#brand in this)) throw illegalInvocation();
    return "utf-8";
  }
  encode(input = "") {
    if (!(#brand in this)) throw illegalInvocation();
    // The op turns lone surrogates to U+FFFD, as the conversion to USVString would.
    return ops.encoding_encode_utf8(
      converters.DOMString(input, "Failed to execute 'encode' on 'TextEncoder'", "Argument 1"),
    );
  }
  encodeInto(source, destination) {
    if (!(#brand in this)) throw illegalInvocation();
    const prefix = "Failed to execute 'encodeInto' on 'TextEncoder'";
    requiredArguments(arguments.length, 2, prefix);
    source = converters.DOMString(source, prefix, "Argument 1");
    destination = converters.Uint8Array(destination, prefix, "Argument 2", ALLOW_SHARED);
    counts ??= new Uint32Array(2);
    ops.encoding_encode_into(source, destination, counts);
    return { read: counts[0], written: counts[1] };
  }
}
configureInterface(TextEncoder);

/** What TextDecoder and TextDecoderStream have in common: an encoding, its options, and where a text was cut off. */
class Decoder {
  constructor(label, options, prefix) {
    label = label === undefined ? "utf-8" : converters.DOMString(label, prefix, "Argument 1");
    this.fatal = false;
    this.ignoreBOM = false;
    if (options !== undefined && options !== null) {
      if (!isObject(options)) {
        throw new TypeError(`${prefix}: Argument 2 cannot be converted to a dictionary (TextDecoderOptions)`);
      }
      this.fatal = !!options.fatal;
      this.ignoreBOM = !!options.ignoreBOM;
    }
    this.encoding = label === "utf-8" ? label : ops.encoding_for_label(label);
    if (this.encoding === undefined || this.encoding === "replacement") {
      throw new RangeError(`${prefix}: '${label}' is not the label of an encoding`);
    }
    this.utf8 = undefined; // of a text in UTF-8 that has begun
    this.id = 0; // of the native decoder of a text in another encoding that has begun
  }

  /** A text at once, or with `stream` a piece of it. `input` is a buffer source or undefined. */
  decode(input, stream) {
    if (this.encoding === "utf-8") {
      if (!stream && this.utf8 === undefined) {
        return input === undefined ? "" : ops.encoding_decode_utf8(input, this.fatal, this.ignoreBOM);
      }
      const utf8 = this.utf8 ?? new Utf8Decoder(this.fatal, this.ignoreBOM);
      this.utf8 = stream ? utf8 : undefined;
      return utf8.decode(input ?? new Uint8Array(0), !stream);
    }
    const id = this.id === 0 ? ops.encoding_decoder_new(this.encoding, this.fatal, this.ignoreBOM) : this.id;
    // The op drops the decoder when it flushes, and when it throws.
    this.id = 0;
    const text = ops.encoding_decoder_decode(id, input ?? new Uint8Array(0), !stream);
    if (stream) this.id = id;
    return text;
  }

  /** Ends a text that will not be read on. */
  drop() {
    try {
      if (this.id !== 0) this.decode(undefined, false);
    } catch { /* a text that ends in the middle of a character */ }
    this.utf8 = undefined;
  }
}
ObjectSetPrototypeOf(Decoder.prototype, null);

class TextDecoder {
  #decoder;
  constructor(label = undefined, options = undefined) {
    this.#decoder = new Decoder(label, options, "Failed to construct 'TextDecoder'");
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
  decode(input = undefined, options = undefined) {
    if (!(#decoder in this)) throw illegalInvocation();
    if (input !== undefined) input = converters.BufferSource(input, decodePrefix, "Argument 1", ALLOW_SHARED);
    let stream = false;
    if (options !== undefined && options !== null) {
      if (!isObject(options)) {
        throw new TypeError(`${decodePrefix}: Argument 2 cannot be converted to a dictionary (TextDecodeOptions)`);
      }
      stream = !!options.stream;
    }
    return this.#decoder.decode(input, stream);
  }
}
configureInterface(TextDecoder);
const decodePrefix = "Failed to execute 'decode' on 'TextDecoder'";

exports.globals = { __proto__: null, TextDecoder, TextEncoder };
exports.Decoder = Decoder;
