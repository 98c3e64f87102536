//! All connections of the process: told to drain, or closed when they idle, without a timer or a channel each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;

/// How often idle connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// What a connection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Serve,
    /// Finish what is under way, and what comes now, and say that it is the last.
    Drain,
    /// Take nothing new: a request of which nothing has come yet comes too late.
    Leave,
    Close,
}

/// One connection, as the others see it.
pub(crate) struct Connection {
    id: u64,
    verdict: AtomicU8,
    /// Requests under way, until their response's body is sent.
    busy: AtomicU32,
    /// The sweep since which nothing is under way.
    idle_since: AtomicU32,
    waker: Mutex<Option<Waker>>,
    all: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: Mutex<HashMap<u64, Arc<Connection>>>,
    next: AtomicU64,
    draining: AtomicBool,
    /// Counts sweeps: a clock of seconds that costs nothing to read.
    sweeps: AtomicU32,
}

/// The list of all connections.
#[derive(Default, Clone)]
pub(crate) struct Connections {
    shared: Arc<Shared>,
}

/// A connection's entry in the list, for its lifetime.
pub(super) struct Entry {
    pub(super) connection: Arc<Connection>,
}

/// A request under way on its connection.
pub(crate) struct Busy {
    connection: Arc<Connection>,
}

impl Connections {
    pub(super) fn enter(&self) -> Entry {
        let shared = &self.shared;
        let connection = Arc::new(Connection {
            id: shared.next.fetch_add(1, Ordering::Relaxed),
            verdict: AtomicU8::new(Verdict::Serve as u8),
            busy: AtomicU32::new(0),
            idle_since: AtomicU32::new(shared.sweeps.load(Ordering::Relaxed)),
            waker: Mutex::new(None),
            all: Arc::clone(shared),
        });
        shared.connections.lock().insert(connection.id, Arc::clone(&connection));
        if shared.draining.load(Ordering::SeqCst) {
            connection.tell(Verdict::Drain);
        }
        Entry { connection }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.shared.connections.lock().len()
    }

    /// Tells every connection to finish, those that come later too. A client may be sending a request just now: those
    /// that ask something get to hear that it is the last.
    pub(super) fn drain(&self) {
        self.shared.draining.store(true, Ordering::SeqCst);
        for connection in self.shared.connections.lock().values() {
            connection.tell(Verdict::Drain);
        }
    }

    /// Tells every connection to take nothing new.
    pub(super) fn leave(&self) {
        for connection in self.shared.connections.lock().values() {
            connection.tell(Verdict::Leave);
        }
    }

    /// Closes connections on which nothing is under way.
    pub(super) fn close_idle(&self) {
        for connection in self.shared.connections.lock().values() {
            if connection.busy.load(Ordering::Relaxed) == 0 {
                connection.tell(Verdict::Close);
            }
        }
    }

    /// Connections on which something is under way.
    pub(super) fn count_busy(&self) -> usize {
        let connections = self.shared.connections.lock();
        connections.values().filter(|connection| connection.busy.load(Ordering::Relaxed) > 0).count()
    }

    /// Closes connections on which nothing was asked for `limit`, for ever.
    pub(super) async fn sweep(self, limit: Duration) {
        let limit = u32::try_from(limit.as_secs() / SWEEP.as_secs()).unwrap_or(u32::MAX);
        let mut tick = tokio::time::interval(SWEEP);
        loop {
            tick.tick().await;
            let now = self.shared.sweeps.fetch_add(1, Ordering::Relaxed) + 1;
            for connection in self.shared.connections.lock().values() {
                let idle = now.saturating_sub(connection.idle_since.load(Ordering::Relaxed));
                if connection.busy.load(Ordering::Relaxed) == 0 && idle > limit {
                    connection.tell(Verdict::Close);
                }
            }
        }
    }
}

impl Connection {
    fn tell(&self, verdict: Verdict) {
        self.verdict.fetch_max(verdict as u8, Ordering::SeqCst);
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.verdict.load(Ordering::Relaxed) {
            0 => Verdict::Serve,
            1 => Verdict::Drain,
            2 => Verdict::Leave,
            _ => Verdict::Close,
        }
    }

    /// The task that a verdict wakes. The verdict has to be read again after this.
    pub(super) fn register(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    /// The connection's idle time begins anew.
    pub(super) fn note_idle(&self) {
        self.idle_since.store(self.all.sweeps.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The one request under way begins, on a connection that takes one at a time.
    pub(super) fn begin_only(&self) {
        self.busy.store(1, Ordering::Relaxed);
    }

    /// It has ended.
    pub(super) fn end_only(&self) {
        self.busy.store(0, Ordering::Relaxed);
        self.note_idle();
    }

    /// A request under way begins, on a connection that takes many.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy { connection: Arc::clone(self) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.connection.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.connection.note_idle();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connection.all.connections.lock().remove(&self.connection.id);
    }
}
