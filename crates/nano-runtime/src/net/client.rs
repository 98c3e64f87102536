//! An app's HTTP client: connections of its own, redirects by the Fetch standard, and no address that it may not reach.

use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HOST,
    LOCATION, PROXY_AUTHORIZATION, RANGE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connected, HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tokio::sync::OwnedSemaphorePermit;

use super::coding::{self, Codings};
use super::failed::{Failed, causes, was_stale};
use super::integrity::Integrity;
use super::sockets::{AppSockets, InUse, Sockets};
use super::wire::{Connector, HasServed};
use super::{Egress, Roots, ports};
use crate::worker::{BodyError, HeaderList, IncomingBody};

/// Redirects that are followed (Fetch, "HTTP-redirect fetch").
const REDIRECTS_MAX: u32 = 20;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections that an app keeps to one host.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// How often a request is sent again because the connection that it was sent on had been closed.
const STALE_RETRIES_MAX: u32 = 3;
/// What apps are to servers that ask (ECMA-429, 9).
const USER_AGENT_VALUE: HeaderValue = HeaderValue::from_static("NANO");

/// A request of an app's.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    /// Serialised, of the scheme http or https.
    pub(crate) url: String,
    pub(crate) headers: HeaderList,
    pub(crate) payload: Payload,
    pub(crate) redirect: Redirect,
    pub(crate) integrity: Option<Integrity>,
    /// How many requests may still be sent on account of the request that the app serves.
    pub(crate) allowance: Arc<AtomicU32>,
}

pub(crate) enum Payload {
    None,
    Bytes(Bytes),
    /// It can be sent once.
    Stream(IncomingBody),
}

/// What to do with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirect {
    Follow,
    Error,
    /// It is the response.
    Manual,
}

/// A response, up to its body.
pub(crate) struct Fetched {
    pub(crate) status: StatusCode,
    /// Of one byte a character.
    pub(crate) reason: Box<[u8]>,
    pub(crate) headers: HeaderList,
    /// `None`: there is none, by the method or the status.
    pub(crate) body: Option<IncomingBody>,
    /// What `body` is coded in, and will not be for the app: `headers` say nothing of it.
    pub(crate) codings: Option<Codings>,
    /// Of the last hop.
    pub(crate) url: String,
    pub(crate) redirected: bool,
}

type Connections = Pool<HttpsConnector<Connector>, IncomingBody>;

/// The client of one app.
pub(crate) struct Client {
    pool: Connections,
    connector: HttpsConnector<Connector>,
    egress: Arc<Egress>,
    sockets: AppSockets,
    /// Requests sent.
    sent: Arc<AtomicU64>,
}

