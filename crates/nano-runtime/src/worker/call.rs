//! From the engine into the built-ins: the hooks that `main.js` exports, and how their exceptions are told.

use std::sync::Arc;

use super::exchange::{Failure, Fault, Unserved};
use super::jobs::JobResult;
use super::state::{Collected, Hooks, IsolateState, OpId, OpResult, RequestId};
use super::{Actor, state_of};
use crate::engine::{self, Isolate};
use crate::net::Failed;

/// Reads the hooks out of the snapshot's context, and sees to what the snapshot cannot hold.
pub(super) fn take_hooks(scope: &mut v8::PinScope<'_, '_>) -> Option<Hooks> {
    let object = Isolate::take_hooks(scope)?;
    put_off_web_assembly(scope)?;
    let get = |name: &str| {
        let key = v8::String::new(scope, name)?;
        let function = v8::Local::<v8::Function>::try_from(object.get(scope, key.into())?).ok()?;
        Some(v8::Global::new(scope, function))
    };
    Some(Hooks {
        start: get("start")?,
        dispatch: get("dispatch")?,
        fire_timer: get("fireTimer")?,
        promise_rejected: get("promiseRejected")?,
        drain_rejections: get("drainRejections")?,
        abort_request: get("abortRequest")?,
        forget_timer: get("forgetTimer")?,
        report_exception: get("reportException")?,
        lazy_global: get("lazyGlobal")?,
        install_web_assembly: get("installWebAssembly")?,
    })
}

/// V8 makes the namespace with each context; the built-ins' part is put there when an app asks for it, as few do.
fn put_off_web_assembly(scope: &mut v8::PinScope<'_, '_>) -> Option<()> {
    let global = scope.get_current_context().global(scope);
    let name = v8::String::new(scope, "WebAssembly")?;
    let namespace = global.get(scope, name.into())?;
    global.delete(scope, name.into())?;
    global.set_lazy_data_property_with_data(
        scope,
        name.into(),
        engine::lazy_web_assembly,
        namespace,
        v8::PropertyAttribute::DONT_ENUM,
        v8::SideEffectType::HasSideEffect,
        v8::SideEffectType::HasSideEffect,
    )?;
    Some(())
}

/// An isolate has loaded a lazy built-in.
pub(crate) fn built_in_loaded(scope: &mut v8::PinScope<'_, '_>, name: &str) {
    let app = state_of(scope).map(|state| &*state.app);
    tracing::trace!(user = app, built_in = name, "loaded a built-in");
}

/// The value of a lazy global. `None`: this threw.
pub(crate) fn lazy_global<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
) -> Option<v8::Local<'s, v8::Value>> {
    let function = hook(scope, |hooks| &hooks.lazy_global)?;
    let undefined = v8::undefined(scope).into();
    function.call(scope, undefined, &[name.into()])
}

/// Completes the namespace, once. `None`: this threw, and nobody may get it as it is.
pub(crate) fn install_web_assembly<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    namespace: v8::Local<'s, v8::Value>,
) -> Option<()> {
    let function = hook(scope, |hooks| &hooks.install_web_assembly)?;
    let undefined = v8::undefined(scope).into();
    function.call(scope, undefined, &[namespace]).map(drop)
}

fn hook<'s>(
    scope: &v8::PinScope<'s, '_>,
    pick: impl FnOnce(&Hooks) -> &v8::Global<v8::Function>,
) -> Option<v8::Local<'s, v8::Function>> {
    let hooks = Isolate::state::<IsolateState>(scope)?.hooks.as_ref()?;
    Some(v8::Local::new(scope, pick(hooks)))
}

