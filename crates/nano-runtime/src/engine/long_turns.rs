//! Who computes for long, and when. Turns of microseconds run where the request came in. An app that is not known for
//! such turns yet, or has had a long one lately, runs on threads of its own, and as many of those compute at once as
//! there are cores: the app that used least goes first, and gives the core back after ten milliseconds if others wait.
//! So apps that spin queue behind each other, and threads that serve compete with a few of them, however many there are.
//!
//! Three bounds, from the inside out: *permits* to compute, one for each core; *tickets* to be in the middle of a long
//! turn, which holds a thread; and few tickets for apps whose turns got stuck in a built-in, where V8 serves no interrupt.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::clock::{Moment, nanos};
use super::watchdog::Control;

/// Turns of an app that have to be short before they run where the request came in.
const TRUSTED_AFTER: u32 = 32;
/// How long an app is known for a long turn.
const LONG_MEMORY: Duration = Duration::from_secs(30);
/// How long it is known for one that was stuck in a built-in.
const STUCK_MEMORY: Duration = Duration::from_secs(600);
/// Long turns under way at once, of apps that are known for them. Each holds a thread.
const LONG_TURNS_MAX: usize = 256;
/// What an app used counts half after this time.
const USAGE_HALF_LIFE: Duration = Duration::from_secs(1);
/// How often a parked turn looks whether it was ended: whoever ends it wakes it, so this is for the one that was about
/// to park.
const PARKED_LOOK: Duration = Duration::from_millis(50);

/// The long turns of the process.
pub(super) struct LongTurns {
    state: Mutex<State>,
    cores: usize,
}

struct State {
    /// Permits that are out.
    computing: usize,
    parked: VecDeque<Parked>,
    long: Tickets,
    stuck: Tickets,
}

/// A turn that waits for a permit, on its thread.
struct Parked {
    share: Arc<Share>,
    thread: Thread,
    granted: Arc<AtomicBool>,
}

struct Tickets {
    free: usize,
    waiting: Vec<(Arc<Share>, oneshot::Sender<Ticket>)>,
}

/// The right to be in the middle of a long turn.
pub(crate) struct Ticket {
    turns: Arc<LongTurns>,
    stuck: bool,
}

/// What one app did lately, and its part in what is shared.
pub(crate) struct Share {
    turns: Arc<LongTurns>,
    /// Turns that were short, up to [`TRUSTED_AFTER`].
    short_turns: AtomicU32,
    /// Until when it is known for a long turn, and for one that was stuck. 0: never.
    long_until_ns: AtomicU64,
    stuck_until_ns: AtomicU64,
    /// What it used of permits, halved each [`USAGE_HALF_LIFE`], as of `used_at_ns`. Written under the state's lock.
    used_ns: AtomicU64,
    used_at_ns: AtomicU64,
}

/// A turn's own part, in the isolate's [`Control`].
#[derive(Default)]
pub(super) struct Permit {
    held: AtomicBool,
    granted_at_ns: AtomicU64,
    /// The thread of a turn that is parked.
    parked: Mutex<Option<Thread>>,
}

impl LongTurns {
    pub(super) fn new(cores: usize) -> Arc<Self> {
        let tickets = |free| Tickets { free, waiting: Vec::new() };
        let state = State {
            computing: 0,
            parked: VecDeque::new(),
            long: tickets(LONG_TURNS_MAX),
            stuck: tickets(cores),
        };
        Arc::new(Self { state: Mutex::new(state), cores })
    }

    /// Waits for a permit on this thread, which may be in the middle of the turn. A turn that was ended goes on without.
    fn acquire(&self, control: &Control) {
        let permit = &control.permit;
        let share = &control.share;
        let granted = Arc::new(AtomicBool::new(false));
        {
            let mut state = self.state.lock();
            if state.computing < self.cores {
                state.computing += 1;
                permit.begin();
                return;
            }
            let thread = std::thread::current();
            state.parked.push_back(Parked {
                share: Arc::clone(share),
                thread,
                granted: Arc::clone(&granted),
            });
        }
        *permit.parked.lock() = Some(std::thread::current());
        while !granted.load(Ordering::Acquire) && control.terminated().is_none() {
            std::thread::park_timeout(PARKED_LOOK);
        }
        *permit.parked.lock() = None;
        let mut state = self.state.lock();
        if granted.load(Ordering::Acquire) {
            permit.begin();
        } else {
            state.parked.retain(|parked| !Arc::ptr_eq(&parked.granted, &granted));
        }
    }

    /// Hands a permit on to whoever used least, or takes it back.
    fn pass_on(&self, state: &mut State) {
        let now = Moment::now();
        let least = (0..state.parked.len())
            .min_by_key(|index| state.parked.get(*index).map(|parked| parked.share.used(now)));
        match least.and_then(|index| state.parked.remove(index)) {
            Some(next) => {
                next.granted.store(true, Ordering::Release);
                next.thread.unpark();
            }
            None => state.computing = state.computing.saturating_sub(1),
        }
    }

    /// The turn of `control` computes no more, or not where it can be told to wait.
    pub(super) fn release(&self, control: &Control) {
        if !control.permit.held.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state.lock();
        if control.permit.held.swap(false, Ordering::Relaxed) {
            control.share.charge(control.permit.granted_at_ns.load(Ordering::Relaxed));
            self.pass_on(&mut state);
        }
    }

    /// Called inside a long turn, each time that V8 interrupts it: waits for its turn among others like it.
    pub(super) fn queue_up(&self, control: &Control) {
        if control.permit.held.load(Ordering::Relaxed) {
            if self.state.lock().parked.is_empty() {
                return;
            }
            self.release(control);
        }
        self.acquire(control);
    }

