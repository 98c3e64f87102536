//! The vectors of the URL Standard's tests that the crate ada-url brings along, through the JavaScript API: they are
//! where cargo keeps the crate's sources, so these tests run wherever NANO is built, and they are as new as the parser.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::{Bench, text_of};
use crate::wpt::conformance::{self, Figures};

/// Each file, and how `vectors.js` runs it.
const FILES: &[(&str, &str)] = &[
    ("urltestdata.json", "parse"),
    ("urltestdata-javascript-only.json", "parse"),
    ("ada_extra_urltestdata.json", "parse"),
    ("ada_long_urltestdata.json", "parse"),
    ("setters_tests.json", "setters"),
    ("ada_extra_setters_tests.json", "setters"),
    ("toascii.json", "hostAndSetters"),
    ("IdnaTestV2.json", "host"),
    ("IdnaTestV2-removed.json", "host"),
    ("percent-encoding.json", "percentEncoding"),
    ("urlpatterntestdata.json", "pattern"),
];
/// Files for what the JavaScript API does not have, with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "verifydnslength_tests.json",
        "lengths of domains are ada's own check, which the URL Standard does not have",
    ),
    ("urlpattern-compare-test-data.json", "a draft that is not part of the standard yet"),
    ("urlpattern-generate-test-data.json", "a draft that is not part of the standard yet"),
];

/// A run of them.
pub(crate) struct Vectors {
    /// As `conformance.json` calls them.
    name: String,
    folder: PathBuf,
    /// How many vectors the files that ran have.
    counts: Arc<Mutex<Vec<usize>>>,
}

impl Vectors {
    /// Asks cargo for the crate. That it is there is no question: these tests are linked with it.
    pub(crate) fn find() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let run = |arguments: &[&str]| {
            let output = Command::new(&cargo)
                .args(arguments)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .expect("cargo runs where tests do");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).expect("cargo writes text")
        };
        // Crates for other systems than this one may never have been fetched.
        let version = run(&["-vV"]);
        let host =
            version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo's own platform");
        let metadata =
            run(&["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host]);
        let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
        let packages = metadata["packages"].as_array().expect("a list of packages");
        let package =
            packages.iter().find(|package| package["name"] == "ada-url").expect("ada-url is a dependency");
        let manifest = package["manifest_path"].as_str().expect("a path");
        let version = package["version"].as_str().expect("a version");
        Self {
            name: format!("vectors/ada-url {version}"),
            folder: Path::new(manifest).with_file_name("tests").join("wpt"),
            counts: Arc::default(),
        }
    }

    /// A trial for each file, and one that no file is left out.
    pub(crate) fn trials(&self, bench: &Bench) -> Vec<Trial> {
        let mut trials: Vec<Trial> = FILES
            .iter()
            .map(|(file, kind)| {
                let (path, bench, counts) = (self.folder.join(file), bench.clone(), Arc::clone(&self.counts));
                Trial::test(format!("{}/{file}", self.name), move || {
                    let count = bench.run(run(bench.clone(), path, kind)).and_then(|result| result)?;
                    counts.lock().expect("no panic under the lock").push(count);
                    Ok(())
                })
            })
            .collect();
        let folder = self.folder.clone();
        trials.push(Trial::test(format!("{}: all files are known", self.name), move || {
            let files = std::fs::read_dir(&folder).map_err(|error| error.to_string())?;
            for file in files {
                let name = file.expect("an entry").file_name().to_string_lossy().into_owned();
                let mut known = FILES.iter().chain(NOT_RUN).map(|(file, _)| *file);
                if !known.any(|known| known == name) {
                    return Err(format!("nothing runs {name}").into());
                }
            }
            Ok(())
        }));
        trials
    }
}

impl Vectors {
    /// The figures, if all files ran and passed.
    fn figures(&self) -> Option<Figures> {
        let counts = self.counts.lock().expect("no panic under the lock");
        let skipped = NOT_RUN.iter().map(|(_, reason)| *reason);
        (counts.len() == FILES.len()).then(|| Figures::all_passed(&counts, skipped))
    }

    /// The entry for `conformance.json`.
    pub(crate) fn entry(&self) -> BTreeMap<String, Figures> {
        self.figures().into_iter().map(|figures| (self.name.clone(), figures)).collect()
    }

    /// Compares `conformance.json` with what ran.
    pub(crate) fn finish(&self) -> Result<(), String> {
        self.figures().map_or(Ok(()), |figures| conformance::check_entry(&self.name, &figures))
    }
}

async fn run(bench: Bench, path: PathBuf, kind: &str) -> Result<usize, String> {
    let vectors = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors.js");
    let source = std::fs::read(source).expect("the app");
    let app = bench.app().file("index.js", source).file("vectors.json", vectors).start();
    let reply = app.get(&format!("/{kind}")).await.map_err(|failure| format!("{failure:?}"))?;
    let answer: Value = serde_json::from_str(&text_of(reply).await).map_err(|error| error.to_string())?;
    let count = answer["count"].as_u64().unwrap_or_default() as usize;
    let failures = answer["failures"].as_array().expect("a list of failures");
    if count == 0 {
        return Err("there are no vectors in it".to_owned());
    }
    if failures.is_empty() {
        return Ok(count);
    }
    let shown: Vec<_> = failures.iter().filter_map(Value::as_str).take(20).collect();
    Err(format!("{} of {count} fail:\n{}", failures.len(), shown.join("\n")))
}
