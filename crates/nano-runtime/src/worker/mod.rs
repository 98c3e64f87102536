//! One app: its revision, and the isolates that run it.

mod actor;
mod call;
mod counters;
mod debts;
mod drain;
mod exchange;
mod headers;
mod jobs;
mod logs;
mod meter;
mod pipe;
mod places;
mod report;
mod residents;
mod state;
mod warm_up;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, oneshot, watch};

pub use counters::{Counters, Histogram};
pub use drain::Drained;
pub use exchange::{BodyError, Failure, Fault, IncomingBody, Reply, ReplyBody, Request};
pub use headers::{HeaderList, XRequestId};
pub use pipe::StreamBody;
pub use report::{LastError, WorkerState};
pub use residents::Residents;

pub(crate) use actor::{Actor, Event};
pub(crate) use call::{
    app_started, built_in_loaded, describe_exception, install_web_assembly, lazy_global, promise_rejected,
    request_failed, return_settled, script_failed,
};
pub(crate) use exchange::Unserved;
pub(crate) use jobs::{JobResult, begin_job};
pub(crate) use meter::Meter;
pub(crate) use pipe::{Pipe, PipeEvent, Written};
pub(crate) use state::{Collected, IsolateState, OpResult, RequestId, RequestState};
pub(crate) use warm_up::warm_up;

use crate::engine::{Engine, Isolate, ModuleMap, Moment, Share, SourceStore};
use crate::net::{Client, Egress, Roots, Sockets};
use crate::sources::Sources;
use actor::Exchange;
use debts::Answer;
use drain::with_place;
use exchange::Outcome;
use logs::LogLimiter;
use places::{Place, Places};
use report::LastErrors;

/// How long a failed start-up is answered from memory before the app is started anew.
const START_RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long, if it goes on failing: the time doubles with each failure.
const START_RETRY_AFTER_MAX: Duration = Duration::from_secs(30);
/// The first back-off after a lost isolate; it doubles with each further one.
const LOST_BACK_OFF: Duration = Duration::from_secs(1);
/// The longest back-off. What V8's frames owned when they were left behind stays, and is up to some tens of megabytes
/// (`JSON.parse`).
const LOST_BACK_OFF_MAX: Duration = Duration::from_secs(600);
/// After how long without a loss the back-off begins anew.
const LOST_FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// How often a request is tried on another isolate when its own went away before it was seen.
const RETRIES_MAX: u32 = 3;
/// How long a start holds its place among the process's cold starts. One that takes longer goes on without: others wait
/// for cores then, which the operating system shares, and not for its end.
const COLD_START_PLACE: Duration = Duration::from_millis(50);
/// How long a preload waits for a place among the process's cold starts, and for its isolate.
const PRELOAD_WAIT: Duration = Duration::from_secs(60);
/// How long an isolate may have nothing to do that was made for a late request to an app that is replaced or removed.
const LATE_IDLE: Duration = Duration::from_millis(100);
/// Requests waiting in an isolate at which the app gets another one.
const QUEUE_FOR_MORE: usize = 32;

/// The limits of an app, with their defaults in `nano-config`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// CPU time of one request, in milliseconds.
    pub cpu_ms: u64,
    /// Wall time of one request until its response begins, in milliseconds; `waitUntil` has as long once more.
    pub timeout_ms: u64,
    /// Memory of one isolate, in mebibytes: for its heap, and again for its buffers.
    pub memory_mb: u64,
    /// Requests under way at once.
    pub max_in_flight: usize,
    /// Requests that may wait for a place among those.
    pub max_queue: usize,
    /// How long an isolate may have nothing to do before it is retired, in milliseconds.
    pub idle_ms: u64,
    /// The step of `performance.now()`, in microseconds (HR-Time, section 9): a finer one helps timing attacks.
    pub clock_resolution_us: u64,
    /// Isolates that a busy app may have.
    pub max_isolates: usize,
    /// Requests that one request may send by `fetch`, redirects included.
    pub max_subrequests: u32,
}

impl Limits {
    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    fn cpu_ns(&self) -> u64 {
        self.cpu_ms.saturating_mul(1_000_000)
    }
}

