//! Changes of apps and configuration at run time: what is seen, what is refused, and that no request notices.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::client::{Conn, Response};
use crate::nanod::{Background, DEADLINE, Nanod, Site, eventually, in_background};

/// An app that answers with a text and with what it got as `env.NAME`.
fn saying(text: &str) -> String {
    format!("export default {{ fetch: (request, env) => new Response('{text} ' + (env.NAME ?? '')) }};")
}

/// The configuration of a site with these apps.
fn config(apps: Value) -> String {
    json!({ "listen": "127.0.0.1:0", "admin": { "listen": "127.0.0.1:0" }, "apps": apps }).to_string()
}

fn app(name: &str, settings: Value) -> Value {
    let mut app = json!({ "name": name, "hostname": format!("{name}.test"), "path": format!("apps/{name}") });
    for (key, value) in settings.as_object().unwrap() {
        app[key] = value.clone();
    }
    app
}

/// What a host answers, or NANO's code if it does.
fn said(nanod: &Nanod, host: &str) -> String {
    let answer = nanod.get(host, "/");
    answer.header("x-nano-error").map_or_else(|| answer.text(), str::to_owned)
}

#[track_caller]
fn comes_to_say(nanod: &Nanod, host: &str, text: &str) {
    let mut last = String::new();
    eventually(&format!("{host} says {text:?}"), || {
        last = said(nanod, host);
        last == text
    });
}

/// The names in a field of all log lines about changes.
fn changed(nanod: &Nanod, field: &str) -> Vec<String> {
    let lines = nanod.logged().into_iter().filter(|line| line["msg"] == "apps changed");
    let names = lines.map(|line| line[field].as_str().unwrap().to_owned()).filter(|names| !names.is_empty());
    names.collect()
}

/// A line of the log may come after the answer that shows the change.
fn assert_replaced(nanod: &Nanod, expected: &[&str]) {
    eventually("the changes are told", || changed(nanod, "replaced").len() >= expected.len());
    assert_eq!(changed(nanod, "replaced"), expected);
}

fn assert_no_secret(nanod: &Nanod, secret: &str) {
    assert!(!nanod.stderr.text().contains(secret), "a secret is in the log");
    assert!(!nanod.admin("/metrics").text().contains(secret));
}

#[test]
fn a_change_of_source_env_limits_host_and_path_is_seen() {
    let nanod = Site::new()
        .app_with("a", &saying("one"), json!({ "env": { "NAME": "x" } }))
        .app("other", &saying("other"))
        .file("apps/b/index.js", saying("b"))
        .serve();
    let other = app("other", json!({}));
    assert_eq!((said(&nanod, "a.test"), said(&nanod, "other.test")), ("one x".into(), "other ".into()));

    nanod.file("apps/a/index.js", saying("two"));
    comes_to_say(&nanod, "a.test", "two x");
    // Another file of it.
    nanod.file("apps/a/text.txt", "three");
    nanod.file(
        "apps/a/index.js",
        "import text from './text.txt'; export default { fetch: (_, env) => new Response(text + env.NAME) };",
    );
    comes_to_say(&nanod, "a.test", "threex");
    nanod.file("apps/a/text.txt", "four");
    comes_to_say(&nanod, "a.test", "fourx");

    nanod.file("nano.json", config(json!([app("a", json!({ "env": { "NAME": "y" } })), other])));
    comes_to_say(&nanod, "a.test", "foury");
    nanod.file("a.env", "NAME=from a file");
    nanod.file("nano.json", config(json!([app("a", json!({ "env_file": "a.env" })), other])));
    comes_to_say(&nanod, "a.test", "fourfrom a file");
    nanod.file("a.env", "NAME=of the file");
    comes_to_say(&nanod, "a.test", "fourof the file");

    let large = vec![b'x'; 2 << 20];
    assert_eq!(nanod.request("a.test", "POST", "/", &[], &large).status(), 200);
    nanod.file("nano.json", config(json!([app("a", json!({ "max_body_mb": 1 })), other])));
    eventually("the limit holds", || nanod.request("a.test", "POST", "/", &[], &large).status() == 413);

    nanod.file("nano.json", config(json!([app("a", json!({ "hostname": "new.test" })), other])));
    comes_to_say(&nanod, "new.test", "fourundefined");
    comes_to_say(&nanod, "a.test", "unknown_host");

    nanod.file("nano.json", config(json!([app("a", json!({ "path": "apps/b" })), other])));
    comes_to_say(&nanod, "a.test", "b ");
    assert_eq!(said(&nanod, "new.test"), "unknown_host");

    // Nobody but the app that changed was touched, and its figures go on.
    assert!(changed(&nanod, "replaced").iter().all(|names| names == "a"));
    assert_eq!(nanod.metric("nano_cold_starts_total{app=\"other\"}"), 1.0);
    assert!(nanod.metric("nano_requests_total{app=\"a\",status=\"2xx\"}") > 5.0);
    // What was replaced is gone with its memory.
    eventually("one isolate is left", || nanod.metric("nano_isolates{app=\"a\"}") <= 1.0);
}

