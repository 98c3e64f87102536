//! Web Cryptography by aws-lc, and by crates of RustCrypto where aws-lc-rs has a gap. What an op gets and gives is
//! bytes; what an algorithm is called, which usages it has and which error an app sees is decided in JavaScript.

mod aes;
mod ec;
mod kdf;
mod okp;
mod rsa;
mod rsa_other;

use aws_lc_rs::{digest, hmac, rand};

use crate::engine::{OpFn, ops};
use crate::worker::{JobResult, begin_job};

/// Input up to which a digest or a cipher is done at once: a millisecond, or two on a slow machine.
const INLINE_BYTES_MAX: usize = 512 << 10;

pub(super) fn ops() -> Vec<OpFn> {
    let own =
        ops![crypto_random_fill, crypto_random_uuid, crypto_digest, crypto_hmac_sign, crypto_hmac_verify];
    [own, aes::ops(), ec::ops(), kdf::ops(), okp::ops(), rsa::ops()].into_iter().flatten().collect()
}

/// Where a piece of work belongs.
#[derive(Clone, Copy)]
enum Work {
    /// Quick, but for so many bytes that it reads or writes.
    Bytes(usize),
    /// More than a millisecond, and holding so many bytes.
    Long(usize),
}

/// Does `work` at once and returns its result (an ArrayBuffer, a boolean, or undefined for a failure); or, if it may
/// take long, begins it elsewhere and returns a promise for `{ __proto__: null, value }`.
fn perform(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    work: Work,
    f: impl FnOnce() -> JobResult + Send + 'static,
) {
    match work {
        Work::Long(bytes) => begin_job(scope, rv, bytes, f),
        Work::Bytes(bytes) if bytes > INLINE_BYTES_MAX => begin_job(scope, rv, bytes, f),
        Work::Bytes(_) => match f() {
            JobResult::Failed => {}
            JobResult::Bool(value) => rv.set_bool(value),
            JobResult::Bytes(bytes) => super::return_array_buffer(scope, rv, bytes),
        },
    }
}

/// As [`perform`], for work that gives bytes.
fn perform_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    work: Work,
    f: impl FnOnce() -> Option<Vec<u8>> + Send + 'static,
) {
    perform(scope, rv, work, || f().map_or(JobResult::Failed, JobResult::Bytes));
}

/// Returns key material as a Uint8Array, or undefined for a failure.
fn return_material(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    bytes: Option<Vec<u8>>,
) {
    if let Some(bytes) = bytes {
        super::return_uint8_array(scope, rv, bytes);
    }
}

fn hash_of(name: &str) -> Option<&'static digest::Algorithm> {
    Some(match name {
        "SHA-1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "SHA-256" => &digest::SHA256,
        "SHA-384" => &digest::SHA384,
        "SHA-512" => &digest::SHA512,
        _ => return None,
    })
}

/// The hash that argument `index` names, or a TypeError.
fn hash_arg(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    index: i32,
) -> Option<&'static digest::Algorithm> {
    let hash = hash_of(&super::string_arg(scope, args, index)?);
    if hash.is_none() {
        super::throw_type_error(scope, "no such hash");
    }
    hash
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

/// `crypto_digest(name, bytes)` -> ArrayBuffer, or a promise.
fn crypto_digest(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(algorithm) = hash_arg(scope, &args, 0) else { return };
    let Some(bytes) = super::bytes_arg(scope, &args, 1) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(bytes.len()), move || {
        Some(digest::digest(algorithm, &bytes).as_ref().to_vec())
    });
}

fn hmac_key(hash: &'static digest::Algorithm, key: &[u8]) -> hmac::Key {
    let algorithm = if *hash == digest::SHA256 {
        hmac::HMAC_SHA256
    } else if *hash == digest::SHA384 {
        hmac::HMAC_SHA384
    } else if *hash == digest::SHA512 {
        hmac::HMAC_SHA512
    } else {
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY
    };
    hmac::Key::new(algorithm, key)
}

/// `crypto_hmac_sign(hash, key, data)` -> ArrayBuffer, or a promise.
fn crypto_hmac_sign(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = hash_arg(scope, &args, 0) else { return };
    let Some(key) = super::bytes_arg(scope, &args, 1) else { return };
    let Some(data) = super::bytes_arg(scope, &args, 2) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(key.len() + data.len()), move || {
        Some(hmac::sign(&hmac_key(hash, &key), &data).as_ref().to_vec())
    });
}

/// `crypto_hmac_verify(hash, key, signature, data)` -> boolean, in constant time, or a promise.
fn crypto_hmac_verify(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = hash_arg(scope, &args, 0) else { return };
    let Some(key) = super::bytes_arg(scope, &args, 1) else { return };
    let Some(signature) = super::bytes_arg(scope, &args, 2) else { return };
    let Some(data) = super::bytes_arg(scope, &args, 3) else { return };
    let work = Work::Bytes(key.len() + signature.len() + data.len());
    perform(scope, &mut rv, work, move || {
        JobResult::Bool(hmac::verify(&hmac_key(hash, &key), &data, &signature).is_ok())
    });
}