/// An app as the runtime sees it: one immutable revision.
#[derive(Clone)]
pub struct AppSpec {
    /// The name, for logs.
    pub name: Arc<str>,
    /// The folder, canonical: nothing outside of it can be imported.
    pub root: PathBuf,
    /// The entry module, relative to the folder, with `/`.
    pub main: String,
    /// What the handler gets as `env`.
    pub env: Arc<BTreeMap<String, String>>,
    /// The limits.
    pub limits: Limits,
    /// What it may reach besides public addresses.
    pub egress: Arc<Egress>,
    /// Whom its connections trust.
    pub roots: Arc<Roots>,
    /// The places for its connections and those of others.
    pub sockets: Arc<Sockets>,
    /// What is counted of it, over all its revisions.
    pub counters: Arc<Counters>,
}

/// Names of variables without their values, which may be secrets.
impl std::fmt::Debug for AppSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppSpec")
            .field("name", &self.name)
            .field("root", &self.root)
            .field("main", &self.main)
            .field("env", &self.env.keys())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Figures of one app now, and since its [`Counters`] were made.
#[derive(Debug, Default, Clone, Copy)]
pub struct WorkerStats {
    /// Isolates now.
    pub isolates: usize,
    /// Requests under way or queued now.
    pub in_flight: usize,
    /// Isolates started.
    pub cold_starts: u64,
    /// Isolates retired for having nothing to do.
    pub evictions: u64,
    /// CPU time inside the isolates, in nanoseconds.
    pub cpu_ns: u64,
    /// Isolates ended over their CPU limit.
    pub ended_cpu: u64,
    /// Isolates ended over their memory limit.
    pub ended_memory: u64,
    /// Isolates ended over their time limit.
    pub ended_timeout: u64,
    /// Isolates that ran out of memory where V8 cannot unwind.
    pub lost: u64,
    /// V8's heaps in its isolates, in bytes, as last seen: a second ago where they are busy.
    pub heap_bytes: usize,
    /// What its isolates hold outside of V8's heaps: buffers, bodies, WebAssembly memories.
    pub external_bytes: usize,
    /// Requests sent by `fetch`, redirects included.
    pub subrequests: u64,
    /// Messages over the rate of its log.
    pub log_lines_dropped: u64,
}

/// What a worker and its isolates share.
pub(crate) struct Shared {
    engine: Engine,
    share: Arc<Share>,
    spec: AppSpec,
    sources: Arc<SourceStore>,
    logs: Arc<LogLimiter>,
    last_error: Arc<LastErrors>,
    /// Requests that wait for a place, or for the app's first isolate.
    waiting: AtomicUsize,
    /// Those of them that have a place.
    waiting_with_place: AtomicUsize,
    client: OnceLock<Arc<Client>>,
    /// The app's places for long native work: as many as it may have isolates.
    jobs: Arc<Semaphore>,
    pool: Mutex<Pool>,
    /// A start came to its end, one way or the other, or an isolate that was overdue.
    settled: Notify,
    /// Told when something ends, once it is `watched`.
    rest: Arc<Notify>,
    watched: AtomicBool,
    /// As the pool's, for those who wait.
    cut: watch::Sender<bool>,
}

/// An isolate on its way: it comes when its top level has begun. The sender goes before that if the start is given up.
type Starting = watch::Receiver<Option<Arc<Actor>>>;

#[derive(Default)]
struct Pool {
    actors: Vec<Arc<Actor>>,
    /// Isolates that were ended and are inside a built-in all the same.
    overdue: usize,
    /// A further isolate is on its way.
    growing: bool,
    /// The first one is, for all who wait for it: whoever of them leaves, it is not begun anew.
    starting: Option<Starting>,
    /// A start-up that failed, and when.
    failed: Option<FailedStart>,
    /// Starts in a row that went over a limit: these cost much.
    over_limit: u32,
    /// Isolates that were lost in a row.
    lost: u32,
    /// Until when the app is held back after it lost an isolate.
    held_until: Option<Instant>,
    /// The worker is drained for good: an isolate is kept no longer than what it is made for.
    ending: bool,
    /// The time of a drain is over: nothing is begun any more.
    cut: bool,
}

struct FailedStart {
    failure: Failure,
    /// Until when it is answered from memory.
    until: Instant,
}

impl Shared {
    fn new(
        engine: Engine,
        share: Arc<Share>,
        spec: AppSpec,
        sources: Arc<SourceStore>,
        logs: Arc<LogLimiter>,
        last_error: Arc<LastErrors>,
    ) -> Self {
        let (waiting, waiting_with_place, client, pool, settled, rest, watched, cut) = Default::default();
        let jobs = Arc::new(Semaphore::new(spec.limits.max_isolates));
        Self {
            engine,
            share,
            spec,
            sources,
            logs,
            last_error,
            waiting,
            waiting_with_place,
            client,
            jobs,
            pool,
            settled,
            rest,
            watched,
            cut,
        }
    }

