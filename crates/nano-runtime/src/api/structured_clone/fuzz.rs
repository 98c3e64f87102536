//! The way back of a clone, for any bytes. What NANO reads is what it has written just before.

use v8::ValueDeserializerHelper as _;

use super::Reader;

/// `deserialize(bytes, hostObjects)` -> what they stand for, or undefined.
pub(crate) fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let Some(bytes) = crate::api::bytes_arg(scope, &args, 0) else { return };
    let host_objects = v8::Local::<v8::Array>::try_from(args.get(1)).ok();
    let context = scope.get_current_context();
    let deserializer = v8::ValueDeserializer::new(scope, Box::new(Reader { host_objects }), &bytes);
    if deserializer.read_header(context) != Some(true) {
        return;
    }
    if let Some(value) = deserializer.read_value(context) {
        rv.set(value);
    }
}
