//! A request's body: out of the connection's bytes, to whoever reads it, no faster than it is read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use nano_runtime::BodyError;
use parking_lot::Mutex;

use super::head::Framing;

/// Bytes of chunk extensions that one body may have; they mean nothing here.
const EXTENSION_BYTES_MAX: u64 = 16 << 10;
/// Bytes of trailers that one body may have; Fetch has no place for them, so they are dropped.
const TRAILER_BYTES_MAX: u64 = 16 << 10;

/// Where a body is between its frame's marks (RFC 9112, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a chunk's size, of so many digits until now.
    Size(u32),
    /// In the space after the size.
    SizeSpace,
    /// In what follows the size's semicolon.
    Extension,
    /// Before the line feed of the size's line.
    SizeEnd,
    /// In the data: `left` of it are to come.
    Data,
    /// Before the line end of a chunk.
    DataReturn,
    DataEnd,
    /// At the beginning of a line of the trailers, or of the empty one after them.
    TrailerStart,
    Trailer,
    TrailerEnd,
    /// Before the last line feed.
    LastEnd,
    Done,
}

/// Takes the frame off a body.
#[derive(Debug)]
pub(super) struct Decoder {
    at: At,
    chunked: bool,
    left: u64,
    extension_bytes: u64,
    trailer_bytes: u64,
}

/// A body whose frame is broken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFrame;

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        let (at, chunked, left) = match framing {
            Framing::Length(length) => (At::Data, false, length),
            Framing::Chunked => (At::Size(0), true, 0),
        };
        Self { at, chunked, left, extension_bytes: 0, trailer_bytes: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// The bytes that are certain to come.
    pub(super) fn certain(&self) -> u64 {
        if self.chunked { 0 } else { self.left }
    }

    /// How many bytes it makes sense to read at once: not those of the next request.
    pub(super) fn wanted(&self) -> u64 {
        if self.chunked { u64::MAX } else { self.left }
    }

    /// How many of the first of `bytes` are marks of the frame.
    pub(super) fn marks(&mut self, bytes: &[u8]) -> Result<usize, BadFrame> {
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(self.at, At::Data | At::Done) {
                return Ok(index);
            }
            self.at = self.step(*byte)?;
        }
        Ok(bytes.len())
    }

    /// How many of the first of `bytes`, which have no marks before them, are one piece of data.
    pub(super) fn data(&mut self, bytes: &[u8]) -> usize {
        if self.at != At::Data {
            return 0;
        }
        let taken = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        self.left -= taken as u64;
        if self.left == 0 {
            self.at = if self.chunked { At::DataReturn } else { At::Done };
        }
        taken
    }

    fn step(&mut self, byte: u8) -> Result<At, BadFrame> {
        match (self.at, byte) {
            (At::Size(digits), _) if byte.is_ascii_hexdigit() => {
                // 16 digits are all that a number of 64 bits has.
                if digits >= 16 {
                    return Err(BadFrame);
                }
                let digit = char::from(byte).to_digit(16).unwrap_or(0);
                self.left = (self.left << 4) | u64::from(digit);
                Ok(At::Size(digits + 1))
            }
            (At::Size(1..) | At::SizeSpace | At::Extension, b'\r') => Ok(At::SizeEnd),
            (At::Size(1..) | At::SizeSpace, b';') => Ok(At::Extension),
            (At::Size(1..) | At::SizeSpace, b' ' | b'\t') => {
                self.count_extension()?;
                Ok(At::SizeSpace)
            }
            (At::Extension, b'\n') => Err(BadFrame),
            (At::Extension, _) => {
                self.count_extension()?;
                Ok(At::Extension)
            }
            (At::SizeEnd, b'\n') => Ok(if self.left == 0 { At::TrailerStart } else { At::Data }),
            (At::DataReturn, b'\r') => Ok(At::DataEnd),
            (At::DataEnd, b'\n') => Ok(At::Size(0)),
            (At::TrailerStart, b'\r') => Ok(At::LastEnd),
            (At::Trailer, b'\r') => Ok(At::TrailerEnd),
            (At::TrailerEnd, b'\n') => Ok(At::TrailerStart),
            (At::TrailerStart | At::Trailer, b'\n') => Err(BadFrame),
            (At::TrailerStart | At::Trailer, _) => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > TRAILER_BYTES_MAX { Err(BadFrame) } else { Ok(At::Trailer) }
            }
            (At::LastEnd, b'\n') => Ok(At::Done),
            _ => Err(BadFrame),
        }
    }

    fn count_extension(&mut self) -> Result<(), BadFrame> {
        self.extension_bytes += 1;
        if self.extension_bytes > EXTENSION_BYTES_MAX { Err(BadFrame) } else { Ok(()) }
    }
}

/// The middle between the connection, which reads the socket, and the body's reader.
#[derive(Default)]
struct State {
    chunk: Option<Bytes>,
    end: Option<Result<(), BodyError>>,
    /// The reader has asked for something that is not there yet.
    wanted: bool,
    reader_gone: bool,
    /// Bytes that are certain to come.
    certain: u64,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

/// The connection's side of a body.
pub(super) struct Feed {
    state: Arc<Mutex<State>>,
}

/// What a reader wants of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    More,
    /// Nothing now: it has something, or has not asked yet.
    Nothing,
    /// Nothing any more.
    Gone,
}

impl Feed {
    /// A body of which `certain` bytes are known to come.
    pub(super) fn new(certain: u64) -> Self {
        Self { state: Arc::new(Mutex::new(State { certain, ..State::default() })) }
    }

    /// The reader's end: it refuses to give more than `max` bytes.
    pub(super) fn reader(&self, max: u64) -> FeedBody {
        FeedBody { state: Arc::clone(&self.state), left: max, ended: false }
    }

