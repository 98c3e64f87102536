//! One thread that watches every turn: it gives the cores of long turns away, and ends those over their limits.
//!
//! A thread that runs turns has a [`Slot`]; begin and end of each piece of work (one event of one request) move its
//! sequence number, odd while work runs. The watchdog looks at all slots every tick, sees by the number whether the
//! same work still runs, and from its first sight on reads the CPU clock of that thread. Short work thus costs two
//! readings of the monotonic clock and no system call. While nothing runs, the watchdog sleeps.

use std::cell::{Cell, OnceCell};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::Thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::clock::{Moment, ThreadClock, nanos};
use super::long_turns::{Permit, Share};
use super::memory;
use super::pressure::{LONG_TURN, Pressure, TurnLength};
use super::slices;
use super::spares::Bench;

/// How often turns are looked at while one lasts.
const TICK: Duration = Duration::from_millis(4);
/// How often else. Each look takes a core away from somebody for a moment.
const SLOW_TICK: Duration = HAND_OVER_AFTER;
/// A turn that runs this long gives its place among tokio's workers away, and again after as long.
const HAND_OVER_AFTER: Duration = Duration::from_millis(10);
/// How long the hand-over waits, so that another thread really takes the place.
const HAND_OVER_PAUSE: Duration = Duration::from_micros(300);
/// CPU time of a turn after which its app is known for long ones.
const LONG_CPU: Duration = Duration::from_millis(5);
/// CPU time for which a turn that was interrupted does not react, after which it is inside a built-in.
const STUCK_AFTER: Duration = Duration::from_millis(30);
/// CPU time for which work goes on after its isolate was ended, after which nobody waits for it any more: a built-in
/// looks at nothing until it is through.
const OVERDUE_AFTER: Duration = Duration::from_millis(8);
/// Ticks without any work after which the watchdog sleeps until a turn wakes it.
const IDLE_TICKS: u32 = 20;

/// Turns that were made to give their worker away, since the process started.
static HANDED_OVER: AtomicU64 = AtomicU64::new(0);

/// How many times a long turn gave its worker thread away.
#[must_use]
pub fn handed_over_turns() -> u64 {
    HANDED_OVER.load(Ordering::Relaxed)
}

/// Why an isolate was ended from outside of its script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Termination {
    /// The request's CPU time is used up.
    Cpu,
    /// The heap is full.
    Memory,
    /// The request's wall time is over while its script runs.
    Timeout,
    /// Its app goes away, and the time for that is over.
    Drain,
}

