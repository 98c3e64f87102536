//! The admin listener: health and metrics.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::apps::Registry;
use crate::server::{OutBody, Server};
use crate::telemetry;

/// How long a client of the admin API may take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The bound admin listener.
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    desk: Arc<Desk>,
}

/// What admin requests are answered from.
struct Desk {
    registry: Arc<Registry>,
    draining: watch::Receiver<bool>,
    token: Option<nano_config::Secret>,
}

/// Binds the admin listener, where there is to be one.
pub(crate) async fn bind(
    config: Option<&nano_config::Admin>,
    registry: &Arc<Registry>,
    server: &Server,
) -> anyhow::Result<Option<Admin>> {
    let Some(config) = config else { return Ok(None) };
    let address = config.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("the admin API cannot listen on {address}"))?;
    let address = listener.local_addr().context("a listener without an address")?;
    let desk =
        Desk { registry: Arc::clone(registry), draining: server.draining(), token: config.token.clone() };
    Ok(Some(Admin { address, listener, desk: Arc::new(desk) }))
}

impl Admin {
    /// Serves for the rest of the process' life, the drain included.
    pub(crate) async fn serve(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let desk = Arc::clone(&self.desk);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let desk = Arc::clone(&desk);
                    async move { Ok::<_, Infallible>(desk.answer(&request)) }
                });
                let served = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    tracing::debug!(%error, "an admin connection ended early");
                }
            });
        }
    }
}

impl Desk {
    fn answer(&self, request: &Request<Incoming>) -> Response<OutBody> {
        let path = request.uri().path();
        // Health is for load balancers, which have no token.
        let open = matches!(path, "/live" | "/ready");
        if !open && !self.may(request) {
            return error(StatusCode::UNAUTHORIZED, "unauthorized", "a bearer token is required");
        }
        match (request.method(), path) {
            (&Method::GET, "/live") => plain(StatusCode::OK, "text/plain", "live\n"),
            (&Method::GET, "/ready") => {
                if *self.draining.borrow() {
                    plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining\n")
                } else {
                    plain(StatusCode::OK, "text/plain", "ready\n")
                }
            }
            (&Method::GET, "/metrics") => match telemetry::render(&self.registry) {
                Ok(page) => {
                    plain(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", page)
                }
                Err(_) => {
                    error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics could not be written")
                }
            },
            (_, "/live" | "/ready" | "/metrics") => {
                error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only GET is answered here")
            }
            _ => error(StatusCode::NOT_FOUND, "not_found", "there is nothing here"),
        }
    }

    fn may(&self, request: &Request<Incoming>) -> bool {
        let Some(token) = &self.token else { return true };
        let given =
            request.headers().get(http::header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
        given.strip_prefix(b"Bearer ").is_some_and(|given| equal(given, token.expose().as_bytes()))
    }
}

/// Compares in a time that does not depend on where the two differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let differences = a.iter().zip(b).fold(0, |differences, (x, y)| differences | (x ^ y));
    a.len() == b.len() && std::hint::black_box(differences) == 0
}

fn plain(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<OutBody> {
    let mut response = Response::new(OutBody::full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<OutBody> {
    plain(status, "application/json", json!({ "error": { "code": code, "message": message } }).to_string())
}
