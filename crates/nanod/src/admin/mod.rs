//! The admin listener: health, metrics, the apps and their logs.

mod answer;
mod apps;
mod body;
mod guard;
mod tail;
mod view;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, watch};

use crate::apps::Registry;
use crate::persist::Persist;
use crate::server::{OutBody, Server};
use crate::systemd::Inherited;
use crate::telemetry::{Log, Metrics};

use answer::{Code, Refusal, plain};
use guard::Guard;

/// How long a client of the admin API may take for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections of admin clients at once; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 256;

/// The bound admin listener.
pub(crate) struct Admin {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    desk: Arc<Desk>,
}

/// What admin requests are answered from.
struct Desk {
    registry: Arc<Registry>,
    metrics: Metrics,
    /// One scrape at a time is enough.
    scrape: tokio::sync::Mutex<()>,
    log: Arc<Log>,
    draining: watch::Receiver<bool>,
    guard: Guard,
    persist: Option<Arc<Persist>>,
    /// A change of the apps and that of the file are one.
    changes: Mutex<()>,
}

/// Binds the admin listener, where there is to be one.
pub(crate) async fn bind(
    config: Option<&nano_config::Admin>,
    registry: &Arc<Registry>,
    server: &Server,
    log: &Arc<Log>,
    persist: Option<Persist>,
    inherited: &mut Inherited,
) -> anyhow::Result<Option<Admin>> {
    let Some(config) = config else { return Ok(None) };
    let address = config.listen;
    let listener = match inherited.take(address)? {
        Some(listener) => listener,
        None => TcpListener::bind(address)
            .await
            .with_context(|| format!("the admin API cannot listen on {address}"))?,
    };
    let address = listener.local_addr().context("a listener without an address")?;
    let desk = Desk {
        registry: Arc::clone(registry),
        metrics: Metrics::new(registry, server.connections(), log),
        scrape: Mutex::default(),
        log: Arc::clone(log),
        draining: server.draining(),
        guard: Guard::new(config.token.as_ref()),
        persist: persist.map(Arc::new),
        changes: Mutex::default(),
    };
    Ok(Some(Admin { address, listener, desk: Arc::new(desk) }))
}

impl Admin {
    /// Serves for the rest of the process' life, the drain included.
    pub(crate) async fn serve(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let desk = Arc::clone(&self.desk);
            tokio::spawn(async move {
                let _place = place;
                let service = service_fn(move |request| {
                    let desk = Arc::clone(&desk);
                    async move { Ok::<_, Infallible>(desk.answer(request).await) }
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

/// What there is to ask for.
enum Place {
    Live,
    Ready,
    Metrics,
    Apps,
    /// One app, by a host or the name.
    App(String),
    /// Its log, as it comes.
    Logs(String),
    Reload,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/live" => Some(Self::Live),
            "/ready" => Some(Self::Ready),
            "/metrics" => Some(Self::Metrics),
            "/admin/apps" => Some(Self::Apps),
            "/admin/reload" => Some(Self::Reload),
            _ => {
                let rest = path.strip_prefix("/admin/apps/")?;
                let (key, place): (_, fn(String) -> Self) = match rest.strip_suffix("/logs") {
                    Some(key) => (key, Self::Logs),
                    None => (rest, Self::App),
                };
                let known = !key.is_empty() && !key.contains('/');
                known.then(|| place(percent_decode_str(key).decode_utf8_lossy().into_owned()))
            }
        }
    }

    fn methods(&self) -> &'static str {
        match self {
            Self::Live | Self::Ready | Self::Metrics => "GET, HEAD",
            Self::Apps => "GET, HEAD, POST",
            Self::App(_) => "GET, HEAD, DELETE",
            Self::Logs(_) => "GET",
            Self::Reload => "POST",
        }
    }
}

impl Desk {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<OutBody> {
        self.route(request).await.unwrap_or_else(Refusal::answer)
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<OutBody>, Refusal> {
        let (head, body) = request.into_parts();
        let place = Place::of(head.uri.path());
        // Health is for load balancers, which have no token.
        if !matches!(place, Some(Place::Live | Place::Ready)) {
            self.guard.check(&head.headers, head.uri.authority())?;
        }
        let place = place.ok_or_else(|| Refusal::new(Code::NotFound, "there is nothing here"))?;
        let not_allowed = || Err(Refusal::method(place.methods()));
        // Probes add parameters so that nothing caches them. Elsewhere one that has no effect would mislead.
        let takes_any = matches!(place, Place::Live | Place::Ready | Place::Metrics | Place::Logs(_));
        if !takes_any && head.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Refusal::new(Code::UnknownParameter, "no parameters are known here"));
        }
        match (&head.method, &place) {
            (&Method::GET | &Method::HEAD, Place::Live) => Ok(plain(StatusCode::OK, "text/plain", "live\n")),
            (&Method::GET | &Method::HEAD, Place::Ready) => Ok(self.ready()),
            (&Method::GET | &Method::HEAD, Place::Metrics) => self.scrape().await,
            (&Method::GET | &Method::HEAD, Place::Apps) => self.list().await,
            (&Method::GET | &Method::HEAD, Place::App(key)) => self.one(key),
            (&Method::GET, Place::Logs(key)) => tail::open(&self, key, head.uri.query()),
            (&Method::POST, Place::Apps) => {
                self.check_not_draining()?;
                let description = body::read(&head.headers, body).await?;
                self.to_its_end(async move |desk: Arc<Self>| desk.put(description).await).await
            }
            (&Method::DELETE, Place::App(_)) => {
                self.check_not_draining()?;
                let Place::App(key) = place else { return not_allowed() };
                self.to_its_end(async move |desk: Arc<Self>| desk.remove(&key).await).await
            }
            (&Method::POST, Place::Reload) => {
                self.check_not_draining()?;
                self.to_its_end(async |desk: Arc<Self>| desk.reload().await).await
            }
            _ => not_allowed(),
        }
    }

    fn ready(&self) -> Response<OutBody> {
        if *self.draining.borrow() {
            plain(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining\n")
        } else {
            plain(StatusCode::OK, "text/plain", "ready\n")
        }
    }

    /// On a thread of its own: requests shall not wait while the page of ten thousand apps is written.
    async fn scrape(&self) -> Result<Response<OutBody>, Refusal> {
        let _one = self.scrape.lock().await;
        let metrics = self.metrics.clone();
        match tokio::task::spawn_blocking(move || metrics.render()).await {
            Ok(Ok(page)) => {
                Ok(plain(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", page))
            }
            Ok(Err(_)) | Err(_) => Err(Refusal::new(Code::Internal, "the metrics could not be written")),
        }
    }

    fn check_not_draining(&self) -> Result<(), Refusal> {
        if *self.draining.borrow() {
            return Err(Refusal::new(Code::Draining, "nanod is about to end; nothing is changed any more"));
        }
        Ok(())
    }

    /// Does a change on a task of its own: a client that leaves in the middle does not leave it half done.
    async fn to_its_end<F, Done>(self: Arc<Self>, change: F) -> Result<Response<OutBody>, Refusal>
    where
        F: FnOnce(Arc<Self>) -> Done,
        Done: Future<Output = Result<Response<OutBody>, Refusal>> + Send + 'static,
    {
        let done = tokio::spawn(change(self)).await;
        done.unwrap_or_else(|_| Err(Refusal::new(Code::Internal, "bug: the change ended in the middle")))
    }
}
