//! The isolates of all apps together: how many start at once, and which go when the process reaches its memory budget.

use std::cmp::Reverse;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::actor::Actor;

/// Isolates that one start may have evicted: more than one, so that the memory goes down again.
const EVICTED_BY_A_START: usize = 3;
/// Isolates that one look at the memory may have evicted.
const EVICTED_BY_A_LOOK: usize = 64;
/// How often the memory is looked at when nothing starts: heaps grow.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Isolates that are asked in vain, since they are busy, before it is left to the next start or look.
const BUSY_MAX: usize = 16;
/// What was used so shortly ago stays: a request may be on its way to an isolate that was made for it.
const UNUSED_MIN: Duration = Duration::from_millis(100);
/// Evictions begin when so many parts of [`PARTS`] of the budget are taken; from all of it on, starts wait for them.
const PARTS_BEGIN: u64 = 15;
const PARTS: u64 = 16;

/// What all workers of a process share: places for starts, and the memory budget.
pub struct Residents {
    starts: Arc<Semaphore>,
    budget_bytes: Option<u64>,
    live: Mutex<Live<Actor>>,
}

/// What knows how it is used.
trait Used {
    /// When it was used last, in nanoseconds of any clock that goes forward.
    fn last_used_ns(&self) -> u64;
    /// It cannot go now, as far as can be told at once.
    fn is_busy(&self) -> bool;
}

impl Used for Actor {
    fn last_used_ns(&self) -> u64 {
        self.last_used_ns()
    }

    fn is_busy(&self) -> bool {
        !self.is_at_rest()
    }
}

struct Live<T> {
    /// All that live, and some that are gone.
    all: Vec<Weak<T>>,
    /// How long `all` may get before those that are gone are taken out.
    sweep_at: usize,
    /// The least recently used of them at some moment, with their last use; the oldest at the end.
    oldest: Vec<(u64, Weak<T>)>,
}

impl<T> Default for Live<T> {
    fn default() -> Self {
        Self { all: Vec::new(), sweep_at: 0, oldest: Vec::new() }
    }
}

impl<T: Used> Live<T> {
    fn add(&mut self, item: &Arc<T>) {
        if self.all.len() >= self.sweep_at {
            self.all.retain(|item| item.strong_count() > 0);
            self.sweep_at = 2 * self.all.len() + 64;
        }
        self.all.push(Arc::downgrade(item));
    }

    /// The one that was not used for the longest time, once.
    fn next_oldest(&mut self) -> Option<Arc<T>> {
        for looked in [false, true] {
            while let Some((used, item)) = self.oldest.pop() {
                if let Some(item) = item.upgrade().filter(|item| item.last_used_ns() == used) {
                    return Some(item);
                }
            }
            if !looked {
                self.look();
            }
        }
        None
    }

    /// One look at all of them gives a quarter of those that can go.
    fn look(&mut self) {
        let with_use = |item: &Weak<T>| {
            let used = item.upgrade().filter(|item| !item.is_busy())?.last_used_ns();
            Some((used, Weak::clone(item)))
        };
        self.oldest.extend(self.all.iter().filter_map(with_use));
        let kept = self.oldest.len().div_ceil(4);
        if kept < self.oldest.len() {
            self.oldest.select_nth_unstable_by_key(kept, |(used, _)| *used);
            self.oldest.truncate(kept);
        }
        self.oldest.sort_unstable_by_key(|(used, _)| Reverse(*used));
    }
}

impl Residents {
    /// `starts` apps start at once. When the process's resident memory reaches `budget_bytes`, isolates that have nothing
    /// to do are evicted, the least recently used first; where the system does not tell its size, none are.
    #[must_use]
    pub fn new(starts: usize, budget_bytes: Option<u64>) -> Arc<Self> {
        let live = Mutex::default();
        Arc::new(Self { starts: Arc::new(Semaphore::new(starts)), budget_bytes, live })
    }

