//! An isolate as an actor: a queue of events, and turns that whoever brings one runs.
//!
//! When the isolate is idle, the task that posts an event runs the turn itself, on its own thread; while a turn runs
//! elsewhere, the event is queued and that turn takes it. So nobody ever waits for V8's lock, and a request normally
//! stays on the thread that parsed it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;

use super::debts::{Answer, Debts};
use super::exchange::{Failure, Fault, IncomingBody, Request, Unserved};
use super::headers::XRequestId;
use super::jobs::JobResult;
use super::state::{IsolateState, OpId, OpResult, RequestId, STARTUP, Stage};
use super::{AppSpec, Shared, call};
use crate::engine::{
    self, Budget, Control, Isolate, IsolateLimits, Lost, ModuleMap, Moment, Termination, Turn, nanos,
};
use crate::net::Client;

/// CPU time that an app's start-up may take.
const STARTUP_CPU: Duration = Duration::from_millis(2000);
/// Wall time that an app's start-up may take, top-level `await` included.
const STARTUP_WALL: Duration = Duration::from_secs(10);
/// Wall time after which the disposal of a lost isolate counts as one that never ends: it takes some milliseconds, and
/// longer on a busy machine.
const SALVAGE_WALL: Duration = Duration::from_secs(10);
/// From here on it is worth a line of the log what a lost isolate left behind.
const LEFT_BYTES_LOGGED: usize = 1 << 20;
/// Events after which a turn lets other tasks of its thread run.
const EVENTS_PER_TURN: usize = 64;
/// Wall time after which it does.
const TURN_WALL: Duration = Duration::from_millis(5);

/// How often the memory of an isolate is looked at, at most.
const MEMORY_LOOK: Duration = Duration::from_millis(20);
/// How often, if its turns are short.
const MEMORY_LOOK_IDLE: Duration = Duration::from_secs(1);
/// A turn of this length may have changed it much.
const MEMORY_LOOK_TURN: Duration = Duration::from_millis(1);

/// What an isolate is told.
pub(crate) enum Event {
    /// Load the app.
    Start,
    /// A request came.
    Fetch(Exchange),
    /// The alarm rang: a timer is due.
    Alarm,
    /// An operation ended.
    Completed { op: OpId, result: OpResult },
    /// Native work on another thread ended, which took so much of its CPU time.
    Worked { op: OpId, result: JobResult, cpu_ns: u64 },
    /// A read of the request's body ended, and the body is back.
    BodyRead {
        op: OpId,
        request: RequestId,
        body: Option<IncomingBody>,
        result: OpResult,
        fault: Option<Fault>,
        /// What it took to decode on other threads than a turn's.
        cpu_ns: u64,
    },
    /// A response stream has room again.
    Room(RequestId),
    /// The body of a fetch has room again, or nobody takes it any more.
    UploadRoom { id: RequestId, open: bool },
    /// Its response stream was read to the end.
    Drained(RequestId),
    /// Nobody waits for the request any more.
    Gone(RequestId),
    /// The time of `waitUntil` is over.
    Expired(RequestId),
    /// Start-up took too long.
    StartExpired,
    /// V8 has tasks for this isolate.
    Foreground,
}

/// A request with what its isolate needs to know of it.
pub(crate) struct Exchange {
    pub(crate) id: RequestId,
    pub(crate) request: Box<Request>,
    pub(crate) deadline: Moment,
    /// It did not begin at once: how long that took is counted.
    pub(crate) waited: bool,
}

/// Where an isolate is in its life.
enum Phase {
    /// The app's top level runs, or waits; requests wait with it.
    Starting,
    Ready,
    /// Never entered again.
    Dead,
}

struct Inbox {
    phase: Phase,
    queue: VecDeque<Event>,
    /// Requests that came while the app starts.
    early: Vec<Exchange>,
    /// A turn runs, or is about to.
    running: bool,
}

pub(crate) struct Actor {
    shared: Arc<Shared>,
    control: Arc<Control>,
    isolate: OnceLock<Isolate>,
    inbox: Mutex<Inbox>,
    /// Something is in the inbox's queue: saves the turn a lock. Written under the inbox's.
    queued: AtomicBool,
    debts: Arc<Debts>,
    /// Requests of which only `waitUntil` work is left. Written by turns.
    background: AtomicUsize,
    alarm: Mutex<Option<AbortHandle>>,
    runtime: Handle,
    me: Weak<Actor>,
    last_used_ns: AtomicU64,
    born: Moment,
    /// The request whose work runs, or ran last.
    working_for: AtomicU64,
    /// The request over whose work this isolate was ended.
    ended_by: OnceLock<XRequestId>,
    /// Its turn goes on though it was ended. Written under the pool's lock.
    overdue: AtomicBool,
    /// It was ended, and its turn is over. Written under the pool's lock.
    over: AtomicBool,
    memory_seen: MemorySeen,
    /// The task that retires it when it idles.
    retirement: OnceLock<AbortHandle>,
}

