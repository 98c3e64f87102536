//! From a host to an app: exact names, `*.suffix` patterns, own ports, the default app.

use std::collections::HashMap;
use std::sync::Arc;

use nano_config::HostPattern;
use nano_runtime::WorkerStats;
use rustc_hash::FxHashMap;

use super::App;

/// An immutable routing table.
pub(crate) struct Routes {
    apps: Vec<Arc<App>>,
    /// What was replaced or removed, and has not ended yet.
    leaving: Vec<Arc<App>>,
    /// The operator chooses the keys, so their hash need not withstand an enemy.
    exact: FxHashMap<Box<[u8]>, Route>,
    suffixes: FxHashMap<Box<[u8]>, Route>,
    ports: HashMap<u16, Route>,
    default: Option<Route>,
}

/// Where a request goes.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) app: Arc<App>,
    /// It takes nothing new: nobody has the host any more, and it is only known until the app has ended.
    pub(crate) is_leaving: bool,
}

impl Routes {
    pub(crate) fn new(apps: Vec<Arc<App>>, leaving: Vec<Arc<App>>) -> Self {
        let mut routes = Self {
            exact: FxHashMap::default(),
            suffixes: FxHashMap::default(),
            ports: HashMap::new(),
            default: None,
            apps: Vec::new(),
            leaving: Vec::new(),
        };
        for app in &apps {
            routes.add(app, false);
        }
        for app in &leaving {
            routes.add(app, true);
        }
        Self { apps, leaving, ..routes }
    }

    /// Who comes first has the place: those that leave come last.
    fn add(&mut self, app: &Arc<App>, is_leaving: bool) {
        let route = || Route { app: Arc::clone(app), is_leaving };
        for host in &app.config.hosts {
            let (table, name) = match host {
                HostPattern::Exact(name) => (&mut self.exact, name),
                HostPattern::Suffix(name) => (&mut self.suffixes, name),
            };
            table.entry(name.as_bytes().into()).or_insert_with(route);
        }
        if let Some(port) = app.config.port {
            self.ports.entry(port).or_insert_with(route);
        }
        if app.config.default {
            self.default.get_or_insert_with(route);
        }
    }

    /// The apps that take requests.
    pub(crate) fn apps(&self) -> &[Arc<App>] {
        &self.apps
    }

    /// Revisions that were replaced or removed, and have requests under way.
    pub(crate) fn leaving(&self) -> &[Arc<App>] {
        &self.leaving
    }

    /// Figures of one of the apps, with what goes on in its revisions that leave.
    pub(crate) fn figures(&self, app: &App) -> WorkerStats {
        let mut figures = app.worker.stats();
        for old in self.leaving.iter().filter(|old| old.config.name == app.config.name) {
            let more = old.worker.stats();
            figures.isolates += more.isolates;
            figures.in_flight += more.in_flight;
            figures.heap_bytes += more.heap_bytes;
            figures.external_bytes += more.external_bytes;
        }
        figures
    }

    /// The ports that apps have for themselves.
    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.ports.keys().copied()
    }

    /// The app that has `port` for itself.
    pub(crate) fn by_port(&self, port: u16) -> Option<&Route> {
        self.ports.get(&port)
    }

    /// The app for a `Host`: in any case, with or without port, with or without the root's dot.
    pub(crate) fn by_host(&self, authority: &[u8]) -> Option<&Route> {
        let host = host_of(authority);
        if let Some(route) = self.exact.get(host) {
            return Some(route);
        }
        let lower;
        let host = if host.iter().any(u8::is_ascii_uppercase) {
            lower = host.to_ascii_lowercase();
            &lower
        } else {
            host
        };
        self.exact.get(host).or_else(|| self.by_suffix(host)).or(self.default.as_ref())
    }

    /// The longest suffix wins: `*.b.c` before `*.c`.
    fn by_suffix(&self, host: &[u8]) -> Option<&Route> {
        if self.suffixes.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some(dot) = rest.iter().position(|byte| *byte == b'.') {
            rest = &rest[dot + 1..];
            if let Some(route) = self.suffixes.get(rest) {
                return Some(route);
            }
        }
        None
    }
}

/// The host of an authority, without port and root dot.
fn host_of(authority: &[u8]) -> &[u8] {
    let end = if authority.first() == Some(&b'[') {
        authority.iter().position(|byte| *byte == b']').map(|last| last + 1)
    } else {
        authority.iter().position(|byte| *byte == b':')
    };
    let host = end.and_then(|end| authority.get(..end)).unwrap_or(authority);
    host.strip_suffix(b".").unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn the_host_is_taken_out_of_the_authority() {
        for (authority, host) in [
            ("a.example", "a.example"),
            ("a.example:8080", "a.example"),
            ("a.example.", "a.example"),
            ("a.example.:80", "a.example"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
            (":80", ""),
        ] {
            assert_eq!(host_of(authority.as_bytes()), host.as_bytes());
        }
    }
}
