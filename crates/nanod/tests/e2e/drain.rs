//! The drain, in what takes longer than a request: `waitUntil`, streams, apps with a time of their own, HTTP/2.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Conn;
use crate::nanod::{DEADLINE, Nanod, Site, in_background};

const APP: &str = r#"
const cases = {
  hello: () => new Response("hello"),
  body: async (request) => {
    console.log("inside");
    return new Response("whole " + (await request.text()));
  },
  // Goes on for as long as the address in the query does not answer.
  background: (request, ctx) => {
    const url = decodeURIComponent(new URL(request.url).search.slice(1));
    ctx.waitUntil(fetch(url).then((answer) => answer.text()).then((text) => console.log(`background ${text}`)));
    return new Response("at once");
  },
  stream: () => new Response(new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("begun"));
      console.log("streaming");
    },
  })),
  empty: () => {
    console.log("streaming nothing");
    return new Response(new ReadableStream());
  },
  hang: () => {
    console.log("hanging");
    return new Promise(() => {});
  },
  spin: () => {
    console.log("spinning");
    for (;;);
  },
};
export default {
  fetch: (request, env, ctx) => cases[new URL(request.url).pathname.slice(1)](request, ctx),
};
"#;

fn settings(more: Value) -> Value {
    let mut settings =
        json!({ "egress": { "allow": ["127.0.0.0/8"] }, "cpu_ms": 60_000, "timeout_ms": 60_000 });
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    settings
}

fn serve(top: Value) -> Nanod {
    Site::new().app_with("app", APP, settings(json!({}))).top(top).serve()
}

/// A server of which nobody knows when it answers.
struct Upstream(TcpListener);

impl Upstream {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Begins `waitUntil` work that waits for it.
    fn background(&self, nanod: &Nanod) -> TcpStream {
        let path = format!("/background?http://{}/", self.0.local_addr().unwrap());
        assert_eq!(nanod.get("app.test", &path).text(), "at once");
        let (mut asked, _) = self.0.accept().unwrap();
        asked.set_read_timeout(Some(DEADLINE)).unwrap();
        assert!(asked.read(&mut [0; 1024]).unwrap() > 0);
        asked
    }
}

fn begin(nanod: &Nanod, host: &str, path: &str, log: &str) -> Conn {
    let mut conn = nanod.connect();
    conn.request("GET", host, path, &[], b"");
    nanod.log(log, |line| line["msg"] == log && host.starts_with(line["app"].as_str().unwrap_or("?")));
    conn
}

fn assert_draining(conn: &mut Conn) {
    let answer = conn.response();
    assert_eq!((answer.status(), answer.header("x-nano-error")), (503, Some("draining")));
    assert_eq!((answer.header("connection"), answer.header("retry-after")), (Some("close"), Some("1")));
    conn.assert_closed();
}

fn assert_line(line: &Value, expected: Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&line[key], value, "{key} of {line}");
    }
}

#[test]
fn wait_until_work_is_waited_for() {
    let upstream = Upstream::new();
    let mut nanod = serve(json!({}));
    let mut asked = upstream.background(&nanod);
    nanod.signal("TERM");
    let line = nanod.log_message("draining");
    assert_eq!(line["in_flight"], 1);
    // By now nothing else is left to wait for.
    assert_eq!(nanod.admin("/ready").status(), 503);
    asked.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").unwrap();
    assert_eq!(nanod.exit().code(), Some(0));
    nanod.log_message("background done");
    assert_line(
        &nanod.log("the end", |line| line["msg"] == "drained"),
        json!({ "in_flight": 1, "finished": 1, "cut": 0, "connections": 0 }),
    );
    let app = nanod.log_message("app drained");
    assert_line(&app, json!({ "app": "app", "in_flight": 1, "finished": 1, "cut": 0 }));
}

#[test]
fn at_the_limit_all_is_cut_and_told() {
    let upstream = Upstream::new();
    let mut nanod = serve(json!({ "drain_timeout_ms": 400 }));
    let mut asked = upstream.background(&nanod);
    let mut streaming = begin(&nanod, "app.test", "/stream", "streaming");
    assert_eq!(streaming.head().status, 200);
    assert_eq!(streaming.chunk().as_deref(), Some(&b"begun"[..]));
    // No head was sent of these.
    let mut waiting = vec![
        begin(&nanod, "app.test", "/hang", "hanging"),
        begin(&nanod, "app.test", "/spin", "spinning"),
        nanod.connect(),
    ];
    waiting[2].request("GET", "app.test", "/hello", &[], b"");
    let begun = Instant::now();
    nanod.signal("TERM");
    for conn in &mut waiting {
        assert_draining(conn);
    }
    assert!(begun.elapsed() >= Duration::from_millis(400), "not before its time");
    // No last chunk: the client sees that this is not all.
    streaming.assert_closed();
    assert_eq!(asked.read(&mut [0]).unwrap(), 0, "the app's fetch ended with it");
    assert_eq!(nanod.exit().code(), Some(1));
    let counts = json!({ "level": "warn", "in_flight": 5, "finished": 0, "cut": 5 });
    assert_line(&nanod.log_message("the drain was cut"), counts.clone());
    let app = nanod.log_message("requests were cut");
    assert_line(&app, counts);
    assert_eq!(app["app"], "app");
    assert!(app["ms"].as_u64().unwrap() >= 400, "{app}");
}