/// The isolate's memory as last looked at: asking V8 means entering it.
#[derive(Default)]
struct MemorySeen {
    at_ns: AtomicU64,
    heap_bytes: AtomicUsize,
    external_bytes: AtomicUsize,
}

/// How a turn left its isolate.
enum Left {
    /// The queue is empty.
    Idle,
    /// There is more to do, but others shall run first.
    Yield,
    Dead,
}

impl Actor {
    /// Makes an isolate for the app and runs its top level on this thread, which may take long.
    pub(crate) fn start(shared: &Arc<Shared>, runtime: Handle) -> Arc<Self> {
        let control = Arc::new(Control::new(&shared.share));
        let actor = Arc::new_cyclic(|me| Self {
            shared: Arc::clone(shared),
            control: Arc::clone(&control),
            isolate: OnceLock::new(),
            inbox: Mutex::new(Inbox {
                phase: Phase::Starting,
                queue: VecDeque::new(),
                early: Vec::new(),
                running: false,
            }),
            queued: AtomicBool::new(false),
            debts: Arc::default(),
            background: AtomicUsize::new(0),
            alarm: Mutex::new(None),
            runtime,
            me: Weak::clone(me),
            last_used_ns: AtomicU64::new(Moment::now().ns()),
            born: Moment::now(),
            working_for: AtomicU64::new(STARTUP),
            ended_by: OnceLock::new(),
            overdue: AtomicBool::new(false),
            over: AtomicBool::new(false),
            memory_seen: MemorySeen::default(),
            retirement: OnceLock::new(),
        });
        let (weak, runtime) = (Weak::clone(&actor.me), actor.runtime.clone());
        control.on_overdue(move || {
            let weak = Weak::clone(&weak);
            runtime.spawn(async move { weak.upgrade().inspect(|actor| actor.turn_is_overdue()) });
        });
        let spec = &shared.spec;
        let wake = actor.foreground_wake();
        let limits = IsolateLimits::of_mb(spec.limits.memory_mb);
        let isolate = shared.engine.new_isolate(limits, &control, wake);
        let state = IsolateState::new(
            Weak::clone(&actor.me),
            Arc::clone(&actor.debts),
            Arc::clone(&spec.name),
            Arc::clone(&spec.env),
            Arc::clone(isolate.memory()),
            Arc::clone(&shared.logs),
            &spec.limits,
            ModuleMap::new(Arc::clone(&shared.sources), spec.limits.memory_mb),
        );
        let entered = isolate.enter(|scope| {
            Isolate::set_state(scope, state);
            #[cfg(feature = "fuzzing")]
            if *spec.name == *crate::fuzz::OPS_APP {
                crate::fuzz::expose_ops(scope);
            }
        });
        let _ = actor.isolate.set(isolate);
        if let Err(lost) = entered {
            actor.lost(&lost);
        }
        actor.touch(Moment::now());
        // Off the serving path already.
        if let Some(start) = actor.enqueue(Event::Start) {
            actor.run_turns(Some(start));
        }
        actor
    }

    /// Serves one request. Mostly the turn runs here and the outcome is there when it ends. Gives the time then, too.
    pub(crate) fn serve(self: &Arc<Self>, mut exchange: Exchange, now: Moment) -> (Answer, Moment) {
        let id = exchange.id;
        let mut inbox = self.inbox.lock();
        match inbox.phase {
            Phase::Dead => {
                drop(inbox);
                // Whoever ends it is about to do this. Until then the request would only be given to it again.
                self.shared.forget(self);
                return (Answer::Now(Err(Unserved::Retry(exchange.request))), now);
            }
            Phase::Ready if !inbox.running && self.shared.share.is_trusted(now) => {}
            Phase::Ready if !inbox.running => {
                exchange.waited = true;
                let answer = self.debts.begin(id);
                inbox.running = true;
                drop(inbox);
                self.spawn_turns(Some(Event::Fetch(exchange)));
                return (answer, now);
            }
            _ => {
                // Under the inbox's lock: whoever ends this isolate finds every debt's request, or its debt unpaid.
                let answer = self.debts.begin(id);
                exchange.waited = true;
                if matches!(inbox.phase, Phase::Starting) {
                    inbox.early.push(exchange);
                } else {
                    self.queue(&mut inbox, Event::Fetch(exchange));
                }
                return (answer, now);
            }
        }
        inbox.running = true;
        drop(inbox);
        Debts::begin_here(id);
        let (left, now) = self.turn(Some(Event::Fetch(exchange)), now);
        let answer = self.debts.claim(id);
        self.go_on(left);
        (answer, now)
    }

