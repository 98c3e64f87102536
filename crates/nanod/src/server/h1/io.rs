//! What was read and is not yet used, and what is to be written.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};

use super::super::HEAD_BYTES_MAX;
use super::super::stall::Stall;
use super::encode::{Framing, chunk_size};

/// The room for usual heads.
const INPUT_BYTES: usize = 4 << 10;
/// Less room than this is not worth a read.
const INPUT_BYTES_MIN: usize = 1 << 10;
/// The room for large heads and for bodies.
const INPUT_BYTES_MAX: usize = HEAD_BYTES_MAX;
/// Room for answers that is kept while there are none.
const OUTPUT_BYTES_KEPT: usize = 8 << 10;
/// Data up to this size is copied to its marks, instead of being written beside them.
const COPIED_BYTES_MAX: usize = 4 << 10;

/// Bytes of the client that are not yet used.
#[derive(Default)]
pub(super) struct Input {
    buffer: BytesMut,
}

impl Input {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= INPUT_BYTES_MAX
    }

    /// The first `count` bytes are used.
    pub(super) fn drop_front(&mut self, count: usize) {
        self.buffer.advance(count);
    }

    /// The first `count` bytes, which are used then.
    pub(super) fn take_front(&mut self, count: usize) -> Bytes {
        if count > COPIED_BYTES_MAX {
            return self.buffer.split_to(count).freeze();
        }
        let bytes = Bytes::copy_from_slice(&self.buffer[..count]);
        self.buffer.advance(count);
        bytes
    }

    pub(super) fn clear(&mut self) {
        self.buffer.clear();
    }

    pub(super) fn take(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// Reads once, with room for `wanted` bytes or what is sensible. 0: there are no more.
    pub(super) fn poll_read(
        &mut self,
        stream: &mut Stall,
        cx: &mut Context<'_>,
        wanted: u64,
    ) -> Poll<io::Result<usize>> {
        let room = self.buffer.capacity() - self.buffer.len();
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX).clamp(INPUT_BYTES, INPUT_BYTES_MAX);
        if room < INPUT_BYTES_MIN || (room < wanted && wanted > INPUT_BYTES) {
            self.buffer.reserve(wanted);
        }
        let read = pin!(stream.read_buf(&mut self.buffer)).poll(cx);
        if read.is_pending() && self.is_empty() && self.buffer.capacity() > INPUT_BYTES {
            // What idle connections hold adds up.
            self.buffer = BytesMut::new();
        }
        read
    }
}

/// Bytes for the client: text, then at most one large payload, then what closes it.
#[derive(Default)]
pub(super) struct Output {
    pub(super) text: Vec<u8>,
    payload: Bytes,
    closing: &'static [u8],
    written: usize,
    /// It was held back since the last write.
    held_back: bool,
}

impl Output {
    /// Whether to let other connections go first, once for each write. Requests that are there at the same time are
    /// then handled in a row, and their answers written in a row, which is easier on the processor's caches, ours and
    /// the clients'.
    pub(super) fn hold_back(&mut self) -> bool {
        !self.text.is_empty() && !std::mem::replace(&mut self.held_back, true)
    }

    /// Whether it is time to write.
    pub(super) fn is_large(&self) -> bool {
        self.text.len() >= OUTPUT_BYTES_KEPT || !self.payload.is_empty()
    }

    /// A body as it is, behind the text. Only when there is no other payload.
    pub(super) fn push_payload(&mut self, bytes: Bytes) {
        if bytes.len() <= COPIED_BYTES_MAX {
            self.text.extend_from_slice(&bytes);
        } else {
            self.payload = bytes;
        }
    }

    /// One piece of a body, of which `left` bytes may still come. Tells whether that was all.
    pub(super) fn push(&mut self, mut data: Bytes, framing: Framing, left: &mut Option<u64>) -> bool {
        if let Some(left) = left {
            // More than the app said would be taken for the next answer.
            data.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= data.len() as u64;
        }
        if !data.is_empty() {
            let closing: &[u8] = if framing == Framing::Chunked { b"\r\n" } else { b"" };
            if framing == Framing::Chunked {
                chunk_size(&mut self.text, data.len());
            }
            self.push_payload(data);
            if self.payload.is_empty() {
                self.text.extend_from_slice(closing);
            } else {
                self.closing = closing;
            }
        }
        *left == Some(0)
    }

    /// Writes until nothing is left.
    pub(super) fn poll_flush(&mut self, stream: &mut Stall, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let text = self.text.get(self.written..).unwrap_or_default();
            if text.is_empty() && self.payload.is_empty() && self.closing.is_empty() {
                break;
            }
            let written = if self.payload.is_empty() && self.closing.is_empty() {
                Pin::new(&mut *stream).poll_write(cx, text)
            } else {
                let parts = [text, &self.payload, self.closing].map(IoSlice::new);
                Pin::new(&mut *stream).poll_write_vectored(cx, &parts)
            };
            let mut written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_text = written.min(text.len());
            self.written += of_text;
            written -= of_text;
            let of_payload = written.min(self.payload.len());
            self.payload.advance(of_payload);
            written -= of_payload;
            self.closing = self.closing.get(written..).unwrap_or_default();
        }
        self.text.clear();
        self.written = 0;
        self.held_back = false;
        if self.text.capacity() > OUTPUT_BYTES_KEPT * 4 {
            self.text = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Framing, Output};

    #[test]
    fn a_body_is_cut_where_the_app_said_that_it_ends() {
        let mut output = Output::default();
        let mut left = Some(5);
        assert!(!output.push(Bytes::from_static(b"abc"), Framing::Length(5), &mut left));
        assert!(output.push(Bytes::from_static(b"defgh"), Framing::Length(5), &mut left));
        assert_eq!(output.text, b"abcde");
    }

    #[test]
    fn chunks_have_their_marks_and_an_empty_one_is_none() {
        let mut output = Output::default();
        let mut left = None;
        assert!(!output.push(Bytes::new(), Framing::Chunked, &mut left));
        assert!(!output.push(Bytes::from_static(b"abc"), Framing::Chunked, &mut left));
        assert_eq!(output.text, b"3\r\nabc\r\n");
        output.push(Bytes::from(vec![0; 9_000]), Framing::Chunked, &mut left);
        assert_eq!((output.payload.len(), output.closing), (9_000, &b"\r\n"[..]));
    }
}
