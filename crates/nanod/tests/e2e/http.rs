//! HTTP/1: connections, bodies and headers, as apps and clients see them.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::client::Conn;
use crate::nanod::{Nanod, Site, eventually, in_background};

const APP: &str = r#"
const encoder = new TextEncoder();
let pulled = 0;
const cases = {
  echo: (request) => new Response(request.body),
  bytes: async (request) => new Response(await request.arrayBuffer()),
  text: async (request) => new Response(await request.text()),
  late: async (request) => {
    await new Promise((done) => setTimeout(done, 20));
    return new Response("late " + (await request.text()));
  },
  ignore: () => new Response("ignored"),
  headers: (request) => Response.json([...request.headers]),
  shout: (request) => {
    const shouting = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(encoder.encode(new TextDecoder().decode(chunk).toUpperCase()));
      },
    });
    return new Response(request.body.pipeThrough(shouting));
  },
  parts: () => {
    let part = 0;
    const pull = (controller) => {
      part += 1;
      controller.enqueue(encoder.encode("part " + part));
      if (part === 3) controller.close();
    };
    return new Response(new ReadableStream({ pull }));
  },
  endless: (request) => {
    request.signal.addEventListener("abort", () => console.log("endless aborted"));
    return new Response(new ReadableStream({
      pull(controller) {
        pulled += 65536;
        controller.enqueue(new Uint8Array(65536));
      },
      cancel() {
        console.log("endless cancelled");
      },
    }));
  },
  pulled: () => Response.json(pulled),
  hang: (request) => {
    const { signal } = request;
    signal.addEventListener("abort", () => console.log("hang aborted: " + signal.reason.name));
    console.log("hanging");
    return new Promise(() => {});
  },
  quiet: (request) => {
    request.signal.addEventListener("abort", () => console.log("quiet aborted"));
    console.log("streaming");
    return new Response(new ReadableStream({ cancel() { console.log("quiet cancelled"); } }));
  },
  breaks: () => {
    let begun = false;
    return new Response(new ReadableStream({
      pull(controller) {
        if (begun) throw new Error("in the middle");
        begun = true;
        controller.enqueue(encoder.encode("begun"));
      },
    }));
  },
};
export default {
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    const run = cases[url.pathname.slice(1)];
    if (run) return run(request);
    // Anything else says itself what to answer.
    const { status, headers, body, stream } = JSON.parse(url.searchParams.get("answer"));
    const sent = stream ? new Response(stream).body : body;
    return new Response(sent, { status, headers });
  },
};
"#;

fn serve() -> Nanod {
    Site::new().app("app", APP).serve()
}

/// The path that makes the app answer so.
fn answer(what: &serde_json::Value) -> String {
    let mut path = String::from("/?answer=");
    for byte in what.to_string().bytes() {
        let _ = write!(path, "%{byte:02x}");
    }
    path
}

