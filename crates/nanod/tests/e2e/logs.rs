//! The log: one JSON object a line on stderr, what apps write to it, and what may never be in it.

use serde_json::{Value, json};

use crate::nanod::{Nanod, Site, eventually};

const APP: &str = r#"
const cases = {
  levels: () => {
    console.debug("a debug"); console.log("a log"); console.info("an info"); console.warn("a warn");
    console.error("an error"); console.trace("a trace");
  },
  values: () => console.log("text", 1, { a: [1, 2] }, null, undefined, new Map([[1, 2]])),
  inject: () => {
    console.log('x\n{"ts":"2000-01-01T00:00:00.000Z","level":"error","app":"other","msg":"forged"}');
    console.log("y\r\n12:00:00.000 ERROR [other] forged \u001b[2J\u001b]0;title\u0007\u009b31m \u0000 end");
  },
  flood: () => { for (let index = 0; index < 5000; index++) console.log("flood " + index); },
  rejects: () => { for (let index = 0; index < 3000; index++) Promise.reject(new Error("one of many")); },
  large: () => { for (let index = 0; index < 1000; index++) console.log("x".repeat(10_000)); },
  some: () => { for (let index = 0; index < 900; index++) console.log("some " + "x".repeat(500)); },
  after: () => console.log("after the flood"),
  long: () => console.log("long " + "é".repeat(100_000)),
  throws: (request, env) => { throw new Error("thrown with " + Object.keys(env)); },
  waits: (request, env, ctx) => ctx.waitUntil(Promise.reject(new Error("rejected later"))),
};
export default {
  fetch(request, env, ctx) {
    cases[new URL(request.url).pathname.slice(1)]?.(request, env, ctx);
    return new Response("ok");
  },
};
"#;

fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or("");
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z" && text.starts_with("20")
}

#[test]
fn every_line_is_an_object_with_time_level_app_and_request() {
    let nanod = Site::new().app("app", APP).top(json!({ "log": { "level": "debug" } })).serve();
    nanod.request("app.test", "GET", "/levels", &[("x-request-id", "the-id")], b"");
    nanod.log_message("Trace: a trace");
    let lines = nanod.logged();
    let of_app: Vec<_> = lines
        .iter()
        .filter(|line| line["request_id"] == "the-id" && line["msg"] != "answered")
        .map(|line| (line["level"].as_str().unwrap(), line["msg"].as_str().unwrap()))
        .collect();
    let expected = [
        ("debug", "a debug"),
        ("info", "a log"),
        ("info", "an info"),
        ("warn", "a warn"),
        ("error", "an error"),
    ];
    assert_eq!(of_app[..5], expected);
    assert!(of_app[5].0 == "info" && of_app[5].1.contains("index.js:5:"), "{:?}", of_app[5]);
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(is_time(&line["ts"]), "{line}");
        assert!(
            ["error", "warn", "info", "debug", "trace"].contains(&line["level"].as_str().unwrap()),
            "{line}"
        );
        assert!(line["msg"].is_string(), "{line}");
        assert_eq!(keys[..2], ["ts", "level"]);
        if line["request_id"] == "the-id" {
            assert_eq!(line["app"], "app");
            assert_eq!(keys[2..5], ["app", "request_id", "msg"]);
        }
    }
}

