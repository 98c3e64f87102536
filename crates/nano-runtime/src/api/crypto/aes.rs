//! AES: GCM, CBC, CTR and key wrap.

use aes_kw::{KeyInit, KwAes128, KwAes192, KwAes256};
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptionContext, EncryptingKey, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::iv::FixedLength;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use super::{Work, perform_bytes};
use crate::api::{bytes_arg, string_arg, u32_arg};
use crate::engine::{OpFn, ops};

const BLOCK_BYTES: usize = 16;
/// The nonce that GCM is made for, and the only one that aws-lc-rs takes.
const GCM_NONCE_BYTES: usize = 12;
const GCM_TAG_BYTES: usize = 16;

pub(super) fn ops() -> Vec<OpFn> {
    ops![crypto_aes_gcm, crypto_aes_cbc, crypto_aes_ctr, crypto_aes_kw]
}

fn cipher_key(key: &[u8]) -> Option<UnboundCipherKey> {
    let algorithm = match key.len() {
        16 => &cipher::AES_128,
        24 => &cipher::AES_192,
        32 => &cipher::AES_256,
        _ => return None,
    };
    UnboundCipherKey::new(algorithm, key).ok()
}

/// Encrypts or decrypts with a counter of which the low `bits` count and wrap around. `None`: it would come twice to
/// the same value.
fn ctr(key: &[u8], counter: u128, bits: u32, data: &mut [u8]) -> Option<()> {
    if data.is_empty() {
        return Some(());
    }
    let mask = u128::MAX.checked_shr(128_u32.checked_sub(bits)?)?;
    let blocks = u128::try_from(data.len().div_ceil(BLOCK_BYTES)).ok()?;
    if blocks - 1 > mask {
        return None;
    }
    let key = EncryptingKey::ctr(cipher_key(key)?).ok()?;
    let run = |counter: u128, part: &mut [u8]| {
        let context = EncryptionContext::Iv128(FixedLength::from(counter.to_be_bytes()));
        key.less_safe_encrypt(part, context).ok().map(|_| ())
    };
    let before_wrap = mask - (counter & mask);
    if blocks - 1 <= before_wrap {
        return run(counter, data);
    }
    let first = usize::try_from((before_wrap + 1) * 16).ok()?;
    let (first, second) = data.split_at_mut_checked(first)?;
    run(counter, first)?;
    run(counter & !mask, second)
}

/// GCM with any nonce (NIST SP 800-38D, 7): the counter that its keystream begins after, and its hash.
struct Gcm<'a> {
    key: &'a [u8],
    hash: GHash,
    counter: u128,
}

impl<'a> Gcm<'a> {
    fn new(key: &'a [u8], nonce: &[u8]) -> Option<Self> {
        let mut hash_key = [0; BLOCK_BYTES];
        ctr(key, 0, 32, &mut hash_key)?;
        let hash = GHash::new(&hash_key.into());
        let counter = if nonce.len() == GCM_NONCE_BYTES {
            let mut block = [0; BLOCK_BYTES];
            block[..GCM_NONCE_BYTES].copy_from_slice(nonce);
            u128::from_be_bytes(block) | 1
        } else {
            let mut hash = hash.clone();
            hash.update_padded(nonce);
            hash.update(&[lengths(0, nonce.len()).into()]);
            u128::from_be_bytes(hash.finalize().into())
        };
        Some(Self { key, hash, counter })
    }

    fn stream(&self, data: &mut [u8]) -> Option<()> {
        let low = u128::from(u32::MAX);
        let next = (self.counter & !low) | (self.counter.wrapping_add(1) & low);
        ctr(self.key, next, 32, data)
    }

    fn tag(&self, additional: &[u8], ciphertext: &[u8]) -> Option<[u8; GCM_TAG_BYTES]> {
        let mut hash = self.hash.clone();
        hash.update_padded(additional);
        hash.update_padded(ciphertext);
        hash.update(&[lengths(additional.len(), ciphertext.len()).into()]);
        let mut tag: [u8; GCM_TAG_BYTES] = hash.finalize().into();
        ctr(self.key, self.counter, 32, &mut tag)?;
        Some(tag)
    }
}

/// Two lengths in bits.
fn lengths(first: usize, second: usize) -> [u8; BLOCK_BYTES] {
    (((first as u128 * 8) << 64) | (second as u128 * 8)).to_be_bytes()
}

fn gcm_key(key: &[u8]) -> Option<LessSafeKey> {
    let algorithm = match key.len() {
        16 => &aead::AES_128_GCM,
        24 => &aead::AES_192_GCM,
        32 => &aead::AES_256_GCM,
        _ => return None,
    };
    Some(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?))
}

fn gcm_encrypt(
    key: &[u8],
    nonce: &[u8],
    additional: &[u8],
    tag_bytes: usize,
    mut data: Vec<u8>,
) -> Option<Vec<u8>> {
    if let Ok(nonce) = Nonce::try_assume_unique_for_key(nonce) {
        let tag = gcm_key(key)?.seal_in_place_separate_tag(nonce, Aad::from(additional), &mut data).ok()?;
        data.extend_from_slice(tag.as_ref().get(..tag_bytes)?);
        return Some(data);
    }
    let gcm = Gcm::new(key, nonce)?;
    gcm.stream(&mut data)?;
    let tag = gcm.tag(additional, &data)?;
    data.extend_from_slice(tag.get(..tag_bytes)?);
    Some(data)
}