#[test]
fn a_connection_is_kept_until_one_side_wants_its_end() {
    let nanod = serve();
    let mut conn = nanod.connect();
    for body in ["one", "", "three"] {
        conn.request("POST", "app.test", "/text", &[], body.as_bytes());
        let response = conn.response();
        assert_eq!((response.text().as_str(), response.header("connection")), (body, None));
    }
    // NANO's own answers keep it as well.
    conn.request("GET", "nowhere.test", "/", &[], b"");
    assert_eq!(conn.response().status(), 404);
    conn.request("POST", "app.test", "/text", &[("connection", "close")], b"last");
    let response = conn.response();
    assert_eq!((response.text().as_str(), response.header("connection")), ("last", Some("close")));
    conn.assert_closed();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let nanod = serve();
    let mut conn = nanod.connect();
    let mut requests = String::new();
    for index in 0..30 {
        // The first of each three is the slowest.
        let path = ["/late", "/text", "/echo"][index % 3];
        let body = format!("number {index}");
        let _ = write!(
            requests,
            "POST {path} HTTP/1.1\r\nhost: app.test\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
    }
    conn.send(requests);
    for index in 0..30 {
        let text = conn.response().text();
        assert_eq!(text.trim_start_matches("late "), format!("number {index}"));
    }
}

#[test]
fn head_has_the_length_of_get_and_no_body() {
    let nanod = serve();
    let mut conn = nanod.connect();
    let own = answer(&json!({ "headers": { "content-length": "4321" } }));
    let full = answer(&json!({ "body": "twelve bytes" }));
    for (path, length) in [(full.as_str(), Some("12")), (&own, Some("4321")), ("/parts", None)] {
        conn.request("HEAD", "app.test", path, &[], b"");
        let head = conn.response_to("HEAD");
        assert_eq!((head.status(), head.header("content-length")), (200, length), "{path}");
        // What came after the head would be taken for the next answer.
        conn.request("GET", "app.test", "/ignore", &[], b"");
        assert_eq!(conn.response().text(), "ignored", "{path}");
    }
    conn.request("HEAD", "nowhere.test", "/", &[], b"");
    let head = conn.response_to("HEAD");
    assert_eq!((head.status(), head.header("x-nano-error")), (404, Some("unknown_host")));
    conn.request("GET", "app.test", "/ignore", &[], b"");
    assert_eq!(conn.response().text(), "ignored");
}

#[test]
fn a_client_is_told_to_go_on_when_the_app_reads() {
    let nanod = serve();
    for path in ["/text", "/bytes"] {
        let mut conn = nanod.connect();
        conn.send(format!(
            "POST {path} HTTP/1.1\r\nhost: app.test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
        ));
        assert_eq!(conn.head().status, 100, "{path}");
        conn.send("body");
        let response = conn.response();
        assert_eq!((response.status(), response.text().as_str()), (200, "body"), "{path}");
    }
    let mut conn = nanod.connect();
    conn.send("POST /ignore HTTP/1.1\r\nhost: app.test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n");
    let response = conn.response();
    assert_eq!((response.status(), response.text().as_str()), (200, "ignored"));
    // The body may still come or not: only the end of the connection tells the two cases apart.
    conn.assert_closed();
}

#[test]
fn several_cookies_stay_several_headers_in_their_order() {
    let nanod = serve();
    let headers = json!([
        ["x-b", "1"],
        ["Set-Cookie", "b=2; Path=/"],
        ["x-a", "2"],
        ["set-cookie", "a=1"],
        ["x-c", "3"],
        ["SET-COOKIE", "b=2; Path=/"]
    ]);
    let response = nanod.get("app.test", &answer(&json!({ "headers": headers, "body": "x" })));
    let cookies = response.head.all("set-cookie");
    assert_eq!(cookies, [b"b=2; Path=/".as_slice(), b"a=1", b"b=2; Path=/"]);
    for (name, value) in [("x-a", "2"), ("x-b", "1"), ("x-c", "3")] {
        assert_eq!(response.header(name), Some(value));
    }
}

#[test]
fn request_headers_reach_the_app_in_any_case_and_all_of_them() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.send(
        "GET /headers HTTP/1.1\r\nHOST: app.test\r\nX-Two: first\r\nx-one:1\r\nX-TWO:  second \t\r\n\
         X-Empty:\r\nx-latin: caf\u{e9}\r\ncookie: a=1\r\nCookie: b=2\r\n\r\n",
    );
    let response = conn.response();
    let headers = response.json();
    let get = |name: &str| {
        let found = headers.as_array().unwrap().iter().find(|pair| pair[0] == name);
        found.map(|pair| pair[1].as_str().unwrap().to_owned())
    };
    assert_eq!(get("x-two").unwrap(), "first, second");
    assert_eq!(get("x-one").unwrap(), "1");
    assert_eq!(get("x-empty").unwrap(), "");
    // Bytes are characters here: the two bytes of the letter in UTF-8.
    assert_eq!(get("x-latin").unwrap(), "caf\u{c3}\u{a9}");
    assert_eq!(get("host").unwrap(), "app.test");
    let names: Vec<_> = headers.as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "the Fetch standard sorts them: {names:?}");
}

