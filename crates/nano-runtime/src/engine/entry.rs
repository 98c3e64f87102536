//! Entering an isolate, on one thread and then on another, in the way that keeps what happened to it in between.
//!
//! `v8::Locker` sets up the thread's state in the isolate when it is made and frees it when it goes, and with it the
//! interrupts that came in between: among them the news that optimised code is ready. An app whose turns are short
//! would never get any. `v8::Unlocker` leaves the state where it is, but when another thread comes, V8 archives it, some
//! ten kilobytes, and never frees what is archived of a thread that does not come back before the isolate goes.
//!
//! So V8 is told that it is always the same thread: one that stands for the isolate. V8 knows threads by the numbers of
//! `v8::internal::ThreadId`, and this module has the two functions that give them, in the place of V8's own (the linker
//! takes the first definition, and leaves V8's object file out; [`Place::new`] looks whether it did). A thread
//! has the isolate's number while it is inside, and one of its own else. What V8 keeps of the thread that is no number
//! is where its stack ends: [`Entered::new`] tells it, and `v8::Isolate::Enter` notes the begin.

use std::cell::Cell;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;

/// What a script may use of its thread's stack, in kilobytes: V8's default, which leaves room for ops on Rust's and
/// tokio's smallest stacks of 2 MiB.
pub(super) const STACK_KB: usize = 984;
/// The first number of an isolate; below are those of threads.
const FIRST_PLACE: i32 = 1 << 30;
/// `v8::internal::ThreadId::kInvalidId`.
const NO_THREAD: i32 = -1;

unsafe extern "C" {
    // The crate has these, but offers them only in ways that end with a closure, or a `Locker`. Their C++ classes hold
    // nothing but what is here, as the crate's `binding.cc` asserts.
    fn v8__Locker__DESTRUCT(this: *mut Locker);
    fn v8__Locker__IsLocked(isolate: v8::UnsafeRawIsolatePtr) -> bool;
    fn v8__Unlocker__CONSTRUCT(buf: *mut v8::UnsafeRawIsolatePtr, isolate: v8::UnsafeRawIsolatePtr);
    fn v8__Unlocker__DESTRUCT(this: *mut v8::UnsafeRawIsolatePtr);
    /// `v8::Isolate::SetStackLimit`, of V8's public interface.
    #[link_name = "_ZN2v87Isolate13SetStackLimitEm"]
    fn v8_isolate_set_stack_limit(isolate: v8::UnsafeRawIsolatePtr, limit: usize);
    /// `v8::base::Stack::GetStackStart`.
    #[link_name = "_ZN2v84base5Stack13GetStackStartEv"]
    fn v8_base_stack_get_stack_start() -> usize;
}

/// `v8::Locker`.
#[repr(C)]
struct Locker {
    has_lock: bool,
    top_level: bool,
    isolate: v8::UnsafeRawIsolatePtr,
}

thread_local! {
    /// The number of the isolate that this thread is inside of; 0: of none.
    static INSIDE: Cell<i32> = const { Cell::new(0) };
    /// This thread's own number; 0 until somebody asks.
    static OWN: Cell<i32> = const { Cell::new(0) };
    /// Where a script's part of this thread's stack ends; 0 until the thread enters an isolate.
    static STACK_LIMIT: Cell<usize> = const { Cell::new(0) };
}

fn own_number() -> i32 {
    static NEXT: AtomicI32 = AtomicI32::new(1);
    let mut own = OWN.get();
    if own == 0 {
        own = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(own < FIRST_PLACE, "a billion threads");
        OWN.set(own);
    }
    own
}

/// `v8::internal::ThreadId::GetCurrentThreadId`: V8's number of the calling thread.
#[unsafe(export_name = "_ZN2v88internal8ThreadId18GetCurrentThreadIdEv")]
extern "C" fn current_thread_number() -> i32 {
    match INSIDE.get() {
        0 => own_number(),
        place => place,
    }
}

/// `v8::internal::ThreadId::TryGetCurrent`: the same, if it has one.
#[unsafe(export_name = "_ZN2v88internal8ThreadId13TryGetCurrentEv")]
extern "C" fn known_thread_number() -> i32 {
    match (INSIDE.get(), OWN.get()) {
        (0, 0) => NO_THREAD,
        (0, own) => own,
        (place, _) => place,
    }
}

