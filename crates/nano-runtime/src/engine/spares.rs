//! Spare workers of tokio that sit on a bench until they are needed.
//!
//! A built-in that V8 cannot interrupt holds its worker thread, so there are more workers than cores. But tokio wakes
//! idle workers to share work with them, and on a busy machine every such wake-up costs more than a request. So the
//! spare ones sit inside a task of theirs, where tokio leaves them alone, and the watchdog lets one go for each
//! worker that is stuck.

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
    /// How many sit when nothing is stuck.
    spares: usize,
    seats: Vec<Arc<Seat>>,
    /// Tasks on their way to a seat.
    coming: usize,
}

struct Seat {
    thread: Thread,
    released: AtomicBool,
}

impl Bench {
    /// Takes `spares` workers of `runtime` off the field.
    pub(super) fn open(self: &Arc<Self>, runtime: Handle, spares: usize) {
        let mut state = self.state.lock();
        state.runtime = Some(runtime);
        state.spares = spares;
        drop(state);
        self.balance(0);
    }

    /// Lets one sit for every spare that does not stand in for a stuck worker.
    pub(super) fn balance(self: &Arc<Self>, stuck: usize) {
        let mut state = self.state.lock();
        let wanted = state.spares.saturating_sub(stuck);
        while state.seats.len() > wanted {
            if let Some(seat) = state.seats.pop() {
                seat.released.store(true, Ordering::SeqCst);
                seat.thread.unpark();
            }
        }
        while state.seats.len() + state.coming < wanted {
            let Some(runtime) = state.runtime.clone() else { return };
            state.coming += 1;
            let bench = Arc::clone(self);
            runtime.spawn(async move { bench.sit() });
        }
    }

    /// Sits down on the calling worker, until it is needed.
    fn sit(&self) {
        let seat = {
            let mut state = self.state.lock();
            state.coming -= 1;
            if state.seats.len() >= state.spares {
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
