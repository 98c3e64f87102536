//! Zstandard (RFC 8878), as a content coding of responses.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::codec::{CodecError, Ran};

/// The largest window that a decoder of the content coding has to know is 8 MiB (RFC 9659, section 3).
const WINDOW_LOG_MAX: u32 = 23;

/// A decoder of one frame.
pub(super) struct ZstdDecoder {
    context: DCtx<'static>,
}

impl ZstdDecoder {
    pub(super) fn new() -> Result<Self, CodecError> {
        let mut context = DCtx::try_create().ok_or(CodecError::Memory)?;
        let set = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
        set.map_err(|_| CodecError::Corrupt)?;
        Ok(Self { context })
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.context.sizeof()
    }

    pub(super) fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Ran, CodecError> {
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let left = self.context.decompress_stream(&mut to, &mut from).map_err(|_| CodecError::Corrupt)?;
        let (read, written) = (from.pos(), to.pos());
        // It reads what it likes to ahead, but nothing behind the frame's end.
        let ended = left == 0;
        Ok(Ran { read, written, ended, more: !ended && written == output.len() })
    }
}
