//! What the process gives up before it runs apps, so that a hole in V8 leads no further than the process.
//!
//! Both parts hold for the thread that asks and for all that it starts, so this comes while there is but one.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod files;
mod trial;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::bail;
use nano_config::{Config, Sandbox};

/// What is in force for this process from now on.
pub(crate) struct InForce {
    /// Landlock: the version of its interface, or why it is not.
    files: Result<String, String>,
    /// seccomp, or why it is not.
    calls: Result<(), String>,
    /// Programs do not gain rights by their files.
    no_new_privs: bool,
    /// Besides the system's libraries.
    readable: Vec<PathBuf>,
    /// Where it may listen; 0 stands for any that is free.
    ports: BTreeSet<u16>,
    #[cfg(target_os = "linux")]
    _held: files::Held,
}

/// Gives up what the configuration says, on the main thread before any other exists. `None`: the sandbox is off.
pub(crate) fn enter(config: &Config) -> anyhow::Result<Option<InForce>> {
    if config.sandbox == Sandbox::Off {
        return Ok(None);
    }
    let in_force = restrict(config, ports(config));
    let missing = in_force.missing();
    if config.sandbox == Sandbox::On && !missing.is_empty() {
        bail!(
            "the sandbox cannot be put in force: {}; --sandbox=auto takes what there is",
            missing.join("; ")
        );
    }
    Ok(Some(in_force))
}

#[cfg(target_os = "linux")]
fn restrict(config: &Config, ports: BTreeSet<u16>) -> InForce {
    let readable = files::readable(config);
    if let Some(threads) = status("Threads").filter(|threads| threads != "1") {
        let late = format!("bug: {threads} threads are there already");
        let (files, calls) = (Err(late.clone()), Err(late));
        return InForce { files, calls, no_new_privs: false, readable, ports, _held: Vec::new() };
    }
    let (files, held) = match files::restrict(&readable, &ports) {
        Ok((version, held)) => (Ok(version), held),
        Err(why) => (Err(why), Vec::new()),
    };
    let calls = calls::restrict();
    let no_new_privs = status("NoNewPrivs").as_deref() == Some("1");
    InForce { files, calls, no_new_privs, readable, ports, _held: held }
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: &Config, ports: BTreeSet<u16>) -> InForce {
    let missing = || "only Linux has it".to_owned();
    InForce { files: Err(missing()), calls: Err(missing()), no_new_privs: false, readable: Vec::new(), ports }
}

/// The ports that the configuration listens on.
fn ports(config: &Config) -> BTreeSet<u16> {
    let addresses = config.listen.iter().copied().chain(config.admin.as_ref().map(|admin| admin.listen));
    addresses.map(|address| address.port()).chain(config.apps.iter().filter_map(|app| app.port)).collect()
}

/// A field of what the kernel says about the process.
#[cfg(target_os = "linux")]
fn status(field: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

impl InForce {
    /// The parts that are not in force, with the reason.
    fn missing(&self) -> Vec<String> {
        let files = self.files.as_ref().err().map(|why| format!("Landlock: {why}"));
        let calls = self.calls.as_ref().err().map(|why| format!("seccomp: {why}"));
        let privileges = (!self.no_new_privs).then(|| "no_new_privs: not set".to_owned());
        files.into_iter().chain(calls).chain(privileges).collect()
    }

    /// The parts and their state.
    fn parts(&self) -> [(&'static str, String); 3] {
        let files = match &self.files {
            Ok(version) => format!("in force (ABI {version})"),
            Err(why) => why.clone(),
        };
        let calls = self.calls.as_ref().map_or_else(Clone::clone, |()| "in force".to_owned());
        let privileges = if self.no_new_privs { "in force" } else { "not set" };
        [("landlock", files), ("seccomp", calls), ("no_new_privs", privileges.to_owned())]
    }
}

/// Says in the log what is in force and what is not.
pub(crate) fn log(in_force: Option<&InForce>) {
    let Some(in_force) = in_force else {
        tracing::info!("sandbox: off");
        return;
    };
    let [(_, landlock), (_, seccomp), (_, no_new_privs)] = in_force.parts();
    let readable: Vec<_> = in_force.readable.iter().map(|path| path.display().to_string()).collect();
    let readable = readable.join(", ");
    let state = match in_force.missing().len() {
        0 => "sandbox: in force",
        3 => "sandbox: not in force",
        _ => "sandbox: in force in part",
    };
    tracing::info!(landlock, seccomp, no_new_privs, readable, "{state}");
}

/// What `nanod check` says: it has put the sandbox in force for itself, and tries what it should refuse.
pub(crate) fn report(in_force: Option<&InForce>) -> anyhow::Result<()> {
    let Some(in_force) = in_force else {
        println!("sandbox: off");
        return Ok(());
    };
    println!("sandbox:");
    for (part, state) in in_force.parts() {
        println!("  {part:<24} {state}");
    }
    if in_force.files.is_ok() {
        for path in &in_force.readable {
            println!("  {:<24} {}", "reads", path.display());
        }
    }
    let mut let_through = Vec::new();
    for trial in trial::run(in_force) {
        println!("  {:<24} {}", trial.what, if trial.refused { "refused" } else { "NOT REFUSED" });
        let_through.extend((!trial.refused).then_some(trial.what));
    }
    if !let_through.is_empty() {
        bail!("the sandbox is said to be in force, and let nanod go on {}", let_through.join(", "));
    }
    Ok(())
}
