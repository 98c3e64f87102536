//! RSA. A public key is a SubjectPublicKeyInfo, a private key a PrivateKeyInfo (PKCS #8), as aws-lc writes them.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeyPairComponents, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384,
    OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::{
    self, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaParameters, RsaPssSaltLength, RsaSignatureEncoding,
};

use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::der::Decode;
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};

use super::rsa_other;
use super::{Work, perform, perform_bytes, return_material};
use crate::api::{bytes_arg, string_arg, u32_arg};
use crate::engine::{OpFn, ops};
use crate::worker::JobResult;

pub(super) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Bytes of salt that RSA-PSS is done with: twice the longest hash.
const PSS_SALT_BYTES_MAX: usize = 128;

pub(super) fn ops() -> Vec<OpFn> {
    ops![
        crypto_rsa_generate,
        crypto_rsa_import,
        crypto_rsa_public,
        crypto_rsa_join,
        crypto_rsa_split,
        crypto_rsa_sign,
        crypto_rsa_verify,
        crypto_rsa_encrypt,
        crypto_rsa_decrypt
    ]
}

/// aws-lc-rs wants such parameters to be static: one for each length of the salt.
macro_rules! by_salt {
    ($base:path) => {{
        let mut table = [const { $base }; PSS_SALT_BYTES_MAX + 1];
        let mut length = 0;
        while length <= PSS_SALT_BYTES_MAX {
            table[length as usize] = $base.with_pss_salt_length(RsaPssSaltLength::Custom(length as u16));
            length += 1;
        }
        table
    }};
}
static PSS_SIGN_SHA256: [RsaSignatureEncoding; PSS_SALT_BYTES_MAX + 1] = by_salt!(RSA_PSS_SHA256);
static PSS_SIGN_SHA384: [RsaSignatureEncoding; PSS_SALT_BYTES_MAX + 1] = by_salt!(RSA_PSS_SHA384);
static PSS_SIGN_SHA512: [RsaSignatureEncoding; PSS_SALT_BYTES_MAX + 1] = by_salt!(RSA_PSS_SHA512);
static PSS_VERIFY_SHA256: [RsaParameters; PSS_SALT_BYTES_MAX + 1] = by_salt!(RSA_PSS_2048_8192_SHA256);
static PSS_VERIFY_SHA384: [RsaParameters; PSS_SALT_BYTES_MAX + 1] = by_salt!(RSA_PSS_2048_8192_SHA384);
static PSS_VERIFY_SHA512: [RsaParameters; PSS_SALT_BYTES_MAX + 1] = by_salt!(RSA_PSS_2048_8192_SHA512);

