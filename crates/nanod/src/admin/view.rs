//! What the admin API tells about an app. Of variables it tells the names.

use std::time::SystemTime;

use nano_config::{EgressRule, HostPattern};
use serde_json::{Map, Value, json};

use crate::apps::{App, Routes};
use crate::telemetry::rfc3339;

fn time(at: SystemTime) -> String {
    rfc3339(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis())
}

/// An app with its figures, to which those of its revisions count that have not ended yet.
pub(super) fn app(routes: &Routes, app: &App) -> Value {
    let (config, worker) = (&app.config, routes.figures(app));
    let requests: Map<String, Value> =
        app.stats.by_class().map(|(class, count)| (format!("{class}xx"), count.into())).collect();
    let errors: u64 = app.stats.by_class().filter(|(class, _)| *class == 5).map(|(_, count)| count).sum();
    let limits = &config.limits;
    json!({
        "name": config.name,
        "hostnames": config.hosts.iter().map(HostPattern::to_string).collect::<Vec<_>>(),
        "port": config.port,
        "default": config.default,
        "path": config.root.to_string_lossy(),
        "main": config.main.to_string_lossy(),
        "revision": app.revision(),
        "loaded_at": time(app.loaded_at),
        "state": app.state(),
        "isolates": worker.isolates,
        "memory_bytes": worker.heap_bytes + worker.external_bytes,
        "requests": requests,
        "errors": errors,
        "in_flight": worker.in_flight,
        "last_error": app.last_error().map(|error| {
            json!({ "at": time(error.at), "code": error.code, "message": error.message })
        }),
        "limits": {
            "cpu_ms": limits.cpu_ms,
            "timeout_ms": limits.timeout_ms,
            "memory_mb": limits.memory_mb,
            "max_body_mb": limits.max_body_mb,
            "max_in_flight": limits.max_in_flight,
            "max_queue": limits.max_queue,
            "max_subrequests": limits.max_subrequests,
            "idle_ms": limits.idle_ms,
            "clock_resolution_us": limits.clock_resolution_us,
            "drain_timeout_ms": u64::try_from(config.drain_timeout.as_millis()).unwrap_or(u64::MAX),
        },
        "preload": config.preload,
        "egress": config.egress_allow.iter().map(EgressRule::to_string).collect::<Vec<_>>(),
        "env": config.env.keys().collect::<Vec<_>>(),
    })
}
