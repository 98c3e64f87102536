//! One request: is it well-formed, whose is it, what comes of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use nano_runtime::{Begun, Failure, Fault, IncomingBody, Reply};

use super::Front;
use super::answer::{Problem, failure, prefers_html, reply, without_body};
use super::body::{Limited, OutBody};
use super::connections::Busy;
use crate::apps::App;

/// The header that carries a request's id, both ways.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a client, in bytes.
const REQUEST_ID_BYTES_MAX: usize = 128;
/// The longest host name with its port, in bytes (RFC 1035 allows 253 for the name).
const AUTHORITY_BYTES_MAX: usize = 260;

/// Makes ids: unique in the process by their counter, between processes by their seed.
pub(super) struct Ids {
    seed: u64,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seed = u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap_or_default();
        Self { seed: mix(seed ^ u64::from(std::process::id())), next: AtomicU64::new(0) }
    }

    /// 16 hexadecimal digits.
    fn make(&self) -> HeaderValue {
        let id = mix(self.seed ^ self.next.fetch_add(1, Ordering::Relaxed));
        let text = hex(id);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("-"))
    }

    /// The client's own id where it sent a sane one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let sane = |value: &&HeaderValue| {
            (1..=REQUEST_ID_BYTES_MAX).contains(&value.len())
                && value
                    .as_bytes()
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
        };
        headers.get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| self.make())
    }
}

/// The digits of `number`, eight at a time in one register each.
fn hex(number: u64) -> [u8; 16] {
    /// The same for each of eight bytes.
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let digits = |half: u64| {
        // Each of the eight nibbles to a byte of its own.
        let spread = (half | (half << 16)) & 0x0000_ffff_0000_ffff;
        let spread = (spread | (spread << 8)) & 0x00ff_00ff_00ff_00ff;
        let nibbles = (spread | (spread << 4)) & each(0x0f);
        let is_letter = ((nibbles + each(6)) >> 4) & each(1);
        nibbles + each(b'0') + is_letter * u64::from(b'a' - b'0' - 10)
    };
    let (high, low) = (digits(number >> 32), digits(number & 0xffff_ffff));
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// A permutation of 64-bit numbers that looks random (the finaliser of MurmurHash3).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// An answer, there already or on its way. hyper moves it around, so it is small.
pub(super) enum Answer {
    Ready(Option<Box<Response<OutBody>>>),
    Waiting(Pin<Box<dyn Future<Output = Response<OutBody>> + Send>>),
}

impl Future for Answer {
    type Output = Result<Response<OutBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(*response)),
                None => Poll::Pending, // Polled again after its end.
            },
            Self::Waiting(response) => response.as_mut().poll(cx).map(Ok),
        }
    }
}

impl From<Response<OutBody>> for Answer {
    fn from(response: Response<OutBody>) -> Self {
        Self::Ready(Some(Box::new(response)))
    }
}

/// What an answer needs to know of its request.
struct Asked {
    front: Arc<Front>,
    app: Arc<App>,
    id: HeaderValue,
    busy: Busy,
    arrived: Instant,
    accept_html: bool,
    is_head: bool,
}

