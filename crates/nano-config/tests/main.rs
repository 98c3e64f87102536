//! Loads configurations as nanod does: each file of `bad` and `good`, folders, and broken texts.

#![allow(clippy::unwrap_used, reason = "tests state their expectations by unwrapping")]

mod data;
mod edits;
mod folders;
mod fuzz;
mod mutations;
#[path = "../../../fuzz/replay.rs"]
mod replay;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = data::trials();
    trials.extend(edits::trials());
    trials.extend(folders::trials());
    trials.extend(mutations::trials());
    trials.extend(fuzz::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A test that passes unless it panics.
fn trial(name: impl Into<String>, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok(())
    })
}

/// The variables of the host that the tests' configurations name.
fn host_env(name: &str) -> Option<String> {
    let value = match name {
        "NANO_ADMIN_TOKEN" => "hunter2-hunter2-hunter2",
        "NAME" => "${VALUE}",
        "BAD_HOST" => "bad host",
        _ => return None,
    };
    Some(value.to_owned())
}
