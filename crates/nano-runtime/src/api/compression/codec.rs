//! One codec for all formats: bytes are pushed, and come out in pieces of bounded size and effort.

use std::sync::Arc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::brotli::{BrotliDecoder, BrotliEncoder};
use super::zstd::ZstdDecoder;
use crate::engine::MemoryAccount;

/// Bytes that one step reads, and bytes that it writes, at most: few milliseconds of the slowest format.
const STEP_BYTES_MAX: usize = 64 << 10;
/// What zlib holds while it compresses: its window, hash chains and symbol buffer.
const DEFLATE_STATE_BYTES: usize = 384 << 10;
/// What it holds while it decompresses: its window and code tables.
const INFLATE_STATE_BYTES: usize = 64 << 10;
/// The largest window of deflate, which every decoder must know.
const WINDOW_BITS: u8 = 15;

/// CompressionFormat (section 4), and what only responses are coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Brotli,
    Deflate,
    DeflateRaw,
    Gzip,
    /// It can be decoded only.
    Zstd,
}

impl Format {
    /// A format that the standard has.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Some(match name {
            "brotli" => Self::Brotli,
            "deflate" => Self::Deflate,
            "deflate-raw" => Self::DeflateRaw,
            "gzip" => Self::Gzip,
            _ => return None,
        })
    }
}

/// Why a codec cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("The compressed data was not valid")]
    Corrupt,
    #[error("The compressed data ended too early")]
    Truncated,
    #[error("There is data after the end of the compressed data")]
    Trailing,
    #[error("The data could not be compressed")]
    Encoder,
    #[error("The memory limit of this app has been reached")]
    Memory,
}

/// What one run of a coder did.
pub(super) struct Ran {
    pub(super) read: usize,
    pub(super) written: usize,
    /// The end of the compressed data was read, or written.
    pub(super) ended: bool,
    /// There is output left, or may be.
    pub(super) more: bool,
}

enum Coder {
    Deflate(Compress),
    Inflate(Decompress),
    BrotliEncoder(Box<BrotliEncoder>),
    BrotliDecoder(Box<BrotliDecoder>),
    ZstdDecoder(ZstdDecoder),
}

impl Coder {
    fn new(format: Format, decompress: bool) -> Result<Self, CodecError> {
        let level = Compression::default();
        Ok(match (format, decompress) {
            (Format::Zstd, true) => Self::ZstdDecoder(ZstdDecoder::new()?),
            (Format::Zstd, false) => return Err(CodecError::Encoder),
            (Format::Brotli, false) => Self::BrotliEncoder(Box::default()),
            (Format::Brotli, true) => Self::BrotliDecoder(Box::default()),
            (Format::Gzip, false) => Self::Deflate(Compress::new_gzip(level, WINDOW_BITS)),
            (Format::Gzip, true) => Self::Inflate(Decompress::new_gzip(WINDOW_BITS)),
            (Format::Deflate | Format::DeflateRaw, false) => {
                Self::Deflate(Compress::new(level, format == Format::Deflate))
            }
            (Format::Deflate | Format::DeflateRaw, true) => {
                Self::Inflate(Decompress::new(format == Format::Deflate))
            }
        })
    }

    fn decompresses(&self) -> bool {
        matches!(self, Self::Inflate(_) | Self::BrotliDecoder(_) | Self::ZstdDecoder(_))
    }

    fn held_bytes(&self) -> usize {
        match self {
            Self::Deflate(_) => DEFLATE_STATE_BYTES,
            Self::Inflate(_) => INFLATE_STATE_BYTES,
            Self::BrotliEncoder(encoder) => encoder.held_bytes(),
            Self::BrotliDecoder(decoder) => decoder.held_bytes(),
            Self::ZstdDecoder(decoder) => decoder.held_bytes(),
        }
    }

