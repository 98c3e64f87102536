//! One app, from raw to resolved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{App, HostPattern, Limits, Settings};
use crate::decode::{Field, Spanned, quoted};
use crate::diagnostic::{Diagnostics, Place};
use crate::document::{Span, read_bounded};
use crate::folder::{Found, Scan};
use crate::limits::{self, ENV_BYTES_MAX, Quantity, Whole};
use crate::raw::{RawApp, RawSettings};
use crate::resolve::{Resolver, unreadable};
use crate::{dotenv, entry, host};

impl Resolver<'_> {
    /// The app's folder without links.
    pub(crate) fn root(&mut self, raw: &Spanned<RawApp>) -> Option<PathBuf> {
        let Some(path) = &raw.value.path.value else {
            if raw.value.path.is_absent() {
                self.error(
                    Some(opening(raw.at)),
                    "the app has no `path`",
                    "add \"path\": \"./apps/name\", its folder",
                );
            }
            return None;
        };
        let folder = self.path(&path.value.0);
        self.app_paths.insert(folder.clone());
        let name = quoted(&folder.to_string_lossy());
        match folder.canonicalize() {
            Ok(root) if root.is_dir() => return Some(root),
            Ok(_) => {
                let help = "`path` is the app's folder; name its entry file with \"main\"";
                self.error(Some(path.at), format!("{name} is not a folder"), help);
            }
            Err(error) => {
                let message = format!("cannot read the folder {name}: {error}");
                self.error(Some(path.at), message, unreadable(&error));
            }
        }
        None
    }

    /// The app, unless something is wrong with it. What it claims is noted either way.
    pub(crate) fn app(&mut self, raw: &Spanned<RawApp>, root: Option<PathBuf>) -> Option<App> {
        let at = raw.at;
        let raw = &raw.value;
        let name = self.name(raw, at, root.as_deref());
        let (hosts, port) = self.answers_on(raw, at, root.as_deref());
        let main = root.as_ref().and_then(|root| {
            let main = raw.main.get().map(|main| main.0.as_path());
            let place =
                raw.main.value.as_ref().map(|main| main.at).or(raw.path.value.as_ref().map(|path| path.at));
            // An unusable `main` has its error already.
            if !raw.main.is_absent() && main.is_none() {
                return None;
            }
            match entry::find(root, main).map_err(|error| error.explain(root)) {
                Ok(main) => Some(main),
                Err(Ok(problem)) => {
                    self.error(place, problem.message, problem.help);
                    None
                }
                Err(Err(diagnostics)) => {
                    self.errors.extend(diagnostics.into_vec());
                    None
                }
            }
        });
        let env_at = raw.env.value.as_ref().map(|env| env.at);
        let env = self.env(raw.env.get(), env_at, &raw.settings);
        let (name, root, main) = (name?, root?, main?);
        Some(App {
            hosts,
            port,
            default: raw.default.get().copied().unwrap_or(false),
            env,
            ..self.with_settings(name, root, main, &raw.settings)
        })
    }

    fn name(&mut self, raw: &RawApp, at: Span, root: Option<&Path>) -> Option<String> {
        let named = raw.name.value.as_ref().map(|name| (name.value.0.0.clone(), name.at));
        let from_folder = || {
            let folder = root?.file_name()?.to_string_lossy().into_owned();
            Some((folder, raw.path.value.as_ref().map_or(at, |path| path.at)))
        };
        let (name, at) = if raw.name.is_absent() { from_folder()? } else { named? };
        let place = self.place(Some(at));
        self.claims.names.push((name.clone(), place));
        Some(name)
    }

    /// The hosts and the port of an app, which must have one of them or be the default.
    fn answers_on(&mut self, raw: &RawApp, at: Span, root: Option<&Path>) -> (Vec<HostPattern>, Option<u16>) {
        if let (Some(one), Some(many)) = (raw.hostname.key, raw.hostnames.key) {
            let error = self.document.error(one.max(many), "`hostname` and `hostnames` are both there");
            let first = self.document.place(one.min(many));
            let help = "put all host names into `hostnames`";
            self.errors.push(error.related(&first, "the first is here").help(help));
        }
        let one = raw.hostname.value.as_ref().map(|host| (&host.value.0, host.at));
        let many = raw
            .hostnames
            .get()
            .into_iter()
            .flat_map(|hosts| &hosts.entries)
            .map(|host| (&host.value.0, host.at));
        let mut hosts = Vec::new();
        for (host, at) in one.into_iter().chain(many) {
            let place = self.place(Some(at));
            self.claims.hosts.push((host.clone(), place));
            hosts.push(host.clone());
        }
        let port =
            raw.port.value.as_ref().and_then(|port| Some((u16::try_from(port.value.number).ok()?, port.at)));
        if let Some((port, at)) = port {
            let place = self.place(Some(at));
            self.claims.ports.push((port, place));
        }
        if let (Some(true), Some(at)) = (raw.default.get(), raw.default.key) {
            let place = self.place(Some(at));
            self.claims.defaults.push(place);
        }
        let silent = raw.hostname.is_absent() && raw.port.is_absent() && raw.default.get() != Some(&true);
        let unnamed =
            raw.hostnames.is_absent() || raw.hostnames.get().is_some_and(|hosts| hosts.written == 0);
        if silent && unnamed {
            match self.host_in_apps_dir(root) {
                Some(host) => {
                    let place = self.place(Some(opening(at)));
                    self.claims.hosts.push((host.clone(), place));
                    hosts.push(host);
                }
                None => {
                    let help = "add \"hostname\": \"name.example.com\", or \"port\", or \"default\": true";
                    self.error(Some(opening(at)), "nothing leads to this app", help);
                }
            }
        }
        (hosts, port.map(|(port, _)| port))
    }

    /// An app with the folder of one in `apps_dir` replaces that one, and so has its host unless it names another.
    fn host_in_apps_dir(&self, root: Option<&Path>) -> Option<HostPattern> {
        let root = root?;
        let inside = self.apps_dir.is_some() && root.parent() == self.apps_dir.as_deref();
        let name = root.file_name().filter(|_| inside)?.to_string_lossy();
        host::of_folder(&name).ok().map(HostPattern::Exact)
    }

    /// The apps that were found in a folder.
    pub(crate) fn found_apps(&mut self, scan: Scan) -> Vec<Option<App>> {
        self.errors.extend(scan.errors);
        self.warnings.extend(scan.warnings);
        scan.found.into_iter().map(|found| self.found_app(found)).collect()
    }

    fn found_app(&mut self, found: Found) -> Option<App> {
        let place = Place::whole(&found.folder);
        let host = found.host.map(HostPattern::Exact);
        self.claims.names.push((found.name.clone(), place.clone()));
        self.claims.hosts.extend(host.clone().map(|host| (host, place.clone())));
        let settings = RawSettings::default();
        let env = self.env(None, None, &settings);
        let app = self.with_settings(found.name, found.root, found.main, &settings);
        Some(App { hosts: host.into_iter().collect(), default: found.default, env, ..app })
    }

    /// The variables of `env` over those of `env_file`.
    fn env(
        &mut self,
        env: Option<&BTreeMap<String, String>>,
        env_at: Option<Span>,
        settings: &RawSettings,
    ) -> BTreeMap<String, String> {
        let own = settings.env_file.value.as_ref().map(|file| (self.path(&file.value.0), Some(file.at)));
        let env_file = own.or_else(|| Some((self.defaults.env_file.clone()?, self.default_env_file_at)));
        let mut variables = match &env_file {
            Some((path, at)) => self.env_file(path, *at),
            None => BTreeMap::new(),
        };
        variables.extend(env.cloned().unwrap_or_default());
        let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > ENV_BYTES_MAX {
            let at = env_at.map(opening).or(env_file.and_then(|(_, at)| at));
            let message = format!("the app's environment takes {bytes} bytes, more than {ENV_BYTES_MAX}");
            self.error(at, message, "put large data into a file of the app and import it");
        }
        variables
    }

    fn env_file(&mut self, path: &Path, at: Option<Span>) -> BTreeMap<String, String> {
        self.read_from.insert(path.to_owned());
        let name = quoted(&path.to_string_lossy());
        let text = match read_bounded(path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                self.error(at, format!("{name} is not UTF-8 text"), "save it in the encoding UTF-8");
                return BTreeMap::new();
            }
            Err(error) => {
                let message = format!("cannot read {name}: {error}");
                self.error(at, message, unreadable(&error));
                return BTreeMap::new();
            }
        };
        dotenv::parse(path, &text).unwrap_or_else(|errors| {
            self.errors.extend(Diagnostics::new(errors).into_vec());
            BTreeMap::new()
        })
    }

    /// An app with each setting its own, or that of `defaults`, or NANO's.
    fn with_settings(&self, name: String, root: PathBuf, main: PathBuf, own: &RawSettings) -> App {
        let settings = self.defaults.with(own);
        App {
            name,
            hosts: Vec::new(),
            port: None,
            default: false,
            root,
            main,
            env: BTreeMap::new(),
            limits: settings.limits,
            drain_timeout: settings.drain_timeout,
            preload: settings.preload,
            egress_allow: settings.egress_allow,
        }
    }
}

