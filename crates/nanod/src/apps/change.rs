//! Changes of apps at run time: the configuration is read anew, or the admin API adds and removes an app.
//!
//! Each computes what is to be served from then on and has `apply` make it so, one at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nano_config::{App as AppConfig, Config};
use nano_runtime::Sources;
use serde::Serialize;

use super::Registry;
use super::apply::{Attempt, Look};
use super::desired::{self, Overlay};
use super::watch::{self, Places};

/// What a change came to.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Applied {
    /// Apps that are new.
    pub(crate) added: Vec<String>,
    /// Apps of which there is another revision, or that answer for other hosts.
    pub(crate) replaced: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// How many are as they were.
    pub(crate) unchanged: usize,
    pub(crate) refused: Vec<Refused>,
    /// Keys of the configuration that have changed, and are the process's until it is started anew.
    pub(crate) needs_restart: Vec<&'static str>,
}

/// What was not done, and why: things are as they were before.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refused {
    /// `None`: the configuration as a whole.
    pub(crate) app: Option<String>,
    /// `config`: it is wrong; `conflict`: another app has the host or port; `startup`: the app does not start; `folder`:
    /// its folder cannot be read; `port`: its port cannot be had; `draining`: the process ends.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refused {
    pub(super) fn whole(code: &'static str, message: impl Into<String>) -> Self {
        Self { app: None, code, message: message.into() }
    }

    pub(super) fn app(name: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self { app: Some(name.to_owned()), code, message: message.into() }
    }

    pub(super) fn draining() -> Self {
        Self::whole("draining", "the process is draining: apps stay as they are")
    }
}

/// What those who change apps know.
pub(super) struct Changes {
    /// As the process started.
    started: Config,
    /// The configuration in force.
    config: Config,
    overlay: Overlay,
    /// What was last said about the configuration, so that a look each few seconds says it once.
    said: Vec<String>,
    /// The files of each app as last seen.
    pub(super) seen: HashMap<String, Arc<Sources>>,
    /// What was refused, so that it is not tried again until it changes.
    pub(super) refused: HashMap<String, Attempt>,
}

impl Changes {
    pub(super) fn new(config: Config) -> Self {
        let (overlay, said, seen, refused) = Default::default();
        Self { started: config.clone(), config, overlay, said, seen, refused }
    }

    /// Whether this is something else than what was said last.
    fn is_news(&mut self, said: Vec<String>) -> bool {
        let is_news = self.said != said;
        self.said = said;
        is_news
    }
}

impl Registry {
    /// Reads the configuration anew, and all files of all apps, and makes it so.
    pub(crate) async fn reload(&self) -> Applied {
        self.reload_with(Look::Thorough).await
    }

    pub(super) async fn reload_with(&self, look: Look) -> Applied {
        let mut changes = self.changes.lock().await;
        let unchanged = self.routes().apps().len();
        let refuse = |refused| Applied { refused: vec![refused], unchanged, ..Applied::default() };
        if self.is_closed.load(Ordering::Relaxed) {
            return refuse(Refused::draining());
        }
        let load = Arc::clone(&self.load);
        let loaded = match self.looks.run(move || load()).await.unwrap_or_else(|| Err(String::new())) {
            Ok(loaded) => loaded,
            Err(message) => {
                Self::say_refused(&mut changes, &message, &look);
                return refuse(Refused::whole("config", message));
            }
        };
        let needs_restart = desired::needs_restart(&changes.started, &loaded.config);
        let mut said: Vec<_> =
            loaded.warnings.iter().map(|warning| warning.to_string().trim_end().to_owned()).collect();
        said.extend((!needs_restart.is_empty()).then(|| needs_restart.join(", ")));
        if changes.is_news(said.clone()) {
            for warning in said.iter().take(loaded.warnings.len()) {
                tracing::warn!("{warning}");
            }
            if !needs_restart.is_empty() {
                let keys = needs_restart.join(", ");
                tracing::warn!(
                    keys,
                    "these changes of the configuration take effect when nanod is started anew"
                );
            }
        }
        let overlay = changes.overlay.clone().over(&loaded.config);
        let apps = overlay.apps(&loaded.config);
        if let Some((_, second, claim)) = desired::conflict(apps.iter()) {
            let name = apps.get(second).map_or("", |app| &app.name);
            let message =
                format!("{claim} belongs to two apps, one of them `{name}`, which the admin API changed");
            Self::say_refused(&mut changes, &message, &look);
            return refuse(Refused::whole("conflict", message));
        }
        changes.config = loaded.config;
        changes.overlay = overlay;
        let applied = self.apply(&mut changes, apps, look).await;
        Applied { needs_restart, ..applied }
    }

