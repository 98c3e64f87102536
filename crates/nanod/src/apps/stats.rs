//! Figures of one app that the server counts: a few atomics on the path of a request. They outlive a revision, and so
//! do those of its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nano_runtime::{Counters, Fault, Histogram};

/// Upper bounds of the latency histogram, in nanoseconds.
const LATENCY_NS: [u64; 12] = [
    100_000,
    250_000,
    1_000_000,
    2_500_000,
    10_000_000,
    25_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    2_500_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Every [`Fault::code`].
const CODES: [&str; 10] = [
    Fault::Exception.code(),
    Fault::Startup.code(),
    Fault::CpuLimit.code(),
    Fault::MemoryLimit.code(),
    Fault::Timeout.code(),
    Fault::Draining.code(),
    Fault::Overloaded.code(),
    Fault::CrashLoop(Duration::ZERO).code(),
    Fault::BodyTooLarge.code(),
    Fault::BodyBroken.code(),
];

/// Counters of one app.
pub(crate) struct Stats {
    /// What its workers count.
    pub(crate) counters: Arc<Counters>,
    /// From a request's head to its answer's head.
    pub(crate) latency: Histogram<{ LATENCY_NS.len() }>,
    /// By the status' hundreds: 2xx is at 2.
    by_class: [AtomicU64; 6],
    /// As [`CODES`].
    errors: [AtomicU64; CODES.len()],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            counters: Arc::default(),
            latency: Histogram::new(&LATENCY_NS),
            by_class: Default::default(),
            errors: Default::default(),
        }
    }
}

impl Stats {
    /// Counts one answer.
    pub(crate) fn count(&self, status: u16, took: Duration) {
        if let Some(class) = self.by_class.get(usize::from(status / 100)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.latency.observe(took);
    }

    /// Counts an answer that NANO gave in the app's place.
    pub(crate) fn count_error(&self, fault: Fault) {
        let index = CODES.iter().position(|code| *code == fault.code());
        if let Some(count) = index.and_then(|index| self.errors.get(index)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Answers so far, as (hundreds, count), of the classes that there were.
    pub(crate) fn by_class(&self) -> impl Iterator<Item = (usize, u64)> {
        let counts = self.by_class.iter().map(|count| count.load(Ordering::Relaxed));
        counts.enumerate().filter(|(_, count)| *count > 0)
    }

    /// Errors so far, as (code, count), of the codes that there were.
    pub(crate) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.errors.iter().map(|count| count.load(Ordering::Relaxed));
        CODES.into_iter().zip(counts).filter(|(_, count)| *count > 0)
    }
}
