//! The drain: a signal lets what is under way end, takes nothing new, and has a limit.

use std::net::TcpStream;

use serde_json::json;

use crate::client::Conn;
use crate::nanod::{Nanod, Site, eventually};

const APP: &str = r#"
const cases = {
  body: async (request) => {
    console.log("inside");
    return new Response("whole " + (await request.text()));
  },
  stream: async (request) => {
    console.log("inside");
    return new Response(request.body);
  },
  hang: () => {
    console.log("inside");
    return new Promise(() => {});
  },
};
export default {
  fetch(request) {
    const run = cases[new URL(request.url).pathname.slice(1)];
    return run ? run(request) : new Response("ok");
  },
};
"#;

fn serve(settings: serde_json::Value) -> Nanod {
    Site::new().app("app", APP).top(settings).serve()
}

/// A request whose body is half there: it ends when the test wants.
fn half_sent(nanod: &Nanod, path: &str) -> Conn {
    let mut conn = nanod.connect();
    conn.send(format!("POST {path} HTTP/1.1\r\nhost: app.test\r\ncontent-length: 4\r\n\r\nbo"));
    nanod.log_message("inside");
    conn
}

fn assert_refused(nanod: &Nanod) {
    eventually("new connections are refused", || TcpStream::connect(nanod.address).is_err());
}

#[test]
fn a_signal_lets_requests_end_and_takes_no_new_connections() {
    for signal in ["TERM", "INT"] {
        let mut nanod = serve(json!({}));
        let mut idle = nanod.connect();
        idle.request("GET", "app.test", "/", &[], b"");
        assert_eq!(idle.response().text(), "ok");
        let mut under_way = half_sent(&nanod, "/body");
        let mut streaming = nanod.connect();
        streaming.send("POST /stream HTTP/1.1\r\nhost: app.test\r\ncontent-length: 4\r\n\r\nst");
        let head = streaming.head();
        assert_eq!(streaming.take(2), b"st");
        assert_eq!(nanod.admin("/ready").status(), 200);
        nanod.signal(signal);
        nanod.log_message("draining");
        assert_refused(&nanod);
        // Who asks nothing is let go; health goes on.
        idle.assert_closed();
        assert_eq!(nanod.admin("/ready").status(), 503);
        assert_eq!(nanod.admin("/live").status(), 200);
        under_way.send("dy");
        let answer = under_way.response();
        assert_eq!(answer.text(), "whole body");
        assert_eq!(answer.header("connection"), Some("close"));
        under_way.assert_closed();
        streaming.send("op");
        assert_eq!(head.status, 200);
        assert_eq!(streaming.take(2), b"op");
        streaming.assert_closed();
        assert_eq!(nanod.exit().code(), Some(0), "{signal}");
        nanod.log("the end", |line| line["msg"] == "drained");
    }
}

/// A connection is not closed under a request that is just being sent.
#[test]
fn who_asks_during_the_drain_hears_that_it_is_the_last_answer() {
    let mut nanod = serve(json!({}));
    let mut conn = nanod.connect();
    let mut ask = || {
        conn.request("GET", "app.test", "/", &[], b"");
        let answer = conn.response();
        assert_eq!(answer.text(), "ok");
        answer.header("connection").map(str::to_owned)
    };
    assert_eq!(ask(), None);
    nanod.signal("TERM");
    while ask().is_none() {}
    conn.assert_closed();
    assert_eq!(nanod.exit().code(), Some(0));
}

#[test]
fn an_idle_process_ends_at_once() {
    let mut nanod = serve(json!({}));
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(0));
}

#[test]
fn what_takes_longer_than_the_limit_is_cut() {
    let mut nanod = serve(json!({ "drain_timeout_ms": 100 }));
    let mut hanging = nanod.connect();
    hanging.request("GET", "app.test", "/hang", &[], b"");
    nanod.log_message("inside");
    nanod.signal("TERM");
    let answer = hanging.response();
    assert_eq!((answer.status(), answer.header("x-nano-error")), (503, Some("draining")));
    assert_eq!(nanod.exit().code(), Some(1));
    let line = nanod.log_message("the drain was cut");
    assert_eq!((&line["level"], &line["cut"]), (&json!("warn"), &json!(1)));
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "INT")] {
        let mut nanod = serve(json!({ "drain_timeout_ms": 600_000 }));
        let mut hanging = nanod.connect();
        hanging.request("GET", "app.test", "/hang", &[], b"");
        nanod.log_message("inside");
        nanod.signal(first);
        nanod.log_message("draining");
        nanod.signal(second);
        hanging.assert_closed();
        assert_eq!(nanod.exit().code(), Some(1), "{first} {second}");
        assert_eq!(nanod.log_message("requests were cut")["app"], "app");
        assert_eq!(nanod.log_message("the drain was cut")["cut"], 1);
    }
}

/// A browser keeps a connection open, and somebody is impatient.
#[test]
fn a_second_signal_cuts_nothing_where_nothing_is_under_way() {
    let mut nanod = serve(json!({}));
    let mut idle = nanod.connect();
    idle.request("GET", "app.test", "/", &[], b"");
    assert_eq!(idle.response().text(), "ok");
    nanod.signal("INT");
    nanod.log_message("draining");
    nanod.signal("INT");
    idle.assert_closed();
    assert_eq!(nanod.exit().code(), Some(0));
}

#[test]
fn a_spinning_app_does_not_keep_the_process_alive() {
    let source = "export default { fetch() { console.log('inside'); for (;;); } };";
    let mut nanod = Site::new()
        .app_with("app", source, json!({ "cpu_ms": 60000, "timeout_ms": 60000 }))
        .top(json!({ "drain_timeout_ms": 100 }))
        .serve();
    let mut spinning = nanod.connect();
    spinning.request("GET", "app.test", "/", &[], b"");
    nanod.log_message("inside");
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(1));
}
