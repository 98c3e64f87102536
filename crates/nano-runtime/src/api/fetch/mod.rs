//! Fetch: what Request and Response need of the exchange that they belong to, and `fetch` itself.

mod client;
mod data_url;

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::StatusCode;

use super::copies;
use crate::engine::{FastCall, FastCallInfo, MemoryAccount, OneByteStr, OpFn, guard_fast, ops};
use crate::worker::{
    Actor, BodyError, Collected, Event, Failure, Fault, HeaderList, IncomingBody, IsolateState, OpResult,
    Pipe, PipeEvent, Reply, ReplyBody, RequestId, RequestState, Unserved, Written, app_started,
    current_request, request_failed, return_settled, state_of,
};

/// Headers that one response may have.
const RESPONSE_HEADERS_MAX: usize = 512;
/// Bytes that the headers of most responses with several fit in.
const RESPONSE_HEADER_BYTES_USUAL: usize = 256;
/// Bytes of one response's headers.
const RESPONSE_HEADER_BYTES_MAX: usize = 256 << 10;

pub(crate) use client::response_parts;

pub(super) fn ops() -> Vec<OpFn> {
    let mut all = client::ops();
    all.extend(data_url::ops());
    all.extend(ops![
        request_method,
        request_url,
        request_headers,
        body_read,
        body_collect,
        body_text,
        body_cancel,
        is_header_value + IS_HEADER_VALUE,
        respond,
        add_header + ADD_HEADER,
        respond_text + RESPOND_TEXT,
        response_write,
        response_close,
        response_error,
        handler_failed,
        hold,
        release,
        app_ready,
    ]);
    all
}

/// `request_method(rid)` -> string.
fn request_method(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let Some(method) = state_of(scope).and_then(|s| Some(s.requests.get(&id)?.request.method.clone())) else {
        return ended(scope);
    };
    super::return_string(scope, &mut rv, method.as_str());
}

/// `request_url(rid)` -> the serialised URL.
fn request_url(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let Some(request) = state_of(scope).and_then(|s| Some(&s.requests.get(&id)?.request)) else {
        return ended(scope);
    };
    // HTTP/1.0 may leave the host out.
    let host =
        request.headers.get("host").and_then(|host| std::str::from_utf8(host).ok()).unwrap_or("localhost");
    let text = [request.scheme, "://", host, &request.target].concat();
    match ada_url::Url::parse(&text, None) {
        Ok(url) => super::return_string(scope, &mut rv, url.href()),
        Err(_) => super::throw_type_error(scope, "the request's URL is not valid"),
    }
}

/// `request_headers(rid)` -> "name\0value\0name\0value", names in lower case.
fn request_headers(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let Some(headers) = state_of(scope).and_then(|s| Some(s.requests.get(&id)?.request.headers.clone()))
    else {
        return ended(scope);
    };
    match v8::String::new_from_one_byte(scope, headers.text(), v8::NewStringType::Normal) {
        Some(text) => rv.set(text.into()),
        None => super::throw_range_error(scope, "Invalid string length"),
    }
}

fn ended(scope: &mut v8::PinScope<'_, '_>) {
    super::throw_type_error(scope, "the request has ended");
}

/// Reads one chunk: undefined at the end.
async fn read_chunk(body: &mut IncomingBody) -> Result<Option<Bytes>, BodyError> {
    loop {
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => return Ok(None),
            Some(Err(error)) => return Err(error),
            // Trailers are dropped: Fetch has no place for them.
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}

async fn read_all(body: &mut IncomingBody, memory: Arc<MemoryAccount>) -> Result<Collected, BodyError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(1 << 20);
    let mut all = Collected::with_capacity(expected);
    while let Some(chunk) = read_chunk(body).await? {
        if !all.push(&chunk, &memory) {
            return Err(BodyError::Memory);
        }
    }
    Ok(all)
}

