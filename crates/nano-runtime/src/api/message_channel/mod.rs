//! Channel messaging (HTML, section 9.4): tasks, which carry the messages.

use crate::engine::{OpFn, ops};
use crate::worker::{Event, IsolateState, OpResult, current_request, state_of};

pub(super) fn ops() -> Vec<OpFn> {
    ops![message_owner, message_is_due, next_task]
}

/// `message_owner()` -> the number of the current request.
fn message_owner(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    #[allow(clippy::cast_precision_loss, reason = "ids stay below 2^53")]
    rv.set_double(current_request(scope) as f64);
}

/// `message_is_due(rid)` -> whether what this request posted is still to be delivered.
fn message_is_due(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let request = super::id_arg(&args, 0);
    rv.set_bool(state_of(scope).is_some_and(|state| state.is_open(request)));
}

/// `next_task(rid)` -> a promise that is fulfilled by a task of its own, which this request is charged for, and which
/// ends with it; undefined when the request has ended. Tasks run in the order in which they were asked for.
fn next_task(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let request = super::id_arg(&args, 0);
    if !state_of(scope).is_some_and(|state| state.is_open(request)) {
        return;
    }
    let Some(op) = IsolateState::begin_op_of(scope, &mut rv, request) else { return };
    // The turn that runs now goes on with it, or leaves it to the next one.
    if let Some(actor) = state_of(scope).and_then(|state| state.actor.upgrade()) {
        actor.post(Event::Completed { op, result: OpResult::Undefined });
    }
}
