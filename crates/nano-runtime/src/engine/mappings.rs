//! A bound for the one thing that V8 does not hold to a heap's limit: the first large object of the young generation,
//! which it allocates whatever its size (`NewLargeObjectSpace::AllocateRaw`). `[].concat(…)`, `flat` and strings that
//! are flattened come to 512 MB and 1 GB in one piece.
//!
//! V8 maps such an object by itself, and takes no for an answer: it collects garbage, asks again, and gives up on the
//! isolate. So its `mmap64` is this one, which refuses what is larger than the isolate may be as a whole. Nothing else
//! here uses that name while an isolate is entered: the C library has names of its own, Rust uses `mmap`.

use std::cell::Cell;

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

/// As POSIX has it, but for [`LARGEST`]. Reservations without access (WebAssembly's, of gigabytes) cost no memory.
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
    // SAFETY: the caller's, whose arguments these are. The system's error is -1, which is `MAP_FAILED`.
    unsafe {
        libc::syscall(libc::SYS_mmap, address, length, protection, flags, file, offset) as *mut libc::c_void
    }
}
