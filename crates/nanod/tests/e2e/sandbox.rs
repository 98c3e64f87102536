//! The sandbox: what is in force of the process, that apps do not notice, and what is said about it. It is on in all
//! other tests, too.

use std::path::Path;

use serde_json::{Value, json};

use crate::nanod::{Nanod, Site, eventually};

const HELLO: &str = "export default { fetch: () => new Response('hello') };";

/// What `nanod check` says of a part, by the name that its line begins with.
fn said<'a>(report: &'a str, part: &str) -> Option<&'a str> {
    report.lines().find_map(|line| Some(line.trim_start().strip_prefix(part)?.trim()))
}

/// The log's line about the sandbox.
fn logged(nanod: &Nanod) -> Value {
    nanod.log_message("sandbox: ")
}

/// A field of each thread's status in /proc.
fn of_threads(nanod: &Nanod, field: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", nanod.id())).unwrap();
    // A thread may end before it is looked at.
    let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok());
    let value = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().to_owned()
    };
    statuses.map(value).collect()
}

fn assert_all_threads(nanod: &Nanod, field: &str, expected: &str) {
    let values = of_threads(nanod, field);
    // V8's, tokio's, the watchdog and the first.
    assert!(values.len() >= 4, "{values:?}");
    assert!(values.iter().all(|value| value == expected), "{field}: {values:?}");
}

#[test]
fn every_thread_is_in_it() {
    let nanod = Site::new().app("app", HELLO).serve();
    assert_eq!(nanod.get("app.test", "/").text(), "hello");
    let line = logged(&nanod);
    if line["seccomp"] == "in force" {
        assert_all_threads(&nanod, "NoNewPrivs", "1");
        assert_all_threads(&nanod, "Seccomp", "2");
    } else {
        assert_ne!(line["msg"], "sandbox: in force", "{line}");
    }
}

#[test]
fn off_is_off() {
    let nanod = Site::new().app("app", HELLO).top(json!({ "sandbox": "off" })).serve();
    assert_eq!(nanod.get("app.test", "/").text(), "hello");
    assert_eq!(logged(&nanod)["msg"], "sandbox: off");
    // As the process that started it.
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("Seccomp:")).unwrap().trim();
    assert_all_threads(&nanod, "Seccomp", own);
}

#[test]
fn the_command_line_wins_over_the_file() {
    for (file, option, expected_off) in
        [("off", "--sandbox=auto", false), ("on", "--sandbox=off", true), ("auto", "--sandbox=off", true)]
    {
        let config = json!({ "sandbox": file, "apps": [{ "path": "app", "default": true }] });
        let site = Site::new().file("app/index.js", HELLO).file("nano.json", config.to_string());
        let nanod = site.serve_with(&["nano.json", option]);
        assert_eq!(logged(&nanod)["msg"] == "sandbox: off", expected_off, "{file} {option}");
    }
}

#[test]
fn on_serves_with_all_of_it_or_does_not_start() {
    let report = Site::new().file("apps/app/index.js", HELLO).run(&["check"]);
    let report = String::from_utf8(report.stdout).unwrap();
    let parts = ["landlock", "seccomp", "no_new_privs"];
    let whole = parts.iter().all(|part| said(&report, part).unwrap().starts_with("in force"));
    for option in ["--sandbox=on", "--sandbox"] {
        let site = Site::new().file("apps/app/index.js", HELLO);
        if whole {
            let nanod = site.serve_with(&["apps", option]);
            assert_eq!(logged(&nanod)["msg"], "sandbox: in force");
            assert_eq!(nanod.get("app.localhost", "/").text(), "hello");
        } else {
            let output = site.run(&["serve", "apps", "--listen", "127.0.0.1:0", option]);
            assert_eq!(output.status.code(), Some(1));
            let error = String::from_utf8(output.stderr).unwrap();
            assert!(error.contains("the sandbox cannot be put in force"), "{error}");
        }
    }
}

