//! Which functions are built-ins.

use crate::engine::{OpFn, ops};

/// Begins the name of every built-in file.
const PREFIX: &str = "nano:";

pub(super) fn ops() -> Vec<OpFn> {
    ops![is_built_in]
}

/// `is_built_in(value)` -> whether it is a function whose source is a built-in file. A script that takes such a name by
/// a `//# sourceURL` hides itself and nothing else.
fn is_built_in(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(function) = v8::Local::<v8::Function>::try_from(args.get(0)) else {
        return rv.set_bool(false);
    };
    let name = function.get_script_origin(scope).resource_name();
    let Some(name) = name.and_then(|name| v8::Local::<v8::String>::try_from(name).ok()) else {
        return rv.set_bool(false);
    };
    let mut start = [0; PREFIX.len()];
    let is_ours = name.length() > start.len() && {
        name.write_one_byte_v2(scope, 0, &mut start, v8::WriteFlags::empty());
        start == *PREFIX.as_bytes()
    };
    rv.set_bool(is_ours);
}
