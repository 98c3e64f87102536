//! The places of the requests in flight: a counter while there are some, a semaphore for those who wait for one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore};

pub(super) struct Places {
    max: usize,
    free: AtomicUsize,
    /// Places that those who wait may have, in their order.
    queue: Semaphore,
    /// Those who wait for a place, and those who watch.
    waiting: AtomicUsize,
    /// Told of each place that is given back while somebody waits or watches.
    changed: Arc<Notify>,
}

/// Somebody watches the places that are given back.
pub(super) struct Watch<'a>(&'a Places);

/// One of the places, until it is dropped.
pub(super) struct Place<P: AsRef<Places>>(P);

impl Places {
    pub(super) fn new(max: usize, changed: &Arc<Notify>) -> Self {
        Self {
            max,
            free: AtomicUsize::new(max),
            queue: Semaphore::new(0),
            waiting: AtomicUsize::new(0),
            changed: Arc::clone(changed),
        }
    }

    /// A place, if there is a free one that nobody waits for.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place<&Arc<Self>>> {
        let less = |free: usize| free.checked_sub(1);
        if self.free.fetch_update(Ordering::SeqCst, Ordering::Relaxed, less).is_err() {
            self.queue.try_acquire().ok()?.forget();
        }
        Some(Place(self))
    }

    /// A place, once it is this caller's turn.
    pub(super) async fn wait(self: &Arc<Self>) -> Place<Arc<Self>> {
        // Who stops waiting may leave a place that was meant for it.
        let _waiting = self.watch();
        self.hand_out();
        match self.queue.acquire().await {
            Ok(permit) => permit.forget(),
            Err(_closed) => unreachable!("nobody closes it"),
        }
        Place(Arc::clone(self))
    }

    /// From here on, `changed` is told of places that are given back.
    pub(super) fn watch(&self) -> Watch<'_> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Watch(self)
    }

    /// Places that are taken. One that is just being handed out may count, never one that is taken less.
    pub(super) fn taken(&self) -> usize {
        let handed_out = self.queue.available_permits();
        self.max.saturating_sub(self.free.load(Ordering::SeqCst) + handed_out)
    }

    fn give_back(&self) {
        self.free.fetch_add(1, Ordering::SeqCst);
        // Sequentially consistent, against `wait`: either it finds the place, or it is seen here.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.hand_out();
            self.changed.notify_waiters();
        }
    }

    /// What is free goes to those who wait. `take` finds what they leave.
    fn hand_out(&self) {
        self.queue.add_permits(self.free.swap(0, Ordering::SeqCst));
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl Place<&Arc<Places>> {
    /// The same place, for longer.
    pub(super) fn keep(self) -> Place<Arc<Places>> {
        let places = Arc::clone(self.0);
        std::mem::forget(self);
        Place(places)
    }
}

impl<P: AsRef<Places>> Drop for Place<P> {
    fn drop(&mut self) {
        self.0.as_ref().give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use super::{Place, Places};

    fn poll(waiting: Pin<&mut impl Future<Output = Place<Arc<Places>>>>) -> Option<Place<Arc<Places>>> {
        match waiting.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_place_goes_to_the_first_who_waits() {
        let places = Arc::new(Places::new(2, &Arc::default()));
        let (first, second) = (places.take().unwrap(), places.take().unwrap().keep());
        assert!(places.take().is_none());
        let (mut one, mut other) = (pin!(places.wait()), pin!(places.wait()));
        assert!(poll(one.as_mut()).is_none() && poll(other.as_mut()).is_none());
        drop(first);
        assert!(places.take().is_none(), "it is not for who comes now");
        assert!(poll(other.as_mut()).is_none(), "nor for the second");
        let first = poll(one.as_mut()).unwrap();
        drop(second);
        let second = poll(other.as_mut()).unwrap();
        assert_eq!(places.taken(), 2);
        drop((first, second));
        assert_eq!(places.taken(), 0);
        assert!(places.take().is_some());
    }

    #[test]
    fn who_stops_waiting_leaves_the_place_to_others() {
        let places = Arc::new(Places::new(1, &Arc::default()));
        let taken = places.take().unwrap();
        {
            let mut waiting = pin!(places.wait());
            assert!(poll(waiting.as_mut()).is_none());
            drop(taken);
        }
        assert_eq!(places.taken(), 0);
        let taken = places.take().unwrap();
        assert!(places.take().is_none());
        let mut waiting = pin!(places.wait());
        assert!(poll(waiting.as_mut()).is_none());
        drop(taken);
        assert!(poll(waiting.as_mut()).is_some());
        assert_eq!(places.taken(), 0);
    }
}
