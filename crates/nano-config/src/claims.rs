//! What apps and listeners claim for themselves: each name, host and port belongs to one.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::config::HostPattern;
use crate::decode::quoted;
use crate::diagnostic::{Diagnostic, Place};

/// Every claim of a configuration, in its order.
#[derive(Default)]
pub(crate) struct Claims {
    pub(crate) names: Vec<(String, Place)>,
    pub(crate) hosts: Vec<(HostPattern, Place)>,
    pub(crate) ports: Vec<(u16, Place)>,
    pub(crate) defaults: Vec<Place>,
    pub(crate) listeners: Vec<(SocketAddr, Place)>,
}

impl Claims {
    /// An error for each claim on what something else has claimed before.
    pub(crate) fn conflicts(&self) -> Vec<Diagnostic> {
        let mut errors = twice(&self.names, |name| {
            (format!("two apps have the name {}", quoted(name)), "give one of them another \"name\"")
        });
        errors.extend(twice(&self.hosts, |host| {
            (
                format!("the host name `{host}` is claimed twice"),
                "a host belongs to one app: remove one of the two",
            )
        }));
        errors.extend(twice(&self.ports, |port| {
            (format!("two apps have the port {port}"), "give one of them another port")
        }));
        let defaults: Vec<_> = self.defaults.iter().map(|place| ((), place.clone())).collect();
        errors.extend(twice(&defaults, |()| {
            ("two apps are the default".to_owned(), "only one app can take the unknown hosts")
        }));
        for (index, (addr, place)) in self.listeners.iter().enumerate() {
            let before = self.listeners.iter().take(index).find(|(other, _)| overlap(*addr, *other));
            if let Some((_, first)) = before {
                let error = place.clone().error(format!("`{addr}` is listened on already"));
                errors.push(error.related(first, "the first is here").help("give one of them another port"));
            }
        }
        for (port, place) in &self.ports {
            if let Some((addr, first)) = self.listeners.iter().find(|(addr, _)| addr.port() == *port) {
                let error = place.clone().error(format!("port {port} is taken by the listener on `{addr}`"));
                let note = if first.line == 0 { "which listens there by default" } else { "which is here" };
                errors.push(error.related(first, note).help("give the app another port"));
            }
        }
        errors
    }
}

/// Whether two listeners would get in each other's way. Port 0 is always another port; `0.0.0.0` and `[::]` are all
/// addresses of either family, as Linux has it (`IPV6_V6ONLY` is off).
#[must_use]
pub fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || any)
}

fn twice<K: Ord>(claims: &[(K, Place)], explain: impl Fn(&K) -> (String, &'static str)) -> Vec<Diagnostic> {
    let mut firsts: BTreeMap<&K, &Place> = BTreeMap::new();
    let mut errors = Vec::new();
    for (key, place) in claims {
        match firsts.get(key) {
            Some(first) => {
                let (message, help) = explain(key);
                errors.push(place.clone().error(message).related(first, "the first is here").help(help));
            }
            None => {
                firsts.insert(key, place);
            }
        }
    }
    errors
}