impl Settings {
    /// What holds where nothing is said.
    pub(crate) fn builtin(drain_timeout: Duration) -> Self {
        let limits = Limits {
            cpu_ms: limits::CPU_MS,
            timeout_ms: limits::TIMEOUT_MS,
            memory_mb: limits::MEMORY_MB,
            max_body_mb: limits::MAX_BODY_MB,
            max_in_flight: as_usize(limits::MAX_IN_FLIGHT),
            max_queue: as_usize(limits::MAX_QUEUE),
            max_subrequests: as_u32(limits::MAX_SUBREQUESTS),
            idle_ms: limits::IDLE_MS,
            clock_resolution_us: limits::CLOCK_RESOLUTION_US,
        };
        Settings { limits, drain_timeout, preload: false, env_file: None, egress_allow: Vec::new() }
    }

    /// These, with what `own` says in their place; but for `env_file`, which stays.
    pub(crate) fn with(&self, own: &RawSettings) -> Self {
        let (all, drain_timeout) = (&self.limits, own.drain_timeout_ms.get());
        let allow =
            own.egress.get().map(|egress| egress.allow.get().into_iter().flat_map(|allow| &allow.entries));
        Settings {
            limits: Limits {
                cpu_ms: number(&own.cpu_ms).unwrap_or(all.cpu_ms),
                timeout_ms: number(&own.timeout_ms).unwrap_or(all.timeout_ms),
                memory_mb: number(&own.memory_mb).unwrap_or(all.memory_mb),
                max_body_mb: number(&own.max_body_mb).unwrap_or(all.max_body_mb),
                max_in_flight: number(&own.max_in_flight).map_or(all.max_in_flight, as_usize),
                max_queue: number(&own.max_queue).map_or(all.max_queue, as_usize),
                max_subrequests: number(&own.max_subrequests).map_or(all.max_subrequests, as_u32),
                idle_ms: number(&own.idle_ms).unwrap_or(all.idle_ms),
                clock_resolution_us: number(&own.clock_resolution_us).unwrap_or(all.clock_resolution_us),
            },
            drain_timeout: drain_timeout.map_or(self.drain_timeout, |own| Duration::from_millis(own.number)),
            preload: own.preload.get().copied().unwrap_or(self.preload),
            env_file: self.env_file.clone(),
            egress_allow: match allow {
                Some(rules) => rules.map(|rule| rule.value.0.clone()).collect(),
                None => self.egress_allow.clone(),
            },
        }
    }
}

fn number<Q: Quantity>(field: &Field<Whole<Q>>) -> Option<u64> {
    field.get().map(|whole| whole.number)
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn as_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The opening bracket of an object, which stands for the whole of it.
fn opening(at: Span) -> Span {
    Span { start: at.start, end: at.start + 1 }
}
