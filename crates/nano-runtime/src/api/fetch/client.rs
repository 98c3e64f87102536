//! `fetch`: what an app sends, and what comes back.
//!
//! A fetch has a number of its own, from the same row as the requests that apps serve, so that a body is known by one
//! number whichever of them brought it.

use std::sync::Weak;

use bytes::Bytes;
use http::Method;

use super::{header_bytes, header_list, utf8};
use crate::api::copies;
use crate::engine::{OpFn, ops};
use crate::net::{Fetched, Integrity, Outgoing, Payload, Redirect};
use crate::worker::{
    BodyError, Event, IsolateState, OpResult, Pipe, PipeEvent, RequestId, Written, state_of,
};

pub(super) fn ops() -> Vec<OpFn> {
    ops![fetch_open, fetch_send, fetch_is_open, fetch_abort, upload_write, upload_close, upload_error]
}

/// `fetch_open()` -> the number of a fetch to be.
fn fetch_open(
    scope: &mut v8::PinScope<'_, '_>,
    _args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = crate::worker::next_request_id();
    #[allow(clippy::cast_precision_loss, reason = "ids stay below 2^53")]
    rv.set(v8::Number::new(scope, id as f64).into());
}

/// `fetch_send(id, method, url, headers, redirect, integrity, kind, body)` -> Promise of `{ parts }`: [status, status
/// text, headers, whether there is a body, URL, whether it was redirected]. Headers are as `joinedList` makes them;
/// redirect is 0 to follow, 1
/// for an error, 2 for the response as it is; kind as for `respond`.
fn fetch_send(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = crate::api::id_arg(&args, 0);
    let Some(method) = crate::api::string_arg(scope, &args, 1) else { return };
    let Some(url) = crate::api::string_arg(scope, &args, 2) else { return };
    let headers = header_bytes(scope, args.get(3)).and_then(header_list);
    let redirect = match crate::api::u32_arg(&args, 4) {
        0 => Redirect::Follow,
        1 => Redirect::Error,
        _ => Redirect::Manual,
    };
    let (Ok(method), Ok(headers)) = (Method::from_bytes(method.as_bytes()), headers) else {
        return crate::api::throw_type_error(scope, "the request's method or headers cannot be sent");
    };
    let Some(integrity) = crate::api::string_arg(scope, &args, 5) else { return };
    let kind = crate::api::u32_arg(&args, 6);
    let bytes = match kind {
        1 => utf8(scope, args.get(7)),
        2 => match crate::api::bytes_arg(scope, &args, 7) {
            Some(bytes) => copies::kept(scope, bytes),
            None => return,
        },
        _ => Some(Bytes::new()),
    };
    let Some(bytes) = bytes else { return copies::throw_too_large(scope) };
    let native = (kind == 4).then(|| crate::api::id_arg(&args, 7));
    let Some(op) = IsolateState::begin_op(scope, &mut rv) else { return };
    let Some(state) = state_of(scope) else { return };
    let Some(actor) = state.actor.upgrade() else { return };
    let owner = Weak::clone(&state.actor);
    let Some(allowance) = state.begin_fetch(id, op) else { return };
    let payload = match (kind, native) {
        (1 | 2, _) => Payload::Bytes(bytes),
        (3, _) => {
            let teller = Weak::clone(&owner);
            let pipe = Pipe::new(move |event| tell(&teller, id, event));
            let reader = pipe.reader();
            state.begin_upload(id, pipe);
            Payload::Stream(Box::pin(reader))
        }
        (_, Some(native)) => state.take_body(native).map_or(Payload::None, Payload::Stream),
        _ => Payload::None,
    };
    let integrity =
        (!integrity.is_empty()).then(|| Integrity::parse(&integrity, &state.memory, state.new_meter()));
    let client = actor.client();
    let request = Outgoing { method, url, headers, payload, redirect, integrity, allowance };
    let task = actor.runtime().spawn(async move {
        let result = match client.fetch(request).await {
            Ok(fetched) => OpResult::Fetched(id, Box::new(fetched)),
            Err(failed) => OpResult::FetchFailed(failed),
        };
        if let Some(actor) = owner.upgrade() {
            actor.post(Event::Completed { op, result });
        }
    });
    state.set_abort(op, task.abort_handle());
}

