//! The web APIs' own tests: each `src/api/<name>/<name>.test.js` runs as an app, one trial per test in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::Trial;
use serde_json::Value;

use crate::support::{App, Bench};

/// One file's tests share an isolate and run one after the other: some of them replace intrinsics while they wait.
struct TestFile {
    app: App,
    turn: tokio::sync::Mutex<()>,
}

/// Starts every test file's app and lists its tests.
pub(crate) fn trials(bench: &Bench) -> Vec<Trial> {
    let mut trials = Vec::new();
    for path in test_files() {
        let stem = path.file_name().and_then(|name| name.to_str()).expect("a file name").to_owned();
        let source = std::fs::read_to_string(&path).expect("a test file");
        let index =
            format!("import handler from './harness.js';\nimport './{stem}';\nexport default handler;\n");
        let app = bench
            .app()
            .file("index.js", index)
            .file("harness.js", include_str!("harness.js"))
            .file(&stem, source)
            .start();
        let file = Arc::new(TestFile { app, turn: tokio::sync::Mutex::default() });
        let listed = Arc::clone(&file);
        let names = bench.run(async move {
            match listed.app.get("/list").await {
                Ok(reply) => Ok(crate::support::text_of(reply).await),
                Err(failure) => Err(format!("{failure:?}")),
            }
        });
        match names.and_then(|names| names) {
            Ok(names) => trials.extend(trials_of(bench, &stem, &file, &names)),
            Err(error) => trials.push(Trial::test(format!("{stem}: start"), move || Err(error.into()))),
        }
    }
    trials
}

fn trials_of(bench: &Bench, stem: &str, file: &Arc<TestFile>, names: &str) -> Vec<Trial> {
    let names: Vec<String> = serde_json::from_str(names).expect("a list of names");
    assert!(!names.is_empty(), "{stem} has no tests");
    let trial = |(index, name): (usize, &String)| {
        let (bench, file) = (bench.clone(), Arc::clone(file));
        Trial::test(format!("{stem}: {name}"), move || {
            bench.run(async move { run(&file, index).await }).and_then(|result| result).map_err(Into::into)
        })
    };
    names.iter().enumerate().map(trial).collect()
}

async fn run(file: &TestFile, index: usize) -> Result<(), String> {
    let _one_at_a_time = file.turn.lock().await;
    let reply = file.app.get(&format!("/run/{index}")).await.map_err(|failure| format!("{failure:?}"))?;
    let answer: Value =
        serde_json::from_str(&crate::support::text_of(reply).await).expect("an answer in JSON");
    if answer["passed"] == true {
        Ok(())
    } else {
        Err(answer["error"].as_str().unwrap_or_default().to_owned())
    }
}

fn test_files() -> Vec<PathBuf> {
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(api).expect("the APIs' folder") {
        let folder = folder.expect("an entry").path();
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.to_string_lossy().ends_with(".test.js") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no test files were found");
    files
}
