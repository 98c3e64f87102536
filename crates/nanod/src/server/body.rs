//! Bodies between hyper and the runtime.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use nano_runtime::{BodyError, IncomingBody, ReplyBody, StreamBody};

use super::connections::Busy;

/// A request's body that ends with an error once it is over its limit.
pub(super) struct Limited {
    inner: Incoming,
    left: u64,
}

impl Limited {
    pub(super) fn new(inner: Incoming, max_bytes: u64) -> Self {
        Self { inner, left: max_bytes }
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(|error| BodyError::Broken(error.to_string()))?;
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.left = self.left.checked_sub(bytes).ok_or(BodyError::TooLarge)?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A response's body, of any origin.
pub(crate) struct OutBody {
    source: Source,
    /// The request that it answers is under way until the body is sent.
    _busy: Option<Busy>,
}

enum Source {
    /// All of it, or nothing.
    Full(Option<Bytes>),
    /// From the app.
    Stream(StreamBody),
    /// The request's own.
    Incoming(IncomingBody),
}

impl OutBody {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { source: Source::Full((!bytes.is_empty()).then_some(bytes)), _busy: None }
    }

    /// Keeps `busy` until the body is sent.
    pub(super) fn hold(mut self, busy: Busy) -> Self {
        self._busy = Some(busy);
        self
    }

    /// Whether all of it is here.
    pub(super) fn is_full(&self) -> bool {
        matches!(self.source, Source::Full(_))
    }

    /// The bytes, if that is all there is and will be.
    pub(super) fn take_full(&mut self) -> Option<Bytes> {
        match &mut self.source {
            Source::Full(bytes) => Some(bytes.take().unwrap_or_default()),
            _ => None,
        }
    }

    /// Whether it is known to be empty.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.source, Source::Full(None))
    }

    /// Whether its length is not known here.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.source, Source::Stream(_) | Source::Incoming(_))
    }
}

impl From<ReplyBody> for OutBody {
    fn from(body: ReplyBody) -> Self {
        let source = match body {
            ReplyBody::Empty => Source::Full(None),
            ReplyBody::Full(bytes) => return Self::full(bytes),
            ReplyBody::Stream(stream) => Source::Stream(stream),
            ReplyBody::Incoming(body) => Source::Incoming(body),
        };
        Self { source, _busy: None }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.source {
            Source::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Stream(stream) => Pin::new(stream).poll_frame(cx),
            Source::Incoming(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_none(),
            Source::Stream(_) => false,
            Source::Incoming(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Source::Stream(_) => SizeHint::default(),
            Source::Incoming(body) => body.size_hint(),
        }
    }
}