impl Client {
    /// `in_flight`: how many requests the app may have in flight. `sent` counts those that it sends.
    pub(crate) fn new(
        egress: &Arc<Egress>,
        roots: &Roots,
        sockets: &Arc<Sockets>,
        in_flight: usize,
        sent: &Arc<AtomicU64>,
    ) -> Self {
        let sockets = sockets.of_app(in_flight);
        let egress = Arc::clone(egress);
        let mut tcp = HttpConnector::new_with_resolver(Resolver { egress: Arc::clone(&egress) });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(roots))
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(Connector { tcp, sockets: sockets.clone() });
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector.clone());
        Self { pool, connector, egress, sockets, sent: Arc::clone(sent) }
    }

    /// Fetches, redirects included.
    pub(crate) async fn fetch(&self, request: Outgoing) -> Result<Fetched, Failed> {
        let Outgoing { mut method, mut url, headers, mut payload, redirect, integrity, allowance } = request;
        let mut headers = header_map(&headers);
        let mut hops = 0;
        loop {
            let (response, again) = self.exchange(&method, &url, &headers, payload, &allowance).await?;
            let is_redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            // HTTP fetch, step 8.
            if is_redirect && redirect == Redirect::Error {
                return Err(format!("{url} redirects, and the request does not allow it").into());
            }
            let target = match redirect {
                Redirect::Follow if is_redirect => redirect_target(&response, &url)?,
                _ => None,
            };
            let Some(target) = target else {
                let mut fetched = fetched(&method, response, url, hops > 0)?;
                if let Some(integrity) = integrity {
                    let body = fetched.body.take();
                    fetched.body = Some(integrity.check(body, fetched.codings.take()).await?);
                }
                return Ok(fetched);
            };
            hops += 1;
            if hops > REDIRECTS_MAX {
                return Err("too many redirects".into());
            }
            // HTTP-redirect fetch, step 11: before a redirect turns the method into one without a body.
            let status = response.status();
            payload = match again {
                Some(again) => again,
                None if status == StatusCode::SEE_OTHER => Payload::None,
                None => return Err("a redirect needs the body again, which was a stream".into()),
            };
            let becomes_get = match status {
                StatusCode::SEE_OTHER => method != Method::GET && method != Method::HEAD,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
                _ => false,
            };
            if becomes_get {
                method = Method::GET;
                payload = Payload::None;
                BODY_HEADERS.iter().for_each(|name| {
                    headers.remove(*name);
                });
            }
            if origin_of(&url) != origin_of(&target) {
                SECRET_HEADERS.iter().for_each(|name| {
                    headers.remove(name);
                });
            }
            url = target;
        }
    }

    /// Sends a request, once more if the server asks for another connection. Gives the response, and the body again,
    /// unless that was a stream.
    async fn exchange(
        &self,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        payload: Payload,
        allowance: &AtomicU32,
    ) -> Result<(Response<Upstream>, Option<Payload>), Failed> {
        self.take_from(allowance)?;
        let bytes = match payload {
            Payload::None => Bytes::new(),
            Payload::Bytes(bytes) => bytes,
            Payload::Stream(stream) => {
                let sent = self.send(&self.pool, method, url, headers, stream).await?;
                return Ok((sent.map_err(|error| Failed::to(url, &error))?, None));
            }
        };
        let mut response = self.send_bytes(&self.pool, method, url, headers, &bytes).await?;
        // HTTP-network-or-cache fetch, step 15: a connection that was made for another host is no good here.
        if response.status() == StatusCode::MISDIRECTED_REQUEST && self.take_from(allowance).is_ok() {
            drop(response);
            let own =
                Pool::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(self.connector.clone());
            response = self.send_bytes(&own, method, url, headers, &bytes).await?;
        }
        let again = if bytes.is_empty() { Payload::None } else { Payload::Bytes(bytes) };
        Ok((response, Some(again)))
    }

    /// One request less that may be sent.
    fn take_from(&self, allowance: &AtomicU32) -> Result<(), String> {
        let less = allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match less {
            Ok(_) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(_) => Err("the request has sent as many subrequests as it may".to_owned()),
        }
    }

    /// Sends a request whose body can be sent again, and does so if that may be (RFC 9110, section 9.2.2) and its
    /// connection was an old one that brings nothing.
    async fn send_bytes(
        &self,
        pool: &Connections,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        bytes: &Bytes,
    ) -> Result<Response<Upstream>, Failed> {
        let mut retries = 0;
        loop {
            match self.send(pool, method, url, headers, whole(bytes.clone())).await? {
                Ok(response) => return Ok(response),
                Err(error) if method.is_idempotent() && retries < STALE_RETRIES_MAX && was_stale(&error) => {
                    retries += 1;
                }
                Err(error) => return Err(Failed::to(url, &error)),
            }
        }
    }

    /// The outer error is of what is not sent at all.
    async fn send(
        &self,
        pool: &Connections,
        method: &Method,
        url: &str,
        headers: &HeaderMap,
        body: IncomingBody,
    ) -> Result<Result<Response<Upstream>, hyper_util::client::legacy::Error>, String> {
        let parsed = ada_url::Url::parse(url, None).map_err(|_| format!("{url} is not a URL"))?;
        check_literal(&self.egress, parsed.hostname())?;
        let default_port = if parsed.protocol() == "https:" { 443 } else { 80 };
        if self.egress.is_closed(parsed.hostname(), parsed.port().parse().unwrap_or(default_port)) {
            return Err(not_allowed(parsed.host()));
        }
        if parsed.port().parse().is_ok_and(ports::is_bad) {
            return Err(format!("{url}: no request goes to this port, which another protocol has"));
        }
        let uri = url.split('#').next().unwrap_or(url);
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(map) = request.headers_mut() {
            map.clone_from(headers);
        }
        let mut request = request.body(body).map_err(|error| format!("{url} cannot be sent: {error}"))?;
        let place = self.sockets.request().await;
        let connection = capture_connection(&mut request);
        let response = match InUse::while_sent(connection.clone(), pool.request(request)).await {
            Ok(response) => response,
            Err(error) => return Ok(Err(error)),
        };
        HasServed::note(response.extensions());
        let in_use = InUse::begin(response.extensions());
        let has_none = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let is_http1 = response.version() < http::Version::HTTP_2;
        if has_none && is_http1 && response.headers().get(CONTENT_LENGTH).is_some_and(|length| length != "0")
        {
            // A server that sends the body all the same makes it the beginning of the next response.
            connection.connection_metadata().iter().for_each(Connected::poison);
        }
        Ok(Ok(response.map(|body| Upstream { body, held: Some((in_use, place)) })))
    }
}

/// An address in the URL itself never reaches the resolver.
fn check_literal(egress: &Egress, host: &str) -> Result<(), String> {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !egress.allows_address(address) => Err(not_allowed(host)),
        _ => Ok(()),
    }
}

fn not_allowed(host: &str) -> String {
    format!("{host} is not a public address, and the app's \"egress\" does not allow it")
}

/// An app's own, since it holds the sessions that are resumed.
fn tls_config(roots: &Roots) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of the default versions")
        .with_root_certificates(roots.store())
        .with_no_client_auth()
}

/// Looks names up, and gives none but addresses that the app may reach.
#[derive(Clone)]
pub(super) struct Resolver {
    egress: Arc<Egress>,
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let egress = Arc::clone(&self.egress);
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let anywhere = egress.allows_host(host);
            let allowed: Vec<_> =
                found.filter(|address| anywhere || egress.allows_address(address.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, not_allowed(host)));
            }
            Ok(allowed.into_iter())
        })
    }
}

