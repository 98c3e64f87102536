//! Workers of tokio that sit on a bench until they are needed.
//!
//! A built-in that V8 cannot interrupt holds its worker thread, so there are more workers than cores. But tokio wakes
//! idle workers to share work with them, and on a busy machine every such wake-up costs more than a request. So those
//! that are of no use now sit inside a task of theirs, where tokio leaves them alone, and the watchdog lets them go
//! when one is stuck, or when there is work for more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

use parking_lot::Mutex;
use tokio::runtime::Handle;

#[derive(Default)]
pub(super) struct Bench {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtime: Option<Handle>,
    /// Workers that serve when there is much to do.
    threads: usize,
    /// Workers that only stand in for stuck ones.
    spares: usize,
    /// How many should sit now.
    wanted: usize,
    seats: Vec<Arc<Seat>>,
    /// Tasks on their way to a seat.
    coming: usize,
}

struct Seat {
    thread: Thread,
    released: AtomicBool,
}

impl Bench {
    /// Takes all workers of `runtime` but one off the field.
    pub(super) fn open(self: &Arc<Self>, runtime: Handle, threads: usize, spares: usize) {
        let mut state = self.state.lock();
        state.runtime = Some(runtime);
        state.threads = threads;
        state.spares = spares;
        drop(state);
        self.balance(false, 0);
    }

    /// Lets all serve, or one, and another for each that is `stuck`.
    pub(super) fn balance(self: &Arc<Self>, all: bool, stuck: usize) {
        let mut state = self.state.lock();
        let Some(runtime) = state.runtime.clone() else { return };
        let resting = if all { 0 } else { state.threads.saturating_sub(1) };
        state.wanted = (state.spares + resting).saturating_sub(stuck);
        while state.seats.len() > state.wanted {
            if let Some(seat) = state.seats.pop() {
                seat.released.store(true, Ordering::SeqCst);
                seat.thread.unpark();
            }
        }
        while state.seats.len() + state.coming < state.wanted {
            state.coming += 1;
            let bench = Arc::clone(self);
            runtime.spawn(async move {
                // What this worker was about to do next, and no other could take from it, goes first.
                tokio::task::yield_now().await;
                bench.sit();
            });
        }
    }

    /// Sits down on the calling worker, until it is needed.
    fn sit(&self) {
        let seat = {
            let mut state = self.state.lock();
            state.coming -= 1;
            if state.seats.len() >= state.wanted {
                return;
            }
            let seat = Arc::new(Seat { thread: std::thread::current(), released: AtomicBool::new(false) });
            state.seats.push(Arc::clone(&seat));
            seat
        };
        while !seat.released.load(Ordering::SeqCst) {
            std::thread::park();
        }
    }
}
