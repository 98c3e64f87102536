//! web-platform-tests: every file that needs no DOM runs as an app of its own, all of them in this one process.
//!
//! The tests are not part of the repository: `WPT_DIR` names a folder with them (`scripts/wpt.sh` makes one). What is
//! expected not to pass is in `expectations/`, by directory and with reasons. It is a ratchet: a new failure fails the
//! run, and so does a pass that is not recorded. `WPT_UPDATE=1` records both, and writes `conformance.json`.
//!
//! Tests that fetch find the project's server, if the folder has it ([`server`]), and relative URLs made absolute: apps
//! have no base URL, while pages do (`takeRelativeURLs` in `runner.js`). Without it they are left out, not passed.

pub(crate) mod conformance;
mod expectations;
mod files;
mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtest_mimic::Trial;

use crate::support::{App, Bench, text_of};
use conformance::Figures;
use expectations::{Expectations, Outcome, WHOLE_FILE};
use files::TestFile;
use server::Server;

/// What a file may take beyond its own time: starts, and the other apps on the machine.
const GRACE_MS: u64 = 60_000;
/// CPU time of one file, in milliseconds.
const CPU_MS: u64 = 300_000;
/// Some tests hold large vectors; a small limit would only measure those.
const MEMORY_MB: u64 = 512;

/// Longer than a run: no isolate is to go before its end.
const IDLE_MS: u64 = 3_600_000;

/// A run of web-platform-tests.
pub(crate) struct Wpt {
    root: PathBuf,
    server: Option<Server>,
    update: bool,
    suites: Mutex<BTreeMap<String, Suite>>,
    /// All apps stay as they are until the end: so many isolates in one process are a test as well.
    apps: Mutex<Vec<App>>,
    trials: usize,
}

/// One directory.
#[derive(Default)]
struct Suite {
    expectations: Expectations,
    figures: Figures,
}

impl Wpt {
    /// The run that the environment asks for, and its trials.
    pub(crate) fn from_env(bench: &Bench) -> (Option<Arc<Self>>, Vec<Trial>) {
        let Some(root) = std::env::var_os("WPT_DIR") else {
            println!("web-platform-tests: skipped, WPT_DIR names no folder with them (see scripts/wpt.sh)");
            return (None, Vec::new());
        };
        let root = PathBuf::from(root).canonicalize().expect("WPT_DIR names a folder");
        assert!(root.join("resources/testharness.js").is_file(), "WPT_DIR has no resources/testharness.js");
        let update = std::env::var_os("WPT_UPDATE").is_some();
        let server = Server::start(&root);
        let mut suites = BTreeMap::new();
        let mut tests = Vec::new();
        let mut idle = Vec::new();
        let all = expectations::load();
        let names: Vec<String> = all.keys().cloned().collect();
        for (suite, expectations) in all {
            let mut figures = Figures { absent: expectations.absent.clone(), ..Figures::default() };
            if figures.absent.is_none() {
                let paths = files::find(&root, &suite, names.iter());
                let planned = plan(&root, &suite, &expectations, &paths, &mut figures);
                let files: Vec<&str> = paths.iter().map(|path| &path[suite.len() + 1..]).collect();
                let names = planned.iter().map(|test| test.name_in(&suite)).collect();
                idle.extend(expectations.idle(&files, &names).iter().map(|entry| format!("{suite}/{entry}")));
                let (run, left_out): (Vec<_>, Vec<_>) =
                    planned.into_iter().partition(|test| server.is_some() || !test.needs_server);
                figures.left_out_files = left_out.len();
                if !left_out.is_empty() {
                    println!(
                        "web-platform-tests: {} files of {suite} are left out, since WPT_DIR has no server (see \
                         scripts/wpt.sh)",
                        left_out.len()
                    );
                }
                tests.extend(run.into_iter().map(|test| (suite.clone(), test)));
            }
            suites.insert(suite, Suite { expectations, figures });
        }
        let run = Arc::new(Self {
            root,
            server,
            update,
            suites: Mutex::new(suites),
            apps: Mutex::default(),
            trials: tests.len(),
        });
        let mut trials: Vec<Trial> =
            tests.into_iter().map(|(suite, test)| run.trial(bench, suite, test)).collect();
        trials.push(Trial::test("wpt: expectations name files that run", move || {
            if idle.is_empty() { Ok(()) } else { Err(idle.join("\n").into()) }
        }));
        (Some(run), trials)
    }

