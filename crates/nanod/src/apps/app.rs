//! One revision of one app.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::hmac;
use nano_config::{App as AppConfig, EgressRule};
use nano_runtime::{AppSpec, Digest, Egress, LastError, Limits, Worker, WorkerState};

use super::{Common, Stats};

/// Bytes of a revision's hash that are shown.
const REVISION_BYTES: usize = 8;

/// One app as it is served: its configuration, its worker and its figures. It never changes; a change makes another.
pub(crate) struct App {
    pub(crate) config: AppConfig,
    pub(crate) worker: Worker,
    /// Of all revisions.
    pub(crate) stats: Arc<Stats>,
    pub(crate) max_body_bytes: u64,
    /// When this revision took the place of the one before it.
    pub(crate) loaded_at: SystemTime,
    /// The hash of what is not in files.
    settings: Digest,
}

impl App {
    /// An app that was not there before.
    pub(super) fn first(common: &Common, config: AppConfig) -> Self {
        let stats = Arc::<Stats>::default();
        let worker = Worker::new(&common.engine, spec_of(common, &config, &stats), &common.residents);
        Self::of(config, worker, stats, SystemTime::now())
    }

    /// The next revision; with `same_sources` it has this one's files.
    pub(super) fn next(&self, common: &Common, config: AppConfig, same_sources: bool) -> Self {
        let worker = self.worker.successor(spec_of(common, &config, &self.stats), same_sources);
        Self::of(config, worker, Arc::clone(&self.stats), SystemTime::now())
    }

    /// The same revision for other hosts, or with what else no worker knows of.
    pub(super) fn rerouted(&self, config: AppConfig) -> Self {
        Self::of(config, self.worker.clone(), Arc::clone(&self.stats), self.loaded_at)
    }

    fn of(config: AppConfig, worker: Worker, stats: Arc<Stats>, loaded_at: SystemTime) -> Self {
        let settings = digest_of_settings(&config);
        let max_body_bytes = config.limits.max_body_mb << 20;
        Self { config, worker, stats, max_body_bytes, loaded_at, settings }
    }

    /// The revision's name: equal for equal files, limits and variables. `None`: nobody has read the files yet.
    pub(crate) fn revision(&self) -> Option<String> {
        let mut context = Context::new(&SHA256);
        context.update(&self.worker.surveyed()?.digest());
        context.update(&self.settings);
        let digest = context.finish();
        Some(digest.as_ref().iter().take(REVISION_BYTES).map(|byte| format!("{byte:02x}")).collect())
    }

    /// What the app is at, in a word: `idle` (no isolate: the next request starts one), `starting`, `running`, `failed`
    /// (the last start failed, or it is held back).
    pub(crate) fn state(&self) -> &'static str {
        match self.worker.state() {
            WorkerState::Idle => "idle",
            WorkerState::Starting => "starting",
            WorkerState::Running => "running",
            WorkerState::Failed => "failed",
        }
    }

    /// What went wrong last: a start, a limit, a change that was refused. There are no values of variables in it, which
    /// no top level sees.
    pub(crate) fn last_error(&self) -> Option<LastError> {
        self.worker.last_error()
    }

    /// Whether the two differ in nothing that a worker knows of, besides what is in files.
    pub(super) fn has_settings_of(&self, other: &AppConfig) -> bool {
        let own = &self.config;
        own.env == other.env && own.limits == other.limits && own.egress_allow == other.egress_allow
    }

    /// Whether the other is in the same place.
    pub(super) fn has_place_of(&self, other: &AppConfig) -> bool {
        self.config.root == other.root && self.config.main == other.main
    }
}

fn digest_of_settings(config: &AppConfig) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(config.main.to_string_lossy().as_bytes());
    context.update(format!("{:?}{:?}", config.limits, config.egress_allow).as_bytes());
    if !config.env.is_empty() {
        context.update(&digest_of_env(config));
    }
    let mut digest = Digest::default();
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// With a key that nobody knows: whoever sees revisions must not be able to try what a variable's value may be. So an
/// app with variables has another revision in each process.
fn digest_of_env(config: &AppConfig) -> Digest {
    static KEY: OnceLock<Option<hmac::Key>> = OnceLock::new();
    let mut digest = Digest::default();
    let random = aws_lc_rs::rand::SystemRandom::new();
    if let Some(key) = KEY.get_or_init(|| hmac::Key::generate(hmac::HMAC_SHA256, &random).ok()) {
        let mut context = hmac::Context::with_key(key);
        for text in config.env.iter().flat_map(|(name, value)| [name, value]) {
            context.update(&text.len().to_le_bytes());
            context.update(text.as_bytes());
        }
        digest.copy_from_slice(context.sign().as_ref());
    }
    digest
}

fn spec_of(common: &Common, app: &AppConfig, stats: &Stats) -> AppSpec {
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
            max_isolates: common.threads,
            max_subrequests: limits.max_subrequests,
        },
        egress: Arc::new(egress_of(app).without_own_port(common.open_admin_port)),
        roots: Arc::clone(&common.roots),
        sockets: Arc::clone(&common.sockets),
        counters: Arc::clone(&stats.counters),
    }
}

fn egress_of(app: &AppConfig) -> Egress {
    app.egress_allow.iter().fold(Egress::default(), |egress, rule| match rule {
        EgressRule::Net { addr, prefix_len } => egress.with_net(*addr, *prefix_len),
        EgressRule::Host(name) => egress.with_host(name),
    })
}
