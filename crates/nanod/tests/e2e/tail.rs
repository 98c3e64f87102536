//! `nanod tail` and what it asks: an app's lines as they come, for few at once, at nobody's expense.

use serde_json::{Value, json};

use crate::client::Conn;
use crate::nanod::{Nanod, Site, eventually};

const APP: &str = r#"
export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const log = () => {
      console.debug("a debug"); console.log("a log " + (searchParams.get("n") ?? "")); console.error("an error\u001b[2J");
    };
    if (pathname === "/log") log();
    if (pathname === "/spins") for (;;);
    if (pathname === "/much") {
      const text = "\u0001".repeat(16 << 10);
      for (let index = 0; index < 300; index++) console.log(text);
    }
    return new Response("ok");
  },
};"#;

const TOKEN: &str = "0123456789-the-token";

/// One who follows by the API itself.
struct Tail {
    conn: Conn,
    rest: String,
}

impl Tail {
    fn open(nanod: &Nanod, path: &str) -> Self {
        let mut conn = Conn::open(nanod.admin);
        conn.request("GET", "localhost", path, &[], b"");
        let head = conn.head();
        assert_eq!((head.status, head.header("content-type")), (200, Some("application/x-ndjson")), "{path}");
        Self { conn, rest: String::new() }
    }

