//! Changes of a configuration file: what was not asked for stays as it was written.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use nano_config::{DescribeError, Edit, EditError, Loaded, load, put_app, remove_app};
use tempfile::TempDir;

use crate::data::{SECRET, files};
use crate::{host_env, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let changes = CHANGES.iter().map(|change| trial(format!("edit: {}", change.what), || check(change)));
    let kept = files("tests/good").into_iter().map(|file| {
        let name = format!("edit: {} keeps its comments and its other apps", file.display());
        trial(name, move || keeps_the_rest(&file))
    });
    let others: [(&str, fn()); 5] = [
        ("edit: files of odd forms", edits_odd_forms),
        ("edit: what would not load is refused", refuses_what_would_not_load),
        ("edit: a folder of apps_dir cannot be taken out", keeps_what_is_a_folder),
        ("describe: mistakes have places, and secrets do not show", describes_mistakes),
        ("describe: defaults and paths are those of the configuration", describes_by_the_configuration),
    ];
    changes.chain(kept).chain(others.map(|(name, test)| trial(name, test))).collect()
}

/// A file, a description to be put into it or a name to be taken out, and what the file is then.
struct Change {
    what: &'static str,
    before: &'static str,
    put: Result<&'static str, &'static str>,
    after: &'static str,
}

const CHANGES: &[Change] = &[
    Change {
        what: "a new app comes last, indented as the others",
        before: "{\n    // What we serve.\n    \"apps\": [\n        { \"name\": \"a\", \"hostname\": \"a.test\", \
                 \"path\": \"a\" } // the first\n    ]\n}\n",
        put: Ok(r#"{"name":"b","hostname":"b.test","path":"b","env":{"K":"${NAME}"}}"#),
        after: "{\n    // What we serve.\n    \"apps\": [\n        { \"name\": \"a\", \"hostname\": \"a.test\", \
                \"path\": \"a\" }, // the first\n        {\n            \"name\": \"b\",\n            \
                \"hostname\": \"b.test\",\n            \"path\": \"b\",\n            \"env\": {\n                \
                \"K\": \"${NAME}\"\n            }\n        }\n    ]\n}\n",
    },
    Change {
        what: "the first app of a file",
        before: "{ \"port\": 0 }",
        put: Ok(r#"{"path":"a","default":true}"#),
        after: "{\n  \"port\": 0,\n  \"apps\": [\n    {\n      \"path\": \"a\",\n      \"default\": true\n    }\n  ]\n}",
    },
    Change {
        what: "a replaced app keeps its comments and its lines",
        before: "{\r\n  \"apps\": [\r\n    {\r\n      // why it is here\r\n      \"name\": \"a\",\r\n      \
                 \"hostname\": \"a.test\", /* public */\r\n      \"path\": \"a\",\r\n      \"cpu_ms\": 10,\r\n      \
                 \"env\": { \"A\": \"1\", \"B\": \"2\" },\r\n    },\r\n  ],\r\n}\r\n",
        put: Ok(r#"{"name":"a","hostname":"a.test","path":"a","env":{"A":"1","C":"3"},"preload":true}"#),
        after: "{\r\n  \"apps\": [\r\n    {\r\n      // why it is here\r\n      \"name\": \"a\",\r\n      \
                \"hostname\": \"a.test\", /* public */\r\n      \"path\": \"a\",\r\n      \
                \"env\": {\r\n        \"A\": \"1\",\r\n        \"C\": \"3\"\r\n      },\r\n      \
                \"preload\": true,\r\n    },\r\n  ],\r\n}\r\n",
    },
    Change {
        what: "what says the same is not touched",
        before: "\u{feff}{ \"apps\": [ {\"path\":\"a\",   \"hostname\":\"A.test\"} ] }",
        put: Ok(r#"{ "hostname": "A.test", "path": "a" }"#),
        after: "\u{feff}{ \"apps\": [ {\"path\":\"a\",   \"hostname\":\"A.test\"} ] }",
    },
    Change {
        what: "an app in the middle goes, its neighbours' comments stay",
        before: "{\n  \"apps\": [\n    // first\n    { \"path\": \"a\", \"hostname\": \"a.test\" },\n    \
                 { \"path\": \"b\", \"hostname\": \"b.test\" },\n    // third\n    { \"path\": \"c\", \
                 \"hostname\": \"c.test\" }\n  ]\n}\n",
        put: Err("b"),
        after: "{\n  \"apps\": [\n    // first\n    { \"path\": \"a\", \"hostname\": \"a.test\" },\n    // third\n    \
                { \"path\": \"c\", \"hostname\": \"c.test\" }\n  ]\n}\n",
    },
    Change {
        what: "the only app goes",
        before: "{ \"apps\": [ { \"path\": \"a\", \"hostname\": \"a.test\" } ] }",
        put: Err("a"),
        after: "{ \"apps\": [] }",
    },
];

/// A folder with the apps `a`, `b`, `c`, and a file that holds the text.
fn site(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for app in ["a", "b", "c", "apps/d"] {
        fs::create_dir_all(folder.path().join(app)).unwrap();
        fs::write(folder.path().join(app).join("index.js"), "").unwrap();
    }
    let file = folder.path().join("nano.json");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn put(file: &Path, description: &str) -> Result<Edit, EditError> {
    let described = load(file, &host_env).unwrap().config.describe(description, &host_env).unwrap();
    put_app(file, description, &described.app, &host_env)
}

fn check(change: &Change) {
    let (_folder, file) = site(change.before);
    let edit = match change.put {
        Ok(description) => put(&file, description).unwrap(),
        Err(name) => remove_app(&file, name, &host_env).unwrap().unwrap(),
    };
    assert_eq!(edit.before, change.before.as_bytes());
    assert_eq!(String::from_utf8(edit.after).unwrap(), change.after);
    assert_eq!(fs::read(&file).unwrap(), change.before.as_bytes(), "an edit writes nothing");
}

/// Puts a new app into a configuration and takes it out again.
fn keeps_the_rest(file: &Path) {
    let before = load(file, &host_env).unwrap().config;
    // The file's relative paths start at its folder, so the change is tried beside it.
    let copy =
        file.with_file_name(format!(".{}.{}", std::process::id(), file.file_name().unwrap().display()));
    let _removed = Removed(copy.clone());
    fs::copy(file, &copy).unwrap();
    let site = tempfile::tempdir().unwrap();
    fs::write(site.path().join("index.js"), "").unwrap();
    let description =
        serde_json::json!({ "name": "zz", "hostname": "zz.invalid", "path": site.path() }).to_string();
    let edit = put(&copy, &description).unwrap();
    fs::write(&copy, &edit.after).unwrap();
    for text in [&edit.after, &remove_app(&copy, "zz", &host_env).unwrap().unwrap().after] {
        let text = String::from_utf8_lossy(text);
        for line in String::from_utf8_lossy(&edit.before).lines().filter(|line| line.contains("//")) {
            assert!(text.contains(line.trim()), "lost {line:?} in:\n{text}");
        }
    }
    let removed = remove_app(&copy, "zz", &host_env).unwrap().unwrap();
    fs::write(&copy, &removed.after).unwrap();
    let after = load(&copy, &host_env).unwrap().config;
    assert_eq!(format!("{:?}", after.apps), format!("{:?}", before.apps));
    assert_eq!(after.listen, before.listen);
    assert!(remove_app(&copy, "zz", &host_env).unwrap().is_none());
}

struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn edits_odd_forms() {
    const A: &str = "{\"path\":\"a\",\"hostname\":\"a.test\"}";
    for text in [
        "{}",
        "{\t}\r",
        "{ // nothing\n}",
        "/* before */ { /* in */ } // after",
        "{\"apps\":[]}",
        "{\"apps\":[ // none yet\n]}",
        "{\"apps\":[/* none */],}",
        "{ \"apps\": [\n\n\n] /* x */ , \"port\": 0 }",
        &format!("{{\"apps\":[{A}]}}"),
        &format!("{{\"apps\":[{A},]}}"),
        &format!("{{\"apps\":[{A} // last\n]}}"),
        &format!("{{\"apps\":[{A} /* last */, // comma\n /* end */]}}"),
        &format!("{{\"apps\":[// first\n{A}\n//a\n,//b\n]//c\n}}//d"),
        &format!("\u{feff}{{\n\t\"apps\": [\n\t\t{A}\n\t]\n}}"),
    ] {
        let (_folder, file) = site(text);
        let before = load(&file, &host_env).unwrap().config.apps;
        let description = r#"{ "path": "b", "hostname": "b.test", "env": { "A": "\u00e9\n\"" } }"#;
        let edit = put(&file, description).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        fs::write(&file, &edit.after).unwrap();
        let apps = load(&file, &host_env).unwrap().config.apps;
        assert_eq!(apps.len(), before.len() + 1, "{text:?}");
        // Again, to replace it by something else.
        let edit = put(&file, r#"{ "hostnames": ["b.test", "*.b.test"], "path": "b" }"#).unwrap();
        fs::write(&file, &edit.after).unwrap();
        let edit = remove_app(&file, "b", &host_env).unwrap().unwrap();
        fs::write(&file, &edit.after).unwrap();
        assert_eq!(load(&file, &host_env).unwrap().config.apps, before, "{text:?}");
    }
}

fn refuses_what_would_not_load() {
    let (_folder, file) = site(r#"{ "apps": [ { "path": "a", "hostname": "a.test" } ] }"#);
    let taken = put(&file, r#"{ "path": "b", "hostname": "a.test" }"#);
    assert!(matches!(taken, Err(EditError::After(_))), "{taken:?}");
    let described =
        load(&file, &host_env).unwrap().config.describe(r#"{"path":"b","port":9}"#, &host_env).unwrap();
    fs::write(&file, "{ \"apps\": [ ").unwrap();
    let broken = put_app(&file, r#"{"path":"b","port":9}"#, &described.app, &host_env);
    assert!(matches!(broken, Err(EditError::Before(_))), "{broken:?}");
    let broken = remove_app(&file, "a", &host_env);
    assert!(matches!(broken, Err(EditError::Before(_))), "{broken:?}");
    fs::remove_file(&file).unwrap();
    assert!(matches!(remove_app(&file, "a", &host_env), Err(EditError::Before(_))));
}

fn keeps_what_is_a_folder() {
    let (_folder, file) =
        site(r#"{ "apps_dir": "apps", "apps": [ { "path": "a", "hostname": "a.test" } ] }"#);
    assert!(matches!(remove_app(&file, "d", &host_env), Err(EditError::ByFolder)));
    // It may be spoken of, and is then as it was: a folder, which would be an app again.
    let edit = put(&file, r#"{ "path": "apps/d", "cpu_ms": 7 }"#).unwrap();
    fs::write(&file, &edit.after).unwrap();
    assert_eq!(load(&file, &host_env).unwrap().config.apps.len(), 2);
    assert!(matches!(remove_app(&file, "d", &host_env), Err(EditError::ByFolder)));
}

fn describes_mistakes() {
    let (_folder, file) = site("{}");
    let config = load(&file, &host_env).unwrap().config;
    for (text, syntax, expected) in [
        ("", true, "body:1:1: error: there is no app here"),
        ("{ \"path\": \"a\"", true, "body:1:1: error: this `{` is not closed"),
        ("[]", false, "body:1:1: error: expected an object, found a list"),
        ("{}", false, "body:1:1: error: the app has no `path`"),
        ("{ \"path\": \"a\" }", false, "body:1:1: error: nothing leads to this app"),
        ("{\n \"path\": \"a\",\n \"hostnam\": \"a.test\" }", false, "body:3:2: error: unknown key `hostnam`"),
        ("{ \"path\": \"x\", \"port\": 9 }", false, "body:1:11: error: cannot read the folder"),
        (
            "{ \"path\": \"a\", \"hostnames\": [\"a.b\", \"A.b\"] }",
            false,
            "the host name `a.b` is claimed twice",
        ),
        ("{ \"path\": \"a\", \"port\": 9, \"env\": { \"S\": \"hunter2\", \"T\": 1 } }", false, "body:1:"),
        ("{ \"path\": \"a\", \"port\": 9, \"env\": { \"S\": \"${UNSET}\" } }", false, "`UNSET` is not set"),
        ("{ \"path\": \"a\", \"port\": 9, \"env_file\": \"none\" }", false, "cannot read"),
    ] {
        let error = config.describe(text, &host_env).unwrap_err();
        let said = error.to_string();
        assert_eq!(matches!(error, DescribeError::Syntax(_)), syntax, "{text}: {said}");
        assert!(said.contains(expected), "{text}: {said}");
        assert!(!said.contains(SECRET), "{said}");
    }
}

fn describes_by_the_configuration() {
    let (folder, file) = site(
        r#"{ "drain_timeout_ms": 1234, "apps_dir": "apps",
             "defaults": { "cpu_ms": 77, "preload": true, "env_file": "all.env", "egress": { "allow": ["localhost"] } } }"#,
    );
    fs::write(folder.path().join("all.env"), "A=1\nB=2\n").unwrap();
    let config = load(&file, &host_env).unwrap().config;
    let app = config.describe(r#"{ "path": "a", "port": 9, "env": { "B": "3" } }"#, &host_env).unwrap();
    assert!(!app.named);
    let app = app.app;
    assert_eq!((app.name.as_str(), app.limits.cpu_ms, app.preload), ("a", 77, true));
    assert_eq!(app.drain_timeout.as_millis(), 1234);
    assert_eq!(app.root, folder.path().join("a").canonicalize().unwrap());
    assert_eq!(format!("{:?}", app.env), r#"{"A": "1", "B": "3"}"#);
    assert_eq!(app.egress_allow.len(), 1);
    // A folder of `apps_dir` has its host, and there is no need to say it.
    let app = config.describe(r#"{ "path": "apps/d", "name": "d", "egress": {} }"#, &host_env).unwrap();
    assert!(app.named);
    assert_eq!(format!("{:?}", app.app.hosts), r#"[Exact("d.localhost")]"#);
    assert!(app.app.egress_allow.is_empty());
    // In a folder of apps paths start at that folder.
    let Loaded { config, .. } = load(&folder.path().join("apps"), &host_env).unwrap();
    assert!(config.describe(r#"{ "path": "d", "port": 9 }"#, &host_env).is_ok());
    assert!(config.describe(r#"{ "path": "../a", "port": 9 }"#, &host_env).is_ok());
}
