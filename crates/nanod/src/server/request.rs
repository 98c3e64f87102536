//! One request, whatever protocol brought it: whose is it, and what comes of it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use http::Method;
use nano_runtime::{Begun, Failure, Fault, HeaderList, IncomingBody, Moment, Reply, ReplyBody, XRequestId};

use super::Front;
use super::answer::{Outgoing, Problem};
use crate::apps::{App, Route};

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

    pub(super) fn make(&self) -> XRequestId {
        XRequestId::made(mix(self.seed ^ self.next.fetch_add(1, Ordering::Relaxed)))
    }

    /// The client's own id where it sent a sane one.
    pub(super) fn of(&self, sent: Option<&[u8]>) -> XRequestId {
        sent.and_then(XRequestId::taken).unwrap_or_else(|| self.make())
    }
}

/// A permutation of 64-bit numbers that looks random (the finaliser of MurmurHash3).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// What NANO itself needs to know of a request to answer it.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) arrived: Moment,
    pub(super) id: XRequestId,
    pub(super) accept_html: bool,
    pub(super) is_head: bool,
}

/// A request as it came, well-formed and without its body.
pub(super) struct Head {
    pub(super) asked: Asked,
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: Box<str>,
    /// With the authority that the client asks as `host`; HTTP/1.0 may leave it out.
    pub(super) headers: HeaderList,
    /// Whom it is for, if anyone.
    pub(super) app: Option<Route>,
    /// The length that the client says its body has.
    pub(super) length: Option<u64>,
}

/// An answer, there already or on its way.
pub(super) enum Answer {
    Ready(Outgoing),
    Waiting(Pin<Box<dyn Future<Output = Outgoing> + Send>>),
}

/// The app that answers for `host`, or that has the listener `own` for itself.
pub(super) fn route(front: &Front, own: Option<u16>, host: Option<&[u8]>) -> Option<Route> {
    let routes = front.registry.routes();
    match own {
        Some(port) => routes.by_port(port).cloned(),
        None => routes.by_host(host.unwrap_or(b"localhost")).cloned(),
    }
}

/// Gives a request to its app; there is an answer to everything. `body` makes the body, with the limit in bytes that it
/// has to keep.
pub(super) fn answer(
    front: &Arc<Front>,
    head: Head,
    body: impl FnOnce(u64) -> Option<IncomingBody>,
) -> Answer {
    let Head { asked, method, target, headers, app, length } = head;
    let Some(Route { app, is_leaving }) = app else {
        return Answer::Ready(Outgoing::problem(Problem::UnknownHost, &asked, None));
    };
    if is_leaving {
        return Answer::Ready(respond(front, &app, &asked, Err(Fault::Draining.into()), asked.arrived));
    }
    if length.is_some_and(|bytes| bytes > app.max_body_bytes) {
        let refused = Err(Fault::BodyTooLarge.into());
        return Answer::Ready(respond(front, &app, &asked, refused, asked.arrived));
    }
    let request = Box::new(nano_runtime::Request {
        arrived: asked.arrived,
        method,
        scheme: "http",
        target,
        headers,
        body: body(app.max_body_bytes),
        id: asked.id.clone(),
    });
    match app.worker.begin(request, asked.arrived) {
        Begun::Done(result, now) => match begun_now(result) {
            Ok(result) => Answer::Ready(respond(front, &app, &asked, result, now)),
            Err(reply) => {
                let front = Arc::clone(front);
                Answer::Waiting(Box::pin(async move {
                    let result = begun(Ok(reply)).await;
                    respond(&front, &app, &asked, result, Moment::now())
                }))
            }
        },
        Begun::Pending(pending) => {
            let front = Arc::clone(front);
            Answer::Waiting(Box::pin(async move {
                let result = begun(app.worker.finish(pending).await).await;
                respond(&front, &app, &asked, result, Moment::now())
            }))
        }
    }
}

/// `result`, if it is known that its body has begun, or that it never will; else the reply.
fn begun_now(result: Result<Reply, Failure>) -> Result<Result<Reply, Failure>, Reply> {
    let mut cx = Context::from_waker(Waker::noop());
    match result {
        Ok(Reply { body: ReplyBody::Stream(body), status, headers }) => match body.poll_begun(&mut cx) {
            Poll::Ready(Err(fault)) => Ok(Err(fault.into())),
            begun => {
                let reply = Reply { status, headers, body: ReplyBody::Stream(body) };
                if begun.is_ready() { Ok(Ok(reply)) } else { Err(reply) }
            }
        },
        result => Ok(result),
    }
}

/// Waits for the beginning of the reply's body. Until its head is sent, an app that is stopped at a limit can still be
/// answered for.
async fn begun(result: Result<Reply, Failure>) -> Result<Reply, Failure> {
    let reply = result?;
    if let ReplyBody::Stream(body) = &reply.body {
        poll_fn(|cx| body.poll_begun(cx)).await?;
    }
    Ok(reply)
}

fn respond(front: &Front, app: &App, asked: &Asked, result: Result<Reply, Failure>, now: Moment) -> Outgoing {
    let took = now - asked.arrived;
    let outgoing = match result {
        Ok(reply) => Outgoing::reply(reply, asked),
        Err(failed) => {
            app.stats.count_error(failed.fault);
            app.worker.log_limit(failed.fault, &asked.id, took);
            let detail = if front.dev { failed.detail.as_deref() } else { None };
            Outgoing::problem(Problem::Fault(failed.fault), asked, detail)
        }
    };
    let status = outgoing.status.as_u16();
    app.stats.count(status, took);
    tracing::debug!(
        app = app.config.name,
        request_id = %asked.id,
        status,
        duration_ms = f64::from(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)) / 1e3,
        "answered"
    );
    outgoing
}

/// Whether `bytes` can be the authority of a request: a host and, maybe, a port. There are no users here.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
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

/// Whether a client would rather read HTML, by its `accept`.
pub(super) fn prefers_html(accept: &[u8]) -> bool {
    accept.windows(b"text/html".len()).any(|part| part == b"text/html")
}
