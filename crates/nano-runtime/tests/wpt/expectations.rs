//! What is expected not to pass, by directory, with the reasons: `expectations/<directory>.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The reason that an update gives to new failures. A run fails until someone has written the real one.
const UNEXPLAINED: &str = "unexplained";
/// Stands for the file as a whole among the names of its tests.
pub(super) const WHOLE_FILE: &str = "(the file)";

/// The expectations for one directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectations {
    /// Why nothing of the directory is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) absent: Option<String>,
    /// Files that fetch from the project's server, as in [`Skip`]; `/` is all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs_server: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    skip: Vec<Skip>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fail: Vec<Group>,
}

/// Files that are not run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skip {
    reason: String,
    /// Below the directory; one that ends in `/` is a folder.
    files: Vec<String>,
}

/// Tests that fail for the same reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    reason: String,
    /// Names of tests, by file and variant.
    tests: BTreeMap<String, Vec<String>>,
}

/// One test's result.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Outcome(pub(super) Option<String>, pub(super) String, pub(super) Option<String>);

impl Outcome {
    pub(super) fn name(&self) -> &str {
        self.0.as_deref().unwrap_or(WHOLE_FILE)
    }

    pub(super) fn passed(&self) -> bool {
        self.1 == "pass"
    }

    /// An optional feature that is not there: neither a pass nor a failure.
    pub(super) fn is_optional(&self) -> bool {
        self.1 == "precondition failed"
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wpt/expectations")
}

/// All expectations, by directory of web-platform-tests. Only directories in it are run.
pub(super) fn load() -> BTreeMap<String, Expectations> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("the folder of expectations") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file of expectations");
            let expectations =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let suite = path.with_extension("");
            let suite = suite.strip_prefix(folder()).expect("a path below the folder");
            all.insert(suite.to_string_lossy().into_owned(), expectations);
        }
    }
    all
}

impl Expectations {
    pub(super) fn save(&self, suite: &str) {
        let path = folder().join(format!("{suite}.json"));
        let text = serde_json::to_string_pretty(self).expect("expectations are JSON");
        std::fs::write(&path, text + "\n").expect("the expectations are written");
    }

    /// Why a file is not run.
    pub(super) fn skipped(&self, file: &str) -> Option<&str> {
        let skip = self.skip.iter().find(|skip| skip.files.iter().any(|entry| holds(entry, file)))?;
        Some(&skip.reason)
    }

    /// Whether a file fetches from the project's server.
    pub(super) fn needs_server(&self, file: &str) -> bool {
        self.needs_server.iter().any(|entry| entry == "/" || holds(entry, file))
    }

    /// The tests of a file that are expected to fail, each with the reason.
    pub(super) fn failures(&self, file: &str) -> BTreeMap<&str, &str> {
        let groups = self.fail.iter().filter_map(|group| Some((&group.reason, group.tests.get(file)?)));
        groups.flat_map(|(reason, names)| names.iter().map(|name| (name.as_str(), reason.as_str()))).collect()
    }

    /// Entries that say nothing: there is no such file among `files`, or none that runs as one of `tests`.
    pub(super) fn idle<'a>(&'a self, files: &[&str], tests: &BTreeSet<String>) -> Vec<&'a str> {
        let listed = self.skip.iter().flat_map(|skip| &skip.files).chain(&self.needs_server);
        let skips = listed.filter(|entry| *entry != "/" && !files.iter().any(|file| holds(entry, file)));
        let failing = self.fail.iter().flat_map(|group| group.tests.keys());
        skips.chain(failing.filter(|entry| !tests.contains(*entry))).map(String::as_str).collect()
    }

    /// What is not as expected, a line each; empty when all is.
    pub(super) fn compare(&self, file: &str, outcomes: &[Outcome]) -> Vec<String> {
        let expected = self.failures(file);
        let failed = failing(outcomes);
        let mut lines = Vec::new();
        for (name, outcome) in &failed {
            let sign = match expected.get(name) {
                None => "-",
                Some(&UNEXPLAINED) => "? (expected, but nobody wrote why)",
                Some(_) => continue,
            };
            let message = outcome.2.as_deref().unwrap_or("no message");
            lines.push(format!("{sign} {name}\n    {}: {message}", outcome.1));
        }
        for (name, reason) in expected {
            if failed.contains_key(name) {
                continue;
            }
            let what = match outcomes.iter().any(|outcome| outcome.name() == name) {
                true => "passes now",
                false => "is not there",
            };
            lines.push(format!("+ {name}\n    {what}; was expected to fail: {reason}"));
        }
        lines
    }

    /// Takes the outcomes of a file over, with the reasons that are known.
    pub(super) fn update(&mut self, file: &str, outcomes: &[Outcome]) {
        let mut left: BTreeSet<String> = failing(outcomes).into_keys().map(str::to_owned).collect();
        for group in &mut self.fail {
            if let Some(names) = group.tests.get_mut(file) {
                names.retain(|name| left.remove(name));
            }
            group.tests.retain(|_, names| !names.is_empty());
        }
        if !left.is_empty() {
            if !self.fail.iter().any(|group| group.reason == UNEXPLAINED) {
                self.fail.push(Group { reason: UNEXPLAINED.to_owned(), tests: BTreeMap::new() });
            }
            let group = self.fail.iter_mut().find(|group| group.reason == UNEXPLAINED).expect("just pushed");
            group.tests.entry(file.to_owned()).or_default().extend(left);
        }
        self.fail.retain(|group| !group.tests.is_empty());
    }
}

/// Whether an entry names a file, or a folder that it is in.
fn holds(entry: &str, file: &str) -> bool {
    entry == file || (entry.ends_with('/') && file.starts_with(entry))
}

/// A name that stands more than once fails if one of them does.
fn failing(outcomes: &[Outcome]) -> BTreeMap<&str, &Outcome> {
    let failed = outcomes.iter().filter(|outcome| !outcome.passed() && !outcome.is_optional());
    failed.map(|outcome| (outcome.name(), outcome)).collect()
}