/// Begins a read of the body, which gives the body back with its result, `wrap`ped bytes.
fn begin_read<F, Fut>(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    wrap: fn(Option<Collected>) -> OpResult,
    read: F,
) where
    F: FnOnce(IncomingBody, Arc<MemoryAccount>) -> Fut + Send + 'static,
    Fut: Future<Output = (IncomingBody, Result<Option<Collected>, BodyError>)> + Send + 'static,
{
    let id = super::id_arg(args, 0);
    let owner = current_request(scope);
    if IsolateState::check_op(scope, owner).is_none() {
        return;
    }
    let Some(state) = state_of(scope) else { return };
    let Some(actor) = state.actor.upgrade() else { return };
    let Some(body) = state.take_body(id) else {
        return return_settled(scope, rv, owner, wrap(None));
    };
    let memory = Arc::clone(&state.memory);
    let mut reading = Box::pin(async move {
        let (body, result) = read(body, memory).await;
        match result {
            Ok(Some(bytes)) => (wrap(Some(bytes)), None, Some(body)),
            Ok(None) => (wrap(None), None, None),
            Err(error) => {
                let message = error.to_string();
                match error {
                    BodyError::TooLarge => (OpResult::TypeError(message), Some(Fault::BodyTooLarge), None),
                    BodyError::Broken(_) => (OpResult::TypeError(message), Some(Fault::BodyBroken), None),
                    BodyError::Undecodable(_) | BodyError::Stopped(_) => {
                        (OpResult::TypeError(message), None, None)
                    }
                    BodyError::Memory => (OpResult::RangeError(message), None, None),
                }
            }
        }
    });
    // A small body is mostly there already, and needs no task, nor anything that is kept for one.
    let first = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    let meter = state.meter(id);
    // What was decoded until here counts as any work of the turn.
    meter.iter().for_each(|meter| _ = meter.take());
    if let Poll::Ready((result, fault, body)) = first {
        state.give_body_back(id, body, fault);
        return return_settled(scope, rv, owner, result);
    }
    let weak = Weak::clone(&state.actor);
    let Some(op) = IsolateState::begin_op_of(scope, rv, owner) else { return };
    let Some(state) = state_of(scope) else { return };
    let task = actor.runtime().spawn(async move {
        let (result, fault, body) = reading.await;
        let cpu_ns = meter.map_or(0, |meter| meter.take());
        if let Some(actor) = weak.upgrade() {
            actor.post(Event::BodyRead { op, request: id, body, result, fault, cpu_ns });
        }
    });
    state.set_abort(op, task.abort_handle());
    state.note_reading(id, op);
}

/// `body_read(rid)` -> Promise of `{ bytes }`, a Uint8Array, or undefined at the end.
fn body_read(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    begin_read(scope, &args, &mut rv, OpResult::Held, |mut body, _| async move {
        let result = read_chunk(&mut body).await.map(|chunk| chunk.map(|chunk| chunk.to_vec().into()));
        (body, result)
    });
}

/// `body_collect(rid)` -> Promise of `{ bytes }`, a Uint8Array with the whole body.
fn body_collect(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    begin_read(scope, &args, &mut rv, OpResult::Held, collect);
}

/// `body_text(rid)` -> Promise of the whole body as a string.
fn body_text(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    begin_read(scope, &args, &mut rv, text_of, collect);
}

fn text_of(bytes: Option<Collected>) -> OpResult {
    OpResult::Text(bytes.unwrap_or_default())
}

async fn collect(
    mut body: IncomingBody,
    memory: Arc<MemoryAccount>,
) -> (IncomingBody, Result<Option<Collected>, BodyError>) {
    let result = read_all(&mut body, memory).await.map(Some);
    (body, result)
}

/// `body_cancel(rid)`: nobody will read the body.
fn body_cancel(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    if let Some(state) = state_of(scope) {
        drop(state.take_body(id));
    }
}

const INVALID_STATUS: &str = "the response's status is not one that can be sent";
const INVALID_HEADERS: &str = "the response has an invalid header, or too much of them";

fn status_of(code: u32) -> Result<StatusCode, &'static str> {
    let code = u16::try_from(code).ok().filter(|code| *code >= 200);
    code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(INVALID_STATUS)
}

/// The header list of a response, out of its text.
fn header_list(text: Vec<u8>) -> Result<HeaderList, &'static str> {
    let list = if text.len() > RESPONSE_HEADER_BYTES_MAX {
        None
    } else {
        HeaderList::from_text(text, RESPONSE_HEADERS_MAX)
    };
    list.ok_or(INVALID_HEADERS)
}

/// The bytes of a byte string (Web IDL) that is no longer than all headers together may be.
fn header_bytes(
    scope: &mut v8::PinScope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
) -> Result<Vec<u8>, &'static str> {
    let Ok(text) = v8::Local::<v8::String>::try_from(value) else { return Ok(Vec::new()) };
    let fitting = (text.length() <= RESPONSE_HEADER_BYTES_MAX).then_some(text);
    fitting.and_then(|text| copies::one_byte(scope, text)).ok_or(INVALID_HEADERS)
}

