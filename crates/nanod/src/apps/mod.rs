//! The apps of this process, and which of them answers for which host.

mod routes;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nano_config::{App as AppConfig, Config, EgressRule};
use nano_runtime::{AppSpec, Egress, Engine, Limits, Roots, Sockets, Worker};
use tokio::sync::Semaphore;

use crate::server::sockets_max;

pub(crate) use routes::Routes;
pub(crate) use stats::Stats;

/// One app: its worker and its figures.
pub(crate) struct App {
    pub(crate) config: AppConfig,
    pub(crate) worker: Worker,
    pub(crate) stats: Stats,
    pub(crate) max_body_bytes: u64,
}

/// All apps and their routes. Readers take the table without a lock; it is replaced whole.
pub(crate) struct Registry {
    routes: ArcSwap<Routes>,
    engine: Engine,
}

impl Registry {
    pub(crate) fn new(engine: &Engine, config: &Config) -> Self {
        let cold_starts = Arc::new(Semaphore::new(config.threads));
        let extra_ca = config.extra_ca.iter().map(|certificate| certificate.der().to_vec());
        let roots = Arc::new(Roots::with_extra(extra_ca));
        let sockets = Arc::new(Sockets::new(sockets_max()));
        let apps: Vec<_> = config
            .apps
            .iter()
            .map(|app| {
                let worker =
                    Worker::new(engine, spec_of(app, config.threads, &roots, &sockets), &cold_starts);
                Arc::new(App {
                    config: app.clone(),
                    worker,
                    stats: Stats::default(),
                    max_body_bytes: app.limits.max_body_mb << 20,
                })
            })
            .collect();
        Self { routes: ArcSwap::from_pointee(Routes::new(apps)), engine: engine.clone() }
    }

    pub(crate) fn routes(&self) -> arc_swap::Guard<Arc<Routes>> {
        self.routes.load()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
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

    /// Requests under way in all apps.
    pub(crate) fn in_flight(&self) -> usize {
        self.routes().apps().iter().map(|app| app.worker.stats().in_flight).sum()
    }
}

fn spec_of(app: &AppConfig, max_isolates: usize, roots: &Arc<Roots>, sockets: &Arc<Sockets>) -> AppSpec {
    let limits = &app.limits;
    AppSpec {
        name: app.name.as_str().into(),
        root: app.root.clone(),
        main: app.main.to_string_lossy().into_owned(),
        env: Arc::new(app.env.clone()),
        limits: Limits {
            cpu_ms: limits.cpu_ms,
            timeout_ms: limits.timeout_ms,
            memory_mb: limits.memory_mb,
            max_in_flight: limits.max_in_flight,
            max_queue: limits.max_queue,
            idle_ms: limits.idle_ms,
            clock_resolution_us: limits.clock_resolution_us,
            max_isolates,
            max_subrequests: limits.max_subrequests,
        },
        egress: Arc::new(egress_of(app)),
        roots: Arc::clone(roots),
        sockets: Arc::clone(sockets),
    }
}

fn egress_of(app: &AppConfig) -> Egress {
    app.egress_allow.iter().fold(Egress::default(), |egress, rule| match rule {
        EgressRule::Net { addr, prefix_len } => egress.with_net(*addr, *prefix_len),
        EgressRule::Host(name) => egress.with_host(name),
    })
}

/// What a client should wait before it asks again, in whole seconds.
pub(crate) fn retry_after_s(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
