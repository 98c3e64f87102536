//! `conformance.json`: what a whole run of web-platform-tests came to, by directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// The figures of one directory.
#[derive(Debug, Default, Serialize)]
pub(super) struct Figures {
    /// Why nothing of it is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) absent: Option<String>,
    /// Files that were run, each variant for itself.
    pub(super) files: usize,
    /// Tests in them, without those of optional features that are not there.
    pub(super) tests: usize,
    pub(super) passed: usize,
    /// Failed tests, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) failed: BTreeMap<String, usize>,
    /// Files that were not run, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) skipped_files: BTreeMap<String, usize>,
    /// Files that need what a server has not, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) not_applicable_files: BTreeMap<String, usize>,
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance.json")
}

fn text(figures: &BTreeMap<String, Figures>) -> String {
    serde_json::to_string_pretty(figures).expect("figures are JSON") + "\n"
}

/// One line for each directory that was run.
pub(super) fn print(figures: &BTreeMap<String, Figures>) {
    let (mut passed, mut tests) = (0, 0);
    for (suite, figures) in figures {
        match &figures.absent {
            Some(reason) => println!("{suite:32} not run: {reason}"),
            None => println!(
                "{suite:32} {:6} of {:6} tests passed in {:3} files",
                figures.passed, figures.tests, figures.files
            ),
        }
        passed += figures.passed;
        tests += figures.tests;
    }
    println!("{:32} {passed:6} of {tests:6} tests passed", "all");
}

pub(super) fn save(figures: &BTreeMap<String, Figures>) {
    std::fs::write(path(), text(figures)).expect("conformance.json is written");
}

/// Tests that silently went away change the figures, though none of them fails.
pub(super) fn check(figures: &BTreeMap<String, Figures>) -> Result<(), String> {
    let recorded = std::fs::read_to_string(path()).unwrap_or_default();
    if recorded == text(figures) {
        return Ok(());
    }
    let text = text(figures);
    let old: Vec<&str> = recorded.lines().collect();
    let new: Vec<&str> = text.lines().collect();
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}\n"));
    let came = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}\n"));
    Err(format!("conformance.json is not what the run gave:\n{}", gone.chain(came).collect::<String>()))
}