#[test]
fn a_touch_is_no_change() {
    let nanod = Site::new().app("a", &saying("a")).app("b", &saying("b")).serve();
    assert_eq!((said(&nanod, "a.test"), said(&nanod, "b.test")), ("a ".into(), "b ".into()));
    for round in 0..3 {
        // Written anew, as it was; then another, so that there is something to wait for.
        nanod.file("apps/a/index.js", saying("a"));
        std::fs::File::open(nanod.path().join("nano.json"))
            .unwrap()
            .set_modified(std::time::SystemTime::now())
            .unwrap();
        nanod.file("apps/a/README.md", "no part of the app");
        let text = format!("b{round}");
        nanod.file("apps/b/index.js", saying(&text));
        comes_to_say(&nanod, "b.test", &format!("{text} "));
    }
    assert_replaced(&nanod, &["b", "b", "b"]);
    assert_eq!(nanod.metric("nano_cold_starts_total{app=\"a\"}"), 1.0);
}

#[test]
fn a_broken_revision_never_replaces_a_working_one() {
    let nanod = Site::new().app("a", &saying("one")).app("idle", &saying("idle")).serve();
    comes_to_say(&nanod, "a.test", "one ");
    for (index, broken) in [
        "export default {",
        "throw new Error('at the top'); export default { fetch() {} };",
        "await Promise.reject(new Error('later')); export default { fetch() {} };",
        "import './nowhere.js'; export default { fetch() {} };",
        "export const nothing = 1;",
        "for (;;); export default { fetch() {} };",
    ]
    .into_iter()
    .enumerate()
    {
        nanod.file("apps/a/index.js", broken);
        eventually("it is refused", || {
            let lines = nanod.logged();
            let refused = lines
                .iter()
                .filter(|line| line["msg"] == "a change is refused; the revision before it serves on");
            refused.filter(|line| line["app"] == "a" && line["code"] == "startup").count() == index + 1
        });
        assert_eq!(said(&nanod, "a.test"), "one ", "{broken}");
    }
    // An app that nobody has asked anything yet is kept, too.
    nanod.file("apps/idle/index.js", "export default {");
    nanod.log("the idle app is refused", |line| line["code"] == "startup" && line["app"] == "idle");
    assert_eq!(said(&nanod, "idle.test"), "idle ");
    nanod.file("apps/a/index.js", saying("two"));
    comes_to_say(&nanod, "a.test", "two ");
}

#[test]
fn a_wrong_configuration_is_refused_whole() {
    let secret = "a-secret-of-the-app";
    let nanod = Site::new().app_with("a", &saying("a"), json!({ "env": { "NAME": secret } })).serve();
    let a = app("a", json!({ "env": { "NAME": secret } }));
    let secrets = app("b", json!({ "path": "apps/a", "env": { "NAME": secret, "LIST": ["x"] } }));
    for (wrong, says) in [
        ("{ \"apps\": [".to_owned(), "nano.json:1:"),
        (config(json!([a, app("b", json!({}))])), "cannot read the folder"),
        (config(json!([a, app("b", json!({ "path": "apps/a", "hostname": "a.test" }))])), "is claimed twice"),
        (
            config(json!([a, app("b", json!({ "path": "apps/a", "hostnme": "b.test" }))])),
            "did you mean `hostname`?",
        ),
        (config(json!([a, app("b", json!({ "path": "apps/a", "env_file": "no.env" }))])), "no.env"),
        (
            config(json!([a, app("b", json!({ "path": "apps/a", "env": { "X": "${NANO_TEST_UNSET}" } }))])),
            "NANO_TEST_UNSET",
        ),
        (config(json!([a, secrets])), "expected a string, found a list"),
    ] {
        // The right part of it is not served either.
        nanod.file("apps/a/index.js", saying("never"));
        nanod.file("nano.json", wrong);
        nanod.log(says, |line| {
            line["msg"].as_str().unwrap().starts_with("the configuration is refused")
                && line["level"] == "error"
                && line["detail"].as_str().unwrap().contains(says)
        });
        nanod.file("apps/a/index.js", saying("a"));
        assert_eq!(said(&nanod, "b.test"), "unknown_host");
    }
    nanod.file("apps/a/index.js", saying("right"));
    nanod.file("nano.json", config(json!([a, app("b", json!({ "path": "apps/a" }))])));
    comes_to_say(&nanod, "b.test", "right ");
    assert_eq!(said(&nanod, "a.test"), format!("right {secret}"));
    assert_no_secret(&nanod, secret);
}

