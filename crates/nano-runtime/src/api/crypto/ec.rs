//! The NIST curves, for ECDSA and ECDH. A public key is its uncompressed point; a private key is its number with the
//! point behind it.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, PublicKeyX509Der};
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm};
use aws_lc_rs::{agreement, digest};
use pkcs8::der::Decode;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};

use super::{Work, perform, perform_bytes, return_material};
use crate::api::{bytes_arg, string_arg, throw_type_error};
use crate::engine::{OpFn, ops};
use crate::worker::JobResult;

const ID_EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

pub(super) fn ops() -> Vec<OpFn> {
    ops![
        crypto_ec_generate,
        crypto_ec_import,
        crypto_ec_export,
        crypto_ecdsa_sign,
        crypto_ecdsa_verify,
        crypto_ecdh
    ]
}

struct Curve {
    /// Bytes of a coordinate, and of a private key.
    bytes: usize,
    oid: ObjectIdentifier,
    agreement: &'static agreement::Algorithm,
    signing: &'static EcdsaSigningAlgorithm,
    verifying: &'static EcdsaVerificationAlgorithm,
    /// The hash that aws-lc-rs knows this curve with.
    hash: &'static digest::Algorithm,
}

static P256: Curve = Curve {
    bytes: 32,
    oid: ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
    agreement: &agreement::ECDH_P256,
    signing: &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    verifying: &signature::ECDSA_P256_SHA256_FIXED,
    hash: &digest::SHA256,
};
static P384: Curve = Curve {
    bytes: 48,
    oid: ObjectIdentifier::new_unwrap("1.3.132.0.34"),
    agreement: &agreement::ECDH_P384,
    signing: &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
    verifying: &signature::ECDSA_P384_SHA384_FIXED,
    hash: &digest::SHA384,
};
static P521: Curve = Curve {
    bytes: 66,
    oid: ObjectIdentifier::new_unwrap("1.3.132.0.35"),
    agreement: &agreement::ECDH_P521,
    signing: &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    verifying: &signature::ECDSA_P521_SHA512_FIXED,
    hash: &digest::SHA512,
};

/// The curve that argument 0 names, or a TypeError.
fn curve_arg(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
) -> Option<&'static Curve> {
    match string_arg(scope, args, 0)?.as_str() {
        "P-256" => Some(&P256),
        "P-384" => Some(&P384),
        "P-521" => Some(&P521),
        _ => {
            throw_type_error(scope, "no such curve");
            None
        }
    }
}

impl Curve {
    fn point_bytes(&self) -> usize {
        1 + 2 * self.bytes
    }

    /// A point of SEC 1, uncompressed or compressed, that is on the curve: uncompressed.
    fn point(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let expected = match bytes.first()? {
            2 | 3 => 1 + self.bytes,
            4 => self.point_bytes(),
            _ => return None,
        };
        if bytes.len() != expected {
            return None;
        }
        let der = self.spki(bytes)?;
        // The key is the last that there is in a SubjectPublicKeyInfo.
        let point = der.get(der.len().checked_sub(self.point_bytes())?..)?;
        (point.first() == Some(&4)).then(|| point.to_vec())
    }

    fn spki(&self, point: &[u8]) -> Option<Vec<u8>> {
        let key = signature::ParsedPublicKey::new(self.verifying, point).ok()?;
        let der: PublicKeyX509Der<'_> = key.as_der().ok()?;
        Some(der.as_ref().to_vec())
    }

    fn is_named_by(&self, algorithm: &pkcs8::spki::AlgorithmIdentifierRef<'_>) -> bool {
        algorithm.oid == ID_EC_PUBLIC_KEY && algorithm.parameters_oid().is_ok_and(|oid| oid == self.oid)
    }

    fn private_key(&self, key: &agreement::PrivateKey) -> Option<Vec<u8>> {
        let number: EcPrivateKeyBin<'_> = key.as_be_bytes().ok()?;
        let point = key.compute_public_key().ok()?;
        Some([number.as_ref(), point.as_ref()].concat())
    }

    fn import(&self, format: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        match format {
            "raw" => self.point(bytes),
            "spki" => {
                let info = SubjectPublicKeyInfoRef::from_der(bytes).ok()?;
                if !self.is_named_by(&info.algorithm) {
                    return None;
                }
                self.point(info.subject_public_key.as_bytes()?)
            }
            "pkcs8" => {
                let info = PrivateKeyInfoRef::from_der(bytes).ok()?;
                if !self.is_named_by(&info.algorithm) {
                    return None;
                }
                self.private_key(&agreement::PrivateKey::from_private_key_der(self.agreement, bytes).ok()?)
            }
            // What generates a key has made, or a JSON Web Key says: the number, then the point.
            _ => {
                let key = self.key_pair(bytes)?;
                drop(key);
                Some(bytes.to_vec())
            }
        }
    }

