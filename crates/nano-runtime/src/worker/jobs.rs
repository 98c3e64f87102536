//! Native work that would hold a turn's thread for too long: it runs on one of tokio's blocking threads, and its CPU
//! time is charged to the request that asked for it.
//!
//! A place of the isolate's own comes first and one of the process's second, each first come, first served: an app that
//! asks for a lot waits for itself, and for one piece of work of every other app at most.

use std::sync::{Arc, Weak};

use super::actor::Event;
use super::state::IsolateState;
use crate::engine::thread_cpu_ns;

/// Pieces of such work that one isolate may have running.
pub(super) const JOBS_PER_ISOLATE: usize = 1;

/// What came of the work.
pub(crate) enum JobResult {
    Failed,
    Bool(bool),
    Bytes(Vec<u8>),
}

/// Begins `work`, which holds `bytes`, and returns a promise for `{ __proto__: null, value }` with its result.
pub(crate) fn begin_job(
    scope: &mut v8::PinScope<'_, '_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    bytes: usize,
    work: impl FnOnce() -> JobResult + Send + 'static,
) {
    let Some(state) = super::state_of(scope) else { return };
    // What the work holds is counted until it has ended.
    let Some(held) = state.memory.hold(bytes) else {
        return crate::api::throw_range_error(scope, "Array buffer allocation failed");
    };
    let Some(op) = IsolateState::begin_op(scope, rv) else { return };
    let Some(state) = super::state_of(scope) else { return };
    let Some(actor) = state.actor.upgrade() else { return };
    let (own, shared) = (Arc::clone(&state.jobs), actor.jobs());
    let owner = Weak::clone(&state.actor);
    let task = actor.runtime().spawn(async move {
        let Ok(own) = own.acquire_owned().await else { return };
        let Ok(shared) = shared.acquire_owned().await else { return };
        // Work that has begun cannot be called off: the places stay taken until its end, whoever still waits for it.
        let job = tokio::task::spawn_blocking(move || {
            let _places = (own, shared);
            let _held = held;
            let begin = thread_cpu_ns();
            let result = work();
            (result, thread_cpu_ns().saturating_sub(begin))
        });
        let (result, cpu_ns) = job.await.unwrap_or((JobResult::Failed, 0));
        if let Some(actor) = owner.upgrade() {
            actor.post(Event::Worked { op, result, cpu_ns });
        }
    });
    state.set_abort(op, task.abort_handle());
}