/// Calls a hook that is not supposed to throw: it handles the app's exceptions itself.
/// Tells whether it returned `true`.
fn call(
    scope: &mut v8::PinScope<'_, '_>,
    function: v8::Local<'_, v8::Function>,
    args: &[v8::Local<'_, v8::Value>],
) -> bool {
    v8::tc_scope!(let scope, scope);
    let undefined = v8::undefined(scope).into();
    let result = function.call(scope, undefined, args);
    if result.is_none() && scope.has_caught() && !scope.has_terminated() {
        let text = scope.exception().map_or_else(String::new, |e| describe_exception(scope, e));
        let app = state_of(scope).map(|state| Arc::clone(&state.app));
        tracing::error!(app = app.as_deref(), "bug: a built-in threw: {text}");
    }
    result.is_some_and(|value| value.is_true())
}

fn number<'s>(scope: &v8::PinScope<'s, '_>, id: u64) -> v8::Local<'s, v8::Value> {
    // V8 makes small integers without allocating.
    if let Ok(id) = i32::try_from(id) {
        return v8::Integer::new(scope, id).into();
    }
    #[allow(clippy::cast_precision_loss, reason = "ids stay below 2^53")]
    v8::Number::new(scope, id as f64).into()
}

/// Loads the app's entry module and hands it over.
pub(super) fn start(scope: &mut v8::PinScope<'_, '_>, main: &str) -> Result<(), String> {
    v8::tc_scope!(let scope, scope);
    let Some((module, promise)) = engine::load_main(scope, main) else {
        let Some(exception) = scope.exception() else { return Err("the app was stopped".to_owned()) };
        return Err(describe_caught(scope, exception));
    };
    let namespace = module.get_module_namespace();
    hand_over(scope, namespace, promise)
}

/// Calls `start(namespace, promise, env)`: what the app exports, and the promise of its evaluation.
pub(super) fn hand_over<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    namespace: v8::Local<'s, v8::Value>,
    promise: v8::Local<'s, v8::Value>,
) -> Result<(), String> {
    v8::tc_scope!(let scope, scope);
    let Some(function) = hook(scope, |hooks| &hooks.start) else {
        return Err("bug: no start hook".to_owned());
    };
    let env = env_object(scope).ok_or("bug: env could not be made")?;
    let undefined = v8::undefined(scope).into();
    match function.call(scope, undefined, &[namespace, promise, env.into()]) {
        Some(_) => Ok(()),
        None => Err(scope.exception().map_or_else(String::new, |e| describe_caught(scope, e))),
    }
}

/// The app's environment as an object of strings; the built-in freezes it.
fn env_object<'s>(scope: &mut v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
    let env = Arc::clone(&state_of(scope)?.env);
    let object = v8::Object::new(scope);
    for (key, value) in env.iter() {
        let key = v8::String::new(scope, key)?;
        let value = v8::String::new(scope, value)?;
        object.create_data_property(scope, key.into(), value.into())?;
    }
    Some(object)
}

/// From here on, the script works for `request`. V8 keeps this with each promise chain.
pub(super) fn set_request(scope: &mut v8::PinScope<'_, '_>, request: RequestId) {
    let id = number(scope, request);
    scope.set_continuation_preserved_embedder_data(id);
}

pub(super) fn dispatch(scope: &mut v8::PinScope<'_, '_>, id: RequestId, has_body: bool) {
    let Some(function) = hook(scope, |hooks| &hooks.dispatch) else { return };
    let args = [number(scope, id), v8::Boolean::new(scope, has_body).into()];
    call(scope, function, &args);
}

pub(super) fn fire_timer(scope: &mut v8::PinScope<'_, '_>, id: u32) {
    let Some(function) = hook(scope, |hooks| &hooks.fire_timer) else { return };
    let args = [v8::Integer::new_from_unsigned(scope, id).into()];
    call(scope, function, &args);
}

/// Reports rejections that nobody handled. `true`: events were fired, whose microtasks have to run.
pub(super) fn drain_rejections(scope: &mut v8::PinScope<'_, '_>) -> bool {
    let Some(function) = hook(scope, |hooks| &hooks.drain_rejections) else { return false };
    call(scope, function, &[])
}

/// Lets go of the callbacks of timers that ended with their request.
pub(super) fn forget_timers(scope: &mut v8::PinScope<'_, '_>, ids: Vec<u32>) {
    let Some(function) = hook(scope, |hooks| &hooks.forget_timer) else { return };
    for id in ids {
        let args = [v8::Integer::new_from_unsigned(scope, id).into()];
        call(scope, function, &args);
    }
}

/// The client is gone: the request's signal is aborted, its stream cancelled, and what it left is closed.
pub(super) fn abort(scope: &mut v8::PinScope<'_, '_>, id: RequestId) {
    let Some(request) = state_of(scope).and_then(|state| state.requests.get_mut(&id)) else { return };
    request.replied = true;
    request.gone = true;
    let waiting = request.waiting_write.take();
    if let Some(op) = waiting {
        settle(scope, op, OpResult::Bool(false));
    }
    let Some(function) = hook(scope, |hooks| &hooks.abort_request) else { return };
    let args = [number(scope, id)];
    call(scope, function, &args);
}

