//! Memory limits. V8's heap limit covers its own heap; array buffers of a fixed length, those of bodies among them, are
//! counted here. V8 maps the pages of WebAssembly memories and resizable buffers itself, but counts them: its count is
//! compared with the limit before a script gets more of them where it can be ([`MemoryAccount::has_room`]), after each
//! event, and every 10 ms while one lasts (`Control::check_memory`).

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::abandon;
use super::watchdog::{Control, Termination};

/// How much past its limit a heap may grow while a termination unwinds, a step.
const HEADROOM_STEP_BYTES: usize = 16 << 20;
/// How many such steps: past them V8 gives up, and [`out_of_memory`] is the last line.
const HEADROOM_STEPS: usize = 4;
/// How many while a module is compiled: the compiler would leave its own memory behind, which is far more.
const HEADROOM_STEPS_COMPILING: usize = 32;

/// What V8 may count beyond the limit: compiled WebAssembly, and what an app does not answer for.
const UNCOUNTED_BYTES: usize = 4 << 20;

/// How far V8 is with a buffer that was refused: it collects garbage, calls [`near_heap_limit`] though the heap is
/// not full, and asks once more.
const NOT_REFUSED: u8 = 0;
const REFUSED: u8 = 1;
const REFUSED_AND_COLLECTED: u8 = 2;

/// The bytes outside V8's heap that one isolate holds, with their limit.
pub(crate) struct MemoryAccount {
    used: AtomicUsize,
    limit: usize,
    refusal: AtomicU8,
    compiling: AtomicBool,
    /// Since the isolate has a user.
    control: OnceLock<Arc<Control>>,
}

impl MemoryAccount {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let (used, refusal) = (AtomicUsize::new(0), AtomicU8::new(NOT_REFUSED));
        let compiling = AtomicBool::new(false);
        Arc::new(Self { used, limit, refusal, compiling, control: OnceLock::new() })
    }

    /// Whom it tells from now on that the heap is full.
    pub(super) fn adopt(&self, control: &Arc<Control>) {
        let _ = self.control.set(Arc::clone(control));
    }

    /// As [`MemoryAccount::try_add`], for the allocator of buffers.
    fn try_add_buffer(&self, bytes: usize) -> bool {
        let fits = self.try_add(bytes);
        let last_attempt = self.refusal.load(Ordering::Relaxed) == REFUSED_AND_COLLECTED;
        let refusal = if fits || last_attempt { NOT_REFUSED } else { REFUSED };
        self.refusal.store(refusal, Ordering::Relaxed);
        fits
    }

    /// A module is compiled until what this gives is dropped.
    pub(crate) fn compiling(self: Arc<Self>) -> Compiling {
        self.compiling.store(true, Ordering::Relaxed);
        Compiling(self)
    }

    /// Counts `bytes` more, unless that is over the limit.
    pub(crate) fn try_add(&self, bytes: usize) -> bool {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                used.checked_add(bytes).filter(|total| *total <= self.limit)
            })
            .is_ok()
    }

    /// Counts `bytes` more until what this gives is dropped. `None`: they are over the limit.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Option<Held> {
        self.try_add(bytes).then(|| Held { account: Arc::clone(self), bytes })
    }

    /// Whether `bytes` more fit beside the buffers and WebAssembly memories that the isolate has.
    pub(crate) fn has_room(&self, isolate: &mut v8::Isolate, bytes: usize) -> bool {
        // Half of the uncounted is left, so that what is granted here is not too much for the next look.
        is_within(isolate, self.limit, bytes.saturating_add(UNCOUNTED_BYTES / 2))
    }

    /// Whether `bytes` fit when there is nothing else.
    pub(crate) fn may_hold(&self, bytes: usize) -> bool {
        bytes <= self.limit
    }

    /// Bytes that count now.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn sub(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A module is being compiled.
pub(crate) struct Compiling(Arc<MemoryAccount>);

impl Drop for Compiling {
    fn drop(&mut self) {
        self.0.compiling.store(false, Ordering::Relaxed);
    }
}

/// Bytes that count as an isolate's.
pub(crate) struct Held {
    account: Arc<MemoryAccount>,
    bytes: usize,
}

impl Held {
    /// Counts `bytes` more, unless that is over the limit.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let fits = self.account.try_add(bytes);
        self.bytes += if fits { bytes } else { 0 };
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.sub(self.bytes);
    }
}

/// Whether V8's count of what lies outside of its heap, and `more`, are within `limit`. Collects garbage before it says
/// no: the count has all that was not collected yet.
pub(super) fn is_within(isolate: &mut v8::Isolate, limit: usize, more: usize) -> bool {
    let allowed = limit.saturating_add(UNCOUNTED_BYTES);
    let fits = |isolate: &mut v8::Isolate| {
        let external = isolate.adjust_amount_of_external_allocated_memory(0);
        usize::try_from(external).unwrap_or(0).saturating_add(more) <= allowed
    };
    if fits(isolate) {
        return true;
    }
    isolate.low_memory_notification();
    fits(isolate)
}

