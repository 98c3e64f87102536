//! Base64: atob and btoa (HTML, section 8.3), and base64url for JSON Web Keys (RFC 4648, section 5).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};

use crate::engine::{OpFn, ops};

/// Infra, "forgiving-base64 decode": left-over bits are ignored; padding is taken off before.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

pub(super) fn ops() -> Vec<OpFn> {
    ops![base64_atob, base64_btoa, base64url_decode, base64url_encode]
}

/// `base64_atob(string)` -> a string of Latin-1 characters, or undefined for what is not base64.
fn base64_atob(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(text) = super::string_arg(scope, &args, 0) else { return };
    let Some(bytes) = forgiving_decode(text.into_bytes()) else { return };
    match v8::String::new_from_one_byte(scope, &bytes, v8::NewStringType::Normal) {
        Some(string) => rv.set(string.into()),
        None => super::throw_range_error(scope, "Invalid string length"),
    }
}

/// Infra, "forgiving-base64 decode". `None`: it is not base64.
pub(super) fn forgiving_decode(mut data: Vec<u8>) -> Option<Vec<u8>> {
    data.retain(|byte| !byte.is_ascii_whitespace());
    FORGIVING.decode(unpadded(&data)).ok()
}

/// Its step 2.
fn unpadded(data: &[u8]) -> &[u8] {
    if !data.len().is_multiple_of(4) {
        return data;
    }
    let one_less = data.strip_suffix(b"=").unwrap_or(data);
    one_less.strip_suffix(b"=").unwrap_or(one_less)
}

/// `base64_btoa(string)` -> base64, or undefined where a character is above U+00FF.
fn base64_btoa(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(string) = v8::Local::<v8::String>::try_from(args.get(0)) else { return };
    if !string.contains_only_onebyte() {
        return;
    }
    let Some(bytes) = super::copies::one_byte_or_throw(scope, string) else { return };
    super::return_string(scope, &mut rv, &general_purpose::STANDARD.encode(bytes));
}

/// `base64url_decode(string)` -> Uint8Array, or undefined for what is not base64url without padding.
fn base64url_decode(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(text) = super::string_arg(scope, &args, 0) else { return };
    if let Ok(bytes) = general_purpose::URL_SAFE_NO_PAD.decode(text) {
        super::return_uint8_array(scope, &mut rv, bytes);
    }
}

/// `base64url_encode(bytes)` -> string.
fn base64url_encode(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(bytes) = super::bytes_arg(scope, &args, 0) else { return };
    super::return_string(scope, &mut rv, &general_purpose::URL_SAFE_NO_PAD.encode(bytes));
}
