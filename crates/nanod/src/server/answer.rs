//! Answers: an app's reply made fit for the wire, or one of NANO's own.

use http::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Body as _;
use nano_runtime::{Fault, Reply};
use serde_json::json;

use super::body::OutBody;
use super::request::REQUEST_ID;
use crate::apps::retry_after_s;

/// The header that names the kind of a failure.
const ERROR: HeaderName = HeaderName::from_static("x-nano-error");
/// What belongs to one connection is the server's own business (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
/// What a client should wait when an app is overloaded or goes away, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Why NANO answers itself.
#[derive(Clone, Copy)]
pub(super) enum Problem {
    Malformed,
    UnknownHost,
    Fault(Fault),
}

impl Problem {
    /// Status, code and text: the public contract, as the README has it under "Answers and errors".
    fn contract(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "", "The request is malformed."),
            Self::UnknownHost => (StatusCode::NOT_FOUND, "unknown_host", "No app answers for this host."),
            Self::Fault(fault) => match fault {
                Fault::Exception => {
                    (StatusCode::INTERNAL_SERVER_ERROR, "exception", "The app failed on this request.")
                }
                Fault::Startup => (StatusCode::INTERNAL_SERVER_ERROR, "startup", "The app failed to start."),
                Fault::CpuLimit => {
                    (StatusCode::SERVICE_UNAVAILABLE, "cpu_limit", "The app used more CPU time than it may.")
                }
                Fault::MemoryLimit => {
                    (StatusCode::SERVICE_UNAVAILABLE, "memory_limit", "The app used more memory than it may.")
                }
                Fault::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout", "The app took too long."),
                Fault::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining", "The app is going away."),
                Fault::Overloaded => {
                    (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The app has too many requests.")
                }
                Fault::CrashLoop(_) => {
                    (StatusCode::SERVICE_UNAVAILABLE, "crash_loop", "The app failed badly and is held back.")
                }
                Fault::BodyTooLarge => {
                    (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The request's body is too large.")
                }
                Fault::BodyBroken => Self::Malformed.contract(),
            },
        }
    }

    fn retry_after_s(self) -> Option<u64> {
        match self {
            Self::Fault(Fault::CrashLoop(wait)) => Some(retry_after_s(wait)),
            Self::Fault(Fault::Draining | Fault::Overloaded) => Some(RETRY_AFTER_S),
            _ => None,
        }
    }
}

/// Whether the client would rather read HTML.
pub(super) fn prefers_html(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// NANO's own answer. `detail` is for development only.
pub(super) fn failure(
    problem: Problem,
    id: &HeaderValue,
    accept_html: bool,
    detail: Option<&str>,
) -> Response<OutBody> {
    let (status, code, message) = problem.contract();
    let id_text = id.to_str().unwrap_or("");
    let (content_type, body) = if accept_html {
        ("text/html; charset=utf-8", html(status, message, id_text, detail))
    } else {
        let mut error = json!({ "code": code, "message": message, "request_id": id_text });
        if code.is_empty() {
            error["code"] = "bad_request".into();
        }
        if let Some(detail) = detail {
            error["detail"] = detail.into();
        }
        ("application/json", json!({ "error": error }).to_string())
    };
    let mut response = Response::new(OutBody::full(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(REQUEST_ID, id.clone());
    if !code.is_empty() {
        headers.insert(ERROR, HeaderValue::from_static(code));
    }
    if let Some(seconds) = problem.retry_after_s() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn html(status: StatusCode, message: &str, id: &str, detail: Option<&str>) -> String {
    let detail = detail.map_or_else(String::new, |detail| format!("<pre>{}</pre>", escape(detail)));
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>{status}</title><h1>{status}</h1><p>{message}</p>{detail}\
         <p><small>Request {}</small></p>\n",
        escape(id)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The app's reply as it goes out.
pub(super) fn reply(reply: Reply, id: &HeaderValue, is_head: bool) -> Response<OutBody> {
    let body = OutBody::from(reply.body);
    let mut response = Response::new(body);
    *response.status_mut() = reply.status;
    let mut headers = reply.headers;
    // One pass over the few headers of a reply costs less than looking each of these up.
    let (mut has_hop_by_hop, mut has_length) = (false, false);
    for name in headers.keys() {
        has_hop_by_hop |= HOP_BY_HOP.contains(name);
        has_length |= name == CONTENT_LENGTH;
    }
    if has_hop_by_hop {
        for name in HOP_BY_HOP {
            headers.remove(name);
        }
    }
    if has_length && !keeps_length(&headers, response.body(), is_head) {
        headers.remove(CONTENT_LENGTH);
    }
    headers.insert(REQUEST_ID, id.clone());
    *response.headers_mut() = headers;
    response
}

/// The answer to HEAD: the length that GET would have, and no body. HTTP/2 has nobody else who leaves it out.
pub(super) fn without_body(response: &mut Response<OutBody>) {
    let length = response.body().size_hint().exact().filter(|length| *length > 0);
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = OutBody::full("");
}

/// A length that the app set stays where only the app can know it: of a stream, or of what HEAD leaves out.
fn keeps_length(headers: &HeaderMap, body: &OutBody, is_head: bool) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let one_number = lengths.next().is_some_and(|value| {
        value.len() < 20 && !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
    }) && lengths.next().is_none();
    let only_the_app_knows = body.is_stream() || (is_head && body.is_empty());
    one_number && only_the_app_knows
}
