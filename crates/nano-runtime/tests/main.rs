//! The runtime from outside: apps in folders, requests in, replies out, through the crate's public API only.
//!
//! One binary, since each one that links V8 is large, and without the usual harness: the engine has to start before
//! any other thread.

mod api;
mod bodies;
mod codings;
mod drain;
mod fetching;
mod figures;
mod fuzz;
mod globals;
mod handlers;
mod life;
mod limits;
mod logs;
mod modules;
mod poison;
#[path = "../../../fuzz/replay.rs"]
mod replay;
mod replies;
mod starts;
mod support;
mod tls;
mod upstream;
mod vectors;
mod wait_until;
mod wpt;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use nano_runtime::{Engine, EngineOptions};
use support::Bench;

/// More threads than a small machine has cores: scripts that cannot be interrupted hold some.
const WORKER_THREADS: usize = 12;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let engine = Engine::start(&EngineOptions::default()).expect("the engine starts");
    let logs = logs::Logs::install();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build()
        .expect("the runtime starts");
    // So apps get both kinds: those that were made ahead, and those that were not.
    engine.keep_blank_isolates(runtime.handle(), 2, 128);
    let bench = Bench::new(&engine, runtime.handle(), &logs);

    let mut trials = api::trials(&bench);
    for tests in [
        handlers::tests(),
        wait_until::tests(),
        modules::tests(),
        starts::tests(),
        bodies::tests(),
        replies::tests(),
        codings::tests(),
        fetching::tests(),
        tls::tests(),
        limits::tests(),
        life::tests(),
        drain::tests(),
        figures::tests(),
        globals::tests(),
        poison::tests(),
    ] {
        trials.extend(tests.into_iter().map(|test| bench.trial(test)));
    }
    trials.extend(fuzz::trials(&bench));
    let (web_platform_tests, files) = wpt::Wpt::from_env(&bench);
    trials.extend(files);
    let vectors = vectors::Vectors::find();
    trials.extend(vectors.trials(&bench));
    let conclusion = libtest_mimic::run(&arguments, trials);
    let ratchet = match web_platform_tests {
        Some(tests) => tests.finish(vectors.entry()),
        None => vectors.finish(),
    };
    // Scripts that still run end with the process.
    runtime.shutdown_background();
    match ratchet {
        Ok(()) => conclusion.exit_code(),
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
