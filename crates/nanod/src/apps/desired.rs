//! What is to be served: the apps of the configuration, and over them what the admin API changed.

use std::collections::BTreeMap;

use nano_config::{App, Config};

/// Changes by app name that the configuration does not know of: an app, or `None` for one that was removed.
#[derive(Clone, Default)]
pub(super) struct Overlay(BTreeMap<String, Option<App>>);

impl Overlay {
    pub(super) fn with(&self, name: &str, app: Option<App>) -> Self {
        let mut changes = self.0.clone();
        changes.insert(name.to_owned(), app);
        Self(changes)
    }

    /// Without what the configuration says itself.
    pub(super) fn over(mut self, config: &Config) -> Self {
        self.0.retain(|name, change| config.apps.iter().find(|app| app.name == *name) != change.as_ref());
        self
    }

    /// The apps to be served: those of the configuration in its order, then those that were added.
    pub(super) fn apps(&self, config: &Config) -> Vec<App> {
        let own = config.apps.iter().filter_map(|app| match self.0.get(&app.name) {
            Some(change) => change.clone(),
            None => Some(app.clone()),
        });
        let is_new = |name: &str| config.apps.iter().all(|app| app.name != name);
        let added = self.0.iter().filter(|(name, _)| is_new(name)).filter_map(|(_, change)| change.clone());
        own.chain(added).collect()
    }
}

/// The first two apps that want the same, by their place in the list, and what it is.
pub(super) fn conflict<'a>(apps: impl Iterator<Item = &'a App>) -> Option<(usize, usize, String)> {
    let mut claims: BTreeMap<String, usize> = BTreeMap::new();
    for (index, app) in apps.enumerate() {
        let hosts = app.hosts.iter().map(|host| format!("the host name `{host}`"));
        let port = app.port.map(|port| format!("the port {port}"));
        let default = app.default.then(|| "all unknown hosts (`default`)".to_owned());
        for claim in hosts.chain(port).chain(default) {
            if let Some(first) = claims.get(&claim).copied() {
                return Some((first, index, claim));
            }
            claims.insert(claim, index);
        }
    }
    None
}

/// What has changed in the configuration and cannot change in a running process.
pub(super) fn needs_restart(started: &Config, now: &Config) -> Vec<&'static str> {
    let admin = |config: &Config| {
        let admin = config.admin.as_ref()?;
        Some((admin.listen, admin.token.as_ref().map(|token| token.expose().to_owned())))
    };
    [
        ("listen", started.listen == now.listen),
        ("admin", admin(started) == admin(now)),
        ("drain_timeout_ms", started.drain_timeout == now.drain_timeout),
        ("threads", started.threads == now.threads),
        ("memory_budget_mb", started.memory_budget_mb == now.memory_budget_mb),
        ("max_lost_isolates", started.max_lost_isolates == now.max_lost_isolates),
        ("log", started.log == now.log),
        ("extra_ca_file", started.extra_ca == now.extra_ca),
        ("sandbox", started.sandbox == now.sandbox),
    ]
    .into_iter()
    .filter_map(|(key, same)| (!same).then_some(key))
    .collect()
}
