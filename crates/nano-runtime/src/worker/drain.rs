//! The end of a worker, or of all there is under way in it: waited for, and cut when its time is over.
//!
//! What is under way is told by three things: the places that requests hold (until their answer, or to the end of a
//! body that comes bit by bit), those that wait, and what goes on in the isolates. Whoever changes one of them tells
//! [`Shared::rest`] afterwards, once somebody watches.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::Instant;

use super::exchange::{BodyError, Fault, IncomingBody, Reply, ReplyBody};
use super::places::{Place, Places};
use super::{Shared, Worker};

/// Figures of a drain.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Requests that came to their end, with their streams and `waitUntil` work.
    pub finished: usize,
    /// Those that did not, and were cut.
    pub cut: usize,
}

impl Worker {
    /// Ends the worker: what is under way has time until `until`, then the rest is cut, and answered
    /// [`Fault::Draining`] where nothing was sent yet. Its isolates end with that, those in endless loops, too.
    ///
    /// A request that comes by a race is served before `until`, even when all others are through and it has to start an
    /// isolate for that.
    pub async fn drain(&self, until: Instant) -> Drained {
        self.shared.pool.lock().ending = true;
        let mut drained = Drained::default();
        loop {
            let more = self.settle(until).await;
            drained.finished += more.finished;
            drained.cut += more.cut;
            let (actors, cut) = {
                let pool = self.shared.pool.lock();
                (pool.actors.clone(), pool.cut)
            };
            if cut {
                return drained;
            }
            // One that is not at rest any more was found by a request just now.
            actors.iter().for_each(|actor| actor.end_at_rest());
            if actors.iter().all(|actor| actor.is_dead()) {
                break;
            }
        }
        // A request that comes now has as long as those before it.
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            if let Some(shared) = shared.upgrade() {
                shared.cut();
            }
        });
        drained
    }

    /// As [`Worker::drain`], without an end of the worker: isolates are kept, unless something had to be cut.
    pub async fn settle(&self, until: Instant) -> Drained {
        let before = self.under_way();
        let cut = match tokio::time::timeout_at(until, self.at_rest()).await {
            Ok(()) => 0,
            Err(_elapsed) => self.cut(),
        };
        Drained { finished: before.saturating_sub(cut), cut }
    }

    /// Requests under way, with their streams and `waitUntil` work.
    #[must_use]
    pub fn under_way(&self) -> usize {
        let actors = self.shared.pool.lock().actors.clone();
        self.requests() + actors.iter().map(|actor| actor.background()).sum::<usize>()
    }

    /// Ends when nothing is under way.
    async fn at_rest(&self) {
        let shared = &self.shared;
        shared.watched.store(true, Ordering::SeqCst);
        let _watched = self.places.watch();
        loop {
            let mut changed = pin!(shared.rest.notified());
            changed.as_mut().enable();
            if self.is_at_rest() {
                return;
            }
            changed.await;
        }
    }

    fn is_at_rest(&self) -> bool {
        // A request lets go of its place when its isolate knows already, or will hear, that it has its answer.
        if self.places.taken() > 0 || self.shared.waiting.load(Ordering::SeqCst) > 0 {
            return false;
        }
        let actors = self.shared.pool.lock().actors.clone();
        actors.iter().all(|actor| actor.is_at_rest())
    }

    /// Ends all that is under way. Tells how much that was.
    fn cut(&self) -> usize {
        let cut = self.under_way();
        self.shared.cut();
        cut
    }
}

impl Shared {
    /// Ends all that is under way. Nothing is begun from now on.
    fn cut(&self) {
        let actors = {
            let mut pool = self.pool.lock();
            pool.cut = true;
            pool.actors.clone()
        };
        self.cut.send_replace(true);
        for actor in actors {
            actor.cut();
        }
    }

    /// Something ended: whoever waits for the end of all looks again.
    pub(super) fn tell_rest(&self) {
        // Whoever began to watch before looked at what has changed since, or is told.
        if self.watched.load(Ordering::SeqCst) {
            self.rest.notify_waiters();
        }
    }

    /// Ends at the cut.
    pub(super) async fn until_cut(&self) {
        // An error means that the worker is gone, and who asks with it.
        let _ = self.cut.subscribe().wait_for(|cut| *cut).await;
    }
}

/// The reply keeps its place until its body is through.
pub(super) fn with_place(mut reply: Reply, place: Place<Arc<Places>>, shared: &Shared) -> Reply {
    reply.body = match reply.body {
        ReplyBody::Stream(mut body) => {
            body.hold(Box::new(place));
            ReplyBody::Stream(body)
        }
        ReplyBody::Incoming(body) => {
            let passing = Passing { body, cut: shared.cut.subscribe(), waiting: None, _place: place };
            ReplyBody::Incoming(Box::pin(passing))
        }
        whole => whole,
    };
    reply
}

/// A body that its app passes on untouched: no isolate knows of it any more, so it looks itself whether it is cut.
struct Passing {
    body: IncomingBody,
    cut: watch::Receiver<bool>,
    /// The wait for the cut, once the body is waited for.
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _place: Place<Arc<Places>>,
}

impl Passing {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let cut = &self.cut;
        let waiting = self.waiting.get_or_insert_with(|| {
            let mut cut = cut.clone();
            Box::pin(async move {
                if cut.wait_for(|cut| *cut).await.is_err() {
                    // The worker is gone, and nobody cuts any more.
                    std::future::pending::<()>().await;
                }
            })
        });
        waiting.as_mut().poll(cx)
    }
}

impl Body for Passing {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let stopped = Poll::Ready(Some(Err(BodyError::Stopped(Fault::Draining))));
        // The receiver never looked at the value, so this is about the cut.
        if self.cut.has_changed().is_ok_and(|changed| changed) {
            return stopped;
        }
        match self.body.as_mut().poll_frame(cx) {
            Poll::Pending if self.poll_cut(cx).is_ready() => stopped,
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
