//! The built-in JavaScript: which files, in which order.

use v8::MapFnTo as _;

/// A built-in file, evaluated once for the snapshot.
pub(crate) struct BuiltIn {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
}

macro_rules! built_ins {
    ($($name:literal => $path:literal),* $(,)?) => {
        &[$(BuiltIn { name: $name, source: include_str!($path) }),*]
    };
}

/// All of them, in the order of their evaluation: each may require those before it.
pub(crate) const BUILT_INS: &[BuiltIn] = built_ins![
    "primordials" => "primordials.js",
    "webidl" => "webidl.js",
    "dispatch" => "dispatch.js",
    "main" => "main.js",
];

/// `require(name)`: the exports of a built-in that has run.
pub(crate) fn require_callback() -> v8::FunctionCallback {
    require.map_fn_to()
}

fn require<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let name = args.get(0);
    let exports = v8::Local::<v8::Object>::try_from(args.data()).ok().and_then(|loaded| loaded.get(scope, name));
    match exports {
        Some(exports) if exports.is_object() => rv.set(exports),
        _ => {
            let name = name.to_rust_string_lossy(scope);
            if let Some(message) = v8::String::new(scope, &format!("no built-in \"{name}\" before this one")) {
                let error = v8::Exception::error(scope, message);
                scope.throw_exception(error);
            }
        }
    }
}
