//! Copies that ops make of what a script gives them whole. A string need not lie anywhere in full: `'x'.repeat(2 ** 29)`
//! takes some bytes of V8's heap, and half a gibibyte once it is copied. So a copy that is large is compared with what
//! its isolate may have before it is made, and counts for as long as it is kept.

use std::sync::Arc;

use bytes::Bytes;

use super::throw_range_error;
use crate::engine::Held;
use crate::worker::state_of;

/// Copies of fewer bytes are not counted. There are as many of them as an app has requests and operations under way.
const COUNTED_BYTES_MIN: usize = 64 << 10;

/// Counts `bytes` as the isolate's, once what V8 has not collected yet is collected if need be. `None`: over the limit.
pub(super) fn hold(scope: &mut v8::PinScope<'_, '_>, bytes: usize) -> Option<Held> {
    let account = Arc::clone(&state_of(scope)?.memory);
    account.hold(bytes).or_else(|| {
        // V8 does not know of the limit, and so not that it is time to collect what came before.
        if !account.may_hold(bytes) {
            return None;
        }
        scope.low_memory_notification();
        account.hold(bytes)
    })
}

pub(super) fn throw_too_large(scope: &mut v8::PinScope<'_, '_>) {
    throw_range_error(scope, "The memory limit of this app has been reached");
}

/// Whether a copy of so many bytes may be made.
fn fits(scope: &mut v8::PinScope<'_, '_>, bytes: usize) -> bool {
    bytes < COUNTED_BYTES_MIN || hold(scope, bytes).is_some()
}

/// A copy that is counted until it is dropped.
struct Counted {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// `bytes`, counted for as long as they are kept. `None`: they are over the limit.
pub(super) fn kept(scope: &mut v8::PinScope<'_, '_>, bytes: Vec<u8>) -> Option<Bytes> {
    if bytes.len() < COUNTED_BYTES_MIN {
        return Some(Bytes::from(bytes));
    }
    let held = hold(scope, bytes.len())?;
    Some(Bytes::from_owner(Counted { bytes, _held: held }))
}

/// The code units of a string as bytes: it has none above U+00FF, or the caller does not care. `None`: over the limit.
pub(super) fn one_byte(scope: &mut v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>) -> Option<Vec<u8>> {
    if !fits(scope, text.length()) {
        return None;
    }
    let mut bytes = vec![0; text.length()];
    // A string of pieces is written piece by piece: other ways make it one string first.
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    Some(bytes)
}

/// As [`one_byte`], or a RangeError.
pub(super) fn one_byte_or_throw(
    scope: &mut v8::PinScope<'_, '_>,
    text: v8::Local<'_, v8::String>,
) -> Option<Vec<u8>> {
    let bytes = one_byte(scope, text);
    if bytes.is_none() {
        throw_too_large(scope);
    }
    bytes
}

/// The bytes of a string in UTF-8, lossy. `None`: over the limit.
pub(super) fn utf8(scope: &mut v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>) -> Option<Vec<u8>> {
    if text.is_onebyte() {
        let latin1 = one_byte(scope, text)?;
        if latin1.is_ascii() {
            return Some(latin1);
        }
        return fits(scope, latin1.len() * 3).then(|| latin1_to_utf8(&latin1));
    }
    // No code unit has less than a byte; V8 makes the string one to say how many there are.
    if text.length() >= COUNTED_BYTES_MIN
        && !(fits(scope, text.length()) && fits(scope, text.utf8_length(scope)))
    {
        return None;
    }
    Some(text.to_rust_string_lossy(scope).into_bytes())
}

/// The bytes of a string of Latin-1 in UTF-8.
pub(super) fn latin1_to_utf8(latin1: &[u8]) -> Vec<u8> {
    if latin1.is_ascii() {
        return latin1.to_vec();
    }
    latin1.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes()
}

/// A string, lossy, or a RangeError.
pub(super) fn text(scope: &mut v8::PinScope<'_, '_>, text: v8::Local<'_, v8::String>) -> Option<String> {
    if text.length() < COUNTED_BYTES_MIN {
        return Some(text.to_rust_string_lossy(scope));
    }
    let copy = utf8(scope, text).and_then(|bytes| String::from_utf8(bytes).ok());
    if copy.is_none() {
        throw_too_large(scope);
    }
    copy
}
