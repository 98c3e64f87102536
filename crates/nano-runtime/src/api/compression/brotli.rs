//! Brotli (RFC 7932), with an allocator that knows how much it gave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brotli::enc::BrotliAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};
use brotli::{Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut};

use super::codec::{CodecError, Ran};

/// Quality of the compression, of 0 to 11: near to gzip's speed, and smaller than its best. What is above costs more
/// time than an answer has.
const QUALITY: u32 = 5;
/// The window is 2^19 bytes: larger ones hold more memory and help few answers.
const WINDOW_BITS: u32 = 19;

/// Counts the bytes that it gave and that are not dropped yet.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

/// Memory of a [`Counting`].
struct Cell<T> {
    slice: Box<[T]>,
    count: Option<Counting>,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        Self { slice: Box::default(), count: None }
    }
}

impl<T> SliceWrapper<T> for Cell<T> {
    fn slice(&self) -> &[T] {
        &self.slice
    }
}

impl<T> SliceWrapperMut<T> for Cell<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.slice
    }
}

impl<T> Drop for Cell<T> {
    fn drop(&mut self) {
        if let Some(Counting(count)) = &self.count {
            count.fetch_sub(size_of_val(&*self.slice), Ordering::Relaxed);
        }
    }
}

impl<T: Clone + Default> Allocator<T> for Counting {
    type AllocatedMemory = Cell<T>;

    fn alloc_cell(&mut self, length: usize) -> Cell<T> {
        let slice = vec![T::default(); length].into_boxed_slice();
        self.0.fetch_add(size_of_val(&*slice), Ordering::Relaxed);
        Cell { slice, count: Some(self.clone()) }
    }

    fn free_cell(&mut self, _cell: Cell<T>) {}
}

impl BrotliAlloc for Counting {}

pub(super) struct BrotliEncoder {
    state: BrotliEncoderStateStruct<Counting>,
    count: Counting,
}

impl Default for BrotliEncoder {
    fn default() -> Self {
        let count = Counting::default();
        let mut state = BrotliEncoderStateStruct::new(count.clone());
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, QUALITY);
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, WINDOW_BITS);
        Self { state, count }
    }
}

impl BrotliEncoder {
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.count.0.load(Ordering::Relaxed)
    }

    pub(super) fn run(&mut self, input: &[u8], output: &mut [u8], last: bool) -> Result<Ran, CodecError> {
        let operation = if last {
            BrotliEncoderOperation::BROTLI_OPERATION_FINISH
        } else {
            BrotliEncoderOperation::BROTLI_OPERATION_PROCESS
        };
        let (mut unread, mut read, mut room, mut written) = (input.len(), 0, output.len(), 0);
        let went_well = self.state.compress_stream(
            operation,
            &mut unread,
            input,
            &mut read,
            &mut room,
            output,
            &mut written,
            &mut None,
            &mut |_, _, _, _| (),
        );
        if !went_well {
            return Err(CodecError::Encoder);
        }
        let ended = self.state.is_finished();
        Ok(Ran { read, written, ended, more: self.state.has_more_output() })
    }
}

pub(super) struct BrotliDecoder {
    state: BrotliState<Counting, Counting, Counting>,
    count: Counting,
}

impl Default for BrotliDecoder {
    fn default() -> Self {
        let count = Counting::default();
        // Strict: a window of up to 16 MiB, as the RFC has it.
        let state = BrotliState::new_strict(count.clone(), count.clone(), count.clone());
        Self { state, count }
    }
}

impl BrotliDecoder {
    pub(super) fn held_bytes(&self) -> usize {
        size_of::<Self>() + self.count.0.load(Ordering::Relaxed)
    }

    pub(super) fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodecError> {
        let (mut unread, mut read, mut room, mut written) = (input.len(), 0, output.len(), 0);
        let result = BrotliDecompressStream(
            &mut unread,
            &mut read,
            input,
            &mut room,
            &mut written,
            output,
            &mut 0,
            &mut self.state,
        );
        let (ended, more) = match result {
            BrotliResult::ResultFailure => return Err(CodecError::Corrupt),
            BrotliResult::ResultSuccess => (true, false),
            BrotliResult::NeedsMoreOutput => (false, true),
            BrotliResult::NeedsMoreInput => (false, false),
        };
        Ok(Ran { read, written, ended, more })
    }
}
