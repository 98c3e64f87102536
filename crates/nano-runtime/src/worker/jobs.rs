//! Native work that would hold a turn's thread for too long: it runs on one of tokio's blocking threads, and its CPU
//! time is charged to the request that asked for it.
//!
//! A place of the app's own comes first and one of the process's second, each first come, first served: an app that
//! asks for a lot waits for itself, and for one piece of work of every other app at most, or as many as isolates that
//! one may have.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::actor::Event;
use super::state::IsolateState;
use crate::engine::{ThreadClock, thread_cpu_ns};

/// How often it is looked at what work costs that is about to go over its limit, at most.
const LOOK: Duration = Duration::from_millis(4);

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
    let limit_ns = state.cpu_left_ns(op);
    let (own, shared) = actor.jobs();
    let counters = Arc::clone(&actor.spec().counters);
    let owner = Weak::clone(&state.actor);
    let task = actor.runtime().spawn(async move {
        let Ok(own) = own.acquire_owned().await else { return };
        let Ok(shared) = shared.acquire_owned().await else { return };
        let meter = Arc::<JobMeter>::default();
        let own_meter = Arc::clone(&meter);
        // Work that has begun cannot be called off: the places stay taken until its end, whoever still waits for it.
        let mut job = tokio::task::spawn_blocking(move || {
            let _places = (own, shared);
            let _held = held;
            let begin = thread_cpu_ns();
            let _ = own_meter.clock.set((ThreadClock::here(), begin));
            let result = work();
            let cpu_ns = thread_cpu_ns().saturating_sub(begin);
            let told = own_meter.told_ns.load(Ordering::Relaxed);
            if told > 0 {
                counters.cpu_ns.fetch_add(cpu_ns.saturating_sub(told), Ordering::Relaxed);
            }
            (result, cpu_ns)
        });
        let (result, cpu_ns) = tokio::select! {
            biased;
            done = &mut job => done.unwrap_or((JobResult::Failed, 0)),
            spent = meter.goes_over(limit_ns) => (JobResult::Failed, spent),
        };
        if let Some(actor) = owner.upgrade() {
            actor.post(Event::Worked { op, result, cpu_ns });
        }
    });
    state.set_abort(op, task.abort_handle());
}

/// What a piece of work costs while it goes on.
#[derive(Default)]
struct JobMeter {
    /// Its thread's clock, and what that said at the begin.
    clock: OnceLock<(ThreadClock, u64)>,
    /// What was told of a piece that went over its limit; the rest is counted when it is through.
    told_ns: AtomicU64,
}

impl JobMeter {
    /// Ends when the work has used more than `limit_ns` of CPU time. Gives what it used.
    async fn goes_over(&self, limit_ns: u64) -> u64 {
        let mut spent = 0;
        loop {
            // It uses no more than one core.
            tokio::time::sleep(Duration::from_nanos(limit_ns.saturating_sub(spent)).max(LOOK)).await;
            spent = self.clock.get().map_or(0, |(clock, begin)| clock.ns().saturating_sub(*begin));
            if spent > limit_ns {
                self.told_ns.store(spent, Ordering::Relaxed);
                return spent;
            }
        }
    }
}
