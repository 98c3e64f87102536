//! Listeners and connections: from a socket to a request, and the end of it all.

mod answer;
mod body;
mod connections;
mod descriptors;
mod h1;
mod h2;
mod request;
mod stall;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use nano_config::Config;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::admin::Admin;
use crate::apps::Registry;

use connections::Connections;
use stall::Rewound;

pub(crate) use body::OutBody;
pub(crate) use descriptors::sockets_max;
#[cfg(fuzzing)]
pub(crate) use h1::fuzz;

/// Connections at once, over all listeners, if there are descriptors for them; further ones wait in the system's queue.
const CONNECTIONS_MAX: u32 = 50_000;
/// The longest such queue. Beyond it a client hears nothing, and tries again after a second.
const BACKLOG: u32 = 4096;
/// How long a client may take for a request's head, and keep a connection without asking anything.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Requests at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// The pause after a failed accept (too many open files, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often the count of lost isolates is looked at.
const LOST_TICK: Duration = Duration::from_secs(1);

/// What every connection needs.
pub(crate) struct Front {
    pub(crate) registry: Arc<Registry>,
    /// Clients see the detail of errors.
    pub(crate) dev: bool,
    ids: request::Ids,
    all: Connections,
}

/// The bound listeners, with what they serve.
pub(crate) struct Server {
    front: Arc<Front>,
    listeners: Vec<(TcpListener, SocketAddr, Option<u16>)>,
    connections: Arc<Semaphore>,
    connections_max: u32,
    /// `true` once the drain has begun.
    draining: watch::Sender<bool>,
    terminate: Signal,
    interrupt: Signal,
}

impl Server {
    /// Binds all addresses of the configuration, or none.
    pub(crate) async fn bind(config: &Config, registry: &Arc<Registry>, dev: bool) -> anyhow::Result<Self> {
        // Before anything is told to be ready: from here on a signal drains.
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(bind(*address, None)?);
        }
        let all = config.listen.first().map_or_else(|| [0, 0, 0, 0].into(), SocketAddr::ip);
        for app in &config.apps {
            if let Some(port) = app.port {
                listeners.push(bind(SocketAddr::new(all, port), Some(port))?);
            }
        }
        let front = Front {
            registry: Arc::clone(registry),
            dev,
            ids: request::Ids::new(),
            all: Connections::default(),
        };
        let connections_max = descriptors::connections_max(CONNECTIONS_MAX);
        Ok(Self {
            front: Arc::new(front),
            listeners,
            connections: Arc::new(Semaphore::new(connections_max as usize)),
            connections_max,
            draining: watch::Sender::new(false),
            terminate,
            interrupt,
        })
    }

    /// Where requests are routed by their host.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter(|(_, _, own)| own.is_none()).map(|(_, address, _)| *address).collect()
    }

    /// Changes to `true` when the drain begins.
    pub(crate) fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Serves until a signal, then lets what is under way end. Tells whether all of it did.
    pub(crate) async fn run(
        mut self,
        admin: Option<Admin>,
        drain_timeout: Duration,
        max_lost_isolates: u32,
    ) -> anyhow::Result<bool> {
        // Each listener is closed with its task: the system refuses connections as soon as the drain begins.
        let accepting: Vec<_> = std::mem::take(&mut self.listeners)
            .into_iter()
            .map(|(listener, _, own)| {
                tokio::spawn(accept(
                    Arc::clone(&self.front),
                    listener,
                    own,
                    Arc::clone(&self.connections),
                    self.draining(),
                ))
            })
            .collect();
        if let Some(admin) = admin {
            tokio::spawn(admin.serve());
        }
        tokio::spawn(self.front.all.clone().sweep(IDLE_TIMEOUT));
        let lost = || self.front.registry.engine().lost_isolates();
        let overrun = tokio::select! {
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
            () = too_many_lost(lost, max_lost_isolates, LOST_TICK) => true,
        };
        tracing::info!(in_flight = self.front.registry.in_flight(), "draining");
        self.draining.send_replace(true);
        self.front.all.drain();
        for task in accepting {
            let _ = task.await;
        }
        let idle = self.connections.acquire_many(self.connections_max);
        let drained = tokio::select! {
            all = idle => all.is_ok(),
            () = tokio::time::sleep(drain_timeout) => false,
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
        };
        let cut = self.front.registry.in_flight();
        if drained {
            tracing::info!("drained");
        } else {
            tracing::warn!(cut, "the drain was cut");
        }
        Ok(drained && !overrun)
    }
}

fn bind(address: SocketAddr, own: Option<u16>) -> anyhow::Result<(TcpListener, SocketAddr, Option<u16>)> {
    let listener = listen(address).with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("a listener without an address")?;
    Ok((listener, address, own))
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that is started anew need not wait for the last connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Ends when more isolates than `max` keep their memory for good: a supervisor starts the process anew.
async fn too_many_lost(lost: impl Fn() -> u32, max: u32, every: Duration) {
    let mut tick = tokio::time::interval(every);
    loop {
        tick.tick().await;
        let lost = lost();
        if lost > max {
            tracing::error!(lost, max_lost_isolates = max, "too many lost isolates; the process ends");
            return;
        }
    }
}

async fn accept(
    front: Arc<Front>,
    listener: TcpListener,
    own: Option<u16>,
    connections: Arc<Semaphore>,
    mut draining: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&listener, &connections) => accepted,
            () = begun(&mut draining) => return,
        };
        let Some((stream, place)) = accepted else { continue };
        tokio::spawn(serve(Arc::clone(&front), stream, own, place));
    }
}

/// Ends when the drain begins.
async fn begun(draining: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and the process with it.
    let _ = draining.wait_for(|draining| *draining).await;
}

async fn accept_one(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Responses go out at once; without this, small ones would wait for the client's acknowledgement.
            let _ = stream.set_nodelay(true);
            Some((stream, place))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// One connection, to its end.
async fn serve(front: Arc<Front>, stream: TcpStream, own: Option<u16>, place: OwnedSemaphorePermit) {
    let _place = place;
    let entry = front.all.enter();
    let ended = match h1::serve(&front, own, stream, &entry).await {
        Ok(h1::Ended::Closed) => return,
        Ok(h1::Ended::Http2(stream, came)) => {
            // Few connections get here, and all others need not have the room for it.
            let serving = Box::pin(h2::serve(front, own, Rewound::new(stream, came), &entry));
            serving.await.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = ended {
        // A client's fault, mostly: broken requests, and connections closed in the middle.
        tracing::debug!(error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    #[tokio::test]
    async fn more_lost_isolates_than_the_budget_end_the_process() {
        let lost = Cell::new(0);
        let count = || {
            lost.set(lost.get() + 1);
            lost.get()
        };
        super::too_many_lost(count, 3, Duration::from_millis(1)).await;
        assert_eq!(lost.get(), 4, "the budget itself is allowed");
    }
}
