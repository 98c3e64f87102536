//! Who computes for long, and when. Turns of microseconds run where the request came in. An app that is not known for
//! such turns yet, or has had a long one lately, runs on threads of its own, and as many of those compute at once as
//! there are cores: the app that used least goes first, and gives the core back after ten milliseconds if others wait.
//! So apps that spin queue behind each other, and threads that serve compete with a few of them, however many there are.
//!
//! Two bounds: *permits* to compute, one for each core; and *tickets* to have a turn on such a thread, which holds it to
//! the turn's end. There are fewer tickets for apps that are known for long turns, and few for those whose turns got stuck
//! in a built-in, where V8 serves no interrupt.

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
/// Two turns that were stuck in a built-in count if no more than this lies between them. One alone may have been a
/// collection of the heap, or a moment at which the machine was short of cores.
const STUCK_AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// How long an app is known for turns that got stuck.
const STUCK_MEMORY: Duration = Duration::from_secs(600);
/// Turns under way at once on threads of their own: of apps that are not known, and of apps that are known for long
/// ones. Together they leave room among the runtime's blocking threads (2048 in nanod).
const UNKNOWN_TURNS_MAX: usize = 1024;
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
    parked: Vec<Parked>,
    unknown: Tickets,
    long: Tickets,
    stuck: Tickets,
}

/// What an app is known for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fame {
    Unknown,
    Long,
    Stuck,
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

/// The right to a turn on a thread of its own.
pub(crate) struct Ticket {
    turns: Arc<LongTurns>,
    fame: Fame,
}