fn gcm_decrypt(
    key: &[u8],
    nonce: &[u8],
    additional: &[u8],
    tag_bytes: usize,
    mut data: Vec<u8>,
) -> Option<Vec<u8>> {
    let length = data.len().checked_sub(tag_bytes)?;
    if tag_bytes == GCM_TAG_BYTES
        && let Ok(nonce) = Nonce::try_assume_unique_for_key(nonce)
    {
        gcm_key(key)?.open_in_place(nonce, Aad::from(additional), &mut data).ok()?;
        data.truncate(length);
        return Some(data);
    }
    let gcm = Gcm::new(key, nonce)?;
    let tag = data.split_off(length);
    let expected = gcm.tag(additional, &data)?;
    verify_slices_are_equal(expected.get(..tag_bytes)?, &tag).ok()?;
    gcm.stream(&mut data)?;
    Some(data)
}

/// `crypto_aes_gcm(operation, key, iv, additionalData, tagBytes, data)` -> ArrayBuffer, undefined for a failure, or a
/// promise; the operation is "encrypt" or "decrypt".
fn crypto_aes_gcm(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(usage) = string_arg(scope, &args, 0) else { return };
    let encrypt = usage == "encrypt";
    let Some(key) = bytes_arg(scope, &args, 1) else { return };
    let Some(nonce) = bytes_arg(scope, &args, 2) else { return };
    let Some(additional) = bytes_arg(scope, &args, 3) else { return };
    let tag_bytes = u32_arg(&args, 4) as usize;
    let Some(data) = bytes_arg(scope, &args, 5) else { return };
    let work = Work::Bytes(nonce.len() + additional.len() + data.len());
    perform_bytes(scope, &mut rv, work, move || {
        let run = if encrypt { gcm_encrypt } else { gcm_decrypt };
        run(&key, &nonce, &additional, tag_bytes, data)
    });
}

/// `crypto_aes_cbc(operation, key, iv, data)` -> ArrayBuffer, undefined for a failure, or a promise.
fn crypto_aes_cbc(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(usage) = string_arg(scope, &args, 0) else { return };
    let encrypt = usage == "encrypt";
    let Some(key) = bytes_arg(scope, &args, 1) else { return };
    let Some(iv) = bytes_arg(scope, &args, 2) else { return };
    let Some(mut data) = bytes_arg(scope, &args, 3) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(data.len()), move || {
        let iv = FixedLength::try_from(iv.as_slice()).ok()?;
        if encrypt {
            let key = PaddedBlockEncryptingKey::cbc_pkcs7(cipher_key(&key)?).ok()?;
            key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(iv)).ok()?;
            return Some(data);
        }
        if data.is_empty() || !data.len().is_multiple_of(BLOCK_BYTES) {
            return None;
        }
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key(&key)?).ok()?;
        let length = key.decrypt(&mut data, DecryptionContext::Iv128(iv)).ok()?.len();
        data.truncate(length);
        Some(data)
    });
}

/// `crypto_aes_ctr(key, counter, bits, data)` -> ArrayBuffer, undefined for a failure, or a promise.
fn crypto_aes_ctr(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(key) = bytes_arg(scope, &args, 0) else { return };
    let Some(counter) = bytes_arg(scope, &args, 1) else { return };
    let bits = u32_arg(&args, 2);
    let Some(mut data) = bytes_arg(scope, &args, 3) else { return };
    perform_bytes(scope, &mut rv, Work::Bytes(data.len()), move || {
        let counter = u128::from_be_bytes(counter.as_slice().try_into().ok()?);
        ctr(&key, counter, bits, &mut data)?;
        Some(data)
    });
}

/// RFC 3394, which wraps two blocks of 64 bits or more.
fn key_wrap(wrap: bool, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    const LEAST_BYTES: usize = 16;
    let length = if wrap { data.len() + 8 } else { data.len().checked_sub(8)? };
    if !data.len().is_multiple_of(8) || length.min(data.len()) < LEAST_BYTES {
        return None;
    }
    let mut out = vec![0; length];
    let done = match (key.len(), wrap) {
        (16, true) => KwAes128::new_from_slice(key).ok()?.wrap_key(data, &mut out).is_ok(),
        (16, false) => KwAes128::new_from_slice(key).ok()?.unwrap_key(data, &mut out).is_ok(),
        (24, true) => KwAes192::new_from_slice(key).ok()?.wrap_key(data, &mut out).is_ok(),
        (24, false) => KwAes192::new_from_slice(key).ok()?.unwrap_key(data, &mut out).is_ok(),
        (32, true) => KwAes256::new_from_slice(key).ok()?.wrap_key(data, &mut out).is_ok(),
        (32, false) => KwAes256::new_from_slice(key).ok()?.unwrap_key(data, &mut out).is_ok(),
        _ => false,
    };
    done.then_some(out)
}

/// `crypto_aes_kw(operation, key, data)` -> ArrayBuffer, undefined for a failure, or a promise; the operation is
/// "wrapKey" or "unwrapKey".
fn crypto_aes_kw(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(usage) = string_arg(scope, &args, 0) else { return };
    let wrap = usage == "wrapKey";
    let Some(key) = bytes_arg(scope, &args, 1) else { return };
    let Some(data) = bytes_arg(scope, &args, 2) else { return };
    // Each block of 64 bits goes six times through the cipher, one after the other.
    let work = Work::Bytes(data.len().saturating_mul(16));
    perform_bytes(scope, &mut rv, work, move || key_wrap(wrap, &key, &data));
}