    /// Gives the isolate an event; runs the turn unless one runs elsewhere. Requests come by [`Actor::serve`].
    pub(crate) fn post(self: &Arc<Self>, event: Event) {
        if let Some(first) = self.enqueue(event) {
            if self.shared.share.is_trusted(Moment::now()) {
                self.run_turns(Some(first));
            } else {
                self.spawn_turns(Some(first));
            }
        }
    }

    /// As [`Actor::post`], from places that must not run a script: the turn gets a task of its own.
    pub(crate) fn post_elsewhere(self: &Arc<Self>, event: Event) {
        if let Some(first) = self.enqueue(event) {
            self.spawn_turns(Some(first));
        }
    }

    /// Gives the event back if the caller has to run the turn, with it as the first.
    fn enqueue(&self, event: Event) -> Option<Event> {
        let mut inbox = self.inbox.lock();
        if matches!(inbox.phase, Phase::Dead) {
            return None;
        }
        // While no turn runs the queue is empty.
        if !inbox.running {
            inbox.running = true;
            return Some(event);
        }
        self.queue(&mut inbox, event);
        None
    }

    fn queue(&self, inbox: &mut Inbox, event: Event) {
        inbox.queue.push_back(event);
        self.queued.store(true, Ordering::Release);
    }

    /// The turns of an app that is not known for short ones keep no worker from serving.
    fn spawn_turns(self: &Arc<Self>, first: Option<Event>) {
        let actor = Arc::clone(self);
        let share = &self.shared.share;
        if share.is_trusted(Moment::now()) {
            self.runtime.spawn(async move { actor.run_turns(first) });
        } else {
            let control = Arc::clone(&self.control);
            share.run(&self.runtime, control, move || actor.run_turns(first));
        }
    }

    /// The caller holds its reference for the whole turn: any other may go while a script runs.
    fn run_turns(self: &Arc<Self>, first: Option<Event>) {
        if self.is_terminated() {
            // It was cut while this waited for a thread, say.
            return self.die_of_termination();
        }
        let (left, _) = self.turn(first, Moment::now());
        self.go_on(left);
    }

    /// What follows a turn.
    fn go_on(self: &Arc<Self>, mut left: Left) {
        loop {
            match left {
                Left::Idle => {
                    let mut inbox = self.inbox.lock();
                    if inbox.queue.is_empty() {
                        inbox.running = false;
                        drop(inbox);
                        return self.shared.tell_rest();
                    }
                }
                Left::Yield => return self.spawn_turns(None),
                Left::Dead => return,
            }
            if !self.shared.share.is_trusted(Moment::now()) {
                return self.spawn_turns(None);
            }
            (left, _) = self.turn(None, Moment::now());
        }
    }

