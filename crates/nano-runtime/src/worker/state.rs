//! What an isolate keeps on the Rust side: its requests, the operations under way, its timers and modules.
//!
//! It lives in the isolate's slot and is reached from ops, under the isolate's lock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::AbortHandle;

use super::Limits;
use super::actor::Actor;
use super::debts::Debts;
use super::exchange::{Fault, IncomingBody, Outcome, Request};
use super::headers::HeaderList;
use super::jobs::JobResult;
use super::logs::LogLimiter;
use super::meter::Meter;
use super::pipe::Pipe;
use crate::api::Codec;
use crate::engine::{Held, MemoryAccount, ModuleMap, Moment};
use crate::net::{Codings, Failed, Fetched, decoded};

/// A table by numbers that count up: any hash will do.
pub(crate) type IdMap<V> = HashMap<u64, V, BuildHasherDefault<IdHasher>>;

/// Spreads a counter over the table.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // Fibonacci hashing: the table looks at the highest and the lowest bits.
        self.0 = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20);
    }
}

/// A request's number within its process; 0 stands for the app's start-up.
pub(crate) type RequestId = u64;
/// An operation's number within its isolate.
pub(crate) type OpId = u64;

/// The start-up's own number: what it opens lives as long as the isolate.
pub(crate) const STARTUP: RequestId = 0;

/// Operations that one isolate may have under way.
const PENDING_OPS_MAX: usize = 10_000;
/// Timers that one isolate may have.
const TIMERS_MAX: usize = 100_000;
/// Streams that one isolate may be compressing or decompressing.
const CODECS_MAX: usize = 10_000;

/// One request inside its isolate, and what it opened.
pub(crate) struct RequestState {
    pub(crate) request: Box<Request>,
    pub(crate) deadline: Moment,
    pub(crate) cpu_used_ns: u64,
    /// The incoming body, while no read has it.
    pub(crate) body: Option<IncomingBody>,
    pub(crate) body_taken: bool,
    /// What was wrong with the body: a handler that fails afterwards is not at fault.
    pub(crate) body_fault: Option<Fault>,
    /// A response has been given.
    pub(crate) replied: bool,
    /// The client left, and the app knows. Until it does, its stream is not over.
    pub(crate) gone: bool,
    /// The first headers of a response that is about to be given.
    pub(crate) headers: HeaderList,
    pub(crate) pipe: Option<Arc<Pipe>>,
    /// The write that waits for room.
    pub(crate) waiting_write: Option<OpId>,
    /// `waitUntil` promises and response streams that still run.
    pub(crate) holds: u32,
    /// Its client has all that it gets; only `waitUntil` work is left.
    in_background: bool,
    /// Few requests open anything.
    opened: Option<Box<Opened>>,
}

/// How far a request is.
pub(crate) enum Stage {
    /// Something is to be done, as before.
    Open,
    /// From now on only `waitUntil` work is.
    Background,
    /// Nothing is left to do.
    Finished,
}

/// What a request was that was closed.
#[derive(Default)]
pub(crate) struct Closed {
    pub(crate) was_streamed: bool,
    pub(crate) was_in_background: bool,
}

/// The timers, operations, fetches and codecs of a request.
#[derive(Default)]
struct Opened {
    timers: HashSet<u32, BuildHasherDefault<IdHasher>>,
    ops: HashSet<OpId, BuildHasherDefault<IdHasher>>,
    codecs: HashSet<u32, BuildHasherDefault<IdHasher>>,
    fetches: Vec<RequestId>,
    /// Subrequests that it may still send; `None` before the first.
    allowance: Option<Arc<AtomicU32>>,
}

/// A codec, and whose it is.
struct OpenCodec {
    codec: Codec,
    request: RequestId,
}

impl RequestState {
    fn opened(&mut self) -> &mut Opened {
        self.opened.get_or_insert_default()
    }
}

/// The requests of an isolate. Mostly there is one, and it has ended before the next one comes: the latest is no part
/// of the table.
#[derive(Default)]
pub(crate) struct Requests {
    latest: Option<(RequestId, RequestState)>,
    earlier: IdMap<RequestState>,
}

impl Requests {
    fn insert(&mut self, id: RequestId, request: RequestState) -> &mut RequestState {
        if let Some((id, request)) = self.latest.take() {
            self.earlier.insert(id, request);
        }
        &mut self.latest.insert((id, request)).1
    }

