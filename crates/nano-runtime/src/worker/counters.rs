//! Figures of one app. They only grow, and outlive its workers: a new revision of the app counts on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Fault;
use crate::engine::nanos;

/// Upper bounds of the waits of requests, in nanoseconds.
const QUEUE_WAIT_NS: [u64; 7] =
    [1_000_000, 5_000_000, 25_000_000, 100_000_000, 500_000_000, 2_500_000_000, 10_000_000_000];
/// Upper bounds of the time that an isolate takes to start.
const COLD_START_NS: [u64; 7] =
    [2_500_000, 5_000_000, 10_000_000, 25_000_000, 100_000_000, 500_000_000, 2_500_000_000];

/// How often something took how long: a counter for each range of times, and their sum.
pub struct Histogram<const N: usize> {
    /// The upper bound of each range, in nanoseconds; what is over the last one has a counter, too.
    bounds_ns: &'static [u64; N],
    counts: [AtomicU64; N],
    over: AtomicU64,
    sum_us: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    /// Without any observation yet. The bounds rise.
    #[must_use]
    pub fn new(bounds_ns: &'static [u64; N]) -> Self {
        let counts = std::array::from_fn(|_| AtomicU64::new(0));
        Self { bounds_ns, counts, over: AtomicU64::new(0), sum_us: AtomicU64::new(0) }
    }

    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let ns = nanos(took);
        let range = self.bounds_ns.iter().position(|bound| ns <= *bound);
        let count = range.and_then(|index| self.counts.get(index)).unwrap_or(&self.over);
        count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(ns / 1000, Ordering::Relaxed);
    }

    /// (upper bound in seconds, observations in the range), the last one without bound.
    #[allow(clippy::cast_precision_loss, reason = "bounds are round numbers")]
    pub fn ranges(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds_ns.iter().map(|ns| *ns as f64 / 1e9).chain([f64::INFINITY]);
        bounds.zip(self.counts.iter().chain([&self.over]).map(|count| count.load(Ordering::Relaxed)))
    }

    /// All of it together, in seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a sum of microseconds, for people")]
    pub fn sum_s(&self) -> f64 {
        self.sum_us.load(Ordering::Relaxed) as f64 / 1e6
    }
}

/// What an app's workers count, its revisions together ([`super::AppSpec::counters`]).
pub struct Counters {
    pub(crate) cold_starts: AtomicU64,
    pub(crate) evictions: AtomicU64,
    pub(crate) cpu_ns: AtomicU64,
    pub(crate) ended_cpu: AtomicU64,
    pub(crate) ended_memory: AtomicU64,
    pub(crate) ended_timeout: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// Shared with the app's client.
    pub(crate) subrequests: Arc<AtomicU64>,
    pub(crate) log_lines_dropped: AtomicU64,
    /// From a request's head to its handler's begin, of requests that waited in between.
    pub queue_wait: Histogram<{ QUEUE_WAIT_NS.len() }>,
    /// From the making of an isolate to the end of its app's top level.
    pub cold_start: Histogram<{ COLD_START_NS.len() }>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            cold_starts: AtomicU64::default(),
            evictions: AtomicU64::default(),
            cpu_ns: AtomicU64::default(),
            ended_cpu: AtomicU64::default(),
            ended_memory: AtomicU64::default(),
            ended_timeout: AtomicU64::default(),
            lost: AtomicU64::default(),
            subrequests: Arc::default(),
            log_lines_dropped: AtomicU64::default(),
            queue_wait: Histogram::new(&QUEUE_WAIT_NS),
            cold_start: Histogram::new(&COLD_START_NS),
        }
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counters")
    }
}

impl Counters {
    pub(super) fn count_termination(&self, fault: Fault) {
        let counter = match fault {
            Fault::CpuLimit => &self.ended_cpu,
            Fault::Timeout => &self.ended_timeout,
            _ => &self.ended_memory,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Histogram;

    #[test]
    fn a_time_is_in_the_first_range_that_holds_it() {
        let histogram = Histogram::new(&[1_000, 1_000_000]);
        for ns in [0, 1_000, 1_001, 1_000_000, 1_000_001, 3_000_000_000] {
            histogram.observe(Duration::from_nanos(ns));
        }
        let ranges: Vec<_> = histogram.ranges().collect();
        assert_eq!(ranges, [(1e-6, 2), (1e-3, 2), (f64::INFINITY, 2)]);
        assert!((histogram.sum_s() - 3.002_002).abs() < 1e-9, "{}", histogram.sum_s());
    }
}