    /// Reads from `input` and writes to `output` as far as they reach. `last`: nothing comes after `input`.
    fn run(&mut self, input: &[u8], output: &mut [u8], last: bool) -> Result<Ran, CodecError> {
        match self {
            Self::Deflate(zlib) => {
                let (read, written) = (zlib.total_in(), zlib.total_out());
                let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
                let status = zlib.compress(input, output, flush).map_err(|_| CodecError::Encoder)?;
                Ok(ran(status, zlib.total_in() - read, zlib.total_out() - written, output))
            }
            Self::Inflate(zlib) => {
                let (read, written) = (zlib.total_in(), zlib.total_out());
                // A preset dictionary is an error, too.
                let status = zlib.decompress(input, output, FlushDecompress::None);
                let status = status.map_err(|_| CodecError::Corrupt)?;
                Ok(ran(status, zlib.total_in() - read, zlib.total_out() - written, output))
            }
            Self::BrotliEncoder(encoder) => encoder.run(input, output, last),
            Self::BrotliDecoder(decoder) => decoder.run(input, output),
            Self::ZstdDecoder(decoder) => decoder.run(input, output),
        }
    }
}

fn ran(status: Status, read: u64, written: u64, output: &[u8]) -> Ran {
    let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let ended = matches!(status, Status::StreamEnd);
    let written = bytes(written);
    Ran { read: bytes(read), written, ended, more: !ended && written == output.len() }
}

/// A stream that is being compressed or decompressed. What it holds counts against its isolate's memory.
pub(crate) struct Codec {
    coder: Coder,
    input: Vec<u8>,
    /// How much of `input` was read.
    read: usize,
    ended: bool,
    /// The coder has output left, or may have.
    more: bool,
    account: Arc<MemoryAccount>,
    charged: usize,
}

impl Codec {
    pub(crate) fn new(
        format: Format,
        decompress: bool,
        account: &Arc<MemoryAccount>,
    ) -> Result<Self, CodecError> {
        let coder = Coder::new(format, decompress)?;
        let account = Arc::clone(account);
        let input = Vec::new();
        let mut codec = Self { coder, input, read: 0, ended: false, more: false, account, charged: 0 };
        codec.charge()?;
        Ok(codec)
    }

    /// Gives input to the steps that follow. They are expected to have read what was given before.
    pub(crate) fn push(&mut self, bytes: Vec<u8>) -> Result<(), CodecError> {
        if self.read == self.input.len() {
            self.input = bytes;
        } else {
            self.input.drain(..self.read);
            self.input.extend_from_slice(&bytes);
        }
        self.read = 0;
        self.charge()
    }

    /// Goes on for a bounded time and writes what came out to the begin of `output`, which it gives its size. With
    /// `finish` no more input will come.
    pub(crate) fn step(&mut self, finish: bool, output: &mut Vec<u8>) -> Result<usize, CodecError> {
        let rest = self.input.get(self.read..).unwrap_or_default();
        let decompresses = self.coder.decompresses();
        if self.ended {
            // The output before this was given: an app may have read it.
            return if decompresses && !rest.is_empty() { Err(CodecError::Trailing) } else { Ok(0) };
        }
        output.resize(STEP_BYTES_MAX, 0);
        let piece = rest.get(..STEP_BYTES_MAX).unwrap_or(rest);
        let last = finish && piece.len() == rest.len();
        let had_input = !piece.is_empty();
        let ran = self.coder.run(piece, output, last)?;
        if ran.read == 0 && ran.written == 0 && !ran.ended && (last || had_input) {
            // It would be asked for ever.
            return Err(match (decompresses, had_input) {
                (true, true) => CodecError::Corrupt,
                (true, false) => CodecError::Truncated,
                (false, _) => CodecError::Encoder,
            });
        }
        self.read += ran.read;
        self.ended = ran.ended;
        self.more = ran.more || (last && !ran.ended);
        if self.read == self.input.len() {
            self.input = Vec::new();
            self.read = 0;
        }
        self.charge()?;
        Ok(ran.written)
    }

    /// Whether another step has something to do with what was pushed.
    pub(crate) fn has_more(&self) -> bool {
        self.more || self.read < self.input.len()
    }

    /// Whether the end of the compressed data was read, or written.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// What was pushed and not read.
    pub(crate) fn into_rest(mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.input);
        rest.drain(..self.read);
        rest
    }

    /// Counts what is held now.
    fn charge(&mut self) -> Result<(), CodecError> {
        let held = self.coder.held_bytes() + self.input.capacity();
        if held > self.charged {
            if !self.account.try_add(held - self.charged) {
                return Err(CodecError::Memory);
            }
        } else {
            self.account.sub(self.charged - held);
        }
        self.charged = held;
        Ok(())
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        self.account.sub(self.charged);
    }
}