    /// The next line; `None` at the stream's end.
    fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let line = (!line.is_empty()).then(|| serde_json::from_str(line).unwrap());
                self.rest = rest.to_owned();
                match line {
                    None => continue,
                    line => return line,
                }
            }
            self.rest.push_str(&String::from_utf8(self.conn.chunk()?).unwrap());
        }
    }

    fn messages(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().unwrap()["msg"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_app_is_followed_by_its_host_or_its_name_and_no_other_is() {
    let site = Site::new().app_with("app", APP, json!({ "hostnames": ["app.test", "*.app.test"] }));
    let nanod = site.app("other", APP).serve();
    let paths = ["app.test", "app", "*.app.test", "%61pp"].map(|app| format!("/admin/apps/{app}/logs"));
    let mut tails = paths.map(|path| Tail::open(&nanod, &path));
    nanod.get("other.test", "/log");
    nanod.request("app.test", "GET", "/log?n=1", &[("x-request-id", "the-id")], b"");
    for tail in &mut tails {
        let line = tail.next().unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["ts", "level", "app", "request_id", "msg"]);
        let fields = ["level", "app", "request_id", "msg"].map(|key| line[key].as_str().unwrap());
        assert_eq!(fields, ["info", "app", "the-id", "a log 1"]);
        assert_eq!(tail.messages(1), ["an error\u{1b}[2J"]);
    }
}

#[test]
fn a_follower_chooses_its_level_and_the_log_keeps_its_own() {
    let site = Site::new().app_with("app", APP, json!({ "cpu_ms": 100 }));
    let nanod = site.app("other", APP).top(json!({ "log": { "level": "warn" } })).serve();
    nanod.get("app.test", "/");
    let mut errors = Tail::open(&nanod, "/admin/apps/app/logs?level=error");
    let mut all = Tail::open(&nanod, "/admin/apps/app/logs?level=debug");
    nanod.get("other.test", "/log");
    nanod.get("app.test", "/log");
    assert_eq!(all.messages(4), ["a debug", "a log ", "an error\u{1b}[2J", "answered"]);
    // What the engine says of the app is there, too.
    nanod.get("app.test", "/spins");
    let ended = all.next().unwrap();
    assert_eq!((&ended["reason"], &ended["level"]), (&json!("cpu_limit"), &json!("warn")));
    nanod.get("app.test", "/log");
    assert_eq!(errors.messages(2), ["an error\u{1b}[2J"; 2]);
    drop((errors, all));
    nanod.log_message("an error");
    for line in nanod.logged() {
        assert!(["warn", "error"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
}

#[test]
fn what_cannot_be_followed_is_told() {
    let nanod = Site::new()
        .app("app", APP)
        .top(json!({ "admin": { "listen": "127.0.0.1:0", "token": TOKEN } }))
        .serve();
    let bearer = format!("Bearer {TOKEN}");
    let ask = |method: &str, path: &str| nanod.admin_request(method, path, &[("authorization", &bearer)]);
    for (method, path, status, code) in [
        ("GET", "/admin/apps/nobody.test/logs", 404, "unknown_app"),
        ("GET", "/admin/apps/%zz/logs", 404, "unknown_app"),
        ("GET", "/admin/apps/app/logs?level=loud", 400, "unknown_parameter"),
        ("GET", "/admin/apps/app/logs?lines=10", 400, "unknown_parameter"),
        ("POST", "/admin/apps/app/logs", 405, "method_not_allowed"),
        ("GET", "/admin/apps/a/b/logs", 404, "not_found"),
    ] {
        let answer = ask(method, path);
        assert_eq!(
            (answer.status(), answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{path}"
        );
    }
    let secret = nanod.admin("/admin/apps/app/logs");
    assert_eq!((secret.status(), secret.json()["error"]["code"].as_str()), (401, Some("unauthorized")));
}

#[test]
fn few_follow_at_once_and_who_leaves_makes_room() {
    let nanod = Site::new().app("app", APP).serve();
    let mut tails: Vec<_> = (0..16).map(|_| Tail::open(&nanod, "/admin/apps/app/logs")).collect();
    let refused = nanod.admin("/admin/apps/app/logs");
    assert_eq!(
        (refused.status(), refused.json()["error"]["code"].as_str()),
        (503, Some("too_many_followers"))
    );
    tails.pop();
    eventually("there is room", || {
        let mut conn = Conn::open(nanod.admin);
        conn.request("GET", "localhost", "/admin/apps/app/logs", &[], b"");
        conn.head().status == 200
    });
    nanod.get("app.test", "/log");
    assert!(tails.iter_mut().all(|tail| tail.messages(1) == ["a log "]));
}

#[test]
fn a_slow_follower_loses_lines_is_told_and_slows_nobody() {
    let nanod = Site::new().app("app", APP).app("other", APP).serve();
    let mut slow = Tail::open(&nanod, "/admin/apps/app/logs");
    let mut quick = Tail::open(&nanod, "/admin/apps/other/logs");
    assert_eq!(nanod.get("app.test", "/much").text(), "ok");
    nanod.get("other.test", "/log");
    assert_eq!(quick.messages(1), ["a log "]);
    let mut lines = 0;
    let dropped = loop {
        let line = slow.next().unwrap();
        match line["dropped"].as_u64() {
            Some(dropped) => break dropped,
            None => lines += 1,
        }
        assert_eq!(line["msg"].as_str().unwrap().len(), 16 << 10);
    };
    assert!(dropped > 0);
    assert_eq!(lines + dropped, 300);
    // From there on, all is there again.
    nanod.get("app.test", "/log?n=2");
    assert_eq!(slow.messages(1), ["a log 2"]);
}

#[test]
fn the_stream_ends_with_the_process() {
    let mut nanod = Site::new().app("app", APP).serve();
    let mut tail = Tail::open(&nanod, "/admin/apps/app/logs");
    nanod.get("app.test", "/log");
    nanod.signal("TERM");
    assert_eq!(tail.messages(2), ["a log ", "an error\u{1b}[2J"]);
    assert_eq!(tail.next(), None);
    assert_eq!(nanod.exit().code(), Some(0));
}

#[test]
fn the_command_follows_until_the_server_ends() {
    let mut nanod = Site::new()
        .app("app", APP)
        .top(json!({ "admin": { "listen": "127.0.0.1:0", "token": TOKEN } }))
        .serve();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    let file = file.path().to_str().unwrap();
    let admin = format!("http://{}", nanod.admin);
    let mut json = Nanod::run_client(&["tail", "app.test", "--admin", &admin, "--token-file", file], &[]);
    let token = [("NANO_ADMIN_TOKEN", TOKEN)];
    let as_text = ["--log-format", "pretty", "--level", "debug"];
    let mut pretty = Nanod::run_client(&[&["tail", "app", "--admin", &admin][..], &as_text].concat(), &token);
    // They follow from some moment on.
    eventually("both follow", || {
        nanod.get("app.test", "/log?n=3");
        json.stdout.peek(|line| line.contains("a log 3").then_some(())).is_some()
            && pretty.stdout.peek(|line| line.contains("a debug").then_some(())).is_some()
    });
    nanod.signal("TERM");
    assert_eq!((json.exit().code(), pretty.exit().code()), (Some(0), Some(0)));
    nanod.exit();
    for line in json.stdout.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["app"], "app");
    }
    let text = pretty.stdout.text();
    assert!(text.contains(" DEBUG [app] a debug request_id="), "{text}");
    assert!(text.contains("ERROR [app] an error\\u{1b}[2J request_id="), "{text}");
    assert!(!format!("{text}{}{}", json.stdout.text(), json.stderr.text()).contains(TOKEN));
}

#[test]
fn the_command_says_why_it_cannot() {
    let nanod = Site::new()
        .app("app", APP)
        .top(json!({ "admin": { "listen": "127.0.0.1:0", "token": TOKEN } }))
        .serve();
    let token = [("NANO_ADMIN_TOKEN", TOKEN)];
    let admin = nanod.admin.to_string();
    // Nobody listens there any more.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (arguments, env, code, text) in [
        (vec!["tail", "app", "--admin", &admin], &[][..], 1, "a bearer token is required"),
        (
            vec!["tail", "nobody", "--admin", &admin],
            &token[..],
            1,
            "no app has the host or the name `nobody`",
        ),
        (vec!["tail", "app", "--admin", &admin, "--token-file", "/nowhere/token"], &[], 2, "/nowhere/token"),
        (vec!["tail", "app", "--admin", "https://admin.test"], &[], 2, "http://HOST:PORT"),
        (vec!["tail", "app", "--admin", &nobody], &[], 3, "cannot be reached"),
    ] {
        let mut client = Nanod::run_client(&arguments, env);
        assert_eq!(client.exit().code(), Some(code), "{arguments:?}");
        assert!(client.stderr.find(|line| line.contains(text).then_some(())).is_some(), "{arguments:?}");
    }
}