/// A response stream has room: the write that waited goes on.
pub(super) fn room(scope: &mut v8::PinScope<'_, '_>, id: RequestId) {
    let request = state_of(scope).and_then(|state| state.requests.get_mut(&id));
    if let Some(op) = request.and_then(|request| request.waiting_write.take()) {
        settle(scope, op, OpResult::Bool(true));
    }
}

/// Settles an operation's promise.
pub(super) fn settle(scope: &mut v8::PinScope<'_, '_>, op: OpId, result: OpResult) {
    let Some((resolver, request)) = state_of(scope).and_then(|state| state.end_op(op)) else { return };
    let resolver = v8::Local::new(scope, resolver);
    settle_promise(scope, resolver, request, result);
}

/// Returns the promise of what is there already: no operation is begun for it.
pub(crate) fn return_settled(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    request: RequestId,
    result: OpResult,
) {
    let Some(resolver) = v8::PromiseResolver::new(scope) else { return };
    rv.set(resolver.get_promise(scope).into());
    settle_promise(scope, resolver, request, result);
}

fn settle_promise<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    resolver: v8::Local<'s, v8::PromiseResolver>,
    request: RequestId,
    result: OpResult,
) {
    let value: v8::Local<'_, v8::Value> = match result {
        OpResult::Undefined => v8::undefined(scope).into(),
        OpResult::Bool(value) => v8::Boolean::new(scope, value).into(),
        OpResult::Held(bytes) => match held(scope, bytes.map(Collected::take)) {
            Some(object) => object.into(),
            None => return reject(scope, resolver, "out of memory for the body", v8::Exception::range_error),
        },
        OpResult::Text(bytes) => match crate::api::utf8_decode(scope, &bytes.take()) {
            Some(text) => text.into(),
            None => return reject(scope, resolver, "Invalid string length", v8::Exception::range_error),
        },
        OpResult::Fetched(id, mut fetched) => {
            let has_body = fetched.body.is_some();
            if !state_of(scope).is_some_and(|state| state.keep_body(id, &mut fetched)) {
                return reject(scope, resolver, "the fetch was aborted", v8::Exception::type_error);
            }
            let parts = crate::api::response_parts(scope, &fetched, has_body);
            match parts.and_then(|parts| bare_object(scope, "parts", parts)) {
                Some(object) => object.into(),
                None => return reject(scope, resolver, "Invalid string length", v8::Exception::range_error),
            }
        }
        OpResult::Job(result) => match job_result(scope, result) {
            Some(object) => object.into(),
            None => {
                return reject(scope, resolver, "Array buffer allocation failed", v8::Exception::range_error);
            }
        },
        OpResult::FetchFailed(Failed { message, detail }) => {
            let message = format!("fetch failed: {message}");
            if let (Some(state), Some(detail)) = (state_of(scope), detail) {
                state.log(tracing::Level::WARN, request, &format!("{message} ({detail})"));
            }
            return reject(scope, resolver, &message, v8::Exception::type_error);
        }
        OpResult::TypeError(message) => return reject(scope, resolver, &message, v8::Exception::type_error),
        OpResult::RangeError(message) => {
            return reject(scope, resolver, &message, v8::Exception::range_error);
        }
    };
    resolver.resolve(scope, value);
}

/// `{ __proto__: null, bytes }`. `None`: over the memory limit.
fn held<'s>(scope: &mut v8::PinScope<'s, '_>, bytes: Option<Vec<u8>>) -> Option<v8::Local<'s, v8::Object>> {
    let value: v8::Local<'_, v8::Value> = match bytes {
        Some(bytes) => crate::api::uint8_array(scope, bytes)?.into(),
        None => v8::undefined(scope).into(),
    };
    bare_object(scope, "bytes", value)
}

/// `{ __proto__: null, value }`, with undefined for a failure. `None`: over the memory limit.
fn job_result<'s>(scope: &mut v8::PinScope<'s, '_>, result: JobResult) -> Option<v8::Local<'s, v8::Object>> {
    let value: v8::Local<'_, v8::Value> = match result {
        JobResult::Failed => v8::undefined(scope).into(),
        JobResult::Bool(value) => v8::Boolean::new(scope, value).into(),
        JobResult::Bytes(bytes) => crate::api::array_buffer(scope, bytes)?.into(),
    };
    bare_object(scope, "value", value)
}