    pub(crate) fn get(&self, id: &RequestId) -> Option<&RequestState> {
        match &self.latest {
            Some((latest, request)) if latest == id => Some(request),
            _ => self.earlier.get(id),
        }
    }

    pub(crate) fn get_mut(&mut self, id: &RequestId) -> Option<&mut RequestState> {
        match &mut self.latest {
            Some((latest, request)) if latest == id => Some(request),
            _ => self.earlier.get_mut(id),
        }
    }

    fn remove(&mut self, id: &RequestId) -> Option<RequestState> {
        match self.latest.take_if(|(latest, _)| latest == id) {
            Some((_, request)) => Some(request),
            None => self.earlier.remove(id),
        }
    }

    fn is_empty(&self) -> bool {
        self.latest.is_none() && self.earlier.is_empty()
    }
}

/// How an operation ended.
pub(crate) enum OpResult {
    Undefined,
    Bool(bool),
    /// Bytes, or undefined, in an object that no `then` of an app is asked for, as `{ bytes }`.
    Held(Option<Collected>),
    /// A string, still in UTF-8.
    Text(Collected),
    /// In an object without a prototype: keys shall not come by an app's `Object.prototype.then`.
    Job(JobResult),
    TypeError(String),
    RangeError(String),
    /// The response to a fetch.
    Fetched(RequestId, Box<Fetched>),
    FetchFailed(Failed),
}

/// The bytes of a body: what was collected of it counts as its isolate's until a turn takes it, however long the isolate
/// is busy until then.
#[derive(Default)]
pub(crate) struct Collected {
    bytes: Vec<u8>,
    held: Option<Held>,
}

impl Collected {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), held: None }
    }

    /// Takes one piece more. `false`: it is over the limit.
    pub(crate) fn push(&mut self, bytes: &[u8], memory: &Arc<MemoryAccount>) -> bool {
        let fits = match &mut self.held {
            Some(held) => held.grow(bytes.len()),
            None => {
                self.held = memory.hold(bytes.len());
                self.held.is_some()
            }
        };
        if fits {
            self.bytes.extend_from_slice(bytes);
        }
        fits
    }

    /// The bytes, which count no more.
    pub(crate) fn take(self) -> Vec<u8> {
        self.bytes
    }
}

impl From<Vec<u8>> for Collected {
    /// A piece of a body that is read bit by bit.
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, held: None }
    }
}

struct PendingOp {
    resolver: v8::Global<v8::PromiseResolver>,
    request: RequestId,
    abort: Option<AbortHandle>,
}

/// A fetch from its begin to the end of its response's body.
struct Fetch {
    owner: RequestId,
    /// Of the response, while no read has it.
    body: Option<IncomingBody>,
    /// Those of `body`, which are still on it.
    codings: Option<Codings>,
    /// What taking them off costs, once that has begun.
    meter: Option<Arc<Meter>>,
    /// What waits for the response, or for its body.
    waiting: Option<OpId>,
    /// The body of the request, if it is a stream.
    upload: Option<Arc<Pipe>>,
    /// The write that waits for room in it.
    waiting_write: Option<OpId>,
}

struct Timer {
    due: Instant,
    /// Timers that are due at once fire in the order in which they were started.
    order: u64,
    request: RequestId,
}

/// The functions of the built-ins that the engine calls.
pub(crate) struct Hooks {
    pub(crate) start: v8::Global<v8::Function>,
    pub(crate) dispatch: v8::Global<v8::Function>,
    pub(crate) fire_timer: v8::Global<v8::Function>,
    pub(crate) promise_rejected: v8::Global<v8::Function>,
    pub(crate) drain_rejections: v8::Global<v8::Function>,
    pub(crate) abort_request: v8::Global<v8::Function>,
    pub(crate) forget_timer: v8::Global<v8::Function>,
    pub(crate) report_exception: v8::Global<v8::Function>,
    pub(crate) lazy_global: v8::Global<v8::Function>,
    pub(crate) install_web_assembly: v8::Global<v8::Function>,
}

