//! From the raw configuration to the resolved one.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::claims::Claims;
use crate::config::{Admin, Certificate, Config, Level, Log, Sandbox, Settings, Source};
use crate::decode::{Decode, Decoder, quoted};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Document, Span};
use crate::folder::{self, Scan};
use crate::raw::{RawAdmin, RawAdminSetting, RawConfig, RawSettings};
use crate::{LoadError, Loaded, certificates, json, limits};

/// Loads a configuration file.
pub(crate) fn file(file: &Path, host_env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, LoadError> {
    document(&Document::read(file)?, host_env)
}

/// Loads the text of a configuration file.
pub(crate) fn document(
    document: &Document,
    host_env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, LoadError> {
    let value = json::parse(document).map_err(LoadError::Invalid)?;
    let mut decoder = Decoder { document, host_env, errors: Vec::new() };
    let raw = RawConfig::decode(&value, &mut decoder);
    let errors = decoder.errors;
    let Some(raw) = raw else {
        return Err(LoadError::Invalid(Diagnostics::new(errors)));
    };
    let source = Source::File(document.file().to_owned());
    Resolver::new(document, &raw, errors).config(source, None)
}

/// Loads a folder of apps, or one app's folder, as a file without keys would be loaded.
pub(crate) fn folder(folder: &Path) -> Result<Loaded, LoadError> {
    let scan = folder::serve(folder).map_err(|source| LoadError::Io { path: folder.to_owned(), source })?;
    let document = Document::new(folder, String::new());
    Resolver::new(&document, &RawConfig::default(), Vec::new())
        .config(Source::Folder(folder.to_owned()), Some(scan))
}

/// One configuration on its way from raw to resolved.
pub(crate) struct Resolver<'a> {
    pub(crate) document: &'a Document,
    pub(crate) raw: &'a RawConfig,
    /// Where relative paths start.
    pub(crate) base: PathBuf,
    pub(crate) defaults: Settings,
    /// Where the file says `env_file` for all apps.
    pub(crate) default_env_file_at: Option<Span>,
    pub(crate) apps_dir: Option<PathBuf>,
    /// What is read besides the apps, each path once.
    pub(crate) read_from: BTreeSet<PathBuf>,
    /// The apps' folders as they are named.
    pub(crate) app_paths: BTreeSet<PathBuf>,
    pub(crate) claims: Claims,
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl<'a> Resolver<'a> {
    fn new(document: &'a Document, raw: &'a RawConfig, errors: Vec<Diagnostic>) -> Self {
        let base = document.file().parent().unwrap_or(Path::new("")).to_owned();
        let none = RawSettings::default();
        let settings = raw.defaults.get().unwrap_or(&none);
        let mut defaults = Settings::builtin(drain_timeout(raw)).with(settings);
        defaults.env_file = settings.env_file.get().map(|file| path(&base, &file.0));
        let mut resolver = Self::with_defaults(document, raw, base, defaults, errors);
        resolver.default_env_file_at = settings.env_file.value.as_ref().map(|file| file.at);
        resolver.read_from.insert(document.file().to_owned());
        resolver
    }

    pub(crate) fn with_defaults(
        document: &'a Document,
        raw: &'a RawConfig,
        base: PathBuf,
        defaults: Settings,
        errors: Vec<Diagnostic>,
    ) -> Self {
        Resolver {
            document,
            raw,
            base,
            defaults,
            default_env_file_at: None,
            apps_dir: None,
            read_from: BTreeSet::new(),
            app_paths: BTreeSet::new(),
            claims: Claims::default(),
            errors,
            warnings: Vec::new(),
        }
    }

    fn config(mut self, source: Source, folder: Option<Scan>) -> Result<Loaded, LoadError> {
        let raw = self.raw;
        let listen = self.listen();
        let admin = self.admin();
        self.apps_dir = raw.apps_dir.get().and_then(|dir| self.path(&dir.0).canonicalize().ok());
        let mut apps = Vec::new();
        let mut configured = BTreeSet::new();
        for raw_app in raw.apps.get().into_iter().flat_map(|apps| &apps.entries) {
            let root = self.root(raw_app);
            configured.extend(root.clone());
            apps.extend(self.app(raw_app, root));
        }
        let scan = folder.or_else(|| self.scan_apps_dir(&configured));
        apps.extend(scan.into_iter().flat_map(|scan| self.found_apps(scan)).flatten());
        let extra_ca = self.extra_ca();
        self.errors.extend(self.claims.conflicts());
        if !self.errors.is_empty() {
            return Err(LoadError::Invalid(Diagnostics::new(self.errors)));
        }
        if apps.is_empty() {
            let help = "an app is a folder with an index.js in it; apps can also be added by the admin API";
            self.warnings.push(self.place(None).warning("there are no apps here").help(help));
        }
        let log = raw.log.get();
        let threads = raw.threads.get().and_then(|threads| usize::try_from(threads.number).ok());
        let lost = raw.max_lost_isolates.get().map_or(limits::MAX_LOST_ISOLATES, |lost| lost.number);
        let config = Config {
            source,
            listen,
            admin,
            drain_timeout: drain_timeout(raw),
            threads: threads.unwrap_or_else(cores),
            memory_budget_mb: raw.memory_budget_mb.get().map(|budget| budget.number),
            max_lost_isolates: u32::try_from(lost).unwrap_or(u32::MAX),
            log: Log {
                format: log.and_then(|log| log.format.get()).map(|format| format.0),
                level: log.and_then(|log| log.level.get()).map_or(Level::default(), |level| level.0),
            },
            extra_ca,
            sandbox: raw.sandbox.get().map_or(Sandbox::default(), |sandbox| sandbox.0),
            defaults: self.defaults,
            apps_dir: self.apps_dir,
            read_from: self.read_from.into_iter().collect(),
            app_paths: self.app_paths.into_iter().collect(),
            apps,
        };
        Ok(Loaded { config, warnings: self.warnings })
    }

    fn listen(&mut self) -> Vec<SocketAddr> {
        let raw = self.raw;
        if let (Some(port), Some(listen)) = (raw.port.key, raw.listen.key) {
            let error = self.document.error(port.max(listen), "`port` and `listen` are both there");
            let first = self.document.place(port.min(listen));
            let help = "`port` is short for `listen` on all addresses: keep one of the two";
            self.errors.push(error.related(&first, "the first is here").help(help));
        }
        let mut listeners = Vec::new();
        if let Some(port) = &raw.port.value {
            let port_number = u16::try_from(port.value.number).unwrap_or_default();
            let addr = SocketAddr::new(limits::LISTEN.ip(), port_number);
            listeners.push((addr, self.place(Some(port.at))));
        }
        if let Some(listen) = &raw.listen.value {
            if listen.value.0.written == 0 {
                self.error(Some(listen.at), "there is no address in this list", "write \"0.0.0.0:8080\"");
            }
            let addrs = listen.value.0.entries.iter();
            listeners.extend(addrs.map(|addr| (addr.value.0, self.document.place(addr.at))));
        }
        if raw.port.is_absent() && raw.listen.is_absent() {
            listeners.push((limits::LISTEN, self.place(None)));
        }
        let addrs = listeners.iter().map(|(addr, _)| *addr).collect();
        self.claims.listeners.extend(listeners);
        addrs
    }

    fn admin(&mut self) -> Option<Admin> {
        let none = RawAdmin::default();
        let raw = match &self.raw.admin.get() {
            Some(RawAdminSetting::Off) => return None,
            Some(RawAdminSetting::On(admin)) => admin,
            None => &none,
        };
        let at = raw.listen.value.as_ref().map(|listen| listen.at).or(self.raw.admin.key);
        let listen = raw.listen.get().map_or(limits::ADMIN_LISTEN, |listen| listen.0);
        if !listen.ip().is_loopback() && raw.token.is_absent() {
            let message = format!("an admin API on `{listen}` can be reached by others and needs a `token`");
            let help = "add \"token\": \"${NANO_ADMIN_TOKEN}\", or listen on \"127.0.0.1:8081\"";
            self.error(at, message, help);
        }
        let unusable = raw.listen.value.is_none() && !raw.listen.is_absent();
        if !unusable {
            let place = self.place(at);
            self.claims.listeners.push((listen, place));
        }
        Some(Admin { listen, token: raw.token.get().map(|token| token.0.clone()) })
    }

    /// The certificates of `extra_ca_file`.
    fn extra_ca(&mut self) -> Vec<Certificate> {
        let Some(file) = &self.raw.extra_ca_file.value else { return Vec::new() };
        let path = self.path(&file.value.0);
        let (certificates, problems) = certificates::read(&path);
        self.read_from.insert(path);
        for problem in problems {
            self.error(Some(file.at), problem.message, problem.help);
        }
        certificates
    }

    fn scan_apps_dir(&mut self, configured: &BTreeSet<PathBuf>) -> Option<Scan> {
        let apps_dir = self.raw.apps_dir.value.as_ref()?;
        let path = self.path(&apps_dir.value.0);
        self.read_from.insert(path.clone());
        match folder::scan(&path, configured) {
            Ok(scan) => Some(scan),
            Err(error) => {
                let message = format!("cannot read the folder {}: {error}", quoted(&path.to_string_lossy()));
                self.error(Some(apps_dir.at), message, unreadable(&error));
                None
            }
        }
    }

    /// A path of the file; relative ones start at the file's folder.
    pub(crate) fn path(&self, relative: &Path) -> PathBuf {
        path(&self.base, relative)
    }

    /// A place in the file, or the file as a whole.
    pub(crate) fn place(&self, at: Option<Span>) -> Place {
        at.map_or_else(|| Place::whole(self.document.file()), |at| self.document.place(at))
    }

    pub(crate) fn error(&mut self, at: Option<Span>, message: impl Into<String>, help: impl Into<String>) {
        let error = self.place(at).error(message).help(help);
        self.errors.push(error);
    }
}

fn drain_timeout(raw: &RawConfig) -> Duration {
    Duration::from_millis(
        raw.drain_timeout_ms.get().map_or(limits::DRAIN_TIMEOUT_MS, |timeout| timeout.number),
    )
}

fn path(base: &Path, relative: &Path) -> PathBuf {
    // Components leave out every `.`, so that messages name the path as a person would.
    base.join(relative).components().collect()
}

/// What to do about a path that cannot be read.
pub(crate) fn unreadable(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "let nanod's user read it; a nanod that runs in its sandbox reads only what was there at its start: \
             restart it, or see `sandbox`"
        }
        _ => "paths are relative to the folder of this file",
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