/// The bytes of a string in UTF-8, counted for as long as they are kept. `None`: over the memory limit.
fn utf8(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Option<Bytes> {
    let Ok(text) = v8::Local::<v8::String>::try_from(value) else { return Some(Bytes::new()) };
    let bytes = copies::utf8(scope, text)?;
    copies::kept(scope, bytes)
}

/// Gives request `id` its reply, unless it has one; `body` makes the reply's.
fn reply(
    isolate: &mut v8::Isolate,
    id: RequestId,
    status: StatusCode,
    make: impl FnOnce(&mut RequestState, &Weak<Actor>) -> Result<(HeaderList, ReplyBody), &'static str>,
) -> Result<(), &'static str> {
    let Some(state) = state_of(isolate) else { return Ok(()) };
    let Some(request) = state.requests.get_mut(&id).filter(|request| !request.replied) else { return Ok(()) };
    let (headers, body) = make(request, &state.actor)?;
    request.replied = true;
    let pipe = request.pipe.clone();
    state.note_settled(id);
    state.pay(id, Ok(Reply { status, headers, body }), pipe.as_ref());
    Ok(())
}

/// Gives request `id` a reply of a string, with one more header besides those that were added.
fn reply_text(
    isolate: &mut v8::Isolate,
    id: RequestId,
    status: u32,
    name: &[u8],
    value: &[u8],
    body: impl FnOnce() -> Bytes,
) -> Result<(), &'static str> {
    reply(isolate, id, status_of(status)?, |request, _| {
        let mut headers = std::mem::take(&mut request.headers);
        let fits = headers.try_push(name, value, RESPONSE_HEADER_BYTES_MAX);
        fits.then(|| (headers, ReplyBody::Full(body()))).ok_or(INVALID_HEADERS)
    })
}

const TOO_LARGE: &str = "the response's body does not fit into the app's memory";

/// The whole body of request `id`'s response is over its app's memory limit. No script is left to be told.
fn too_large(isolate: &mut v8::Isolate, id: RequestId) {
    let Some(state) = state_of(isolate) else { return };
    let Some(request) = state.requests.get_mut(&id).filter(|request| !request.replied) else { return };
    request.replied = true;
    state.note_settled(id);
    state.log(tracing::Level::ERROR, id, TOO_LARGE);
    let failure = Failure { fault: Fault::MemoryLimit, detail: Some(TOO_LARGE.to_owned()) };
    state.pay(id, Err(Unserved::Failed(failure)), None);
}

fn push_header(
    isolate: &mut v8::Isolate,
    id: RequestId,
    name: &[u8],
    value: &[u8],
) -> Result<(), &'static str> {
    let Some(request) = state_of(isolate).and_then(|state| state.requests.get_mut(&id)) else {
        return Ok(());
    };
    if request.headers.is_empty() {
        request.headers = HeaderList::with_capacity(RESPONSE_HEADER_BYTES_USUAL);
    }
    let fits = request.headers.try_push(name, value, RESPONSE_HEADER_BYTES_MAX);
    if fits { Ok(()) } else { Err(INVALID_HEADERS) }
}

fn throw_error(scope: &mut v8::PinScope<'_, '_>, result: Result<(), &'static str>) {
    if let Err(message) = result {
        super::throw_type_error(scope, message);
    }
}

/// `is_header_value(string)` -> boolean; false where it takes a closer look, too.
fn is_header_value(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let value = args.get(0);
    let is_one_byte = v8::Local::<v8::String>::try_from(value).is_ok_and(|text| text.is_onebyte());
    rv.set_bool(is_one_byte && header_bytes(scope, value).is_ok_and(|value| HeaderList::is_value(&value)));
}

static IS_HEADER_VALUE: FastCall = FastCall::string_test(is_header_value_fast);

extern "C" fn is_header_value_fast(_this: v8::Local<'_, v8::Value>, value: &OneByteStr) -> bool {
    HeaderList::is_value(value.as_bytes())
}

