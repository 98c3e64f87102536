//! HTTP/2, by hyper.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::header::{CONTENT_LENGTH, COOKIE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use nano_runtime::{HeaderList, IncomingBody, Moment};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answer::{Outgoing, Problem, whole_number};
use super::body::{Limited, OutBody};
use super::connections::{Busy, Entry, Verdict};
use super::request::{self, Answer, Asked, Head, is_authority, prefers_html};
use super::{Front, HEAD_BYTES_MAX, IDLE_TIMEOUT, STREAMS_MAX};

/// Serves a connection whose client speaks HTTP/2, from its preface on.
pub(super) async fn serve(
    front: Arc<Front>,
    own: Option<u16>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    entry: &Entry,
) -> Result<(), hyper::Error> {
    let connection = Arc::clone(&entry.connection);
    let service = service_fn(move |request| {
        let (front, busy) = (Arc::clone(&front), connection.begin());
        async move { Ok::<_, Infallible>(answer(&front, own, request, busy).await) }
    });
    let serving = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(IDLE_TIMEOUT / 2)
        .keep_alive_timeout(IDLE_TIMEOUT / 2)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let (mut registered, mut draining) = (false, false);
    poll_fn(|cx| {
        if !registered {
            registered = true;
            entry.connection.register(cx.waker());
        }
        match entry.connection.verdict() {
            Verdict::Serve => {}
            Verdict::Drain | Verdict::Leave if draining => {}
            Verdict::Drain | Verdict::Leave => {
                draining = true;
                serving.as_mut().graceful_shutdown();
            }
            Verdict::Close => return Poll::Ready(Ok(())),
        }
        serving.as_mut().poll(cx)
    })
    .await
}

/// Answers a request, which counts as under way until the answer's body is sent.
async fn answer(
    front: &Arc<Front>,
    own: Option<u16>,
    request: Request<Incoming>,
    busy: Busy,
) -> Response<OutBody> {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    let asked = Asked {
        arrived: Moment::now(),
        id: front.ids.of(header("x-request-id")),
        accept_html: header("accept").is_some_and(prefers_html),
        is_head: request.method() == Method::HEAD,
    };
    // There are no tunnels here, and an app's 200 to CONNECT would promise one.
    let host = authority_of(&request).filter(|_| request.method() != Method::CONNECT);
    let outgoing = match host {
        None => Outgoing::problem(Problem::Malformed, &asked, None),
        Some(host) => {
            let (parts, body) = request.into_parts();
            let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
            let head = Head {
                asked,
                method: parts.method,
                // `OPTIONS *` names no path.
                target: if target.starts_with('/') { target.into() } else { "/".into() },
                length: parts.headers.get(CONTENT_LENGTH).and_then(|value| whole_number(value.as_bytes())),
                headers: header_list(&parts.headers, host.as_bytes()),
                app: request::route(front, own, Some(host.as_bytes())),
            };
            let body = |max| -> Option<IncomingBody> {
                (!body.is_end_stream()).then(|| -> IncomingBody { Box::pin(Limited::new(body, max)) })
            };
            match request::answer(front, head, body) {
                Answer::Ready(outgoing) => outgoing,
                Answer::Waiting(outgoing) => outgoing.await,
            }
        }
    };
    response(outgoing, busy)
}

/// The authority that the client asks: the pseudo-header, else `Host` (RFC 9113, section 8.3.1). `None`: the request is
/// malformed.
fn authority_of(request: &Request<Incoming>) -> Option<HeaderValue> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() {
        return None;
    }
    let authority = match request.uri().authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok()?,
        None => header.cloned().unwrap_or(HeaderValue::from_static("localhost")),
    };
    is_authority(authority.as_bytes()).then_some(authority)
}

/// Apps see no difference to HTTP/1: there is a host, and the pieces that HTTP/2 may send a cookie in are one header
/// (RFC 9113, section 8.2.3).
fn header_list(headers: &HeaderMap, host: &[u8]) -> HeaderList {
    let mut list = HeaderList::with_capacity(headers.len() * 32);
    list.push(b"host", host);
    for name in headers.keys().filter(|name| *name != HOST) {
        let values = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        if name == COOKIE {
            list.push(b"cookie", &values.collect::<Vec<_>>().join(&b"; "[..]));
        } else {
            values.for_each(|value| list.push(name.as_str().as_bytes(), value));
        }
    }
    list
}

fn response(mut outgoing: Outgoing, busy: Busy) -> Response<OutBody> {
    let mut headers = HeaderMap::new();
    let length = outgoing.each_header(|name, value| {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    });
    let id = outgoing.id.with_bytes(HeaderValue::from_bytes);
    if let Ok(id) = id {
        headers.insert("x-request-id", id);
    }
    if outgoing.is_bodiless() {
        if outgoing.is_head
            && let Some(length) = length.filter(|length| *length > 0)
        {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        // hyper has nobody else who leaves it out.
        outgoing.body = OutBody::full("");
    } else if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    let mut response = Response::new(outgoing.body.hold(busy));
    *response.status_mut() = outgoing.status;
    *response.headers_mut() = headers;
    response
}
