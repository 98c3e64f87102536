//! The native functions that built-ins call (`ops`), and what V8 needs to know of them for the snapshot.

use std::panic::AssertUnwindSafe;

use v8::fast_api::{CFunction, CFunctionInfo, Int64Representation, Type};
pub(crate) use v8::fast_api::{FastApiCallbackOptions as FastCallInfo, FastApiOneByteString as OneByteStr};

/// A native function under its name.
#[derive(Clone, Copy)]
pub(crate) struct OpFn {
    pub(crate) name: &'static str,
    pub(crate) callback: v8::FunctionCallback,
    /// The same for optimised code.
    pub(crate) fast: Option<&'static FastCall>,
}

/// What optimised code calls in an op's place when the arguments have the right types: a plain call, without the
/// frames and handles of V8's API. It must do the same as the op. Its strings lie in V8's heap, so it must not run
/// script or allocate there, except for an exception at its very end, and only if it has no result: V8 cannot
/// deoptimise its caller otherwise.
#[repr(transparent)]
pub(crate) struct FastCall(CFunction);

// SAFETY: it holds the addresses of a function and of constants, which are the same for every thread.
unsafe impl Sync for FastCall {}

/// Constructors of [`FastCall`], each for one signature; the first parameter is the receiver.
macro_rules! signatures {
    ($($(#[$doc:meta])* $name:ident($($kind:ident: $type:ty),*) -> $result_kind:ident: $result:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) const fn $name(f: extern "C" fn(v8::Local<'_, v8::Value>, $($type),*) -> $result) -> Self {
            const INFO: &CFunctionInfo = &CFunctionInfo::new(
                Type::$result_kind.as_info(),
                &[Type::V8Value.as_info(), $(Type::$kind.as_info()),*],
                Int64Representation::Number,
            );
            Self(CFunction::new(f as *const _, INFO))
        }
    )*};
}

impl FastCall {
    signatures! {
        /// `op(value)` -> boolean.
        value_test(V8Value: v8::Local<'_, v8::Value>) -> Bool: bool;
        /// `op(string)` -> boolean.
        string_test(SeqOneByteString: &OneByteStr) -> Bool: bool;
        /// `op(rid, string, string)`.
        header(
            Float64: f64, SeqOneByteString: &OneByteStr, SeqOneByteString: &OneByteStr,
            CallbackOptions: &mut FastCallInfo<'_>
        ) -> Void: ();
        /// `op(rid, number, string, string, string)`.
        response(
            Float64: f64, Uint32: u32, SeqOneByteString: &OneByteStr, SeqOneByteString: &OneByteStr,
            SeqOneByteString: &OneByteStr, CallbackOptions: &mut FastCallInfo<'_>
        ) -> Void: ();
    }

    /// As V8 takes it.
    pub(super) fn overloads(&'static self) -> &'static [CFunction] {
        std::slice::from_ref(&self.0)
    }
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
        throw_internal_error(scope, name);
    }
}

fn throw_internal_error(scope: &v8::PinScope<'_, '_>, name: &'static str) {
    tracing::error!(op = name, "bug: an op panicked");
    if let Some(message) = v8::String::new(scope, "internal error") {
        let error = v8::Exception::error(scope, message);
        scope.throw_exception(error);
    }
}

/// Runs the body of a fast call on the isolate that called it. An error's text becomes a TypeError, a panic what it is
/// in [`guard`].
pub(crate) fn guard_fast(
    info: &mut FastCallInfo<'_>,
    name: &'static str,
    body: impl FnOnce(&mut v8::Isolate) -> Result<(), &'static str>,
) {
    // SAFETY: V8 makes a fast call on the isolate's thread, with the isolate that it runs in.
    let isolate = unsafe { info.isolate_unchecked_mut() };
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| body(isolate)));
    if let Ok(Ok(())) = caught {
        return;
    }
    // SAFETY: this is V8's call, which waits for the end of this function.
    v8::callback_scope!(unsafe scope, &*info);
    match caught {
        Ok(Err(message)) => crate::api::throw_type_error(scope, message),
        _ => throw_internal_error(scope, name),
    }
}

/// Lists ops as `Vec<OpFn>`: `ops![url_parse, respond_text + RESPOND_TEXT]`; each names a function
/// `fn(&mut PinScope, FunctionCallbackArguments, ReturnValue)` in scope, and maybe its [`FastCall`].
macro_rules! ops {
    (@fast) => { None };
    (@fast $fast:ident) => { Some(&$fast) };
    ($($name:ident $(+ $fast:ident)?),* $(,)?) => {{
        use v8::MapFnTo as _;
        vec![$({
            fn guarded<'s>(
                scope: &mut v8::PinScope<'s, '_>,
                args: v8::FunctionCallbackArguments<'s>,
                rv: v8::ReturnValue<'s, v8::Value>,
            ) {
                $crate::engine::guard(scope, stringify!($name), |scope| $name(scope, args, rv));
            }
            $crate::engine::OpFn {
                name: stringify!($name),
                callback: guarded.map_fn_to(),
                fast: $crate::engine::ops!(@fast $($fast)?),
            }
        }),*]
    }};
}
pub(crate) use ops;

/// Every address that the snapshot refers to, in a fixed order, ended by a null.
pub(crate) fn external_references() -> Vec<v8::ExternalReference> {
    let mut references = Vec::new();
    for op in crate::api::ops() {
        references.push(v8::ExternalReference { function: op.callback });
        if let Some(fast) = op.fast {
            references.push(v8::ExternalReference { pointer: std::ptr::from_ref(fast).cast_mut().cast() });
        }
    }
    references.push(super::built_ins::lazy_global_reference());
    references.extend(crate::bootstrap::EAGER.iter().map(|built_in| v8::ExternalReference {
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

/// The longest source for `eval` and `Function`, in UTF-16 units. V8's parser cannot be interrupted, and takes up to 180
/// times as much memory outside of the heap, which nothing else limits.
const EVAL_UNITS_MAX: usize = 1 << 20;

/// V8 asks this for the source of each `eval` and `Function`. What is no string is left as it is, as the standard has it.
pub(crate) fn may_compile<'s>(
    _scope: &mut v8::PinScope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    _is_code_like: bool,
) -> v8::ModifyCodeGenerationFromStringsResult<'s> {
    let text = v8::Local::<v8::String>::try_from(source);
    let codegen_allowed = text.is_ok_and(|text| text.length() <= EVAL_UNITS_MAX) || text.is_err();
    v8::ModifyCodeGenerationFromStringsResult { codegen_allowed, modified_source: None }
}

/// V8 calls this when a script that it began itself threw: a callback of a finalisation registry.
pub(crate) unsafe extern "C" fn message_callback(
    message: v8::Local<'_, v8::Message>,
    exception: v8::Local<'_, v8::Value>,
) {
    // SAFETY: V8 calls the listener on the isolate's thread with a live message, whose scope this is.
    v8::callback_scope!(unsafe scope, message);
    crate::worker::script_failed(scope, exception);
}

/// Gives V8's WebAssembly namespace, which is the property's data, once it is complete. If that fails, the property stays
/// as it is.
pub(crate) fn lazy_web_assembly<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    _name: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let value = args.data();
    guard(scope, "lazy_web_assembly", |scope| {
        if crate::worker::install_web_assembly(scope, value).is_some() {
            rv.set(value);
        }
    });
}
