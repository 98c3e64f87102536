//! Compression Streams (WHATWG Compression): the codecs under CompressionStream and DecompressionStream.

mod brotli;
mod codec;
mod zstd;

pub(crate) use codec::{Codec, CodecError, Format};

use crate::engine::{OpFn, ops};
use crate::worker::{current_request, state_of};

pub(super) fn ops() -> Vec<OpFn> {
    ops![codec_new, codec_push, codec_step, codec_has_more, codec_drop]
}

/// `codec_new(format, decompress)` -> id. The codec is gone when it has finished or failed, when it is dropped, and
/// when its request ends.
fn codec_new(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(name) = super::string_arg(scope, &args, 0) else { return };
    let Some(format) = Format::by_name(&name) else {
        return super::throw_type_error(scope, "no such format");
    };
    let decompress = args.get(1).is_true();
    let request = current_request(scope);
    let Some(state) = state_of(scope) else { return };
    let opened = Codec::new(format, decompress, &state.memory).map(|codec| state.open_codec(codec, request));
    match opened {
        Ok(Ok(id)) => rv.set_uint32(id),
        Ok(Err(message)) => super::throw_range_error(scope, message),
        Err(error) => throw(scope, &error),
    }
}

/// `codec_push(id, bytes)`: input for the steps that follow.
fn codec_push(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::u32_arg(&args, 0);
    let Some(bytes) = super::bytes_arg(scope, &args, 1) else { return };
    let Some(state) = state_of(scope) else { return };
    let Some((codec, _)) = state.codec(id) else { return ended(scope) };
    if let Err(error) = codec.push(bytes) {
        state.close_codec(id);
        throw(scope, &error);
    }
}

/// `codec_step(id, finish)` -> Uint8Array, or undefined when there is no output yet. Takes a bounded time, so that a
/// turn that goes step by step can be interrupted between two of them.
fn codec_step(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::u32_arg(&args, 0);
    let finish = args.get(1).is_true();
    let Some(state) = state_of(scope) else { return };
    let Some((codec, room)) = state.codec(id) else { return ended(scope) };
    let output = match codec.step(finish, room) {
        Ok(length) => room.get(..length).unwrap_or_default().to_vec(),
        Err(error) => {
            state.close_codec(id);
            return throw(scope, &error);
        }
    };
    if finish && !codec.has_more() {
        state.close_codec(id);
    }
    if !output.is_empty() {
        super::return_uint8_array(scope, &mut rv, output);
    }
}

/// `codec_has_more(id)` -> whether another step has something to do; false for a codec that is gone.
fn codec_has_more(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::u32_arg(&args, 0);
    let more = state_of(scope).and_then(|state| state.codec(id)).is_some_and(|(codec, _)| codec.has_more());
    rv.set_bool(more);
}

/// `codec_drop(id)`.
fn codec_drop(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::u32_arg(&args, 0);
    if let Some(state) = state_of(scope) {
        state.close_codec(id);
    }
}

fn ended(scope: &mut v8::PinScope<'_, '_>) {
    super::throw_type_error(scope, "the stream's request has ended");
}

fn throw(scope: &mut v8::PinScope<'_, '_>, error: &CodecError) {
    let message = error.to_string();
    match error {
        CodecError::Memory => super::throw_range_error(scope, &message),
        CodecError::Corrupt | CodecError::Truncated | CodecError::Trailing | CodecError::Encoder => {
            super::throw_type_error(scope, &message);
        }
    }
}
