//! How many worker threads are of use now: one, or all.
//!
//! A second thread that shares short work wakes, steals and moves isolates between threads, which costs more than the
//! work (a hello request took 10 us of CPU instead of 8). So all but one sit out while turns are short and one
//! thread keeps up, or while no core would be free for another.

use std::time::{Duration, Instant};

/// A turn at which others should not have to wait for it.
pub(super) const LONG_TURN: Duration = Duration::from_millis(1);
/// Turns that may be long, or were only kept from a core, in a window before they count as one that is.
const MAYBE_LONG_TURNS: u32 = 5;
/// How long all workers stay after one was seen.
const LONG_TURN_HOLD: Duration = Duration::from_secs(1);
/// How often the load is looked at.
const WINDOW: Duration = Duration::from_millis(100);
/// Cores' worth of CPU time at which one worker does not keep up.
const SATURATED_CORES: f64 = 0.85;
/// What has to be free for another.
const FREE_CORES: f64 = 0.3;
/// Below this, one worker keeps up again.
const RELAXED_CORES: f64 = 0.7;
/// Windows in a row before a change of mind: it is quicker to add workers than to send them away.
const WINDOWS_TO_ADD: u32 = 2;
const WINDOWS_TO_SEND_AWAY: u32 = 10;

/// How long a turn under way takes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TurnLength {
    #[default]
    Short,
    /// By the wall clock: on a busy machine the thread may not have been running.
    MaybeLong,
    /// By its CPU time.
    Long,
}

pub(super) struct Pressure {
    long_turn_until: Instant,
    maybe_long_turns: u32,
    saturated: bool,
    windows: u32,
    window: Window,
}

/// The state of the counters when a window began.
struct Window {
    began: Instant,
    cpu: Duration,
    idle: Option<Duration>,
}

impl Pressure {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            long_turn_until: now,
            maybe_long_turns: 0,
            saturated: false,
            windows: 0,
            window: Window::begin(now),
        }
    }

    /// Called every tick while there is work. Tells whether all workers are wanted.
    pub(super) fn wants_all(&mut self, longest: TurnLength) -> bool {
        self.wants_all_at(Instant::now(), longest)
    }

    fn wants_all_at(&mut self, now: Instant, longest: TurnLength) -> bool {
        self.maybe_long_turns += u32::from(longest == TurnLength::MaybeLong);
        if longest == TurnLength::Long || self.maybe_long_turns >= MAYBE_LONG_TURNS {
            self.maybe_long_turns = 0;
            self.long_turn_until = now + LONG_TURN_HOLD;
        }
        let elapsed = now.saturating_duration_since(self.window.began);
        if elapsed >= WINDOW {
            self.maybe_long_turns = 0;
            let before = std::mem::replace(&mut self.window, Window::begin(now));
            // After a longer time without work the figures tell of that.
            if elapsed < WINDOW * 2 {
                let cores = |spent: Duration| spent.as_secs_f64() / elapsed.as_secs_f64();
                let busy = cores(self.window.cpu.saturating_sub(before.cpu));
                let free =
                    self.window.idle.zip(before.idle).map(|(now, then)| cores(now.saturating_sub(then)));
                self.judge(busy, free.unwrap_or(f64::MAX));
            }
        }
        self.saturated || now < self.long_turn_until
    }

    fn judge(&mut self, busy_cores: f64, free_cores: f64) {
        let (change, patience) = if self.saturated {
            (busy_cores < RELAXED_CORES, WINDOWS_TO_SEND_AWAY)
        } else {
            (busy_cores > SATURATED_CORES && free_cores > FREE_CORES, WINDOWS_TO_ADD)
        };
        self.windows = if change { self.windows + 1 } else { 0 };
        if self.windows >= patience {
            self.windows = 0;
            self.saturated = !self.saturated;
        }
    }
}

impl Window {
    fn begin(now: Instant) -> Self {
        Self { began: now, cpu: process_cpu(), idle: system_idle() }
    }
}

fn process_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a place to write to.
    let _ = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The idle time of all cores since the system started; `None` where the system does not tell.
fn system_idle() -> Option<Duration> {
    idle_of(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// Columns four and five of the first line are idle and waiting for I/O (proc(5)), in hundredths of a second, as on
/// every Linux of the architectures that V8 runs on.
fn idle_of(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let mut columns = line.split_ascii_whitespace().skip(3);
    let idle: u64 = columns.next()?.parse().ok()?;
    let waiting: u64 = columns.next()?.parse().ok()?;
    Some(Duration::from_millis((idle + waiting) * 10))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONG_TURN_HOLD, Pressure, TurnLength, idle_of};

    #[test]
    fn idle_time_is_read_from_the_first_line() {
        let stat =
            "cpu  536194 0 109912 2640937 5444 0 24449 535 0 0\ncpu0 261077 0 52301 1330902 1692 0 1 2 0 0\n";
        assert_eq!(idle_of(stat), Some(Duration::from_millis(26_463_810)));
        assert_eq!(idle_of("intr 1 2 3"), None);
    }

    #[test]
    fn workers_are_added_when_one_is_saturated_and_a_core_is_free() {
        let mut pressure = Pressure::new();
        let mut after = |busy, free, windows| {
            (0..windows).for_each(|_| pressure.judge(busy, free));
            pressure.saturated
        };
        assert!(!after(0.99, 0.0, 100), "no core is free");
        assert!(!after(0.5, 1.0, 100), "one keeps up");
        assert!(!after(0.99, 1.0, 1));
        assert!(after(0.99, 1.0, 1));
        assert!(after(0.9, 0.0, 100), "they stay while they are of use");
        assert!(after(0.5, 1.0, 9));
        assert!(!after(0.5, 1.0, 1));
    }

    #[test]
    fn a_long_turn_calls_all_workers() {
        let mut pressure = Pressure::new();
        let now = pressure.window.began;
        assert!(!pressure.wants_all_at(now, TurnLength::MaybeLong));
        assert!(pressure.wants_all_at(now, TurnLength::Long));
        assert!(pressure.wants_all_at(now, TurnLength::Short), "for a while");
        assert!(!pressure.wants_all_at(now + LONG_TURN_HOLD, TurnLength::Short));
    }

    #[test]
    fn many_that_may_be_long_do_too() {
        let mut pressure = Pressure::new();
        let now = pressure.window.began;
        let called: Vec<_> = (0..5).map(|_| pressure.wants_all_at(now, TurnLength::MaybeLong)).collect();
        assert_eq!(called, [false, false, false, false, true]);
    }
}
