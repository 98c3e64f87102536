//! How soon the operating system gives a core to a thread that has work: short slices for threads that serve, long ones
//! for those that are in a long turn. Linux, from 6.12 on, gives the core to the thread whose slice would end first;
//! each still gets its share. On other systems nothing is asked for.

use std::cell::Cell;

/// The slice of a thread that serves: it is waited for.
const SERVING_NS: u64 = 100_000;
/// The slice of a thread in a long turn: nobody waits for it but its own client.
const LONG_TURN_NS: u64 = 20_000_000;

thread_local! {
    /// What was asked for this thread last; 0 until then.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The calling thread serves.
pub(super) fn serve() {
    ask(SERVING_NS);
}

/// The calling thread is in a long turn.
pub(super) fn turn_is_long() {
    ask(LONG_TURN_NS);
}

fn ask(slice_ns: u64) {
    if ASKED.replace(slice_ns) != slice_ns {
        set(slice_ns);
    }
}

#[cfg(target_os = "linux")]
fn set(slice_ns: u64) {
    // SAFETY: it takes numbers and returns one.
    let nice = unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) };
    let attributes = libc::sched_attr {
        size: u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(0),
        sched_policy: 0,
        sched_flags: KEEP_POLICY,
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: slice_ns,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the call reads as many bytes as the structure says that it has. An older kernel ignores the slice, and
    // where the call is denied, the slice stays as it is.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// `SCHED_FLAG_KEEP_POLICY` of sched_setattr(2).
#[cfg(target_os = "linux")]
const KEEP_POLICY: u64 = 0x08;

#[cfg(not(target_os = "linux"))]
fn set(_slice_ns: u64) {}