#[test]
fn a_folder_that_vanishes_serves_on_and_comes_back() {
    let source = "export default { async fetch(request) {
        if (new URL(request.url).pathname === '/lazy') return new Response((await import('./lazy.js')).text);
        return new Response('one ');
    } };";
    let nanod = Site::new().app("a", source).file("apps/a/lazy.js", "export const text = 'lazy';").serve();
    comes_to_say(&nanod, "a.test", "one ");
    std::fs::remove_dir_all(nanod.path().join("apps/a")).unwrap();
    nanod.log_message("the configuration is refused");
    assert_eq!(said(&nanod, "a.test"), "one ");
    // What it had is all there, also what it never asked for before.
    assert_eq!(nanod.get("a.test", "/lazy").text(), "lazy");
    nanod.file("apps/a/index.js", saying("back"));
    comes_to_say(&nanod, "a.test", "back ");
}

#[test]
fn folders_of_apps_come_and_go() {
    let nanod = Site::new().file("apps/a/index.js", saying("a")).serve_path("apps");
    // One app alone takes all hosts, until there are others.
    comes_to_say(&nanod, "a.localhost", "a ");
    nanod.file("apps/b/index.js", saying("b"));
    comes_to_say(&nanod, "b.localhost", "b ");
    nanod.file("apps/new/index.js.tmp", saying("new"));
    let folder = nanod.path().join("apps");
    std::fs::rename(folder.join("new/index.js.tmp"), folder.join("new/index.js")).unwrap();
    comes_to_say(&nanod, "new.localhost", "new ");
    std::fs::rename(folder.join("new"), folder.join("newer")).unwrap();
    comes_to_say(&nanod, "newer.localhost", "new ");
    comes_to_say(&nanod, "new.localhost", "unknown_host");
    std::fs::remove_dir_all(folder.join("newer")).unwrap();
    comes_to_say(&nanod, "newer.localhost", "unknown_host");
    assert_eq!((said(&nanod, "a.localhost"), said(&nanod, "b.localhost")), ("a ".into(), "b ".into()));
}

/// Puts files where a volume of Kubernetes has them: behind a link that is replaced in one step.
fn swap_in(volume: &Path, version: &str, files: &[(&str, &str)]) {
    use std::os::unix::fs::symlink;
    let inner = volume.join(version);
    std::fs::create_dir_all(&inner).unwrap();
    for (name, content) in files {
        std::fs::write(inner.join(name), content).unwrap();
    }
    symlink(version, volume.join("..data_tmp")).unwrap();
    let before = std::fs::read_link(volume.join("..data")).ok();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    for (name, _) in files {
        let _ = symlink(format!("..data/{name}"), volume.join(name));
    }
    if let Some(before) = before {
        std::fs::remove_dir_all(volume.join(before)).unwrap();
    }
}