/// The proof: `check` enters the sandbox that `serve` would, and tries to leave it.
#[test]
fn check_tries_what_it_refuses() {
    let site = Site::new().file("site/apps/app/index.js", HELLO).file("site/shared.env", "A=1").file(
        "site/nano.json",
        r#"{ "listen": "127.0.0.1:18089", "apps_dir": "apps", "defaults": { "env_file": "shared.env" } }"#,
    );
    let output = site.run(&["check", "site"]);
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
    let landlock = said(&report, "landlock").unwrap();
    let seccomp = said(&report, "seccomp").unwrap();
    let mut expected = Vec::new();
    if landlock.starts_with("in force") {
        expected.push("to list /");
        let folder = site.path().canonicalize().unwrap().join("site");
        assert_eq!(said(&report, "reads"), Some(folder.to_str().unwrap()), "{report}");
    } else {
        assert!(landlock.contains("this kernel"), "{report}");
    }
    if seccomp == "in force" {
        assert_eq!(said(&report, "no_new_privs"), Some("in force"));
        expected.extend(["to write", "to start a program", "to open a Unix socket"]);
    }
    for attempt in expected {
        assert_eq!(said(&report, attempt), Some("refused"), "{report}");
    }
    assert!(!report.contains("NOT REFUSED"), "{report}");
}

#[test]
fn check_says_that_it_is_off() {
    let site = Site::new()
        .file("app/index.js", HELLO)
        .file("nano.json", r#"{ "sandbox": "off", "apps": [{ "path": "app", "default": true }] }"#);
    let output = site.run(&["check"]);
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("sandbox: off\n"));
}

/// Names are resolved by the system's libraries, which read files; V8 works on threads of its own; the metrics read
/// /proc.
#[test]
fn apps_do_not_notice() {
    let app = "export default {
      async fetch(request) {
        const url = decodeURIComponent(new URL(request.url).search.slice(1));
        if (url) return await fetch(url);
        const data = crypto.getRandomValues(new Uint8Array(1 << 16));
        const hash = await crypto.subtle.digest('SHA-256', data);
        const key = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
        const zipped = new Response(data).body.pipeThrough(new CompressionStream('gzip'));
        const text = await new Response(zipped).arrayBuffer();
        const zone = new Intl.DateTimeFormat('de', { timeZone: 'Asia/Tokyo', hour: 'numeric' });
        return Response.json([hash.byteLength, key.privateKey.type, text.byteLength > 65000, zone.format(0)]);
      },
    };";
    let allowed = json!({ "egress": { "allow": ["127.0.0.0/8", "::1", "localhost"] } });
    let mut nanod = Site::new().app_with("app", app, allowed).serve();
    assert_eq!(nanod.get("app.test", "/").json(), json!([32, "private", true, "09 Uhr"]));
    let (address, port) = (nanod.admin, nanod.admin.port());
    for url in [format!("http://{address}/live"), format!("http://localhost:{port}/live")] {
        assert_eq!(nanod.get("app.test", &format!("/?{url}")).text(), "live\n", "{url}");
    }
    assert!(nanod.metric("nano_process_resident_memory_bytes") > 1e6);
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(0));
}

/// The kernel's rules are for a folder, not for its name.
#[test]
fn a_folder_that_was_replaced_is_told_to_need_a_restart() {
    let outside = tempfile::tempdir().unwrap();
    let put = |folder: &Path, text: &str| {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("index.js"), HELLO.replace("hello", text)).unwrap();
    };
    let folder = outside.path().join("app");
    put(&folder, "first");
    let config = json!({ "apps": [{ "path": folder, "default": true }] });
    let site = Site::new().file("nano.json", config.to_string());
    let nanod = site.serve_with(&["nano.json"]);
    assert_eq!(nanod.get("any.test", "/").text(), "first");
    std::fs::rename(&folder, outside.path().join("old")).unwrap();
    put(&folder, "second");
    nanod.signal("HUP");
    let landlock = logged(&nanod)["landlock"].as_str().unwrap().to_owned();
    if landlock.starts_with("in force") {
        nanod.log("the reason", |line| {
            line["code"] == "folder"
                && line["detail"]
                    .as_str()
                    .is_some_and(|detail| detail.contains("a nanod that runs in its sandbox"))
        });
        assert_eq!(nanod.get("any.test", "/").text(), "first");
    } else {
        eventually("the new folder is served", || nanod.get("any.test", "/").text() == "second");
    }
}

#[test]
fn a_new_folder_in_apps_dir_is_readable() {
    let site = Site::new()
        .file("apps/one/index.js", HELLO)
        .file("nano.json", r#"{ "apps_dir": "apps", "listen": "127.0.0.1:0" }"#);
    let apps = site.path().join("apps");
    let nanod = site.serve_with(&["nano.json"]);
    std::fs::rename(apps.join("one"), apps.join("old")).unwrap();
    std::fs::create_dir(apps.join("one")).unwrap();
    std::fs::write(apps.join("one/index.js"), HELLO.replace("hello", "new")).unwrap();
    // Its files may have been read before.
    eventually("the new folder is served", || nanod.get("one.localhost", "/").text() == "new");
}
