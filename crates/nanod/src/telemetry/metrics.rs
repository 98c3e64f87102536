//! `/metrics` in the OpenMetrics text format: read from the apps at the time of the scrape, without entering an isolate.
//!
//! An app that has had no request and no isolate yet has `nano_isolates` and no other series: of ten thousand apps most
//! are quiet. What the names mean for operators is in the README, in a table made of these help texts.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use nano_runtime::{Histogram, WorkerStats};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, text};
use prometheus_client::metrics::MetricType::{self, Counter, Gauge};
use prometheus_client::registry::{Registry as Families, Unit};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::Log;
use crate::apps::{App, Registry};
use crate::server::Connections;

/// Where figures come from.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    connections: Connections,
    log: Arc<Log>,
    /// About when the process began.
    started: SystemTime,
}

impl Metrics {
    pub(crate) fn new(registry: &Arc<Registry>, connections: Connections, log: &Arc<Log>) -> Self {
        let (registry, log) = (Arc::clone(registry), Arc::clone(log));
        Self { registry, connections, log, started: SystemTime::now() }
    }

    /// The whole page. With thousands of apps this takes milliseconds.
    pub(crate) fn render(&self) -> Result<String, fmt::Error> {
        let mut families = Families::default();
        families.register_collector(Box::new(Scrape(self.clone())));
        let mut page = String::new();
        text::encode(&mut page, &families)?;
        Ok(page)
    }
}

struct Scrape(Metrics);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

/// Name, help and unit, and where an app's figure is.
type PerApp = (&'static str, &'static str, Option<Unit>, fn(&WorkerStats) -> f64);

const GAUGES: [PerApp; 3] = [
    ("nano_in_flight", "Requests under way or queued", None, |s| whole(s.in_flight as u64)),
    ("nano_heap", "V8's heaps of the app's isolates, as of a second ago", Some(Unit::Bytes), |s| {
        whole(s.heap_bytes as u64)
    }),
    (
        "nano_external",
        "Memory of the app's isolates outside of V8's heaps: buffers, bodies, WebAssembly",
        Some(Unit::Bytes),
        |s| whole(s.external_bytes as u64),
    ),
];

const COUNTERS: [PerApp; 6] = [
    ("nano_cpu", "CPU time inside the app's isolates, and of native work for it", Some(Unit::Seconds), |s| {
        whole(s.cpu_ns) / 1e9
    }),
    ("nano_cold_starts", "Isolates started", None, |s| whole(s.cold_starts)),
    ("nano_evictions", "Isolates retired for having nothing to do", None, |s| whole(s.evictions)),
    ("nano_lost_isolates", "Isolates that ran out of memory where V8 cannot unwind", None, |s| whole(s.lost)),
    ("nano_subrequests", "Requests that the app sent, redirects included", None, |s| whole(s.subrequests)),
    ("nano_log_lines_dropped", "Lines of the app over the rate of its log", None, |s| {
        whole(s.log_lines_dropped)
    }),
];

/// A reason for the end of an isolate, and how often it came.
type Reason = (&'static str, fn(&WorkerStats) -> u64);

const TERMINATIONS: [Reason; 3] =
    [("cpu_limit", |s| s.ended_cpu), ("memory_limit", |s| s.ended_memory), ("timeout", |s| s.ended_timeout)];

/// One app as a scrape sees it.
struct Seen<'a> {
    name: &'a str,
    app: &'a App,
    worker: WorkerStats,
}

impl Seen<'_> {
    fn label(&self) -> [(&'static str, &str); 1] {
        [("app", self.name)]
    }

    fn has_served(&self) -> bool {
        self.worker.cold_starts > 0 || self.worker.in_flight > 0 || self.app.stats.by_class().next().is_some()
    }
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.0.registry.routes();
        let all = routes.apps().iter();
        let all: Vec<_> =
            all.map(|app| Seen { name: &app.config.name, app, worker: routes.figures(app) }).collect();
        let mut isolates = encoder.encode_descriptor("nano_isolates", "Isolates", None, Gauge)?;
        for seen in &all {
            isolates.encode_family(&seen.label())?.encode_gauge(&(seen.worker.isolates as u64))?;
        }
        let served: Vec<_> = all.iter().filter(|seen| seen.has_served()).collect();
        of_answers(&mut encoder, &served)?;
        of_workers(&mut encoder, &served)?;
        self.of_process(&mut encoder, all.len())
    }
}

/// What the server counts of each app.
fn of_answers(encoder: &mut DescriptorEncoder<'_>, apps: &[&Seen<'_>]) -> fmt::Result {
    let mut family = encoder.encode_descriptor("nano_requests", "Requests answered", None, Counter)?;
    for seen in apps {
        for (class, count) in seen.app.stats.by_class() {
            let class = format!("{class}xx");
            let labels = [("app", seen.name), ("status", &class)];
            counter(&mut family.encode_family(&labels)?, whole(count))?;
        }
    }
    let help = "Answers that NANO gave in the app's place, by x-nano-error";
    let mut family = encoder.encode_descriptor("nano_errors", help, None, Counter)?;
    for seen in apps {
        for (code, count) in seen.app.stats.errors() {
            let labels = [("app", seen.name), ("code", code)];
            counter(&mut family.encode_family(&labels)?, whole(count))?;
        }
    }
    let help = "Time from a request's head to its answer's head";
    histograms(encoder, "nano_request_duration", help, apps, |app| &app.stats.latency)
}

