//! From what is to be served to serving it: what differs is built beside the old, started, and swapped in at once; what
//! it replaces is drained.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nano_config::App as AppConfig;
use nano_runtime::{Digest, Sources};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::change::{Applied, Changes, Refused};
use super::desired::conflict;
use super::{App, Registry, Routes};
use crate::server::{self, PortChange};

/// Apps that are started at once to see whether they start.
const STARTS_AT_ONCE: usize = 8;
/// Of so many apps that a change starts the isolate is kept; those of others are retired until a request comes.
const STARTED_KEPT_MAX: usize = 64;

/// How closely a change looks at files.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// Reads all of them, and tries again what was refused before.
    Thorough,
    /// Reads those that look changed.
    Quick,
    /// As thorough, at one app; the others are as they were.
    Only(String),
}

impl Look {
    fn concerns(&self, app: &str) -> bool {
        !matches!(self, Self::Only(name) if name != app)
    }
}

/// A revision that was refused.
#[derive(PartialEq, Eq)]
pub(super) struct Attempt {
    config: AppConfig,
    files: Option<Digest>,
}

/// An app that is to be served.
struct Candidate {
    config: AppConfig,
    /// The app that is served under its name.
    live: Option<Arc<App>>,
    plan: Plan,
    files: Option<Digest>,
}

/// What becomes of it.
enum Plan {
    /// It stays as it is.
    Keep,
    /// The app that will be served, which may have to show first that it starts.
    Serve {
        app: Arc<App>,
        start: bool,
    },
    Refuse(Refused),
    /// As it was refused before.
    RefusedBefore,
}

/// What a look at an app's files came to.
struct Looked {
    seen: Option<Arc<Sources>>,
    /// They are others than the revision's.
    differ: Result<bool, Refused>,
}

impl Registry {
    /// Serves these apps from now on, as far as they can be. The caller has seen that no two of them want the same.
    pub(super) async fn apply(&self, changes: &mut Changes, desired: Vec<AppConfig>, look: Look) -> Applied {
        let live: HashMap<String, Arc<App>> =
            self.routes().apps().iter().map(|app| (app.config.name.clone(), Arc::clone(app))).collect();
        if !changes.refused.is_empty() {
            let names: HashSet<_> = desired.iter().map(|app| app.name.as_str()).collect();
            changes.refused.retain(|name, _| names.contains(name.as_str()));
        }
        let mut candidates = self.judge(changes, desired, &live, &look).await;
        self.start(&mut candidates).await;
        let listeners = self.open_ports(&mut candidates).await;
        settle_conflicts(&mut candidates);
        let mut applied = Applied::default();
        let mut apps = Vec::new();
        for candidate in candidates {
            let name = candidate.config.name.clone();
            let known = candidate.live.is_some();
            match candidate.plan {
                Plan::Serve { app, .. } => {
                    changes.refused.remove(&name);
                    if known { &mut applied.replaced } else { &mut applied.added }.push(name);
                    apps.push(app);
                    continue;
                }
                Plan::Keep | Plan::RefusedBefore => {}
                Plan::Refuse(refused) => {
                    log_refused(&refused, candidate.live.as_deref());
                    applied.refused.push(refused);
                    let attempt = Attempt { config: candidate.config, files: candidate.files };
                    changes.refused.insert(name, attempt);
                }
            }
            applied.unchanged += usize::from(known);
            apps.extend(candidate.live);
        }
        let served: BTreeSet<_> = apps.iter().map(|app| app.config.name.clone()).collect();
        applied.removed = live.keys().filter(|name| !served.contains(*name)).cloned().collect();
        applied.removed.sort();
        let Changes { seen, refused, .. } = changes;
        seen.retain(|name, _| served.contains(name) || refused.contains_key(name));
        let Applied { added, replaced, removed, .. } = &applied;
        if added.is_empty() && replaced.is_empty() && removed.is_empty() {
            return applied; // The same apps: most looks end here.
        }
        if !self.swap(apps, live.into_values().collect(), listeners) {
            return Applied { refused: vec![Refused::draining()], ..Applied::default() };
        }
        let names = |names: &[String]| names.join(", ");
        tracing::info!(
            added = names(added),
            replaced = names(replaced),
            removed = names(removed),
            unchanged = applied.unchanged,
            "apps changed"
        );
        applied
    }