#[test]
fn bodies_stream_both_ways_at_once() {
    let nanod = serve();
    for (path, sent, received) in [("/echo", "chunk", "chunk"), ("/shout", "chunk", "CHUNK")] {
        let mut conn = nanod.connect();
        conn.send(format!("POST {path} HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n"));
        conn.send(format!("7\r\n{sent} 0\r\n"));
        let head = conn.head();
        assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")), "{path}");
        assert_eq!(conn.chunk().unwrap(), format!("{received} 0").as_bytes());
        // Each chunk comes back before the next is sent.
        for index in 1..10 {
            conn.send(format!("7\r\n{sent} {index}\r\n"));
            assert_eq!(conn.chunk().unwrap(), format!("{received} {index}").as_bytes());
        }
        conn.send("0\r\n\r\n");
        assert_eq!(conn.chunk(), None);
        conn.request("GET", "app.test", "/ignore", &[], b"");
        assert_eq!(conn.response().text(), "ignored");
    }
}

/// Polls until a figure does not change any more, and gives it.
fn settled(what: &str, mut figure: impl FnMut() -> u64) -> u64 {
    let (mut last, mut same) = (figure(), 0);
    eventually(what, || {
        let now = figure();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        same == 30
    });
    last
}

/// What the system's socket buffers may hold, and then some.
const BUFFERED_BYTES_MAX: u64 = 64 << 20;

#[test]
fn a_client_that_does_not_read_holds_its_stream_back() {
    let nanod = serve();
    let pulled = || nanod.get("app.test", "/pulled").json().as_u64().unwrap();
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/endless", &[], b"");
    assert_eq!(conn.head().status, 200);
    let held = settled("the stream stands still", pulled);
    assert!(held > 0 && held < BUFFERED_BYTES_MAX, "{held} bytes were made for a client that does not read");
    let mut read = 0;
    while read <= held {
        read += conn.chunk().unwrap().len() as u64;
    }
    assert!(pulled() > held, "it goes on when the client reads");
    drop(conn);
    nanod.log_message("endless cancelled");
    assert!(nanod.metric("nano_process_resident_memory_bytes") < 512.0 * 1024.0 * 1024.0);
}

#[test]
fn an_app_that_does_not_read_holds_its_client_back() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.send("POST /hang HTTP/1.1\r\nhost: app.test\r\ncontent-length: 99999999\r\n\r\n");
    nanod.log_message("hanging");
    let mut writer = conn.writer();
    writer.set_nonblocking(true).unwrap();
    let chunk = vec![b'x'; 256 << 10];
    let mut sent = 0;
    let held = settled("the client stands still", || {
        sent += write_what_fits(&mut writer, &chunk);
        assert_eq!(nanod.get("app.test", "/ignore").text(), "ignored");
        sent
    });
    assert!(held < BUFFERED_BYTES_MAX, "{held} bytes were taken and nobody reads them");
}

