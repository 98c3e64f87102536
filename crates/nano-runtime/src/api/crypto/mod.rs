//! Web Cryptography: random numbers, digests and HMAC by aws-lc.

use aws_lc_rs::{digest, hmac, rand};

use crate::engine::{OpFn, ops};

pub(super) fn ops() -> Vec<OpFn> {
    ops![crypto_random_fill, crypto_random_uuid, crypto_digest, crypto_hmac_sign, crypto_hmac_verify]
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// `crypto_random_fill(view)`.
fn crypto_random_fill(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else {
        return super::throw_type_error(scope, "not a view on an ArrayBuffer");
    };
    let mut bytes = vec![0; view.byte_length()];
    if rand::fill(&mut bytes).is_err() {
        return super::throw_type_error(scope, "no random numbers to be had");
    }
    if let Some(store) = view.get_backing_store() {
        for (cell, byte) in store.iter().skip(view.byte_offset()).zip(bytes) {
            cell.set(byte);
        }
    }
}

/// `crypto_random_uuid()` -> a version 4 UUID (RFC 9562).
fn crypto_random_uuid(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(bytes) = random::<16>() else {
        return super::throw_type_error(scope, "no random numbers to be had");
    };
    let value = u128::from_be_bytes(bytes);
    let value = value & !(0xf << 76) | (0x4 << 76);
    let value = value & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{value:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let uuid = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    super::return_string(scope, &mut rv, &uuid);
}

/// `crypto_digest(name, bytes)` -> ArrayBuffer; name one of SHA-1, SHA-256, SHA-384, SHA-512.
fn crypto_digest(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let algorithm = match super::string_arg(scope, &args, 0).as_str() {
        "SHA-1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "SHA-256" => &digest::SHA256,
        "SHA-384" => &digest::SHA384,
        "SHA-512" => &digest::SHA512,
        _ => return super::throw_type_error(scope, "no such hash"),
    };
    let Some(bytes) = super::bytes_arg(scope, &args, 1) else { return };
    let result = digest::digest(algorithm, &bytes).as_ref().to_vec();
    super::return_array_buffer(scope, &mut rv, result);
}

fn hmac_key(scope: &mut v8::PinScope<'_, '_>, args: &v8::FunctionCallbackArguments<'_>) -> Option<hmac::Key> {
    let algorithm = match super::string_arg(scope, args, 0).as_str() {
        "SHA-1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "SHA-256" => hmac::HMAC_SHA256,
        "SHA-384" => hmac::HMAC_SHA384,
        "SHA-512" => hmac::HMAC_SHA512,
        _ => {
            super::throw_type_error(scope, "no such hash");
            return None;
        }
    };
    let key = super::bytes_arg(scope, args, 1)?;
    Some(hmac::Key::new(algorithm, &key))
}

/// `crypto_hmac_sign(hash, key, data)` -> ArrayBuffer.
fn crypto_hmac_sign(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(key) = hmac_key(scope, &args) else { return };
    let Some(data) = super::bytes_arg(scope, &args, 2) else { return };
    let tag = hmac::sign(&key, &data).as_ref().to_vec();
    super::return_array_buffer(scope, &mut rv, tag);
}

/// `crypto_hmac_verify(hash, key, signature, data)` -> boolean, in constant time.
fn crypto_hmac_verify(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(key) = hmac_key(scope, &args) else { return };
    let Some(signature) = super::bytes_arg(scope, &args, 2) else { return };
    let Some(data) = super::bytes_arg(scope, &args, 3) else { return };
    rv.set_bool(hmac::verify(&key, &data, &signature).is_ok());
}
