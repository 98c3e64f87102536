//! The native functions, where an app can call them: only the one of the fuzz target `ops`.

/// The app that gets them.
pub(crate) const OPS_APP: &str = "fuzz:ops";

/// Puts the native functions on the global object as `ops`, with `current()`, the number of the request, and
/// `deserialize(bytes, hostObjects)` besides.
pub(crate) fn expose_ops(scope: &mut v8::PinScope<'_, '_>) {
    let put = |scope: &mut v8::PinScope<'_, '_>| {
        let global = scope.get_current_context().global(scope);
        let ops = crate::engine::fuzz::ops_object(scope).ok()?;
        let current = v8::Function::builder(current).build(scope)?;
        let deserialize = v8::Function::builder(crate::api::fuzz::deserialize).build(scope)?;
        let named: [(&str, v8::Local<'_, v8::Value>); 3] =
            [("ops", ops.into()), ("current", current.into()), ("deserialize", deserialize.into())];
        for (name, value) in named {
            let name = v8::String::new(scope, name)?;
            global.set(scope, name.into(), value)?;
        }
        Some(())
    };
    put(scope).expect("a fresh isolate has room for them");
}

fn current<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _args: v8::FunctionCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'s, v8::Value>,
) {
    let id = crate::worker::current_request(scope);
    rv.set(v8::Number::new(scope, id as f64).into());
}