pub(crate) struct IsolateState {
    pub(crate) actor: Weak<Actor>,
    debts: Arc<Debts>,
    pub(crate) app: Arc<str>,
    pub(crate) env: Arc<BTreeMap<String, String>>,
    pub(crate) memory: Arc<MemoryAccount>,
    pub(crate) logs: Arc<LogLimiter>,
    max_subrequests: u32,
    /// CPU time that a request may take, and again the decoding of a body.
    cpu_ns: u64,
    pub(crate) modules: ModuleMap,
    pub(crate) hooks: Option<Hooks>,
    /// The step of its clock.
    pub(crate) clock_resolution: Duration,
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
    pub(crate) requests: Requests,
    /// Requests that got on by the work of this event: one request may resolve what another waits for.
    settled: Vec<RequestId>,
    pub(crate) rejections: bool,
    pending: IdMap<PendingOp>,
    next_op: OpId,
    fetches: IdMap<Fetch>,
    timers: HashMap<u32, Timer>,
    next_timer: u64,
    due: BTreeMap<(Instant, u64), u32>,
    /// When the isolate's alarm rings.
    pub(crate) alarm: Option<Instant>,
    /// Timers that ended with their request: their callbacks are still to be let go.
    pub(crate) forgotten_timers: Vec<u32>,
    /// Streaming text decoders, each with whether it is fatal.
    pub(crate) decoders: HashMap<u32, (encoding_rs::Decoder, bool)>,
    pub(crate) next_decoder: u32,
    codecs: HashMap<u32, OpenCodec>,
    next_codec: u32,
    /// Where codecs write to; empty until the first one does.
    codec_output: Vec<u8>,
}

impl IsolateState {
    #[allow(clippy::too_many_arguments, reason = "called once, with names that say what each is")]
    pub(crate) fn new(
        actor: Weak<Actor>,
        debts: Arc<Debts>,
        app: Arc<str>,
        env: Arc<BTreeMap<String, String>>,
        memory: Arc<MemoryAccount>,
        logs: Arc<LogLimiter>,
        limits: &Limits,
        modules: ModuleMap,
    ) -> Self {
        Self {
            actor,
            debts,
            app,
            env,
            memory,
            logs,
            max_subrequests: limits.max_subrequests,
            cpu_ns: limits.cpu_ns(),
            modules,
            hooks: None,
            clock_resolution: Duration::from_micros(limits.clock_resolution_us.max(1)),
            started: Instant::now(),
            started_at: SystemTime::now(),
            requests: Requests::default(),
            settled: Vec::new(),
            rejections: false,
            pending: IdMap::default(),
            next_op: 1,
            fetches: IdMap::default(),
            timers: HashMap::new(),
            next_timer: 0,
            due: BTreeMap::new(),
            alarm: None,
            forgotten_timers: Vec::new(),
            decoders: HashMap::new(),
            next_decoder: 1,
            codecs: HashMap::new(),
            next_codec: 1,
            codec_output: Vec::new(),
        }
    }

    pub(crate) fn insert_request(
        &mut self,
        id: RequestId,
        mut request: Box<Request>,
        deadline: Moment,
    ) -> &mut RequestState {
        let body = request.body.take();
        let request = RequestState {
            request,
            deadline,
            cpu_used_ns: 0,
            body,
            body_taken: false,
            body_fault: None,
            replied: false,
            gone: false,
            headers: HeaderList::default(),
            pipe: None,
            waiting_write: None,
            holds: 0,
            in_background: false,
            opened: None,
        };
        self.requests.insert(id, request)
    }

    /// Pays a request's client. `false`: nobody waits any more.
    pub(crate) fn pay(&self, id: RequestId, outcome: Outcome, pipe: Option<&Arc<Pipe>>) -> bool {
        self.debts.pay(id, outcome, pipe)
    }

    /// Writes to the app's log, under the id of `request`; at start-up, and once it has ended, under none.
    pub(crate) fn log(&self, level: tracing::Level, request: RequestId, text: &str) {
        let id = self.requests.get(&request).map_or_else(String::new, |r| r.request.id.to_string());
        self.logs.write(level, &id, text);
    }

    /// Begins an operation of the current request: the promise is what the script waits for. `None`: an exception is
    /// pending.
    pub(crate) fn begin_op(
        scope: &mut v8::PinScope<'_, '_>,
        rv: &mut v8::ReturnValue<'_, v8::Value>,
    ) -> Option<OpId> {
        let request = super::current_request(scope);
        Self::begin_op_of(scope, rv, request)
    }