/// What one app did lately, and its part in what is shared.
pub(crate) struct Share {
    turns: Arc<LongTurns>,
    /// Turns that were short, up to [`TRUSTED_AFTER`].
    short_turns: AtomicU32,
    /// Until when it is known for a long turn, and for those that got stuck. 0: never.
    long_until_ns: AtomicU64,
    stuck_until_ns: AtomicU64,
    /// Until when one more that gets stuck is the second.
    stuck_once_until_ns: AtomicU64,
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
            parked: Vec::new(),
            unknown: tickets(UNKNOWN_TURNS_MAX),
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
            state.parked.push(Parked { share: Arc::clone(share), thread, granted: Arc::clone(&granted) });
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
        match least_used(&state.parked, |parked| &parked.share) {
            Some(index) => {
                let next = state.parked.remove(index);
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

    /// A ticket, or the wait for one.
    fn ticket(self: &Arc<Self>, share: &Arc<Share>, fame: Fame) -> Result<Ticket, oneshot::Receiver<Ticket>> {
        let mut state = self.state.lock();
        let tickets = state.tickets(fame);
        if tickets.free > 0 {
            tickets.free -= 1;
            return Ok(Ticket { turns: Arc::clone(self), fame });
        }
        let (sender, receiver) = oneshot::channel();
        tickets.waiting.push((Arc::clone(share), sender));
        Err(receiver)
    }
}

impl State {
    fn tickets(&mut self, fame: Fame) -> &mut Tickets {
        match fame {
            Fame::Unknown => &mut self.unknown,
            Fame::Long => &mut self.long,
            Fame::Stuck => &mut self.stuck,
        }
    }
}

/// Which of those that wait belongs to the app that used least; among equals, who came first.
fn least_used<T>(waiting: &[T], share_of: impl Fn(&T) -> &Arc<Share>) -> Option<usize> {
    let now = Moment::now();
    let used = waiting.iter().map(|waiter| share_of(waiter).used(now));
    used.enumerate().min_by_key(|(_, used)| *used).map(|(index, _)| index)
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.turns.state.lock();
        let tickets = state.tickets(self.fame);
        // A waiter that is gone is skipped.
        tickets.waiting.retain(|(_, sender)| !sender.is_closed());
        let Some(index) = least_used(&tickets.waiting, |(share, _)| share) else {
            tickets.free += 1;
            return;
        };
        let (_, sender) = tickets.waiting.remove(index);
        drop(state);
        // If it left just now, the ticket comes back and is dropped anew.
        let ticket = Ticket { turns: Arc::clone(&self.turns), fame: self.fame };
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
            stuck_once_until_ns: AtomicU64::new(0),
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

    /// A turn is inside a built-in that V8 does not interrupt. Told once for each time that it did not answer.
    pub(super) fn was_stuck(&self, now: u64) {
        self.was_long(now);
        let again = now + nanos(STUCK_AGAIN_WITHIN);
        if self.stuck_once_until_ns.swap(again, Ordering::Relaxed) >= now {
            let until = now + nanos(STUCK_MEMORY);
            self.long_until_ns.fetch_max(until, Ordering::Relaxed);
            self.stuck_until_ns.fetch_max(until, Ordering::Relaxed);
        }
    }

    /// Runs `turn` on a thread of its own, once the app is next.
    pub(crate) fn run(
        self: &Arc<Self>,
        runtime: &Handle,
        control: Arc<Control>,
        turn: impl FnOnce() + Send + 'static,
    ) {
        let share = Arc::clone(self);
        let run = move |ticket: Ticket| {
            share.turns.acquire(&control);
            turn();
            // It may not have come to a turn, whose end gives the permit back.
            share.turns.release(&control);
            share.count_turn();
            drop(ticket);
        };
        match self.turns.ticket(self, self.fame()) {
            Ok(ticket) => {
                runtime.spawn_blocking(move || run(ticket));
            }
            Err(waiting) => {
                runtime.spawn(async move {
                    // Tickets are handed on, never dropped.
                    if let Ok(ticket) = waiting.await {
                        tokio::task::spawn_blocking(move || run(ticket));
                    }
                });
            }
        }
    }

    /// Waits until an app that is known for long turns may have one more: its start.
    pub(crate) async fn ticket(self: &Arc<Self>) -> Option<Ticket> {
        let fame = self.fame();
        if fame == Fame::Unknown {
            return None;
        }
        match self.turns.ticket(self, fame) {
            Ok(ticket) => Some(ticket),
            Err(waiting) => waiting.await.ok(),
        }
    }

    fn fame(&self) -> Fame {
        let now = Moment::now().ns();
        if self.stuck_until_ns.load(Ordering::Relaxed) >= now {
            Fame::Stuck
        } else if self.long_until_ns.load(Ordering::Relaxed) >= now {
            Fame::Long
        } else {
            Fame::Unknown
        }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::watchdog::Termination;
    use super::*;

    /// An app's control, after it used a core for so long.
    fn control(turns: &Arc<LongTurns>, used_ms: u64) -> Arc<Control> {
        let share = Share::new(turns);
        share.used_ns.store(used_ms * 1_000_000, Ordering::Relaxed);
        share.used_at_ns.store(Moment::now().ns(), Ordering::Relaxed);
        Arc::new(Control::new(&share))
    }

    fn until_parked(control: &Control) {
        while !control.permit.is_parked() {
            std::thread::yield_now();
        }
    }

    /// Waits for a permit on a thread of its own, and tells its number then.
    fn wait_for_permit(control: &Arc<Control>, number: u32, done: &mpsc::Sender<u32>) {
        let (waiting, done) = (Arc::clone(control), done.clone());
        std::thread::spawn(move || {
            waiting.share.turns().acquire(&waiting);
            done.send(number)
        });
        until_parked(control);
    }

    #[test]
    fn who_used_least_computes_next() {
        let turns = LongTurns::new(1);
        let (first, much, little) = (control(&turns, 0), control(&turns, 900), control(&turns, 100));
        turns.acquire(&first);
        let (done, order) = mpsc::channel();
        wait_for_permit(&much, 900, &done);
        wait_for_permit(&little, 100, &done);
        turns.release(&first);
        assert_eq!(order.recv(), Ok(100));
        turns.release(&little);
        assert_eq!(order.recv(), Ok(900));
        turns.release(&much);
        assert_eq!(turns.state.lock().computing, 0);
    }

    #[test]
    fn who_computes_goes_on_while_nobody_waits_and_queues_up_when_somebody_does() {
        let turns = LongTurns::new(1);
        let (first, second) = (control(&turns, 0), control(&turns, 0));
        turns.acquire(&first);
        turns.queue_up(&first);
        let (done, order) = mpsc::channel();
        wait_for_permit(&second, 2, &done);
        let again = Arc::clone(&first);
        let thread = std::thread::spawn(move || again.share.turns().queue_up(&again));
        assert_eq!(order.recv(), Ok(2), "the first handed its permit on");
        until_parked(&first);
        turns.release(&second);
        thread.join().expect("it goes on");
        turns.release(&first);
    }

    #[test]
    fn a_turn_that_is_ended_while_it_waits_goes_on_without() {
        let turns = LongTurns::new(1);
        let (first, second) = (control(&turns, 0), control(&turns, 0));
        turns.acquire(&first);
        let (done, order) = mpsc::channel();
        wait_for_permit(&second, 2, &done);
        second.terminate(Termination::Timeout);
        assert_eq!(order.recv(), Ok(2));
        turns.release(&second); // which has nothing to give back
        assert_eq!(turns.state.lock().computing, 1);
        turns.release(&first);
        assert_eq!(turns.state.lock().computing, 0);
    }

    #[test]
    fn tickets_run_out_and_go_to_who_used_least() {
        let turns = LongTurns::new(2);
        let ticket = |share: &Arc<Share>| turns.ticket(share, Fame::Stuck);
        let (heavy, light) = (Share::new(&turns), Share::new(&turns));
        heavy.charge(Moment::now().ns().saturating_sub(1_000_000_000));
        let (Ok(first), Ok(_second)) = (ticket(&heavy), ticket(&heavy)) else {
            unreachable!("there are two")
        };
        let (Err(mut much), Err(mut little)) = (ticket(&heavy), ticket(&light)) else {
            unreachable!("there is no third")
        };
        drop(first);
        let third = little.try_recv();
        assert!(third.is_ok() && much.try_recv().is_err());
        drop(third);
        assert!(much.try_recv().is_ok());
    }

    #[test]
    fn trust_is_earned_by_short_turns_and_lost_by_long_ones() {
        let share = Share::new(&LongTurns::new(1));
        let now = Moment::now();
        (1..TRUSTED_AFTER).for_each(|_| share.count_turn());
        assert!(!share.is_trusted(now));
        share.count_turn();
        assert!(share.is_trusted(now) && share.fame() == Fame::Unknown);
        share.was_long(now.ns());
        assert!(!share.is_trusted(now) && share.fame() == Fame::Long);
        assert!(share.is_trusted(now + LONG_MEMORY + Duration::from_millis(1)));
    }

    #[test]
    fn an_app_is_known_for_turns_that_got_stuck_from_the_second_on() {
        let share = Share::new(&LongTurns::new(1));
        let now = Moment::now();
        let later = now.ns() + nanos(STUCK_AGAIN_WITHIN) + 1;
        share.was_stuck(now.ns());
        assert!(!share.is_trusted(now) && share.fame() == Fame::Long);
        share.was_stuck(later);
        assert_eq!(share.fame(), Fame::Long, "the first one is forgotten by then");
        share.was_stuck(later + 1);
        assert!(!share.is_trusted(now + LONG_MEMORY) && share.fame() == Fame::Stuck);
    }
}