    /// Looks at the memory from now on, for as long as somebody has the residents.
    pub fn watch(self: &Arc<Self>, runtime: &Handle) {
        if self.budget_bytes.is_none() {
            return;
        }
        let weak = Arc::downgrade(self);
        runtime.spawn(async move {
            let mut tick = tokio::time::interval(LOOK_EVERY);
            loop {
                tick.tick().await;
                let Some(residents) = weak.upgrade() else { return };
                if residents.takes(PARTS_BEGIN) {
                    let evict = move || residents.evict_while(PARTS_BEGIN, EVICTED_BY_A_LOOK);
                    if tokio::task::spawn_blocking(evict).await.is_err() {
                        tracing::error!("bug: an eviction panicked");
                    }
                }
            }
        });
    }

    /// The places for starts.
    pub(super) fn starts(&self) -> Arc<Semaphore> {
        Arc::clone(&self.starts)
    }

    /// To be called before an isolate is made, on a thread that may wait.
    pub(super) fn make_room(&self) {
        self.evict_while(PARTS, EVICTED_BY_A_START);
    }

    /// To be called when an isolate was made, on a thread that may wait.
    pub(super) fn add(&self, actor: &Arc<Actor>) {
        if self.budget_bytes.is_none() {
            return;
        }
        self.evict_while(PARTS_BEGIN, EVICTED_BY_A_START);
        self.live.lock().add(actor);
    }

    /// Whether the process takes so many parts of the budget.
    fn takes(&self, parts: u64) -> bool {
        self.budget_bytes
            .is_some_and(|budget| resident_bytes().is_some_and(|taken| taken > budget / PARTS * parts))
    }

    fn evict_while(&self, parts: u64, at_most: usize) {
        for _ in 0..at_most {
            if !self.takes(parts) || !self.evict_one() {
                return;
            }
        }
    }

    /// Evicts the isolate that was not used for the longest time, of those that are idle. `false`: there is none, or
    /// none to be found soon.
    fn evict_one(&self) -> bool {
        for _ in 0..BUSY_MAX {
            let Some(actor) = self.live.lock().next_oldest() else { return false };
            if actor.evict_if_idle(UNUSED_MIN) {
                // Here and now, if nobody else has it: elsewhere, it would come after the isolate that needs the room.
                if let Some(mut actor) = Arc::into_inner(actor) {
                    actor.dispose();
                }
                return true;
            }
        }
        false
    }
}

/// The process's resident memory.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Live, Used, resident_bytes};

    /// 0 is busy.
    struct Item(AtomicU64);

    impl Used for Item {
        fn last_used_ns(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        fn is_busy(&self) -> bool {
            self.last_used_ns() == 0
        }
    }

    #[test]
    fn the_least_recently_used_comes_first_and_once() {
        let mut items: Vec<_> =
            [50, 10, 80, 30, 60, 20, 70, 40, 0].into_iter().map(|used| Arc::new(Item(used.into()))).collect();
        let mut live = Live::default();
        items.iter().for_each(|item| live.add(item));
        let mut order = Vec::new();
        while let Some(item) = live.next_oldest() {
            order.push(item.last_used_ns());
            match item.last_used_ns() {
                // The next one was used meanwhile, and then is the last one.
                10 => items[5].0.store(90, Ordering::Relaxed),
                40 => items.retain(|item| item.last_used_ns() != 60),
                _ => {}
            }
            // It is evicted.
            items.retain(|other| !Arc::ptr_eq(other, &item));
        }
        assert_eq!(order, [10, 30, 40, 50, 70, 80, 90]);
    }

    #[test]
    fn what_is_gone_is_swept_out() {
        let mut live = Live::default();
        for used in 0..10_000_u64 {
            live.add(&Arc::new(Item(used.into())));
        }
        assert!(live.all.len() <= 64, "{}", live.all.len());
        assert!(live.next_oldest().is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_tells_the_resident_memory() {
        let bytes = resident_bytes().unwrap();
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
    }
}