    /// As [`IsolateState::begin_op`], for `request`.
    pub(crate) fn begin_op_of(
        scope: &mut v8::PinScope<'_, '_>,
        rv: &mut v8::ReturnValue<'_, v8::Value>,
        request: RequestId,
    ) -> Option<OpId> {
        Self::check_op(scope, request)?;
        let resolver = v8::PromiseResolver::new(scope)?;
        rv.set(resolver.get_promise(scope).into());
        let resolver = v8::Global::new(scope, resolver);
        let state = super::state_of(scope)?;
        let id = state.next_op;
        state.next_op += 1;
        state.pending.insert(id, PendingOp { resolver, request, abort: None });
        if let Some(owner) = state.requests.get_mut(&request) {
            owner.opened().ops.insert(id);
        }
        Some(id)
    }

    /// Whether `request` may begin an operation. `None`: an exception is pending.
    pub(crate) fn check_op(scope: &mut v8::PinScope<'_, '_>, request: RequestId) -> Option<()> {
        let state = super::state_of(scope)?;
        if !state.is_open(request) {
            crate::api::throw_type_error(scope, "the request has ended");
            return None;
        }
        if state.pending.len() >= PENDING_OPS_MAX {
            crate::api::throw_range_error(scope, "too many operations under way in this app");
            return None;
        }
        Some(())
    }

    /// The operation's task, which ends with the request.
    pub(crate) fn set_abort(&mut self, op: OpId, abort: AbortHandle) {
        match self.pending.get_mut(&op) {
            Some(pending) => pending.abort = Some(abort),
            None => abort.abort(),
        }
    }

    /// A fetch begins: `op` waits for its response. Gives how many subrequests its request may still send.
    pub(crate) fn begin_fetch(&mut self, id: RequestId, op: OpId) -> Option<Arc<AtomicU32>> {
        let owner = self.op_owner(op)?;
        let max = self.max_subrequests;
        let fetch = Fetch {
            owner,
            body: None,
            codings: None,
            meter: None,
            waiting: Some(op),
            upload: None,
            waiting_write: None,
        };
        self.fetches.insert(id, fetch);
        let Some(request) = self.requests.get_mut(&owner) else {
            return Some(Arc::new(AtomicU32::new(max)));
        };
        let opened = request.opened();
        opened.fetches.push(id);
        Some(Arc::clone(opened.allowance.get_or_insert_with(|| Arc::new(AtomicU32::new(max)))))
    }

    /// Keeps the body of the response to fetch `id`. `false`: it was aborted.
    pub(crate) fn keep_body(&mut self, id: RequestId, fetched: &mut Fetched) -> bool {
        let Some(fetch) = self.fetches.get_mut(&id) else { return false };
        fetch.waiting = None;
        fetch.body = fetched.body.take();
        fetch.codings = fetched.codings.take();
        true
    }

    /// Takes the body of the request that is served under number `id`, or of the response to that fetch, without its
    /// codings.
    pub(crate) fn take_body(&mut self, id: RequestId) -> Option<IncomingBody> {
        let (body, codings) = self.take_coded_body(id)?;
        Some(match codings {
            Some(codings) => self.decoded(id, body, &codings),
            None => body,
        })
    }

    /// As [`IsolateState::take_body`], with those codings that are still on it.
    pub(crate) fn take_coded_body(&mut self, id: RequestId) -> Option<(IncomingBody, Option<Codings>)> {
        if let Some(request) = self.requests.get_mut(&id) {
            request.body_taken = true;
            return Some((request.body.take()?, None));
        }
        let fetch = self.fetches.get_mut(&id)?;
        Some((fetch.body.take()?, fetch.codings.take()))
    }

