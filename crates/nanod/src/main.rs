//! NANO: one process that hosts many JavaScript apps, each in its own V8 isolate, routed by Host.

#![forbid(unsafe_code)]

mod admin;
mod apps;
mod cli;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
mod sandbox;
mod server;
mod telemetry;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use nano_config::{Config, Loaded};
use nano_runtime::{Engine, EngineOptions, WASM_MEMORY_MB};

use cli::{Cli, Command, ServeArgs};

#[global_allocator]
static ALLOCATOR: nano_runtime::Allocator = nano_runtime::Allocator;

/// A configuration, or the command line, is wrong.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => serve(&args, false),
        Command::Dev(args) => serve(&args, true),
        Command::Check { path } => check(path),
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
    telemetry::start(&config.log, args.log_format.map(Into::into), dev);
    for warning in &warnings {
        tracing::warn!("{}", warning.to_string().trim_end());
    }
    match run(config, dev) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("nanod: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whether everything under way came to its end before the process does.
fn run(config: Config, dev: bool) -> anyhow::Result<bool> {
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
        let registry = Arc::new(apps::Registry::new(&engine, &config));
        let server = server::Server::bind(&config, &registry, dev).await?;
        let admin = admin::bind(config.admin.as_ref(), &registry, &server).await?;
        telemetry::banner(&config, &server, admin.as_ref().map(|admin| admin.address));
        registry.preload();
        server.run(admin, config.drain_timeout, config.max_lost_isolates).await
    });
    // Scripts that still run, and what is left of lost isolates, end with the process.
    runtime.shutdown_background();
    outcome
}

/// Tokio workers beyond the cores. They sit out until others are stuck in a built-in.
const SPARE_THREADS: usize = 16;
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
    let target = path.map_or_else(|| nano_config::default_target(Path::new(".")), Ok);
    let loaded = target.and_then(|target| nano_config::load(&target, &|name| std::env::var(name).ok()));
    loaded.map_err(|error| eprintln!("{}", error.to_string().trim_end())).ok()
}
