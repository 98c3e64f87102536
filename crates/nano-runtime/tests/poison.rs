//! Nothing that an app does to its own intrinsics reaches the built-ins: the same uses of every web API give the same,
//! with each method replaced, and with accessors where built-ins could look something up or leave something.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nano_runtime::{Egress, Request};

use crate::support::{App, Bench, body, bytes_of, post, tests};
use crate::upstream::Upstream;

/// Wall time of one case, in milliseconds: none should hang, and one that does is to say so within the test's time.
const CASE_MS: u64 = 25_000;

tests![what_apps_do_to_intrinsics_stays_theirs];

/// The built-in files, without their tests.
fn built_ins(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            built_ins(&path, found);
        } else if name.ends_with(".js") && !name.ends_with(".test.js") {
            found.push(path);
        }
    }
}

/// Whatever stands behind a dot, before a colon or in quotes in a built-in: what could be the name of a property.
fn names() -> BTreeSet<String> {
    let mut files = Vec::new();
    built_ins(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    assert!(files.len() > 50, "the built-ins are not where they were");
    let mut names = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(&file).expect("a built-in's source");
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        let words = source.split(|c| !is_name(c)).filter(|word| word.len() < 40);
        names.extend(
            words.filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic())).map(str::to_owned),
        );
    }
    // What the language asks of descriptors, iterators and the like.
    names.extend(
        ["then", "get", "set", "value", "done", "next", "return", "throw", "writable", "enumerable"]
            .map(str::to_owned),
    );
    names.extend(
        ["configurable", "raw", "index", "groups", "input", "cause", "message", "stack"].map(str::to_owned),
    );
    names
}

/// What a case came to, as far as a client and the log can tell.
async fn outcome(app: &App, case: &str) -> String {
    let request = Request { target: format!("/?case={case}").into(), ..post("/", body(&["a=1&", "b=text"])) };
    match app.fetch(request).await {
        Ok(reply) => {
            let (status, headers) = (reply.status, format!("{:?}", reply.headers));
            let headers = headers.split(", ").filter(|header| !header.contains(" GMT")).collect::<Vec<_>>();
            let body = bytes_of(reply).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            format!("{status} {headers:?}\n{}", body.unwrap_or_else(|error| format!("{error:?}")))
        }
        Err(failure) => format!("{failure:?}"),
    }
}

/// An app of the cases, with the poison or without.
fn start(bench: &Bench, upstream: &str, names: &str, poison: &str) -> App {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/poison");
    let mut app = bench.app();
    for file in ["index.js", "cases.js", "originals.js"] {
        app = app.file(file, std::fs::read(folder.join(file)).expect("the app"));
    }
    let loopback = Egress::default().with_net("127.0.0.1".parse().expect("an address"), 32);
    let app = app.env("UP", upstream).env("WORD", "word").env("NAMES", names).env("POISON", poison);
    app.limits(|limits| limits.timeout_ms = CASE_MS).egress(loopback).start()
}

/// What is wrong with a case; empty if nothing is. The poison cannot be taken back, so it has isolates of its own.
async fn check(clean: App, poisoned: App, case: String) -> String {
    let mut wrong = String::new();
    let (expected, found) = (outcome(&clean, &case).await, outcome(&poisoned, &case).await);
    if expected != found {
        wrong += &format!("== {case} gave\n{found}\n-- instead of\n{expected}\n");
    }
    let lines = |app: &App| app.log().iter().map(|line| line.message.clone()).collect::<Vec<_>>();
    if lines(&clean) != lines(&poisoned) {
        wrong += &format!("== {case} logged {:#?} instead of {:#?}\n", lines(&poisoned), lines(&clean));
    }
    let leaks = outcome(&poisoned, "leaks").await;
    let nothing = outcome(&clean, "leaks").await;
    if leaks != nothing {
        wrong += &format!("== {case} came by\n{leaks}\n");
    }
    wrong
}

async fn what_apps_do_to_intrinsics_stays_theirs(bench: Bench) {
    let upstream = Upstream::start().await;
    let names = serde_json::to_string(&names()).expect("JSON");
    let start = |poison| start(&bench, &upstream.url(), &names, poison);
    let cases: Vec<String> = serde_json::from_str(&start("no").text("/?case=list").await).expect("a list");
    assert!(cases.len() > 20, "{cases:?}");
    // Once with all built-ins loaded before, once with none of the lazy ones.
    let both = cases.into_iter().flat_map(|case| [("yes", case.clone()), ("early", case)]);
    let checks: Vec<_> =
        both.map(|(poison, case)| tokio::spawn(check(start("no"), start(poison), case))).collect();
    let mut wrong = String::new();
    for check in checks {
        wrong += &check.await.expect("no panic");
    }
    assert!(wrong.is_empty(), "{wrong}");
}
