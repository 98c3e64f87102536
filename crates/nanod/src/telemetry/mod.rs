//! Logs, metrics, and what is said at the start.

mod followers;
mod log;
mod metrics;
mod writer;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nano_config::{Config, HostPattern, Level, LogFormat};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) use followers::Follower;
pub(crate) use log::{Line, Log, lost_line, rfc3339};
pub(crate) use metrics::Metrics;

use crate::server::Server;

/// Apps that the banner lists; more are counted.
const BANNER_APPS_MAX: usize = 20;

/// How long a panic waits until it is in the log: the process may end with it.
const PANIC_FLUSH: Duration = Duration::from_millis(200);

/// Sends log lines to stderr.
pub(crate) fn start(config: &nano_config::Log, format: Option<LogFormat>, dev: bool) -> Arc<Log> {
    let by_terminal =
        if dev || std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json };
    let format = format.or(config.format).unwrap_or(by_terminal);
    let level = match config.level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // Libraries are chatty below this.
    let libraries = level.min(LevelFilter::INFO);
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(libraries)
        .with_target("app", level)
        .with_target("nanod", level)
        .with_target("nano_runtime", level);
    let log = Log::new(format, filter);
    tracing_subscriber::registry().with(log::Lines(Arc::clone(&log))).init();
    let panics = Arc::clone(&log);
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        let thread = std::thread::current().name().map(str::to_owned);
        let backtrace = std::backtrace::Backtrace::capture();
        let is_there = backtrace.status() == std::backtrace::BacktraceStatus::Captured;
        let backtrace = is_there.then(|| backtrace.to_string());
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        tracing::error!(place, thread, backtrace, "bug: a thread panicked: {message}");
        panics.flush(PANIC_FLUSH);
    }));
    log
}

/// Tells on stdout where everything can be reached.
pub(crate) fn banner(config: &Config, server: &Server, admin: Option<SocketAddr>) {
    let version = env!("CARGO_PKG_VERSION");
    let apps = config.apps.len();
    let plural = if apps == 1 { "" } else { "s" };
    println!("NANO {version}: {apps} app{plural}");
    let port = server.addresses().first().map_or(0, SocketAddr::port);
    for app in config.apps.iter().take(BANNER_APPS_MAX) {
        println!("  {:<20} {}", app.name, url_of(app, port));
    }
    if apps > BANNER_APPS_MAX {
        println!("  … and {} more", apps - BANNER_APPS_MAX);
    }
    for address in server.addresses() {
        println!("listening on {address}");
    }
    if let Some(admin) = admin {
        println!("admin API on http://{admin}");
    }
}

/// A URL that reaches the app.
fn url_of(app: &nano_config::App, port: u16) -> String {
    let suffix = if port == 80 { String::new() } else { format!(":{port}") };
    match (app.hosts.first(), app.port) {
        (Some(HostPattern::Exact(host)), _) => format!("http://{host}{suffix}"),
        (Some(HostPattern::Suffix(host)), _) => format!("http://any.{host}{suffix}"),
        (None, Some(own)) => format!("http://localhost:{own}"),
        (None, None) => format!("http://localhost{suffix}"),
    }
}

/// What a configuration would serve.
pub(crate) fn summary(config: &Config) {
    println!("ok: {} app{}", config.apps.len(), if config.apps.len() == 1 { "" } else { "s" });
    for app in &config.apps {
        let mut places: Vec<_> = app.hosts.iter().map(ToString::to_string).collect();
        places.extend(app.port.map(|port| format!("port {port}")));
        places.extend(app.default.then(|| "all other hosts".to_owned()));
        println!("  {:<20} {}", app.name, places.join(", "));
    }
}
