//! The monotonic clock as one number, which costs less to read and to reckon with than an `Instant`.

use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A point in time, as `Instant`: nanoseconds on the same clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// Later than any.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// This one.
    #[must_use]
    pub fn now() -> Self {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a place to write to, and every Linux has this clock.
        let _ = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
        Self(timespec_ns(&time))
    }

    /// What has passed since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Self::now() - self
    }

    pub(crate) const fn from_ns(ns: u64) -> Self {
        Self(ns)
    }

    pub(crate) const fn ns(self) -> u64 {
        self.0
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

/// What lies between; nothing when the other is the later one.
impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// For tokio's timers.
impl From<Moment> for Instant {
    fn from(moment: Moment) -> Self {
        static BASE: OnceLock<(Instant, Moment)> = OnceLock::new();
        let (instant, base) = *BASE.get_or_init(|| (Self::now(), Moment::now()));
        if moment >= base {
            instant + (moment - base)
        } else {
            instant.checked_sub(base - moment).unwrap_or(instant)
        }
    }
}

/// CPU time that the calling thread has used so far.
pub(crate) fn thread_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place to write to, and every thread has this clock.
    let _ = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    timespec_ns(&time)
}

/// The clock of a thread's CPU time, for other threads to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadClock(libc::clockid_t);

impl ThreadClock {
    /// Of the calling thread.
    pub(crate) fn here() -> Self {
        let mut clock = libc::CLOCK_MONOTONIC;
        // SAFETY: pthread_self has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        // SAFETY: `thread` is the living calling thread, and `clock` a place to write to. On an error the clock stays
        // the monotonic one, which counts more time, never less.
        let _ = unsafe { libc::pthread_getcpuclockid(thread, &raw mut clock) };
        Self(clock)
    }

    /// Zero once the thread has ended.
    pub(crate) fn ns(self) -> u64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a place to write to; a clock whose thread has ended is refused with an error, and zero
        // is read.
        let _ = unsafe { libc::clock_gettime(self.0, &raw mut time) };
        timespec_ns(&time)
    }
}

/// A duration in nanoseconds.
pub(crate) const fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

fn timespec_ns(time: &libc::timespec) -> u64 {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_instant() {
        let before = Instant::now();
        let moment = Moment::now();
        let after = Instant::now();
        // The two clocks are read one after the other when they are first compared.
        let slack = Duration::from_millis(100);
        let instant = Instant::from(moment);
        assert!(before - slack <= instant && instant <= after + slack, "{before:?} {instant:?} {after:?}");
        let second = Duration::from_secs(1);
        assert_eq!(Instant::from(moment + second) - instant, second);
        assert_eq!(moment + second - moment, second);
        assert_eq!(moment - (moment + second), Duration::ZERO);
    }
}