/// What the runtime counts of each app.
fn of_workers(encoder: &mut DescriptorEncoder<'_>, apps: &[&Seen<'_>]) -> fmt::Result {
    let help = "Time from a request's head to its handler's begin, of requests that had to wait for it";
    histograms(encoder, "nano_queue_wait", help, apps, |app| &app.stats.counters.queue_wait)?;
    let help = "Time that an isolate took to start, its app's top level included";
    histograms(encoder, "nano_cold_start_duration", help, apps, |app| &app.stats.counters.cold_start)?;
    for (name, help, unit, get) in GAUGES {
        let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), Gauge)?;
        for seen in apps {
            gauge(&mut family.encode_family(&seen.label())?, get(&seen.worker))?;
        }
    }
    for (name, help, unit, get) in COUNTERS {
        let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), Counter)?;
        for seen in apps {
            counter(&mut family.encode_family(&seen.label())?, get(&seen.worker))?;
        }
    }
    let help = "Isolates ended from outside of their script, by the limit they were over";
    let mut family = encoder.encode_descriptor("nano_terminations", help, None, Counter)?;
    for seen in apps {
        for (reason, get) in TERMINATIONS {
            let labels = [("app", seen.name), ("reason", reason)];
            counter(&mut family.encode_family(&labels)?, whole(get(&seen.worker)))?;
        }
    }
    Ok(())
}

/// A histogram of seconds for each app that has observed anything.
fn histograms<const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    apps: &[&Seen<'_>],
    get: impl Fn(&App) -> &Histogram<N>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
    for seen in apps {
        let histogram = get(seen.app);
        let ranges: Vec<_> = histogram.ranges().collect();
        let count = ranges.iter().map(|(_, count)| count).sum();
        if count > 0 {
            family.encode_family(&seen.label())?.encode_histogram::<NoLabels>(
                histogram.sum_s(),
                count,
                &ranges,
                None,
            )?;
        }
    }
    Ok(())
}

/// Name, help, unit and kind of a figure of the process. `None`: this system does not tell.
type OfProcess = (&'static str, &'static str, Option<Unit>, MetricType, Option<f64>);

impl Scrape {
    fn of_process(&self, encoder: &mut DescriptorEncoder<'_>, apps: usize) -> fmt::Result {
        let Metrics { registry, connections, log, started } = &self.0;
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok().map(whole)
        };
        let kib = |name: &str| field(name).map(|kib| kib * 1024.0);
        let started = started.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64());
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        #[allow(clippy::cast_precision_loss, reason = "seconds, for people")]
        let cpu = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let lost = registry.engine().lost_isolates().into();
        let max_fds = getrlimit(Resource::Nofile).current.map(whole);
        let (bytes, seconds) = (Some(Unit::Bytes), Some(Unit::Seconds));
        let figures: [OfProcess; 12] = [
            ("nano_apps", "Apps", None, Gauge, Some(whole(apps as u64))),
            (
                "nano_connections",
                "Connections of clients",
                None,
                Gauge,
                Some(whole(connections.count() as u64)),
            ),
            (
                "nano_handed_over_turns",
                "Times that a long turn gave its thread away",
                None,
                Counter,
                Some(whole(nano_runtime::handed_over_turns())),
            ),
            (
                "nano_process_lost_isolates",
                "Lost isolates that could not be disposed of, and one for each 128 MiB that others left behind; over max_lost_isolates the process ends",
                None,
                Gauge,
                Some(lost),
            ),
            (
                "nano_process_log_lines_dropped",
                "Log lines that stderr was too slow for",
                None,
                Counter,
                Some(whole(log.dropped())),
            ),
            ("nano_process_cpu", "CPU time of the process", seconds.clone(), Counter, Some(cpu)),
            ("nano_process_start_time", "When the process began, in Unix time", seconds, Gauge, started),
            ("nano_process_resident_memory", "Memory in use", bytes.clone(), Gauge, kib("VmRSS")),
            ("nano_process_virtual_memory", "Address space in use", bytes, Gauge, kib("VmSize")),
            ("nano_process_open_fds", "Open descriptors", None, Gauge, open_fds().map(whole)),
            ("nano_process_max_fds", "Descriptors that may be open", None, Gauge, max_fds),
            ("nano_process_threads", "Threads", None, Gauge, field("Threads")),
        ];
        for (name, help, unit, kind, value) in figures {
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            match (kind, value) {
                (_, None) => {}
                (Counter, Some(value)) => counter(&mut family, value)?,
                (_, Some(value)) => gauge(&mut family, value)?,
            }
        }
        let help = "The version that runs";
        let mut family = encoder.encode_descriptor("nano_build", help, None, MetricType::Info)?;
        family.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }
}

/// Linux tells since 6.2; before, they are counted.
fn open_fds() -> Option<u64> {
    const PATH: &str = "/proc/self/fd";
    let told = std::fs::metadata(PATH).ok()?.len();
    if told > 0 { Some(told) } else { std::fs::read_dir(PATH).ok().map(|list| list.count() as u64) }
}

type NoLabels = [(&'static str, &'static str); 0];

#[allow(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn whole(value: u64) -> f64 {
    value as f64
}

/// Whole numbers without a fraction, which scrapers take and people would wonder about.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number that fits")]
fn as_whole(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..9e15).contains(&value)).then_some(value as u64)
}

fn counter(encoder: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    match as_whole(value) {
        Some(value) => encoder.encode_counter::<NoLabels, _, f64>(&value, None),
        None => encoder.encode_counter::<NoLabels, _, f64>(&value, None),
    }
}

fn gauge(encoder: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
    match as_whole(value) {
        Some(value) => encoder.encode_gauge(&value),
        None => encoder.encode_gauge(&value),
    }
}
