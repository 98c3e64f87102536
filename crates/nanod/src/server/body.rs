//! Bodies between hyper and the runtime.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use nano_runtime::{BodyError, IncomingBody, ReplyBody, StreamBody};

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

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
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
pub(crate) enum OutBody {
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
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }
}

impl From<ReplyBody> for OutBody {
    fn from(body: ReplyBody) -> Self {
        match body {
            ReplyBody::Empty => Self::Full(None),
            ReplyBody::Full(bytes) => Self::full(bytes),
            ReplyBody::Stream(stream) => Self::Stream(stream),
            ReplyBody::Incoming(body) => Self::Incoming(body),
        }
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => Pin::new(stream).poll_frame(cx),
            Self::Incoming(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Stream(_) => false,
            Self::Incoming(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
            Self::Incoming(body) => body.size_hint(),
        }
    }
}