/// What other threads may do to an isolate while it runs.
pub(crate) struct Control {
    /// Of its app.
    pub(super) share: Arc<Share>,
    pub(super) permit: Permit,
    handle: OnceLock<v8::IsolateHandle>,
    /// For what lies outside of V8's heap.
    memory_bytes: OnceLock<usize>,
    /// 0, or a [`Termination`] plus one.
    reason: AtomicU8,
    /// An interrupt is on its way: inside a long built-in V8 serves none, and they must not pile up.
    hand_over_requested: AtomicBool,
    /// What is done, once, when a turn goes on though the isolate was ended. On the watchdog's thread.
    on_overdue: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Control {
    pub(crate) fn new(share: &Arc<Share>) -> Self {
        Self {
            share: Arc::clone(share),
            permit: Permit::default(),
            handle: OnceLock::new(),
            memory_bytes: OnceLock::new(),
            reason: AtomicU8::new(0),
            hand_over_requested: AtomicBool::new(false),
            on_overdue: OnceLock::new(),
        }
    }

    /// Has `f` called when a turn goes on though the isolate was ended: at once, on a thread that must not wait, and for
    /// one turn more than once maybe.
    pub(crate) fn on_overdue(&self, f: impl Fn() + Send + Sync + 'static) {
        let _ = self.on_overdue.set(Box::new(f));
    }

    pub(super) fn attach(&self, handle: v8::IsolateHandle, memory_bytes: usize) {
        let _ = self.memory_bytes.set(memory_bytes);
        let _ = self.handle.set(handle);
    }

    /// Ends the script that runs now; the isolate must not be entered again. The first reason counts.
    pub(crate) fn terminate(&self, reason: Termination) {
        let code = match reason {
            Termination::Cpu => 1,
            Termination::Memory => 2,
            Termination::Timeout => 3,
            Termination::Drain => 4,
        };
        let _ = self.reason.compare_exchange(0, code, Ordering::SeqCst, Ordering::SeqCst);
        if let Some(handle) = self.handle.get() {
            handle.terminate_execution();
        }
        self.permit.wake();
    }

    /// Ends the isolate, which the calling thread is in, if it has more outside of its heap than it may.
    pub(crate) fn check_memory(&self, isolate: &mut v8::Isolate) {
        let limit = self.memory_bytes.get().copied().unwrap_or(usize::MAX);
        if self.terminated().is_none() && !memory::is_within(isolate, limit, 0) {
            self.terminate(Termination::Memory);
        }
    }

    /// Why the isolate was ended, if it was.
    pub(crate) fn terminated(&self) -> Option<Termination> {
        match self.reason.load(Ordering::SeqCst) {
            1 => Some(Termination::Cpu),
            2 => Some(Termination::Memory),
            3 => Some(Termination::Timeout),
            4 => Some(Termination::Drain),
            _ => None,
        }
    }

    /// The isolate is written off: nothing may be asked of it any more.
    pub(crate) fn lose(&self) {
        let _ = self.reason.compare_exchange(0, 2, Ordering::SeqCst, Ordering::SeqCst);
    }

    fn hand_over(self: &Arc<Self>) {
        if let Some(handle) = self.handle.get()
            && !self.hand_over_requested.swap(true, Ordering::SeqCst)
        {
            // The isolate's memory account keeps the `Control`, and the isolate's allocator the account.
            handle.request_interrupt(hand_over_worker, Arc::as_ptr(self).cast_mut().cast());
        }
    }
}

/// Runs inside a long turn: this thread stops being one of tokio's workers, another takes its queue, and the script
/// goes on here; the operating system shares the cores.
///
/// Between two pieces of its script, it is also the time to look at its memory.
unsafe extern "C" fn hand_over_worker(isolate: v8::UnsafeRawIsolatePtr, data: *mut c_void) {
    // SAFETY: `data` is the `Control` of the isolate that runs here, whose allocator keeps it by its memory account.
    let control = unsafe { &*data.cast::<Control>() };
    if !control.hand_over_requested.swap(false, Ordering::SeqCst) {
        return; // It was meant for a turn that ended before it was served.
    }
    // SAFETY: V8 calls this on the isolate's thread with the isolate that it interrupts.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(isolate) };
    control.check_memory(&mut isolate);
    HANDED_OVER.fetch_add(1, Ordering::Relaxed);
    let _ = std::panic::catch_unwind(|| {
        tokio::task::block_in_place(|| std::thread::park_timeout(HAND_OVER_PAUSE));
    });
    // From here on: a thread that was made to take the place begins with the slice of this one.
    slices::turn_is_long();
    control.share.turns().queue_up(control);
}

/// What the work of one event may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// CPU time.
    pub(crate) cpu_ns: u64,
    /// When its request's wall time ends.
    pub(crate) deadline: Moment,
}

/// A thread's place on the watchdog's list.
struct Slot {
    clock: ThreadClock,
    /// Odd while work runs; every begin and end adds one.
    sequence: AtomicU64,
    started_ns: AtomicU64,
    cpu_budget_ns: AtomicU64,
    deadline_ns: AtomicU64,
    /// The watchdog's first sight of the work: its sequence number, the wall clock, the CPU clock.
    seen_sequence: AtomicU64,
    seen_wall_ns: AtomicU64,
    seen_cpu_ns: AtomicU64,
    /// Of the isolate that the thread is in, or was in last.
    control: Mutex<Option<Arc<Control>>>,
    /// Where the thread itself finds which one that is. `control` keeps it, so no other is made at this address.
    latest: AtomicPtr<Control>,
    /// The watchdog is about to act on the work that runs: that work's end waits for it, at the lock of `control`.
    acting: AtomicBool,
}

struct Shared {
    slots: Mutex<Vec<Weak<Slot>>>,
    asleep: AtomicBool,
}

