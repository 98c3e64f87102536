//! Isolates that are made before an app needs one: most of the time that an app takes to start is V8's, for an isolate
//! that is the same for all apps but for the size of its heap, which V8 wants to know when it makes it.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::isolate::IsolateLimits;

/// A few isolates, or whatever `T` is, that belong to nobody yet.
pub(super) struct Blanks<T> {
    stock: Mutex<Stock<T>>,
}

struct Stock<T> {
    /// How many are kept. 0: none, until somebody says how many.
    max: usize,
    /// The oldest first, which goes first when apps ask for heaps of another size.
    ready: VecDeque<(IsolateLimits, T)>,
    /// Those to be made.
    owed: VecDeque<IsolateLimits>,
    /// One is being made; the next ones are made after it, by the same thread.
    making: bool,
}

impl<T> Default for Blanks<T> {
    fn default() -> Self {
        let (ready, owed) = (VecDeque::new(), VecDeque::new());
        Self { stock: Mutex::new(Stock { max: 0, ready, owed, making: false }) }
    }
}

impl<T> Stock<T> {
    /// Whether one more of this size is of use.
    fn lacks(&self, limits: IsolateLimits) -> bool {
        let ready = self.ready.iter().filter(|(of, _)| *of == limits).count();
        ready + self.owed.iter().filter(|owed| **owed == limits).count() < self.max
    }
}

impl<T: Send + 'static> Blanks<T> {
    /// Keeps `count` from now on, of this size at first.
    pub(super) fn keep(&self, count: usize, limits: IsolateLimits) {
        let mut stock = self.stock.lock();
        stock.max = count;
        stock.owed = std::iter::repeat_n(limits, count).collect();
    }

    /// One with such a heap, if there is one. One more like it is owed from then on, so that the stock follows what apps
    /// ask for.
    pub(super) fn take(&self, limits: IsolateLimits) -> Option<T> {
        let mut stock = self.stock.lock();
        let index = stock.ready.iter().position(|(of, _)| *of == limits);
        let taken = index.and_then(|index| stock.ready.remove(index));
        if stock.lacks(limits) {
            stock.owed.push_back(limits);
        }
        taken.map(|(_, blank)| blank)
    }

    /// Has what is owed made on a blocking thread, one after the other.
    pub(super) fn restock(
        self: &Arc<Self>,
        runtime: &Handle,
        make: impl Fn(IsolateLimits) -> T + Send + 'static,
    ) {
        {
            let mut stock = self.stock.lock();
            if stock.making || stock.owed.is_empty() {
                return;
            }
            stock.making = true;
        }
        let blanks = Arc::clone(self);
        runtime.spawn_blocking(move || {
            while let Some(limits) = blanks.next_owed() {
                let made = make(limits);
                // The one that leaves is disposed of with no lock held.
                drop(blanks.put(limits, made));
            }
        });
    }

    fn next_owed(&self) -> Option<IsolateLimits> {
        let mut stock = self.stock.lock();
        let next = stock.owed.pop_front();
        stock.making = next.is_some();
        next
    }

    /// Adds one. Gives the one that there is no room for.
    fn put(&self, limits: IsolateLimits, blank: T) -> Option<T> {
        let mut stock = self.stock.lock();
        stock.ready.push_back((limits, blank));
        let surplus = stock.ready.len() > stock.max;
        surplus.then(|| stock.ready.pop_front()).flatten().map(|(_, blank)| blank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: IsolateLimits = IsolateLimits { memory_bytes: 1 };
    const LARGE: IsolateLimits = IsolateLimits { memory_bytes: 2 };

    fn make_all(blanks: &Blanks<u32>, from: u32) {
        for number in from.. {
            let Some(limits) = blanks.next_owed() else { return };
            blanks.put(limits, number);
        }
    }

    #[test]
    fn none_are_kept_unless_asked_for() {
        let blanks = Blanks::<u32>::default();
        assert_eq!(blanks.take(SMALL), None);
        assert_eq!(blanks.next_owed(), None);
    }

    #[test]
    fn what_is_taken_is_made_anew() {
        let blanks = Blanks::default();
        blanks.keep(2, SMALL);
        assert_eq!(blanks.take(SMALL), None, "both are still owed");
        make_all(&blanks, 1);
        assert_eq!((blanks.take(SMALL), blanks.take(SMALL), blanks.take(SMALL)), (Some(1), Some(2), None));
        make_all(&blanks, 3);
        assert_eq!((blanks.take(SMALL), blanks.take(SMALL), blanks.take(SMALL)), (Some(3), Some(4), None));
    }

    #[test]
    fn the_stock_follows_what_apps_ask_for() {
        let blanks = Blanks::default();
        blanks.keep(2, SMALL);
        make_all(&blanks, 1);
        assert_eq!(blanks.take(LARGE), None);
        make_all(&blanks, 3);
        assert_eq!((blanks.take(LARGE), blanks.take(SMALL)), (Some(3), Some(2)), "the oldest left");
        assert_eq!(blanks.take(SMALL), None);
    }
}