    /// The body of the response to fetch `id` with its codings taken off on the way.
    pub(crate) fn decoded(&mut self, id: RequestId, body: IncomingBody, codings: &Codings) -> IncomingBody {
        let meter = Arc::new(self.new_meter());
        let body = decoded(body, codings, &self.memory, &meter);
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.meter = Some(meter);
        }
        body
    }

    /// For the decoding of one body.
    pub(crate) fn new_meter(&self) -> Meter {
        Meter::new(self.cpu_ns, &self.actor)
    }

    /// What the decoding of body `id` costs, if it has to be decoded.
    pub(crate) fn meter(&self, id: RequestId) -> Option<Arc<Meter>> {
        self.fetches.get(&id)?.meter.clone()
    }

    /// A read of body `id` is over.
    pub(crate) fn give_body_back(&mut self, id: RequestId, body: Option<IncomingBody>, fault: Option<Fault>) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.body = body;
            request.body_fault = request.body_fault.or(fault);
        } else if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.body = body;
            fetch.waiting = None;
            if fetch.body.is_none() && fetch.upload.is_none() {
                self.fetches.remove(&id);
            }
        }
    }

    /// `op` reads body `id`.
    pub(crate) fn note_reading(&mut self, id: RequestId, op: OpId) {
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.waiting = Some(op);
        }
    }

    pub(crate) fn has_fetch(&self, id: RequestId) -> bool {
        self.fetches.contains_key(&id)
    }

    /// Ends a fetch. Gives the operations that wait for it.
    pub(crate) fn abort_fetch(&mut self, id: RequestId) -> Vec<OpId> {
        let Some(fetch) = self.fetches.remove(&id) else { return Vec::new() };
        if let Some(upload) = fetch.upload {
            upload.end(Err(super::exchange::BodyError::Broken("the fetch was aborted".into())));
        }
        let waiting = fetch.waiting.inspect(|op| {
            if let Some(abort) = self.pending.get_mut(op).and_then(|pending| pending.abort.take()) {
                abort.abort();
            }
        });
        waiting.into_iter().chain(fetch.waiting_write).collect()
    }

    pub(crate) fn begin_upload(&mut self, id: RequestId, pipe: Arc<Pipe>) {
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.upload = Some(pipe);
        }
    }

    pub(crate) fn upload(&self, id: RequestId) -> Option<Arc<Pipe>> {
        self.fetches.get(&id)?.upload.clone()
    }

    pub(crate) fn wait_for_upload(&mut self, id: RequestId, op: OpId) {
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.waiting_write = Some(op);
        }
    }

    /// The write that waits for room in the upload of fetch `id`, and whose it is.
    pub(crate) fn end_upload_wait(&mut self, id: RequestId) -> Option<(OpId, RequestId)> {
        let fetch = self.fetches.get_mut(&id)?;
        fetch.waiting_write.take().map(|op| (op, fetch.owner))
    }

    /// Takes an operation off the table. Gives the promise to settle and the request that it belongs to.
    pub(crate) fn end_op(&mut self, op: OpId) -> Option<(v8::Global<v8::PromiseResolver>, RequestId)> {
        let pending = self.pending.remove(&op)?;
        if let Some(owner) = self.requests.get_mut(&pending.request) {
            owner.opened().ops.remove(&op);
        }
        Some((pending.resolver, pending.request))
    }

    /// Whether `request` may begin anything.
    pub(crate) fn is_open(&self, request: RequestId) -> bool {
        request == STARTUP || self.requests.get(&request).is_some()
    }

    /// Starts timer `id` of `request`; of one that has ended it never fires. `false`: there are too many.
    pub(crate) fn start_timer(&mut self, id: u32, delay: Duration, request: RequestId) -> bool {
        if !self.is_open(request) {
            self.forgotten_timers.push(id);
            return true;
        }
        if self.timers.len() >= TIMERS_MAX {
            return false;
        }
        let due = Instant::now() + delay;
        let order = self.next_timer;
        self.next_timer += 1;
        self.cancel_timer(id);
        self.timers.insert(id, Timer { due, order, request });
        self.due.insert((due, order), id);
        if let Some(owner) = self.requests.get_mut(&request) {
            owner.opened().timers.insert(id);
        }
        true
    }

    pub(crate) fn cancel_timer(&mut self, id: u32) {
        let Some(timer) = self.timers.remove(&id) else { return };
        self.due.remove(&(timer.due, timer.order));
        if let Some(owner) = self.requests.get_mut(&timer.request) {
            owner.opened().timers.remove(&id);
        }
    }

    /// Takes the next timer that is due at `now`: its id and its request.
    pub(crate) fn pop_due_timer(&mut self, now: Instant) -> Option<(u32, RequestId)> {
        let (&(due, _), &id) = self.due.first_key_value()?;
        if due > now {
            return None;
        }
        let request = self.timers.get(&id).map_or(STARTUP, |timer| timer.request);
        self.cancel_timer(id);
        Some((id, request))
    }

    /// When the alarm has to ring next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(&(due, _), _)| due)
    }

    /// Opens a codec of `request`, which is dropped with it at the latest. The error says why not.
    pub(crate) fn open_codec(&mut self, codec: Codec, request: RequestId) -> Result<u32, &'static str> {
        if !self.is_open(request) {
            return Err("the request has ended");
        }
        if self.codecs.len() >= CODECS_MAX {
            return Err("too many streams are being compressed or decompressed in this app");
        }
        let id = self.next_codec;
        self.next_codec = self.next_codec.wrapping_add(1).max(1);
        self.codecs.insert(id, OpenCodec { codec, request });
        if let Some(owner) = self.requests.get_mut(&request) {
            owner.opened().codecs.insert(id);
        }
        Ok(id)
    }

    /// A codec that is open, and where it may write to.
    pub(crate) fn codec(&mut self, id: u32) -> Option<(&mut Codec, &mut Vec<u8>)> {
        Some((&mut self.codecs.get_mut(&id)?.codec, &mut self.codec_output))
    }

    pub(crate) fn close_codec(&mut self, id: u32) {
        let Some(open) = self.codecs.remove(&id) else { return };
        if let Some(owner) = self.requests.get_mut(&open.request) {
            owner.opened().codecs.remove(&id);
        }
    }

    /// How far request `id` is.
    pub(crate) fn stage(&mut self, id: RequestId) -> Stage {
        let Some(request) = self.requests.get_mut(&id) else { return Stage::Open };
        let is_answered =
            request.replied && (request.gone || request.pipe.as_ref().is_none_or(|pipe| pipe.is_over()));
        if !is_answered {
            Stage::Open
        } else if request.holds == 0 {
            Stage::Finished
        } else if std::mem::replace(&mut request.in_background, true) {
            Stage::Open
        } else {
            Stage::Background
        }
    }

    /// Request `id` was answered, or one of its `waitUntil` promises was settled: it may have nothing left to do.
    pub(crate) fn note_settled(&mut self, id: RequestId) {
        self.settled.push(id);
    }

    /// One of the requests that were noted.
    pub(crate) fn next_settled(&mut self) -> Option<RequestId> {
        self.settled.pop()
    }

    /// The time of the request's `waitUntil` promises is over.
    pub(crate) fn cut_holds(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.holds = 0;
        }
    }

    /// Whose operation `op` is.
    pub(crate) fn op_owner(&self, op: OpId) -> Option<RequestId> {
        self.pending.get(&op).map(|pending| pending.request)
    }

    /// CPU time that the request of operation `op` has left, but for the turn that runs.
    pub(crate) fn cpu_left_ns(&self, op: OpId) -> u64 {
        let owner = self.op_owner(op).and_then(|id| self.requests.get(&id));
        owner.map_or(u64::MAX, |request| self.cpu_ns.saturating_sub(request.cpu_used_ns))
    }

    /// Forgets a request and closes all that it opened.
    pub(crate) fn close_request(&mut self, id: RequestId) -> Closed {
        let Some(mut request) = self.requests.remove(&id) else { return Closed::default() };
        if let Some(opened) = request.opened.take() {
            for timer in opened.timers {
                self.cancel_timer(timer);
                self.forgotten_timers.push(timer);
            }
            for fetch in opened.fetches {
                self.abort_fetch(fetch);
            }
            for op in opened.ops {
                if let Some(PendingOp { abort: Some(abort), .. }) = self.pending.remove(&op) {
                    abort.abort();
                }
            }
            for codec in opened.codecs {
                self.codecs.remove(&codec);
            }
        }
        Closed { was_streamed: request.pipe.is_some(), was_in_background: request.in_background }
    }

    /// Whether anything of the app is under way: an isolate with none of that may be retired.
    pub(crate) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }

    /// Ends what goes on outside of the isolate, whose script will hear nothing of it any more. V8 is not called.
    pub(crate) fn call_off(&mut self) {
        for pending in self.pending.values_mut() {
            if let Some(abort) = pending.abort.take() {
                abort.abort();
            }
        }
        for (_, fetch) in self.fetches.drain() {
            if let Some(upload) = fetch.upload {
                upload.end(Err(super::exchange::BodyError::Broken("the app stopped in the middle".into())));
            }
        }
        self.codecs.clear();
        self.decoders.clear();
    }
}

impl Drop for IsolateState {
    fn drop(&mut self) {
        // An operation's task would go on without anybody who waits for it: a fetch, as long as its server lets it.
        self.call_off();
    }
}

impl Drop for RequestState {
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            pipe.end(Err(super::exchange::BodyError::Broken("the app stopped in the middle".into())));
        }
    }
}
