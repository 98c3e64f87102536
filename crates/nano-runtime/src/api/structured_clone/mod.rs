//! structuredClone (HTML, section 2.7) over V8's serialiser.

use v8::{ValueDeserializerHelper as _, ValueSerializerHelper as _};

use crate::engine::{OpFn, ops};

/// Nesting past this depth is refused by V8's own stack check; this bounds the bytes.
const CLONE_BYTES_MAX: usize = 512 << 20;

pub(super) fn ops() -> Vec<OpFn> {
    ops![structured_clone]
}

/// Turns V8's message into the exception that the built-in's function makes: a DataCloneError.
struct Writer<'a> {
    make_error: v8::Local<'a, v8::Function>,
}

impl v8::ValueSerializerImpl for Writer<'_> {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        let undefined = v8::undefined(scope).into();
        let make_error = v8::Local::new(scope, self.make_error);
        if let Some(error) = make_error.call(scope, undefined, &[message.into()]) {
            scope.throw_exception(error);
        }
    }
}

struct Reader;

impl v8::ValueDeserializerImpl for Reader {}

/// `structured_clone(value, transferList, dataCloneError)` -> the clone. The list holds distinct, attached
/// ArrayBuffers.
fn structured_clone(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(make_error) = v8::Local::<v8::Function>::try_from(args.get(2)) else {
        return super::throw_type_error(scope, "not a function");
    };
    let mut transferred = Vec::new();
    if let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(1)) {
        for index in 0..list.length() {
            let item = list.get_index(scope, index);
            match item.and_then(|item| v8::Local::<v8::ArrayBuffer>::try_from(item).ok()) {
                Some(buffer) => transferred.push(buffer),
                None => return super::throw_type_error(scope, "not an ArrayBuffer"),
            }
        }
    }
    let context = scope.get_current_context();
    let serializer = v8::ValueSerializer::new(scope, Box::new(Writer { make_error }));
    serializer.write_header();
    for (id, buffer) in (0..).zip(&transferred) {
        serializer.transfer_array_buffer(id, *buffer);
    }
    if serializer.write_value(context, args.get(0)).is_none() {
        return; // An exception is pending.
    }
    let bytes = serializer.release();
    if bytes.len() > CLONE_BYTES_MAX {
        return super::throw_range_error(scope, "the value is too large to be cloned");
    }
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(Reader), &bytes);
    let stores: Vec<_> = transferred.iter().map(|buffer| buffer.get_backing_store()).collect();
    for (id, (buffer, store)) in (0..).zip(transferred.iter().zip(&stores)) {
        if buffer.detach(None) != Some(true) {
            return super::throw_type_error(scope, "the ArrayBuffer cannot be transferred");
        }
        let moved = v8::ArrayBuffer::with_backing_store(scope, store);
        deserializer.transfer_array_buffer(id, moved);
    }
    if deserializer.read_header(context).is_none() {
        return;
    }
    if let Some(value) = deserializer.read_value(context) {
        rv.set(value);
    }
}