    /// Checks that both belong together.
    fn key_pair(&self, material: &[u8]) -> Option<EcdsaKeyPair> {
        let (number, point) = material.split_at_checked(self.bytes)?;
        if point.len() != self.point_bytes() {
            return None;
        }
        EcdsaKeyPair::from_private_key_and_public_key(self.signing, number, point).ok()
    }

    /// The digest as aws-lc-rs takes it for this curve. ECDSA reads a hash as a number and takes the leftmost bits of
    /// one that is longer than the curve's order (FIPS 186-5, 6.4.1): zeros before a shorter one, and an end that is
    /// cut off a longer one, change nothing.
    fn digest(&self, hash: &'static digest::Algorithm, data: &[u8]) -> Option<digest::Digest> {
        let digest = digest::digest(hash, data);
        let (from, wanted) = (digest.as_ref(), self.hash.output_len());
        let mut number = vec![0; wanted.saturating_sub(from.len())];
        number.extend_from_slice(from.get(..wanted.min(from.len()))?);
        digest::Digest::import_less_safe(&number, self.hash).ok()
    }
}

/// `crypto_ec_generate(curve)` -> material of a private key.
fn crypto_ec_generate(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(curve) = curve_arg(scope, &args) else { return };
    let key = agreement::PrivateKey::generate(curve.agreement).ok();
    return_material(scope, &mut rv, key.and_then(|key| curve.private_key(&key)));
}

/// `crypto_ec_import(curve, format, bytes)` -> material; undefined if the bytes are no such key. The format is "raw",
/// "spki", "pkcs8", or "private": material.
fn crypto_ec_import(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(curve) = curve_arg(scope, &args) else { return };
    let Some(format) = string_arg(scope, &args, 1) else { return };
    let Some(bytes) = bytes_arg(scope, &args, 2) else { return };
    return_material(scope, &mut rv, curve.import(&format, &bytes));
}

/// `crypto_ec_export(curve, format, material)` -> ArrayBuffer; the format is "spki" or "pkcs8".
fn crypto_ec_export(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(curve) = curve_arg(scope, &args) else { return };
    let Some(format) = string_arg(scope, &args, 1) else { return };
    let Some(material) = bytes_arg(scope, &args, 2) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(0), move || {
        if format == "spki" {
            return curve.spki(&material);
        }
        Some(curve.key_pair(&material)?.to_pkcs8v1().ok()?.as_ref().to_vec())
    });
}

/// `crypto_ecdsa_sign(curve, hash, material, data)` -> ArrayBuffer of r and s, or a promise.
fn crypto_ecdsa_sign(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(curve) = curve_arg(scope, &args) else { return };
    let Some(hash) = super::hash_arg(scope, &args, 1) else { return };
    let Some(material) = bytes_arg(scope, &args, 2) else { return };
    let Some(data) = bytes_arg(scope, &args, 3) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(data.len()), move || {
        let digest = curve.digest(hash, &data)?;
        Some(curve.key_pair(&material)?.sign_digest(&digest).ok()?.as_ref().to_vec())
    });
}

/// `crypto_ecdsa_verify(curve, hash, point, signature, data)` -> boolean, or a promise.
fn crypto_ecdsa_verify(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(curve) = curve_arg(scope, &args) else { return };
    let Some(hash) = super::hash_arg(scope, &args, 1) else { return };
    let Some(point) = bytes_arg(scope, &args, 2) else { return };
    let Some(signature) = bytes_arg(scope, &args, 3) else { return };
    let Some(data) = bytes_arg(scope, &args, 4) else { return };
    perform(scope, &mut rv, Work::Bytes(signature.len() + data.len()), move || {
        let key = signature::UnparsedPublicKey::new(curve.verifying, &point);
        let verified = curve.digest(hash, &data).is_some_and(|d| key.verify_digest(&d, &signature).is_ok());
        JobResult::Bool(verified)
    });
}

/// `crypto_ecdh(curve, material, point)` -> ArrayBuffer of the shared x.
fn crypto_ecdh(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(curve) = curve_arg(scope, &args) else { return };
    let Some(material) = bytes_arg(scope, &args, 1) else { return };
    let Some(point) = bytes_arg(scope, &args, 2) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(0), move || {
        let number = material.get(..curve.bytes)?;
        let key = agreement::PrivateKey::from_private_key(curve.agreement, number).ok()?;
        let peer = agreement::UnparsedPublicKey::new(curve.agreement, &point);
        agreement::agree(&key, peer, (), |secret| Ok(secret.to_vec())).ok()
    });
}
