//! Requests that are wrong, and clients that behave badly: each is answered or cut, and nobody else notices.

use std::fmt::Write as _;

use serde_json::json;

use crate::nanod::{Nanod, Site};

/// Logs each request that reaches it.
const APP: &str = "export default {
  async fetch(request) {
    console.log('reached ' + new URL(request.url).pathname);
    return new Response(await request.text());
  },
};";

fn serve() -> Nanod {
    Site::new().app("app", APP).top(json!({ "log": { "level": "debug" } })).serve()
}

/// The server is well, no bad request reached the app, and nothing was an error of NANO's.
fn assert_unharmed(nanod: &Nanod) {
    assert_eq!(nanod.request("app.test", "POST", "/last", &[], b"well").text(), "well");
    nanod.log_message("reached /last");
    for line in nanod.logged() {
        assert!(line["level"] != "error" && line["level"] != "warn", "{line}");
        assert!(!line["msg"].as_str().unwrap().contains("reached /bad"), "{line}");
    }
}

#[test]
fn malformed_heads_are_answered_400() {
    let nanod = serve();
    let cases: &[(&str, &[u8])] = &[
        ("space in a name", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nbad name: x\r\n\r\n"),
        ("space before the colon", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx : y\r\n\r\n"),
        ("no name", b"GET /bad HTTP/1.1\r\nhost: app.test\r\n: y\r\n\r\n"),
        ("no colon", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nnothing\r\n\r\n"),
        ("obs-text in a name", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx\xe9: y\r\n\r\n"),
        ("NUL in a value", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx: a\0b\r\n\r\n"),
        ("control in a value", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx: a\x01b\r\n\r\n"),
        ("DEL in a value", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx: a\x7fb\r\n\r\n"),
        ("bare CR in a value", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx: a\rb: c\r\n\r\n"),
        ("folded line", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nx: a\r\n b\r\n\r\n"),
        ("folded host", b"GET /bad HTTP/1.1\r\n host: app.test\r\n\r\n"),
        ("no host", b"GET /bad HTTP/1.1\r\n\r\n"),
        ("two hosts", b"GET /bad HTTP/1.1\r\nhost: app.test\r\nhost: app.test\r\n\r\n"),
        ("empty host", b"GET /bad HTTP/1.1\r\nhost:\r\n\r\n"),
        ("host with a space", b"GET /bad HTTP/1.1\r\nhost: app test\r\n\r\n"),
        ("host with a path", b"GET /bad HTTP/1.1\r\nhost: app.test/x\r\n\r\n"),
        ("host with a user", b"GET /bad HTTP/1.1\r\nhost: me@app.test\r\n\r\n"),
        ("host with a query", b"GET /bad HTTP/1.1\r\nhost: app.test?x\r\n\r\n"),
        ("host with obs-text", b"GET /bad HTTP/1.1\r\nhost: app\xe9.test\r\n\r\n"),
        ("two hosts in one", b"GET /bad HTTP/1.1\r\nhost: app.test, app.test\r\n\r\n"),
        ("host with a percent", b"GET /bad HTTP/1.1\r\nhost: app%2etest\r\n\r\n"),
        ("target with a user", b"GET http://me@app.test/bad HTTP/1.1\r\nhost: app.test\r\n\r\n"),
        (
            "two lengths",
            b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        ),
        ("list of lengths", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3, 4\r\n\r\nabcd"),
        ("negative length", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: -1\r\n\r\n"),
        ("signed length", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: +3\r\n\r\nabc"),
        ("hexadecimal length", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: 0x3\r\n\r\nabc"),
        ("length with letters", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: 3a\r\n\r\nabc"),
        ("empty length", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length:\r\n\r\n"),
        (
            "huge length",
            b"POST /bad HTTP/1.1\r\nhost: app.test\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        ),
        (
            "unknown coding",
            b"POST /bad HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "chunked not last",
            b"POST /bad HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        ),
        ("identity", b"POST /bad HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: identity\r\n\r\n"),
        (
            "chunked in 1.0",
            b"POST /bad HTTP/1.0\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("unknown version", b"GET /bad HTTP/7.1\r\nhost: app.test\r\n\r\n"),
        ("no version", b"GET /bad\r\nhost: app.test\r\n\r\n"),
        ("control in the target", b"GET /bad\x01 HTTP/1.1\r\nhost: app.test\r\n\r\n"),
        ("two spaces", b"GET  /bad HTTP/1.1\r\nhost: app.test\r\n\r\n"),
        ("words after the version", b"GET /bad HTTP/1.1 more\r\nhost: app.test\r\n\r\n"),
        ("colon in the method", b"G:ET /bad HTTP/1.1\r\nhost: app.test\r\n\r\n"),
        ("garbage", b"\xff\xfe\xfd garbage \x80\r\n\r\n"),
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        ("a mail", b"EHLO client.example\r\nMAIL FROM:<a@b>\r\n\r\n"),
    ];
    for (what, bytes) in cases {
        let mut conn = nanod.connect();
        conn.send(bytes);
        let answer = conn.try_response_to("GET").unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(answer.status(), 400, "{what}");
    }
    assert_unharmed(&nanod);
}

#[test]
fn heads_over_the_limits_are_refused() {
    let nanod = serve();
    let long_value = format!("GET /bad HTTP/1.1\r\nhost: app.test\r\nx: {}\r\n\r\n", "v".repeat(70 << 10));
    let long_name = format!("GET /bad HTTP/1.1\r\nhost: app.test\r\n{}: v\r\n\r\n", "n".repeat(70 << 10));
    let long_target = format!("GET /bad{} HTTP/1.1\r\nhost: app.test\r\n\r\n", "p".repeat(70 << 10));
    let mut many = String::from("GET /bad HTTP/1.1\r\nhost: app.test\r\n");
    for index in 0..200 {
        let _ = write!(many, "x-{index}: v\r\n");
    }
    many.push_str("\r\n");
    let long_host = format!("GET /bad HTTP/1.1\r\nhost: {}\r\n\r\n", "a.".repeat(200));
    for (what, request, status) in [
        ("long value", long_value, 431),
        ("long name", long_name, 431),
        ("long target", long_target, 431),
        ("many headers", many, 431),
        ("long host", long_host, 400),
    ] {
        let mut conn = nanod.connect();
        conn.try_send(request);
        assert_eq!(conn.response().status(), status, "{what}");
    }
    // What fits is served.
    let fits = format!("POST /last HTTP/1.1\r\nhost: app.test\r\nx: {}\r\n\r\n", "v".repeat(60 << 10));
    let mut conn = nanod.connect();
    conn.send(fits);
    assert_eq!(conn.response().status(), 200);
    assert_unharmed(&nanod);
}

#[test]
fn broken_chunks_end_the_connection() {
    let nanod = serve();
    for (what, body) in [
        ("garbage size", "zz\r\nabc\r\n0\r\n\r\n"),
        ("negative size", "-1\r\nabc\r\n0\r\n\r\n"),
        ("huge size", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        ("size without a line end", "3 abc\r\n0\r\n\r\n"),
        ("chunk longer than its size", "3\r\nabcdef\r\n0\r\n\r\n"),
        ("no size", "\r\nabc\r\n0\r\n\r\n"),
    ] {
        let mut conn = nanod.connect();
        conn.try_send(format!(
            "POST /chunks HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n{body}\
             GET /bad HTTP/1.1\r\nhost: app.test\r\n\r\n"
        ));
        if let Some(answer) = conn.try_response_to("POST") {
            assert_eq!(answer.status(), 400, "{what}");
        }
        conn.assert_closed();
    }
    assert_unharmed(&nanod);
}

#[test]
fn clients_that_leave_in_the_middle_harm_nobody() {
    let nanod = serve();
    for half in [
        "",
        "G",
        "GET / HTT",
        "GET / HTTP/1.1\r\nhost: app.t",
        "GET / HTTP/1.1\r\nhost: app.test\r\n",
        "POST /short HTTP/1.1\r\nhost: app.test\r\ncontent-length: 10\r\n\r\nhalf",
        "POST /short HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /short HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhal",
        "PRI * HTTP/2.0\r\n\r\nSM",
    ] {
        // Once closed at once, once with an ear left open.
        drop({
            let mut conn = nanod.connect();
            conn.send(half);
            conn
        });
        let mut conn = nanod.connect();
        conn.send(half);
        conn.finish();
        let answer = conn.try_response_to("POST");
        assert!(answer.is_none_or(|answer| answer.status() == 400), "{half:?}");
        assert_eq!(nanod.request("app.test", "POST", "/between", &[], b"x").text(), "x");
    }
    assert_unharmed(&nanod);
}

#[test]
fn a_client_that_hangs_holds_nobody_up() {
    let nanod = serve();
    let hanging: Vec<_> = [
        "",
        "GET / HTTP/1.1\r\nhost:",
        "POST /slow HTTP/1.1\r\nhost: app.test\r\ncontent-length: 2\r\n\r\na",
    ]
    .iter()
    .cycle()
    .take(60)
    .map(|half| {
        let mut conn = nanod.connect();
        conn.send(half);
        conn
    })
    .collect();
    for _ in 0..50 {
        assert_eq!(nanod.request("app.test", "POST", "/between", &[], b"x").text(), "x");
    }
    // They may still go on.
    for (index, mut conn) in hanging.into_iter().enumerate() {
        match index % 3 {
            0 => conn.send("POST /late HTTP/1.1\r\nhost: app.test\r\ncontent-length: 2\r\n\r\nab"),
            1 => conn.send(" app.test\r\n\r\n"),
            _ => conn.send("b"),
        }
        assert_eq!(conn.response().text(), if index % 3 == 1 { "" } else { "ab" });
    }
    assert_unharmed(&nanod);
}

#[test]
fn methods_of_any_name_reach_the_app_but_connect_opens_no_tunnel() {
    let nanod = serve();
    for method in ["PATCH", "PROPFIND", "get", "TRACE"] {
        assert_eq!(nanod.request("app.test", method, "/method", &[], b"").status(), 200, "{method}");
    }
    let mut conn = nanod.connect();
    conn.send("CONNECT app.test:80 HTTP/1.1\r\nhost: app.test:80\r\n\r\nGET /bad HTTP/1.1\r\nhost: app.test\r\n\r\n");
    let answer = conn.response();
    assert!((400..500).contains(&answer.status()), "{answer:?}");
    assert_unharmed(&nanod);
}
