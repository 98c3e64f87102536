//! How many connections apps have open: each takes one of the process's descriptors, which clients need as well.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http::Extensions;
use hyper_util::client::legacy::connect::{CaptureConnection, Connected};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that an app may have open at once, those that wait for the next request among them; as many as it may
/// have requests in flight, if that is more. No app has more than half of the process's.
const APP_CONNECTIONS_MAX: usize = 256;
/// How long a new connection waits for a place at most.
const PLACE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it looks for a connection that has become idle meanwhile.
const PLACE_TICK: Duration = Duration::from_millis(50);
/// How long a connection is left alone that was not used yet: who asked for it may be about to use it.
const NEW_FOR: Duration = Duration::from_secs(1);

/// The places for connections of all apps.
#[derive(Debug)]
pub struct Sockets {
    places: Arc<Semaphore>,
    max: usize,
    open: Mutex<HashMap<u64, Arc<Lease>>>,
    next: AtomicU64,
}

impl Sockets {
    /// So many places.
    #[must_use]
    pub fn new(max: usize) -> Self {
        let max = max.clamp(2, Semaphore::MAX_PERMITS);
        let (places, open, next) = (Arc::new(Semaphore::new(max)), Mutex::default(), AtomicU64::new(0));
        Self { places, max, open, next }
    }

    /// Those of one app that may have `in_flight` requests in flight.
    pub(super) fn of_app(self: &Arc<Self>, in_flight: usize) -> AppSockets {
        let max = APP_CONNECTIONS_MAX.max(in_flight).min(self.max / 2);
        AppSockets {
            all: Arc::clone(self),
            requests: Arc::new(Semaphore::new(max)),
            places: Arc::new(Semaphore::new(max)),
            app: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Closes the connection that nobody has used for the longest time, of `app` or of any.
    fn close_idle(&self, app: Option<u64>) {
        let open = self.open.lock();
        let candidates = open.values().filter(|lease| app.is_none_or(|app| lease.app == app));
        let idle = candidates.filter_map(|lease| Some((lease.idle_since()?, lease)));
        if let Some((_, lease)) = idle.min_by_key(|(since, _)| *since) {
            lease.call_in();
        }
    }
}

/// An app's part of the places. Cheap to clone.
#[derive(Clone)]
pub(super) struct AppSockets {
    all: Arc<Sockets>,
    /// For requests under way: those that find none wait before they ask for a connection.
    requests: Arc<Semaphore>,
    places: Arc<Semaphore>,
    app: u64,
}

impl AppSockets {
    /// Waits until a request may be sent: first come, first served.
    pub(super) async fn request(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).acquire_owned().await.ok()
    }

    /// A place for a new connection.
    pub(super) async fn place(&self) -> io::Result<SocketPlace> {
        let all = &self.all;
        let own = place_of(&self.places, || all.close_idle(Some(self.app)), "the app").await?;
        let shared = place_of(&all.places, || all.close_idle(None), "NANO").await?;
        let id = all.next.fetch_add(1, Ordering::Relaxed);
        let state =
            State { since: Instant::now(), users: 0, was_used: false, called_in: false, reader: None };
        let lease = Arc::new(Lease { app: self.app, state: Mutex::new(state) });
        all.open.lock().insert(id, Arc::clone(&lease));
        Ok(SocketPlace { all: Arc::clone(all), id, lease, _places: (own, shared) })
    }
}

async fn place_of(
    places: &Arc<Semaphore>,
    make_room: impl Fn(),
    whose: &str,
) -> io::Result<OwnedSemaphorePermit> {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        return Ok(place);
    }
    let mut waiting = pin!(Arc::clone(places).acquire_owned());
    for _ in 0..PLACE_TIMEOUT.as_millis() / PLACE_TICK.as_millis() {
        make_room();
        if let Ok(place) = tokio::time::timeout(PLACE_TICK, waiting.as_mut()).await {
            return place.map_err(io::Error::other);
        }
    }
    Err(io::Error::other(format!("{whose} has too many connections open")))
}

/// An open connection's place, which it gives back when it goes.
pub(super) struct SocketPlace {
    all: Arc<Sockets>,
    id: u64,
    lease: Arc<Lease>,
    _places: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl SocketPlace {
    pub(super) fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        self.all.open.lock().remove(&self.id);
    }
}

/// Whether a connection is in use, and whether it has to go.
#[derive(Debug)]
pub(super) struct Lease {
    app: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When its last user left, or it was made.
    since: Instant,
    users: usize,
    was_used: bool,
    called_in: bool,
    reader: Option<Waker>,
}

impl Lease {
    fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        let is_new = !state.was_used && state.since.elapsed() < NEW_FOR;
        (state.users == 0 && !state.called_in && !is_new).then_some(state.since)
    }

    fn call_in(&self) {
        let mut state = self.state.lock();
        state.called_in = true;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Whether the connection has to go. If not, its reader's task is woken when it has to.
    pub(super) fn is_called_in(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.state.lock();
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        state.called_in
    }
}

/// A user of a connection: while there is one, it is not closed for others.
pub(super) struct InUse(Arc<Lease>);

impl InUse {
    /// By the extensions of a response, or of its connection.
    pub(super) fn begin(extensions: &Extensions) -> Option<Self> {
        let lease = extensions.get::<Arc<Lease>>()?;
        let mut state = lease.state.lock();
        state.users += 1;
        state.was_used = true;
        drop(state);
        Some(Self(Arc::clone(lease)))
    }

    /// Uses the connection that a request is sent on, from when that is known until the request is sent.
    pub(super) async fn while_sent<T>(
        mut connection: CaptureConnection,
        sending: impl Future<Output = T>,
    ) -> T {
        let mut sending = pin!(sending);
        let _in_use = tokio::select! {
            biased;
            sent = &mut sending => return sent,
            connected = connection.wait_for_connection_metadata() => connected.as_ref().and_then(Self::of),
        };
        sending.await
    }

    fn of(connected: &Connected) -> Option<Self> {
        let mut extensions = Extensions::new();
        connected.get_extras(&mut extensions);
        Self::begin(&extensions)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.users -= 1;
        state.since = Instant::now();
    }
}