fn private_der(key: &KeyPair) -> Option<Vec<u8>> {
    let der: Pkcs8V1Der<'static> = key.as_der().ok()?;
    Some(der.as_ref().to_vec())
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn public_from(n: &[u8], e: &[u8]) -> Option<Vec<u8>> {
    let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
    let der: PublicKeyX509Der<'static> = PublicKeyComponents { n, e }.as_der().ok()?;
    // What nothing can be done with is refused at once: less than 1024 bits, which are good for old signatures only.
    signature::ParsedPublicKey::new(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, der.as_ref())
        .ok()?;
    Some(der.as_ref().to_vec())
}

fn import(format: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if format == "spki" {
        let info = SubjectPublicKeyInfoRef::from_der(bytes).ok()?;
        if info.algorithm.oid != RSA_ENCRYPTION {
            return None;
        }
        let key = RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
        return public_from(key.modulus.as_bytes(), key.public_exponent.as_bytes());
    }
    let info = PrivateKeyInfoRef::from_der(bytes).ok()?;
    if info.algorithm.oid != RSA_ENCRYPTION {
        return None;
    }
    match KeyPair::from_pkcs8(bytes) {
        Ok(key) => private_der(&key),
        Err(_) => rsa_other::import(bytes),
    }
}

/// The numbers of a key: n and e, and of a private one d, p, q, dp, dq and qi.
pub(super) fn split(private: bool, material: &[u8]) -> Option<Vec<Vec<u8>>> {
    if private {
        let info = PrivateKeyInfoRef::from_der(material).ok()?;
        let key = RsaPrivateKeyRef::from_der(info.private_key.as_bytes()).ok()?;
        return Some(
            [
                key.modulus,
                key.public_exponent,
                key.private_exponent,
                key.prime1,
                key.prime2,
                key.exponent1,
                key.exponent2,
                key.coefficient,
            ]
            .iter()
            .map(|number| number.as_bytes().to_vec())
            .collect(),
        );
    }
    let info = SubjectPublicKeyInfoRef::from_der(material).ok()?;
    let key = RsaPublicKeyRef::from_der(info.subject_public_key.as_bytes()?).ok()?;
    Some(vec![key.modulus.as_bytes().to_vec(), key.public_exponent.as_bytes().to_vec()])
}

/// `crypto_rsa_generate(bits)` -> promise of a private key, with the exponent 65537; undefined for another size.
fn crypto_rsa_generate(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let size = match u32_arg(&args, 0) {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        // A longer one takes up to a minute.
        4096 => KeySize::Rsa4096,
        _ => return,
    };
    perform_bytes(scope, &mut rv, Work::Long(0), move || private_der(&KeyPair::generate(size).ok()?));
}

/// `crypto_rsa_import(format, bytes)` -> material; undefined if the bytes are no such key. The format is "spki" or
/// "pkcs8".
fn crypto_rsa_import(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(format) = string_arg(scope, &args, 0) else { return };
    let Some(bytes) = bytes_arg(scope, &args, 1) else { return };
    return_material(scope, &mut rv, import(&format, &bytes));
}

/// `crypto_rsa_public(material)` -> material of the public key to a private one.
fn crypto_rsa_public(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(material) = bytes_arg(scope, &args, 0) else { return };
    let numbers = split(true, &material);
    let public = numbers.and_then(|numbers| public_from(numbers.first()?, numbers.get(1)?));
    return_material(scope, &mut rv, public);
}

/// `crypto_rsa_join(n, e)` or `crypto_rsa_join(n, e, d, p, q, dp, dq, qi)` -> material; undefined if the numbers are no
/// key.
fn crypto_rsa_join(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let mut numbers = Vec::new();
    for index in 0..args.length().min(8) {
        let Some(number) = bytes_arg(scope, &args, index) else { return };
        numbers.push(number);
    }
    let material = match numbers.as_slice() {
        [n, e] => public_from(n, e),
        [n, e, d, p, q, dp, dq, qi] => {
            let components = KeyPairComponents {
                public_key: PublicKeyComponents { n: without_leading_zeros(n), e: without_leading_zeros(e) },
                d: d.as_slice(),
                p: p.as_slice(),
                q: q.as_slice(),
                dP: dp.as_slice(),
                dQ: dq.as_slice(),
                qInv: qi.as_slice(),
            };
            match KeyPair::from_components(&components) {
                Ok(key) => private_der(&key),
                Err(_) => {
                    rsa_other::join(&[n, e, d, p, q, dp, dq, qi].map(|bytes| without_leading_zeros(bytes)))
                }
            }
        }
        _ => None,
    };
    return_material(scope, &mut rv, material);
}

/// `crypto_rsa_split(private, material)` -> `[n, e]` or `[n, e, d, p, q, dp, dq, qi]`, each a Uint8Array.
fn crypto_rsa_split(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let private = args.get(0).is_true();
    let Some(material) = bytes_arg(scope, &args, 1) else { return };
    let mut arrays: Vec<v8::Local<'_, v8::Value>> = Vec::new();
    for number in split(private, &material).unwrap_or_default() {
        match crate::api::uint8_array(scope, number) {
            Some(array) => arrays.push(array.into()),
            None => return crate::api::throw_range_error(scope, "Array buffer allocation failed"),
        }
    }
    rv.set(v8::Array::new_with_elements(scope, &arrays).into());
}

/// How a signature is made: by PKCS #1 v1.5 without a length of the salt, else by PSS.
fn signing(hash: &digest::Algorithm, salt: Option<usize>) -> Option<&'static RsaSignatureEncoding> {
    let (table, plain) = if *hash == digest::SHA256 {
        (&PSS_SIGN_SHA256, &RSA_PKCS1_SHA256)
    } else if *hash == digest::SHA384 {
        (&PSS_SIGN_SHA384, &RSA_PKCS1_SHA384)
    } else if *hash == digest::SHA512 {
        (&PSS_SIGN_SHA512, &RSA_PKCS1_SHA512)
    } else {
        return None;
    };
    salt.map_or(Some(plain), |length| table.get(length))
}