    fn forget(&self, actor: &Actor) {
        self.pool.lock().actors.retain(|other| !std::ptr::eq(Arc::as_ptr(other), actor));
        self.tell_rest();
    }

    fn start_failed(&self, failure: &Failure, over_limit: bool) {
        let detail = failure.detail.as_deref().unwrap_or("");
        tracing::error!(app = &*self.spec.name, detail, "start-up failed");
        self.last_error.note("startup", detail);
        self.sources.forget();
        let mut pool = self.pool.lock();
        pool.over_limit = if over_limit { pool.over_limit.saturating_add(1) } else { 0 };
        let factor = 1_u32 << pool.over_limit.saturating_sub(1).min(16);
        let until = Instant::now() + START_RETRY_AFTER.saturating_mul(factor).min(START_RETRY_AFTER_MAX);
        pool.failed = Some(FailedStart { failure: failure.clone(), until });
        drop(pool);
        self.settled.notify_waiters();
    }

    /// An isolate's top level is through.
    fn started(&self) {
        self.sources.note_started();
        self.pool.lock().over_limit = 0;
        self.settled.notify_waiters();
    }

    /// Ends when the isolates that were ended, and run all the same, leave one of the app's places.
    async fn room_for_isolate(&self) {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // From here on no end is missed.
            settled.as_mut().enable();
            if self.pool.lock().overdue < self.spec.limits.max_isolates {
                return;
            }
            settled.await;
        }
    }

    fn lost_isolate(&self) {
        self.spec.counters.lost.fetch_add(1, Ordering::Relaxed);
        let mut pool = self.pool.lock();
        let now = Instant::now();
        if pool.held_until.is_some_and(|last| now.duration_since(last) > LOST_FORGOTTEN_AFTER) {
            pool.lost = 0;
        }
        let back_off = LOST_BACK_OFF.saturating_mul(1 << pool.lost.min(16)).min(LOST_BACK_OFF_MAX);
        pool.lost += 1;
        pool.held_until = Some(now + back_off);
        drop(pool);
        tracing::error!(
            app = &*self.spec.name,
            back_off_ms = u64::try_from(back_off.as_millis()).unwrap_or(u64::MAX),
            "an isolate ran out of memory where V8 cannot unwind; it is written off"
        );
        self.last_error.note("memory_limit", "an isolate ran out of memory where V8 cannot unwind");
    }
}

/// One revision of an app, which answers requests. Cheap to clone; isolates come and go behind it.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
    places: Arc<Places>,
    residents: Arc<Residents>,
}

static NEXT_REQUEST: AtomicU64 = AtomicU64::new(1);

/// A number that no other request or fetch of the process has.
pub(crate) fn next_request_id() -> RequestId {
    NEXT_REQUEST.fetch_add(1, Ordering::Relaxed)
}

impl Worker {
    /// A worker without any isolate yet: the first request makes one.
    #[must_use]
    pub fn new(engine: &Engine, spec: AppSpec, residents: &Arc<Residents>) -> Self {
        let sources = Arc::new(SourceStore::new(spec.root.clone(), spec.main.clone()));
        let logs = LogLimiter::new(&spec.name, &spec.counters);
        let shared = Shared::new(engine.clone(), engine.new_share(), spec, sources, logs, Arc::default());
        Self::of(shared, Arc::clone(residents))
    }

    /// A worker for another revision of the same app, known for what this one is known for. With `same_sources`, which
    /// needs the same folder and entry, it runs what this one runs.
    #[must_use]
    pub fn successor(&self, spec: AppSpec, same_sources: bool) -> Self {
        let own = &self.shared;
        let sources = if same_sources {
            Arc::clone(&own.sources)
        } else {
            Arc::new(SourceStore::new(spec.root.clone(), spec.main.clone()))
        };
        let (share, logs) = (Arc::clone(&own.share), Arc::clone(&own.logs));
        let shared = Shared::new(own.engine.clone(), share, spec, sources, logs, Arc::clone(&own.last_error));
        Self::of(shared, Arc::clone(&self.residents))
    }

