//! What crosses between the server and a worker: a request in, a reply or a failure out.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body::Body;

use super::headers::{HeaderList, XRequestId};
use super::pipe::StreamBody;
use crate::engine::Moment;

/// A body on its way in, already limited in size by the server.
pub type IncomingBody = Pin<Box<dyn Body<Data = Bytes, Error = BodyError> + Send>>;

/// Why a body could not be read to its end.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BodyError {
    /// It is larger than the app's `max_body_mb`.
    #[error("the body is larger than the limit")]
    TooLarge,
    /// The sender went away, or broke the protocol.
    #[error("the body ended early: {0}")]
    Broken(String),
    /// Its content coding is not what it says, or costs more than it may.
    #[error("the body cannot be decoded: {0}")]
    Undecodable(String),
    /// Its app was stopped in the middle.
    #[error("the app was stopped")]
    Stopped(Fault),
    /// All of it at once does not fit into the memory of its isolate.
    #[error("The memory limit of this app has been reached")]
    Memory,
}

/// One HTTP request for an app.
pub struct Request {
    /// When it came: its time limit counts from here.
    pub arrived: Moment,
    /// The method, as sent.
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Path and query, as sent; it begins with `/`.
    pub target: Box<str>,
    /// All headers, as sent. `host` is the authority that the client named: host and, where not the scheme's default,
    /// port; the server has checked that it can be one.
    pub headers: HeaderList,
    /// `None` when the message has no body at all.
    pub body: Option<IncomingBody>,
    /// The id of the request in logs and in `x-request-id`.
    pub id: XRequestId,
}

/// What a handler answered.
pub struct Reply {
    /// 200 to 599.
    pub status: StatusCode,
    /// In the order in which the app set them.
    pub headers: HeaderList,
    /// The body.
    pub body: ReplyBody,
}

/// A reply's body.
pub enum ReplyBody {
    /// No body at all.
    Empty,
    /// All of it.
    Full(Bytes),
    /// A stream that the app fills.
    Stream(StreamBody),
    /// The request's own body, handed back untouched.
    Incoming(IncomingBody),
}

/// Why a request got no reply from its handler.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{fault:?}")]
pub struct Failure {
    /// What happened.
    pub fault: Fault,
    /// The stack or the message, for the app's log and for `nanod dev`. Never for other clients.
    pub detail: Option<String>,
}

/// The kinds of [`Failure`]; the server gives each its status and `x-nano-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The handler threw, or returned no Response.
    Exception,
    /// The app's code failed to start.
    Startup,
    /// Over `cpu_ms`.
    CpuLimit,
    /// Over `memory_mb`.
    MemoryLimit,
    /// Over `timeout_ms`.
    Timeout,
    /// The app is going away.
    Draining,
    /// Over `max_in_flight` and `max_queue`.
    Overloaded,
    /// The app lost isolates and is held back for the time given.
    CrashLoop(Duration),
    /// The body turned out to be over `max_body_mb`, and the handler failed on that.
    BodyTooLarge,
    /// The body ended early or was malformed, and the handler failed on that.
    BodyBroken,
}

impl Fault {
    /// Its name in answers, logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::Startup => "startup",
            Self::CpuLimit => "cpu_limit",
            Self::MemoryLimit => "memory_limit",
            Self::Timeout => "timeout",
            Self::Draining => "draining",
            Self::Overloaded => "overloaded",
            Self::CrashLoop(_) => "crash_loop",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyBroken => "bad_request",
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, detail: None }
    }
}

/// How a worker's isolate ended an exchange.
pub(crate) enum Unserved {
    Failed(Failure),
    /// The isolate went away before the handler saw the request: it may go to another.
    Retry(Box<Request>),
}

/// What the server waits for.
pub(crate) type Outcome = Result<Reply, Unserved>;