    /// What is to become of each app, by its configuration and its files.
    async fn judge(
        &self,
        changes: &mut Changes,
        desired: Vec<AppConfig>,
        live: &HashMap<String, Arc<App>>,
        look: &Look,
    ) -> Vec<Candidate> {
        let mut asked = Vec::new();
        for config in &desired {
            let concerns = look.concerns(&config.name);
            let before = changes.seen.get(&config.name).filter(|_| *look == Look::Quick).cloned();
            asked.push((concerns, config.clone(), live.get(&config.name).cloned(), before));
        }
        let looked = self.looks.run(move || asked.into_iter().map(look_at).collect::<Vec<_>>()).await;
        // Nobody could look: nothing changes.
        let unseen = || desired.iter().map(|_| Looked { seen: None, differ: Ok(false) }).collect();
        let looked = looked.unwrap_or_else(unseen);
        let mut candidates = Vec::new();
        for (config, looked) in desired.into_iter().zip(looked) {
            let live = live.get(&config.name).cloned();
            let Looked { seen, differ } = looked;
            let files = seen.as_ref().map(|seen| seen.digest());
            let attempt = Attempt { config, files };
            let refused_before =
                *look == Look::Quick && changes.refused.get(&attempt.config.name) == Some(&attempt);
            let Attempt { config, files } = attempt;
            if !look.concerns(&config.name) {
                candidates.push(Candidate { config, live, plan: Plan::Keep, files });
                continue;
            }
            if let Some(seen) = seen {
                changes.seen.insert(config.name.clone(), seen);
            }
            let plan = match differ {
                _ if refused_before => Plan::RefusedBefore,
                Err(refused) => Plan::Refuse(refused),
                Ok(differ) => self.plan(&config, live.as_ref(), differ),
            };
            if matches!(plan, Plan::Keep) {
                // What was refused is gone: it is as it was before.
                changes.refused.remove(&config.name);
            }
            candidates.push(Candidate { config, live, plan, files });
        }
        candidates
    }

    fn plan(&self, config: &AppConfig, live: Option<&Arc<App>>, files_differ: bool) -> Plan {
        let Some(live) = live else {
            let app = Arc::new(App::first(&self.common, config.clone()));
            return Plan::Serve { app, start: true };
        };
        let same_files = live.has_place_of(config) && !files_differ;
        if !same_files || !live.has_settings_of(config) {
            let app = Arc::new(live.next(&self.common, config.clone(), same_files));
            // What has started with these files starts again; but who has isolates now will want one at once.
            let start = !same_files || config.preload || live.worker.stats().isolates > 0;
            return Plan::Serve { app, start };
        }
        if live.config == *config {
            return Plan::Keep;
        }
        Plan::Serve { app: Arc::new(live.rerouted(config.clone())), start: false }
    }

    /// Starts what has to show that it does.
    async fn start(&self, candidates: &mut [Candidate]) {
        let places = Arc::new(Semaphore::new(STARTS_AT_ONCE));
        let mut starts = JoinSet::new();
        let mut kept = 0;
        for (index, candidate) in candidates.iter().enumerate() {
            let Plan::Serve { app, start: true } = &candidate.plan else { continue };
            let was_up = candidate.live.as_ref().is_some_and(|live| live.worker.stats().isolates > 0);
            kept += 1;
            let keep = was_up || app.config.preload || kept <= STARTED_KEPT_MAX;
            let (app, places) = (Arc::clone(app), Arc::clone(&places));
            starts.spawn(async move {
                let _place = places.acquire_owned().await;
                let started = app.worker.preload().await;
                if !keep {
                    let _ = tokio::task::spawn_blocking(move || app.worker.retire_idle()).await;
                }
                (index, started)
            });
        }
        while let Some(started) = starts.join_next().await {
            let Ok((index, Err(failure))) = started else { continue };
            let Some(candidate) = candidates.get_mut(index) else { continue };
            let message =
                failure.detail.unwrap_or_else(|| format!("the app did not start: {:?}", failure.fault));
            refuse(candidate, "startup", message);
        }
    }