    fn of(shared: Shared, residents: Arc<Residents>) -> Self {
        let places = Arc::new(Places::new(shared.spec.limits.max_in_flight, &shared.rest));
        Self { shared: Arc::new(shared), places, residents }
    }

    /// The app that this worker runs.
    #[must_use]
    pub fn spec(&self) -> &AppSpec {
        &self.shared.spec
    }

    /// Whether the two are one.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Answers one request. Must be called on tokio's multi-thread runtime. Dropping the future tells the app that
    /// its client is gone.
    ///
    /// # Errors
    /// [`Failure`] when there is no reply of the handler.
    pub async fn fetch(&self, request: Box<Request>) -> Result<Reply, Failure> {
        match self.begin(request, Moment::now()) {
            Begun::Done(result, _) => result,
            Begun::Pending(pending) => self.finish(pending).await,
        }
    }

    /// As [`Worker::fetch`], up to the first point that it would wait at. A handler that answers at once is served
    /// whole, with no future made. `now` was read just before: the request's CPU time may count from then.
    pub fn begin(&self, request: Box<Request>, now: Moment) -> Begun {
        let Some(place) = self.places.take() else {
            return Begun::Pending(Pending(Step::Admit(request)));
        };
        let Some(actor) = self.ready_actor() else {
            return Begun::Pending(Pending(Step::Start(request, place.keep())));
        };
        match self.serve(actor, request, false, now) {
            (Ok(Ok(reply)), now) => {
                let comes_later = matches!(reply.body, ReplyBody::Stream(_) | ReplyBody::Incoming(_));
                let reply = if comes_later { with_place(reply, place.keep(), &self.shared) } else { reply };
                Begun::Done(Ok(reply), now)
            }
            (Ok(Err(Unserved::Failed(failure))), now) => Begun::Done(Err(failure), now),
            (Ok(Err(Unserved::Retry(request))), _) => {
                Begun::Pending(Pending(Step::Start(request, place.keep())))
            }
            (Err(served), _) => Begun::Pending(Pending(Step::Wait(served, place.keep()))),
        }
    }

    /// The rest of what [`Worker::begin`] began.
    ///
    /// # Errors
    /// [`Failure`] when there is no reply of the handler.
    pub async fn finish(&self, pending: Pending) -> Result<Reply, Failure> {
        let (mut request, place) = match pending.0 {
            Step::Admit(request) => {
                let place = self.admit(self.deadline_of(&request)).await?;
                (request, place)
            }
            Step::Start(request, place) => (request, place),
            Step::Wait(served, place) => match served.await {
                Ok(reply) => return Ok(with_place(reply, place, &self.shared)),
                Err(Unserved::Failed(failure)) => return Err(failure),
                Err(Unserved::Retry(unseen)) => (unseen, place),
            },
        };
        for _ in 0..=RETRIES_MAX {
            let actor = match self.ready_actor() {
                Some(actor) => actor,
                None => {
                    let _counted = Counted::begin(&self.shared.waiting_with_place);
                    self.start_actor(self.deadline_of(&request)).await?
                }
            };
            let outcome = match self.serve(actor, request, true, Moment::now()).0 {
                Ok(outcome) => outcome,
                Err(served) => served.await,
            };
            match outcome {
                Ok(reply) => return Ok(with_place(reply, place, &self.shared)),
                Err(Unserved::Failed(failure)) => return Err(failure),
                Err(Unserved::Retry(unseen)) => request = unseen,
            }
        }
        Err(Fault::Overloaded.into())
    }

    fn deadline_of(&self, request: &Request) -> Moment {
        request.arrived + self.shared.spec.limits.timeout()
    }

    /// Gives the request, which `waited` if it had to be put off before, to the isolate: what came of it, or the wait
    /// for that; and the time then.
    fn serve(
        &self,
        actor: Arc<Actor>,
        request: Box<Request>,
        waited: bool,
        now: Moment,
    ) -> (Result<Outcome, Served>, Moment) {
        let id = next_request_id();
        let deadline = self.deadline_of(&request);
        actor.touch(request.arrived);
        match actor.serve(Exchange { id, request, deadline, waited }, now) {
            (Answer::Now(outcome), now) => (Ok(outcome), now),
            (Answer::Later(outcome), now) => (Err(Served::new(actor, id, outcome, deadline)), now),
        }
    }

