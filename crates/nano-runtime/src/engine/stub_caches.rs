//! An isolate's three stub caches, where V8 keeps what it found out about call sites that see many shapes: 120 KiB each,
//! filled when the isolate is made with entries that say "nothing here". Most apps never use one.
//!
//! Zeros say the same: an entry counts when its key is the name that is looked for, and a zero is no name
//! (`StubCache::Get`, `AccessorAssembler::TryProbeStubCacheTable`); what it held before is kept elsewhere only if its map
//! is one, and a zero is none (`StubCache::Set`). So their pages are given back to the system, and V8 finds zeros there.

use std::cell::Cell;
use std::ffi::c_void;

/// `sizeof(v8::internal::StubCache)`: two tables of entries of three words, and its isolate's address behind them.
pub(super) const BYTES: usize = TABLES + size_of::<usize>();
const TABLES: usize = ((1 << 12) + (1 << 10)) * 3 * size_of::<usize>();
/// For loads, stores and definitions.
const COUNT: usize = 3;
const PAGE: usize = 4096;

thread_local! {
    /// Blocks of that size that this thread took since [`StubCaches::of`] began, the last ones.
    static TAKEN: Cell<[usize; COUNT]> = const { Cell::new([0; COUNT]) };
}

/// Memory for a stub cache, on whole pages. Null: there is none.
pub(super) fn take() -> *mut c_void {
    // SAFETY: it has no preconditions.
    let block = unsafe { libc::aligned_alloc(PAGE, BYTES.next_multiple_of(PAGE)) };
    let [_, first, second] = TAKEN.get();
    TAKEN.set([first, second, block.addr()]);
    block
}

/// Where the stub caches of an isolate are.
#[derive(Debug)]
pub(super) struct StubCaches([usize; COUNT]);

impl StubCaches {
    /// Those of the isolate that `make` makes.
    pub(super) fn of<R>(make: impl FnOnce() -> R) -> (R, Self) {
        TAKEN.set([0; COUNT]);
        let made = make();
        let taken = TAKEN.replace([0; COUNT]);
        debug_assert!(!taken.contains(&0), "an isolate has three stub caches, or this V8 is another one");
        (made, Self(taken))
    }

    /// Empties them, and gives their memory back.
    ///
    /// # Safety
    /// The isolate lives, and nobody is inside.
    #[cfg_attr(not(target_os = "linux"), expect(clippy::unused_self, reason = "only Linux promises zeros"))]
    pub(super) unsafe fn empty(&self) {
        #[cfg(target_os = "linux")]
        for block in self.0.into_iter().filter(|block| *block != 0) {
            // SAFETY: whole pages of a block that V8 uses as tables alone, all of whose entries are as good as zeros.
            unsafe {
                libc::madvise(std::ptr::with_exposed_provenance_mut(block), TABLES, libc::MADV_DONTNEED)
            };
        }
    }
}
