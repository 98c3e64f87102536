//! Apps that come, change and go through the admin API, and what it refuses.

use serde_json::{Value, json};

use crate::admin::assert_error;
use crate::client::Conn;
use crate::nanod::{Nanod, Site, eventually, in_background};

/// Answers with its variable and waits for the bodies that it is sent.
const APP: &str = "export default {
  async fetch(request, env) {
    console.log('inside');
    if (request.method === 'POST') return new Response('whole ' + (await request.text()));
    return new Response(env.SAYS ?? 'nothing');
  },
};";

const SECRET: &str = "hunter2-in-a-variable";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// One app from the file, and folders for more.
fn site() -> Site {
    Site::new()
        .app_with("first", APP, json!({ "env": { "SAYS": "first", "SECRET": SECRET } }))
        .file("apps/second/index.js", APP)
        .file("apps/third/index.js", APP)
        .file("apps/broken/index.js", "export default {{")
        .file("apps/throws/index.js", "throw new Error('at the top');")
}

fn second() -> Value {
    json!({ "name": "second", "hostname": "second.test", "path": "apps/second", "env": { "SAYS": "second" } })
}

fn with(mut app: Value, key: &str, value: Value) -> Value {
    app[key] = value;
    app
}

/// Names of the apps that the list has.
fn names(nanod: &Nanod) -> Vec<String> {
    let list = nanod.admin("/admin/apps").json();
    list["apps"].as_array().unwrap().iter().map(|app| app["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_app_is_listed_with_its_figures_and_without_its_secrets() {
    let nanod = site()
        .app_with("wild", APP, json!({ "hostnames": ["*.wild.test", "one.test"], "memory_mb": 64 }))
        .app_with("rest", APP, json!({ "default": true, "egress": { "allow": ["10.0.0.0/8", "localhost"] } }))
        .serve();
    for _ in 0..3 {
        assert_eq!(nanod.get("first.test", "/").text(), "first");
    }
    let app = nanod.admin("/admin/apps/first.test").json();
    assert_eq!(app["name"], "first");
    assert_eq!(app["hostnames"], json!(["first.test"]));
    assert_eq!((&app["port"], &app["default"]), (&Value::Null, &json!(false)));
    assert_eq!((&app["state"], &app["isolates"]), (&json!("running"), &json!(1)));
    assert_eq!(app["requests"], json!({ "2xx": 3 }));
    assert_eq!((&app["in_flight"], &app["errors"], &app["last_error"]), (&json!(0), &json!(0), &Value::Null));
    assert!(app["memory_bytes"].as_u64().unwrap() > 100_000, "{app}");
    assert_eq!(app["revision"].as_str().unwrap().len(), 16);
    assert_eq!(app["env"], json!(["SAYS", "SECRET"]));
    assert_eq!(app["limits"]["cpu_ms"], 5000);
    assert!(app["path"].as_str().unwrap().ends_with("/apps/first"));
    assert_eq!(app["main"], "index.js");
    let list = nanod.admin("/admin/apps").json();
    assert_eq!(list["apps"].as_array().unwrap().len(), 3);
    // By any of its hosts as they are written, or by the name.
    for (key, name) in [
        ("FIRST.test", "first"),
        ("first", "first"),
        ("f%69rst.test", "first"),
        ("*.wild.test", "wild"),
        ("%2A.wild.test", "wild"),
        ("one.test", "wild"),
        ("rest", "rest"),
    ] {
        let app = nanod.admin(&format!("/admin/apps/{key}"));
        assert_eq!((app.status(), &app.json()["name"]), (200, &json!(name)), "{key}");
    }
    assert_eq!(nanod.admin("/admin/apps/rest").json()["egress"], json!(["10.0.0.0/8", "localhost"]));
    for key in ["any.wild.test", "FIRST", "nobody", "first.test:80", "%00", "%ff", "first.test."] {
        assert_error(&nanod.admin(&format!("/admin/apps/{key}")), 404, "unknown_app");
    }
    let all = nanod.admin("/admin/apps").text() + &nanod.stderr.text();
    assert!(!all.contains(SECRET), "{all}");
}

#[test]
fn an_app_is_added_replaced_and_removed() {
    let nanod = site().serve();
    assert_eq!(nanod.get("second.test", "/").status(), 404);
    let added = nanod.post_app(&second());
    assert_eq!(added.status(), 201);
    let added = added.json();
    assert_eq!(
        (&added["result"], &added["name"], &added["persisted"]),
        (&json!("added"), &json!("second"), &json!(false))
    );
    assert!(added["note"].as_str().unwrap().contains("--persist"), "{added}");
    assert_eq!(added["app"]["hostnames"], json!(["second.test"]));
    assert_eq!(nanod.get("second.test", "/").text(), "second");
    assert_eq!(names(&nanod), ["first", "second"]);

    let again = nanod.post_app(&second());
    assert_eq!((again.status(), &again.json()["result"]), (200, &json!("unchanged")));
    let secret = with(second(), "env", json!({ "SAYS": SECRET }));
    let replaced = nanod.post_app(&secret);
    assert_eq!((replaced.status(), &replaced.json()["result"]), (200, &json!("replaced")));
    assert_ne!(replaced.json()["app"]["revision"], added["app"]["revision"]);
    assert_eq!(nanod.get("second.test", "/").text(), SECRET);
    // What the file says can be replaced as well, and the host go with it.
    let moved = json!({ "name": "first", "hostname": "moved.test", "path": "apps/first" });
    assert_eq!(nanod.post_app(&moved).json()["result"], "replaced");
    assert_eq!(nanod.get("moved.test", "/").text(), "nothing");
    eventually("the old host is forgotten", || nanod.get("first.test", "/").status() == 404);

    let removed = nanod.admin_request("DELETE", "/admin/apps/SECOND.test", &[]);
    assert_eq!((removed.status(), &removed.json()["result"]), (200, &json!("removed")));
    assert_eq!(removed.json()["name"], "second");
    eventually("the host is forgotten", || nanod.get("second.test", "/").status() == 404);
    assert_error(&nanod.admin_request("DELETE", "/admin/apps/second.test", &[]), 404, "unknown_app");
    assert_eq!(nanod.admin_request("DELETE", "/admin/apps/first", &[]).status(), 200);
    assert_eq!(names(&nanod), [""; 0]);
    assert!(!nanod.stderr.text().contains(SECRET));
}

#[test]
fn what_cannot_be_served_is_refused_and_changes_nothing() {
    let nanod = site().env("HOST_VALUE", "of the host").serve();
    let app = |changes: Value| {
        let mut app = second();
        for (key, value) in changes.as_object().unwrap() {
            app[key] = value.clone();
        }
        app.to_string()
    };
    for (body, status, code, said) in [
        (String::new(), 400, "bad_json", "body:1:1: error"),
        ("{ \"path\": ".into(), 400, "bad_json", "body:1:"),
        ("[]".into(), 422, "invalid_app", "expected an object"),
        ("{}".into(), 422, "invalid_app", "the app has no `path`"),
        (app(json!({ "hostname": 1 })), 422, "invalid_app", "expected a string"),
        (app(json!({ "hostname": "bad host" })), 422, "invalid_app", "is not a host name"),
        (app(json!({ "memory_mb": 1 })), 422, "invalid_app", "at least 8"),
        (app(json!({ "path": "apps/none" })), 422, "invalid_app", "cannot read the folder"),
        (app(json!({ "path": "/root" })), 422, "invalid_app", ""),
        (app(json!({ "main": "../first/index.js" })), 422, "invalid_app", ""),
        (app(json!({ "env": { "A": "${NOT_SET}" } })), 422, "invalid_app", "`NOT_SET` is not set"),
        (app(json!({ "hostname": "first.test" })), 409, "conflict", "`first.test`"),
        (app(json!({ "hostname": "FIRST.test" })), 409, "conflict", "`first`"),
        (app(json!({ "port": nanod.admin.port() })), 422, "port", "cannot listen"),
        (app(json!({ "path": "apps/broken" })), 422, "startup", "SyntaxError"),
        (app(json!({ "path": "apps/throws" })), 422, "startup", "at the top"),
    ] {
        let answer = nanod.admin_send("POST", "/admin/apps", &JSON, body.as_bytes());
        assert_eq!(answer.status(), status, "{body}: {}", answer.text());
        assert_error(&answer, status, code);
        let error = answer.json();
        assert!(error["error"]["message"].as_str().unwrap().contains(said), "{body}: {error}");
        if code == "invalid_app" || code == "bad_json" {
            let first = &error["error"]["diagnostics"][0];
            assert!(
                first["line"].is_u64() && first["column"].is_u64() && first["message"].is_string(),
                "{error}"
            );
        }
    }
    assert_eq!(names(&nanod), ["first"]);
    assert_eq!(nanod.get("second.test", "/").status(), 404);
    assert_eq!(nanod.get("first.test", "/").text(), "first");
    let host = with(second(), "env", json!({ "SAYS": "${HOST_VALUE}" }));
    assert_eq!(nanod.post_app(&host).status(), 201);
    assert_eq!(nanod.get("second.test", "/").text(), "of the host");
}

#[test]
fn a_folders_name_does_not_replace_an_app_with_another_folder() {
    let nanod = site().file("elsewhere/first/index.js", APP).serve();
    let nameless = json!({ "hostname": "other.test", "path": "elsewhere/first" });
    assert_error(&nanod.post_app(&nameless), 409, "conflict");
    assert_eq!(nanod.get("first.test", "/").text(), "first");
    let same = json!({ "hostname": "first.test", "path": "apps/first" });
    assert_eq!(nanod.post_app(&same).json()["result"], "replaced");
    assert_eq!(nanod.post_app(&with(nameless, "name", json!("other"))).status(), 201);
}

#[test]
fn a_broken_revision_does_not_replace_one_that_works() {
    let nanod = site().serve();
    assert_eq!(nanod.post_app(&second()).status(), 201);
    for folder in ["broken", "throws"] {
        let broken = with(second(), "path", json!(format!("apps/{folder}")));
        assert_error(&nanod.post_app(&broken), 422, "startup");
        assert_eq!(nanod.get("second.test", "/").text(), "second");
        let app = nanod.admin("/admin/apps/second").json();
        assert_eq!(app["last_error"]["code"], "startup", "{app}");
        assert_eq!(app["state"], "running");
        assert!(app["path"].as_str().unwrap().ends_with("/second"));
    }
}

#[test]
fn requests_that_are_no_admin_requests_are_refused() {
    let nanod = site().serve();
    let text = [("content-type", "text/plain")];
    let app = second().to_string();
    for (method, path, headers, status, code) in [
        ("PUT", "/admin/apps", &JSON[..], 405, "method_not_allowed"),
        ("DELETE", "/admin/apps", &[], 405, "method_not_allowed"),
        ("OPTIONS", "/admin/apps", &[], 405, "method_not_allowed"),
        ("POST", "/admin/apps/first", &JSON, 405, "method_not_allowed"),
        ("PATCH", "/admin/apps/first", &JSON, 405, "method_not_allowed"),
        ("GET", "/admin/reload", &[], 405, "method_not_allowed"),
        ("GET", "/admin/apps/", &[], 404, "not_found"),
        ("GET", "/admin/apps/a/b", &[], 404, "not_found"),
        ("GET", "/admin", &[], 404, "not_found"),
        ("POST", "/admin/apps", &[], 415, "unsupported_media_type"),
        ("POST", "/admin/apps", &text, 415, "unsupported_media_type"),
        ("POST", "/admin/apps?persist=true", &JSON, 400, "unknown_parameter"),
        ("GET", "/admin/apps?limit=1", &[], 400, "unknown_parameter"),
        ("DELETE", "/admin/apps/first?force", &[], 400, "unknown_parameter"),
        ("POST", "/admin/reload?now=1", &[], 400, "unknown_parameter"),
    ] {
        let body = if method == "POST" { app.as_bytes() } else { b"" };
        let answer = nanod.admin_send(method, path, headers, body);
        assert_eq!(answer.status(), status, "{method} {path}: {}", answer.text());
        assert_error(&answer, status, code);
        let allow = answer.header("allow");
        assert_eq!(allow.is_some(), status == 405, "{method} {path}: {allow:?}");
    }
    assert_eq!(nanod.admin_request("HEAD", "/admin/apps", &[]).status(), 200);
    let not_text = nanod.admin_send("POST", "/admin/apps", &JSON, b"{\"path\": \"\xff\"}");
    assert_error(&not_text, 400, "bad_json");
    assert_eq!(names(&nanod), ["first"]);
}

#[test]
fn bodies_are_bounded_in_size_and_time() {
    let nanod = site().serve();
    let head = "POST /admin/apps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    // The length alone is enough, and nothing is asked for.
    let mut declared = Conn::open(nanod.admin);
    declared.send(format!("{head}content-length: 65537\r\nexpect: 100-continue\r\n\r\n"));
    assert_error(&declared.response(), 413, "body_too_large");
    let mut chunked = Conn::open(nanod.admin);
    chunked.try_send(format!("{head}transfer-encoding: chunked\r\n\r\n10001\r\n{}\r\n", " ".repeat(65537)));
    assert_error(&chunked.response(), 413, "body_too_large");
    let mut broken = Conn::open(nanod.admin);
    broken.send(format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n"));
    assert_error(&broken.response(), 400, "broken_body");
    // As large as it may be.
    let app = second().to_string();
    let whole = app.clone() + &" ".repeat(65536 - app.len());
    assert_eq!(nanod.admin_send("POST", "/admin/apps", &JSON, whole.as_bytes()).status(), 201);
    let mut slow = Conn::open(nanod.admin);
    slow.send(format!("{head}content-length: 10\r\n\r\n{{"));
    assert_error(&slow.response(), 408, "body_timeout");
    slow.assert_closed();
}

#[test]
fn without_the_token_nothing_is_read_or_changed() {
    const TOKEN: &str = "0123456789-the-token";
    let nanod = site().top(json!({ "admin": { "listen": "127.0.0.1:0", "token": TOKEN } })).serve();
    let mut unread = Conn::open(nanod.admin);
    unread.send(
        "POST /admin/apps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\
         expect: 100-continue\r\n\r\n",
    );
    // No "100 Continue" comes first.
    let answer = unread.response();
    assert_error(&answer, 401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"nanod\""));
    for (method, path) in [("GET", "/admin/apps"), ("DELETE", "/admin/apps/first"), ("POST", "/admin/reload")]
    {
        assert_error(&nanod.admin_request(method, path, &[]), 401, "unauthorized");
    }
    let bearer = format!("Bearer {TOKEN}");
    // Who has the token may be anywhere.
    let headers = [("authorization", bearer.as_str()), ("origin", "https://ops.example"), JSON[0]];
    let mut conn = Conn::open(nanod.admin);
    conn.request("POST", "admin.example", "/admin/apps", &headers, second().to_string().as_bytes());
    assert_eq!(conn.response().status(), 201);
}

#[test]
fn a_web_page_in_a_browser_on_this_machine_can_do_nothing() {
    let nanod = site().serve();
    let ask = |method: &str, path: &str, host: &str, headers: &[(&str, &str)]| {
        let mut conn = Conn::open(nanod.admin);
        let body = if method == "POST" { second().to_string() } else { String::new() };
        conn.request(method, host, path, &[&JSON[..], headers].concat(), body.as_bytes());
        conn.response_to(method)
    };
    for (method, path) in [
        ("POST", "/admin/apps"),
        ("POST", "/admin/reload"),
        ("DELETE", "/admin/apps/first"),
        ("GET", "/admin/apps"),
        ("GET", "/metrics"),
    ] {
        for origin in ["https://evil.example", "null", "http://localhost:3000"] {
            assert_error(&ask(method, path, "localhost", &[("origin", origin)]), 403, "forbidden_origin");
        }
        // A name of the page's own that a name server has pointed to this machine.
        for host in ["evil.example", "evil.example:8081", "localhost.evil.example", "admin"] {
            assert_error(&ask(method, path, host, &[]), 403, "forbidden_host");
        }
    }
    assert_eq!(names(&nanod), ["first"]);
    // Load balancers ask by whatever name.
    assert_eq!(ask("GET", "/ready", "balancer.example", &[]).status(), 200);
    for host in ["127.0.0.1", "[::1]:8081", "localhost:1234", "nano.localhost"] {
        assert_eq!(ask("GET", "/admin/apps", host, &[]).status(), 200, "{host}");
    }
}

#[test]
fn an_app_that_may_reach_this_machine_does_not_reach_the_admin_api() {
    const ASKS: &str = "export default {
      async fetch(request) {
        const url = new URL(request.url).searchParams.get('url');
        return new Response(await fetch(url, { method: 'DELETE' }).then((answer) => answer.status, String));
      },
    };";
    // A port that was free a moment ago: apps have to be told which it is before it is bound.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let egress = json!({ "egress": { "allow": ["127.0.0.0/8", "localhost", "::1", "0.0.0.0/8"] } });
    let site = site().app_with("asks", ASKS, egress);
    let nanod = site.top(json!({ "admin": { "listen": free.to_string() } })).serve();
    for host in ["127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::ffff:7f00:1]", "LOCALHOST."] {
        let url = format!("/?url=http://{host}:{}/admin/apps/first", free.port());
        let answer = nanod.get("asks.test", &url).text();
        assert!(answer.contains("TypeError"), "{host}: {answer}");
    }
    assert_eq!(names(&nanod), ["first", "asks"]);
    // Other ports of the machine are reached.
    let url = format!("/?url=http://127.0.0.1:{}/", nanod.address.port());
    assert_eq!(nanod.get("asks.test", &url).text(), "404");
}

#[test]
fn of_two_that_want_one_host_one_gets_it() {
    let nanod = site().serve();
    for round in 0..5 {
        let host = format!("wanted-{round}.test");
        let ask = |name: &str| {
            let app = json!({
                "name": format!("{name}-{round}"), "hostname": host, "path": format!("apps/{name}"),
                "env": { "SAYS": format!("{name}-{round}") },
            });
            let address = nanod.admin;
            in_background(move || {
                let mut conn = Conn::open(address);
                conn.request("POST", "localhost", "/admin/apps", &JSON, app.to_string().as_bytes());
                conn.response()
            })
        };
        let answers = [ask("second"), ask("third")].map(|asked| asked.join());
        let mut statuses = answers.each_ref().map(|answer| answer.status());
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
        let winner = answers.iter().find(|answer| answer.status() == 201).unwrap().json();
        assert_eq!(json!(nanod.get(&host, "/").text()), winner["name"]);
    }
}

#[test]
fn requests_under_way_end_though_their_app_is_removed() {
    let nanod = site().serve();
    let mut under_way = nanod.connect();
    under_way.send("POST / HTTP/1.1\r\nhost: first.test\r\ncontent-length: 4\r\n\r\nbo");
    nanod.log_message("inside");
    assert_eq!(nanod.admin_request("DELETE", "/admin/apps/first.test", &[]).status(), 200);
    let refused = nanod.get("first.test", "/");
    assert_eq!((refused.status(), refused.header("x-nano-error")), (503, Some("draining")));
    assert!(refused.header("retry-after").is_some());
    assert_error(&nanod.admin("/admin/apps/first"), 404, "unknown_app");
    under_way.send("dy");
    assert_eq!(under_way.response().text(), "whole body");
    eventually("its host is forgotten", || nanod.get("first.test", "/").status() == 404);
}

#[test]
fn a_reload_says_what_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    for name in ["a", "b", "c"] {
        write(&format!("apps/{name}/index.js"), APP);
    }
    let config = |apps: Value| json!({ "apps": apps }).to_string();
    let app = |name: &str| json!({ "path": format!("apps/{name}"), "hostname": format!("{name}.test") });
    write("nano.json", &config(json!([app("a"), app("b")])));
    let file = folder.path().join("nano.json");
    let nanod = Site::new().serve_with(&[file.to_str().unwrap(), "--no-watch"]);
    let reload = || nanod.admin_request("POST", "/admin/reload", &[]);
    let done = reload();
    assert_eq!(done.status(), 200);
    let done = done.json();
    assert_eq!((&done["added"], &done["replaced"], &done["removed"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!((&done["unchanged"], &done["refused"]), (&json!(2), &json!([])));
    write("apps/a/index.js", "export default { fetch: () => new Response('newer') };");
    write("nano.json", &config(json!([app("a"), app("c")])));
    let done = reload().json();
    assert_eq!(done["added"], json!(["c"]));
    assert_eq!(done["replaced"], json!(["a"]));
    assert_eq!(done["removed"], json!(["b"]));
    assert_eq!(nanod.get("a.test", "/").text(), "newer");
    // Nothing of it, or none of that app.
    write("nano.json", "{ \"apps\": [");
    let refused = reload();
    assert_error(&refused, 422, "refused");
    assert_eq!(refused.json()["refused"][0]["code"], "config");
    assert!(
        refused.json()["error"]["message"].as_str().unwrap().contains("nano.json:1:"),
        "{}",
        refused.text()
    );
    write("nano.json", &config(json!([app("a"), app("c")])));
    write("apps/c/index.js", "export default {{");
    let refused = reload();
    assert_error(&refused, 422, "refused");
    assert_eq!(
        (&refused.json()["refused"][0]["app"], &refused.json()["unchanged"]),
        (&json!("c"), &json!(2))
    );
    assert_eq!(nanod.get("c.test", "/").text(), "nothing");
}

#[test]
fn adds_and_removes_leave_nothing_behind() {
    const ROUNDS: usize = 40;
    let nanod = site().serve();
    let cycle = |round: usize| {
        let app = with(second(), "env", json!({ "SAYS": format!("round {round}") }));
        assert_eq!(nanod.post_app(&app).status(), 201);
        assert_eq!(nanod.get("second.test", "/").text(), format!("round {round}"));
        assert_eq!(nanod.admin_request("DELETE", "/admin/apps/second", &[]).status(), 200);
        eventually("it has ended", || nanod.get("second.test", "/").status() == 404);
    };
    (0..5).for_each(cycle);
    let (descriptors, rss_kib) = (nanod.descriptors(), nanod.rss_kib());
    (5..ROUNDS).for_each(cycle);
    eventually("descriptors are closed", || nanod.descriptors() <= descriptors + 2);
    // An isolate of its own takes 2 MiB at least: that many would be 70.
    eventually("memory is given back", || nanod.rss_kib() < rss_kib + (20 << 10));
    assert_eq!(nanod.metric("nano_isolates{app=\"first\"}"), 0.0);
    assert_eq!(names(&nanod), ["first"]);
}

#[test]
fn nothing_is_changed_any_more_when_the_process_ends() {
    let mut nanod = site().serve();
    let mut under_way = nanod.connect();
    under_way.send("POST / HTTP/1.1\r\nhost: first.test\r\ncontent-length: 4\r\n\r\nbo");
    nanod.log_message("inside");
    nanod.signal("TERM");
    nanod.log_message("draining");
    for (method, path) in
        [("POST", "/admin/apps"), ("DELETE", "/admin/apps/first"), ("POST", "/admin/reload")]
    {
        let answer = nanod.admin_send(method, path, &JSON, if method == "POST" { b"{}" } else { b"" });
        assert_error(&answer, 503, "draining");
    }
    assert_eq!(names(&nanod), ["first"]);
    under_way.send("dy");
    assert_eq!(under_way.response().text(), "whole body");
    assert_eq!(nanod.exit().code(), Some(0));
}
