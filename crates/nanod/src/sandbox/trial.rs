//! What the sandbox refuses, tried in earnest: one that is said to be in force and is not would be worse than none.

use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use super::InForce;

/// The first version of Landlock that knows of ports.
const VERSION_WITH_PORTS: u32 = 4;

/// An attempt, and whether the system refused it.
pub(super) struct Trial {
    pub(super) what: &'static str,
    pub(super) refused: bool,
}

/// Tries what the parts that are in force should refuse. Nothing comes of it if they do not.
pub(super) fn run(in_force: &InForce) -> Vec<Trial> {
    let version: Option<u32> =
        in_force.files.as_ref().ok().map(|version| version.parse().unwrap_or(u32::MAX));
    let calls = in_force.calls.is_ok();
    let mut trials = Vec::new();
    let mut attempt = |what, applies: bool, attempt: &dyn Fn() -> io::Result<()>| {
        if applies {
            let outcome = attempt();
            let refused = outcome.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
            trials.push(Trial { what, refused });
        }
    };
    let everything = in_force.readable.iter().any(|path| path == Path::new("/"));
    attempt("to list /", version.is_some() && !everything, &|| std::fs::read_dir("/").map(drop));
    attempt("to write", version.is_some() || calls, &|| {
        OpenOptions::new().write(true).open("/dev/null").map(drop)
    });
    attempt("to start a program", version.is_some() || calls, &|| {
        Command::new("/proc/self/exe").arg("--version").status().map(drop)
    });
    attempt("to open a Unix socket", calls, &|| UnixDatagram::unbound().map(drop));
    let other_port =
        version.is_some_and(|version| version >= VERSION_WITH_PORTS) && !in_force.ports.contains(&0);
    attempt("to listen elsewhere", other_port, &|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop));
    trials
}
