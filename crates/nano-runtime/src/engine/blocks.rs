//! What V8's own C++ code holds in large blocks, to know what is left behind with the frames of a lost isolate.
//!
//! A vector of a built-in (`JSON.parse`, `encodeURIComponent`) grows outside of V8's heap, by C++'s `operator new`.
//! When the isolate is lost in there, no destructor runs, and nobody can tell which blocks were the frames' own. But
//! their size is known: C++'s operators are these, as the language allows a program to have it (C++20 [new.delete]), and
//! they keep a balance of large blocks for each thread. Rust does not use them.
//!
//! They also tell where an isolate's stub caches are ([`stub_caches`]).

use std::cell::Cell;
use std::ffi::c_void;

use super::stub_caches;

/// Blocks from here on are in the balance, in bytes.
const LARGE_BLOCK: usize = 1 << 20;

thread_local! {
    /// Bytes in large blocks that this thread took from `operator new`, without those that it gave back.
    static BALANCE: Cell<isize> = const { Cell::new(0) };
}

/// What the calling thread took in large blocks, in bytes, less what it gave back. Only differences mean something.
pub(super) fn balance() -> isize {
    BALANCE.get()
}

/// Bytes that a block really has.
fn size_of_block(block: *mut c_void) -> usize {
    // SAFETY: the callers have it from `malloc`, and it is not freed.
    unsafe { libc::malloc_usable_size(block) }
}

fn take(bytes: usize) -> *mut c_void {
    if bytes == stub_caches::BYTES {
        return stub_caches::take();
    }
    // SAFETY: it has no preconditions. C++ wants an address of its own even for nothing.
    let block = unsafe { libc::malloc(bytes.max(1)) };
    if bytes >= LARGE_BLOCK && !block.is_null() {
        BALANCE.set(BALANCE.get().wrapping_add_unsigned(size_of_block(block)));
    }
    block
}

/// # Safety
/// `block` is from `malloc`, or null, and nobody uses it afterwards.
unsafe fn give_back(block: *mut c_void) {
    let bytes = size_of_block(block);
    if bytes >= LARGE_BLOCK {
        BALANCE.set(BALANCE.get().wrapping_sub_unsigned(bytes));
    }
    // SAFETY: the caller's.
    unsafe { libc::free(block) }
}

/// `operator new(size_t)`. V8 is built without exceptions: without memory the process ends.
#[unsafe(export_name = "_Znwm")]
extern "C" fn new(bytes: usize) -> *mut c_void {
    let block = take(bytes);
    if block.is_null() {
        std::process::abort();
    }
    block
}

/// `operator new[](size_t)`
#[unsafe(export_name = "_Znam")]
extern "C" fn new_array(bytes: usize) -> *mut c_void {
    new(bytes)
}

/// `operator new(size_t, std::nothrow_t const&)`
#[unsafe(export_name = "_ZnwmRKSt9nothrow_t")]
extern "C" fn new_or_null(bytes: usize, _nothrow: *const c_void) -> *mut c_void {
    take(bytes)
}

/// `operator new[](size_t, std::nothrow_t const&)`
#[unsafe(export_name = "_ZnamRKSt9nothrow_t")]
extern "C" fn new_array_or_null(bytes: usize, _nothrow: *const c_void) -> *mut c_void {
    take(bytes)
}

/// The forms of `operator delete` but for aligned blocks, which are a pair of their own with their `operator new`.
macro_rules! deletes {
    ($($name:ident($($more:ident: $type:ty)?) = $symbol:literal;)*) => {$(
        /// # Safety
        /// `block` is from one of the functions above, or null, and nobody uses it afterwards.
        #[unsafe(export_name = $symbol)]
        unsafe extern "C" fn $name(block: *mut c_void $(, $more: $type)?) {
            // SAFETY: the caller's.
            unsafe { give_back(block) }
        }
    )*};
}

deletes! {
    delete() = "_ZdlPv";
    delete_array() = "_ZdaPv";
    delete_sized(_bytes: usize) = "_ZdlPvm";
    delete_array_sized(_bytes: usize) = "_ZdaPvm";
    delete_or_null(_nothrow: *const c_void) = "_ZdlPvRKSt9nothrow_t";
    delete_array_or_null(_nothrow: *const c_void) = "_ZdaPvRKSt9nothrow_t";
}

#[cfg(test)]
mod tests {
    use super::{LARGE_BLOCK, balance, delete, delete_array_sized, new, new_array};

    #[test]
    fn the_balance_is_of_large_blocks() {
        let before = balance();
        let small = new(LARGE_BLOCK / 2);
        assert_eq!(balance(), before);
        let (one, other) = (new(LARGE_BLOCK), new_array(3 * LARGE_BLOCK));
        let most = usize::try_from(balance() - before).unwrap();
        assert!((4 * LARGE_BLOCK..5 * LARGE_BLOCK).contains(&most), "{most}");
        for block in [small, one, std::ptr::null_mut()] {
            // SAFETY: each is given back once, as it was taken.
            unsafe { delete(block) };
        }
        // SAFETY: as above.
        unsafe { delete_array_sized(other, 3 * LARGE_BLOCK) };
        assert_eq!(balance(), before);
    }
}
