//! What it costs to decode a body, wherever that happens.

use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};

use super::actor::Actor;

/// The CPU time that one body's decoding takes: some of it in turns of its isolate, which are charged for themselves,
/// some in tasks, which charge what they find here, and some when nobody but the client waits for it any more.
pub(crate) struct Meter {
    uncharged_ns: AtomicU64,
    /// What it may take in all: as much as a request of the app.
    left_ns: AtomicU64,
    actor: Weak<Actor>,
}

impl Meter {
    pub(super) fn new(limit_ns: u64, actor: &Weak<Actor>) -> Self {
        Self { uncharged_ns: AtomicU64::new(0), left_ns: AtomicU64::new(limit_ns), actor: Weak::clone(actor) }
    }

    /// Adds what a step took. `false`: that is more than the body may take.
    pub(crate) fn add(&self, ns: u64) -> bool {
        self.uncharged_ns.fetch_add(ns, Ordering::Relaxed);
        let take = |left: u64| left.checked_sub(ns);
        self.left_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// What nobody was charged with yet.
    pub(crate) fn take(&self) -> u64 {
        self.uncharged_ns.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let uncharged = self.take();
        if uncharged > 0
            && let Some(actor) = self.actor.upgrade()
        {
            actor.count_cpu(uncharged);
        }
    }
}
