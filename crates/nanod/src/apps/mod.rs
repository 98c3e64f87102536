//! The apps of this process, and which of them answers for which host.

mod app;
mod apply;
mod change;
mod desired;
mod looks;
mod routes;
mod stats;
mod watch;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use nano_config::{Config, Loaded};
use nano_runtime::{Engine, Residents, Roots, Sockets};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::server::{PortChange, sockets_max};

use apply::Ports;
use change::Changes;
use looks::Looks;

pub(crate) use app::App;
pub(crate) use change::{Applied, Refused};
pub(crate) use routes::{Route, Routes};
pub(crate) use stats::Stats;
pub(crate) use watch::Watch;

/// Reads the configuration as at the process's start; the error says what is wrong with it.
pub(crate) type Load = Arc<dyn Fn() -> Result<Loaded, String> + Send + Sync>;

/// All apps and their routes. Readers take the table without a lock; it is replaced whole.
pub(crate) struct Registry {
    routes: ArcSwap<Routes>,
    common: Common,
    load: Load,
    looks: Looks,
    /// Whoever changes apps holds this from the first look to the swap: one at a time.
    changes: tokio::sync::Mutex<Changes>,
    /// Held while the routes are replaced.
    ports: Mutex<Ports>,
    /// Until the server takes it.
    port_changes: Mutex<Option<mpsc::UnboundedReceiver<PortChange>>>,
    /// The process ends: apps stay as they are.
    is_closed: AtomicBool,
    me: Weak<Self>,
}

/// What all workers are made with.
struct Common {
    engine: Engine,
    threads: usize,
    residents: Arc<Residents>,
    roots: Arc<Roots>,
    sockets: Arc<Sockets>,
    /// Where apps with a port of their own listen.
    own_ports_ip: IpAddr,
    /// The admin API's, where it asks for no token: no app gets there.
    open_admin_port: Option<u16>,
}

impl Registry {
    /// The apps of `config`, which `load` reads anew.
    pub(crate) fn new(engine: &Engine, config: Config, load: Load) -> std::io::Result<Arc<Self>> {
        let looks = Looks::new()?;
        let extra_ca = config.extra_ca.iter().map(|certificate| certificate.der().to_vec());
        let common = Common {
            engine: engine.clone(),
            threads: config.threads,
            residents: Residents::new(config.threads, config.memory_budget_mb.map(|budget| budget << 20)),
            roots: Arc::new(Roots::with_extra(extra_ca)),
            sockets: Arc::new(Sockets::new(sockets_max())),
            own_ports_ip: own_ports_ip(&config),
            open_admin_port: config
                .admin
                .as_ref()
                .filter(|admin| admin.token.is_none())
                .map(|admin| admin.listen.port()),
        };
        let apps: Vec<_> = config.apps.iter().map(|app| Arc::new(App::first(&common, app.clone()))).collect();
        let routes = Routes::new(apps, Vec::new());
        let (ports, port_changes) = Ports::new(routes.ports().collect());
        Ok(Arc::new_cyclic(|me| Self {
            routes: ArcSwap::from_pointee(routes),
            common,
            load,
            looks,
            changes: tokio::sync::Mutex::new(Changes::new(config)),
            ports: Mutex::new(ports),
            port_changes: Mutex::new(Some(port_changes)),
            is_closed: AtomicBool::new(false),
            me: Weak::clone(me),
        }))
    }

    pub(crate) fn routes(&self) -> arc_swap::Guard<Arc<Routes>> {
        self.routes.load()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.common.engine
    }

    /// Holds the isolates to the memory budget from now on.
    pub(crate) fn watch_memory(&self) {
        self.common.residents.watch(&tokio::runtime::Handle::current());
    }

    /// Starts the apps that ask for it, in the background.
    pub(crate) fn preload(&self) {
        for app in self.routes().apps() {
            if app.config.preload {
                let app = Arc::clone(app);
                tokio::spawn(async move {
                    // A failure is in the log, and told to every request.
                    let _ = app.worker.preload().await;
                });
            }
        }
    }

    /// All apps in which something may be under way.
    pub(crate) fn all(&self) -> Vec<Arc<App>> {
        let routes = self.routes();
        routes.apps().iter().chain(routes.leaving()).cloned().collect()
    }

    /// The listeners to open and close from now on; there is one who asks.
    pub(crate) fn port_changes(&self) -> Option<mpsc::UnboundedReceiver<PortChange>> {
        self.port_changes.lock().take()
    }

    /// Nothing changes any more: the process ends.
    pub(crate) fn close(&self) {
        // Whoever swaps routes does so before, or finds it closed.
        let _ports = self.ports.lock();
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// Apps' own ports are on the addresses that all others are on.
pub(crate) fn own_ports_ip(config: &Config) -> IpAddr {
    config.listen.first().map_or_else(|| [0, 0, 0, 0].into(), SocketAddr::ip)
}

/// What a client should wait before it asks again, in whole seconds.
pub(crate) fn retry_after_s(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