    fn trial(self: &Arc<Self>, bench: &Bench, suite: String, test: TestFile) -> Trial {
        let (run, bench) = (Arc::clone(self), bench.clone());
        Trial::test(format!("wpt: {}{}", test.path, test.variant), move || {
            run.run(&bench, &suite, &test).map_err(Into::into)
        })
    }

    fn run(&self, bench: &Bench, suite: &str, test: &TestFile) -> Result<(), String> {
        let outcomes = self.outcomes(bench, test);
        let name = test.name_in(suite);
        let mut suites = self.suites.lock().expect("no panic under the lock");
        let Suite { expectations, figures } = suites.get_mut(suite).expect("a directory that is run");
        if self.update {
            expectations.update(&name, &outcomes);
        }
        let lines = expectations.compare(&name, &outcomes);
        let reasons = expectations.failures(&name);
        figures.files += 1;
        for outcome in outcomes.iter().filter(|outcome| !outcome.is_optional()) {
            figures.tests += 1;
            if outcome.passed() {
                figures.passed += 1;
            } else {
                let reason = reasons.get(outcome.name()).copied().unwrap_or("not expected");
                *figures.failed.entry(reason.to_owned()).or_default() += 1;
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        Err(format!(
            "expectations/{suite}.json is not what {name} gave (WPT_UPDATE=1 records it):\n{}",
            lines.join("\n")
        ))
    }

    fn outcomes(&self, bench: &Bench, test: &TestFile) -> Vec<Outcome> {
        let wall_ms = test.timeout_ms + GRACE_MS;
        let app = bench.app().limits(|limits| {
            limits.cpu_ms = CPU_MS;
            limits.timeout_ms = wall_ms;
            limits.memory_mb = MEMORY_MB;
            limits.idle_ms = IDLE_MS;
        });
        let app = test.write(&self.root, self.server.as_ref(), app).start();
        self.apps.lock().expect("no panic under the lock").push(app.clone());
        let known = |text: String| match &self.server {
            Some(server) => server.with_known_ports(&text),
            None => text,
        };
        let answer = bench.run_within(Duration::from_millis(wall_ms + GRACE_MS), async move {
            let reply = app.get("/").await.map_err(|failure| format!("{failure:?}"))?;
            Ok(text_of(reply).await)
        });
        let answer = answer.and_then(|answer: Result<String, String>| answer);
        let outcomes =
            answer.and_then(|answer| serde_json::from_str(&known(answer)).map_err(|error| error.to_string()));
        outcomes.unwrap_or_else(|error| {
            vec![Outcome(Some(WHOLE_FILE.to_owned()), "failure".to_owned(), Some(error))]
        })
    }

    /// After the trials: the figures, with those of `others`, and the files that an update writes.
    pub(crate) fn finish(&self, others: BTreeMap<String, Figures>) -> Result<(), String> {
        let suites = std::mem::take(&mut *self.suites.lock().expect("no panic under the lock"));
        let ran: usize = suites.values().map(|suite| suite.figures.files).sum();
        if self.update && ran > 0 {
            for (name, suite) in &suites {
                suite.expectations.save(name);
            }
        }
        if ran < self.trials {
            // Only some were asked for.
            return Ok(());
        }
        let figures = suites.into_iter().map(|(name, suite)| (name, suite.figures)).chain(others).collect();
        conformance::print(&figures);
        let apps = self.apps.lock().expect("no panic under the lock");
        println!("{} isolates at the end", apps.iter().map(|app| app.stats().isolates).sum::<usize>());
        if self.update {
            conformance::save(&figures);
        }
        conformance::check(&figures)
    }
}

/// The tests of a directory that are to run; the others are counted.
fn plan(
    root: &std::path::Path,
    suite: &str,
    expectations: &Expectations,
    paths: &[String],
    figures: &mut Figures,
) -> Vec<TestFile> {
    let mut tests = Vec::new();
    for path in paths {
        let name = &path[suite.len() + 1..];
        if let Some(reason) = expectations.skipped(name) {
            *figures.skipped_files.entry(reason.to_owned()).or_default() += 1;
            continue;
        }
        match files::read(root, path, expectations.needs_server(name)) {
            Ok(found) => tests.extend(found),
            Err(reason) => *figures.not_applicable_files.entry(reason.to_owned()).or_default() += 1,
        }
    }
    tests
}