fn write_what_fits(writer: &mut TcpStream, chunk: &[u8]) -> u64 {
    let mut sent = 0;
    loop {
        match writer.write(chunk) {
            Ok(bytes) => sent += bytes as u64,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_client_that_leaves_is_told_to_the_app() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/hang", &[], b"");
    nanod.log_message("hanging");
    drop(conn);
    nanod.log_message("hang aborted: AbortError");
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/quiet", &[], b"");
    nanod.log_message("streaming");
    assert_eq!(conn.head().status, 200);
    drop(conn);
    nanod.log_message("quiet cancelled");
    nanod.log_message("quiet aborted");
    eventually("nothing is under way", || nanod.metric(r#"nano_in_flight{app="app"}"#) == 0.0);
    assert_eq!(nanod.get("app.test", "/ignore").text(), "ignored");
}

#[test]
fn a_stream_that_fails_cuts_the_answer() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/breaks", &[], b"");
    let rest = conn.rest();
    // Without the last chunk, a client knows that the answer is not whole.
    assert!(!rest.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&rest));
    nanod.log_message("in the middle");
    assert_eq!(nanod.get("app.test", "/ignore").text(), "ignored");
}

#[test]
fn bodies_of_any_size_come_back_whole() {
    let nanod = serve();
    for bytes in [0, 1, 64 << 10, 10 << 20] {
        let body: Vec<u8> = (0..bytes).map(|index: usize| b'a' + (index % 23) as u8).collect();
        for path in ["/echo", "/bytes", "/text", "/shout"] {
            let mut expected = body.clone();
            if path == "/shout" {
                expected.make_ascii_uppercase();
            }
            for chunked in [false, true] {
                if path == "/shout" && bytes == 0 && !chunked {
                    continue; // There is no body to pipe.
                }
                let mut conn = nanod.connect();
                let mut writer = conn.writer();
                let sent = if chunked { in_chunks(path, &body) } else { with_length(path, &body) };
                // Answers come while the request is still sent: somebody has to read.
                let writing = in_background(move || writer.write_all(&sent).unwrap());
                let response = conn.response();
                writing.join();
                assert_eq!(response.status(), 200);
                assert!(response.body == expected, "{path} {bytes} {chunked}: {}", response.body.len());
            }
        }
    }
}

fn with_length(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: app.test\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn in_chunks(path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST {path} HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut sent = head.into_bytes();
    for chunk in body.chunks(100_000) {
        let _ = write!(sent, "{:x}\r\n", chunk.len());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"0\r\n\r\n");
    sent
}

#[test]
fn trailers_and_extensions_of_chunks_are_ignored() {
    let nanod = serve();
    let mut conn = nanod.connect();
    for path in ["/text", "/echo", "/headers"] {
        conn.send(format!(
            "POST {path} HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\ntrailer: x-after\r\n\r\n\
             4;name=value\r\nbody\r\n0\r\nx-after: secret\r\nhost: b.test\r\n\r\n"
        ));
        let text = conn.response().text();
        match path {
            "/headers" => assert!(!text.contains("secret") && !text.contains("b.test"), "{text}"),
            _ => assert_eq!(text, "body"),
        }
    }
}

#[test]
fn http_1_0_is_answered_without_chunks_and_closed() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.send("POST /text HTTP/1.0\r\nhost: app.test\r\ncontent-length: 4\r\n\r\nbody");
    let response = conn.response();
    assert_eq!((response.text().as_str(), response.header("content-length")), ("body", Some("4")));
    conn.assert_closed();
    let mut conn = nanod.connect();
    conn.send("GET /parts HTTP/1.0\r\nhost: app.test\r\n\r\n");
    let head = conn.head();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, None));
    assert_eq!(conn.rest(), b"part 1part 2part 3");
    // A client that asks for it keeps its connection.
    let mut conn = nanod.connect();
    for _ in 0..2 {
        conn.send("GET /ignore HTTP/1.0\r\nhost: app.test\r\nconnection: keep-alive\r\n\r\n");
        let response = conn.response();
        assert_eq!(
            (response.text().as_str(), response.header("connection")),
            ("ignored", Some("keep-alive"))
        );
    }
}

#[test]
fn a_hundred_headers_are_served_and_one_more_is_too_many() {
    let nanod = serve();
    for (headers, status) in [(100, 200), (101, 431)] {
        let mut request = String::from("GET /ignore HTTP/1.1\r\nhost: app.test\r\n");
        for index in 1..headers {
            let _ = write!(request, "x-{index}: v\r\n");
        }
        request.push_str("\r\n");
        let mut conn = nanod.connect();
        conn.send(request);
        assert_eq!(conn.response().status(), status, "{headers}");
    }
}

