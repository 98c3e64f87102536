//! Timers (HTML, section 8.6).

use std::time::Duration;

use crate::engine::{OpFn, ops};
use crate::worker::{current_request, state_of};

/// The longest delay: some hundred years, which no clock overflows on.
const DELAY_MS_MAX: u64 = 1 << 43;

pub(super) fn ops() -> Vec<OpFn> {
    ops![timer_start, timer_cancel]
}

/// `timer_start(id, delayMs)`: `fireTimer(id)` is called once, when it is due.
fn timer_start(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::u32_arg(&args, 0);
    let delay = Duration::from_millis(super::id_arg(&args, 1).min(DELAY_MS_MAX));
    let request = current_request(scope);
    let Some(state) = state_of(scope) else { return };
    if !state.start_timer(id, delay, request) {
        super::throw_range_error(scope, "too many timers in this app");
    }
}

/// `timer_cancel(id)`.
fn timer_cancel(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(state) = state_of(scope) {
        state.cancel_timer(super::u32_arg(&args, 0));
    }
}