/// Numbers of isolates that are gone.
static FREE_NUMBERS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// An isolate's number, and who was inside last.
#[derive(Debug)]
pub(super) struct Place {
    number: i32,
    last: AtomicI32,
}

impl Place {
    /// For an isolate that the calling thread is about to make.
    pub(super) fn new() -> Self {
        static NEXT: AtomicI32 = AtomicI32::new(FIRST_PLACE);
        let free = FREE_NUMBERS.lock().pop();
        let number = free.unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
        assert!(number >= FIRST_PLACE, "a billion isolates at once");
        Self { number, last: AtomicI32::new(0) }
    }

    /// Runs `f`, which makes or disposes of the isolate, as the thread that stands for it.
    pub(super) fn stand_for<R>(&self, f: impl FnOnce() -> R) -> R {
        let _standing = Standing::begin(self.number);
        f()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        FREE_NUMBERS.lock().push(self.number);
    }
}

/// The calling thread has an isolate's number until this is dropped.
struct Standing;

impl Standing {
    fn begin(number: i32) -> Self {
        debug_assert_eq!(INSIDE.get(), 0, "a thread is in one isolate at a time");
        INSIDE.set(number);
        Self
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        INSIDE.set(0);
    }
}

/// The calling thread is inside the isolate, until this is dropped.
pub(super) struct Entered {
    isolate: v8::UnsafeRawIsolatePtr,
    _standing: Standing,
}

impl Entered {
    /// Enters a living isolate.
    ///
    /// # Safety
    /// No other thread is inside, this one is in no isolate, the isolate outlives the result, and `place` is its own.
    pub(super) unsafe fn new(isolate: v8::UnsafeRawIsolatePtr, place: &Place) -> Self {
        let standing = Standing::begin(place.number);
        let mut unlocker = isolate;
        // SAFETY: an `Unlocker` is its isolate's address. Ending it takes the lock, which nobody holds, and brings
        // back the thread's state, or sets it up the first time.
        unsafe { v8__Unlocker__DESTRUCT(&raw mut unlocker) };
        let own = own_number();
        if place.last.load(Ordering::Relaxed) != own {
            place.last.store(own, Ordering::Relaxed);
            // SAFETY: this thread holds the lock, and the limit is in its stack.
            unsafe { v8_isolate_set_stack_limit(isolate, stack_limit()) };
        }
        // SAFETY: the address is of a living isolate.
        let inside = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
        // SAFETY: this thread holds the lock.
        unsafe { inside.enter() };
        Self { isolate, _standing: standing }
    }

    /// Whether V8 takes the thread for the one that stands for the isolate, and for another as soon as it does not.
    pub(super) fn is_known_by_number(&self) -> bool {
        let number = INSIDE.get();
        // SAFETY: the isolate lives.
        let inside = unsafe { v8__Locker__IsLocked(self.isolate) };
        INSIDE.set(0);
        // SAFETY: as above.
        let outside = unsafe { v8__Locker__IsLocked(self.isolate) };
        INSIDE.set(number);
        inside && !outside
    }

    /// Leaves the isolate for good: V8 frees the state of the thread that stands for it.
    pub(super) fn leave_for_good(self) {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: the isolate outlives this value.
        let inside = unsafe { v8::Isolate::from_raw_isolate_ptr(this.isolate) };
        // SAFETY: as in `drop`.
        unsafe { inside.exit() };
        let mut locker = Locker { has_lock: true, top_level: true, isolate: this.isolate };
        // SAFETY: this thread holds the lock since `new`, as after a `Locker` was made for it.
        unsafe { v8__Locker__DESTRUCT(&raw mut locker) };
        INSIDE.set(0);
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

/// Where a script's part of the calling thread's stack ends.
fn stack_limit() -> usize {
    let mut limit = STACK_LIMIT.get();
    if limit == 0 {
        // SAFETY: it has no preconditions.
        limit = unsafe { v8_base_stack_get_stack_start() } - STACK_KB * 1024;
        STACK_LIMIT.set(limit);
    }
    limit
}
