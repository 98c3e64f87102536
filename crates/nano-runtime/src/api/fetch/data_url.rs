//! The body of a data: URL (Fetch, "data: URL processor").

use crate::engine::{OpFn, ops};

pub(super) fn ops() -> Vec<OpFn> {
    ops![data_url_bytes]
}

/// `data_url_bytes(encoded, is_base64)` -> Uint8Array, or undefined for what is not base64.
fn data_url_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(encoded) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    let Some(bytes) = crate::api::copies::one_byte_or_throw(scope, encoded) else { return };
    let bytes = percent_decode(bytes);
    let bytes = if args.get(1).is_true() { crate::api::base64::forgiving_decode(bytes) } else { Some(bytes) };
    if let Some(bytes) = bytes {
        crate::api::return_uint8_array(scope, &mut rv, bytes);
    }
}

/// URL, "percent-decode".
fn percent_decode(mut bytes: Vec<u8>) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| char::from(*byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut from, mut to) = (0, 0);
    while let Some(byte) = bytes.get(from).copied() {
        let escaped = match (byte, digit(bytes.get(from + 1)), digit(bytes.get(from + 2))) {
            (b'%', Some(high), Some(low)) => Some(high << 4 | low),
            _ => None,
        };
        bytes[to] = escaped.unwrap_or(byte);
        to += 1;
        from += if escaped.is_some() { 3 } else { 1 };
    }
    bytes.truncate(to);
    bytes
}

#[cfg(test)]
mod tests {
    use super::percent_decode;

    #[test]
    fn only_whole_escapes_are_decoded() {
        for (text, expected) in [
            ("", ""),
            ("a%20b", "a b"),
            ("%41%4a%4A%", "AJJ%"),
            ("%%41%4", "%A%4"),
            ("%zz%4z%z4", "%zz%4z%z4"),
        ] {
            assert_eq!(percent_decode(text.into()), expected.as_bytes(), "{text}");
        }
        assert_eq!(percent_decode("%ff%00".into()), [0xff, 0]);
    }
}
