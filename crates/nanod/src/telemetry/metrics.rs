//! `/metrics` in the Prometheus text format: read from the apps at the time of the scrape.

use std::sync::Arc;

use nano_runtime::WorkerStats;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry as Metrics;

use crate::apps::{App, Registry};

/// The whole page.
pub(crate) fn render(registry: &Arc<Registry>) -> Result<String, std::fmt::Error> {
    let mut metrics = Metrics::default();
    metrics.register_collector(Box::new(Scrape { registry: Arc::clone(registry) }));
    let mut page = String::new();
    text::encode(&mut page, &metrics)?;
    Ok(page)
}

struct Scrape {
    registry: Arc<Registry>,
}

impl std::fmt::Debug for Scrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrape")
    }
}

/// A figure of one app.
type PerApp = (&'static str, &'static str, fn(&WorkerStats) -> u64);

const GAUGES: [PerApp; 2] = [
    ("nano_in_flight", "Requests under way or queued", |s| s.in_flight as u64),
    ("nano_isolates", "Isolates", |s| s.isolates as u64),
];

const COUNTERS: [PerApp; 3] = [
    ("nano_cold_starts", "Isolates started", |s| s.cold_starts),
    ("nano_evictions", "Isolates retired for having nothing to do", |s| s.evictions),
    ("nano_lost_isolates", "Isolates written off with the memory they hold", |s| s.lost),
];

/// A reason for the end of an isolate, and how often it came.
type Reason = (&'static str, fn(&WorkerStats) -> u64);

const TERMINATIONS: [Reason; 3] =
    [("cpu_limit", |s| s.ended_cpu), ("memory_limit", |s| s.ended_memory), ("timeout", |s| s.ended_timeout)];

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let routes = self.registry.routes();
        let apps = routes.apps();
        requests(&mut encoder, apps)?;
        latencies(&mut encoder, apps)?;
        let stats: Vec<_> = apps.iter().map(|app| (app.config.name.as_str(), app.worker.stats())).collect();
        for (name, help, get) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (app, stats) in &stats {
                family.encode_family(&[("app", *app)])?.encode_gauge(&get(stats))?;
            }
        }
        for (name, help, get) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (app, stats) in &stats {
                counter(&mut family.encode_family(&[("app", *app)])?, get(stats))?;
            }
        }
        let help = "CPU time inside the app's isolates";
        let mut family = encoder.encode_descriptor("nano_cpu_seconds", help, None, MetricType::Counter)?;
        for (app, stats) in &stats {
            #[allow(clippy::cast_precision_loss, reason = "nanoseconds, for people")]
            let seconds = stats.cpu_ns as f64 / 1e9;
            family
                .encode_family(&[("app", *app)])?
                .encode_counter::<[(&str, &str); 0], _, f64>(&seconds, None)?;
        }
        let help = "Isolates ended from outside of their script";
        let mut family = encoder.encode_descriptor("nano_terminations", help, None, MetricType::Counter)?;
        for (app, stats) in &stats {
            for (reason, get) in TERMINATIONS {
                counter(&mut family.encode_family(&[("app", *app), ("reason", reason)])?, get(stats))?;
            }
        }
        process(&mut encoder)
    }
}

type MetricEncoder<'a> = prometheus_client::encoding::MetricEncoder<'a>;

fn counter(encoder: &mut MetricEncoder<'_>, value: u64) -> Result<(), std::fmt::Error> {
    encoder.encode_counter::<[(&str, &str); 0], _, f64>(&value, None)
}

fn requests(encoder: &mut DescriptorEncoder<'_>, apps: &[Arc<App>]) -> Result<(), std::fmt::Error> {
    let mut family =
        encoder.encode_descriptor("nano_requests", "Requests answered", None, MetricType::Counter)?;
    for app in apps {
        for (class, count) in app.stats.by_class() {
            let class = format!("{class}xx");
            counter(
                &mut family.encode_family(&[("app", app.config.name.as_str()), ("status", &class)])?,
                count,
            )?;
        }
    }
    Ok(())
}

fn latencies(encoder: &mut DescriptorEncoder<'_>, apps: &[Arc<App>]) -> Result<(), std::fmt::Error> {
    let help = "Time from a request's head to its response's head";
    let mut family =
        encoder.encode_descriptor("nano_request_duration_seconds", help, None, MetricType::Histogram)?;
    for app in apps {
        let (buckets, sum) = app.stats.latency();
        let count = buckets.iter().map(|(_, count)| count).sum();
        if count > 0 {
            family
                .encode_family(&[("app", app.config.name.as_str())])?
                .encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)?;
        }
    }
    Ok(())
}

fn process(encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse::<u64>().ok()
    };
    let figures = [
        ("nano_process_resident_memory_bytes", "Memory in use", field("VmRSS").map(|kib| kib * 1024)),
        ("nano_process_threads", "Threads", field("Threads")),
        (
            "nano_handed_over_turns",
            "Times a long turn gave its thread away",
            Some(nano_runtime::handed_over_turns()),
        ),
    ];
    for (name, help, value) in figures {
        if let Some(value) = value {
            encoder.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)?;
        }
    }
    Ok(())
}