/// `respond(rid, status, headers, kind, body)`; headers a string as `joinedList` makes it; kind 0 no body, 1 string,
/// 2 bytes, 3 stream, 4 the number of a native body.
fn respond(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let status = status_of(super::u32_arg(&args, 1));
    let headers = header_bytes(scope, args.get(2)).and_then(header_list);
    let kind = super::u32_arg(&args, 3);
    let full = match kind {
        1 => utf8(scope, args.get(4)),
        2 => match super::bytes_arg(scope, &args, 4) {
            Some(bytes) => copies::kept(scope, bytes),
            None => return,
        },
        _ => Some(Bytes::new()),
    };
    let Some(full) = full else { return too_large(scope, id) };
    let native = if kind == 4 { super::id_arg(&args, 4) } else { 0 };
    let mut headers = headers;
    let native = state_of(scope).filter(|_| native > 0).and_then(|state| match &mut headers {
        Ok(headers) => sent_body(state, id, native, headers),
        Err(_) => None,
    });
    let result = status.and_then(|status| {
        reply(scope, id, status, |request, actor| {
            let headers = headers?;
            let body = match kind {
                1 | 2 => ReplyBody::Full(full),
                3 => {
                    let owner = Weak::clone(actor);
                    let pipe = Pipe::new(move |event| tell(&owner, id, event));
                    let reader = pipe.reader();
                    request.pipe = Some(pipe);
                    ReplyBody::Stream(reader)
                }
                4 => native.map_or(ReplyBody::Empty, ReplyBody::Incoming),
                _ => ReplyBody::Empty,
            };
            Ok((headers, body))
        })
    });
    throw_error(scope, result);
}

/// The native body `native` as the client of request `id` gets it. A content coding that it takes, and that the app has
/// not named, stays on it.
fn sent_body(
    state: &mut IsolateState,
    id: RequestId,
    native: RequestId,
    headers: &mut HeaderList,
) -> Option<IncomingBody> {
    let (body, codings) = state.take_coded_body(native)?;
    let Some(codings) = codings else { return Some(body) };
    if headers.get("content-encoding").is_some() {
        return Some(state.decoded(native, body, &codings));
    }
    if !varies_by_coding(headers) {
        headers.push(b"vary", b"accept-encoding");
    }
    let accepted =
        state.requests.get(&id).is_some_and(|asked| codings.are_accepted_by(&asked.request.headers));
    if !accepted {
        return Some(state.decoded(native, body, &codings));
    }
    headers.push(b"content-encoding", codings.names().as_bytes());
    headers.remove("content-length");
    if let Some(length) = body.size_hint().exact() {
        headers.push(b"content-length", length.to_string().as_bytes());
    }
    Some(body)
}

/// Whether Vary (RFC 9110, section 12.5.5) says that the answer depends on Accept-Encoding.
fn varies_by_coding(headers: &HeaderList) -> bool {
    headers.iter().filter(|(name, _)| *name == b"vary").any(|(_, value)| {
        let mut names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"))
    })
}

/// `add_header(rid, name, value)`: to the response that `respond_text` will give.
fn add_header(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let (name, value) = (header_bytes(scope, args.get(1)), header_bytes(scope, args.get(2)));
    let id = super::id_arg(&args, 0);
    let result = name.and_then(|name| push_header(scope, id, &name, &value?));
    throw_error(scope, result);
}

static ADD_HEADER: FastCall = FastCall::header(add_header_fast);

extern "C" fn add_header_fast(
    _this: v8::Local<'_, v8::Value>,
    id: f64,
    name: &OneByteStr,
    value: &OneByteStr,
    info: &mut FastCallInfo<'_>,
) {
    guard_fast(info, "add_header", |isolate| {
        push_header(isolate, super::id_of(id), name.as_bytes(), value.as_bytes())
    });
}

/// `respond_text(rid, status, name, value, body)`: as `respond`, for a string and at least one header, the last.
fn respond_text(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let (id, status) = (super::id_arg(&args, 0), super::u32_arg(&args, 1));
    let (name, value) = (header_bytes(scope, args.get(2)), header_bytes(scope, args.get(3)));
    let Some(body) = utf8(scope, args.get(4)) else { return too_large(scope, id) };
    let result = name.and_then(|name| reply_text(scope, id, status, &name, &value?, || body));
    throw_error(scope, result);
}

static RESPOND_TEXT: FastCall = FastCall::response(respond_text_fast);