fn verifying(hash: &digest::Algorithm, salt: Option<usize>) -> Option<&'static RsaParameters> {
    let (table, plain) = if *hash == digest::SHA256 {
        (&PSS_VERIFY_SHA256, &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
    } else if *hash == digest::SHA384 {
        (&PSS_VERIFY_SHA384, &signature::RSA_PKCS1_2048_8192_SHA384)
    } else if *hash == digest::SHA512 {
        (&PSS_VERIFY_SHA512, &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
    } else {
        let plain = &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY;
        return salt.is_none().then_some(plain);
    };
    salt.map_or(Some(plain), |length| table.get(length))
}

/// The length of the salt in argument `index`; undefined stands for PKCS #1 v1.5.
fn salt_arg(args: &v8::FunctionCallbackArguments<'_>, index: i32) -> Option<usize> {
    (!args.get(index).is_undefined()).then(|| u32_arg(args, index) as usize)
}

/// `crypto_rsa_sign(hash, saltLength, material, data)` -> promise of an ArrayBuffer, or undefined if that cannot be.
fn crypto_rsa_sign(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = super::hash_arg(scope, &args, 0) else { return };
    let salt = salt_arg(&args, 1);
    let Some(material) = bytes_arg(scope, &args, 2) else { return };
    let Some(data) = bytes_arg(scope, &args, 3) else { return };
    perform_bytes(scope, &mut rv, Work::Long(data.len()), move || {
        let encoding = signing(hash, salt).filter(|_| rsa_other::is_for_aws(true, &material));
        let Some(encoding) = encoding else { return rsa_other::sign(hash, salt, &material, &data) };
        let key = KeyPair::from_pkcs8(&material).ok()?;
        let mut out = vec![0; key.public_modulus_len()];
        key.sign(encoding, &SystemRandom::new(), &data, &mut out).ok()?;
        Some(out)
    });
}

/// `crypto_rsa_verify(hash, saltLength, material, signature, data)` -> boolean, undefined if that cannot be, or a
/// promise.
fn crypto_rsa_verify(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = super::hash_arg(scope, &args, 0) else { return };
    let salt = salt_arg(&args, 1);
    let Some(material) = bytes_arg(scope, &args, 2) else { return };
    let Some(signature) = bytes_arg(scope, &args, 3) else { return };
    let Some(data) = bytes_arg(scope, &args, 4) else { return };
    perform(scope, &mut rv, Work::Bytes(signature.len() + data.len()), move || {
        let key = verifying(hash, salt)
            .filter(|_| rsa_other::is_for_aws(false, &material))
            .and_then(|parameters| signature::ParsedPublicKey::new(parameters, &material).ok());
        let result = match key {
            Some(key) => Some(key.verify_sig(&data, &signature).is_ok()),
            None => rsa_other::verify(hash, salt, &material, &signature, &data),
        };
        result.map_or(JobResult::Failed, JobResult::Bool)
    });
}

fn oaep(hash: &digest::Algorithm) -> &'static OaepAlgorithm {
    if *hash == digest::SHA256 {
        &OAEP_SHA256_MGF1SHA256
    } else if *hash == digest::SHA384 {
        &OAEP_SHA384_MGF1SHA384
    } else if *hash == digest::SHA512 {
        &OAEP_SHA512_MGF1SHA512
    } else {
        &OAEP_SHA1_MGF1SHA1
    }
}

/// `crypto_rsa_encrypt(hash, label, material, data)` -> ArrayBuffer; undefined if the data are too long.
fn crypto_rsa_encrypt(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = super::hash_arg(scope, &args, 0) else { return };
    let Some(label) = bytes_arg(scope, &args, 1) else { return };
    let Some(material) = bytes_arg(scope, &args, 2) else { return };
    let Some(data) = bytes_arg(scope, &args, 3) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(label.len() + data.len()), move || {
        if !rsa_other::is_for_aws(false, &material) {
            return rsa_other::encrypt(hash, &label, &material, &data);
        }
        let key = OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&material).ok()?).ok()?;
        let mut out = vec![0; key.ciphertext_size()];
        let length = key.encrypt(oaep(hash), &data, &mut out, Some(&label)).ok()?.len();
        out.truncate(length);
        Some(out)
    });
}

/// `crypto_rsa_decrypt(hash, label, material, data)` -> promise of an ArrayBuffer, or of undefined.
fn crypto_rsa_decrypt(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(hash) = super::hash_arg(scope, &args, 0) else { return };
    let Some(label) = bytes_arg(scope, &args, 1) else { return };
    let Some(material) = bytes_arg(scope, &args, 2) else { return };
    let Some(data) = bytes_arg(scope, &args, 3) else { return };
    perform_bytes(scope, &mut rv, Work::Long(label.len() + data.len()), move || {
        if !rsa_other::is_for_aws(true, &material) {
            return rsa_other::decrypt(hash, &label, &material, &data);
        }
        let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(&material).ok()?).ok()?;
        let mut out = vec![0; key.min_output_size()];
        let length = key.decrypt(oaep(hash), &data, &mut out, Some(&label)).ok()?.len();
        out.truncate(length);
        Some(out)
    });
}