/// `fetch_is_open(id)` -> whether an abort would end anything.
fn fetch_is_open(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = crate::api::id_arg(&args, 0);
    rv.set_bool(state_of(scope).is_some_and(|state| state.has_fetch(id)));
}

/// The response of a fetch as the built-in takes it.
pub(crate) fn response_parts<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    fetched: &Fetched,
    has_body: bool,
) -> Option<v8::Local<'s, v8::Value>> {
    let parts = [
        v8::Integer::new(scope, fetched.status.as_u16().into()).into(),
        v8::String::new_from_one_byte(scope, &fetched.reason, v8::NewStringType::Normal)?.into(),
        v8::String::new_from_one_byte(scope, fetched.headers.text(), v8::NewStringType::Normal)?.into(),
        v8::Boolean::new(scope, has_body).into(),
        v8::String::new(scope, &fetched.url)?.into(),
        v8::Boolean::new(scope, fetched.redirected).into(),
    ];
    Some(v8::Array::new_with_elements(scope, &parts).into())
}

/// `fetch_abort(id)`: whatever the fetch is at, it ends, and what waits for its body fails.
fn fetch_abort(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = crate::api::id_arg(&args, 0);
    let Some(state) = state_of(scope) else { return };
    let waiting = state.abort_fetch(id);
    let Some(actor) = state.actor.upgrade() else { return };
    for op in waiting {
        let result = OpResult::TypeError("the fetch was aborted".to_owned());
        actor.post(Event::Completed { op, result });
    }
}

fn tell(actor: &Weak<crate::worker::Actor>, id: RequestId, event: PipeEvent) {
    let Some(actor) = actor.upgrade() else { return };
    match event {
        PipeEvent::Room => actor.post(Event::UploadRoom { id, open: true }),
        // The reader is dropped from anywhere, so the turn runs elsewhere.
        PipeEvent::Drained | PipeEvent::Closed => {
            actor.post_elsewhere(Event::UploadRoom { id, open: false });
        }
    }
}

/// `upload_write(id, chunk)`, as `response_write`, for the body of a fetch.
fn upload_write(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let id = crate::api::id_arg(&args, 0);
    let Some(chunk) = crate::api::bytes_arg(scope, &args, 1) else { return };
    let pipe = state_of(scope).and_then(|state| state.upload(id));
    let Some(chunk) = copies::kept(scope, chunk) else {
        pipe.iter().for_each(|pipe| pipe.end(Err(BodyError::Memory)));
        return rv.set_bool(false);
    };
    match pipe.map_or(Written::Closed, |pipe| pipe.write(chunk)) {
        Written::Room => rv.set_bool(true),
        Written::Closed => rv.set_bool(false),
        Written::Full => {
            let Some(op) = IsolateState::begin_op(scope, &mut rv) else { return };
            if let Some(state) = state_of(scope) {
                state.wait_for_upload(id, op);
            }
        }
    }
}

/// `upload_close(id)`.
fn upload_close(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(pipe) = state_of(scope).and_then(|state| state.upload(crate::api::id_arg(&args, 0))) {
        pipe.end(Ok(()));
    }
}

/// `upload_error(id)`: the stream failed, and so does the request.
fn upload_error(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    _rv: v8::ReturnValue<'_, v8::Value>,
) {
    if let Some(pipe) = state_of(scope).and_then(|state| state.upload(crate::api::id_arg(&args, 0))) {
        pipe.end(Err(BodyError::Broken("the app's stream failed".into())));
    }
}
