//! The native functions that built-ins call (`ops`), and what V8 needs to know of them for the snapshot.

use std::panic::AssertUnwindSafe;

/// A native function under its name.
#[derive(Clone, Copy)]
pub(crate) struct OpFn {
    pub(crate) name: &'static str,
    pub(crate) callback: v8::FunctionCallback,
}

/// Runs an op's body. A panic in there is a bug in NANO: it must not unwind into V8's frames, so it becomes an
/// exception of the calling script, which fails its request.
pub(crate) fn guard<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    name: &'static str,
    body: impl FnOnce(&mut v8::PinScope<'s, 'i>),
) {
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| body(scope)));
    if caught.is_err() {
        tracing::error!(op = name, "bug: an op panicked");
        if let Some(message) = v8::String::new(scope, "internal error") {
            let error = v8::Exception::error(scope, message);
            scope.throw_exception(error);
        }
    }
}

/// Lists ops as `Vec<OpFn>`: `ops![url_parse, url_set]`; each names a function
/// `fn(&mut PinScope, FunctionCallbackArguments, ReturnValue)` in scope.
macro_rules! ops {
    ($($name:ident),* $(,)?) => {{
        use v8::MapFnTo as _;
        vec![$({
            fn guarded<'s>(
                scope: &mut v8::PinScope<'s, '_>,
                args: v8::FunctionCallbackArguments<'s>,
                rv: v8::ReturnValue<'s, v8::Value>,
            ) {
                $crate::engine::guard(scope, stringify!($name), |scope| $name(scope, args, rv));
            }
            $crate::engine::OpFn { name: stringify!($name), callback: guarded.map_fn_to() }
        }),*]
    }};
}
pub(crate) use ops;

/// Every address that the snapshot refers to, in a fixed order, ended by a null.
pub(crate) fn external_references() -> Vec<v8::ExternalReference> {
    let mut references: Vec<_> =
        crate::api::ops().map(|op| v8::ExternalReference { function: op.callback }).collect();
    references.push(v8::ExternalReference { function: crate::bootstrap::require_callback() });
    references.extend(crate::bootstrap::BUILT_INS.iter().map(|built_in| v8::ExternalReference {
        pointer: std::ptr::from_ref(built_in.source).cast_mut().cast(),
    }));
    references.push(v8::ExternalReference { pointer: std::ptr::null_mut() });
    references
}

/// V8 calls this when a promise is rejected without a handler, or gets one late.
pub(crate) unsafe extern "C" fn promise_rejected_callback(message: v8::PromiseRejectMessage<'_>) {
    // SAFETY: V8 calls the hook on the isolate's thread with a live message, whose scope this is.
    v8::callback_scope!(unsafe scope, &message);
    let kind = match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => 0,
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => 1,
        _ => return,
    };
    let promise = message.get_promise();
    let reason = message.get_value().unwrap_or_else(|| v8::undefined(scope).into());
    crate::worker::promise_rejected(scope, kind, promise, reason);
}