    async fn ticket(self: &Arc<Self>, share: &Arc<Share>, stuck: bool) -> Ticket {
        let receiver = {
            let mut state = self.state.lock();
            let tickets = state.tickets(stuck);
            if tickets.free > 0 {
                tickets.free -= 1;
                return Ticket { turns: Arc::clone(self), stuck };
            }
            let (sender, receiver) = oneshot::channel();
            tickets.waiting.push((Arc::clone(share), sender));
            receiver
        };
        receiver.await.unwrap_or_else(|_| unreachable!("tickets are handed on, never dropped"))
    }
}

impl State {
    fn tickets(&mut self, stuck: bool) -> &mut Tickets {
        if stuck { &mut self.stuck } else { &mut self.long }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let now = Moment::now();
        let mut state = self.turns.state.lock();
        let tickets = state.tickets(self.stuck);
        // A waiter that is gone is skipped.
        tickets.waiting.retain(|(_, sender)| !sender.is_closed());
        let least = (0..tickets.waiting.len())
            .min_by_key(|index| tickets.waiting.get(*index).map(|(share, _)| share.used(now)));
        let Some(index) = least else {
            tickets.free += 1;
            return;
        };
        let (_, sender) = tickets.waiting.swap_remove(index);
        drop(state);
        // If it left just now, the ticket comes back and is dropped anew.
        let ticket = Ticket { turns: Arc::clone(&self.turns), stuck: self.stuck };
        drop(sender.send(ticket));
    }
}

impl Permit {
    fn begin(&self) {
        self.granted_at_ns.store(Moment::now().ns(), Ordering::Relaxed);
        self.held.store(true, Ordering::Relaxed);
    }

    /// Whether the turn waits for a permit.
    pub(super) fn is_parked(&self) -> bool {
        self.parked.lock().is_some()
    }

    /// Lets a parked turn see that it was ended.
    pub(super) fn wake(&self) {
        if let Some(thread) = &*self.parked.lock() {
            thread.unpark();
        }
    }
}

impl Share {
    pub(super) fn new(turns: &Arc<LongTurns>) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::clone(turns),
            short_turns: AtomicU32::new(0),
            long_until_ns: AtomicU64::new(0),
            stuck_until_ns: AtomicU64::new(0),
            used_ns: AtomicU64::new(0),
            used_at_ns: AtomicU64::new(0),
        })
    }

    pub(super) fn turns(&self) -> &LongTurns {
        &self.turns
    }

    /// Whether the app's turns may run where its requests come in.
    pub(crate) fn is_trusted(&self, now: Moment) -> bool {
        self.short_turns.load(Ordering::Relaxed) >= TRUSTED_AFTER
            && self.long_until_ns.load(Ordering::Relaxed) < now.ns()
    }

    /// A turn took long, by its CPU time.
    pub(super) fn was_long(&self, now: u64) {
        self.long_until_ns.fetch_max(now + nanos(LONG_MEMORY), Ordering::Relaxed);
    }

    /// A turn is inside a built-in that V8 does not interrupt.
    pub(super) fn was_stuck(&self, now: u64) {
        let until = now + nanos(STUCK_MEMORY);
        self.long_until_ns.fetch_max(until, Ordering::Relaxed);
        self.stuck_until_ns.fetch_max(until, Ordering::Relaxed);
    }

    /// Runs `turn` on a thread of its own, once the app is next.
    pub(crate) fn run(
        self: &Arc<Self>,
        runtime: &Handle,
        control: Arc<Control>,
        turn: impl FnOnce() + Send + 'static,
    ) {
        let share = Arc::clone(self);
        let run = move |ticket: Option<Ticket>| {
            share.turns.acquire(&control);
            turn();
            // It may not have come to a turn, whose end gives the permit back.
            share.turns.release(&control);
            share.count_turn();
            drop(ticket);
        };
        if !self.is_long() {
            runtime.spawn_blocking(move || run(None));
            return;
        }
        let share = Arc::clone(self);
        runtime.spawn(async move {
            let ticket = share.ticket().await;
            tokio::task::spawn_blocking(move || run(ticket));
        });
    }

    /// Waits until the app may have one more turn that is likely to be long.
    pub(crate) async fn ticket(self: &Arc<Self>) -> Option<Ticket> {
        if !self.is_long() {
            return None;
        }
        let stuck = self.stuck_until_ns.load(Ordering::Relaxed) >= Moment::now().ns();
        Some(self.turns.ticket(self, stuck).await)
    }

    fn is_long(&self) -> bool {
        self.long_until_ns.load(Ordering::Relaxed) >= Moment::now().ns()
    }

    fn count_turn(&self) {
        let short = self.short_turns.load(Ordering::Relaxed);
        if short < TRUSTED_AFTER {
            self.short_turns.store(short + 1, Ordering::Relaxed);
        }
    }

    fn used(&self, now: Moment) -> u64 {
        let halvings =
            now.ns().saturating_sub(self.used_at_ns.load(Ordering::Relaxed)) / nanos(USAGE_HALF_LIFE);
        self.used_ns.load(Ordering::Relaxed) >> halvings.min(63)
    }

    fn charge(&self, since_ns: u64) {
        let now = Moment::now();
        let used = self.used(now).saturating_add(now.ns().saturating_sub(since_ns));
        self.used_ns.store(used, Ordering::Relaxed);
        self.used_at_ns.store(now.ns(), Ordering::Relaxed);
    }
}
