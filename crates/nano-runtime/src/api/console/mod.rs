//! The console (Console standard): formatting is JavaScript, this is where its lines leave, and what it needs to look
//! into values without running their code.

use crate::engine::{FastCall, OpFn, ops};
use crate::worker::{current_request, state_of};

pub(super) fn ops() -> Vec<OpFn> {
    ops![console_write, promise_state, proxy_details, is_proxy + IS_PROXY]
}

/// `console_write(level, text)`, level one of debug, info, warn, error.
fn console_write(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Some(level) = super::string_arg(scope, &args, 0) else { return };
    let level = match level.as_str() {
        "debug" => tracing::Level::DEBUG,
        "warn" => tracing::Level::WARN,
        "error" => tracing::Level::ERROR,
        _ => tracing::Level::INFO,
    };
    let Some(text) = super::string_arg(scope, &args, 1) else { return };
    let request = current_request(scope);
    let Some(state) = state_of(scope) else { return };
    state.log(level, request, &text);
}

/// `promise_state(promise)` -> `[0 pending | 1 fulfilled | 2 rejected, value]`.
fn promise_state(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(args.get(0)) else {
        return; // undefined stands for what is no promise
    };
    let (state, value) = match promise.state() {
        v8::PromiseState::Pending => (0, v8::undefined(scope).into()),
        v8::PromiseState::Fulfilled => (1, promise.result(scope)),
        v8::PromiseState::Rejected => (2, promise.result(scope)),
    };
    let elements = [v8::Integer::new(scope, state).into(), value];
    rv.set(v8::Array::new_with_elements(scope, &elements).into());
}

/// `is_proxy(value)` -> boolean.
fn is_proxy(
    _scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    rv.set_bool(args.get(0).is_proxy());
}

static IS_PROXY: FastCall = FastCall::value_test(is_proxy_fast);

extern "C" fn is_proxy_fast(_this: v8::Local<'_, v8::Value>, value: v8::Local<'_, v8::Value>) -> bool {
    value.is_proxy()
}

/// `proxy_details(value)` -> `[target, handler]` of a proxy, else undefined.
fn proxy_details(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Ok(proxy) = v8::Local::<v8::Proxy>::try_from(args.get(0)) {
        let elements = [proxy.get_target(scope), proxy.get_handler(scope)];
        rv.set(v8::Array::new_with_elements(scope, &elements).into());
    }
}
