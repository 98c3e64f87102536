//! Which file of an app's folder is its entry.

use std::io;
use std::path::{Component, Path, PathBuf};

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;

use crate::decode::quoted;
use crate::diagnostic::Diagnostics;
use crate::document::Document;
use crate::json;
use crate::text::Problem;

/// The entry files that need no naming, in the order in which they are looked for.
pub const ENTRY_FILES: [&str; 4] = ["index.js", "index.mjs", "worker.js", "src/index.js"];

/// Why a folder has no entry.
pub(crate) enum EntryError {
    /// None of the names that are looked for is there.
    NoneFound,
    /// The file that would be the entry cannot be.
    Wrong(Problem),
    /// The folder's package.json is broken.
    Package(Diagnostics),
}

impl EntryError {
    /// The problem in words, unless it is in package.json and has its own place.
    pub(crate) fn explain(self, root: &Path) -> Result<Problem, Diagnostics> {
        match self {
            EntryError::Wrong(problem) => Ok(problem),
            EntryError::Package(diagnostics) => Err(diagnostics),
            EntryError::NoneFound => Ok(Problem::new(
                format!("the folder {} has no entry file", quoted(&root.to_string_lossy())),
                format!(
                    "looked for `main` and `module` of package.json, {}; name another file with \"main\"",
                    ENTRY_FILES.join(", ")
                ),
            )),
        }
    }
}

/// The entry of the app in `root`, which has no links in it; the answer is relative to it.
pub(crate) fn find(root: &Path, main: Option<&Path>) -> Result<PathBuf, EntryError> {
    if let Some(main) = main {
        return file_inside(root, main).map_err(EntryError::Wrong)?.ok_or_else(|| {
            let message = format!("there is no file {} in the app's folder", quoted(&main.to_string_lossy()));
            EntryError::Wrong(Problem::new(message, "`main` is a file, relative to the app's `path`"))
        });
    }
    for named in package_entries(root).map_err(EntryError::Package)? {
        // What npm packages name may be built later, or lie elsewhere: only a usable file counts.
        if let Ok(Some(entry)) = file_inside(root, Path::new(&named)) {
            return Ok(entry);
        }
    }
    for candidate in ENTRY_FILES {
        if let Some(entry) = file_inside(root, Path::new(candidate)).map_err(EntryError::Wrong)? {
            return Ok(entry);
        }
    }
    Err(EntryError::NoneFound)
}

/// The file, relative to the root, if it is there; outside of the root, after all links, is an error. Its name stays as
/// it is: a link may lead to another file of the root later, which is a change of contents.
fn file_inside(root: &Path, file: &Path) -> Result<Option<PathBuf>, Problem> {
    let name = quoted(&file.to_string_lossy());
    let resolved = match root.join(file).canonicalize() {
        Ok(resolved) if resolved.is_file() => resolved,
        Ok(_) => return Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => {
            return Err(Problem::new(format!("cannot read {name}: {error}"), "check the file's permissions"));
        }
    };
    match resolved.strip_prefix(root) {
        Ok(relative) => Ok(Some(plain(file).unwrap_or_else(|| relative.to_owned()))),
        Err(_) => Err(Problem::new(
            format!("{name} leads out of the app's folder"),
            "the entry must be inside the folder, after `..` and links are resolved",
        )),
    }
}

/// The path without `.`, unless it goes up.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(plain)
}

/// `main` and `module` of package.json.
fn package_entries(root: &Path) -> Result<Vec<String>, Diagnostics> {
    let file = root.join("package.json");
    if !file.is_file() {
        return Ok(Vec::new());
    }
    let document = Document::read(&file).map_err(Diagnostics::from)?.without_secrets();
    let value = json::parse(&document)?;
    let Value::Object(package) = &value else {
        let error = document.error(value.range().into(), "package.json must hold an object");
        return Err(error.help("write { \"main\": \"index.js\" }, or remove the file").into());
    };
    let mut entries = Vec::new();
    for key in ["main", "module"] {
        match package.get(key).map(|property| &property.value) {
            Some(Value::StringLit(literal)) => entries.push(literal.value.clone().into_owned()),
            Some(other) => {
                let message = format!("`{key}` of package.json must be a string");
                return Err(document.error(other.range().into(), message).help("write \"index.js\"").into());
            }
            None => {}
        }
    }
    Ok(entries)
}
