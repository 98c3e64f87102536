//! Ed25519 and X25519 (RFC 8410). A public key is its 32 bytes, a private key its 32 bytes with the public ones behind.

use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::signature::{self, Ed25519KeyPair, KeyPair};
use pkcs8::der::Decode;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};

use super::{Work, perform, perform_bytes, return_material};
use crate::api::{bytes_arg, string_arg};
use crate::engine::{OpFn, ops};
use crate::worker::JobResult;

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
const KEY_BYTES: usize = 32;

pub(super) fn ops() -> Vec<OpFn> {
    ops![crypto_okp_generate, crypto_okp_import, crypto_ed25519_sign, crypto_ed25519_verify, crypto_x25519]
}

fn oid_of(name: &str) -> ObjectIdentifier {
    if name == "Ed25519" { ED25519 } else { X25519 }
}

/// The private key with its public key behind it.
fn with_public(name: &str, private: &[u8]) -> Option<Vec<u8>> {
    if private.len() != KEY_BYTES {
        return None;
    }
    let public = if name == "Ed25519" {
        Ed25519KeyPair::from_seed_unchecked(private).ok()?.public_key().as_ref().to_vec()
    } else {
        let key = agreement::PrivateKey::from_private_key(&agreement::X25519, private).ok()?;
        key.compute_public_key().ok()?.as_ref().to_vec()
    };
    Some([private, &public].concat())
}

fn import(name: &str, format: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match format {
        "spki" => {
            let info = SubjectPublicKeyInfoRef::from_der(bytes).ok()?;
            let key = info.subject_public_key.as_bytes()?;
            let right = info.algorithm.oid == oid_of(name) && info.algorithm.parameters.is_none();
            (right && key.len() == KEY_BYTES).then(|| key.to_vec())
        }
        "pkcs8" => {
            let info = PrivateKeyInfoRef::from_der(bytes).ok()?;
            if info.algorithm.oid != oid_of(name) || info.algorithm.parameters.is_some() {
                return None;
            }
            let key = <&OctetStringRef>::from_der(info.private_key.as_bytes()).ok()?;
            with_public(name, key.as_bytes())
        }
        _ => with_public(name, bytes),
    }
}

/// `crypto_okp_generate(name)` -> material of a private key.
fn crypto_okp_generate(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(name) = string_arg(scope, &args, 0) else { return };
    let seed = if name == "Ed25519" {
        super::random::<KEY_BYTES>().map(|seed| seed.to_vec())
    } else {
        agreement::PrivateKey::generate(&agreement::X25519).ok().and_then(|key| {
            let seed: Curve25519SeedBin<'_> = key.as_be_bytes().ok()?;
            Some(seed.as_ref().to_vec())
        })
    };
    return_material(scope, &mut rv, seed.and_then(|seed| with_public(&name, &seed)));
}

/// `crypto_okp_import(name, format, bytes)` -> material; undefined if the bytes are no such key. The format is "spki",
/// "pkcs8", or "private": the 32 bytes of a private key.
fn crypto_okp_import(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(name) = string_arg(scope, &args, 0) else { return };
    let Some(format) = string_arg(scope, &args, 1) else { return };
    let Some(bytes) = bytes_arg(scope, &args, 2) else { return };
    return_material(scope, &mut rv, import(&name, &format, &bytes));
}

/// `crypto_ed25519_sign(material, data)` -> ArrayBuffer, or a promise.
fn crypto_ed25519_sign(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(material) = bytes_arg(scope, &args, 0) else { return };
    let Some(data) = bytes_arg(scope, &args, 1) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(data.len()), move || {
        let (seed, public) = material.split_at_checked(KEY_BYTES)?;
        let key = Ed25519KeyPair::from_seed_and_public_key(seed, public).ok()?;
        Some(key.try_sign(&data).ok()?.as_ref().to_vec())
    });
}

/// `crypto_ed25519_verify(public, signature, data)` -> boolean, or a promise.
fn crypto_ed25519_verify(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(public) = bytes_arg(scope, &args, 0) else { return };
    let Some(signature) = bytes_arg(scope, &args, 1) else { return };
    let Some(data) = bytes_arg(scope, &args, 2) else { return };
    perform(scope, &mut rv, Work::Bytes(signature.len() + data.len()), move || {
        let point = signature.get(..KEY_BYTES);
        let small = is_small_order(&public) || point.is_none_or(is_small_order);
        let key = signature::UnparsedPublicKey::new(&signature::ED25519, &public);
        JobResult::Bool(!small && key.verify(&data, &signature).is_ok())
    });
}

/// The y coordinates of the points of an order of 8 or less, little-endian, in all their encodings (RFC 8032 reads
/// them modulo 2^255 - 19): a signature with one of them proves nothing, and the standard refuses it.
const SMALL_ORDER: [[u8; 32]; 7] = {
    let mut zero = [0; 32];
    let mut one = [0; 32];
    one[0] = 1;
    let p = |last: u8| {
        let _ = last;
    };
    let _ = p;
    zero[0] = 0;
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    minus_one[31] = 0x7f;
    let mut prime = minus_one;
    prime[0] = 0xed;
    let mut prime_plus_one = minus_one;
    prime_plus_one[0] = 0xee;
    [
        zero,
        one,
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
        minus_one,
        prime,
        prime_plus_one,
    ]
};

fn is_small_order(point: &[u8]) -> bool {
    let Some((last, rest)) = point.split_last() else { return false };
    // The highest bit is the sign of x.
    SMALL_ORDER.iter().any(|y| rest == &y[..31] && last & 0x7f == y[31])
}

/// `crypto_x25519(material, public)` -> ArrayBuffer; undefined if the secret would be all zeros.
fn crypto_x25519(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(material) = bytes_arg(scope, &args, 0) else { return };
    let Some(public) = bytes_arg(scope, &args, 1) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(0), move || {
        let private = material.get(..KEY_BYTES)?;
        let key = agreement::PrivateKey::from_private_key(&agreement::X25519, private).ok()?;
        let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, &public);
        let secret = agreement::agree(&key, peer, (), |secret| Ok(secret.to_vec())).ok()?;
        secret.iter().any(|byte| *byte != 0).then_some(secret)
    });
}