#[test]
fn statuses_without_a_body_have_none() {
    let nanod = serve();
    let mut conn = nanod.connect();
    for status in [204, 205, 304] {
        conn.request("GET", "app.test", &answer(&json!({ "status": status })), &[], b"");
        let response = conn.response();
        assert_eq!((response.status(), response.text().as_str()), (status, ""));
        assert_eq!(response.header("transfer-encoding"), None);
        if status == 204 {
            assert_eq!(response.header("content-length"), None);
        }
        conn.request("GET", "app.test", "/ignore", &[], b"");
        assert_eq!(conn.response().text(), "ignored", "{status}");
    }
}

#[test]
fn what_belongs_to_the_connection_is_not_the_apps_to_say() {
    let nanod = serve();
    let headers = json!({
        "connection": "upgrade, x-mine", "keep-alive": "timeout=1", "proxy-connection": "close",
        "te": "trailers",
        "trailer": "x-after", "transfer-encoding": "gzip", "upgrade": "websocket", "x-mine": "stays",
        "date": "Thu, 01 Jan 1970 00:00:00 GMT"
    });
    let mut conn = nanod.connect();
    for what in
        [json!({ "headers": headers, "body": "full" }), json!({ "headers": headers, "stream": "full" })]
    {
        conn.request("GET", "app.test", &answer(&what), &[], b"");
        let response = conn.response();
        assert_eq!(response.text(), "full");
        for name in ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"] {
            assert_eq!(response.header(name), None, "{name}");
        }
        assert!(matches!(response.header("transfer-encoding"), None | Some("chunked")));
        assert_eq!(response.header("x-mine"), Some("stays"));
    }
}

#[test]
fn a_wrong_length_of_the_app_never_shifts_the_next_answer() {
    let nanod = serve();
    for length in ["2", "400", "garbage", "-1", "4, 4", "99999999999999999999", "0", " 4", "+4"] {
        for kind in ["body", "stream"] {
            let what = json!({ "headers": { "content-length": length }, kind: "full" });
            let mut conn = nanod.connect();
            conn.request("GET", "app.test", &answer(&what), &[], b"");
            conn.request("GET", "app.test", "/ignore", &[], b"");
            assert_framed(&mut conn, kind, length);
        }
    }
    let what = json!({ "headers": [["content-length", "2"], ["content-length", "3"]], "body": "full" });
    assert_eq!(nanod.get("app.test", &answer(&what)).text(), "full");
}

/// The first answer is `full` or less and then the end; the second is whole, if the connection went on.
fn assert_framed(conn: &mut Conn, kind: &str, length: &str) {
    let what = format!("{kind} with {length}");
    let what = what.as_str();
    let Some(head) = conn.try_head() else {
        // A stream that breaks its promise before anything was sent.
        assert_eq!(kind, "stream", "{what}");
        return;
    };
    assert_eq!(head.status, 200, "{what}");
    if head.header("transfer-encoding") == Some("chunked") {
        assert_eq!(conn.chunk().as_deref(), Some(b"full".as_slice()), "{what}");
        assert_eq!(conn.chunk(), None, "{what}");
    } else {
        let length: usize = head.header("content-length").expect(what).parse().expect(what);
        if length > 4 {
            // Cut, so that the client sees that it is not whole.
            assert!(b"full".starts_with(&conn.rest()), "{what}");
            return;
        }
        let body = conn.take(length);
        assert_eq!(body, b"full"[..length], "{what}");
    }
    match conn.try_response_to("GET") {
        Some(second) => assert_eq!(second.text(), "ignored", "{what}"),
        None => conn.assert_closed(),
    }
}

#[test]
fn an_app_answers_with_any_final_status() {
    let nanod = serve();
    for status in [200, 201, 299, 301, 418, 451, 499, 511, 599] {
        let response = nanod.get("app.test", &answer(&json!({ "status": status, "body": "b" })));
        assert_eq!((response.status(), response.text().as_str()), (status, "b"));
    }
    for status in [0, 99, 100, 101, 103, 199, 600, 999] {
        let response = nanod.get("app.test", &answer(&json!({ "status": status, "body": "b" })));
        assert_eq!(
            (response.status(), response.header("x-nano-error")),
            (500, Some("exception")),
            "{status}"
        );
    }
}