    /// What the reader wants; the task of `cx` is woken when that changes.
    pub(super) fn wants(&self, cx: &mut Context<'_>) -> Wants {
        let mut state = self.state.lock();
        if state.reader_gone {
            return Wants::Gone;
        }
        if !state.feeder.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.feeder = Some(cx.waker().clone());
        }
        if state.wanted && state.chunk.is_none() { Wants::More } else { Wants::Nothing }
    }

    pub(super) fn is_reader_gone(&self) -> bool {
        self.state.lock().reader_gone
    }

    pub(super) fn give(&self, chunk: Bytes, is_last: bool) {
        let mut state = self.state.lock();
        state.certain = state.certain.saturating_sub(chunk.len() as u64);
        state.chunk = (!chunk.is_empty()).then_some(chunk);
        if is_last {
            state.end = Some(Ok(()));
        }
        wake(state);
    }

    /// The rest does not come.
    pub(super) fn fail(&self, error: BodyError) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            state.end = Some(Err(error));
        }
        wake(state);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.fail(BodyError::Broken("the connection was closed".into()));
    }
}

fn wake(mut state: parking_lot::MutexGuard<'_, State>) {
    let waker = state.reader.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// A request's body, as its reader has it.
pub(super) struct FeedBody {
    state: Arc<Mutex<State>>,
    left: u64,
    ended: bool,
}

impl Body for FeedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut state = self.state.lock();
        let chunk = state.chunk.take();
        let end = if chunk.is_none() { state.end.clone() } else { None };
        if end.is_none() {
            // The next piece may be fetched while this one is looked at.
            state.wanted = true;
            if chunk.is_none() {
                state.reader = Some(cx.waker().clone());
            }
            let feeder = state.feeder.take();
            drop(state);
            if let Some(feeder) = feeder {
                feeder.wake();
            }
        } else {
            drop(state);
        }
        if let Some(chunk) = chunk {
            return match self.left.checked_sub(chunk.len() as u64) {
                Some(left) => {
                    self.left = left;
                    Poll::Ready(Some(Ok(Frame::data(chunk))))
                }
                None => {
                    self.ended = true;
                    Poll::Ready(Some(Err(BodyError::TooLarge)))
                }
            };
        }
        match end {
            Some(end) => {
                self.ended = true;
                Poll::Ready(end.err().map(Err))
            }
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.state.lock();
        self.ended || (state.chunk.is_none() && matches!(state.end, Some(Ok(()))))
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.state.lock();
        let there = state.chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(there + state.certain);
        if state.certain > 0 || matches!(state.end, Some(Ok(()))) {
            hint.set_upper(there + state.certain);
        }
        hint
    }
}

impl Drop for FeedBody {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        state.reader_gone = true;
        state.chunk = None;
        let feeder = state.feeder.take();
        drop(state);
        if let Some(feeder) = feeder {
            feeder.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BadFrame, Decoder};
    use crate::server::h1::head::Framing;

    /// Decodes `pieces` as they come: the data, what is left over, and whether it came to its end.
    fn decode(framing: Framing, pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), BadFrame> {
        let mut decoder = Decoder::new(framing);
        let (mut data, mut rest) = (Vec::new(), Vec::new());
        for piece in pieces {
            let mut piece = *piece;
            while !piece.is_empty() && !decoder.is_done() {
                piece = &piece[decoder.marks(piece)?..];
                let (taken, after) = piece.split_at(decoder.data(piece));
                data.extend_from_slice(taken);
                piece = after;
            }
            rest.extend_from_slice(piece);
        }
        Ok((data, rest, decoder.is_done()))
    }

    #[test]
    fn chunks_come_out_whole_wherever_they_are_cut() {
        let sent = b"5\r\nhello\r\n006;ext=\"x\"\r\n world\r\n1 \t\r\n!\r\n0\r\nx: y\r\nz:\r\n\r\nGET /";
        let expected = (b"hello world!".to_vec(), b"GET /".to_vec(), true);
        for cut in 0..sent.len() {
            let (one, two) = sent.split_at(cut);
            assert_eq!(decode(Framing::Chunked, &[one, two]), Ok(expected.clone()), "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(decode(Framing::Chunked, &bytes), Ok(expected));
    }

    #[test]
    fn a_length_is_kept() {
        let whole = decode(Framing::Length(4), &[b"ab", b"cdGET"]);
        assert_eq!(whole, Ok((b"abcd".to_vec(), b"GET".to_vec(), true)));
        assert_eq!(decode(Framing::Length(4), &[b"abc"]), Ok((b"abc".to_vec(), Vec::new(), false)));
    }

    #[test]
    fn broken_frames_are_refused() {
        let long_extension = format!("1;{}\r\n", "x".repeat(20_000));
        let long_trailer = format!("0\r\nx: {}\r\n", "y".repeat(20_000));
        let cases: [&[u8]; 17] = [
            b"\r\n",
            b"g\r\n",
            b"-1\r\n",
            b"0x5\r\n",
            b" 5\r\n",
            b"5\nhello",
            b"5\rhello",
            b"5 x\r\n",
            b";x\r\n",
            b"5\r\nhello\n",
            b"5\r\nhelloX",
            b"5\r\nhello\r\r",
            b"11111111111111111\r\n",
            b"0\r\n\n",
            b"0\r\n\rX",
            long_extension.as_bytes(),
            long_trailer.as_bytes(),
        ];
        for case in cases {
            assert_eq!(
                decode(Framing::Chunked, &[case]),
                Err(BadFrame),
                "{:?}",
                String::from_utf8_lossy(case)
            );
        }
    }
}
