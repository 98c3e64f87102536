//! Performance (HR-Time): time since the isolate started, coarsened.

use std::time::{Duration, SystemTime};

use crate::engine::{OpFn, ops};
use crate::worker::state_of;

pub(super) fn ops() -> Vec<OpFn> {
    ops![performance_now, performance_time_origin]
}

/// In whole steps of the app's clock, which has a configured resolution.
fn coarse_ms(duration: Duration, step: Duration) -> f64 {
    let grain = step.as_micros();
    #[allow(clippy::cast_precision_loss, reason = "microseconds of centuries stay below 2^53")]
    let micros = (duration.as_micros() / grain * grain) as f64;
    micros / 1000.0
}

/// `performance_now()`: milliseconds since the isolate started.
fn performance_now(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let now = state_of(scope).map_or(0.0, |state| coarse_ms(state.started.elapsed(), state.clock_resolution));
    rv.set_double(now);
}

/// `performance_time_origin()`: the isolate's start, in milliseconds since 1970.
fn performance_time_origin(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let origin = state_of(scope).map_or(0.0, |state| {
        let since = state.started_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        coarse_ms(since, state.clock_resolution)
    });
    rv.set_double(origin);
}
