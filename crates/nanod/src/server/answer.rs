//! Answers: an app's reply, or one of NANO's own, and what either protocol has to send of it.

use http::StatusCode;
use http_body::Body as _;
use nano_runtime::{Fault, HeaderList, Reply, XRequestId};
use serde_json::json;

use super::body::OutBody;
use super::request::Asked;
use crate::apps::retry_after_s;

/// What a client should wait when an app is overloaded or goes away, in seconds.
const RETRY_AFTER_S: u64 = 1;

/// Why NANO answers itself.
#[derive(Clone, Copy)]
pub(super) enum Problem {
    Malformed,
    HeadTooLarge,
    UnknownHost,
    Fault(Fault),
}

impl Problem {
    /// Status, code and text: the public contract, as the README has it under "Answers and errors".
    fn contract(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "", "The request is malformed."),
            Self::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "", "The request's head is too large.")
            }
            Self::UnknownHost => (StatusCode::NOT_FOUND, "unknown_host", "No app answers for this host."),
            Self::Fault(Fault::BodyBroken) => Self::Malformed.contract(),
            Self::Fault(fault) => {
                let (status, text) = match fault {
                    Fault::Exception => {
                        (StatusCode::INTERNAL_SERVER_ERROR, "The app failed on this request.")
                    }
                    Fault::Startup => (StatusCode::INTERNAL_SERVER_ERROR, "The app failed to start."),
                    Fault::CpuLimit => {
                        (StatusCode::SERVICE_UNAVAILABLE, "The app used more CPU time than it may.")
                    }
                    Fault::MemoryLimit => {
                        (StatusCode::SERVICE_UNAVAILABLE, "The app used more memory than it may.")
                    }
                    Fault::Timeout => (StatusCode::GATEWAY_TIMEOUT, "The app took too long."),
                    Fault::Draining => (StatusCode::SERVICE_UNAVAILABLE, "The app is going away."),
                    Fault::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "The app has too many requests."),
                    Fault::CrashLoop(_) => {
                        (StatusCode::SERVICE_UNAVAILABLE, "The app failed badly and is held back.")
                    }
                    Fault::BodyTooLarge => {
                        (StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large.")
                    }
                    Fault::BodyBroken => (StatusCode::BAD_REQUEST, "The request is malformed."),
                };
                (status, fault.code(), text)
            }
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

/// An answer on its way out, whatever protocol takes it.
pub(super) struct Outgoing {
    pub(super) status: StatusCode,
    /// As the app set them: what is not the app's to say is left out by [`Outgoing::each_header`].
    headers: HeaderList,
    pub(super) id: XRequestId,
    pub(super) body: OutBody,
    pub(super) is_head: bool,
    /// Nobody knows what the client takes the next bytes of the connection for.
    pub(super) is_last: bool,
}

impl Outgoing {
    /// The app's reply.
    pub(super) fn reply(reply: Reply, asked: &Asked) -> Self {
        Self {
            status: reply.status,
            headers: reply.headers,
            id: asked.id.clone(),
            body: reply.body.into(),
            is_head: asked.is_head,
            is_last: false,
        }
    }

    /// NANO's own answer. `detail` is for development only.
    pub(super) fn problem(problem: Problem, asked: &Asked, detail: Option<&str>) -> Self {
        let (status, code, message) = problem.contract();
        let id = asked.id.to_string();
        let (content_type, body) = if asked.accept_html {
            ("text/html; charset=utf-8", html(status, message, &id, detail))
        } else {
            let mut error = json!({ "code": code, "message": message, "request_id": id });
            if code.is_empty() {
                error["code"] = "bad_request".into();
            }
            if let Some(detail) = detail {
                error["detail"] = detail.into();
            }
            ("application/json", json!({ "error": error }).to_string())
        };
        let mut headers = HeaderList::default();
        headers.push(b"content-type", content_type.as_bytes());
        if !code.is_empty() {
            headers.push(b"x-nano-error", code.as_bytes());
        }
        if let Some(seconds) = problem.retry_after_s() {
            headers.push(b"retry-after", seconds.to_string().as_bytes());
        }
        Self {
            status,
            headers,
            id: asked.id.clone(),
            body: OutBody::full(body),
            is_head: asked.is_head,
            is_last: matches!(problem, Problem::Malformed | Problem::HeadTooLarge),
        }
    }

    /// Calls `f` with each header that is the app's to say, in its order, and gives the length of the body where it is
    /// known: as it is, or, where only the app can know it (of a stream, or of what HEAD leaves out), as the app said.
    pub(super) fn each_header(&self, mut f: impl FnMut(&[u8], &[u8])) -> Option<u64> {
        let mut declared = None;
        for (name, value) in self.headers.iter() {
            if name == b"content-length" {
                // Two of them are none.
                declared = Some(if declared.is_none() { whole_number(value) } else { None });
            } else if !is_servers_own(name) {
                f(name, value);
            }
        }
        let only_the_app_knows = self.body.is_stream() || (self.is_head && self.body.is_empty());
        match declared.flatten().filter(|_| only_the_app_knows) {
            None => self.body.size_hint().exact(),
            said => said,
        }
    }

    /// Whether an answer of this status has no body, whatever the app gave (RFC 9110, section 6.4.1).
    pub(super) fn is_bodiless(&self) -> bool {
        self.is_head || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

/// The number that `text` is, of digits alone.
pub(super) fn whole_number(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// What belongs to one connection is the server's own business (RFC 9110, section 7.6.1), and so is the request's id.
fn is_servers_own(name: &[u8]) -> bool {
    match name.len() {
        2 => name == b"te",
        7 => name == b"trailer" || name == b"upgrade",
        10 => name == b"connection" || name == b"keep-alive",
        12 => name == b"x-request-id",
        16 => name == b"proxy-connection",
        17 => name == b"transfer-encoding",
        _ => false,
    }
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