    /// Opens the ports that nobody has yet. Whose port cannot be had is refused.
    async fn open_ports(&self, candidates: &mut [Candidate]) -> Vec<(u16, TcpListener)> {
        let closing = std::mem::take(&mut self.ports.lock().closing);
        for closed in closing {
            // Else the port would be taken still. An error: whoever closes ports is gone, with all of them.
            let _ = closed.await;
        }
        let open = self.ports.lock().open.clone();
        let mut listeners = Vec::new();
        for candidate in candidates {
            let Plan::Serve { app, .. } = &candidate.plan else { continue };
            let Some(port) = app.config.port.filter(|port| !open.contains(port)) else { continue };
            match server::listen(SocketAddr::new(self.common.own_ports_ip, port)) {
                Ok(listener) => listeners.push((port, listener)),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    let message = format!(
                        "cannot listen on port {port}: {error}; a nanod that runs in its sandbox listens only where it \
                         did at its start: restart it, or serve with --sandbox=off"
                    );
                    refuse(candidate, "port", message);
                }
                Err(error) => refuse(candidate, "port", format!("cannot listen on port {port}: {error}")),
            }
        }
        listeners
    }

    /// The one moment at which requests go elsewhere. `false`: the process ends, and nothing changes any more.
    fn swap(&self, apps: Vec<Arc<App>>, before: Vec<Arc<App>>, listeners: Vec<(u16, TcpListener)>) -> bool {
        let gone: Vec<_> = {
            let now: HashMap<_, _> = apps.iter().map(|app| (&*app.config.name, &app.worker)).collect();
            let stays =
                |old: &Arc<App>| now.get(&*old.config.name).is_some_and(|worker| worker.is(&old.worker));
            before.into_iter().filter(|old| !stays(old)).collect()
        };
        {
            let mut ports = self.ports.lock();
            if self.is_closed.load(Ordering::Relaxed) {
                return false;
            }
            let leaving = self.routes().leaving().iter().chain(&gone).cloned().collect();
            ports.open(listeners);
            self.publish(&mut ports, Routes::new(apps, leaving));
        }
        for app in gone {
            self.drain(app);
        }
        true
    }

    /// `ports` is locked: routes are replaced by one at a time.
    fn publish(&self, ports: &mut Ports, routes: Routes) {
        ports.close_others(&routes.ports().collect());
        self.routes.store(Arc::new(routes));
    }

    /// Lets the requests of a revision that takes no new ones end, then gives its memory back.
    fn drain(&self, app: Arc<App>) {
        let registry = self.me.clone();
        tokio::spawn(async move {
            let (name, revision) = (&app.config.name, app.revision().unwrap_or_default());
            let until = tokio::time::Instant::now() + app.config.drain_timeout;
            let drained = app.worker.drain(until).await;
            let (finished, cut) = (drained.finished, drained.cut);
            if cut == 0 {
                tracing::info!(app = name, revision, finished, "a revision has ended");
            } else {
                tracing::warn!(app = name, revision, finished, cut, "a revision was cut at its end");
            }
            let Some(registry) = registry.upgrade() else { return };
            let mut ports = registry.ports.lock();
            let routes = registry.routes.load_full();
            let leaving =
                routes.leaving().iter().filter(|other| !Arc::ptr_eq(other, &app)).cloned().collect();
            registry.publish(&mut ports, Routes::new(routes.apps().to_vec(), leaving));
        });
    }
}

/// Looks at an app's files: whether they are those of its revision.
fn look_at(
    (concerns, config, live, before): (bool, AppConfig, Option<Arc<App>>, Option<Arc<Sources>>),
) -> Looked {
    let main = config.main.to_string_lossy();
    // A new place has new files.
    let live = live.filter(|live| live.has_place_of(&config));
    if !concerns {
        return Looked { seen: None, differ: Ok(false) };
    }
    // A revision that nobody has looked at yet is what is there now.
    let own = live.map(|live| live.worker.survey()).transpose();
    match own.and_then(|own| Ok((own, Sources::survey(&config.root, &main, before.as_deref(), false)?))) {
        Ok((own, seen)) => {
            let differ = own.as_ref().is_some_and(|own| own.digest() != seen.digest());
            // As a rule nothing has changed, and one survey is kept.
            let seen = own.filter(|own| own.is_as_good_as(&seen)).unwrap_or_else(|| Arc::new(seen));
            Looked { seen: Some(seen), differ: Ok(differ) }
        }
        Err(error) => {
            let folder = config.root.display();
            let help = if error.kind() == std::io::ErrorKind::PermissionDenied {
                "; a nanod that runs in its sandbox reads only what was there at its start: restart it, or serve with \
                 --sandbox=off"
            } else {
                ""
            };
            let message = format!("cannot read the folder {folder}: {error}{help}");
            Looked { seen: None, differ: Err(Refused::app(&config.name, "folder", message)) }
        }
    }
}