    /// The configuration says by now what was put or removed under that name: from here on it has the last word.
    pub(crate) async fn settle(&self, name: &str) {
        self.reload_with(Look::Only(name.to_owned())).await;
    }

    /// The configuration in force, without what the admin API has changed.
    pub(crate) async fn config(&self) -> Config {
        self.changes.lock().await.config.clone()
    }

    /// Says once that the configuration is refused, or each time when it was asked for.
    fn say_refused(changes: &mut Changes, detail: &str, look: &Look) {
        if changes.is_news(vec![detail.to_owned()]) || *look == Look::Thorough {
            tracing::error!(detail, "the configuration is refused; what was served is served on");
        }
    }

    /// What gives the places where a change would be one of what is served, as it is now.
    pub(super) async fn places(&self) -> impl FnOnce() -> Places + Send + use<> {
        let changes = self.changes.lock().await;
        let seen: Vec<_> = changes.seen.values().cloned().collect();
        let config = changes.config.clone();
        let roots: Vec<_> = self.routes().apps().iter().map(|app| app.config.root.clone()).collect();
        move || {
            let mut places = Places::new();
            for folder in seen.iter().flat_map(|seen| seen.folders()) {
                watch::all_in(&mut places, folder);
            }
            for path in config.read_from.iter().chain(&config.app_paths).chain(&roots) {
                let Ok(path) = std::path::absolute(path) else { continue };
                if path.is_dir() {
                    watch::all_in(&mut places, &path);
                }
                watch::way_to(&mut places, &path);
            }
            places
        }
    }

    /// Adds or replaces one app over what the configuration says, until the process ends.
    pub(crate) async fn put(&self, app: AppConfig) -> Result<Applied, Refused> {
        let mut changes = self.changes.lock().await;
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(Refused::draining());
        }
        let name = app.name.clone();
        if let Some(claim) = app.port.filter(|port| is_taken(&changes.started, *port)) {
            return Err(Refused::app(&name, "conflict", format!("the port {claim} is one of NANO's own")));
        }
        let overlay = changes.overlay.with(&name, Some(app)).over(&changes.config);
        let apps = overlay.apps(&changes.config);
        if let Some((first, second, claim)) = desired::conflict(apps.iter()) {
            let other = [first, second].into_iter().filter_map(|index| apps.get(index));
            let other = other.map(|app| app.name.as_str()).find(|other| *other != name).unwrap_or_default();
            return Err(Refused::app(&name, "conflict", format!("{claim} is that of the app `{other}`")));
        }
        let applied = self.apply(&mut changes, apps, Look::Only(name.clone())).await;
        match applied.refused.iter().find(|refused| refused.app.as_deref() == Some(&name)) {
            Some(refused) => Err(refused.clone()),
            None => {
                changes.overlay = overlay;
                Ok(applied)
            }
        }
    }

    /// Removes one app, until the process ends or the configuration has it anew. `None`: there is no such app.
    pub(crate) async fn remove(&self, name: &str) -> Option<Applied> {
        let mut changes = self.changes.lock().await;
        self.routes().apps().iter().find(|app| app.config.name == name)?;
        if self.is_closed.load(Ordering::Relaxed) {
            let unchanged = self.routes().apps().len();
            return Some(Applied { refused: vec![Refused::draining()], unchanged, ..Applied::default() });
        }
        changes.overlay = changes.overlay.with(name, None).over(&changes.config);
        let apps = changes.overlay.apps(&changes.config);
        Some(self.apply(&mut changes, apps, Look::Only(name.to_owned())).await)
    }
}

/// Whether the process itself listens there.
fn is_taken(started: &Config, port: u16) -> bool {
    let admin = started.admin.iter().map(|admin| admin.listen);
    started.listen.iter().copied().chain(admin).any(|address| address.port() == port)
}