#[test]
fn lines_below_the_level_are_left_out() {
    let nanod = Site::new().app("app", APP).top(json!({ "log": { "level": "warn" } })).serve();
    nanod.get("app.test", "/levels");
    nanod.log_message("an error");
    for line in nanod.logged() {
        assert!(["warn", "error"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn failures_are_told_with_place_and_request() {
    let nanod = Site::new().app("app", APP).serve();
    for (path, text) in [("/throws", "thrown with"), ("/waits", "rejected later")] {
        let id = format!("id{}", path.replace('/', "-"));
        nanod.request("app.test", "GET", path, &[("x-request-id", &id)], b"");
        let line = nanod.log(path, |line| line["request_id"] == id.as_str());
        assert_eq!((&line["level"], &line["app"]), (&json!("error"), &json!("app")));
        let msg = line["msg"].as_str().unwrap();
        assert!(msg.contains(text) && msg.contains("index.js:"), "{msg}");
    }
}

#[test]
fn what_an_app_writes_cannot_pass_for_another_line() {
    let nanod = Site::new().app("app", APP).app("other", APP).serve();
    nanod.get("app.test", "/inject");
    nanod.get("app.test", "/values");
    nanod.log_message("text 1");
    let raw = nanod.stderr.text();
    // `logged` parses every line; none of them is the forged one.
    for line in nanod.logged() {
        assert!(line["app"] != "other" && line["msg"] != "forged", "{line}");
    }
    assert!(raw.chars().all(|c| c == '\n' || !c.is_control()), "a control character got through");
    let line = nanod.log_message("[other] forged");
    assert!(line["msg"].as_str().unwrap().starts_with("y\r\n12:00"), "{line}");
}

fn pretty(site: Site) -> Nanod {
    site.file("apps/app/index.js", APP)
        .file("apps/other/index.js", APP)
        .serve_with(&["--log-format", "pretty"])
}

#[test]
fn pretty_lines_are_for_people_and_cannot_be_forged_either() {
    let nanod = pretty(Site::new());
    nanod.request("app.localhost", "GET", "/levels", &[("x-request-id", "the-id")], b"");
    let line = nanod.stderr.find(|line| line.contains("a warn").then(|| line.to_owned())).unwrap();
    let time: String = line[..12].chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!((time.as_str(), &line[12..]), ("00:00:00.000", "  WARN [app] a warn request_id=the-id"));
    nanod.get("app.localhost", "/inject");
    nanod.get("app.localhost", "/values");
    nanod.stderr.find(|line| line.contains("text 1").then_some(())).unwrap();
    let text = nanod.stderr.text();
    assert!(text.contains("forged"), "{text}");
    for line in text.lines() {
        assert!(!line.starts_with('{') && !line.starts_with("12:00:00.000 ERROR"), "forged: {line}");
        assert!(line.chars().all(|c| c == '\t' || !c.is_control()), "{line:?}");
    }
}

#[test]
fn secrets_are_nowhere() {
    let secrets = ["value-of-the-token", "value-of-the-host", "value-of-the-file", "value-of-the-env"];
    let nanod = Site::new()
        .env("NANO_TEST_TOKEN", secrets[0])
        .env("NANO_TEST_SECRET", secrets[1])
        .file("secrets.env", format!("FILE={}", secrets[2]))
        .app_with(
            "app",
            APP,
            json!({ "env": { "HOST": "${NANO_TEST_SECRET}", "ENV": secrets[3] }, "env_file": "secrets.env" }),
        )
        .app_with("broken", "throw new Error('at the start')", json!({ "env": { "ENV": secrets[3] } }))
        .top(json!({
            "log": { "level": "trace" }, "admin": { "listen": "127.0.0.1:0", "token": "${NANO_TEST_TOKEN}" }
        }))
        .serve();
    nanod.get("app.test", "/throws");
    nanod.get("broken.test", "/");
    let bearer = format!("Bearer {}", secrets[0]);
    let metrics = nanod.admin_request("GET", "/metrics", &[("authorization", &bearer)]);
    assert_eq!(metrics.status(), 200);
    assert_eq!(nanod.admin_request("GET", "/metrics", &[("authorization", "Bearer wrong")]).status(), 401);
    nanod.log_message("thrown with");
    nanod.log_message("start-up failed");
    let check = Site::new()
        .file("app/index.js", APP)
        .file(
            "nano.json",
            json!({ "apps": [{ "path": "app", "default": true, "env": { "ENV": secrets[3] }, "bad": 1 }] })
                .to_string(),
        )
        .run(&["check"]);
    let all = [
        nanod.stderr.text(),
        nanod.stdout.text(),
        metrics.text(),
        String::from_utf8_lossy(&check.stderr).into_owned(),
    ];
    for secret in secrets {
        for text in &all {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}

#[test]
fn an_app_that_floods_the_log_is_limited_and_its_neighbour_is_not() {
    let nanod = Site::new().app("app", APP).app("other", APP).serve();
    nanod.get("app.test", "/flood");
    for _ in 0..5 {
        nanod.get("other.test", "/after");
    }
    nanod.log("the neighbour", |line| line["app"] == "other");
    // Whenever the limit lets a message through again, the log tells how many were left out.
    let mut floods = 0;
    eventually("all messages are written or counted", || {
        nanod.get("app.test", "/after");
        let lines = nanod.logged();
        let told = lines.iter().filter(|line| line["app"] == "app" && line["level"] == "warn");
        let dropped: u64 = told.map(|line| line["dropped"].as_u64().unwrap()).sum();
        floods = lines.iter().filter(|line| line["msg"].as_str().unwrap().starts_with("flood ")).count();
        dropped + floods as u64 >= 5000
    });
    assert!((1000..5000).contains(&floods), "{floods}");
    let lines = nanod.logged();
    assert_eq!(lines.iter().filter(|line| line["app"] == "other").count(), 5);
}

#[test]
fn a_long_message_is_cut() {
    let nanod = Site::new().app("app", APP).serve();
    nanod.get("app.test", "/long");
    let line = nanod.log_message("long é");
    let bytes = line["msg"].as_str().unwrap().len();
    assert!((1000..=16 << 10).contains(&bytes), "{bytes}");
}

/// The app may have nothing more to say.
#[test]
fn what_was_dropped_is_told_without_another_message() {
    let nanod = Site::new().app("app", APP).serve();
    nanod.get("app.test", "/flood");
    let line = nanod.log("the report", |line| line["dropped"].is_u64());
    assert_eq!((&line["app"], &line["level"]), (&json!("app"), &json!("warn")));
    let lines = nanod.logged();
    let floods = lines.iter().filter(|line| line["msg"].as_str().unwrap().starts_with("flood ")).count();
    assert_eq!(floods as u64 + line["dropped"].as_u64().unwrap(), 5000);
    let series = r#"nano_log_lines_dropped_total{app="app"}"#;
    assert_eq!(nanod.metric(series), line["dropped"].as_f64().unwrap());
}

/// An app's exceptions are its messages, too: it could throw as often as it could log.
#[test]
fn exceptions_count_towards_the_rate() {
    let nanod = Site::new().app("app", APP).serve();
    nanod.get("app.test", "/rejects");
    let line = nanod.log("the report", |line| line["dropped"].is_u64());
    let lines = nanod.logged();
    let told = lines.iter().filter(|line| line["msg"].as_str().unwrap().contains("one of many")).count();
    assert_eq!(told as u64 + line["dropped"].as_u64().unwrap(), 3000);
    assert!((1000..2000).contains(&told), "{told}");
}

#[test]
fn the_end_of_an_isolate_is_told_with_its_reason_and_the_request() {
    let nanod = Site::new()
        .app_with("app", LIMITED, json!({ "cpu_ms": 100, "timeout_ms": 20_000 }))
        .app_with("fills", LIMITED, json!({ "cpu_ms": 20_000, "memory_mb": 32 }))
        .app_with("waits", LIMITED, json!({ "timeout_ms": 200 }))
        .serve();
    for (app, path, reason, ends) in [
        ("app", "/cpu", "cpu_limit", true),
        ("app", "/later", "cpu_limit", true),
        ("fills", "/heap", "memory_limit", true),
        ("fills", "/lost", "memory_limit", true),
        ("waits", "/never", "timeout", false),
    ] {
        let id = format!("id{}", path.replace('/', "-"));
        let answer = nanod.request(&format!("{app}.test"), "GET", path, &[("x-request-id", &id)], b"");
        assert_eq!(answer.header("x-nano-error"), Some(reason), "{path}");
        let is_it = |line: &Value, what: &str| {
            let msg = line["msg"].as_str().is_some_and(|msg| msg.contains(what));
            msg && line["request_id"] == id.as_str() && line["reason"] == reason && line["app"] == app
        };
        if ends {
            nanod.log("the isolate", |line| is_it(line, "isolate ended"));
        }
        let line = nanod.log("the request", |line| is_it(line, "ended by a limit"));
        assert!(line["duration_ms"].as_f64().unwrap() > 10.0 && line["level"] == "warn", "{line}");
    }
}

const LIMITED: &str = r#"
const cases = {
  cpu: () => { for (;;); },
  later: () => new Promise(() => setTimeout(() => { for (;;); }, 1)),
  heap: () => { for (const all = [];;) all.push({ a: [1] }); },
  lost: () => new Response(new Array(1e8).fill(1.5).length),
  never: () => new Promise(() => {}),
};
export default { fetch: (request) => cases[new URL(request.url).pathname.slice(1)]() };
"#;

/// A pipe that nobody reads is full after 64 KiB.
#[test]
fn a_stderr_that_nobody_reads_stops_nobody_and_what_is_missing_is_told() {
    let mut nanod = Site::new().app("app", APP).app("storm", APP).leave_stderr().serve();
    for _ in 0..3 {
        assert_eq!(nanod.get("storm.test", "/large").text(), "ok");
        assert_eq!(nanod.get("app.test", "/after").text(), "ok");
    }
    let series = "nano_process_log_lines_dropped_total";
    assert!(nanod.metric(series) > 0.0);
    nanod.read_stderr();
    let of = |lines: &[Value], app: &str| lines.iter().filter(|line| line["app"] == app).count();
    let mut lines = Vec::new();
    // The storm takes none of the others' room.
    eventually("the others' lines come, and all that was dropped is told", || {
        lines = nanod.logged();
        let told = lines.iter().filter(|line| line["app"].is_null() && line["level"] == "warn");
        let dropped: f64 = told.map(|line| line["dropped"].as_f64().unwrap()).sum();
        of(&lines, "app") == 3 && dropped == nanod.metric(series)
    });
    let of_storm = of(&lines, "storm");
    assert!((30..1100).contains(&of_storm), "{of_storm}");
    nanod.get("app.test", "/after");
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(0));
    nanod.log_message("drained");
    assert!(nanod.logged().last().unwrap()["msg"] == "drained");
}

/// Nobody reads: the process ends all the same, soon.
#[test]
fn a_stderr_that_nobody_reads_does_not_keep_the_process() {
    let mut nanod = Site::new().app("storm", APP).leave_stderr().serve();
    nanod.get("storm.test", "/large");
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(0));
}

/// All that was logged before the end comes out, however slow the reader.
#[test]
fn the_last_lines_come_out() {
    let mut nanod = Site::new().app("app", APP).leave_stderr().serve();
    nanod.get("app.test", "/some");
    nanod.signal("TERM");
    nanod.read_stderr();
    assert_eq!(nanod.exit().code(), Some(0));
    nanod.log_message("drained");
    let lines = nanod.logged();
    let some = lines.iter().filter(|line| line["msg"].as_str().unwrap().starts_with("some ")).count();
    assert_eq!(some, 900);
    assert_eq!(lines.last().unwrap()["msg"], "drained");
}
