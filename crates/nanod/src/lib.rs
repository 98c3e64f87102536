//! NANO: one process that hosts many JavaScript apps, each in its own V8 isolate, routed by Host.
//!
//! This is the program `nanod`, as a library only so that fuzz targets can be linked with it.

#![forbid(unsafe_code)]

mod admin;
mod admin_client;
mod apps;
mod apps_cli;
mod cli;
mod persist;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
mod sandbox;
mod server;
mod systemd;
mod tail_cli;
mod telemetry;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use nano_config::{Config, LoadError, Loaded};
use nano_runtime::{Engine, EngineOptions, WASM_MEMORY_MB};

use cli::{Cli, Command, ServeArgs};
use persist::Persist;
use telemetry::Log;

/// A configuration, or the command line, is wrong.
const EXIT_USAGE: u8 = 2;

/// What the fuzz targets call.
#[cfg(feature = "fuzzing")]
pub mod fuzz {
    /// Any bytes as the head of a request.
    pub fn head(data: &[u8]) {
        crate::server::fuzz::head(data);
    }

    /// Any bytes as the body of one.
    pub fn body(data: &[u8]) {
        crate::server::fuzz::body(data);
    }
}

/// Runs the program on the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve(&args, false),
        Command::Dev(args) => serve(&args, true),
        Command::Check { path } => check(path),
        Command::Apps(args) => apps_cli::run(&args),
        Command::WriteConfig { file } => persist::writer(&file),
        Command::Tail(args) => tail_cli::run(&args),
        Command::Schema => {
            print!("{}", nano_config::json_schema());
            ExitCode::SUCCESS
        }
    }
}

/// The life of the server: configuration, engine, listeners, until a signal; then the drain.
fn serve(args: &ServeArgs, dev: bool) -> ExitCode {
    let Some(Loaded { config, warnings }) = load(args.path.clone()) else {
        return ExitCode::from(EXIT_USAGE);
    };
    let config = match args.over(config) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("nanod: {error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let log = telemetry::start(&config.log, args.log_format.map(Into::into), dev);
    for warning in &warnings {
        tracing::warn!("{}", warning.to_string().trim_end());
    }
    let watch = dev || !args.no_watch;
    let persist = args.persist;
    let args = args.clone();
    // The same again: the command line wins over the file.
    let load = Arc::new(move || {
        let loaded = try_load(args.path.clone()).map_err(|error| error.to_string().trim_end().to_owned())?;
        Ok(Loaded { config: args.over(loaded.config)?, ..loaded })
    });
    let outcome = run(config, load, watch, persist, dev, &log);
    // What was logged last tells most.
    log.flush(FLUSH_MAX);
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("nanod: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whether everything under way came to its end before the process does.
fn run(
    config: Config,
    load: apps::Load,
    watch: bool,
    persist: bool,
    dev: bool,
    log: &Arc<Log>,
) -> anyhow::Result<bool> {
    let mut inherited = systemd::Inherited::of_environment()?;
    let manager = Arc::new(systemd::Manager::of_environment());
    // Another process, which the sandbox would forbid.
    let persist = persist.then(|| Persist::start(&config)).transpose()?;
    // What is given up here is given up by all threads to come.
    let in_force = sandbox::enter(&config)?;
    sandbox::log(in_force.as_ref());
    // V8 comes before any other thread: its memory protection is handed down from thread to thread.
    let memory_mb = config.apps.iter().map(|app| app.limits.memory_mb);
    let options = EngineOptions {
        wasm_memory_mb: memory_mb.fold(WASM_MEMORY_MB, u64::max),
        ..EngineOptions::default()
    };
    let engine = Engine::start(&options).context("V8 could not be started")?;
    log.start_thread().context("the log's thread could not be started")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // A built-in that V8 cannot interrupt holds one thread; the others serve on.
        .worker_threads(config.threads + SPARE_THREADS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("nano-worker")
        .enable_all()
        .build()
        .context("tokio's threads could not be started")?;
    engine.manage_workers(runtime.handle(), config.threads, SPARE_THREADS);
    let outcome = runtime.block_on(async {
        let watch = apps::Watch::new(watch)?;
        let registry = apps::Registry::new(&engine, config.clone(), load)?;
        let server = server::Server::bind(&config, &registry, &mut inherited, dev).await?;
        let admin =
            admin::bind(config.admin.as_ref(), &registry, &server, log, persist, &mut inherited).await?;
        inherited.all_taken()?;
        telemetry::banner(&config, &server, admin.as_ref().map(|admin| admin.address));
        registry.watch_memory();
        registry.preload();
        tokio::spawn(watch.run(Arc::clone(&registry), Arc::clone(&manager)));
        manager.ready();
        let memory_mb = config.apps.first().map_or(WASM_MEMORY_MB, |app| app.limits.memory_mb);
        let blanks = (config.threads * 2).max(BLANK_ISOLATES_MIN);
        engine.keep_blank_isolates(&tokio::runtime::Handle::current(), blanks, memory_mb);
        Arc::clone(&manager).watch();
        let outcome = server.run(admin, &config, &manager).await;
        log.end_followers(FOLLOWERS_END_MAX).await;
        outcome
    });
    // Scripts that still run, and what is left of lost isolates, end with the process.
    runtime.shutdown_background();
    outcome
}

/// How long the end waits for stderr, which may be a pipe that nobody reads.
const FLUSH_MAX: Duration = Duration::from_secs(2);
/// How long it waits for those who follow an app's log.
const FOLLOWERS_END_MAX: Duration = Duration::from_millis(200);
/// Tokio workers beyond the cores. They sit out until others are stuck in a built-in.
const SPARE_THREADS: usize = 16;
/// Isolates that are made ahead of time are twice as many as threads that serve, and at least so many.
const BLANK_ISOLATES_MIN: usize = 4;
/// Threads for starts, native work and turns that are not known to be short, or are not.
const BLOCKING_THREADS_MAX: usize = 2048;

fn check(path: Option<PathBuf>) -> ExitCode {
    let Some(Loaded { config, warnings }) = load(path) else { return ExitCode::from(EXIT_USAGE) };
    for warning in &warnings {
        eprint!("{warning}");
    }
    telemetry::summary(&config);
    match sandbox::enter(&config).and_then(|in_force| sandbox::report(in_force.as_ref())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nanod: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Loads what the command line names, or says why not.
fn load(path: Option<PathBuf>) -> Option<Loaded> {
    try_load(path).map_err(|error| eprintln!("{}", error.to_string().trim_end())).ok()
}

fn try_load(path: Option<PathBuf>) -> Result<Loaded, LoadError> {
    let target = path.map_or_else(|| nano_config::default_target(Path::new(".")), Ok)?;
    nano_config::load(&target, &|name| std::env::var(name).ok())
}