pub(super) struct Watchdog {
    shared: Arc<Shared>,
    thread: Thread,
    bench: Arc<Bench>,
}

thread_local! {
    static SLOT: OnceCell<Arc<Slot>> = const { OnceCell::new() };
}

impl Watchdog {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared { slots: Mutex::default(), asleep: AtomicBool::new(false) });
        let bench = Arc::<Bench>::default();
        let (watched, managed) = (Arc::clone(&shared), Arc::clone(&bench));
        let handle =
            std::thread::Builder::new().name("watchdog".into()).spawn(move || watch(&watched, &managed))?;
        Ok(Self { shared, thread: handle.thread().clone(), bench })
    }

    pub(super) fn manage_workers(&self, runtime: tokio::runtime::Handle, threads: usize, spares: usize) {
        self.bench.open(runtime, threads, spares);
    }

    pub(super) fn turn<R>(&self, control: &Arc<Control>, now: Moment, f: impl FnOnce(&Turn<'_>) -> R) -> R {
        SLOT.with(|cell| {
            let slot = &**cell.get_or_init(|| {
                let slot = Arc::new(Slot::of_this_thread());
                let mut slots = self.shared.slots.lock();
                slots.retain(|slot| slot.strong_count() > 0);
                slots.push(Arc::downgrade(&slot));
                slot
            });
            slot.begin_turn(control);
            slices::serve();
            let result = f(&Turn { watchdog: self, slot, begun: now, now: Cell::new(now) });
            control.share.turns().release(control);
            slices::serve();
            result
        })
    }
}

impl Slot {
    fn of_this_thread() -> Self {
        Self {
            clock: ThreadClock::here(),
            sequence: AtomicU64::new(0),
            started_ns: AtomicU64::new(0),
            cpu_budget_ns: AtomicU64::new(u64::MAX),
            deadline_ns: AtomicU64::new(u64::MAX),
            seen_sequence: AtomicU64::new(u64::MAX),
            seen_wall_ns: AtomicU64::new(0),
            seen_cpu_ns: AtomicU64::new(0),
            control: Mutex::new(None),
            latest: AtomicPtr::new(std::ptr::null_mut()),
            acting: AtomicBool::new(false),
        }
    }

    fn begin_turn(&self, control: &Arc<Control>) {
        let address = Arc::as_ptr(control).cast_mut();
        if self.latest.load(Ordering::Relaxed) != address {
            *self.control.lock() = Some(Arc::clone(control));
            self.latest.store(address, Ordering::Relaxed);
        }
        // What was asked of an earlier turn is not for this one.
        if control.hand_over_requested.load(Ordering::Relaxed) {
            control.hand_over_requested.store(false, Ordering::SeqCst);
        }
    }

    /// Ends the work that runs, and waits for the watchdog if it is about to act on that. Gives its sequence number.
    fn end_work(&self) -> u64 {
        // Sequentially consistent, against the watchdog's `acting`: either it sees the end, or is seen here.
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst);
        if self.acting.load(Ordering::SeqCst) {
            drop(self.control.lock());
        }
        sequence
    }
}

/// One turn of the calling thread.
pub(crate) struct Turn<'a> {
    watchdog: &'a Watchdog,
    slot: &'a Slot,
    begun: Moment,
    /// When the turn began, or its latest work ended: the next begins then. The clock is read no more often than it has
    /// to be.
    now: Cell<Moment>,
}

