//! The web APIs: a folder each, with the built-in JavaScript, its native functions, and its tests.

mod base64;
mod compression;
mod console;
mod copies;
mod crypto;
mod encoding;
mod fetch;
mod form_data;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
mod global_scope;
mod message_channel;
mod native_code;
mod performance;
mod structured_clone;
mod timers;
mod url;
mod urlpattern;
mod webassembly;

pub(crate) use compression::{Codec, CodecError, Format};
pub(crate) use encoding::utf8_decode;

use crate::engine::{Held, OpFn};

pub(crate) use fetch::response_parts;
pub(crate) use webassembly::refusal as wasm_refusal;

/// All native functions, in the order in which the snapshot knows them.
pub(crate) fn ops() -> impl Iterator<Item = OpFn> {
    [
        base64::ops(),
        compression::ops(),
        console::ops(),
        crypto::ops(),
        encoding::ops(),
        fetch::ops(),
        form_data::ops(),
        global_scope::ops(),
        message_channel::ops(),
        native_code::ops(),
        performance::ops(),
        structured_clone::ops(),
        timers::ops(),
        url::ops(),
        urlpattern::ops(),
        webassembly::ops(),
        crate::engine::loader_ops(),
    ]
    .into_iter()
    .flatten()
}

type Maker = for<'a> fn(&v8::PinScope<'a, '_>, v8::Local<'a, v8::String>) -> v8::Local<'a, v8::Value>;

fn throw(scope: &mut v8::PinScope<'_, '_>, make: Maker, message: &str) {
    if let Some(message) = v8::String::new(scope, message) {
        let error = make(scope, message);
        scope.throw_exception(error);
    }
}

pub(crate) fn throw_type_error(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    throw(scope, v8::Exception::type_error, message);
}

pub(crate) fn throw_range_error(scope: &mut v8::PinScope<'_, '_>, message: &str) {
    throw(scope, v8::Exception::range_error, message);
}

/// Bytes that count against their isolate's memory until V8 collects them.
struct Counted {
    bytes: Vec<u8>,
    _held: Held,
}

impl AsMut<[u8]> for Counted {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

/// An ArrayBuffer over `bytes`, without a copy. `None`: over the memory limit.
pub(crate) fn array_buffer<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::ArrayBuffer>> {
    if bytes.is_empty() {
        return Some(v8::ArrayBuffer::new(scope, 0));
    }
    let held = copies::hold(scope, bytes.len())?;
    let counted = Box::new(Counted { bytes, _held: held });
    let store = v8::ArrayBuffer::new_backing_store_from_bytes(counted).make_shared();
    Some(v8::ArrayBuffer::with_backing_store(scope, &store))
}

/// A Uint8Array over `bytes`. `None`: over the memory limit.
pub(crate) fn uint8_array<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let length = bytes.len();
    let buffer = array_buffer(scope, bytes)?;
    v8::Uint8Array::new(scope, buffer, 0, length)
}

/// Writes numbers to the front of an array that a built-in has for the results of an op. Through its memory: as elements
/// they would cost V8 a lookup each.
fn set_u32s(out: v8::Local<'_, v8::Uint32Array>, values: &[u32]) {
    let Some(store) = out.get_backing_store() else { return };
    let cells = store.get(out.byte_offset()..).unwrap_or_default();
    for (cells, value) in cells.chunks_exact(size_of::<u32>()).zip(values) {
        for (cell, byte) in cells.iter().zip(value.to_ne_bytes()) {
            cell.set(byte);
        }
    }
}

/// Returns `bytes` as an ArrayBuffer, or throws a RangeError.
fn return_array_buffer(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    bytes: Vec<u8>,
) {
    match array_buffer(scope, bytes) {
        Some(buffer) => rv.set(buffer.into()),
        None => throw_range_error(scope, "Array buffer allocation failed"),
    }
}

/// Returns `bytes` as a Uint8Array, or throws a RangeError.
fn return_uint8_array(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    bytes: Vec<u8>,
) {
    match uint8_array(scope, bytes) {
        Some(array) => rv.set(array.into()),
        None => throw_range_error(scope, "Array buffer allocation failed"),
    }
}

/// Returns `text` as a string, or throws a RangeError when it is too long for one.
fn return_string(scope: &mut v8::PinScope<'_, '_>, rv: &mut v8::ReturnValue<'_, v8::Value>, text: &str) {
    match v8::String::new(scope, text) {
        Some(text) => rv.set(text.into()),
        None => throw_range_error(scope, "Invalid string length"),
    }
}

/// The bytes of an ArrayBuffer or a view on one, copied; a detached buffer has none. `None`: neither of both.
fn copy_bytes(value: v8::Local<'_, v8::Value>) -> Option<Vec<u8>> {
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        let mut bytes = vec![0; view.byte_length()];
        let copied = view.copy_contents(&mut bytes);
        bytes.truncate(copied);
        return Some(bytes);
    }
    let buffer = v8::Local::<v8::ArrayBuffer>::try_from(value).ok()?;
    Some(buffer.get_backing_store().iter().map(std::cell::Cell::get).collect())
}

/// The bytes of argument `index`, or a TypeError.
fn bytes_arg(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    index: i32,
) -> Option<Vec<u8>> {
    let bytes = copy_bytes(args.get(index));
    if bytes.is_none() {
        throw_type_error(scope, "not an ArrayBuffer or a view on one");
    }
    bytes
}

/// An unsigned number of argument `index`; 0 for what is none.
fn id_arg(args: &v8::FunctionCallbackArguments<'_>, index: i32) -> u64 {
    v8::Local::<v8::Number>::try_from(args.get(index)).map_or(0, |number| id_of(number.value()))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn id_of(number: f64) -> u64 {
    number as u64
}

fn u32_arg(args: &v8::FunctionCallbackArguments<'_>, index: i32) -> u32 {
    u32::try_from(id_arg(args, index)).unwrap_or(u32::MAX)
}

/// The string of argument `index`, lossy; empty for what is none. `None`: it is too long to copy, and a RangeError is
/// thrown.
fn string_arg(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    index: i32,
) -> Option<String> {
    optional_string_arg(scope, args, index).map(Option::unwrap_or_default)
}

/// As [`string_arg`], `Some(None)` for what is no string.
fn optional_string_arg(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    index: i32,
) -> Option<Option<String>> {
    let Ok(text) = v8::Local::<v8::String>::try_from(args.get(index)) else { return Some(None) };
    copies::text(scope, text).map(Some)
}
