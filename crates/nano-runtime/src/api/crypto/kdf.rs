//! HKDF and PBKDF2.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hkdf, pbkdf2};

use super::{Work, perform_bytes};
use crate::api::{bytes_arg, u32_arg};
use crate::engine::{OpFn, ops};

/// Iterations of PBKDF2, over all blocks of the result: some seconds. A thread that does them cannot be stopped.
const PBKDF2_ITERATIONS_MAX: u64 = 10_000_000;
/// Those that are done at once.
const PBKDF2_INLINE_ITERATIONS_MAX: u64 = 1_000;
/// Bytes that one derivation may hash besides: a block of the result takes in the whole salt, or the whole info.
const HASHED_BYTES_MAX: u64 = 1 << 30;

pub(super) fn ops() -> Vec<OpFn> {
    ops![crypto_hkdf, crypto_pbkdf2]
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Blocks of the hash that `length` bytes take.
fn blocks(hash: &digest::Algorithm, length: usize) -> u64 {
    length.div_ceil(hash.output_len()) as u64
}

/// `crypto_hkdf(hash, key, salt, info, length)` -> ArrayBuffer, undefined if that is too long, or a promise.
fn crypto_hkdf(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = super::hash_arg(scope, &args, 0) else { return };
    let Some(key) = bytes_arg(scope, &args, 1) else { return };
    let Some(salt) = bytes_arg(scope, &args, 2) else { return };
    let Some(info) = bytes_arg(scope, &args, 3) else { return };
    let length = u32_arg(&args, 4) as usize;
    // RFC 5869, 2.3.
    if length > 255 * hash.output_len() {
        return;
    }
    let hashed = (info.len() as u64).saturating_mul(blocks(hash, length)) + (key.len() + salt.len()) as u64;
    if hashed > HASHED_BYTES_MAX {
        return;
    }
    let work = if hashed > super::INLINE_BYTES_MAX as u64 {
        Work::Long(key.len() + salt.len() + info.len() + length)
    } else {
        Work::Bytes(0)
    };
    perform_bytes(scope, &mut rv, work, move || {
        let algorithm = if *hash == digest::SHA256 {
            hkdf::HKDF_SHA256
        } else if *hash == digest::SHA384 {
            hkdf::HKDF_SHA384
        } else if *hash == digest::SHA512 {
            hkdf::HKDF_SHA512
        } else {
            hkdf::HKDF_SHA1_FOR_LEGACY_USE_ONLY
        };
        let mut out = vec![0; length];
        let key = hkdf::Salt::new(algorithm, &salt).extract(&key);
        key.expand(&[&info], Length(length)).ok()?.fill(&mut out).ok()?;
        Some(out)
    });
}

/// `crypto_pbkdf2(hash, password, salt, iterations, length)` -> ArrayBuffer, undefined for a failure, or a promise.
fn crypto_pbkdf2(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = super::hash_arg(scope, &args, 0) else { return };
    let Some(password) = bytes_arg(scope, &args, 1) else { return };
    let Some(salt) = bytes_arg(scope, &args, 2) else { return };
    let Some(iterations) = NonZeroU32::new(u32_arg(&args, 3)) else { return };
    let length = u32_arg(&args, 4) as usize;
    let blocks = blocks(hash, length);
    let all = u64::from(iterations.get()).saturating_mul(blocks);
    let hashed = (salt.len() as u64).saturating_mul(blocks) + password.len() as u64;
    if length == 0 || all > PBKDF2_ITERATIONS_MAX || hashed > HASHED_BYTES_MAX {
        return;
    }
    let work = if all > PBKDF2_INLINE_ITERATIONS_MAX || hashed > super::INLINE_BYTES_MAX as u64 {
        Work::Long(password.len() + salt.len() + length)
    } else {
        Work::Bytes(0)
    };
    perform_bytes(scope, &mut rv, work, move || {
        let algorithm = if *hash == digest::SHA256 {
            pbkdf2::PBKDF2_HMAC_SHA256
        } else if *hash == digest::SHA384 {
            pbkdf2::PBKDF2_HMAC_SHA384
        } else if *hash == digest::SHA512 {
            pbkdf2::PBKDF2_HMAC_SHA512
        } else {
            pbkdf2::PBKDF2_HMAC_SHA1
        };
        let mut out = vec![0; length];
        pbkdf2::derive(algorithm, iterations, &salt, &password, &mut out);
        Some(out)
    });
}
