//! One HTTP/1 connection: where requests end and answers begin, in whatever pieces the bytes come.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;

use crate::nanod::{Nanod, Site, eventually, in_background};

const APP: &str = r#"
const cases = {
  text: async (request) => new Response(await request.text()),
  ignore: () => new Response("ignored"),
  host: (request) => new Response(request.headers.get("host") + " " + request.url),
  after: (request, ctx) => {
    ctx.waitUntil(request.text().then((text) => console.log("read afterwards: " + text.length)));
    return new Response("before");
  },
};
export default {
  fetch: (request, env, ctx) => cases[new URL(request.url).pathname.slice(1)](request, ctx),
};
"#;

fn serve() -> Nanod {
    Site::new().app_with("app", APP, json!({ "max_body_mb": 1 })).serve()
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let nanod = serve();
    let mut conn = nanod.connect();
    let chunked = "POST /text HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n\
                   3\r\nwho\r\n002;x=y\r\nle\r\n0\r\n\r\n";
    let with_length = "POST /text HTTP/1.1\r\nhost: app.test\r\ncontent-length: 5\r\n\r\nwhole";
    for request in [chunked, with_length] {
        for byte in request.bytes() {
            conn.send([byte]);
        }
        assert_eq!(conn.response().text(), "whole");
    }
}

#[test]
fn requests_that_come_at_once_are_all_answered() {
    let nanod = serve();
    let mut conn = nanod.connect();
    let one = "GET /ignore HTTP/1.1\r\nhost: app.test\r\n\r\n\
               POST /text HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    let mut all = one.repeat(2_000);
    all.push_str("GET /ignore HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\n\r\n");
    let mut writer = conn.writer();
    // The answers are more than the socket's buffers hold, so somebody has to read meanwhile.
    let sending = in_background(move || writer.write_all(all.as_bytes()).unwrap());
    for _ in 0..2_000 {
        assert_eq!(conn.response().text(), "ignored");
        assert_eq!(conn.response().text(), "body");
    }
    assert_eq!(conn.response().header("connection"), Some("close"));
    conn.assert_closed();
    sending.join();
}

#[test]
fn a_head_that_is_refused_has_an_id_and_says_why() {
    let nanod = serve();
    let mut many = String::from("GET / HTTP/1.1\r\nhost: app.test\r\n");
    for index in 0..101 {
        let _ = write!(many, "x-{index}: v\r\n");
    }
    for (request, status, code) in [
        ("GET / HTTP/1.1\r\nhost: app.test\r\nno colon\r\n\r\n", 400, "bad_request"),
        (&*format!("{many}\r\n"), 431, "bad_request"),
    ] {
        let mut conn = nanod.connect();
        conn.send(request);
        let answer = conn.response();
        assert_eq!((answer.status(), answer.header("connection")), (status, Some("close")));
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code);
        assert_eq!(error["request_id"].as_str(), answer.header("x-request-id"));
        assert!(answer.header("date").is_some());
        conn.assert_closed();
    }
}

#[test]
fn who_sends_more_than_anyone_reads_still_gets_the_answer() {
    let nanod = serve();
    let (length, chunked) = ("content-length: 8000000\r\n", "transfer-encoding: chunked\r\n");
    for (path, lengths, status) in
        [("/ignore", length, 413), ("/ignore", chunked, 200), ("/text", length, 413), ("/text", chunked, 413)]
    {
        let mut conn = nanod.connect();
        let mut writer = conn.writer();
        let head = format!("POST {path} HTTP/1.1\r\nhost: app.test\r\n{lengths}\r\n");
        let sending = in_background(move || {
            let mut body = head.into_bytes();
            let chunk = [&b"f4240\r\n"[..], &vec![b'x'; 1_000_000], b"\r\n"].concat();
            body.extend(if lengths.contains("chunked") { chunk.repeat(8) } else { vec![b'x'; 8_000_000] });
            let _ = writer.write_all(&body);
        });
        let answer = conn.response();
        assert_eq!(answer.status(), status, "{path} {lengths}");
        sending.join();
        assert_eq!(answer.header("connection"), Some("close"), "{path} {lengths}");
        conn.assert_closed();
    }
}

#[test]
fn a_small_body_that_nobody_reads_is_no_reason_to_close() {
    let nanod = serve();
    let mut conn = nanod.connect();
    for _ in 0..3 {
        conn.request("POST", "app.test", "/ignore", &[], b"nobody reads this");
        let answer = conn.response();
        assert_eq!((answer.text().as_str(), answer.header("connection")), ("ignored", None));
    }
}

#[test]
fn a_body_may_be_read_after_the_answer() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.send("POST /after HTTP/1.1\r\nhost: app.test\r\ncontent-length: 200000\r\n\r\nbegun");
    assert_eq!(conn.response().text(), "before");
    conn.send(vec![b'x'; 200_000 - "begun".len()]);
    nanod.log_message("read afterwards: 200000");
    conn.request("GET", "app.test", "/ignore", &[], b"");
    assert_eq!(conn.response().text(), "ignored");
}

#[test]
fn the_app_sees_the_host_that_counts() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.send("GET http://app.test:81/host HTTP/1.1\r\nHost: other.test\r\n\r\n");
    assert_eq!(conn.response().text(), "app.test:81 http://app.test:81/host");
}

#[test]
fn targets_that_name_nothing_here_are_refused() {
    let nanod = serve();
    for target in
        ["host", "app.test:80", "?x", "mailto:x@app.test", "http:///host", "http://", "\\host", "#x"]
    {
        let mut conn = nanod.connect();
        conn.send(format!("GET {target} HTTP/1.1\r\nhost: app.test\r\n\r\n"));
        assert_eq!(conn.response().status(), 400, "{target}");
    }
    // A fragment is no part of a target: what comes before it is.
    let mut conn = nanod.connect();
    conn.send("GET /host#/text HTTP/1.1\r\nhost: app.test\r\n\r\n");
    assert_eq!(conn.response().text(), "app.test http://app.test/host");
}

#[test]
fn http_2_is_recognised_in_pieces() {
    let nanod = serve();
    let mut conn = nanod.connect();
    for piece in ["P", "RI * HTT", "P/2.0\r\n\r\nS", "M\r\n\r\n"] {
        conn.send(piece);
    }
    // An empty SETTINGS frame (RFC 9113, section 6.5); the server's own comes first.
    conn.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    assert_eq!(conn.take(9)[3], 4);
    // What only begins alike is an ordinary method.
    let mut conn = nanod.connect();
    conn.send("PRI");
    conn.send("VATE /ignore HTTP/1.1\r\nhost: app.test\r\n\r\n");
    assert_eq!(conn.response().text(), "ignored");
}

#[test]
fn too_many_connections_keep_no_one_from_the_admin_api() {
    const DESCRIPTORS: u32 = 128;
    let nanod = Site::new().app("app", APP).descriptors_max(DESCRIPTORS).serve();
    let idle: Vec<_> = (0..DESCRIPTORS + 32).map(|_| nanod.connect()).collect();
    eventually("as many are taken as may be", || nanod.descriptors() > DESCRIPTORS as usize / 2);
    assert_eq!(nanod.admin("/ready").status(), 200);
    let mut waiting = nanod.connect();
    waiting.send("GET /text HTTP/1.1\r\nhost: app.test\r\n\r\n");
    drop(idle);
    assert_eq!(waiting.response().status(), 200);
    assert!(!nanod.stderr.text().contains("could not be accepted"), "there were descriptors left");
}