/// What describes a body goes with it ("request-body-header name").
const BODY_HEADERS: [&str; 4] = ["content-encoding", "content-language", "content-location", "content-type"];

/// What is meant for one origin only. In a browser the first alone can be set, and the cookie jar knows of the others.
const SECRET_HEADERS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// The app's headers, without those that are the connection's, and with the defaults.
fn header_map(list: &HeaderList) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list.iter() {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
            continue;
        };
        if !CONNECTIONS_OWN.contains(&name.as_str()) && name != HOST {
            map.append(name, value);
        }
    }
    map.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    // "HTTP-network-or-cache fetch": a part of what is coded could not be decoded.
    let codings = if map.contains_key(RANGE) { "identity" } else { coding::ACCEPTED };
    map.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static(codings));
    map.entry(ACCEPT_LANGUAGE).or_insert(HeaderValue::from_static("*"));
    map.entry(USER_AGENT).or_insert(USER_AGENT_VALUE);
    map
}

const CONNECTIONS_OWN: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The URL that a redirect leads to ("location URL"); `None`: it names none.
fn redirect_target(response: &Response<Upstream>, url: &str) -> Result<Option<String>, String> {
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let location = location_text(location.as_bytes());
    let Ok(mut target) = ada_url::Url::parse(location.as_ref(), Some(url)) else {
        return Err(format!("{url} redirects to no URL"));
    };
    if !matches!(target.protocol(), "http:" | "https:") {
        return Err(format!("{url} redirects to what is not HTTP"));
    }
    if !target.username().is_empty() || !target.password().is_empty() {
        return Err(format!("{url} redirects to a URL with credentials"));
    }
    if !target.has_hash()
        && let Some((_, fragment)) = url.split_once('#')
    {
        target.set_hash(Some(fragment));
    }
    Ok(Some(target.href().to_owned()))
}

/// A Location as text. Bytes that are no UTF-8 stay what they are, percent-encoded.
fn location_text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(
        |_| {
            let encoded = bytes.iter().map(|byte| match byte {
                0..0x80 => char::from(*byte).to_string(),
                _ => format!("%{byte:02X}"),
            });
            Cow::Owned(encoded.collect())
        },
        Cow::Borrowed,
    )
}

fn origin_of(url: &str) -> String {
    ada_url::Url::parse(url, None).map_or_else(|_| String::new(), |url| url.origin().to_owned())
}

fn fetched(
    method: &Method,
    response: Response<Upstream>,
    url: String,
    redirected: bool,
) -> Result<Fetched, String> {
    let (mut parts, body) = response.into_parts();
    let bodiless = method == Method::HEAD || matches!(parts.status.as_u16(), 101 | 103 | 204 | 205 | 304);
    // A part of a coded body cannot be decoded: who asked for one knows what to do with it.
    let whole = !bodiless && parts.status != StatusCode::PARTIAL_CONTENT;
    let codings = if whole { Codings::of(&parts.headers)? } else { None };
    if codings.is_some() {
        parts.headers.remove(CONTENT_ENCODING);
        parts.headers.remove(CONTENT_LENGTH);
    }
    let mut headers = HeaderList::with_capacity(parts.headers.len() * 32);
    for (name, value) in &parts.headers {
        headers.push(name.as_str().as_bytes(), value.as_bytes());
    }
    let reason = match parts.extensions.get::<ReasonPhrase>() {
        Some(reason) => reason.as_bytes().into(),
        None if parts.version < http::Version::HTTP_2 => {
            parts.status.canonical_reason().unwrap_or("").as_bytes().into()
        }
        None => Box::default(),
    };
    let body = (!bodiless).then(|| -> IncomingBody {
        let held = body.held.filter(|_| !body.body.is_end_stream());
        Box::pin(Upstream { held, ..body })
    });
    Ok(Fetched { status: parts.status, reason, headers, body, codings, url, redirected })
}

/// A response's body.
struct Upstream {
    body: Incoming,
    /// The use of its connection and the place among the app's requests, until its end.
    held: Option<(Option<InUse>, Option<OwnedSemaphorePermit>)>,
}

impl Body for Upstream {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.held = None;
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(|error| BodyError::Broken(causes(&error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body of bytes.
struct Whole(Option<Bytes>);

fn whole(bytes: Bytes) -> IncomingBody {
    Box::pin(Whole((!bytes.is_empty()).then_some(bytes)))
}

impl Body for Whole {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::location_text;

    #[test]
    fn bytes_of_a_location_that_are_no_text_stay_what_they_are() {
        for (bytes, text) in [
            (b"/a?b".as_slice(), "/a?b"),
            ("/\u{e9}".as_bytes(), "/\u{e9}"),
            (b"/\xff?%\xc3", "/%FF?%%C3"),
            (b"\xc3\xa9\xff", "%C3%A9%FF"),
        ] {
            assert_eq!(location_text(bytes), text);
        }
    }
}
