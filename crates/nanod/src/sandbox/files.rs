//! The files that the process may read, and the ports that it may listen on, by Landlock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, NetPort, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};
use nano_config::Config;

/// The rights that rules speak of: what is not granted is refused, as far as the kernel knows it.
const ABI_KNOWN: ABI = ABI::V9;

/// What the system's libraries read, all of it readable by everyone.
const SYSTEM: &[&str] = &[
    // Name resolution, and the libraries that it loads.
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/nix/store",
    // Time zones.
    "/etc/localtime",
    "/etc/timezone",
    "/usr/share/zoneinfo",
    // Random numbers: the seeds of V8's isolates.
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    // The number of cores, and the container's share of them.
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    // The names in a panic's backtrace.
    "/proc/self/exe",
];

/// What metrics, V8 and the C library read of the kernel. A rule belongs to a file's inode, and those of /proc are made
/// anew whenever the kernel has forgotten them, so these stay open for as long as the process lives.
const KERNEL: &[&str] = &["/proc/self", "/proc/stat", "/proc/sys/vm/overcommit_memory"];

/// Folders that hold more than a configuration, as the user's home does: of these only the file itself is read.
const SHARED: &[&str] =
    &["/", "/etc", "/home", "/root", "/tmp", "/usr", "/var", "/var/lib", "/run", "/opt", "/srv"];

/// What keeps rules valid; see [`KERNEL`].
pub(super) type Held = Vec<(&'static str, PathFd)>;

/// Keeps the calling thread, and all that it will start, from all files but those that the configuration and the
/// system's libraries need, which it can only read. Gives Landlock's version.
pub(super) fn restrict(readable: &[PathBuf], ports: &BTreeSet<u16>) -> Result<(String, Held), String> {
    let (abi, held) = try_restrict(readable, ports).map_err(|error| error.to_string())?;
    Ok((abi.map_err(str::to_owned)?, held))
}

type Version = Result<String, &'static str>;

fn try_restrict(readable: &[PathBuf], ports: &BTreeSet<u16>) -> Result<(Version, Held), RulesetError> {
    let held: Held = KERNEL.iter().filter_map(|path| Some((*path, PathFd::new(path).ok()?))).collect();
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI_KNOWN))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ABI_KNOWN))?
        .create()?;
    for (path, file) in &held {
        rules = rules.add_rule(PathBeneath::new(file, reading(Path::new(path))))?;
    }
    let system = SYSTEM.iter().map(PathBuf::from).chain(elsewhere("/etc/resolv.conf"));
    for path in system.chain(readable.iter().cloned()) {
        // What is not there cannot be read either.
        let Ok(file) = PathFd::new(&path) else { continue };
        rules = rules.add_rule(PathBeneath::new(file, reading(&path)))?;
    }
    for port in ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    let status = rules.restrict_self()?;
    let version = match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => Err("not enabled at this kernel's start"),
        (RulesetStatus::NotEnforced, _) => Err("not supported by this kernel"),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi.to_string()),
        (_, _) => Ok("unknown".to_owned()),
    };
    Ok((version, held))
}

/// The right to read a file, or a folder with all in it.
fn reading(path: &Path) -> landlock::BitFlags<AccessFs> {
    if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() }
}

/// The folder that a link leads to: its file is replaced there when the network changes, by one without a rule.
fn elsewhere(link: &str) -> Option<PathBuf> {
    let file = Path::new(link).canonicalize().ok()?;
    let folder = file.parent()?;
    (!is_shared(folder)).then(|| folder.to_owned())
}

fn is_shared(folder: &Path) -> bool {
    SHARED.iter().any(|shared| Path::new(shared) == folder)
        || std::env::home_dir().is_some_and(|home| home == folder)
}

/// The apps' folders and what the configuration was read from, without those that are in one another.
pub(super) fn readable(config: &Config) -> Vec<PathBuf> {
    let mut all: BTreeSet<PathBuf> = config.apps.iter().map(|app| app.root.clone()).collect();
    // A link that stands for an app's folder may lead to another one beside it, once that is deployed.
    let links = config.app_paths.iter().filter(|path| path.is_symlink());
    let beside = links.filter_map(|link| folder(link.parent()?)).filter(|folder| !is_shared(folder));
    all.extend(beside);
    for path in &config.read_from {
        let Ok(real) = path.canonicalize() else { continue };
        if real.is_dir() {
            all.insert(real);
            continue;
        }
        // A file that is edited is often replaced by another, and one of a container leads through links to it.
        for file in [path, &real] {
            match file.parent().and_then(folder) {
                Some(folder) if !is_shared(&folder) => all.insert(folder),
                _ => all.insert(real.clone()),
            };
        }
    }
    let mut outer: Vec<PathBuf> = Vec::new();
    for path in all {
        // In the set's order a folder comes right before what is in it.
        if outer.last().is_none_or(|last| !path.starts_with(last)) {
            outer.push(path);
        }
    }
    outer
}

/// A folder without links; a file's name alone has the empty path for one.
fn folder(path: &Path) -> Option<PathBuf> {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }.canonicalize().ok()
}
