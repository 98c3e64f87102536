//! V8's `mmap64` is this one. Nothing else here uses that name: the C library has names of its own, Rust uses `mmap`.
//!
//! It is a bound for the one thing that V8 does not hold to a heap's limit: the first large object of the young
//! generation, which it allocates whatever its size (`NewLargeObjectSpace::AllocateRaw`). `[].concat(…)`, `flat` and
//! strings that are flattened come to 512 MB and 1 GB in one piece. V8 maps such an object by itself, and takes no for an
//! answer: it collects garbage, asks again, and gives up on the isolate. So what is larger than the isolate may be as a
//! whole is refused.
//!
//! And it puts heap pages side by side. V8 wants each at a random address, of which every one takes an area of its own
//! in the kernel's list (65,530 are allowed, ten an isolate) and page tables of its own, 8 KiB and more. Where the first
//! one of a run lies is still random.

use std::cell::Cell;
use std::ptr;

thread_local! {
    /// The largest mapping that V8 may make on this thread, in bytes.
    static LARGEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Until it is dropped, V8 makes no mapping of more bytes on this thread than it was told.
pub(super) struct Bounded {
    before: usize,
}

impl Bounded {
    pub(super) fn to(bytes: usize) -> Self {
        Self { before: LARGEST.replace(bytes) }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        LARGEST.set(self.before);
    }
}

/// A page of V8's heap, in bytes, and what it is aligned to (`kRegularPageSize`).
const HEAP_PAGE: usize = 256 << 10;
/// What V8 maps to find an aligned heap page in it. It gives the rest back before it maps more on the same thread.
const HEAP_PAGE_REQUEST: usize = 2 * HEAP_PAGE - (4 << 10);
/// Heap pages in a run. Each thread has its own, so that what another maps is not in the way.
const RUN: usize = 256;

thread_local! {
    /// Where this thread's next heap page goes, and how many more of the run there are.
    static PLACE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Where V8 should have the heap page that it wants at a random address, in the lower half of its addresses.
fn place(wanted: *mut libc::c_void) -> *mut libc::c_void {
    let (mut next, mut left) = PLACE.get();
    if left == 0 {
        (next, left) = (wanted.addr(), RUN);
    }
    PLACE.set((next + HEAP_PAGE, left - 1));
    ptr::without_provenance_mut(next)
}

/// As POSIX has it, but for [`LARGEST`] and [`place`]. Reservations without access (WebAssembly's, of gigabytes) cost no memory.
///
/// # Safety
/// As for the system call.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    address: *mut libc::c_void,
    length: libc::size_t,
    protection: libc::c_int,
    flags: libc::c_int,
    file: libc::c_int,
    offset: libc::off64_t,
) -> *mut libc::c_void {
    if length > LARGEST.get() && file == -1 && protection & libc::PROT_WRITE != 0 {
        // SAFETY: it has no preconditions.
        let error = unsafe { libc::__errno_location() };
        // SAFETY: it is this thread's own.
        unsafe { *error = libc::ENOMEM };
        return libc::MAP_FAILED;
    }
    let rw = libc::PROT_READ | libc::PROT_WRITE;
    let is_heap_page = length == HEAP_PAGE_REQUEST
        && (protection, file, flags & libc::MAP_FIXED) == (rw, -1, 0)
        && address.addr() != 0
        && address.addr().is_multiple_of(HEAP_PAGE);
    let address = if is_heap_page { place(address) } else { address };
    // SAFETY: the caller's, whose arguments these are; where it leaves the address to the system, it may be any. The
    // system's error is -1, which is `MAP_FAILED`.
    let mapped = unsafe {
        libc::syscall(libc::SYS_mmap, address, length, protection, flags, file, offset) as *mut libc::c_void
    };
    if is_heap_page && mapped != address {
        PLACE.set((0, 0)); // Something else is there.
    }
    mapped
}
