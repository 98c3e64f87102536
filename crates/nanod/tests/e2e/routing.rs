//! From a request to its app.

use std::net::TcpListener;

use serde_json::json;

use crate::client::Response;
use crate::nanod::{Nanod, Site};

/// Answers with its name and the URL it saw.
fn named(name: &str) -> String {
    format!("export default {{ fetch: (request) => new Response({name:?} + ' ' + request.url) }};")
}

/// The app that answered, or the error's code.
fn who(response: &Response) -> String {
    match response.header("x-nano-error") {
        Some(code) => format!("{} {code}", response.status()),
        None => response.text().split(' ').next().unwrap().to_owned(),
    }
}

fn raw(nanod: &Nanod, request: &str) -> Response {
    let mut conn = nanod.connect();
    conn.send(request);
    conn.response()
}

#[test]
fn hosts_lead_to_their_apps() {
    let nanod = Site::new()
        .app_with("exact", &named("exact"), json!({ "hostnames": ["a.example", "[::1]"] }))
        .app_with("wide", &named("wide"), json!({ "hostname": "*.example.org" }))
        .app_with("deep", &named("deep"), json!({ "hostname": "*.b.example.org" }))
        .app_with("inside", &named("inside"), json!({ "hostname": "one.b.example.org" }))
        .serve();
    for (host, expected) in [
        ("a.example", "exact"),
        ("A.ExAmPlE", "exact"),
        ("a.example:1234", "exact"),
        ("a.example.", "exact"),
        ("a.example.:80", "exact"),
        ("[::1]", "exact"),
        ("[::1]:8080", "exact"),
        ("b.a.example", "404 unknown_host"),
        ("x.example.org", "wide"),
        ("X.Example.Org.", "wide"),
        ("x.y.example.org:81", "wide"),
        ("x.b.example.org", "deep"),
        ("x.y.b.example.org", "deep"),
        ("one.b.example.org", "inside"),
        ("b.example.org", "wide"),
        ("example.org", "404 unknown_host"),
        ("xexample.org", "404 unknown_host"),
        ("example", "404 unknown_host"),
        ("localhost", "404 unknown_host"),
        ("127.0.0.1", "404 unknown_host"),
    ] {
        assert_eq!(who(&nanod.get(host, "/")), expected, "{host}");
    }
}

#[test]
fn an_absolute_target_wins_over_the_host_header() {
    let nanod = Site::new().app("a", &named("a")).app("b", &named("b")).serve();
    let answer = raw(&nanod, "GET http://a.test:81/x?y HTTP/1.1\r\nhost: b.test\r\n\r\n");
    assert_eq!(answer.text(), "a http://a.test:81/x?y");
    let answer = raw(&nanod, "GET http://nowhere.test/ HTTP/1.1\r\nhost: b.test\r\n\r\n");
    assert_eq!(who(&answer), "404 unknown_host");
    let answer = raw(&nanod, "OPTIONS * HTTP/1.1\r\nhost: b.test\r\n\r\n");
    assert_eq!(answer.text(), "b http://b.test/");
}

#[test]
fn http_1_0_is_routed_by_its_host_if_it_has_one() {
    let nanod = Site::new().app("a", &named("a")).serve();
    assert_eq!(who(&raw(&nanod, "GET / HTTP/1.0\r\nhost: a.test\r\n\r\n")), "a");
    assert_eq!(who(&raw(&nanod, "GET / HTTP/1.0\r\n\r\n")), "404 unknown_host");
}

#[test]
fn the_default_app_takes_all_other_hosts() {
    let nanod = Site::new()
        .app("a", &named("a"))
        .app_with("rest", &named("rest"), json!({ "default": true }))
        .serve();
    assert_eq!(who(&nanod.get("a.test", "/")), "a");
    assert_eq!(who(&nanod.get("b.test", "/")), "rest");
    assert_eq!(nanod.get("10.0.0.1:99", "/p").text(), "rest http://10.0.0.1:99/p");
    assert_eq!(who(&raw(&nanod, "GET / HTTP/1.0\r\n\r\n")), "rest");
}

#[test]
fn an_app_has_its_own_port_for_every_host() {
    // Between the choice of a free port and its use another process may take it.
    let (nanod, port) = (0..10)
        .find_map(|_| {
            let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
            let site =
                Site::new().app("a", &named("a")).app_with("own", &named("own"), json!({ "port": port }));
            Some((site.try_serve().ok()?, port))
        })
        .expect("a free port");
    let own = Nanod::connect_to(([127, 0, 0, 1], port).into(), "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
    assert_eq!(own.text(), "own http://a.test/");
    assert_eq!(who(&nanod.get("a.test", "/")), "a");
    assert_eq!(who(&nanod.get("own.test", "/")), "404 unknown_host");
    assert!(nanod.stdout.text().contains(&format!("http://localhost:{port}")), "{}", nanod.stdout.text());
}

#[test]
fn a_folder_of_apps_names_their_hosts() {
    let nanod = Site::new()
        .file("sites/shop/index.js", named("shop"))
        .file("sites/blog.example/worker.js", named("blog"))
        .file("sites/packed/package.json", r#"{ "main": "lib/entry.js" }"#)
        .file("sites/packed/lib/entry.js", named("packed"))
        .file("sites/nested/src/index.js", named("nested"))
        .file("sites/notes/readme.txt", "not an app")
        .serve_path("sites");
    for (host, expected) in [
        ("shop.localhost", "shop"),
        ("blog.example", "blog"),
        ("packed.localhost", "packed"),
        ("nested.localhost", "nested"),
        ("blog.example.localhost", "404 unknown_host"),
        ("notes.localhost", "404 unknown_host"),
        ("shop", "404 unknown_host"),
    ] {
        assert_eq!(who(&nanod.get(host, "/")), expected, "{host}");
    }
    nanod.log("the folder without an entry", |line| {
        line["level"] == "warn" && line["msg"].as_str().is_some_and(|msg| msg.contains("notes"))
    });
}

#[test]
fn the_folder_of_one_app_takes_every_host() {
    let nanod = Site::new().file("shop/index.js", named("shop")).serve_path("shop");
    for host in ["shop.localhost", "localhost", "127.0.0.1:8080", "anything.example"] {
        assert_eq!(who(&nanod.get(host, "/")), "shop", "{host}");
    }
}

#[test]
fn a_configuration_adds_a_folder_of_apps() {
    let nanod = Site::new()
        .app("a", &named("a"))
        .file("more/b/index.js", named("b"))
        .top(json!({ "apps_dir": "more" }))
        .serve();
    assert_eq!(who(&nanod.get("a.test", "/")), "a");
    assert_eq!(who(&nanod.get("b.localhost", "/")), "b");
}
