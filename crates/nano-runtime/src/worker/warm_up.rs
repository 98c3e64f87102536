//! The app that is tried before the startup snapshot is made, so that the code that most apps need is in there.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use super::counters::Counters;
use super::debts::{Answer, Debts};
use super::exchange::Request;
use super::headers::{HeaderList, XRequestId};
use super::logs::LogLimiter;
use super::state::{IsolateState, STARTUP};
use super::{Limits, call, state_of};
use crate::engine::{Isolate, MemoryAccount, ModuleMap, Moment, SourceStore};

/// What it is asked for.
const TARGETS: [&str; 5] = ["/text", "/status", "/headers", "/json?a=1", "/later"];
const NAME: &str = "warm-up";
const HEADERS: [(&str, &str); 3] = [("host", "localhost"), ("user-agent", NAME), ("accept", "*/*")];
const LIMITS: Limits = Limits {
    cpu_ms: u64::MAX,
    timeout_ms: u64::MAX,
    memory_mb: 1,
    max_in_flight: 1,
    max_queue: 0,
    idle_ms: u64::MAX,
    clock_resolution_us: 100,
    max_isolates: 1,
    max_subrequests: 0,
};

/// Runs the app in this context, whose isolate has no state yet, and has none afterwards. What it answers goes nowhere.
///
/// # Errors
/// It failed: a bug in NANO.
pub(crate) fn warm_up(scope: &mut v8::PinScope<'_, '_>) -> Result<(), String> {
    let name = Arc::from(NAME);
    let debts: Arc<Debts> = Arc::default();
    let state = IsolateState::new(
        Weak::new(),
        Arc::clone(&debts),
        Arc::clone(&name),
        Arc::new(BTreeMap::from([("NAME".to_owned(), NAME.to_owned())])),
        MemoryAccount::new(usize::MAX),
        LogLimiter::new(&name, &Arc::new(Counters::default())),
        &LIMITS,
        ModuleMap::new(Arc::new(SourceStore::new("/".into(), String::new())), LIMITS.memory_mb),
    );
    Isolate::set_state(scope, state);
    let outcome = try_app(scope, &debts);
    Isolate::drop_state::<IsolateState>(scope);
    outcome
}

fn try_app(scope: &mut v8::PinScope<'_, '_>, debts: &Debts) -> Result<(), String> {
    let hooks = call::take_hooks(scope).ok_or("the first snapshot has no hooks")?;
    if let Some(state) = state_of(scope) {
        state.hooks = Some(hooks);
    }
    let app = evaluate(scope, crate::bootstrap::WARM_UP).ok_or("the app has a mistake")?;
    call::set_request(scope, STARTUP);
    let evaluated = v8::undefined(scope).into();
    call::hand_over(scope, app, evaluated)?;
    scope.perform_microtask_checkpoint();
    for (target, id) in TARGETS.into_iter().zip(STARTUP + 1..) {
        Debts::begin_here(id);
        if let Some(state) = state_of(scope) {
            state.insert_request(id, request(target), Moment::now());
        }
        call::set_request(scope, id);
        call::dispatch(scope, id, false);
        scope.perform_microtask_checkpoint();
        let Answer::Now(Ok(_)) = debts.claim(id) else { return Err(format!("no answer for {target}")) };
        if let Some(state) = state_of(scope) {
            state.close_request(id);
        }
    }
    Ok(())
}

fn evaluate<'s>(scope: &mut v8::PinScope<'s, '_>, source: &str) -> Option<v8::Local<'s, v8::Value>> {
    let source = v8::String::new(scope, source)?;
    v8::Script::compile(scope, source, None)?.run(scope)
}

fn request(target: &str) -> Box<Request> {
    let mut headers = HeaderList::default();
    for (name, value) in HEADERS {
        headers.try_push(name.as_bytes(), value.as_bytes(), usize::MAX);
    }
    Box::new(Request {
        arrived: Moment::now(),
        method: http::Method::GET,
        scheme: "http",
        target: target.into(),
        headers,
        body: None,
        id: XRequestId::made(0),
    })
}
