//! structuredClone (HTML, section 2.7) over V8's serialiser.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;

use v8::{ValueDeserializerHelper as _, ValueSerializerHelper as _};

use crate::engine::{OpFn, ops};

/// The largest clone, in bytes of its serialised form.
const CLONE_BYTES_MAX: usize = 512 << 20;

pub(super) fn ops() -> Vec<OpFn> {
    ops![structured_clone]
}

/// What the built-in answers for the serialiser.
struct Writer<'a> {
    is_host_object: v8::Local<'a, v8::Function>,
    write_host_object: v8::Local<'a, v8::Function>,
    data_clone_error: v8::Local<'a, v8::Function>,
}

impl v8::ValueSerializerImpl for Writer<'_> {
    fn throw_data_clone_error<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        message: v8::Local<'s, v8::String>,
    ) {
        throw_clone_error(scope, self.data_clone_error, message);
    }

    fn get_shared_array_buffer_id<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        _buffer: v8::Local<'s, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        if let Some(message) = v8::String::new(scope, "a SharedArrayBuffer could not be cloned.") {
            throw_clone_error(scope, self.data_clone_error, message);
        }
        None
    }

    fn has_custom_host_object(&self, _isolate: &v8::Isolate) -> bool {
        true
    }

    fn is_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
    ) -> Option<bool> {
        let function = v8::Local::new(scope, self.is_host_object);
        let undefined = v8::undefined(scope).into();
        Some(function.call(scope, undefined, &[object.into()])?.is_true())
    }

    fn write_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        serializer: &dyn v8::ValueSerializerHelper,
    ) -> Option<bool> {
        let function = v8::Local::new(scope, self.write_host_object);
        let undefined = v8::undefined(scope).into();
        let number = function.call(scope, undefined, &[object.into()])?.uint32_value(scope)?;
        serializer.write_uint32(number);
        Some(true)
    }
}

/// Gives the host objects of the clone by their number.
struct Reader<'a> {
    host_objects: Option<v8::Local<'a, v8::Array>>,
}

impl v8::ValueDeserializerImpl for Reader<'_> {
    fn read_host_object<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        deserializer: &dyn v8::ValueDeserializerHelper,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let mut number = 0;
        if !deserializer.read_uint32(&mut number) {
            return None;
        }
        let list = v8::Local::new(scope, self.host_objects?);
        v8::Local::<v8::Object>::try_from(list.get_index(scope, number)?).ok()
    }
}

fn throw_clone_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    make: v8::Local<'_, v8::Function>,
    message: v8::Local<'s, v8::String>,
) {
    let make = v8::Local::new(scope, make);
    let undefined = v8::undefined(scope).into();
    if let Some(error) = make.call(scope, undefined, &[message.into()]) {
        scope.throw_exception(error);
    }
}

fn function_arg<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
    index: i32,
) -> Option<v8::Local<'s, v8::Function>> {
    let function = v8::Local::<v8::Function>::try_from(args.get(index)).ok();
    if function.is_none() {
        super::throw_type_error(scope, "not a function");
    }
    function
}

/// `structured_clone(value, arrayBuffers, isHostObject, writeHostObject, finishHostObjects, dataCloneError)` -> the
/// clone. `isHostObject(object)` -> boolean and `writeHostObject(object)` -> number are asked while the value is
/// written, `finishHostObjects()` -> array once it was; `dataCloneError(message)` makes the exception to throw.
fn structured_clone<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    if let Some(value) = clone(scope, &args) {
        rv.set(value);
    }
}

/// `None`: an exception is pending.
fn clone<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: &v8::FunctionCallbackArguments<'s>,
) -> Option<v8::Local<'s, v8::Value>> {
    let writer = Writer {
        is_host_object: function_arg(scope, args, 2)?,
        write_host_object: function_arg(scope, args, 3)?,
        data_clone_error: function_arg(scope, args, 5)?,
    };
    let finish = function_arg(scope, args, 4)?;
    let data_clone_error = writer.data_clone_error;
    let buffers = buffers_of(scope, args.get(1))?;
    let context = scope.get_current_context();
    let serializer = v8::ValueSerializer::new(scope, Box::new(writer));
    serializer.write_header();
    for (id, buffer) in (0..).zip(&buffers) {
        serializer.transfer_array_buffer(id, *buffer);
    }
    serializer.write_value(context, args.get(0))?;
    let bytes = serializer.release();
    if bytes.len() > CLONE_BYTES_MAX {
        super::throw_range_error(scope, "the value is too large to be cloned");
        return None;
    }
    if buffers.iter().any(|buffer| buffer.was_detached() || !buffer.is_detachable()) {
        let message = v8::String::new(scope, "An ArrayBuffer is detached and could not be cloned.")?;
        throw_clone_error(scope, data_clone_error, message);
        return None;
    }
    let undefined = v8::undefined(scope).into();
    let host_objects = finish.call(scope, undefined, &[])?;
    let host_objects = v8::Local::<v8::Array>::try_from(host_objects).ok();
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(Reader { host_objects }), &bytes);
    for (id, buffer) in (0..).zip(&buffers) {
        let store = buffer.get_backing_store();
        buffer.detach(None)?;
        let moved = v8::ArrayBuffer::with_backing_store(scope, &store);
        deserializer.transfer_array_buffer(id, moved);
    }
    deserializer.read_header(context)?;
    deserializer.read_value(context)
}

fn buffers_of<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    list: v8::Local<'s, v8::Value>,
) -> Option<Vec<v8::Local<'s, v8::ArrayBuffer>>> {
    let mut buffers = Vec::new();
    let Ok(list) = v8::Local::<v8::Array>::try_from(list) else { return Some(buffers) };
    for index in 0..list.length() {
        match v8::Local::<v8::ArrayBuffer>::try_from(list.get_index(scope, index)?) {
            Ok(buffer) => buffers.push(buffer),
            Err(_) => {
                super::throw_type_error(scope, "not an ArrayBuffer");
                return None;
            }
        }
    }
    Some(buffers)
}
