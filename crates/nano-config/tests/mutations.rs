//! Every configuration of the tests, cut off and broken in many ways: loading it never panics, points into the
//! file, and never shows a secret.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use nano_config::LoadError;

use crate::data::{SECRET, files};
use crate::{host_env, trial};

/// How many broken versions are made of each configuration.
const MUTATIONS: usize = 150;

/// Longer configurations are cut and broken within their first bytes only.
const CHANGED_BYTES_MAX: usize = 1500;

/// What is put in at random places.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "'",
    "\\",
    "/*",
    "//",
    "\n",
    "\r",
    "\t",
    "0",
    "-",
    "-1",
    "1e9",
    "true",
    "null",
    "${",
    "$${",
    "${X}",
    "é",
    "\u{feff}",
    "\u{0}",
    "\\u0041",
    "\\ud800",
    "99999999999999999999",
    "*.",
    "\"env\"",
];

pub(crate) fn trials() -> Vec<Trial> {
    let files = files("tests/bad").into_iter().chain(files("tests/good"));
    files.map(|file| trial(format!("mutations of {}", file.display()), move || survives(&file))).collect()
}

fn survives(file: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let apps = fs::canonicalize(file.parent().unwrap().join("apps")).unwrap();
    std::os::unix::fs::symlink(apps, folder.path().join("apps")).unwrap();
    let broken = folder.path().join("nano.json");
    let text = fs::read_to_string(file).unwrap();
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).take(CHANGED_BYTES_MAX).collect();
    for at in &places {
        check(&broken, &text[..*at]);
    }
    let mut random = Random(text.len() as u64 + 1);
    for _ in 0..MUTATIONS {
        let from = *random.pick(&places);
        let to = *random.pick(&places);
        let piece = *random.pick(PIECES);
        let (before, after, end) = (&text[..from.min(to)], &text[from.min(to)..], &text[from.max(to)..]);
        check(&broken, &format!("{before}{piece}{after}"));
        // With some of the text gone, a secret may become the value of another key: then it may show.
        load(&broken, &format!("{before}{piece}{end}"));
    }
}

fn check(file: &Path, text: &str) {
    let message = load(file, text);
    assert!(!message.contains(SECRET), "a secret shows in:\n{message}\n{text}");
}

/// Loads a text, and answers what its author is told.
fn load(file: &Path, text: &str) -> String {
    fs::write(file, text).unwrap();
    let Err(error) = nano_config::load(file, &host_env) else { return String::new() };
    let message = error.to_string();
    let LoadError::Invalid(diagnostics) = error else { panic!("{message}") };
    for diagnostic in diagnostics.as_slice().iter().filter(|diagnostic| diagnostic.file == *file) {
        if diagnostic.line == 0 {
            continue;
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = text.split('\n').nth(diagnostic.line as usize - 1).expect("the line exists");
        assert!((1..=line.chars().count() + 1).contains(&(diagnostic.column as usize)), "{message}");
    }
    message
}

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.next() as usize % from.len()]
    }
}
