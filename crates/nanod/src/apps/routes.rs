//! From a host to an app: exact names, `*.suffix` patterns, own ports, the default app.

use std::collections::HashMap;
use std::sync::Arc;

use nano_config::HostPattern;
use rustc_hash::FxHashMap;

use super::App;

/// An immutable routing table.
pub(crate) struct Routes {
    apps: Vec<Arc<App>>,
    /// The operator chooses the keys, so their hash need not withstand an enemy.
    exact: FxHashMap<Box<[u8]>, Arc<App>>,
    suffixes: FxHashMap<Box<[u8]>, Arc<App>>,
    ports: HashMap<u16, Arc<App>>,
    default: Option<Arc<App>>,
}

impl Routes {
    pub(crate) fn new(apps: Vec<Arc<App>>) -> Self {
        let mut routes = Self {
            exact: FxHashMap::default(),
            suffixes: FxHashMap::default(),
            ports: HashMap::new(),
            default: None,
            apps: Vec::new(),
        };
        for app in &apps {
            for host in &app.config.hosts {
                let (table, name) = match host {
                    HostPattern::Exact(name) => (&mut routes.exact, name),
                    HostPattern::Suffix(name) => (&mut routes.suffixes, name),
                };
                table.insert(name.as_bytes().into(), Arc::clone(app));
            }
            if let Some(port) = app.config.port {
                routes.ports.insert(port, Arc::clone(app));
            }
            if app.config.default {
                routes.default = Some(Arc::clone(app));
            }
        }
        routes.apps = apps;
        routes
    }

    pub(crate) fn apps(&self) -> &[Arc<App>] {
        &self.apps
    }

    /// The app that has `port` for itself.
    pub(crate) fn by_port(&self, port: u16) -> Option<&Arc<App>> {
        self.ports.get(&port)
    }

    /// The app for a `Host`: in any case, with or without port, with or without the root's dot.
    pub(crate) fn by_host(&self, authority: &[u8]) -> Option<&Arc<App>> {
        let host = host_of(authority);
        if let Some(app) = self.exact.get(host) {
            return Some(app);
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
    fn by_suffix(&self, host: &[u8]) -> Option<&Arc<App>> {
        if self.suffixes.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some(dot) = rest.iter().position(|byte| *byte == b'.') {
            rest = &rest[dot + 1..];
            if let Some(app) = self.suffixes.get(rest) {
                return Some(app);
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