/// An object of one property and without a prototype: no `then` of the app's is found on it.
fn bare_object<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    name: &str,
    value: v8::Local<'s, v8::Value>,
) -> Option<v8::Local<'s, v8::Object>> {
    let name = v8::String::new(scope, name)?;
    let null = v8::null(scope).into();
    Some(v8::Object::with_prototype_and_properties(scope, null, &[name.into()], &[value]))
}

fn reject<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    resolver: v8::Local<'s, v8::PromiseResolver>,
    message: &str,
    make: for<'a> fn(&v8::PinScope<'a, '_>, v8::Local<'a, v8::String>) -> v8::Local<'a, v8::Value>,
) {
    if let Some(message) = v8::String::new(scope, message) {
        let error = make(scope, message);
        resolver.reject(scope, error);
    }
}

/// V8 tells of a promise rejected without a handler (0), or handled late (1).
pub(crate) fn promise_rejected<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    kind: i32,
    promise: v8::Local<'s, v8::Promise>,
    reason: v8::Local<'s, v8::Value>,
) {
    let Some(function) = hook(scope, |hooks| &hooks.promise_rejected) else { return };
    if let Some(state) = state_of(scope) {
        state.rejections = true;
    }
    let args = [v8::Integer::new(scope, kind).into(), promise.into(), reason];
    call(scope, function, &args);
}

/// A script that V8 began itself threw.
pub(crate) fn script_failed<'s>(scope: &mut v8::PinScope<'s, '_>, exception: v8::Local<'s, v8::Value>) {
    let Some(function) = hook(scope, |hooks| &hooks.report_exception) else { return };
    call(scope, function, &[exception]);
}

/// The request's handler failed with `exception`: the log gets the stack, the client the contract's answer.
pub(crate) fn request_failed<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    id: RequestId,
    exception: v8::Local<'s, v8::Value>,
) {
    let detail = describe_exception(scope, exception);
    let Some(state) = state_of(scope) else { return };
    if state.actor.upgrade().is_some_and(|actor| actor.is_terminated()) {
        return; // Its `stack` was a getter that ran into a limit: the answer is the limit's.
    }
    let Some(request) = state.requests.get_mut(&id) else { return };
    if request.replied {
        return;
    }
    request.replied = true;
    let fault = request.body_fault.unwrap_or(Fault::Exception);
    // What clients do wrong must not look like the app's errors.
    let level = if request.body_fault.is_some() { tracing::Level::INFO } else { tracing::Level::ERROR };
    state.log(level, id, &format!("uncaught exception: {detail}"));
    state.note_settled(id);
    state.pay(id, Err(Unserved::Failed(Failure { fault, detail: Some(detail) })), None);
}

/// The app's top level came to its end.
pub(crate) fn app_started(
    scope: &mut v8::PinScope<'_, '_>,
    actor: &Actor,
    error: Option<v8::Local<'_, v8::Value>>,
) {
    match error {
        None => actor.started(),
        Some(error) => {
            let message = describe_exception(scope, error);
            actor.start_failed(message);
        }
    }
}

/// An exception as text: its stack where it has one. Runs no code of the app, except a getter named `stack`.
pub(crate) fn describe_exception(
    scope: &mut v8::PinScope<'_, '_>,
    exception: v8::Local<'_, v8::Value>,
) -> String {
    v8::tc_scope!(let scope, scope);
    if let Ok(object) = v8::Local::<v8::Object>::try_from(exception) {
        let stack = v8::String::new(scope, "stack").and_then(|key| object.get(scope, key.into()));
        if let Some(stack) = stack.filter(|stack| stack.is_string()) {
            return stack.to_rust_string_lossy(scope);
        }
    }
    let message = v8::Exception::create_message(scope, exception);
    message.get(scope).to_rust_string_lossy(scope)
}

/// As [`describe_exception`], with the place of a syntax error, which its stack does not name.
fn describe_caught(scope: &mut v8::PinScope<'_, '_>, exception: v8::Local<'_, v8::Value>) -> String {
    let text = describe_exception(scope, exception);
    let message = v8::Exception::create_message(scope, exception);
    let place = message.get_script_resource_name(scope).map(|name| name.to_rust_string_lossy(scope));
    match (place.filter(|place| !place.is_empty() && place != "undefined"), message.get_line_number(scope)) {
        (Some(place), Some(line)) if !text.contains("\n    at ") => {
            format!("{text}\n    at {place}:{line}:{}", message.get_start_column() + 1)
        }
        _ => text,
    }
}