/// Answers a request; there is an answer to everything. It counts as under way until the answer's body is sent.
pub(super) fn answer(front: &Arc<Front>, own: Option<u16>, request: Request<Incoming>, busy: Busy) -> Answer {
    let arrived = Instant::now();
    let id = front.ids.of(request.headers());
    let accept_html = prefers_html(request.headers());
    let version = request.version();
    let is_head = request.method() == Method::HEAD;
    let problem = |problem: Problem, busy: Busy| {
        let mut response = failure(problem, &id, accept_html, None);
        if matches!(problem, Problem::Malformed) && version < Version::HTTP_2 {
            // Nobody knows what such a client takes the next bytes for.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if is_head {
            without_body(&mut response);
        }
        response.body_mut().hold(busy);
        response.into()
    };
    if request.method() == Method::CONNECT {
        // There are no tunnels here, and an app's 200 would promise one.
        return problem(Problem::Malformed, busy);
    }
    let Some(host) = authority_of(&request) else { return problem(Problem::Malformed, busy) };
    let app = {
        let routes = front.registry.routes();
        match own {
            Some(port) => routes.by_port(port).cloned(),
            None => routes.by_host(host.to_str().unwrap_or("")).cloned(),
        }
    };
    let Some(app) = app else { return problem(Problem::UnknownHost, busy) };
    let asked = Asked { front: Arc::clone(front), app, id, busy, arrived, accept_html, is_head };
    let (head, body) = request.into_parts();
    let declared =
        head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|bytes| bytes > asked.app.max_body_bytes) {
        return asked.respond(Err(Fault::BodyTooLarge.into())).into();
    }
    let max_body_bytes = asked.app.max_body_bytes;
    let body =
        (!body.is_end_stream()).then(|| -> IncomingBody { Box::pin(Limited::new(body, max_body_bytes)) });
    let mut headers = head.headers;
    if version >= Version::HTTP_2 {
        as_in_http_1(&mut headers, &host);
    }
    let request = Box::new(nano_runtime::Request {
        arrived,
        method: head.method,
        scheme: "http",
        host,
        uri: head.uri,
        headers,
        body,
        id: asked.id.clone(),
    });
    match asked.app.worker.begin(request) {
        Begun::Done(result) => asked.respond(result).into(),
        Begun::Pending(pending) => Answer::Waiting(Box::pin(async move {
            let result = asked.app.worker.finish(pending).await;
            asked.respond(result)
        })),
    }
}

impl Asked {
    fn respond(self, result: Result<Reply, Failure>) -> Response<OutBody> {
        let mut response = match result {
            Ok(answered) => reply(answered, &self.id, self.is_head),
            Err(failed) => {
                let detail = if self.front.dev { failed.detail.as_deref() } else { None };
                failure(Problem::Fault(failed.fault), &self.id, self.accept_html, detail)
            }
        };
        if self.is_head {
            without_body(&mut response);
        }
        let took = self.arrived.elapsed();
        self.app.stats.count(response.status().as_u16(), took);
        tracing::debug!(
            app = self.app.config.name,
            request_id = self.id.to_str().unwrap_or(""),
            status = response.status().as_u16(),
            us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        response.body_mut().hold(self.busy);
        response
    }
}

/// Apps see no difference to HTTP/1: there is a host, and the pieces that HTTP/2 may send a cookie in are one header
/// (RFC 9113, section 8.2.3).
fn as_in_http_1(headers: &mut HeaderMap, host: &HeaderValue) {
    headers.entry(HOST).or_insert_with(|| host.clone());
    let pieces: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if pieces.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
}

/// The authority that the client asks: of the request's target, else of its one `Host` (RFC 9112, section 3.2).
/// `None`: the request is malformed.
fn authority_of(request: &Request<Incoming>) -> Option<HeaderValue> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() || (header.is_none() && request.version() == Version::HTTP_11) {
        return None;
    }
    let authority = match request.uri().authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok()?,
        // HTTP/1.0 may leave the host out: only a default app or an own port can serve it.
        None => header.cloned().unwrap_or(HeaderValue::from_static("localhost")),
    };
    is_authority(authority.as_bytes()).then_some(authority)
}

fn is_authority(bytes: &[u8]) -> bool {
    (1..=AUTHORITY_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| AUTHORITY.get(usize::from(*byte)).is_some_and(|allowed| *allowed))
}

/// The bytes that an authority may have.
const AUTHORITY: [bool; 128] = {
    let mut allowed = [false; 128];
    let mut byte = 0;
    while byte < 128 {
        let byte_u8 = byte as u8;
        allowed[byte] =
            byte_u8.is_ascii_alphanumeric() || matches!(byte_u8, b'.' | b'-' | b'_' | b':' | b'[' | b']');
        byte += 1;
    }
    allowed
};

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn numbers_are_written_in_sixteen_digits() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, u64::MAX, 0x9a9a_0f0f_a0a0_9999] {
            assert_eq!(hex(number), format!("{number:016x}").as_bytes());
        }
    }
}