impl Turn<'_> {
    /// Begins one event's work within `budget`.
    pub(crate) fn begin_work(&self, budget: Budget) {
        let slot = self.slot;
        slot.started_ns.store(self.now.get().ns(), Ordering::Relaxed);
        slot.cpu_budget_ns.store(budget.cpu_ns, Ordering::Relaxed);
        slot.deadline_ns.store(budget.deadline.ns(), Ordering::Relaxed);
        // Sequentially consistent, against the watchdog's `asleep`: either it sees the work, or it is woken.
        slot.sequence.fetch_add(1, Ordering::SeqCst);
        if self.watchdog.shared.asleep.load(Ordering::SeqCst) {
            self.watchdog.thread.unpark();
        }
    }

    /// Ends the event's work and tells the CPU time that it took, in nanoseconds. Work too short for the watchdog to
    /// have seen is charged its wall time.
    pub(crate) fn end_work(&self) -> u64 {
        let slot = self.slot;
        let sequence = slot.end_work();
        let started = slot.started_ns.load(Ordering::Relaxed);
        let now = Moment::now();
        self.now.set(now);
        if slot.seen_sequence.load(Ordering::Acquire) == sequence {
            let before = slot.seen_wall_ns.load(Ordering::Relaxed).saturating_sub(started);
            before + slot.clock.ns().saturating_sub(slot.seen_cpu_ns.load(Ordering::Relaxed))
        } else {
            now.ns().saturating_sub(started)
        }
    }

    /// When the latest work ended.
    pub(crate) fn now(&self) -> Moment {
        self.now.get()
    }

    /// From the turn's begin to the latest work's end.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now.get() - self.begun
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.slot.sequence.load(Ordering::Relaxed) % 2 == 1 {
            self.slot.end_work();
        }
    }
}

/// The watchdog's own memory of a slot between ticks.
struct Sight {
    slot: Weak<Slot>,
    sequence: u64,
    handed_over_ns: u64,
    /// The CPU time that the work had used when it was last asked to hand over.
    asked_cpu_ns: u64,
    /// Whether it has not answered since.
    is_stuck: bool,
    /// Whether its isolate was ended.
    ended: Ended,
}

impl Sight {
    fn of(slot: &Weak<Slot>) -> Self {
        let slot = Weak::clone(slot);
        Self {
            slot,
            sequence: u64::MAX,
            handed_over_ns: 0,
            asked_cpu_ns: 0,
            is_stuck: false,
            ended: Ended::No,
        }
    }
}

/// Since when work goes on in an isolate that was ended, by its CPU time.
#[derive(Clone, Copy)]
enum Ended {
    No,
    Since(u64),
    Told,
}

fn watch(shared: &Shared, bench: &Arc<Bench>) {
    let mut sights: Vec<Sight> = Vec::new();
    let mut idle_ticks = 0;
    let mut pressure = Pressure::new();
    let mut tick = TICK;
    slices::serve();
    loop {
        std::thread::park_timeout(tick);
        let slots = shared.slots.lock().clone();
        let seen = look(&slots, &mut sights);
        let busy = seen.busy;
        tick = if seen.lasting { TICK } else { SLOW_TICK };
        if busy {
            bench.balance(pressure.wants_all(seen.length), seen.stuck);
        }
        idle_ticks = if busy { 0 } else { idle_ticks + 1 };
        if idle_ticks >= IDLE_TICKS {
            sleep_until_work(shared, &sights);
            idle_ticks = 0;
        }
    }
}

/// Sleeps until [`Turn::begin_work`] wakes it. Work that began before `asleep` was set is seen here.
fn sleep_until_work(shared: &Shared, sights: &[Sight]) {
    shared.asleep.store(true, Ordering::SeqCst);
    let moved = |sight: &Sight| {
        sight.slot.upgrade().is_some_and(|slot| slot.sequence.load(Ordering::SeqCst) != sight.sequence)
    };
    if !sights.iter().any(moved) && shared.slots.lock().len() == sights.len() {
        std::thread::park();
    }
    shared.asleep.store(false, Ordering::SeqCst);
}

/// What a look at all slots tells.
#[derive(Default)]
struct Seen {
    /// A slot moved since the last look, or is at work.
    busy: bool,
    /// A slot has been at work for so long that it is to be looked at soon.
    lasting: bool,
    /// The longest work under way.
    length: TurnLength,
    /// Turns that were asked to give their worker away and do not: they are inside a built-in.
    stuck: usize,
}

/// Looks at every slot once.
fn look(slots: &[Weak<Slot>], sights: &mut Vec<Sight>) -> Seen {
    sights.retain(|sight| sight.slot.strong_count() > 0);
    let mut seen = Seen::default();
    for weak in slots {
        let Some(slot) = weak.upgrade() else { continue };
        let index = sights.iter().position(|sight| sight.slot.ptr_eq(weak)).unwrap_or_else(|| {
            sights.push(Sight::of(weak));
            sights.len() - 1
        });
        let Some(sight) = sights.get_mut(index) else { continue };
        look_at(&slot, sight, &mut seen);
    }
    seen
}