#[test]
fn a_config_map_is_swapped_in() {
    let site = Site::new();
    let folder = site.path().to_owned();
    let (app_files, conf) = (folder.join("app"), folder.join("conf"));
    let named = |name: &str| {
        let a = json!({ "name": "a", "path": "../app", "hostname": "a.test" });
        let b = json!({ "name": "b", "path": "../app", "hostname": "b.test", "env": { "NAME": name } });
        json!({ "apps": [a, b] }).to_string()
    };
    let source = "import { text } from './lib.js';
        export default { fetch: (_, env) => new Response(text + env.NAME) };";
    swap_in(&app_files, "..2026_01", &[("index.js", source), ("lib.js", "export const text = 'one';")]);
    swap_in(&conf, "..2026_01", &[("nano.json", &named("x"))]);
    let nanod = site.serve_with(&["conf/nano.json"]);
    comes_to_say(&nanod, "b.test", "onex");
    // Its files are known from here on: else it would come to the next ones without a change.
    assert_eq!(said(&nanod, "a.test"), "oneundefined");
    swap_in(&app_files, "..2026_02", &[("index.js", source), ("lib.js", "export const text = 'two';")]);
    comes_to_say(&nanod, "b.test", "twox");
    assert_eq!(said(&nanod, "a.test"), "twoundefined");
    swap_in(&conf, "..2026_02", &[("nano.json", &named("y"))]);
    comes_to_say(&nanod, "b.test", "twoy");
    // The same files once more: a new folder, and no new revision.
    swap_in(&app_files, "..2026_03", &[("index.js", source), ("lib.js", "export const text = 'two';")]);
    swap_in(&conf, "..2026_03", &[("nano.json", &named("z"))]);
    comes_to_say(&nanod, "b.test", "twoz");
    assert_replaced(&nanod, &["a, b", "b", "b"]);
}

#[test]
fn a_link_to_a_release_is_turned() {
    use std::os::unix::fs::symlink;
    // The configuration is elsewhere: what the sandbox lets be read of the releases is by the link.
    let (site, deployed) = (Site::new(), tempfile::tempdir().unwrap());
    let release = |name: &str, text: &str| {
        let folder = deployed.path().join("releases").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("index.js"), saying(text)).unwrap();
        symlink(folder, deployed.path().join("next")).unwrap();
        std::fs::rename(deployed.path().join("next"), deployed.path().join("current")).unwrap();
    };
    release("1", "one");
    let a = json!({ "name": "a", "hostname": "a.test", "path": deployed.path().join("current") });
    let nanod = site.file("conf/nano.json", config(json!([a]))).serve_with(&["conf/nano.json"]);
    comes_to_say(&nanod, "a.test", "one ");
    release("2", "two");
    comes_to_say(&nanod, "a.test", "two ");
    std::fs::remove_dir_all(deployed.path().join("releases/1")).unwrap();
    // As it was before: another place, and no other revision of anybody else.
    release("3", "two");
    std::fs::remove_dir_all(deployed.path().join("releases/2")).unwrap();
    eventually("the third is in place", || changed(&nanod, "replaced").len() == 2);
    assert_eq!(said(&nanod, "a.test"), "two ");
}

#[test]
fn a_hangup_reloads_at_once_where_nobody_watches() {
    let nanod = Site::new().file("apps/a/index.js", saying("one")).serve_with(&["apps", "--no-watch"]);
    assert_eq!(said(&nanod, "a.localhost"), "one ");
    nanod.file("apps/a/index.js", saying("two"));
    nanod.file("apps/b/index.js", saying("b"));
    nanod.signal("HUP");
    comes_to_say(&nanod, "a.localhost", "two ");
    assert_eq!(said(&nanod, "b.localhost"), "b ");
    let line = nanod.log_message("apps changed");
    assert_eq!((&line["added"], &line["replaced"], &line["removed"]), (&json!("b"), &json!("a"), &json!("")));
}

#[test]
fn what_only_a_restart_can_change_is_said() {
    let nanod = Site::new().app("a", &saying("a")).serve();
    let changed = json!({
        "listen": "127.0.0.1:0", "admin": { "listen": "127.0.0.1:0" }, "threads": 3, "log": { "level": "debug" },
        "apps": [app("a", json!({ "env": { "NAME": "x" } }))],
    });
    nanod.file("nano.json", changed.to_string());
    comes_to_say(&nanod, "a.test", "a x");
    let line = nanod.log_message("when nanod is started anew");
    assert_eq!((&line["level"], &line["keys"]), (&json!("warn"), &json!("threads, log")));
}

/// An app that asks an upstream, which the test holds up, before it answers.
const HELD: &str = "export default { async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/held') await (await fetch(env.UPSTREAM)).text();
    return new Response('REVISION ' + (env.NAME ?? ''));
} };";

