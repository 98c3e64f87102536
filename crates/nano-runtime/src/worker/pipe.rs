//! A response body on its way out: filled by the app's script, drained by the connection, bounded in between.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use parking_lot::Mutex;

use super::exchange::{BodyError, Fault};

/// Bytes that may wait in a pipe before its writer is held back.
const HIGH_WATER_BYTES: usize = 64 << 10;

type Listener = Box<dyn Fn(PipeEvent) + Send + Sync>;

/// What the writer's side learns of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PipeEvent {
    /// There is room again.
    Room,
    /// All was read.
    Drained,
    /// Nobody reads any more, before the end: the client is gone.
    Closed,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    queued_bytes: usize,
    end: Option<Result<(), BodyError>>,
    reader_gone: bool,
    writer_waits: bool,
    /// The turn in which it was made is over.
    begun: bool,
    waker: Option<Waker>,
}

/// The shared middle of a pipe.
pub(crate) struct Pipe {
    state: Mutex<State>,
    listener: Listener,
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// Go on.
    Room,
    /// Taken, but wait for [`PipeEvent::Room`].
    Full,
    /// The reader is gone.
    Closed,
}

impl Pipe {
    /// `listener` is told, on the reader's thread and with no lock held, when room appears and when the reader goes.
    pub(crate) fn new(listener: impl Fn(PipeEvent) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), listener: Box::new(listener) })
    }

    pub(crate) fn reader(self: &Arc<Self>) -> StreamBody {
        StreamBody { pipe: Arc::clone(self), _held: None }
    }

    pub(crate) fn write(&self, chunk: Bytes) -> Written {
        let mut state = self.state.lock();
        if state.reader_gone || state.end.is_some() {
            return Written::Closed;
        }
        if !chunk.is_empty() {
            state.queued_bytes += chunk.len();
            state.chunks.push_back(chunk);
        }
        let waker = state.waker.take();
        let full = state.queued_bytes >= HIGH_WATER_BYTES;
        state.writer_waits = full;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if full { Written::Full } else { Written::Room }
    }

    /// The turn in which it was made is over, within its limits.
    pub(crate) fn begin(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.begun, true) || !state.chunks.is_empty() {
            return;
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the body, well or with an error; the first end counts.
    pub(crate) fn end(&self, result: Result<(), BodyError>) {
        let mut state = self.state.lock();
        if state.end.is_none() {
            state.end = Some(result);
        }
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }

    /// Whether it has an end, and nothing before that is left to read.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.end.is_some() && state.chunks.is_empty()
    }
}

/// The reader's end: a streamed reply body. Dropping it tells the app that its client is gone.
pub struct StreamBody {
    pipe: Arc<Pipe>,
    /// Whatever has to live as long as the exchange (its place among those in flight).
    _held: Option<Box<dyn Send + Sync>>,
}

impl std::fmt::Debug for StreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamBody").finish_non_exhaustive()
    }
}

impl StreamBody {
    /// What is known of a body of which nothing was read yet: that it has begun, or why it never will, since its app
    /// was stopped. It has begun with its first bytes, and when its app's turn is over without any.
    pub fn poll_begun(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut state = self.pipe.state.lock();
        match &state.end {
            Some(Err(BodyError::Stopped(fault))) => Poll::Ready(Err(*fault)),
            None if state.chunks.is_empty() && !state.begun => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Keeps `held` until the body is dropped.
    pub(crate) fn hold(&mut self, held: Box<dyn Send + Sync>) {
        self._held = Some(held);
    }
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = self.pipe.state.lock();
        if let Some(chunk) = state.chunks.pop_front() {
            state.queued_bytes -= chunk.len();
            let room = state.writer_waits && state.queued_bytes < HIGH_WATER_BYTES / 2;
            if room {
                state.writer_waits = false;
            }
            drop(state);
            if room {
                (self.pipe.listener)(PipeEvent::Room);
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match state.end.clone() {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for StreamBody {
    fn drop(&mut self) {
        let mut state = self.pipe.state.lock();
        state.reader_gone = true;
        let drained = matches!(state.end, Some(Ok(()))) && state.chunks.is_empty();
        state.chunks.clear();
        state.queued_bytes = 0;
        drop(state);
        (self.pipe.listener)(if drained { PipeEvent::Drained } else { PipeEvent::Closed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pipe_holds_its_writer_back_until_half_is_read() {
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let pipe = Pipe::new(move |event| seen.lock().push(event));
        let mut body = pipe.reader();
        assert_eq!(pipe.write(Bytes::from(vec![0; HIGH_WATER_BYTES / 2 + 1])), Written::Room);
        assert_eq!(pipe.write(Bytes::from(vec![0; HIGH_WATER_BYTES / 2])), Written::Full);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        assert!(events.lock().is_empty(), "half is still queued");
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        assert_eq!(*events.lock(), [PipeEvent::Room]);
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        drop(body);
        assert_eq!(*events.lock(), [PipeEvent::Room, PipeEvent::Closed]);
        assert_eq!(pipe.write(Bytes::from_static(b"late")), Written::Closed);
    }

    #[test]
    fn a_body_begins_with_bytes_with_an_end_or_with_its_turn() {
        let begun_after = |act: fn(&Pipe)| {
            let pipe = Pipe::new(|_| {});
            let body = pipe.reader();
            act(&pipe);
            body.poll_begun(&mut Context::from_waker(Waker::noop()))
        };
        assert_eq!(begun_after(|_| {}), Poll::Pending);
        assert_eq!(begun_after(|pipe| _ = pipe.write(Bytes::from_static(b"x"))), Poll::Ready(Ok(())));
        assert_eq!(begun_after(|pipe| pipe.end(Ok(()))), Poll::Ready(Ok(())));
        assert_eq!(begun_after(Pipe::begin), Poll::Ready(Ok(())));
        let stopped = begun_after(|pipe| pipe.end(Err(BodyError::Stopped(Fault::CpuLimit))));
        assert_eq!(stopped, Poll::Ready(Err(Fault::CpuLimit)));
    }

    #[test]
    fn the_first_end_counts() {
        let pipe = Pipe::new(|_| {});
        let mut body = pipe.reader();
        pipe.end(Err(BodyError::Broken("x".into())));
        pipe.end(Ok(()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut cx), Poll::Ready(Some(Err(_)))));
    }
}