    /// The survey of the revision's files, which is taken now if there is none yet. May take long.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn survey(&self) -> std::io::Result<Arc<Sources>> {
        self.shared.sources.survey()
    }

    /// The survey of the revision's files, if there is one.
    #[must_use]
    pub fn surveyed(&self) -> Option<Arc<Sources>> {
        self.shared.sources.surveyed()
    }

    /// Starts an isolate ahead of the first request, and waits for the end of its top level.
    ///
    /// # Errors
    /// [`Failure`] when the app's start-up fails.
    pub async fn preload(&self) -> Result<(), Failure> {
        let actor = self.start_actor(Moment::now() + PRELOAD_WAIT).await?;
        loop {
            let mut settled = std::pin::pin!(self.shared.settled.notified());
            // From here on no end of a start is missed.
            settled.as_mut().enable();
            if let Some(failed) = &self.shared.pool.lock().failed {
                return Err(failed.failure.clone());
            }
            if !actor.is_starting() {
                return Ok(());
            }
            settled.await;
        }
    }

    /// Retires isolates that have nothing to do now. May take long.
    pub fn retire_idle(&self) {
        let actors = self.shared.pool.lock().actors.clone();
        for actor in actors {
            actor.retire_if_idle(Duration::ZERO);
        }
    }

    /// What the isolates are at.
    #[must_use]
    pub fn state(&self) -> WorkerState {
        let pool = self.shared.pool.lock();
        if pool.actors.iter().any(|actor| !actor.is_starting()) {
            WorkerState::Running
        } else if !pool.actors.is_empty() || pool.starting.is_some() {
            WorkerState::Starting
        } else if pool.failed.is_some() || pool.held_until.is_some_and(|until| until > Instant::now()) {
            WorkerState::Failed
        } else {
            WorkerState::Idle
        }
    }

    /// What went wrong last, in this revision or one before it.
    #[must_use]
    pub fn last_error(&self) -> Option<LastError> {
        self.shared.last_error.get()
    }

    /// Files what the server could not do for the app.
    pub fn note_error(&self, code: &'static str, message: &str) {
        self.shared.last_error.note(code, message);
    }

    /// Tells in the log that a request was answered with the error of a limit, at the rate of the app's own messages.
    pub fn log_limit(&self, fault: Fault, request_id: &XRequestId, took: Duration) {
        if matches!(fault, Fault::CpuLimit | Fault::MemoryLimit | Fault::Timeout) {
            self.shared.logs.write_limit(fault, request_id, took);
        }
    }

    /// Figures for metrics.
    #[must_use]
    pub fn stats(&self) -> WorkerStats {
        let counters = &self.shared.spec.counters;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (isolates, heap_bytes, external_bytes) = {
            let pool = self.shared.pool.lock();
            pool.actors.iter().fold((pool.overdue, 0, 0), |(isolates, heap, external), actor| {
                let (its_heap, its_external) = actor.memory_seen();
                (isolates + 1, heap + its_heap, external + its_external)
            })
        };
        WorkerStats {
            isolates,
            in_flight: self.requests(),
            cold_starts: get(&counters.cold_starts),
            evictions: get(&counters.evictions),
            cpu_ns: get(&counters.cpu_ns),
            ended_cpu: get(&counters.ended_cpu),
            ended_memory: get(&counters.ended_memory),
            ended_timeout: get(&counters.ended_timeout),
            lost: get(&counters.lost),
            heap_bytes,
            external_bytes,
            subrequests: get(&counters.subrequests),
            log_lines_dropped: get(&counters.log_lines_dropped),
        }
    }

    /// Requests that have no answer yet, or not all of it.
    fn requests(&self) -> usize {
        let with_place = self.shared.waiting_with_place.load(Ordering::Relaxed);
        self.places.taken() + self.shared.waiting.load(Ordering::Relaxed).saturating_sub(with_place)
    }

    /// A place among the requests in flight.
    async fn admit(&self, deadline: Moment) -> Result<Place<Arc<Places>>, Failure> {
        if let Some(place) = self.places.take() {
            return Ok(place.keep());
        }
        let waiting = Waiting::begin(&self.shared);
        if waiting.ahead >= self.shared.spec.limits.max_queue {
            return Err(Fault::Overloaded.into());
        }
        tokio::select! {
            biased;
            place = self.places.wait() => Ok(place),
            () = self.shared.until_cut() => Err(Fault::Draining.into()),
            () = tokio::time::sleep_until(Instant::from(deadline).into()) => Err(Fault::Timeout.into()),
        }
    }

    /// An isolate that can take a request now, and more of them if they are all busy.
    fn ready_actor(&self) -> Option<Arc<Actor>> {
        let mut pool = self.shared.pool.lock();
        let first = pool.actors.first()?;
        if pool.actors.len() == 1 && first.load_now() < QUEUE_FOR_MORE {
            return Some(Arc::clone(first));
        }
        let chosen = pool
            .actors
            .iter()
            .find(|actor| !actor.is_running())
            .or_else(|| pool.actors.iter().min_by_key(|actor| actor.load_now()))
            .map(Arc::clone)?;
        let may_grow = !pool.growing && !pool.ending;
        let wants_more = chosen.is_running()
            && may_grow
            && pool.actors.len() + pool.overdue < self.shared.spec.limits.max_isolates;
        if wants_more {
            pool.growing = true;
            drop(pool);
            self.spawn_start(StartFor::More);
        }
        Some(chosen)
    }

    /// The app's first isolate, started once for all who ask at once.
    async fn start_actor(&self, deadline: Moment) -> Result<Arc<Actor>, Failure> {
        let waiting = Waiting::begin(&self.shared);
        if waiting.ahead >= self.shared.spec.limits.max_queue {
            return Err(Fault::Overloaded.into());
        }
        let mut starting = {
            let mut pool = self.shared.pool.lock();
            if let Some(actor) = pool.actors.first() {
                return Ok(Arc::clone(actor));
            }
            if pool.cut {
                return Err(Fault::Draining.into());
            }
            let now = Instant::now();
            if let Some(until) = pool.held_until.filter(|until| *until > now) {
                return Err(Fault::CrashLoop(until - now).into());
            }
            if let Some(failed) = pool.failed.as_ref().filter(|failed| failed.until > now) {
                return Err(failed.failure.clone());
            }
            pool.starting.get_or_insert_with(|| self.spawn_start(StartFor::Requests)).clone()
        };
        tokio::select! {
            biased;
            started = starting.wait_for(Option::is_some) => match started {
                Ok(actor) => actor.clone().ok_or_else(|| Fault::Startup.into()),
                Err(_given_up) => Err(Fault::Startup.into()),
            },
            () = self.shared.until_cut() => Err(Fault::Draining.into()),
            () = tokio::time::sleep_until(Instant::from(deadline).into()) => Err(Fault::Timeout.into()),
        }
    }

    /// Starts an isolate on a blocking thread, off the serving path, bounded in number. Once begun, it goes to the pool
    /// even when nobody waits for it any more.
    fn spawn_start(&self, purpose: StartFor) -> Starting {
        let (sender, receiver) = watch::channel(None);
        let shared = Arc::clone(&self.shared);
        let residents = Arc::clone(&self.residents);
        tokio::spawn(async move {
            shared.room_for_isolate().await;
            // An app whose start or turns took long does not take the place of others.
            let ticket = shared.share.ticket().await;
            let Ok(place) = residents.starts().acquire_owned().await else { return };
            if purpose == StartFor::Requests {
                let mut pool = shared.pool.lock();
                // The pool has one receiver itself, and hands out others under its lock.
                if sender.receiver_count() <= 1 {
                    pool.starting = None;
                    return; // All who waited have left: on a busy machine it would keep others from their starts.
                }
            }
            let runtime = tokio::runtime::Handle::current();
            let begun = Arc::clone(&shared);
            let mut started = tokio::task::spawn_blocking(move || {
                let _ticket = ticket;
                begun.spec.counters.cold_starts.fetch_add(1, Ordering::Relaxed);
                residents.make_room();
                let actor = Actor::start(&begun, runtime);
                let mut pool = begun.pool.lock();
                purpose.end(&mut pool);
                let (cut, ending) = (pool.cut, pool.ending);
                // A failed start is not kept: its requests have their answer.
                if !cut && !actor.is_dead() {
                    pool.failed = None;
                    pool.actors.push(Arc::clone(&actor));
                }
                drop(pool);
                if cut {
                    actor.cut();
                }
                let idle = Duration::from_millis(begun.spec.limits.idle_ms);
                retire_when_idle(&actor, if ending { idle.min(LATE_IDLE) } else { idle });
                sender.send_replace(Some(Arc::clone(&actor)));
                residents.add(&actor);
                begun.engine.restock(actor.runtime());
            });
            let result = match tokio::time::timeout(COLD_START_PLACE, &mut started).await {
                Ok(result) => result,
                Err(_elapsed) => {
                    drop(place);
                    started.await
                }
            };
            if result.is_err() {
                purpose.end(&mut shared.pool.lock());
                tracing::error!("bug: a start panicked");
            }
        });
        receiver
    }
}

