//! What aws-lc-rs refuses of RSA, by the crate `rsa`: keys of 1024 to 2047 bits, signatures with SHA-1, and salts of
//! over 128 bytes.
//!
//! The crate's earlier versions gave secrets away by their timing (RUSTSEC-2023-0071). This one computes with
//! crypto-bigint, whose operations take the same time for all secrets, and private operations are blinded besides; yet
//! it is younger than aws-lc, so nothing that aws-lc does comes here.

use std::convert::Infallible;

use aws_lc_rs::digest;
use aws_lc_rs::rand;
use pkcs1::RsaPrivateKeyRef;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::Encode;
use pkcs8::der::asn1::{AnyRef, OctetStringRef, UintRef};
use pkcs8::spki::AlgorithmIdentifierRef;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::sha2::{Sha256, Sha384, Sha512};
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, Oaep, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;

use super::rsa::{RSA_ENCRYPTION, split};

/// aws-lc takes all keys from this length on, and shorter ones for the verification of some signatures only.
const AWS_BITS_MIN: u32 = 2048;

/// No salt is longer than the longest key; the crate makes it before it finds that it does not fit.
const SALT_BYTES_MAX: usize = 8192 / 8;

/// Random numbers as the crate takes them.
struct Random;

impl TryRng for Random {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        // Without random numbers nothing may go on. The job that this runs in ends as failed.
        rand::fill(out).expect("the system has random numbers");
        Ok(())
    }
}

impl TryCryptoRng for Random {}

fn number(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(bytes)
}

/// Runs `$run` with the hash's type as `$digest`.
macro_rules! with_digest {
    ($hash:expr, $digest:ident => $run:expr) => {
        if *$hash == digest::SHA256 {
            type $digest = Sha256;
            $run
        } else if *$hash == digest::SHA384 {
            type $digest = Sha384;
            $run
        } else if *$hash == digest::SHA512 {
            type $digest = Sha512;
            $run
        } else {
            type $digest = Sha1;
            $run
        }
    };
}

fn private_key(material: &[u8]) -> Option<RsaPrivateKey> {
    let numbers = split(true, material)?;
    let [n, e, d, p, q, ..] = numbers.as_slice() else { return None };
    // It checks that they belong together.
    RsaPrivateKey::from_components(number(n), number(e), number(d), vec![number(p), number(q)]).ok()
}

fn public_key(material: &[u8]) -> Option<RsaPublicKey> {
    let numbers = split(false, material)?;
    let [n, e] = numbers.as_slice() else { return None };
    RsaPublicKey::new(number(n), number(e)).ok()
}

/// The material of a private key that is too short for aws-lc, of n, e, d, p, q, dp, dq and qi.
pub(super) fn join(numbers: &[&[u8]; 8]) -> Option<Vec<u8>> {
    let [n, e, d, p, q, dp, dq, qi] = numbers.map(UintRef::new);
    let key = RsaPrivateKeyRef {
        modulus: n.ok()?,
        public_exponent: e.ok()?,
        private_exponent: d.ok()?,
        prime1: p.ok()?,
        prime2: q.ok()?,
        exponent1: dp.ok()?,
        exponent2: dq.ok()?,
        coefficient: qi.ok()?,
        other_prime_infos: None,
    };
    let key = key.to_der().ok()?;
    let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
    let material = PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(&key).ok()?).to_der().ok()?;
    let key = private_key(&material)?;
    (key.n().bits_vartime() < AWS_BITS_MIN).then_some(material)
}

/// The material of a private key that is too short for aws-lc, of its PKCS #8.
pub(super) fn import(bytes: &[u8]) -> Option<Vec<u8>> {
    let numbers = split(true, bytes)?;
    let numbers: Vec<&[u8]> = numbers.iter().map(Vec::as_slice).collect();
    join(numbers.as_slice().try_into().ok()?)
}

/// A signature; by PKCS #1 v1.5 without a length of the salt, else by PSS.
pub(super) fn sign(
    hash: &'static digest::Algorithm,
    salt: Option<usize>,
    material: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    if salt.is_some_and(|length| length > SALT_BYTES_MAX) {
        return None;
    }
    let key = private_key(material)?;
    let hashed = digest::digest(hash, data);
    with_digest!(hash, D => match salt {
        None => key.sign_with_rng(&mut Random, Pkcs1v15Sign::new::<D>(), hashed.as_ref()),
        Some(length) => key.sign_with_rng(&mut Random, Pss::<D>::new_with_salt(length), hashed.as_ref()),
    })
    .ok()
}

/// Whether a signature is right; `None` if the key is none.
pub(super) fn verify(
    hash: &'static digest::Algorithm,
    salt: Option<usize>,
    material: &[u8],
    signature: &[u8],
    data: &[u8],
) -> Option<bool> {
    if salt.is_some_and(|length| length > SALT_BYTES_MAX) {
        return Some(false);
    }
    let key = public_key(material)?;
    let hashed = digest::digest(hash, data);
    let result = with_digest!(hash, D => match salt {
        None => key.verify(Pkcs1v15Sign::new::<D>(), hashed.as_ref(), signature),
        Some(length) => key.verify(Pss::<D>::new_with_salt(length), hashed.as_ref(), signature),
    });
    Some(result.is_ok())
}

/// OAEP with a public key that is too short for aws-lc.
pub(super) fn encrypt(
    hash: &'static digest::Algorithm,
    label: &[u8],
    material: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    let key = public_key(material)?;
    with_digest!(hash, D => key.encrypt(&mut Random, Oaep::<D>::new_with_label(label.to_vec()), data)).ok()
}

/// OAEP with a private key that is too short for aws-lc.
pub(super) fn decrypt(
    hash: &'static digest::Algorithm,
    label: &[u8],
    material: &[u8],
    data: &[u8],
) -> Option<Vec<u8>> {
    let key = private_key(material)?;
    with_digest!(hash, D => key.decrypt_blinded(&mut Random, Oaep::<D>::new_with_label(label.to_vec()), data))
        .ok()
}

/// Whether aws-lc takes the key, private or public.
pub(super) fn is_for_aws(private: bool, material: &[u8]) -> bool {
    let numbers = split(private, material).unwrap_or_default();
    numbers.first().is_some_and(|modulus| number(modulus).bits_vartime() >= AWS_BITS_MIN)
}
