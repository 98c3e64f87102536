//! What a service manager gives the process and hears of it: systemd, and others that speak its protocol (sd_notify(3),
//! sd_listen_fds(3)).

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use listenfd::ListenFd;
use rustix::net::sockopt;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

/// How long the process waits for a manager that does not read.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);
/// The manager is asked for so much more time than the drain takes, before it kills the process.
const STOP_MARGIN: Duration = Duration::from_secs(5);

/// The manager that started the process, if it wants to hear of it.
pub(crate) struct Manager {
    socket: Option<UnixDatagram>,
    /// How often at least it wants to hear that the process is well.
    watchdog: Option<Duration>,
}

impl Manager {
    /// Connects to the manager that the environment names. The sandbox allows no Unix socket later.
    pub(crate) fn of_environment() -> Self {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
            return Self { socket: None, watchdog: None };
        };
        let socket = connect(Path::new(&address))
            .inspect_err(|error| {
                let address = Path::new(&address).display();
                tracing::warn!(%address, %error, "the service manager of NOTIFY_SOCKET cannot be reached");
            })
            .ok();
        let variable = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = variable("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let watchdog = variable("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
        Self { socket, watchdog: watchdog.map(Duration::from_micros) }
    }

    /// All listeners are there; or a reload is through.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is read anew; [`Manager::ready`] ends that.
    pub(crate) fn reloading(&self) {
        // The manager compares the two clocks to see that this is about the reload that it asked for.
        let now = clock_gettime(ClockId::Monotonic);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={}{:06}", now.tv_sec, now.tv_nsec / 1_000));
    }

    /// The drain has begun, and takes so long at most.
    pub(crate) fn stopping(&self, limit: Duration) {
        let micros = (limit + STOP_MARGIN).as_micros();
        self.tell(&format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={micros}"));
    }

    /// Tells the manager again and again that the process is well, for as long as tokio's workers run tasks.
    pub(crate) fn watch(self: Arc<Self>) {
        let Some(watchdog) = self.watchdog else { return };
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(watchdog / 2);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                self.tell("WATCHDOG=1");
            }
        });
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::warn!(state, %error, "the service manager does not hear");
        }
    }
}

fn connect(address: &Path) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    match abstract_name(address) {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)?;
        }
        _ => socket.connect(address)?,
    }
    Ok(socket)
}

/// The name of a socket that is no file: it is written with `@` for its first byte.
fn abstract_name(address: &Path) -> Option<&[u8]> {
    address.as_os_str().as_encoded_bytes().strip_prefix(b"@")
}

/// Listeners that the manager opened for the process (socket activation). Connections that come while it is started
/// anew wait in their queues.
pub(crate) struct Inherited {
    listeners: Vec<Given>,
}

/// One of them.
struct Given {
    /// What the manager calls it.
    name: String,
    address: SocketAddr,
    listener: std::net::TcpListener,
}

impl Inherited {
    /// Takes over what the environment tells of, before any thread exists: the environment is changed.
    pub(crate) fn of_environment() -> anyhow::Result<Self> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut given = ListenFd::from_env();
        let mut listeners = Vec::new();
        for index in 0..given.len() {
            let name = names.next().unwrap_or_default();
            let listener = given
                .take_tcp_listener(index)
                .ok()
                .flatten()
                .filter(|listener| sockopt::socket_acceptconn(listener).unwrap_or(false))
                .with_context(|| {
                    format!("the service manager's socket {index} ({name}) is no TCP listener")
                })?;
            listener.set_nonblocking(true).context("an inherited listener")?;
            let address = listener.local_addr().context("an inherited listener without an address")?;
            listeners.push(Given { name: name.to_owned(), address, listener });
        }
        Ok(Self { listeners })
    }

    /// The listener for an address of the configuration, if there is one: of the same address, or of `[::]` for
    /// `0.0.0.0`, since it takes connections of IPv4, too.
    pub(crate) fn take(&mut self, address: SocketAddr) -> anyhow::Result<Option<TcpListener>> {
        let found = self.listeners.iter().position(|given| stands_for(given.address, address));
        let Some(given) = found.map(|index| self.listeners.swap_remove(index)) else { return Ok(None) };
        TcpListener::from_std(given.listener).map(Some).context("an inherited listener")
    }

    /// All of them have their place in the configuration.
    pub(crate) fn all_taken(&self) -> anyhow::Result<()> {
        if self.listeners.is_empty() {
            return Ok(());
        }
        let left = self.listeners.iter().map(|given| match &*given.name {
            "" => given.address.to_string(),
            name => format!("{} ({name})", given.address),
        });
        let left: Vec<_> = left.collect();
        bail!(
            "the service manager opened {}, where the configuration listens on nothing; the addresses of both have \
             to be the same",
            left.join(", ")
        );
    }
}

fn stands_for(given: SocketAddr, wanted: SocketAddr) -> bool {
    let takes_all = given.is_ipv6() && given.ip().is_unspecified() && wanted.ip().is_unspecified();
    (given.ip() == wanted.ip() || takes_all) && given.port() == wanted.port()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::{ClockId, Manager, clock_gettime, stands_for};

    #[test]
    fn a_reload_is_told_with_its_time() {
        let (socket, manager) = UnixDatagram::pair().unwrap();
        Manager { socket: Some(socket), watchdog: None }.reloading();
        let mut message = [0; 128];
        let bytes = manager.recv(&mut message).unwrap();
        let message = std::str::from_utf8(&message[..bytes]).unwrap();
        let micros: i64 = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap().parse().unwrap();
        let now = clock_gettime(ClockId::Monotonic);
        assert!((0..60).contains(&(now.tv_sec - micros / 1_000_000)), "{message}");
    }

    #[test]
    fn a_listener_stands_for_its_address() {
        for (given, wanted, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:80", "0.0.0.0:80", false),
            ("0.0.0.0:80", "127.0.0.1:80", false),
            ("[::]:80", "0.0.0.0:80", true),
            ("0.0.0.0:80", "[::]:80", false),
            ("[::1]:80", "[::1]:80", true),
        ] {
            assert_eq!(
                stands_for(given.parse().unwrap(), wanted.parse().unwrap()),
                expected,
                "{given} {wanted}"
            );
        }
    }
}
