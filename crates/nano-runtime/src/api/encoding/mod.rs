//! Text encodings (WHATWG Encoding).

use encoding_rs::{DecoderResult, Encoding, UTF_8};

use crate::engine::{OpFn, ops};
use crate::worker::state_of;

/// Streaming decoders that one isolate may hold.
const DECODERS_MAX: usize = 10_000;

pub(super) fn ops() -> Vec<OpFn> {
    ops![
        encoding_for_label,
        encoding_encode_utf8,
        encoding_encode_into,
        encoding_decode_utf8,
        encoding_decoder_new,
        encoding_decoder_decode,
    ]
}

/// `encoding_for_label(label)` -> the encoding's name in lower case, or undefined.
fn encoding_for_label(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(label) = super::string_arg(scope, &args, 0) else { return };
    // The replacement encoding is for documents, not for TextDecoder (Encoding, section 8.2).
    let encoding = Encoding::for_label_no_replacement(label.as_bytes());
    if let Some(encoding) = encoding {
        super::return_string(scope, &mut rv, &encoding.name().to_ascii_lowercase());
    }
}

/// `encoding_encode_utf8(string)` -> Uint8Array.
fn encoding_encode_utf8(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(text) = super::string_arg(scope, &args, 0) else { return };
    super::return_uint8_array(scope, &mut rv, text.into_bytes());
}

/// `encoding_encode_into(string, uint8Array, counts)`: writes the code units read and the bytes written to the
/// Uint32Array `counts`. No character is split.
fn encoding_encode_into(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(text) = super::string_arg(scope, &args, 0) else { return };
    let target = v8::Local::<v8::Uint8Array>::try_from(args.get(1));
    let counts = v8::Local::<v8::Uint32Array>::try_from(args.get(2));
    let (Ok(target), Ok(counts)) = (target, counts) else {
        return super::throw_type_error(scope, "not a typed array");
    };
    let (mut read, mut written) = (0, 0);
    let room = target.byte_length();
    for character in text.chars() {
        if written + character.len_utf8() > room {
            break;
        }
        written += character.len_utf8();
        read += character.len_utf16();
    }
    if let Some(store) = target.get_backing_store() {
        let cells = store.iter().skip(target.byte_offset());
        for (cell, byte) in cells.zip(text.bytes().take(written)) {
            cell.set(byte);
        }
    }
    super::set_u32s(counts, &[read, written].map(|count| u32::try_from(count).unwrap_or(u32::MAX)));
}

/// `encoding_decode_utf8(bytes, fatal, ignoreBom)` -> string; throws a TypeError when fatal.
fn encoding_decode_utf8(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let fatal = args.get(1).boolean_value(scope);
    let ignore_bom = args.get(2).boolean_value(scope);
    // A view's bytes are read where they are, and no script runs meanwhile.
    let view = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)).ok();
    let mut on_heap = [0; v8::TYPED_ARRAY_MAX_SIZE_IN_HEAP];
    let copied = if view.is_some() { Some(Vec::new()) } else { super::bytes_arg(scope, &args, 0) };
    let Some(copied) = copied else { return };
    let bytes = view.as_ref().map_or(&copied[..], |view| view.get_contents(&mut on_heap));
    let bytes = if ignore_bom { bytes } else { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) };
    let text = if fatal {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => {
                return super::throw_type_error(scope, "The encoded data was not valid for encoding utf-8");
            }
        }
    } else {
        UTF_8.decode_without_bom_handling(bytes).0
    };
    super::return_string(scope, &mut rv, &text);
}

/// "UTF-8 decode" (Encoding standard). `None`: too long for a string.
pub(crate) fn utf8_decode<'s>(
    scope: &v8::PinScope<'s, '_>,
    bytes: &[u8],
) -> Option<v8::Local<'s, v8::String>> {
    v8::String::new(scope, &UTF_8.decode_with_bom_removal(bytes).0)
}

/// `encoding_decoder_new(name, fatal, ignoreBom)` -> id of a streaming decoder.
fn encoding_decoder_new(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(name) = super::string_arg(scope, &args, 0) else { return };
    let fatal = args.get(1).boolean_value(scope);
    let ignore_bom = args.get(2).boolean_value(scope);
    let Some(encoding) = Encoding::for_label_no_replacement(name.as_bytes()) else {
        return super::throw_range_error(scope, "no such encoding");
    };
    let decoder = if ignore_bom {
        encoding.new_decoder_without_bom_handling()
    } else {
        encoding.new_decoder_with_bom_removal()
    };
    let Some(state) = state_of(scope) else { return };
    if state.decoders.len() >= DECODERS_MAX {
        return super::throw_range_error(scope, "too many streaming decoders in this app");
    }
    let id = state.next_decoder;
    state.next_decoder = state.next_decoder.wrapping_add(1).max(1);
    state.decoders.insert(id, (decoder, fatal));
    rv.set_uint32(id);
}

/// `encoding_decoder_decode(id, bytes, flush)` -> string. At `flush`, and after a failure, the decoder is gone.
fn encoding_decoder_decode(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::u32_arg(&args, 0);
    let Some(bytes) = super::bytes_arg(scope, &args, 1) else { return };
    let flush = args.get(2).boolean_value(scope);
    let Some((mut decoder, fatal)) = state_of(scope).and_then(|state| state.decoders.remove(&id)) else {
        return super::throw_type_error(scope, "no such decoder");
    };
    let mut text = String::new();
    if fatal {
        let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        text.reserve(room.unwrap_or(bytes.len() * 3 + 16));
        let (result, _) = decoder.decode_to_string_without_replacement(&bytes, &mut text, flush);
        if !matches!(result, DecoderResult::InputEmpty) {
            let name = decoder.encoding().name().to_ascii_lowercase();
            return super::throw_type_error(
                scope,
                &format!("The encoded data was not valid for encoding {name}"),
            );
        }
    } else {
        text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3 + 16));
        let _ = decoder.decode_to_string(&bytes, &mut text, flush);
    }
    if !flush && let Some(state) = state_of(scope) {
        state.decoders.insert(id, (decoder, fatal));
    }
    super::return_string(scope, &mut rv, &text);
}
