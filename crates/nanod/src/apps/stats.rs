//! Figures of one app that the server counts: a few atomics on the path of a request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency histogram, in seconds; one more bucket holds the rest.
const LATENCY_BUCKETS_S: [f64; 12] =
    [0.000_1, 0.000_25, 0.001, 0.002_5, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];

/// Counters of one app.
#[derive(Default)]
pub(crate) struct Stats {
    /// By the status' hundreds: 2xx is at 2.
    by_class: [AtomicU64; 6],
    latency: [AtomicU64; LATENCY_BUCKETS_S.len() + 1],
    latency_us: AtomicU64,
}

impl Stats {
    /// Counts one answer.
    pub(crate) fn count(&self, status: u16, took: Duration) {
        if let Some(class) = self.by_class.get(usize::from(status / 100)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BUCKETS_S.iter().position(|bound| seconds <= *bound);
        if let Some(count) = self.latency.get(bucket.unwrap_or(LATENCY_BUCKETS_S.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Answers so far, as (hundreds, count).
    pub(crate) fn by_class(&self) -> impl Iterator<Item = (usize, u64)> {
        self.by_class
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .enumerate()
            .filter(|(_, count)| *count > 0)
    }

    /// The histogram: (upper bound in seconds, count in the bucket), the sum in seconds.
    pub(crate) fn latency(&self) -> (Vec<(f64, u64)>, f64) {
        let bounds = LATENCY_BUCKETS_S.iter().copied().chain([f64::INFINITY]);
        let counts = self.latency.iter().map(|count| count.load(Ordering::Relaxed));
        #[allow(clippy::cast_precision_loss, reason = "a sum of microseconds, for people")]
        let sum = self.latency_us.load(Ordering::Relaxed) as f64 / 1e6;
        (bounds.zip(counts).collect(), sum)
    }
}