fn look_at(slot: &Slot, sight: &mut Sight, seen: &mut Seen) {
    let sequence = slot.sequence.load(Ordering::SeqCst);
    let at_work = sequence % 2 == 1;
    let now = Moment::now().ns();
    if sequence != sight.sequence {
        sight.sequence = sequence;
        sight.ended = Ended::No;
        sight.handed_over_ns = slot.started_ns.load(Ordering::Relaxed);
        if at_work {
            if now.saturating_sub(sight.handed_over_ns) > nanos(LONG_TURN) {
                seen.lasting = true;
                seen.length = seen.length.max(TurnLength::MaybeLong);
            }
            slot.seen_wall_ns.store(now, Ordering::Relaxed);
            slot.seen_cpu_ns.store(slot.clock.ns(), Ordering::Relaxed);
            slot.seen_sequence.store(sequence, Ordering::Release);
        }
        seen.busy = true;
        return;
    }
    if !at_work {
        return;
    }
    seen.busy = true;
    seen.lasting = true;
    let started = slot.started_ns.load(Ordering::Relaxed);
    let before = slot.seen_wall_ns.load(Ordering::Relaxed).saturating_sub(started);
    let since_seen = slot.clock.ns().saturating_sub(slot.seen_cpu_ns.load(Ordering::Relaxed));
    if since_seen > nanos(LONG_TURN) {
        seen.length = TurnLength::Long;
    }
    let cpu = before + since_seen;
    // From the second line on, work that has not ended yet does not end before this is through, so that what is done
    // here hits the work that was looked at and no other.
    let control = slot.control.lock();
    slot.acting.store(true, Ordering::SeqCst);
    if let Some(control) = control.as_ref().filter(|_| slot.sequence.load(Ordering::SeqCst) == sequence) {
        act_on(slot, control, Spent { all: cpu, surely: since_seen }, now, sight, seen);
    }
    slot.acting.store(false, Ordering::SeqCst);
}

/// The CPU time of work under way, in nanoseconds.
struct Spent {
    /// With the wall time up to the watchdog's first sight of it.
    all: u64,
    /// What its thread's clock tells: on a busy machine it may have waited before.
    surely: u64,
}

/// Does what is due to the work under way in `slot`.
fn act_on(slot: &Slot, control: &Arc<Control>, cpu: Spent, now: u64, sight: &mut Sight, seen: &mut Seen) {
    if cpu.all > slot.cpu_budget_ns.load(Ordering::Relaxed) {
        control.terminate(Termination::Cpu);
    } else if now > slot.deadline_ns.load(Ordering::Relaxed) {
        control.terminate(Termination::Timeout);
    }
    if control.terminated().is_some() {
        match sight.ended {
            Ended::No => sight.ended = Ended::Since(cpu.surely),
            Ended::Since(then) if cpu.surely.saturating_sub(then) > nanos(OVERDUE_AFTER) => {
                sight.ended = Ended::Told;
                control.on_overdue.get().inspect(|f| f());
            }
            Ended::Since(_) | Ended::Told => {}
        }
    }
    if control.permit.is_parked() {
        sight.handed_over_ns = now;
        return;
    }
    if cpu.surely > nanos(LONG_CPU) {
        control.share.was_long(now);
    }
    let since = now.saturating_sub(sight.handed_over_ns);
    if control.hand_over_requested.load(Ordering::SeqCst) {
        if since > nanos(HAND_OVER_AFTER) {
            seen.stuck += 1;
            if !sight.is_stuck && cpu.surely.saturating_sub(sight.asked_cpu_ns) > nanos(STUCK_AFTER) {
                // It cannot be told to wait, so others do not wait for it.
                sight.is_stuck = true;
                control.share.was_stuck(now);
                control.share.turns().release(control);
            }
        }
    } else if since > nanos(HAND_OVER_AFTER) {
        sight.handed_over_ns = now;
        sight.asked_cpu_ns = cpu.surely;
        sight.is_stuck = false;
        control.hand_over();
    }
}
