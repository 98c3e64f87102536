//! Entering an isolate in the way that keeps what happened to it in between.
//!
//! `v8::Locker` sets up the thread's state in the isolate when it is made and frees it when it goes, and with it the
//! interrupts that came in between: among them the news that optimised code is ready. An app whose turns are short
//! would never get any. `v8::Unlocker` leaves the state where it is as long as no other thread comes. So threads that
//! enter an isolate often enter it by ending an `Unlocker` and leave it by making one. Each such thread
//! costs the isolate some kilobytes, so it has a bounded number of them, and only once it is busy.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Turns after which an isolate counts as busy.
const BUSY_AFTER: u32 = 16;
/// Threads whose state an isolate keeps.
const RESIDENTS_MAX: usize = 8;

unsafe extern "C" {
    // The crate has these two, but offers them only around a closure. Their C++ class holds nothing but the isolate's
    // address, as the crate's `binding.cc` asserts.
    fn v8__Unlocker__CONSTRUCT(buf: *mut v8::UnsafeRawIsolatePtr, isolate: v8::UnsafeRawIsolatePtr);
    fn v8__Unlocker__DESTRUCT(this: *mut v8::UnsafeRawIsolatePtr);
}

thread_local! {
    /// This thread's number among those that ever entered an isolate; 0 until it does.
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut thread = THREAD.get();
    if thread == 0 {
        thread = NEXT.fetch_add(1, Ordering::Relaxed);
        THREAD.set(thread);
    }
    thread
}

/// The threads whose state an isolate keeps. Used by whoever may enter it, one at a time.
#[derive(Default)]
pub(super) struct Residents {
    turns: AtomicU32,
    threads: [AtomicU64; RESIDENTS_MAX],
}

impl Residents {
    /// Whether the calling thread is one, or becomes one.
    pub(super) fn admit(&self) -> bool {
        let turns = self.turns.load(Ordering::Relaxed);
        if turns < BUSY_AFTER {
            self.turns.store(turns + 1, Ordering::Relaxed);
            return false;
        }
        let thread = this_thread();
        for place in &self.threads {
            match place.load(Ordering::Relaxed) {
                0 => {
                    place.store(thread, Ordering::Relaxed);
                    return true;
                }
                resident if resident == thread => return true,
                _ => {}
            }
        }
        false
    }
}

/// The calling thread is inside the isolate, until this is dropped.
pub(super) struct Entered {
    isolate: v8::UnsafeRawIsolatePtr,
}

impl Entered {
    /// Enters a living isolate.
    ///
    /// # Safety
    /// No other thread is inside, this one is in no isolate, and the isolate outlives the result.
    pub(super) unsafe fn new(isolate: v8::UnsafeRawIsolatePtr) -> Self {
        let mut unlocker = isolate;
        // SAFETY: an `Unlocker` is its isolate's address. Ending it takes the lock, which nobody holds, and brings
        // back the thread's state, or sets it up when this thread has none.
        unsafe { v8__Unlocker__DESTRUCT(&raw mut unlocker) };
        // SAFETY: the address is of a living isolate.
        let inside = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
        // SAFETY: this thread holds the lock.
        unsafe { inside.enter() };
        Self { isolate }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // SAFETY: the isolate outlives this value.
        let inside = unsafe { v8::Isolate::from_raw_isolate_ptr(self.isolate) };
        // SAFETY: `new` entered it on this thread; a value that refers to a thread's state cannot be sent.
        unsafe { inside.exit() };
        let mut unlocker = v8::UnsafeRawIsolatePtr::null();
        // SAFETY: this thread holds the lock since `new`, and has left the isolate.
        unsafe { v8__Unlocker__CONSTRUCT(&raw mut unlocker, self.isolate) };
    }
}
