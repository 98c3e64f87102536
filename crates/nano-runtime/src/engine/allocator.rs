//! The process's allocator, for binaries to declare.

use std::alloc::{GlobalAlloc, Layout};

/// Blocks of at least so many bytes are the system's own.
const LARGE_BYTES: usize = 1 << 20;
/// Alignment that the C library's blocks have.
const LIBC_ALIGN: usize = 16;

/// Mimalloc for what is small: the system's allocator takes twice as long on a request's path. Large blocks come from
/// the C library, which maps each of them alone and unmaps it as it is freed. Mimalloc would keep what one thread
/// allocated and another freed until the first allocates again: the bodies of one busy moment, for good.
pub struct Allocator;

/// Whether blocks of this layout come from the C library.
fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES && layout.align() <= LIBC_ALIGN
}

// SAFETY: each block is freed and resized by the allocator that gave it, which `is_large` tells by its layout, and both
// keep `GlobalAlloc`'s contract. The C library's blocks are aligned to `LIBC_ALIGN`.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            // SAFETY: malloc has no preconditions.
            return unsafe { libc::malloc(layout.size()) }.cast();
        }
        // SAFETY: the caller's layout has a size that is not zero.
        unsafe { mimalloc::MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout) {
            // SAFETY: calloc has no preconditions.
            return unsafe { libc::calloc(layout.size(), 1) }.cast();
        }
        // SAFETY: the caller's layout has a size that is not zero.
        unsafe { mimalloc::MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(layout) {
            // SAFETY: a block of this layout is malloc's, and the caller frees it once.
            return unsafe { libc::free(block.cast()) };
        }
        // SAFETY: a block of this layout is mimalloc's, and the caller frees it once.
        unsafe { mimalloc::MiMalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's new size, rounded up to the alignment, fits into an `isize`.
        let resized = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (is_large(layout), is_large(resized)) {
            // SAFETY: a block of this layout is mimalloc's, and so may be one of the new size.
            (false, false) => unsafe { mimalloc::MiMalloc.realloc(block, layout, size) },
            // SAFETY: a block of this layout is malloc's, and so may be one of the new size.
            (true, true) => unsafe { libc::realloc(block.cast(), size) }.cast(),
            // SAFETY: as the caller's.
            _ => unsafe { self.move_to(block, layout, resized) },
        }
    }
}

impl Allocator {
    /// Moves a block from one allocator to the other.
    ///
    /// # Safety
    /// As for [`GlobalAlloc::realloc`].
    unsafe fn move_to(&self, block: *mut u8, layout: Layout, resized: Layout) -> *mut u8 {
        // SAFETY: the caller's new size is not zero.
        let moved = unsafe { self.alloc(resized) };
        if !moved.is_null() {
            // SAFETY: both blocks have that many bytes, and the new one is nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(block, moved, layout.size().min(resized.size())) };
            // SAFETY: the caller's block is not used any more.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}

/// Keeps the C library from raising the size from which it maps blocks alone: it would, each time that one is freed.
pub(super) fn map_large_blocks() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number of the library's own.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES as libc::c_int);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_their_bytes_from_one_size_to_the_other() {
        let sizes = [1, 100, LARGE_BYTES - 1, LARGE_BYTES, 3 * LARGE_BYTES, 2 * LARGE_BYTES, 1000, 7];
        for align in [1, 8, 16, 64, 4096] {
            let mut layout = Layout::from_size_align(sizes[0], align).expect("a layout");
            // SAFETY: the size is not zero.
            let mut block = unsafe { Allocator.alloc_zeroed(layout) };
            for size in sizes {
                // SAFETY: the block is of this layout.
                block = unsafe { Allocator.realloc(block, layout, size) };
                assert!(!block.is_null() && (block as usize).is_multiple_of(align));
                layout = Layout::from_size_align(size, align).expect("a layout");
                // SAFETY: it is not empty.
                assert_eq!(unsafe { *block }, u8::from(size != sizes[0]));
                // SAFETY: the block has that many bytes.
                unsafe { block.write_bytes(1, size) };
            }
            // SAFETY: the block is of this layout, and goes.
            unsafe { Allocator.dealloc(block, layout) };
        }
    }
}
