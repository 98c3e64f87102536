//! Apps that are known by their folder only.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::decode::quoted;
use crate::diagnostic::{Diagnostic, Place};
use crate::entry::{self, EntryError};
use crate::host;

/// An app found in a folder.
pub(crate) struct Found {
    /// The folder as it was listed, for messages.
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) host: Option<String>,
    pub(crate) root: PathBuf,
    pub(crate) main: PathBuf,
    /// Whether it takes all hosts, being the only app.
    pub(crate) default: bool,
}

/// What a folder of apps holds.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) found: Vec<Found>,
    pub(crate) errors: Vec<Diagnostic>,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Looks into each sub-folder, by name, except for those whose app is configured otherwise.
pub(crate) fn scan(folder: &Path, configured: &BTreeSet<PathBuf>) -> io::Result<Scan> {
    let names = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<BTreeSet<_>>>()?;
    let mut scan = Scan::default();
    for name in &names {
        let path = folder.join(name);
        let name = name.to_string_lossy();
        if name.starts_with('.') || name == "node_modules" || !path.is_dir() {
            continue;
        }
        let root = path.canonicalize()?;
        if !configured.contains(&root) {
            scan.look_into(path, &name, root);
        }
    }
    Ok(scan)
}

impl Scan {
    fn look_into(&mut self, folder: PathBuf, name: &str, root: PathBuf) {
        let place = Place::whole(&folder);
        let main = match entry::find(&root, None).map_err(|error| error.explain(&folder)) {
            Ok(main) => main,
            Err(Ok(problem)) => {
                self.warnings
                    .push(place.warning(format!("not an app: {}", problem.message)).help(problem.help));
                return;
            }
            Err(Err(diagnostics)) => return self.errors.extend(diagnostics.into_vec()),
        };
        match host::of_folder(name) {
            Ok(host) => {
                let name = name.to_owned();
                self.found.push(Found { folder, name, host: Some(host), root, main, default: false });
            }
            Err(help) => {
                let message = format!("not served: the folder's name {} cannot be a host name", quoted(name));
                self.warnings.push(place.warning(message).help(help));
            }
        }
    }
}

/// What `nanod serve FOLDER` serves: the apps in the folder, or the one app that the folder is.
pub(crate) fn serve(folder: &Path) -> io::Result<Scan> {
    let root = folder.canonicalize()?;
    let mut scan = scan(folder, &BTreeSet::new())?;
    match entry::find(&root, None) {
        Ok(main) => {
            // With `src/index.js` as the entry, `src` looks like an app and is none.
            let own = |found: &Found| {
                root.join(&main).canonicalize().is_ok_and(|entry| entry.starts_with(&found.root))
            };
            if scan.found.iter().all(own) {
                return Ok(Scan { found: vec![only_app(folder, root, main)], ..Scan::default() });
            }
            let message = format!("{} is not served: the folder holds apps", quoted(&main.to_string_lossy()));
            let help = "move it into a folder of its own, or name the app's folder in a nano.json";
            scan.warnings.push(Place::whole(folder).warning(message).help(help));
        }
        Err(EntryError::NoneFound) => {}
        Err(error) => match error.explain(folder) {
            Ok(problem) => scan.errors.push(Place::whole(folder).error(problem.message).help(problem.help)),
            Err(diagnostics) => scan.errors.extend(diagnostics.into_vec()),
        },
    }
    Ok(scan)
}

fn only_app(folder: &Path, root: PathBuf, main: PathBuf) -> Found {
    let name = root.file_name().map_or_else(|| "app".to_owned(), |name| name.to_string_lossy().into_owned());
    let host = host::of_folder(&name).ok();
    Found { folder: folder.to_owned(), name, host, root, main, default: true }
}