/// The allocator of array buffers, which refuses over the limit: V8 collects garbage, tries once more, and throws a
/// RangeError.
pub(super) fn array_buffer_allocator(account: &Arc<MemoryAccount>) -> v8::UniqueRef<v8::Allocator> {
    let handle = Arc::into_raw(Arc::clone(account));
    // SAFETY: `handle` is an `Arc` turned raw, which `drop` turns back exactly once, and the functions of the table
    // match its type.
    unsafe { v8::new_rust_allocator(handle, &ALLOCATOR) }
}

static ALLOCATOR: v8::RustAllocatorVtable<MemoryAccount> =
    v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop: drop_account };

unsafe extern "C" fn allocate(account: &MemoryAccount, len: usize) -> *mut c_void {
    if !account.try_add_buffer(len) {
        return std::ptr::null_mut();
    }
    // SAFETY: calloc has no preconditions; a zero length may give null, hence the 1.
    let data = unsafe { libc::calloc(len.max(1), 1) };
    if data.is_null() {
        account.sub(len);
    }
    data
}

unsafe extern "C" fn allocate_uninitialized(account: &MemoryAccount, len: usize) -> *mut c_void {
    if !account.try_add_buffer(len) {
        return std::ptr::null_mut();
    }
    // SAFETY: malloc has no preconditions; a zero length may give null, hence the 1.
    let data = unsafe { libc::malloc(len.max(1)) };
    if data.is_null() {
        account.sub(len);
    }
    data
}

unsafe extern "C" fn free(account: &MemoryAccount, data: *mut c_void, len: usize) {
    account.sub(len);
    // SAFETY: V8 frees what `allocate` or `allocate_uninitialized` returned, once.
    unsafe { libc::free(data) };
}

unsafe extern "C" fn drop_account(account: *const MemoryAccount) {
    // SAFETY: `account` came from `Arc::into_raw` in `array_buffer_allocator`, and V8 drops the allocator once.
    drop(unsafe { Arc::from_raw(account) });
}

/// Sets the heap limit's callback and the out-of-memory handler of a new isolate.
pub(super) fn install_limits(isolate: &mut v8::OwnedIsolate, account: &Arc<MemoryAccount>) {
    // The isolate's allocator keeps the account for as long as the isolate.
    isolate.add_near_heap_limit_callback(near_heap_limit, Arc::as_ptr(account).cast_mut().cast());
    isolate.set_oom_error_handler(out_of_memory);
}

/// Ends the running script and gives it room to unwind: when the heap is full, returning the same limit would abort
/// the process.
unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, initial: usize) -> usize {
    // SAFETY: `data` is the account given to `install_limits`, which the isolate's allocator keeps alive.
    let account = unsafe { &*data.cast::<MemoryAccount>() };
    let refused = account.refusal.compare_exchange(
        REFUSED,
        REFUSED_AND_COLLECTED,
        Ordering::Relaxed,
        Ordering::Relaxed,
    );
    if refused.is_ok() {
        return current; // The heap is not full: the script gets its RangeError.
    }
    if let Some(control) = account.control.get() {
        control.terminate(Termination::Memory);
    }
    let compiling = account.compiling.load(Ordering::Relaxed);
    let steps = if compiling { HEADROOM_STEPS_COMPILING } else { HEADROOM_STEPS };
    if current < initial.saturating_add(HEADROOM_STEP_BYTES * steps) {
        current + HEADROOM_STEP_BYTES
    } else {
        current
    }
}

/// V8 cannot go on with this isolate, and would abort the process if this returned. So the turn is left where it is,
/// and the thread goes on where it entered.
unsafe extern "C" fn out_of_memory(_location: *const c_char, _details: &v8::OomDetails) {
    // SAFETY: the frames since `Isolate::enter` are V8's and those of ops. They refer to this isolate, which is never
    // entered from here on, and hold no lock that anybody else takes but who disposes of it (`Isolate::salvage`).
    unsafe { abandon::leave() };
    tracing::error!("V8 ran out of memory on a thread of its own, which stops here");
    loop {
        std::thread::park();
    }
}

/// Blocks of at least so many bytes are mapped, each alone, and unmapped as they are freed.
const MAPPED_BYTES: libc::c_int = 1 << 20;
/// What an arena may keep of freed memory at its end. By default it is 128 KiB: each large piece of a body that passed
/// through had its memory taken from the system and given back, a sixth of a proxy's CPU time.
const KEPT_BYTES: libc::c_int = 1 << 20;

/// Sets the C library's allocator, once: it would adjust the first of the two each time that a larger block is freed.
pub(super) fn tune_allocator() {
    #[cfg(target_env = "gnu")]
    for (parameter, bytes) in [(libc::M_MMAP_THRESHOLD, MAPPED_BYTES), (libc::M_TRIM_THRESHOLD, KEPT_BYTES)] {
        // SAFETY: it sets a number of the library's own.
        unsafe { libc::mallopt(parameter, bytes) };
    }
}

/// Gives freed memory of the C library's heap back to the system. Array buffers and V8's own tables lie there, in an
/// arena for each thread, of which the library returns nothing but the end by itself. Takes milliseconds.
pub(super) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes the heap's own locks and touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