fn refuse(candidate: &mut Candidate, code: &'static str, message: String) {
    let refused = Plan::Refuse(Refused::app(&candidate.config.name, code, message));
    if let Plan::Serve { app, .. } = std::mem::replace(&mut candidate.plan, refused) {
        discard(candidate.live.as_deref(), app);
    }
}

/// What was built and is not served after all: its isolates go.
fn discard(live: Option<&App>, app: Arc<App>) {
    if live.is_none_or(|live| !live.worker.is(&app.worker)) {
        tokio::spawn(async move { app.worker.drain(tokio::time::Instant::now()).await });
    }
}

/// An app that stays what it was keeps what it has, so others may not get it: they are refused in turn.
fn settle_conflicts(candidates: &mut [Candidate]) {
    if !candidates.iter().any(|candidate| matches!(candidate.plan, Plan::Serve { .. })) {
        return;
    }
    loop {
        let (indices, configs): (Vec<_>, Vec<_>) = candidates
            .iter()
            .enumerate()
            .filter_map(|(index, candidate)| match &candidate.plan {
                Plan::Serve { app, .. } => Some((index, &app.config)),
                _ => candidate.live.as_ref().map(|live| (index, &live.config)),
            })
            .unzip();
        let Some((first, second, claim)) = conflict(configs.into_iter()) else { return };
        let pair = [first, second].map(|at| indices.get(at).copied().unwrap_or_default());
        let changes = |index: &usize| {
            candidates.get(*index).is_some_and(|candidate| matches!(candidate.plan, Plan::Serve { .. }))
        };
        // What is served now goes together, so one of the two is new.
        let Some(index) = pair.into_iter().find(changes) else { return };
        let other = pair.into_iter().find(|other| *other != index).and_then(|other| candidates.get(other));
        let other = other.map(|other| other.config.name.clone()).unwrap_or_default();
        if let Some(candidate) = candidates.get_mut(index) {
            refuse(candidate, "conflict", format!("{claim} is still that of the app `{other}`"));
        }
    }
}

fn log_refused(refused: &Refused, live: Option<&App>) {
    let Refused { app, code, message } = refused;
    let app = app.as_deref().unwrap_or_default();
    match live {
        Some(live) => {
            live.worker.note_error(code, message);
            tracing::error!(
                app,
                code,
                detail = message,
                "a change is refused; the revision before it serves on"
            );
        }
        None => tracing::error!(app, code, detail = message, "a new app is refused"),
    }
}

/// The listeners of apps with a port of their own.
pub(super) struct Ports {
    open: BTreeSet<u16>,
    /// Each ends when its listener is closed.
    closing: Vec<oneshot::Receiver<()>>,
    changes: mpsc::UnboundedSender<PortChange>,
}

impl Ports {
    pub(super) fn new(open: BTreeSet<u16>) -> (Self, mpsc::UnboundedReceiver<PortChange>) {
        let (changes, receiver) = mpsc::unbounded_channel();
        (Self { open, closing: Vec::new(), changes }, receiver)
    }

    fn open(&mut self, listeners: Vec<(u16, TcpListener)>) {
        for (port, listener) in listeners {
            self.open.insert(port);
            // An error: the process ends.
            let _ = self.changes.send(PortChange::Open(port, listener));
        }
    }

    /// Closes all but those.
    fn close_others(&mut self, wanted: &BTreeSet<u16>) {
        for port in self.open.difference(wanted) {
            let (closed, closing) = oneshot::channel();
            self.closing.push(closing);
            let _ = self.changes.send(PortChange::Close(*port, closed));
        }
        self.open.retain(|port| wanted.contains(port));
    }
}
