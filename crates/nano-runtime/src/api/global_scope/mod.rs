//! The global scope: microtasks, and exceptions that nobody caught (HTML, sections 8.1.4 and 8.1.7).

use crate::engine::{OpFn, ops};
use crate::worker::{current_request, describe_exception, state_of};

pub(super) fn ops() -> Vec<OpFn> {
    ops![queue_microtask, report_exception, exception_location]
}

/// `queue_microtask(function)`.
fn queue_microtask(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    match v8::Local::<v8::Function>::try_from(args.get(0)) {
        Ok(function) => scope.enqueue_microtask(function),
        Err(_) => super::throw_type_error(scope, "not a function"),
    }
}

/// `report_exception(error, inPromise)`: into the app's log.
fn report_exception(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let text = describe_exception(scope, args.get(0));
    let what = if args.get(1).boolean_value(scope) { "unhandled rejection" } else { "uncaught exception" };
    let request = current_request(scope);
    let Some(state) = state_of(scope) else { return };
    state.log(tracing::Level::ERROR, request, &format!("{what}: {text}"));
}

/// `exception_location(error)` -> `[message, filename, line, column]`.
fn exception_location(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let message = v8::Exception::create_message(scope, args.get(0));
    let empty = v8::String::empty(scope).into();
    let file = message.get_script_resource_name(scope).filter(|name| name.is_string()).unwrap_or(empty);
    let line = message.get_line_number(scope).unwrap_or(0);
    let elements = [
        message.get(scope).into(),
        file,
        v8::Integer::new(scope, i32::try_from(line).unwrap_or(0)).into(),
        v8::Integer::new(scope, i32::try_from(message.get_start_column()).unwrap_or(-1) + 1).into(),
    ];
    rv.set(v8::Array::new_with_elements(scope, &elements).into());
}