extern "C" fn respond_text_fast(
    _this: v8::Local<'_, v8::Value>,
    id: f64,
    status: u32,
    name: &OneByteStr,
    value: &OneByteStr,
    body: &OneByteStr,
    info: &mut FastCallInfo<'_>,
) {
    guard_fast(info, "respond_text", |isolate| {
        // It is a short one: `response.js` hands others to `respond`.
        let body = || Bytes::from(copies::latin1_to_utf8(body.as_bytes()));
        reply_text(isolate, super::id_of(id), status, name.as_bytes(), value.as_bytes(), body)
    });
}

fn tell(actor: &Weak<Actor>, id: RequestId, event: PipeEvent) {
    let Some(actor) = actor.upgrade() else { return };
    match event {
        PipeEvent::Room => actor.post(Event::Room(id)),
        // The reader is dropped from anywhere, so the turn runs elsewhere.
        PipeEvent::Drained => actor.post_elsewhere(Event::Drained(id)),
        PipeEvent::Closed => actor.post_elsewhere(Event::Gone(id)),
    }
}

/// `response_write(rid, chunk)` -> true: go on; false: the request has ended; a promise of either: wait for room;
/// undefined: the client has just left, of which the request is about to be told.
fn response_write(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let Some(chunk) = super::bytes_arg(scope, &args, 1) else { return };
    let pipe = state_of(scope).and_then(|state| state.requests.get(&id)?.pipe.clone());
    let Some(pipe) = pipe else { return rv.set_bool(false) };
    let Some(chunk) = copies::kept(scope, chunk) else {
        pipe.end(Err(BodyError::Stopped(Fault::MemoryLimit)));
        if let Some(state) = state_of(scope) {
            state.log(tracing::Level::ERROR, id, TOO_LARGE);
        }
        return rv.set_bool(false);
    };
    match pipe.write(chunk) {
        Written::Room => rv.set_bool(true),
        Written::Closed => {}
        Written::Full => {
            let Some(op) = IsolateState::begin_op(scope, &mut rv) else { return };
            let request = state_of(scope).and_then(|state| state.requests.get_mut(&id));
            if let Some(request) = request {
                request.waiting_write = Some(op);
            }
        }
    }
}

/// `response_close(rid)`.
fn response_close(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    if let Some(pipe) = state_of(scope).and_then(|state| state.requests.get(&id)?.pipe.clone()) {
        pipe.end(Ok(()));
    }
}

/// `response_error(rid, reason)`: the stream failed; the connection is cut, so that the client sees it.
fn response_error<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let text = crate::worker::describe_exception(scope, args.get(1));
    let Some(state) = state_of(scope) else { return };
    let Some(request) = state.requests.get(&id) else { return };
    state.log(tracing::Level::ERROR, id, &format!("response stream failed: {text}"));
    if let Some(pipe) = &request.pipe {
        pipe.end(Err(BodyError::Broken("the app's stream failed".into())));
    }
}

/// `handler_failed(rid, error)`: the handler threw, or answered what is no Response.
fn handler_failed<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    args: v8::FunctionCallbackArguments<'s>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    request_failed(scope, super::id_arg(&args, 0), args.get(1));
}

/// `hold(rid)`: a `waitUntil` promise is under way. Returns false when the request has ended.
fn hold(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let Some(state) = state_of(scope) else { return };
    let owner = Weak::clone(&state.actor);
    let Some(actor) = state.actor.upgrade() else { return };
    let Some(request) = state.requests.get_mut(&id) else { return rv.set_bool(false) };
    request.holds += 1;
    rv.set_bool(true);
    if request.holds == 1 {
        let timeout = std::time::Duration::from_millis(actor.spec().limits.timeout_ms);
        let until = request.deadline + timeout;
        actor.runtime().spawn(async move {
            tokio::time::sleep_until(std::time::Instant::from(until).into()).await;
            if let Some(actor) = owner.upgrade() {
                actor.post(Event::Expired(id));
            }
        });
    }
}

/// `release(rid)`: a `waitUntil` promise is settled.
fn release(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    if let Some(state) = state_of(scope) {
        if let Some(request) = state.requests.get_mut(&id) {
            request.holds = request.holds.saturating_sub(1);
        }
        state.note_settled(id);
    }
}

/// `app_ready(failed, error)`: the app's top level is through.
fn app_ready(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let failed = args.get(0).boolean_value(scope);
    let error = failed.then(|| args.get(1));
    if let Some(actor) = state_of(scope).and_then(|state| state.actor.upgrade()) {
        app_started(scope, &actor, error);
    }
}
