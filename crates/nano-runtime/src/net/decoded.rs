//! A body whose content codings are taken off on its way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};

use super::coding::Codings;
use crate::api::{Codec, CodecError, Format};
use crate::engine::{MemoryAccount, thread_cpu_ns};
use crate::worker::{BodyError, IncomingBody, Meter};

/// Steps of the codec, a fraction of a millisecond each, after which the thread's other tasks come first.
const STEPS_AT_ONCE: u32 = 8;

/// Takes `codings` off `body`. What the decoders hold counts as `memory`, their time goes by `meter`.
pub(crate) fn decoded(
    body: IncomingBody,
    codings: &Codings,
    memory: &Arc<MemoryAccount>,
    meter: &Arc<Meter>,
) -> IncomingBody {
    codings.formats().iter().rev().fold(body, |inner, format| {
        Box::pin(Decoded {
            inner,
            format: *format,
            codec: None,
            head: Vec::new(),
            members: 0,
            inner_ended: false,
            over: false,
            steps: 0,
            memory: Arc::clone(memory),
            meter: Arc::clone(meter),
        })
    })
}

struct Decoded {
    inner: IncomingBody,
    format: Format,
    /// The decoder of the member that is being read (of gzip, a frame of zstd; others have one).
    codec: Option<Codec>,
    /// The first bytes of a member, while they are too few to tell what it is.
    head: Vec<u8>,
    /// Members that were read to their end.
    members: u32,
    inner_ended: bool,
    /// Nothing comes any more: the end, an error, or what is not of the coding.
    over: bool,
    /// Since something was last waited for.
    steps: u32,
    memory: Arc<MemoryAccount>,
    meter: Arc<Meter>,
}

/// What the first bytes of a member say.
enum Begin {
    /// Too little.
    More,
    Member(Format),
    /// It is none. What follows a member is ignored then, as by browsers.
    Nothing,
}

/// Whether `head` begins with `magic`, as far as it goes.
fn begins_with(head: &[u8], magic: &[u8], format: Format) -> Begin {
    let known = head.len().min(magic.len());
    if head[..known] != magic[..known] {
        Begin::Nothing
    } else if known < magic.len() {
        Begin::More
    } else {
        Begin::Member(format)
    }
}

impl Decoded {
    fn begin(&self) -> Begin {
        match (self.format, self.members, &*self.head) {
            // The coding is zlib's format (RFC 9110, section 8.4.1.2), but some servers send the bare one.
            (Format::Deflate, 0, [_]) => Begin::More,
            (Format::Deflate, 0, [first, second, ..]) => {
                let is_zlib = first & 0x0f == 8
                    && first >> 4 <= 7
                    && (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31);
                Begin::Member(if is_zlib { Format::Deflate } else { Format::DeflateRaw })
            }
            (_, _, []) => Begin::More,
            (format, 0, _) => Begin::Member(format),
            (Format::Gzip, _, head) => begins_with(head, &[0x1f, 0x8b], Format::Gzip),
            (Format::Zstd, _, head) => begins_with(head, &[0x28, 0xb5, 0x2f, 0xfd], Format::Zstd),
            _ => Begin::Nothing,
        }
    }

    /// Goes on with what is here: output, or `None` if there has to be more input first.
    fn step(&mut self) -> Result<Option<Bytes>, CodecError> {
        if self.codec.is_none() {
            let format = match self.begin() {
                Begin::Member(format) => format,
                Begin::More if !self.inner_ended => return Ok(None),
                // One byte of deflate, and no more.
                Begin::More if self.members == 0 && !self.head.is_empty() => {
                    return Err(CodecError::Truncated);
                }
                Begin::More | Begin::Nothing => {
                    self.over = true;
                    return Ok(None);
                }
            };
            let codec = self.codec.insert(Codec::new(format, true, &self.memory)?);
            codec.push(std::mem::take(&mut self.head))?;
        }
        let Some(codec) = &mut self.codec else { return Ok(None) };
        let mut output = Vec::new();
        let length = codec.step(self.inner_ended, &mut output)?;
        if codec.is_ended()
            && let Some(codec) = self.codec.take()
        {
            self.members = self.members.saturating_add(1);
            self.head = codec.into_rest();
        }
        output.truncate(length);
        output.shrink_to_fit();
        Ok((length > 0).then(|| Bytes::from(output)))
    }

    /// Whether a step has something to do without more input.
    fn has_more(&self) -> bool {
        match &self.codec {
            Some(codec) => codec.has_more() || self.inner_ended,
            None => self.inner_ended || !matches!(self.begin(), Begin::More),
        }
    }

    fn metered_step(&mut self) -> Result<Option<Bytes>, BodyError> {
        let begin = thread_cpu_ns();
        let result = self.step();
        if !self.meter.add(thread_cpu_ns().saturating_sub(begin)) {
            return Err(BodyError::Undecodable("that takes more CPU time than a request may".to_owned()));
        }
        result.map_err(|error| match error {
            CodecError::Memory => BodyError::Memory,
            error => BodyError::Undecodable(error.to_string()),
        })
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        while !self.over {
            if self.has_more() {
                if self.steps == STEPS_AT_ONCE {
                    self.steps = 0;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.steps += 1;
                match self.metered_step() {
                    Ok(Some(chunk)) => return Poll::Ready(Some(Ok(chunk))),
                    Ok(None) => continue,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            let Poll::Ready(frame) = self.inner.as_mut().poll_frame(cx) else {
                self.steps = 0;
                return Poll::Pending;
            };
            // Trailers are dropped: nothing here has a place for them.
            match frame.transpose()?.map(Frame::into_data) {
                None => self.inner_ended = true,
                Some(Err(_trailers)) => {}
                Some(Ok(data)) => match &mut self.codec {
                    None => self.head.extend_from_slice(&data),
                    Some(codec) => {
                        if codec.push(data.into()).is_err() {
                            return Poll::Ready(Some(Err(BodyError::Memory)));
                        }
                    }
                },
            }
        }
        Poll::Ready(None)
    }
}

impl Body for Decoded {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = ready!(self.poll_chunk(cx));
        if !matches!(chunk, Some(Ok(_))) {
            // Neither the decoder nor the rest of the body is of any use now.
            self.over = true;
            self.codec = None;
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.over
    }
}
