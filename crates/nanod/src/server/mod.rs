//! Listeners and connections: from a socket to a request, and the end of it all.

mod answer;
mod body;
mod connections;
mod descriptors;
mod drain;
mod h1;
mod h2;
mod ports;
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
use crate::apps::{Registry, own_ports_ip};
use crate::systemd::{Inherited, Manager};

pub(crate) use connections::Connections;
use stall::Rewound;

pub(crate) use body::OutBody;
pub(crate) use descriptors::sockets_max;
#[cfg(feature = "fuzzing")]
pub(crate) use h1::fuzz;
pub(crate) use ports::PortChange;

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
    /// Listens on all addresses of the configuration, or on none.
    pub(crate) async fn bind(
        config: &Config,
        registry: &Arc<Registry>,
        inherited: &mut Inherited,
        dev: bool,
    ) -> anyhow::Result<Self> {
        // Before anything is told to be ready: from here on a signal drains.
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(bind(*address, None, inherited)?);
        }
        let all = own_ports_ip(config);
        for app in &config.apps {
            if let Some(port) = app.port {
                listeners.push(bind(SocketAddr::new(all, port), Some(port), inherited)?);
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

    /// The list of connections.
    pub(crate) fn connections(&self) -> Connections {
        self.front.all.clone()
    }

    /// Changes to `true` when the drain begins.
    pub(crate) fn draining(&self) -> watch::Receiver<bool> {
        self.draining.subscribe()
    }

    /// Serves until a signal, then lets what is under way end. Tells whether all of it did.
    pub(crate) async fn run(
        mut self,
        admin: Option<Admin>,
        config: &Config,
        manager: &Manager,
    ) -> anyhow::Result<bool> {
        // Each listener is closed with its task: the system refuses connections as soon as the drain begins.
        let mut accepting = Vec::new();
        let mut own_ports = Vec::new();
        for (listener, _, own) in std::mem::take(&mut self.listeners) {
            let (front, connections) = (Arc::clone(&self.front), Arc::clone(&self.connections));
            match own {
                Some(port) => own_ports.push((port, listener)),
                None => {
                    let accept = accept(front, listener, None, connections, self.draining());
                    accepting.push(tokio::spawn(accept));
                }
            }
        }
        if let Some(changes) = self.front.registry.port_changes() {
            let (front, connections) = (Arc::clone(&self.front), Arc::clone(&self.connections));
            accepting.push(tokio::spawn(ports::serve(
                front,
                connections,
                self.draining(),
                own_ports,
                changes,
            )));
        }
        if let Some(admin) = admin {
            tokio::spawn(admin.serve());
        }
        tokio::spawn(self.front.all.clone().sweep(IDLE_TIMEOUT));
        let lost = || self.front.registry.engine().lost_isolates();
        let overrun = tokio::select! {
            _ = self.terminate.recv() => false,
            _ = self.interrupt.recv() => false,
            () = too_many_lost(lost, config.max_lost_isolates, LOST_TICK) => true,
        };
        self.front.registry.close();
        manager.stopping(config.drain_timeout);
        self.draining.send_replace(true);
        for task in accepting {
            let _ = task.await;
        }
        let apps = self.front.registry.all();
        let drain =
            drain::run(&apps, &self.front.all, &self.connections, self.connections_max, config.drain_timeout);
        let drained = tokio::select! {
            drained = drain => Some(drained),
            _ = self.terminate.recv() => None,
            _ = self.interrupt.recv() => None,
        };
        let drained = drained.unwrap_or_else(|| drain::give_up(&apps, &self.front.all));
        Ok(drained && !overrun)
    }
}

fn bind(
    address: SocketAddr,
    own: Option<u16>,
    inherited: &mut Inherited,
) -> anyhow::Result<(TcpListener, SocketAddr, Option<u16>)> {
    let listener = match inherited.take(address)? {
        Some(listener) => listener,
        None => listen(address).with_context(|| format!("cannot listen on {address}"))?,
    };
    let address = listener.local_addr().context("a listener without an address")?;
    Ok((listener, address, own))
}

/// A listener, for those who can wait for its connections.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
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
