//! `conformance.json`: what a whole run of web-platform-tests came to, by directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

/// The figures of one directory.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Figures {
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
    /// Files that need the project's server, where it is not there: the figures are not whole then.
    #[serde(skip)]
    pub(super) left_out_files: usize,
}

impl Figures {
    /// Of files of so many tests each, all of which passed.
    pub(crate) fn all_passed<'a>(counts: &[usize], skipped: impl Iterator<Item = &'a str>) -> Self {
        let tests = counts.iter().sum();
        let mut figures = Self { files: counts.len(), tests, passed: tests, ..Self::default() };
        for reason in skipped {
            *figures.skipped_files.entry(reason.to_owned()).or_default() += 1;
        }
        figures
    }
}

/// Whether `conformance.json` has these figures under `name`.
pub(crate) fn check_entry(name: &str, figures: &Figures) -> Result<(), String> {
    let recorded = std::fs::read_to_string(path()).unwrap_or_default();
    let recorded: serde_json::Value = serde_json::from_str(&recorded).unwrap_or_default();
    let figures = serde_json::to_value(figures).expect("figures are JSON");
    if recorded[name] == figures {
        return Ok(());
    }
    Err(format!("conformance.json has other figures for {name} than the run gave: {figures:#}"))
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance.json")
}

/// The file's text. What is not whole stays as it is recorded.
fn text(figures: &BTreeMap<String, Figures>, recorded: &str) -> String {
    let recorded: BTreeMap<String, Value> = serde_json::from_str(recorded).unwrap_or_default();
    let all = figures.iter().filter_map(|(suite, figures)| {
        let value = match figures.left_out_files {
            0 => serde_json::to_value(figures).expect("figures are JSON"),
            _ => recorded.get(suite)?.clone(),
        };
        Some((suite, value))
    });
    serde_json::to_string_pretty(&all.collect::<BTreeMap<_, _>>()).expect("figures are JSON") + "\n"
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
        if figures.left_out_files > 0 {
            println!(
                "{suite:32} {:6} files left out: the project's server is not there",
                figures.left_out_files
            );
        }
        passed += figures.passed;
        tests += figures.tests;
    }
    println!("{:32} {passed:6} of {tests:6} tests passed", "all");
}

pub(super) fn save(figures: &BTreeMap<String, Figures>) {
    let recorded = std::fs::read_to_string(path()).unwrap_or_default();
    std::fs::write(path(), text(figures, &recorded)).expect("conformance.json is written");
}

/// Tests that silently went away change the figures, though none of them fails.
pub(super) fn check(figures: &BTreeMap<String, Figures>) -> Result<(), String> {
    let recorded = std::fs::read_to_string(path()).unwrap_or_default();
    let text = text(figures, &recorded);
    if recorded == text {
        return Ok(());
    }
    let old: Vec<&str> = recorded.lines().collect();
    let new: Vec<&str> = text.lines().collect();
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}\n"));
    let came = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}\n"));
    Err(format!("conformance.json is not what the run gave:\n{}", gone.chain(came).collect::<String>()))
}
