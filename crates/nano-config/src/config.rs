//! The resolved configuration: plain data, checked, with every default filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it was loaded from.
    pub source: Source,
    /// The addresses that take requests; port 0 is any free port.
    pub listen: Vec<SocketAddr>,
    /// The admin API, unless it is off.
    pub admin: Option<Admin>,
    /// How long requests may go on when the process drains.
    pub drain_timeout: Duration,
    /// How many threads run JavaScript; the machine's cores unless set.
    pub threads: usize,
    /// Idle isolates are evicted when all isolates together take more than this.
    pub memory_budget_mb: Option<u64>,
    /// Above this many lost isolates that keep their memory the process drains and exits.
    pub max_lost_isolates: u32,
    /// How logs are written.
    pub log: Log,
    /// Authorities that apps' connections trust besides Mozilla's.
    pub extra_ca: Vec<Certificate>,
    /// Whether the process gives up rights before it runs apps.
    pub sandbox: Sandbox,
    /// The settings of apps that have none of their own.
    pub defaults: Settings,
    /// The folder of further apps, with all links resolved.
    pub apps_dir: Option<PathBuf>,
    /// The files and folders that it was read from, and would be again, besides those of apps.
    pub read_from: Vec<PathBuf>,
    /// The folders of the file's apps as it names them, with their links.
    pub app_paths: Vec<PathBuf>,
    /// The apps, those of the file first, then those of the folder by name.
    pub apps: Vec<App>,
}

/// Where a configuration came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A configuration file.
    File(PathBuf),
    /// A folder of apps, or one app's folder.
    Folder(PathBuf),
}

/// The admin API's listener.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Its address.
    pub listen: SocketAddr,
    /// What a client must show; there is one wherever the address is not loopback.
    pub token: Option<Secret>,
}

/// A text that must not show up in logs or messages.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being shown.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself. Compare it in constant time.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A certificate that can be an authority's.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(pub(crate) Vec<u8>);

impl Certificate {
    /// Its encoding in DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.0.len())
    }
}

/// How logs are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The format, or what suits stderr if unset.
    pub format: Option<LogFormat>,
    /// The least important level that is written.
    pub level: Level,
}

/// A format of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may fail.
    Warn,
    /// What an operator wants to know.
    #[default]
    Info,
    /// What a developer of an app wants to know.
    Debug,
    /// What a developer of NANO wants to know.
    Trace,
}

/// Whether the process gives up what it does not need: other files, programs, most of the system's calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// As far as the system can.
    #[default]
    Auto,
    /// Wholly, or not at all: without it the process does not start.
    On,
    /// Not at all.
    Off,
}

/// What an app can have for itself, or all apps under `defaults`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What an app may use.
    pub limits: Limits,
    /// How long its requests may go on when it drains.
    pub drain_timeout: Duration,
    /// Whether it is started with the server.
    pub preload: bool,
    /// A file of its variables.
    pub env_file: Option<PathBuf>,
    /// What it may reach besides public addresses.
    pub egress_allow: Vec<EgressRule>,
}

/// One app.
#[derive(Clone, PartialEq, Eq)]
pub struct App {
    /// Its name, unique in the configuration.
    pub name: String,
    /// The host names it answers to.
    pub hosts: Vec<HostPattern>,
    /// The port of its own, if it has one.
    pub port: Option<u16>,
    /// Whether it takes hosts that no other app has.
    pub default: bool,
    /// Its folder, with all links resolved.
    pub root: PathBuf,
    /// Its entry file, relative to `root`, which no link leads out of.
    pub main: PathBuf,
    /// The variables its handler gets.
    pub env: BTreeMap<String, String>,
    /// What it may use.
    pub limits: Limits,
    /// How long its requests may go on when it drains.
    pub drain_timeout: Duration,
    /// Whether it is started with the server rather than with its first request.
    pub preload: bool,
    /// What it may reach besides public addresses.
    pub egress_allow: Vec<EgressRule>,
}

/// Names of variables without their values, which may be secrets.
impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("name", &self.name)
            .field("hosts", &self.hosts)
            .field("port", &self.port)
            .field("default", &self.default)
            .field("root", &self.root)
            .field("main", &self.main)
            .field("env", &self.env.keys())
            .field("limits", &self.limits)
            .field("drain_timeout", &self.drain_timeout)
            .field("preload", &self.preload)
            .field("egress_allow", &self.egress_allow)
            .finish()
    }
}

/// What an app may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// CPU time of a request.
    pub cpu_ms: u64,
    /// Wall time of a request.
    pub timeout_ms: u64,
    /// Memory of an isolate.
    pub memory_mb: u64,
    /// Size of a request's body.
    pub max_body_mb: u64,
    /// Requests in the app at a time.
    pub max_in_flight: usize,
    /// Requests waiting for the app.
    pub max_queue: usize,
    /// Fetches of one request.
    pub max_subrequests: u32,
    /// How long an unused isolate is kept.
    pub idle_ms: u64,
    /// The step of its clocks.
    pub clock_resolution_us: u64,
}

/// A host name that an app answers to: lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// Every host below this one: `*.example.com` is `Suffix("example.com")`.
    Suffix(String),
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(host) => f.write_str(host),
            HostPattern::Suffix(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

impl fmt::Display for EgressRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EgressRule::Net { addr, prefix_len } => write!(f, "{addr}/{prefix_len}"),
            EgressRule::Host(name) => f.write_str(name),
        }
    }
}

/// Something that an app may reach besides public addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressRule {
    /// A range of addresses.
    Net {
        /// Its first address.
        addr: IpAddr,
        /// How many leading bits all its addresses share.
        prefix_len: u8,
    },
    /// A host name, in lower case.
    Host(String),
}