/// What an isolate is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StartFor {
    /// Those that wait for the app's first one.
    Requests,
    /// Those to come: the app is busy.
    More,
}

impl StartFor {
    /// The start is through.
    fn end(self, pool: &mut Pool) {
        match self {
            Self::Requests => pool.starting = None,
            Self::More => pool.growing = false,
        }
    }
}

/// Looks after the isolate until it is gone.
fn retire_when_idle(actor: &Arc<Actor>, idle: Duration) {
    let weak = Arc::downgrade(actor);
    let task = actor.runtime().spawn(async move {
        let mut wait = idle;
        loop {
            tokio::time::sleep(wait).await;
            let Some(actor) = weak.upgrade() else { return };
            match tokio::task::spawn_blocking(move || actor.retire_if_idle(idle)).await {
                Ok(Some(next)) => wait = next.max(Duration::from_millis(10)),
                Ok(None) => return,
                Err(_panic) => return tracing::error!("bug: the end of an isolate panicked"),
            }
        }
    });
    actor.set_retirement(task.abort_handle());
}

/// Counts a request among those that wait.
struct Waiting<'a> {
    shared: &'a Shared,
    ahead: usize,
}

impl<'a> Waiting<'a> {
    fn begin(shared: &'a Shared) -> Self {
        Self { shared, ahead: shared.waiting.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        self.shared.tell_rest();
    }
}

/// Counts one more until it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What [`Worker::begin`] came to.
pub enum Begun {
    /// The answer, and when it was there.
    Done(Result<Reply, Failure>, Moment),
    /// To be waited for with [`Worker::finish`].
    Pending(Pending),
}

/// A request that waits: for a place, for an isolate, or for its handler.
pub struct Pending(Step);

enum Step {
    Admit(Box<Request>),
    Start(Box<Request>, Place<Arc<Places>>),
    Wait(Served, Place<Arc<Places>>),
}

/// The wait for an isolate's outcome, bounded by the deadline. When it is given up, the isolate is told.
struct Served {
    actor: Arc<Actor>,
    id: RequestId,
    outcome: oneshot::Receiver<Outcome>,
    deadline: Moment,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    done: bool,
}

impl Served {
    fn new(actor: Arc<Actor>, id: RequestId, outcome: oneshot::Receiver<Outcome>, deadline: Moment) -> Self {
        Self { actor, id, outcome, deadline, sleep: None, done: false }
    }
}

impl Future for Served {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        if let Poll::Ready(outcome) = Pin::new(&mut this.outcome).poll(cx) {
            this.done = true;
            return Poll::Ready(outcome.unwrap_or_else(|_| Err(Unserved::Failed(Fault::Exception.into()))));
        }
        let deadline = this.deadline;
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::from(deadline).into())));
        sleep.as_mut().poll(cx).map(|()| Err(Unserved::Failed(Fault::Timeout.into())))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.done {
            self.actor.post_elsewhere(Event::Gone(self.id));
        }
    }
}

/// The isolate's state, from inside of it.
pub(crate) fn state_of(isolate: &mut v8::Isolate) -> Option<&mut IsolateState> {
    Isolate::state_mut(isolate)
}

/// The request that the running script works for: of the promise chain that it belongs to, whoever's event it runs in.
pub(crate) fn current_request(scope: &v8::PinScope<'_, '_>) -> RequestId {
    let data = scope.get_continuation_preserved_embedder_data();
    v8::Local::<v8::Number>::try_from(data).map_or(state::STARTUP, |number| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        let id = number.value() as RequestId;
        id
    })
}

/// The isolate's memory, for the engine.
pub(crate) fn memory_of(scope: &mut v8::PinScope<'_, '_>) -> Option<Arc<crate::engine::MemoryAccount>> {
    state_of(scope).map(|state| Arc::clone(&state.memory))
}

/// The isolate's modules, for the engine's module callbacks.
pub(crate) fn modules_of<'a>(scope: &'a mut v8::PinScope<'_, '_>) -> Option<&'a mut ModuleMap> {
    state_of(scope).map(|state| &mut state.modules)
}