/// The shorter of an app's own limit and the process's holds.
#[test]
fn an_app_has_a_limit_of_its_own() {
    let mut nanod = Site::new()
        .app_with("short", APP, settings(json!({ "drain_timeout_ms": 100 })))
        .app_with("long", APP, settings(json!({ "drain_timeout_ms": 600_000 })))
        .top(json!({ "drain_timeout_ms": 20_000 }))
        .serve();
    let mut short = begin(&nanod, "short.test", "/hang", "hanging");
    let mut long = nanod.connect();
    long.send("POST /body HTTP/1.1\r\nhost: long.test\r\ncontent-length: 4\r\n\r\nbo");
    nanod.log_message("inside");
    nanod.signal("TERM");
    assert_draining(&mut short);
    long.send("dy");
    assert_eq!(long.response().text(), "whole body");
    assert_eq!(nanod.exit().code(), Some(1));
    assert_line(&nanod.log_message("requests were cut"), json!({ "app": "short", "cut": 1 }));
    assert_line(&nanod.log_message("app drained"), json!({ "app": "long", "finished": 1, "cut": 0 }));
    assert_line(&nanod.log_message("the drain was cut"), json!({ "in_flight": 2, "finished": 1, "cut": 1 }));
}

#[test]
fn the_process_has_the_last_word() {
    let mut nanod = Site::new()
        .app_with("app", APP, settings(json!({ "drain_timeout_ms": 600_000 })))
        .top(json!({ "drain_timeout_ms": 100 }))
        .serve();
    let mut hanging = begin(&nanod, "app.test", "/hang", "hanging");
    nanod.signal("TERM");
    assert_draining(&mut hanging);
    assert_eq!(nanod.exit().code(), Some(1));
}

/// A streamed answer of which no byte came yet can still be another one.
#[test]
fn a_stream_without_a_byte_is_cut_like_one_that_began() {
    let mut nanod = serve(json!({ "drain_timeout_ms": 100 }));
    let mut streaming = begin(&nanod, "app.test", "/empty", "streaming nothing");
    assert_eq!(streaming.head().status, 200);
    nanod.signal("TERM");
    streaming.assert_closed();
    assert_eq!(nanod.exit().code(), Some(1));
}

#[test]
fn a_request_of_which_something_came_is_served() {
    let mut nanod = serve(json!({}));
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/hello", &[], b"");
    assert_eq!(conn.response().header("connection"), None);
    conn.send("GET /hello HTTP/1.1\r\nho");
    // It has come once the server answers what was sent after it.
    let mut other = nanod.connect();
    other.request("GET", "app.test", "/hello", &[], b"");
    assert_eq!(other.response().text(), "hello");
    nanod.signal("TERM");
    nanod.log_message("draining");
    other.assert_closed();
    conn.send("st: app.test\r\n\r\n");
    let answer = conn.response();
    assert_eq!((answer.text().as_str(), answer.header("connection")), ("hello", Some("close")));
    conn.assert_closed();
    assert_eq!(nanod.exit().code(), Some(0));
}

#[test]
fn half_a_head_is_no_request_that_was_cut() {
    let mut nanod = serve(json!({ "drain_timeout_ms": 100 }));
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/hello", &[], b"");
    assert_eq!(conn.response().text(), "hello");
    conn.send("GET /hello HTT");
    nanod.signal("TERM");
    conn.assert_closed();
    assert_eq!(nanod.exit().code(), Some(0));
}

/// Whoever asks in a row without a pause gets whole answers until the connection is closed.
#[test]
fn no_answer_under_load_is_cut() {
    let mut nanod = serve(json!({}));
    static STOP: AtomicBool = AtomicBool::new(false);
    let address = nanod.address;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            in_background(move || {
                let mut answers = 0_u32;
                while !STOP.load(Ordering::Relaxed) {
                    let Ok(mut conn) = Conn::try_open(address) else { break };
                    loop {
                        conn.request("GET", "app.test", "/hello", &[], b"");
                        let Some(answer) = conn.try_response_to("GET") else { break };
                        assert_eq!((answer.status(), answer.text().as_str()), (200, "hello"));
                        answers += 1;
                        if answer.header("connection") == Some("close") {
                            conn.assert_closed();
                            break;
                        }
                    }
                }
                answers
            })
        })
        .collect();
    crate::nanod::eventually("they are at it", || {
        nanod.metric("nano_requests_total{app=\"app\",status=\"2xx\"}") > 200.0
    });
    nanod.signal("TERM");
    assert_eq!(nanod.exit().code(), Some(0));
    STOP.store(true, Ordering::Relaxed);
    let answers: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
    assert!(answers.iter().all(|answers| *answers > 0), "{answers:?}");
    let all = nanod.log("the end", |line| line["msg"] == "drained");
    assert_line(&all, json!({ "cut": 0, "connections": 0 }));
}

/// The frames of a connection without a stream, by hand.
#[test]
fn http_2_is_told_to_go_away() {
    const PING: u8 = 6;
    const GO_AWAY: u8 = 7;
    let mut nanod = serve(json!({}));
    let mut stream = TcpStream::connect(nanod.address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
    let mut next = || {
        let mut head = [0; 9];
        match stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(error) => panic!("{error}"),
        }
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == PING && head[4] == 0 {
            let mut answer = vec![0, 0, 8, PING, 1, 0, 0, 0, 0];
            answer.extend_from_slice(&payload);
            stream.write_all(&answer).unwrap();
        }
        Some((head[3], payload))
    };
    // Its settings, and then that it has seen ours.
    assert_eq!(next().unwrap().0, 4);
    nanod.signal("TERM");
    let mut last = None;
    while let Some((kind, payload)) = next() {
        if kind == GO_AWAY {
            assert_eq!(payload[4..8], [0; 4], "it is no error");
            last = Some(payload[..4].to_vec());
        }
    }
    assert_eq!(last.as_deref(), Some(&[0; 4][..]), "no stream was begun");
    assert_eq!(nanod.exit().code(), Some(0));
}
