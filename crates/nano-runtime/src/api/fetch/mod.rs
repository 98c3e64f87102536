//! Fetch: what Request and Response need of the exchange that they belong to.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;

use crate::engine::{OpFn, ops};
use crate::worker::{
    BodyError, Event, Fault, HeaderList, IncomingBody, IsolateState, OpResult, Pipe, PipeEvent, Reply,
    ReplyBody, RequestId, Written, app_started, request_failed, state_of,
};

/// Headers that one response may have.
const RESPONSE_HEADERS_MAX: usize = 512;
/// The lists that the built-in names by a number rather than by their strings.
const TEXT_LIST: u32 = 1;
const JSON_LIST: u32 = 2;
/// Bytes of one response's headers.
const RESPONSE_HEADER_BYTES_MAX: usize = 256 << 10;

pub(super) fn ops() -> Vec<OpFn> {
    ops![
        request_method,
        request_url,
        request_headers,
        body_read,
        body_collect,
        body_cancel,
        respond,
        response_write,
        response_close,
        response_error,
        handler_failed,
        hold,
        release,
        app_ready,
    ]
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
    let text = format!("{}://{host}{}", request.scheme, request.target);
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

async fn read_all(body: &mut IncomingBody) -> Result<Vec<u8>, BodyError> {
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(1 << 20);
    let mut all = Vec::with_capacity(expected);
    while let Some(chunk) = read_chunk(body).await? {
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// Begins a read of the body by a task that gives the body back with its result.
fn begin_read<F, Fut>(
    scope: &mut v8::PinScope<'_, '_>,
    args: &v8::FunctionCallbackArguments<'_>,
    rv: &mut v8::ReturnValue<'_, v8::Value>,
    read: F,
) where
    F: FnOnce(IncomingBody) -> Fut + Send + 'static,
    Fut: Future<Output = (IncomingBody, Result<Option<Vec<u8>>, BodyError>)> + Send + 'static,
{
    let id = super::id_arg(args, 0);
    let Some(op) = IsolateState::begin_op(scope, rv) else { return };
    let Some(state) = state_of(scope) else { return };
    let Some(actor) = state.actor.upgrade() else { return };
    let body = state.requests.get_mut(&id).and_then(|request| {
        request.body_taken = true;
        request.body.take()
    });
    let Some(body) = body else {
        let result = OpResult::Undefined;
        return actor.post(Event::Completed { op, result });
    };
    let owner = std::sync::Weak::clone(&state.actor);
    let task = actor.runtime().spawn(async move {
        let (body, result) = read(body).await;
        let (result, fault, body) = match result {
            Ok(Some(bytes)) => (OpResult::Bytes(bytes), None, Some(body)),
            Ok(None) => (OpResult::Undefined, None, None),
            Err(error) => {
                let fault = match error {
                    BodyError::TooLarge => Fault::BodyTooLarge,
                    BodyError::Broken(_) => Fault::BodyBroken,
                };
                (OpResult::TypeError(error.to_string()), Some(fault), None)
            }
        };
        if let Some(actor) = owner.upgrade() {
            actor.post(Event::BodyRead { op, request: id, body, result, fault });
        }
    });
    state.set_abort(op, task.abort_handle());
}

/// `body_read(rid)` -> Promise of a Uint8Array, or of undefined at the end.
fn body_read(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    begin_read(scope, &args, &mut rv, |mut body| async move {
        let result = read_chunk(&mut body).await.map(|chunk| chunk.map(|chunk| chunk.to_vec()));
        (body, result)
    });
}

/// `body_collect(rid)` -> Promise of a Uint8Array with the whole body.
fn body_collect(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    begin_read(scope, &args, &mut rv, |mut body| async move {
        let result = read_all(&mut body).await.map(Some);
        (body, result)
    });
}

/// `body_cancel(rid)`: nobody will read the body.
fn body_cancel(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    if let Some(request) = state_of(scope).and_then(|state| state.requests.get_mut(&id)) {
        request.body = None;
        request.body_taken = true;
    }
}

/// The header list of a response. An exception is pending on `None`.
fn header_list(scope: &mut v8::PinScope<'_, '_>, list: v8::Local<'_, v8::Value>) -> Option<HeaderList> {
    let text = if list.is_string() {
        one_byte(scope, list)
    } else {
        match list.uint32_value(scope) {
            Some(TEXT_LIST) => b"content-type\0text/plain;charset=UTF-8".to_vec(),
            Some(JSON_LIST) => b"content-type\0application/json".to_vec(),
            _ => Vec::new(),
        }
    };
    let list = (text.len() <= RESPONSE_HEADER_BYTES_MAX)
        .then(|| HeaderList::from_text(text, RESPONSE_HEADERS_MAX))
        .flatten();
    if list.is_none() {
        super::throw_type_error(scope, "the response has an invalid header, or too much of them");
    }
    list
}

/// A byte string (Web IDL): every code unit is a byte.
fn one_byte(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Vec<u8> {
    let Ok(text) = v8::Local::<v8::String>::try_from(value) else { return Vec::new() };
    let mut bytes = vec![0; text.length()];
    text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
    bytes
}

/// The bytes of a string in UTF-8.
fn utf8(scope: &mut v8::PinScope<'_, '_>, value: v8::Local<'_, v8::Value>) -> Bytes {
    if let Ok(text) = v8::Local::<v8::String>::try_from(value)
        && text.is_onebyte()
    {
        let latin1 = one_byte(scope, value);
        if latin1.is_ascii() {
            return Bytes::from(latin1);
        }
    }
    Bytes::from(value.to_rust_string_lossy(scope))
}

/// `respond(rid, status, headers, kind, body)`; headers a string as `joinedList` makes it, or a number that stands for
/// a common list, or undefined; kind 0 no body, 1 string, 2 bytes, 3 stream, 4 the request's own body. Returns false when nobody waits for the response any more.
fn respond(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let status =
        u16::try_from(super::u32_arg(&args, 1)).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let Some(status) = status.filter(|status| status.as_u16() >= 200) else {
        return super::throw_range_error(scope, "the response's status is not one that can be sent");
    };
    let Some(headers) = header_list(scope, args.get(2)) else { return };
    let kind = super::u32_arg(&args, 3);
    let full = match kind {
        1 => utf8(scope, args.get(4)),
        2 => match super::bytes_arg(scope, &args, 4) {
            Some(bytes) => Bytes::from(bytes),
            None => return,
        },
        _ => Bytes::new(),
    };
    let Some(state) = state_of(scope) else { return };
    let owner = std::sync::Weak::clone(&state.actor);
    let Some(request) = state.requests.get_mut(&id).filter(|request| !request.replied) else {
        return rv.set_bool(false);
    };
    request.replied = true;
    let mut pipe = None;
    let body = match kind {
        1 | 2 => ReplyBody::Full(full),
        3 => {
            let made = Pipe::new(move |event| tell(&owner, id, event));
            let reader = made.reader(None);
            request.pipe = Some(Arc::clone(&made));
            pipe = Some(made);
            ReplyBody::Stream(reader)
        }
        4 => request.body.take().map_or(ReplyBody::Empty, ReplyBody::Incoming),
        _ => ReplyBody::Empty,
    };
    state.note_settled(id);
    let reply = Reply { status, headers, body };
    let actor = state.actor.upgrade();
    rv.set_bool(actor.is_some_and(|actor| actor.reply(id, Ok(reply), pipe.as_ref())));
}

fn tell(actor: &std::sync::Weak<crate::worker::Actor>, id: RequestId, event: PipeEvent) {
    let Some(actor) = actor.upgrade() else { return };
    match event {
        PipeEvent::Room => actor.post(Event::Room(id)),
        // The reader is dropped from anywhere, so the turn runs elsewhere.
        PipeEvent::Drained => actor.post_elsewhere(Event::Drained(id)),
        PipeEvent::Closed => actor.post_elsewhere(Event::Gone(id)),
    }
}

/// `response_write(rid, chunk)` -> true: go on; false: the client is gone; a promise of either: wait for room.
fn response_write(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = super::id_arg(&args, 0);
    let Some(chunk) = super::bytes_arg(scope, &args, 1) else { return };
    let pipe = state_of(scope).and_then(|state| state.requests.get(&id)?.pipe.clone());
    match pipe.map_or(Written::Closed, |pipe| pipe.write(Bytes::from(chunk))) {
        Written::Room => rv.set_bool(true),
        Written::Closed => rv.set_bool(false),
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
    let owner = std::sync::Weak::clone(&state.actor);
    let Some(actor) = state.actor.upgrade() else { return };
    let Some(request) = state.requests.get_mut(&id) else { return rv.set_bool(false) };
    request.holds += 1;
    rv.set_bool(true);
    if request.holds == 1 {
        let timeout = std::time::Duration::from_millis(actor.spec().limits.timeout_ms);
        let until = request.deadline + timeout;
        actor.runtime().spawn(async move {
            tokio::time::sleep_until(until.into()).await;
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