    /// One stay inside the isolate, from `now` on. Gives the time of its end, too.
    fn turn(&self, mut first: Option<Event>, now: Moment) -> (Left, Moment) {
        let Some(isolate) = self.isolate.get() else { return (Left::Dead, now) };
        let mut events = |scope: &mut v8::PinScope<'_, '_>, turn: &Turn<'_>| {
            for done in 1.. {
                let Some(event) = first.take().or_else(|| self.next_event()) else { return Left::Idle };
                self.handle(scope, turn, event);
                if self.control.terminated().is_some() {
                    return Left::Dead;
                }
                if done >= EVENTS_PER_TURN || turn.elapsed() > TURN_WALL {
                    return Left::Yield;
                }
            }
            Left::Idle
        };
        let (entered, now) = self.shared.engine.turn(&self.control, now, |turn| {
            let left = isolate.enter(|scope| {
                let left = events(scope, turn);
                self.look_at_memory(scope, turn);
                left
            });
            (left, turn.now())
        });
        match entered {
            Ok(Left::Dead) => self.die_of_termination(),
            Ok(left) => return (left, now),
            Err(lost) => self.lost(&lost),
        }
        (Left::Dead, Moment::now())
    }

    /// What came while the turn ran. What comes after this look is found once the isolate is left.
    fn next_event(&self) -> Option<Event> {
        if !self.queued.load(Ordering::Acquire) {
            return None;
        }
        let mut inbox = self.inbox.lock();
        let event = inbox.queue.pop_front();
        if inbox.queue.is_empty() {
            self.queued.store(false, Ordering::Release);
        }
        event
    }

    fn handle(&self, scope: &mut v8::PinScope<'_, '_>, turn: &Turn<'_>, event: Event) {
        let request = Self::owner_of(scope, &event);
        match event {
            Event::Start => self.work(scope, turn, STARTUP, |scope| self.load(scope)),
            Event::Fetch(exchange) => {
                let Exchange { id, request, deadline, waited } = exchange;
                if waited {
                    self.shared.spec.counters.queue_wait.observe(turn.now() - request.arrived);
                }
                let Some(state) = super::state_of(scope) else { return };
                let has_body = state.insert_request(id, request, deadline).body.is_some();
                self.work(scope, turn, id, |scope| call::dispatch(scope, id, has_body));
            }
            Event::Alarm => self.fire_timers(scope, turn),
            Event::Completed { op, result } => {
                self.work(scope, turn, request, |scope| call::settle(scope, op, result));
            }
            Event::Worked { op, result, cpu_ns } => {
                if self.charge(scope, request, cpu_ns) {
                    self.work(scope, turn, request, |scope| call::settle(scope, op, OpResult::Job(result)));
                }
            }
            Event::BodyRead { op, request, body, result, fault, cpu_ns } => {
                let owner = super::state_of(scope).map_or(STARTUP, |state| {
                    state.give_body_back(request, body, fault);
                    state.op_owner(op).unwrap_or(STARTUP)
                });
                if cpu_ns == 0 || self.charge(scope, owner, cpu_ns) {
                    self.work(scope, turn, owner, |scope| call::settle(scope, op, result));
                }
            }
            Event::UploadRoom { id, open } => {
                let waiting = super::state_of(scope).and_then(|state| state.end_upload_wait(id));
                if let Some((op, owner)) = waiting {
                    self.work(scope, turn, owner, |scope| call::settle(scope, op, OpResult::Bool(open)));
                }
            }
            Event::Room(id) => self.work(scope, turn, id, |scope| call::room(scope, id)),
            Event::Gone(id) => {
                self.debts.forget(id);
                self.work(scope, turn, id, |scope| call::abort(scope, id));
            }
            Event::Drained(id) => self.work(scope, turn, id, |_| {}),
            Event::Expired(id) => {
                if let Some(state) = super::state_of(scope)
                    && let Some(request) = state.requests.get(&id)
                {
                    let request_id = request.request.id.to_string();
                    tracing::warn!(app = &*state.app, request_id, "waitUntil took too long and was cut");
                    state.cut_holds(id);
                    self.work(scope, turn, id, |_| {});
                }
            }
            Event::Foreground => self.run_foreground(scope, turn),
            Event::StartExpired => {
                if matches!(self.inbox.lock().phase, Phase::Starting) {
                    self.start_failed("the app's top level took too long".to_owned());
                }
            }
        }
        self.set_alarm(scope);
    }

    fn owner_of(scope: &mut v8::PinScope<'_, '_>, event: &Event) -> RequestId {
        match event {
            Event::Completed { op, .. } | Event::Worked { op, .. } => {
                super::state_of(scope).and_then(|state| state.op_owner(*op)).unwrap_or(STARTUP)
            }
            _ => STARTUP,
        }
    }

    /// Runs `f` and the microtasks after it on account of `request`, under its limits.
    fn work(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        turn: &Turn<'_>,
        request: RequestId,
        f: impl FnOnce(&mut v8::PinScope<'_, '_>),
    ) {
        turn.begin_work(self.budget(scope, request));
        self.working_for.store(request, Ordering::Relaxed);
        call::set_request(scope, request);
        f(scope);
        scope.perform_microtask_checkpoint();
        while super::state_of(scope).is_some_and(|state| std::mem::take(&mut state.rejections)) {
            while call::drain_rejections(scope) {
                scope.perform_microtask_checkpoint();
            }
            if self.control.terminated().is_some() {
                break;
            }
        }
        self.control.check_memory(scope);
        let spent = turn.end_work();
        self.shared.spec.counters.cpu_ns.fetch_add(spent, Ordering::Relaxed);
        let Some(state) = super::state_of(scope) else { return };
        if let Some(owner) = state.requests.get_mut(&request) {
            owner.cpu_used_ns += spent;
        }
        let whole = self.shared.spec.limits.cpu_ns();
        let is_over = |state: &super::IsolateState| {
            state.requests.get(&request).is_some_and(|owner| owner.cpu_used_ns > whole)
        };
        let goes_on = self.control.terminated().is_none() && !is_over(state);
        if !goes_on {
            self.note_end(state, request);
        }
        let mut settled = Some(request);
        while let Some(id) = settled {
            if let Some(pipe) = state.requests.get(&id).and_then(|r| r.pipe.as_ref()).filter(|_| goes_on) {
                pipe.begin();
            }
            match state.stage(id) {
                Stage::Open => {}
                Stage::Background => _ = self.background.fetch_add(1, Ordering::Relaxed),
                Stage::Finished => {
                    let closed = state.close_request(id);
                    // Without a stream the debt is off the books once it is paid.
                    if closed.was_streamed {
                        self.debts.settle(id);
                    }
                    if closed.was_in_background {
                        self.background.fetch_sub(1, Ordering::Relaxed);
                    }
                }
            }
            settled = state.next_settled();
        }
        self.debts.deliver();
        // The watchdog sees no event that is short; many of them add up all the same.
        if is_over(state) {
            self.control.terminate(Termination::Cpu);
            return;
        }
        let forgotten = std::mem::take(&mut state.forgotten_timers);
        if !forgotten.is_empty() && self.control.terminated().is_none() {
            call::forget_timers(scope, forgotten);
        }
    }

    /// Charges what was done for `request` on another thread. `false`: that was too much, and the isolate ends.
    fn charge(&self, scope: &mut v8::PinScope<'_, '_>, request: RequestId, cpu_ns: u64) -> bool {
        self.count_cpu(cpu_ns);
        let owner = super::state_of(scope).and_then(|state| state.requests.get_mut(&request));
        let Some(owner) = owner else { return true };
        owner.cpu_used_ns += cpu_ns;
        let within = owner.cpu_used_ns <= self.shared.spec.limits.cpu_ns();
        if !within {
            let _ = self.ended_by.set(owner.request.id.clone());
            self.control.terminate(Termination::Cpu);
        }
        within
    }

    /// Counts what was done for the app on another thread.
    pub(super) fn count_cpu(&self, cpu_ns: u64) {
        self.shared.spec.counters.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
    }

    /// Keeps the name of the request over which this isolate ends: the log tells it, when nobody can enter any more.
    fn note_end(&self, state: &IsolateState, request: RequestId) {
        if let Some(owner) = state.requests.get(&request) {
            let _ = self.ended_by.set(owner.request.id.clone());
        }
    }

    /// Asks V8 for the size of its heap: once a second in a busy isolate, sooner after a turn that may have changed it
    /// much. Mostly this is a comparison.
    fn look_at_memory(&self, isolate: &mut v8::Isolate, turn: &Turn<'_>) {
        let seen = &self.memory_seen;
        let since = turn.now() - Moment::from_ns(seen.at_ns.load(Ordering::Relaxed));
        if since < MEMORY_LOOK || (since < MEMORY_LOOK_IDLE && turn.elapsed() < MEMORY_LOOK_TURN) {
            return;
        }
        seen.at_ns.store(turn.now().ns(), Ordering::Relaxed);
        let heap = isolate.get_heap_statistics();
        seen.heap_bytes.store(heap.used_heap_size(), Ordering::Relaxed);
        seen.external_bytes.store(heap.external_memory(), Ordering::Relaxed);
    }

    /// Bytes of V8's heap, and bytes outside of it, without entering the isolate. V8's count of what is outside has
    /// WebAssembly's memories, too, the account what is held for it by others.
    pub(crate) fn memory_seen(&self) -> (usize, usize) {
        let seen = &self.memory_seen;
        let counted = self.isolate.get().map_or(0, |isolate| isolate.memory().used());
        let external = seen.external_bytes.load(Ordering::Relaxed).max(counted);
        (seen.heap_bytes.load(Ordering::Relaxed), external)
    }

    fn budget(&self, scope: &mut v8::PinScope<'_, '_>, request: RequestId) -> Budget {
        let limits = &self.shared.spec.limits;
        let starting = request == STARTUP && matches!(self.inbox.lock().phase, Phase::Starting);
        if starting {
            return Budget { cpu_ns: nanos(STARTUP_CPU), deadline: Moment::NEVER };
        }
        let whole = limits.cpu_ns();
        match super::state_of(scope).and_then(|state| state.requests.get(&request)) {
            Some(owner) => Budget {
                cpu_ns: whole.saturating_sub(owner.cpu_used_ns),
                deadline: if owner.replied { Moment::NEVER } else { owner.deadline },
            },
            None => Budget { cpu_ns: whole, deadline: Moment::NEVER },
        }
    }

    /// Loads the app's modules and hands their exports to the dispatcher.
    fn load(&self, scope: &mut v8::PinScope<'_, '_>) {
        let Some(hooks) = call::take_hooks(scope) else {
            return self.start_failed("bug: the snapshot has no hooks".to_owned());
        };
        if let Some(state) = super::state_of(scope) {
            state.hooks = Some(hooks);
        }
        if let Err(message) = call::start(scope, &self.shared.spec.main) {
            self.start_failed(message);
        }
        let actor = Weak::clone(&self.me);
        self.runtime.spawn(async move {
            tokio::time::sleep(STARTUP_WALL).await;
            if let Some(actor) = actor.upgrade() {
                actor.post(Event::StartExpired);
            }
        });
    }

    /// The app's top level is through: requests that waited are let in.
    pub(crate) fn started(&self) {
        {
            let mut inbox = self.inbox.lock();
            if matches!(inbox.phase, Phase::Starting) {
                inbox.phase = Phase::Ready;
                self.shared.spec.counters.cold_start.observe(self.born.elapsed());
                let early = std::mem::take(&mut inbox.early);
                inbox.queue.extend(early.into_iter().map(Event::Fetch));
                self.queued.store(true, Ordering::Release);
            }
        }
        self.shared.started();
    }

    /// The app's top level failed: this isolate is not used.
    pub(crate) fn start_failed(&self, message: String) {
        if self.control.terminated().is_some() {
            return; // The termination tells why.
        }
        let failure = Failure { fault: Fault::Startup, detail: Some(message) };
        self.shared.start_failed(&failure, false);
        self.die(&failure);
    }

    /// How V8 calls for a turn that runs its tasks. V8 may be in any state, in a turn of another isolate even.
    fn foreground_wake(&self) -> engine::Wake {
        let (actor, runtime) = (Weak::clone(&self.me), self.runtime.clone());
        Box::new(move |delay| {
            if delay.is_zero() {
                if let Some(actor) = actor.upgrade() {
                    actor.post_elsewhere(Event::Foreground);
                }
                return;
            }
            let actor = Weak::clone(&actor);
            runtime.spawn(async move {
                tokio::time::sleep(delay).await;
                if let Some(actor) = actor.upgrade() {
                    actor.post(Event::Foreground);
                }
            });
        })
    }

    /// V8's own tasks belong to no request.
    fn run_foreground(&self, scope: &mut v8::PinScope<'_, '_>, turn: &Turn<'_>) {
        let due = self.isolate.get().map(|isolate| isolate.due_tasks());
        for task in due.into_iter().flatten() {
            if self.control.terminated().is_some() {
                return;
            }
            self.work(scope, turn, STARTUP, |_| task.run());
        }
    }

    fn fire_timers(&self, scope: &mut v8::PinScope<'_, '_>, turn: &Turn<'_>) {
        // It has rung.
        *self.alarm.lock() = None;
        if let Some(state) = super::state_of(scope) {
            state.alarm = None;
        }
        let now = Instant::now();
        while self.control.terminated().is_none() {
            let Some((id, request)) = super::state_of(scope).and_then(|state| state.pop_due_timer(now))
            else {
                return;
            };
            self.work(scope, turn, request, |scope| call::fire_timer(scope, id));
        }
    }

    /// One sleeping task an isolate, for its earliest timer.
    fn set_alarm(&self, scope: &mut v8::PinScope<'_, '_>) {
        let Some(state) = super::state_of(scope) else { return };
        let due = state.next_due();
        if state.alarm == due {
            return;
        }
        state.alarm = due;
        let mut alarm = self.alarm.lock();
        if let Some(task) = alarm.take() {
            task.abort();
        }
        let Some(due) = due else { return };
        let actor = Weak::clone(&self.me);
        let task = self.runtime.spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            if let Some(actor) = actor.upgrade() {
                actor.post(Event::Alarm);
            }
        });
        *alarm = Some(task.abort_handle());
    }

    fn retry(&self, exchange: Exchange) {
        let Exchange { id, request, .. } = exchange;
        self.debts.pay(id, Err(Unserved::Retry(request)), None);
    }

    /// What ended this isolate from outside.
    fn end(&self) -> (Fault, &'static str) {
        match self.control.terminated() {
            Some(Termination::Cpu) => (Fault::CpuLimit, "over its CPU limit"),
            Some(Termination::Timeout) => (Fault::Timeout, "over its time limit"),
            Some(Termination::Drain) => (Fault::Draining, "over the time of its app's end"),
            Some(Termination::Memory) | None => (Fault::MemoryLimit, "over its memory limit"),
        }
    }

    /// The isolate was ended, and its turn goes on all the same, inside a built-in. Those who wait get their answers now.
    /// Until it is through, it counts among the app's isolates: else each request could leave one like it behind.
    fn turn_is_overdue(&self) {
        // The requests of a start wait for its end, and those of an isolate without memory for what becomes of that: both
        // tell how the app is held back. Those of a drain have their answers.
        let (fault, _) = self.end();
        if self.is_starting() || !matches!(fault, Fault::CpuLimit | Fault::Timeout) {
            return;
        }
        {
            let mut pool = self.shared.pool.lock();
            if self.over.load(Ordering::Relaxed) || self.overdue.swap(true, Ordering::Relaxed) {
                return;
            }
            pool.overdue += 1;
        }
        self.shared.spec.counters.count_termination(fault);
        self.die(&fault.into());
    }

    /// The turn in which this isolate was ended is over. Tells whether it was overdue.
    fn turn_is_over(&self) -> bool {
        let mut pool = self.shared.pool.lock();
        let overdue = self.overdue.load(Ordering::Relaxed);
        if !self.over.swap(true, Ordering::Relaxed) && overdue {
            pool.overdue -= 1;
            drop(pool);
            self.shared.settled.notify_waiters();
        }
        overdue
    }

    fn die_of_termination(&self) {
        let overdue = self.turn_is_over();
        let starting = matches!(self.inbox.lock().phase, Phase::Starting);
        let (fault, why) = self.end();
        if fault == Fault::Draining {
            return self.die(&fault.into());
        }
        let spec = &self.shared.spec;
        if !overdue {
            spec.counters.count_termination(fault);
        }
        let request_id = self.ended_by.get().map_or_else(String::new, ToString::to_string);
        tracing::warn!(app = &*spec.name, request_id, reason = fault.code(), "isolate ended: {why}");
        self.shared.last_error.note(fault.code(), &format!("an isolate went {why}"));
        if starting {
            let failure = Failure { fault: Fault::Startup, detail: Some(format!("start-up was {why}")) };
            self.shared.start_failed(&failure, true);
            self.die(&failure);
        } else {
            self.die(&fault.into());
        }
    }

    /// Nothing enters this isolate again. Requests that no script has seen go elsewhere, the others get `failure`.
    fn die(&self, failure: &Failure) {
        let (queue, early) = {
            let mut inbox = self.inbox.lock();
            let starting = matches!(inbox.phase, Phase::Starting);
            inbox.phase = Phase::Dead;
            let mut early = std::mem::take(&mut inbox.early);
            if starting && failure.fault == Fault::Startup {
                // They would only find the same failure again.
                early.clear();
            }
            (std::mem::take(&mut inbox.queue), early)
        };
        self.shared.forget(self);
        let fetches = queue.into_iter().filter_map(|event| match event {
            Event::Fetch(exchange) => Some(exchange),
            _ => None,
        });
        for exchange in fetches.chain(early) {
            self.retry(exchange);
        }
        self.debts.fail_all(failure);
        if let Some(task) = self.alarm.lock().take() {
            task.abort();
        }
        // It holds the actor's memory, for as long as an idle isolate is kept.
        if let Some(task) = self.retirement.get() {
            task.abort();
        }
    }

    /// V8 ran out of memory where it cannot unwind.
    fn lost(&self, lost: &Lost) {
        self.control.lose();
        if let Some(isolate) = self.isolate.get() {
            let working_for = self.working_for.load(Ordering::Relaxed);
            isolate.with_lost_state(|state: &mut IsolateState| {
                self.note_end(state, working_for);
                state.call_off();
            });
        }
        self.shared.lost_isolate();
        self.die_of_termination();
        self.salvage(lost.left_bytes);
    }

    /// Has a lost isolate disposed of, on a thread of its own: that may never end.
    fn salvage(&self, left_bytes: usize) {
        let Some(actor) = self.me.upgrade() else { return };
        let (done, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("salvage".to_owned());
        let spawned = thread.spawn(move || {
            if actor.isolate.get().is_some_and(Isolate::salvage) {
                let _ = done.send(());
                actor.shared.engine.trim_soon(&actor.runtime);
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "there is no thread to dispose of a lost isolate");
        }
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            // The sender goes without a word when there was no thread, or it panicked.
            let gone = matches!(tokio::time::timeout(SALVAGE_WALL, ended).await, Ok(Ok(())));
            shared.engine.count_lost_isolate(gone, left_bytes);
            if !gone || left_bytes >= LEFT_BYTES_LOGGED {
                let app = &*shared.spec.name;
                tracing::error!(app, gone, left_bytes, "a lost isolate keeps memory for good");
            }
        });
    }

    /// Retires the isolate if it has had nothing to do since `idle` ago. Tells how long to wait until the next look;
    /// `None`: it is gone. Called off the serving path.
    pub(crate) fn retire_if_idle(self: &Arc<Self>, idle: Duration) -> Option<Duration> {
        self.retire(idle, true)
    }

    /// As [`Actor::retire_if_idle`], to have the isolate's memory. `false`: it stays.
    pub(super) fn evict_if_idle(self: &Arc<Self>, idle: Duration) -> bool {
        // A code cache would stay.
        self.retire(idle, false).is_none()
    }

    /// Keeps hold of the task that retires the isolate, to end it with the isolate.
    pub(super) fn set_retirement(&self, task: AbortHandle) {
        if self.is_dead() {
            task.abort();
        } else {
            // There is one such task.
            let _ = self.retirement.set(task);
        }
    }

    /// When the isolate was used last, by [`Moment`]'s clock.
    pub(super) fn last_used_ns(&self) -> u64 {
        self.last_used_ns.load(Ordering::Relaxed)
    }

    /// Disposes of the isolate on this thread, which takes milliseconds.
    pub(super) fn dispose(&mut self) {
        drop(self.isolate.take());
        self.shared.engine.trim_soon(&self.runtime);
    }

    fn retire(self: &Arc<Self>, idle: Duration, keeps_code: bool) -> Option<Duration> {
        let unused = Moment::from_ns(self.last_used_ns.load(Ordering::Relaxed)).elapsed();
        if unused < idle {
            return Some(idle - unused);
        }
        {
            let mut inbox = self.inbox.lock();
            match inbox.phase {
                Phase::Dead => return None,
                _ if !self.is_quiet(&inbox) => return Some(idle),
                _ => {}
            }
            // No turn runs and none can begin: the isolate is this thread's.
            inbox.running = true;
        }
        let idle_inside = self.isolate.get().map_or(Ok(true), |isolate| {
            isolate.enter(|scope| {
                let idle = super::state_of(scope).is_none_or(|state| state.is_idle());
                if idle && keeps_code {
                    // Now what the app uses is compiled, and serialising it keeps nobody waiting.
                    engine::cache_code(scope);
                }
                idle
            })
        });
        let idle_inside = match idle_inside {
            Ok(idle) => idle,
            Err(lost) => {
                self.lost(&lost);
                return None;
            }
        };
        if idle_inside {
            self.shared.spec.counters.evictions.fetch_add(1, Ordering::Relaxed);
            self.die(&Fault::Draining.into());
            return None;
        }
        // Events that came meanwhile are waiting for a turn.
        self.run_turns(None);
        Some(idle)
    }

    /// Requests of which only `waitUntil` work is left.
    pub(crate) fn background(&self) -> usize {
        self.background.load(Ordering::Relaxed)
    }

    /// Whether nothing is under way here. It has seen all that its clients did before.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.is_quiet(&self.inbox.lock())
    }

    fn is_quiet(&self, inbox: &Inbox) -> bool {
        let waits = !inbox.queue.is_empty() || !inbox.early.is_empty();
        !(inbox.running || waits) && self.debts.count() == 0 && self.background() == 0
    }

    /// Ends the isolate if nothing is under way here.
    pub(crate) fn end_at_rest(&self) {
        {
            let mut inbox = self.inbox.lock();
            if !self.is_quiet(&inbox) {
                return;
            }
            // A request that finds it so goes elsewhere.
            inbox.phase = Phase::Dead;
        }
        self.die(&Fault::Draining.into());
    }

    /// Ends the isolate whatever it does. A script that runs is stopped; nobody waits for it.
    pub(crate) fn cut(&self) {
        self.control.terminate(Termination::Drain);
        self.die(&Fault::Draining.into());
    }

    pub(crate) fn touch(&self, now: Moment) {
        self.last_used_ns.store(now.ns(), Ordering::Relaxed);
    }

    /// Requests that are queued or under way here.
    pub(crate) fn load_now(&self) -> usize {
        self.debts.count()
    }

    /// Whether it takes no requests any more.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(self.inbox.lock().phase, Phase::Dead)
    }

    /// Whether its top level is not through yet.
    pub(crate) fn is_starting(&self) -> bool {
        matches!(self.inbox.lock().phase, Phase::Starting)
    }

    /// Whether its script was ended from outside: what owes an answer gets it when the isolate dies.
    pub(crate) fn is_terminated(&self) -> bool {
        self.control.terminated().is_some()
    }

    /// Whether a turn runs now.
    pub(crate) fn is_running(&self) -> bool {
        self.inbox.lock().running
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The app's own HTTP client, made for its first fetch.
    pub(crate) fn client(&self) -> Arc<Client> {
        let spec = &self.shared.spec;
        let make = || {
            let sent = &spec.counters.subrequests;
            Client::new(&spec.egress, &spec.roots, &spec.sockets, spec.limits.max_in_flight, sent)
        };
        Arc::clone(self.shared.client.get_or_init(|| Arc::new(make())))
    }

    /// The places for long native work: those of the app, and those of the process.
    pub(crate) fn jobs(&self) -> (Arc<Semaphore>, Arc<Semaphore>) {
        (Arc::clone(&self.shared.jobs), Arc::clone(self.shared.engine.jobs()))
    }

    pub(crate) fn spec(&self) -> &AppSpec {
        &self.shared.spec
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Disposing of an isolate takes milliseconds, and must not happen inside another one's turn.
        if let Some(isolate) = self.isolate.take() {
            self.shared.engine.dispose(&self.runtime, isolate);
        }
    }
}
