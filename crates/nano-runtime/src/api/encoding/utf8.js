// UTF-8 that comes in pieces (Encoding, 8.1.1). What is complete in a piece goes to the one-shot decoder; the at most
// three bytes of a character that is cut off stay here. So a decoder that is never finished holds nothing native.

const {
  ArrayBufferIsView, ArrayBufferPrototypeGetDetached, DataViewPrototypeGetBuffer, DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset, ObjectSetPrototypeOf, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeGetSymbolToStringTag, Uint8Array,
} = primordials;

/** The bytes of a buffer source; none, when it is detached. */
function bytesOf(source) {
  if (!ArrayBufferIsView(source)) return new Uint8Array(ArrayBufferPrototypeGetDetached(source) ? 0 : source);
  const tag = TypedArrayPrototypeGetSymbolToStringTag(source);
  if (tag === "Uint8Array") return source;
  const buffer = tag === undefined ? DataViewPrototypeGetBuffer(source) : TypedArrayPrototypeGetBuffer(source);
  if (ArrayBufferPrototypeGetDetached(buffer)) return new Uint8Array(0);
  if (tag === undefined) {
    return new Uint8Array(buffer, DataViewPrototypeGetByteOffset(source), DataViewPrototypeGetByteLength(source));
  }
  return new Uint8Array(buffer, TypedArrayPrototypeGetByteOffset(source), TypedArrayPrototypeGetByteLength(source));
}

/** How many bytes a character has that begins with `lead`; 0 when none does, or one byte is all. */
function sequenceLength(lead) {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}
/** Whether `byte` can be byte number `index` of the character that begins with `lead`. */
function continues(lead, index, byte) {
  if (index === 1) {
    if (lead === 0xe0) return byte >= 0xa0 && byte <= 0xbf;
    if (lead === 0xed) return byte >= 0x80 && byte <= 0x9f;
    if (lead === 0xf0) return byte >= 0x90 && byte <= 0xbf;
    if (lead === 0xf4) return byte >= 0x80 && byte <= 0x8f;
  }
  return byte >= 0x80 && byte <= 0xbf;
}
/** How many bytes at the end of `bytes`, from `from` on, begin a character that is valid as far as it goes. */
function cutOff(bytes, from, end) {
  for (let start = end - 1; start >= from && start >= end - 3; start--) {
    const lead = bytes[start];
    if (lead >= 0x80 && lead <= 0xbf) continue; // a continuation: its lead is further left
    if (sequenceLength(lead) <= end - start) return 0;
    for (let i = start + 1; i < end; i++) if (!continues(lead, i - start, bytes[i])) return 0;
    return end - start;
  }
  return 0;
}

class Utf8Decoder {
  constructor(fatal, ignoreBOM) {
    this.fatal = fatal;
    this.keepBOM = ignoreBOM; // and once the first character has been seen
    this.count = 0; // of the bytes in `pending`
    this.pending = undefined;
  }

  /** Decodes a piece; `flush` says that it is the last one. Throws a TypeError for errors when `fatal`. */
  decode(source, flush) {
    const bytes = bytesOf(source);
    const end = TypedArrayPrototypeGetByteLength(bytes);
    let head = "";
    let from = 0;
    if (this.count > 0) {
      from = this.#completePending(bytes, end);
      if (from === end && !flush && this.count < sequenceLength(this.pending[0])) return ""; // still cut off
      const unit = new Uint8Array(TypedArrayPrototypeGetBuffer(this.pending), 0, this.count);
      this.count = 0;
      head = this.#decode(unit);
    }
    const kept = flush ? 0 : cutOff(bytes, from, end);
    if (kept > 0) {
      this.pending ??= new Uint8Array(4);
      for (let i = 0; i < kept; i++) this.pending[i] = bytes[end - kept + i];
      this.count = kept;
    }
    if (from === end - kept) return head;
    const rest = from === 0 && kept === 0
      ? bytes
      : new Uint8Array(
        TypedArrayPrototypeGetBuffer(bytes), TypedArrayPrototypeGetByteOffset(bytes) + from, end - kept - from,
      );
    return head + this.#decode(rest);
  }

  // Moves bytes into `pending` while they belong to its character; the index of the first one that does not.
  #completePending(bytes, end) {
    const lead = this.pending[0];
    const length = sequenceLength(lead);
    let from = 0;
    while (from < end && this.count < length && continues(lead, this.count, bytes[from])) {
      this.pending[this.count++] = bytes[from++];
    }
    return from;
  }
  #decode(bytes) {
    const text = ops.encoding_decode_utf8(bytes, this.fatal, this.keepBOM);
    this.keepBOM = true;
    return text;
  }
}
ObjectSetPrototypeOf(Utf8Decoder.prototype, null);

exports.Utf8Decoder = Utf8Decoder;