struct Upstream(TcpListener);

impl Upstream {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn settings(&self) -> Value {
        let url = format!("http://{}/", self.0.local_addr().unwrap());
        json!({ "env": { "UPSTREAM": url }, "egress": { "allow": ["127.0.0.0/8"] } })
    }

    /// Begins a request that stays under way until the upstream, which is given, answers.
    fn hold(&self, nanod: &Nanod, host: &str) -> (Conn, TcpStream) {
        let mut conn = nanod.connect();
        conn.request("GET", host, "/held", &[], b"");
        let listener = self.0.try_clone().unwrap();
        (conn, in_background(move || listener.accept().unwrap().0).join())
    }
}

fn let_go(upstream: TcpStream, mut conn: Conn) -> Response {
    use std::io::Write as _;
    (&upstream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    upstream.set_read_timeout(Some(DEADLINE)).unwrap();
    conn.response()
}

#[test]
fn a_request_ends_on_the_revision_that_it_began_on() {
    let upstream = Upstream::new();
    let one = HELD.replace("REVISION", "one");
    let nanod = Site::new().app_with("a", &one, upstream.settings()).serve();
    let (first, first_held) = upstream.hold(&nanod, "a.test");
    nanod.file("apps/a/index.js", HELD.replace("REVISION", "two"));
    comes_to_say(&nanod, "a.test", "two ");
    let (second, second_held) = upstream.hold(&nanod, "a.test");
    let mut settings = upstream.settings();
    settings["env"]["NAME"] = "three".into();
    nanod.file("nano.json", config(json!([app("a", settings)])));
    comes_to_say(&nanod, "a.test", "two three");
    // The newest three are all there, each with its own code and variables.
    assert_eq!(let_go(second_held, second).text(), "two ");
    assert_eq!(let_go(first_held, first).text(), "one ");
    assert_eq!(said(&nanod, "a.test"), "two three");
    for _ in 0..2 {
        nanod.log_message("a revision has ended");
    }
    eventually("one isolate is left", || nanod.metric("nano_isolates{app=\"a\"}") <= 1.0);
}

#[test]
fn a_removed_app_answers_draining_until_its_requests_have_ended() {
    let upstream = Upstream::new();
    let nanod = Site::new().app_with("a", HELD, upstream.settings()).app("b", &saying("b")).serve();
    let (held, answer) = upstream.hold(&nanod, "a.test");
    nanod.file("nano.json", config(json!([app("b", json!({}))])));
    comes_to_say(&nanod, "a.test", "draining");
    let refused = nanod.get("a.test", "/");
    assert_eq!((refused.status(), refused.header("retry-after").is_some()), (503, true));
    assert_eq!(said(&nanod, "b.test"), "b ");
    assert_eq!(let_go(answer, held).text(), "REVISION ");
    comes_to_say(&nanod, "a.test", "unknown_host");
    assert_eq!(nanod.get("a.test", "/").status(), 404);
}

#[test]
fn hosts_change_hands_at_once() {
    let nanod = Site::new().app("a", &saying("a")).app("b", &saying("b")).serve();
    nanod.file(
        "nano.json",
        config(json!([app("a", json!({ "hostname": "b.test" })), app("b", json!({ "hostname": "a.test" }))])),
    );
    comes_to_say(&nanod, "a.test", "b ");
    assert_eq!(said(&nanod, "b.test"), "a ");
    // One of the two is broken: neither can have what the other keeps.
    nanod.file("apps/a/index.js", "export default {");
    nanod.file("nano.json", config(json!([app("a", json!({})), app("b", json!({}))])));
    nanod.log("b cannot have a's host", |line| line["code"] == "conflict" && line["app"] == "b");
    assert_eq!((said(&nanod, "a.test"), said(&nanod, "b.test")), ("b ".into(), "a ".into()));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn ports_of_apps_open_and_close() {
    let nanod = Site::new().app("a", &saying("a")).top(json!({ "sandbox": "off" })).serve();
    let port = free_port();
    let with_port = |apps: Value| {
        let config = json!({
            "listen": "127.0.0.1:0", "admin": { "listen": "127.0.0.1:0" }, "sandbox": "off", "apps": apps,
        });
        nanod.file("nano.json", config.to_string());
    };
    let own = json!({ "name": "own", "port": port, "path": "apps/own" });
    nanod.file("apps/own/index.js", saying("own"));
    let ask = || {
        let mut conn = Conn::open(([127, 0, 0, 1], port).into());
        conn.request("GET", "whatever", "/", &[], b"");
        conn.response().text()
    };
    let is_open = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    for _ in 0..2 {
        with_port(json!([app("a", json!({})), own]));
        eventually("the port opens", is_open);
        assert_eq!(ask(), "own ");
        with_port(json!([app("a", json!({}))]));
        eventually("the port closes", || !is_open());
    }
    // Somebody else has it.
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    with_port(json!([app("a", json!({})), own]));
    let line = nanod.log("the port is refused", |line| line["code"] == "port" && line["app"] == "own");
    assert!(line["detail"].as_str().unwrap().contains(&port.to_string()), "{line}");
    drop(taken);
    assert_eq!(said(&nanod, "a.test"), "a ");
}

#[test]
fn the_sandbox_refuses_a_new_port_and_a_folder_elsewhere_and_says_why() {
    let nanod = Site::new().app("a", &saying("a")).serve();
    let line = nanod.log_message("sandbox: ");
    let files = line["landlock"].as_str().unwrap().starts_with("in force");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("index.js"), saying("far")).unwrap();
    // Below the configuration's folder all is well.
    nanod.file("apps/near/index.js", saying("near"));
    let far = json!({ "name": "far", "hostname": "far.test", "path": elsewhere.path() });
    let port = json!({ "name": "port", "port": free_port(), "path": "apps/near" });
    nanod.file("nano.json", config(json!([app("a", json!({})), app("near", json!({})), far, port])));
    comes_to_say(&nanod, "near.test", "near ");
    if files {
        let line =
            nanod.log("the folder is refused", |line| line["code"] == "folder" && line["app"] == "far");
        assert!(line["detail"].as_str().unwrap().contains("--sandbox=off"), "{line}");
        assert_eq!(said(&nanod, "far.test"), "unknown_host");
    }
    if line["landlock"].as_str().unwrap().contains("ABI") && files {
        let line = nanod.log("the port is refused", |line| line["code"] == "port" && line["app"] == "port");
        assert!(line["detail"].as_str().unwrap().contains("--sandbox=off"), "{line}");
    }
    assert_eq!(said(&nanod, "a.test"), "a ");
}

/// Asks an app on one connection until told to stop: it never fails, and never answers with an older revision than
/// before. Gives the number of answers.
fn ask_on(nanod: &Nanod, name: &str, stop: &Arc<AtomicBool>) -> Background<usize> {
    let (mut conn, stop, name) = (nanod.connect(), Arc::clone(stop), name.to_owned());
    in_background(move || {
        let (mut answers, mut newest) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            conn.request("GET", &format!("{name}.test"), "/", &[], b"");
            let answer = conn.response();
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let text = answer.text();
            let number = text.strip_prefix(&format!("{name} ")).expect("an answer of this app").trim_end();
            let number: usize = number.parse().unwrap();
            assert!(number >= newest, "{number} after {newest}");
            newest = number;
            answers += 1;
        }
        answers
    })
}

#[test]
fn nobody_notices_changes_under_load() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let mut site = Site::new();
    for name in NAMES {
        site = site.app(name, &saying(&format!("{name} 0")));
    }
    let nanod = site.serve();
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> =
        NAMES.iter().flat_map(|name| [name; 2]).map(|name| ask_on(&nanod, name, &stop)).collect();
    for number in 1..=8 {
        let name = NAMES[number % NAMES.len()];
        nanod.file(&format!("apps/{name}/index.js"), saying(&format!("{name} {number}")));
        comes_to_say(&nanod, &format!("{name}.test"), &format!("{name} {number} "));
        // Another app comes, or goes.
        let mut apps: Vec<_> = NAMES.iter().map(|name| app(name, json!({}))).collect();
        apps.extend((number % 2 == 1).then(|| app("more", json!({ "path": "apps/a" }))));
        nanod.file("nano.json", config(apps.into()));
        eventually("it has come or gone", || {
            (nanod.get("more.test", "/").status() == 200) == (number % 2 == 1)
        });
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.join() > 8);
    }
    assert_eq!(nanod.metric("nano_requests_total{app=\"a\",status=\"5xx\"}"), 0.0);
}
