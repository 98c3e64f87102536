//! Bodies of replies: their kinds, back-pressure, and how they end early.

use nano_runtime::{BodyError, ReplyBody};
use tracing::Level;

use crate::support::{Bench, bytes_of, channel_body, eventually, post, read_chunk, tests};

tests![
    reply_bodies_of_every_kind,
    a_response_made_of_another_ones_body_goes_out_whole,
    optimised_code_replies_as_other_code_does,
    a_stream_is_asked_for_no_more_than_the_client_takes,
    a_stream_that_fails_breaks_the_body,
    a_stream_of_no_bytes_breaks_the_body,
    a_client_that_leaves_aborts_the_request,
    a_client_that_leaves_cancels_the_stream,
];

const WATCHFUL: &str = r#"
    export default async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/ok") return new Response("ok");
      request.signal.addEventListener("abort", () => {
        console.log(`${pathname} aborted: ${request.signal.reason.name}`);
      });
      console.log(`${pathname} waits`);
      if (pathname === "/read") {
        await request.text();
        console.log("/read has read");
      }
      if (pathname === "/wait") await new Promise(() => {});
      return new Response(new ReadableStream({
        pull(controller) {
          if (pathname === "/full") controller.enqueue(new Uint8Array(100_000));
          else return new Promise(() => {});
        },
        cancel(reason) { console.log(`${pathname} cancelled: ${reason.name}`); },
      }));
    };"#;

async fn reply_bodies_of_every_kind(bench: Bench) {
    let app = bench.script(
        r#"
        const bytes = new Uint8Array([1, 2, 3, 4, 5]);
        const stream = (...chunks) => new ReadableStream({
          async pull(controller) {
            if (chunks.length === 0) return controller.close();
            await null;
            controller.enqueue(new Uint8Array(chunks.shift()));
          },
        });
        const answers = {
          "/none": () => new Response(null), "/empty": () => new Response(""),
          "/text": () => new Response("tëxt\ud800"),
          "/view": () => new Response(bytes.subarray(1, 3)), "/buffer": () => new Response(bytes.buffer),
          "/params": () => new Response(new URLSearchParams({ a: "b c" })),
          "/json": () => Response.json({ a: 1 }),
          "/stream": () => new Response(stream([1], [], [2, 3])),
          "/empty-stream": () => new Response(stream()),
          "/large": () => new Response("x".repeat(3_000_000)),
          "/read": () => { const r = new Response("read"); r.body; return r; },
          "/clone": () => { const r = new Response(stream([1], [2])); r.clone(); return r; },
        };
        export default (request) => answers[new URL(request.url).pathname]();"#,
    );
    let content_types = [("/text", "text/plain;charset=UTF-8"), ("/json", "application/json")];
    for (path, content_type) in content_types {
        let reply = app.get(path).await.expect("an answer");
        assert_eq!(reply.headers.get("content-type"), Some(content_type.as_bytes()));
    }
    assert!(matches!(app.get("/none").await.expect("an answer").body, ReplyBody::Empty));
    for (path, expected) in [
        ("/none", &b""[..]),
        ("/empty", b""),
        ("/text", "tëxt\u{fffd}".as_bytes()),
        ("/view", &[2, 3]),
        ("/buffer", &[1, 2, 3, 4, 5]),
        ("/params", b"a=b+c"),
        ("/json", b"{\"a\":1}"),
        ("/stream", &[1, 2, 3]),
        ("/empty-stream", b""),
        ("/large", &[b'x'; 3_000_000]),
        ("/read", b"read"),
        ("/clone", &[1, 2]),
    ] {
        let bytes = bytes_of(app.get(path).await.expect("an answer")).await.expect("a body");
        assert!(bytes == expected, "{path}: {} bytes", bytes.len());
    }
    eventually("nothing is in flight", || app.stats().in_flight == 0).await;
}

/// As middleware does that adds a header: `new Response(answer.body, answer)`.
async fn a_response_made_of_another_ones_body_goes_out_whole(bench: Bench) {
    let app = bench.script(
        r#"
        const bytes = () => new Response(new Uint8Array([1, 2, 3]));
        const again = (response) => new Response(response.body, response);
        const released = (response) => {
          response.body.getReader().releaseLock();
          return response;
        };
        const answers = {
          "/text": () => again(new Response("tëxt\ud800")),
          "/json": () => again(Response.json({ a: 1 })),
          "/bytes": () => again(bytes()),
          "/blob": () => again(new Response(new Blob(["bl", "ob"]))),
          "/empty": () => again(new Response("")),
          "/thrice": () => again(again(again(new Response("again")))),
          "/request": () => new Response(new Request("http://a", { method: "POST", body: "sent" }).body),
          "/released": () => again(released(new Response("kept"))),
          "/taken": async () => {
            const from = new Response("taken");
            const to = again(from);
            return Response.json([await to.text(), from.bodyUsed, to.bodyUsed]);
          },
          "/twice": async () => {
            const from = bytes();
            await again(from).text();
            try {
              return again(from);
            } catch (error) {
              return new Response(error.name);
            }
          },
          "/tee": () => new Response(bytes().body.tee()[0]),
          "/piped": () => new Response(new Response("piped").body.pipeThrough(new TransformStream())),
          "/clone": () => again(bytes()).clone(),
          "/cloned": async () => {
            const from = again(bytes());
            const { body } = from;
            (await from.clone().bytes()).fill(9);
            if (!body.locked || body === from.body) throw new Error("the stream is still that of the body");
            return again(from);
          },
          "/stream": () => again(new Response(ReadableStream.from([new Uint8Array([7])]))),
        };
        export default (request) => answers[new URL(request.url).pathname]();"#,
    );
    for (path, whole, expected) in [
        ("/text", true, "tëxt\u{fffd}".as_bytes()),
        ("/json", true, b"{\"a\":1}"),
        ("/bytes", true, &[1, 2, 3]),
        ("/blob", true, b"blob"),
        ("/empty", true, b""),
        ("/thrice", true, b"again"),
        ("/request", true, b"sent"),
        ("/released", true, b"kept"),
        ("/taken", true, b"[\"taken\",true,true]"),
        ("/twice", true, b"TypeError"),
        ("/clone", true, &[1, 2, 3]),
        ("/cloned", true, &[1, 2, 3]),
        ("/tee", false, &[1, 2, 3]),
        ("/piped", false, b"piped"),
        ("/stream", false, &[7]),
    ] {
        let reply = app.get(path).await.expect("an answer");
        let is_stream = matches!(reply.body, ReplyBody::Stream(_));
        assert_eq!(is_stream, !whole, "{path}");
        let bytes = bytes_of(reply).await.expect("a body");
        assert!(bytes == expected, "{path}: {}", String::from_utf8_lossy(&bytes));
    }
    let reply = app.get("/json").await.expect("an answer");
    assert_eq!(reply.headers.get("content-type"), Some(&b"application/json"[..]));
}

/// Optimised code gives strings to native code in another way, which has its own conversions and exceptions.
async fn optimised_code_replies_as_other_code_does(bench: Bench) {
    /// More than V8 waits for before it optimises what a reply takes.
    const REQUESTS: usize = 20_000;
    let app = bench.script(
        r#"
        const headers = { "content-type": "text/plain", "x-latin-1": "\xe9", "X-Count": 3 };
        const answers = {
          "/text": () => new Response("text", { headers: { "content-type": "text/plain" } }),
          "/latin-1": () => new Response("t\xebxt", { headers }),
          "/pieces": (request) => new Response(`${request.url}: of several pieces`, { status: 201, headers }),
          "/wide": () => new Response("\u0101\ud800", { headers }),
          "/many": () => new Response("many", { headers: Array.from({ length: 100 }, (_, i) => [`x-${i}`, `${i}`]) }),
          "/value": () => new Response("never sent", { headers: { a: "b", "x-control": "\x01" } }),
          "/first": () => new Response("never sent", { headers: { "x-control": "\x01", c: "d" } }),
          "/long": () => new Response("never sent", { headers: { a: "b", "x-long": "x".repeat(300_000) } }),
        };
        export default (request) => answers[new URL(request.url).pathname](request);"#,
    );
    let replies = async || {
        let mut replies = Vec::new();
        for path in ["/text", "/latin-1", "/pieces", "/wide", "/many", "/value", "/first", "/long"] {
            match app.get(path).await {
                Ok(reply) => {
                    let head = format!("{path} {} {:?}", reply.status.as_u16(), reply.headers);
                    replies.push((head, bytes_of(reply).await.expect("a body")));
                }
                Err(failure) => replies.push((format!("{path} {:?}", failure.fault), Vec::new())),
            }
        }
        replies
    };
    let cold = replies().await;
    let three = "{\"content-type\": \"text/plain\", \"x-latin-1\": \"\u{fffd}\", \"x-count\": \"3\"}";
    for (index, (head, body)) in [
        (r#"/text 200 {"content-type": "text/plain"}"#.to_owned(), "text"),
        (format!("/latin-1 200 {three}"), "t\u{eb}xt"),
        (format!("/pieces 201 {three}"), "http://app.test/pieces: of several pieces"),
        (format!("/wide 200 {three}"), "\u{101}\u{fffd}"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(cold[index], (head, body.as_bytes().to_vec()));
    }
    assert_eq!(cold[4].0.matches("x-").count(), 100);
    for (index, path) in [(5, "/value"), (6, "/first"), (7, "/long")] {
        assert_eq!(cold[index].0, format!("{path} Exception"));
    }
    for request in 0..REQUESTS {
        app.get(["/text", "/latin-1", "/pieces"][request % 3]).await.expect("an answer");
    }
    assert_eq!(replies().await, cold);
}

async fn a_stream_is_asked_for_no_more_than_the_client_takes(bench: Bench) {
    let app = bench.script(
        r#"
        let pulled = 0;
        export default (request) => {
          if (request.url.endsWith("/pulled")) return new Response(String(pulled));
          return new Response(new ReadableStream({
            pull(controller) {
              controller.enqueue(new Uint8Array(16 << 10).fill(pulled));
              if (++pulled === 1000) controller.close();
            },
          }, { highWaterMark: 0 }));
        };"#,
    );
    let pulled = async || app.text("/pulled").await.parse::<usize>().expect("a number");
    let reply = app.get("/").await.expect("an answer");
    let ReplyBody::Stream(mut stream) = reply.body else { panic!("no stream") };
    // Four such chunks fill the pipe.
    assert!(pulled().await <= 5, "before the client took any");
    for read in 1..=999 {
        let chunk = read_chunk(&mut stream).await.expect("a chunk").expect("no error");
        assert_eq!((chunk.len(), usize::from(chunk[0])), (16 << 10, (read - 1) % 256));
        if read % 100 == 0 {
            let ahead = pulled().await - read;
            assert!(ahead <= 5, "{ahead} chunks ahead of the client");
        }
    }
    read_chunk(&mut stream).await.expect("the last chunk").expect("no error");
    assert!(read_chunk(&mut stream).await.is_none());
}

async fn a_stream_that_fails_breaks_the_body(bench: Bench) {
    let app = bench.script(
        r#"
        export default () => {
          let pulls = 0;
          return new Response(new ReadableStream({
            async pull(controller) {
              if (++pulls === 3) throw new Error("the source dried up");
              controller.enqueue(new Uint8Array([pulls]));
            },
          }));
        };"#,
    );
    let reply = app.get("/").await.expect("an answer");
    let ReplyBody::Stream(mut stream) = reply.body else { panic!("no stream") };
    for expected in [1, 2] {
        assert_eq!(read_chunk(&mut stream).await.expect("a chunk").expect("no error"), [expected][..]);
    }
    let error = read_chunk(&mut stream).await.expect("an end").expect_err("an error");
    assert!(matches!(error, BodyError::Broken(_)), "{error:?}");
    let line = app.logged("the source dried up").await;
    assert_eq!(line.level, Level::ERROR);
    assert!(!line.request_id.is_empty() && line.message.contains("index.js:6"), "{line:?}");
}

async fn a_stream_of_no_bytes_breaks_the_body(bench: Bench) {
    let app = bench.script(
        r#"
        export default () => new Response(new ReadableStream({
          pull(controller) { controller.enqueue("text"); },
          cancel(reason) { console.log(`cancelled with ${reason}`); },
        }));"#,
    );
    let error = bytes_of(app.get("/").await.expect("an answer")).await.expect_err("no body");
    assert!(matches!(error, BodyError::Broken(_)), "{error:?}");
    app.logged("not a Uint8Array").await;
    app.logged("cancelled with TypeError").await;
}

async fn a_client_that_leaves_aborts_the_request(bench: Bench) {
    let app = bench.script(WATCHFUL);
    let waiting = app.begin("/wait");
    app.logged("/wait waits").await;
    waiting.abort();
    app.logged("/wait aborted: AbortError").await;

    let (sender, incoming) = channel_body();
    let reading = app.begin_fetch(post("/read", incoming));
    app.logged("/read waits").await;
    reading.abort();
    app.logged("/read aborted: AbortError").await;
    sender.closed().await;

    assert_eq!(app.text("/ok").await, "ok");
    assert!(app.log().iter().all(|line| !line.message.contains("has read")));
    eventually("nothing is in flight", || app.stats().in_flight == 0).await;
}

async fn a_client_that_leaves_cancels_the_stream(bench: Bench) {
    let app = bench.script(WATCHFUL);
    for path in ["/full", "/slow"] {
        let reply = app.get(path).await.expect("an answer");
        assert_eq!(app.stats().in_flight, 1, "a streamed reply holds its place");
        let ReplyBody::Stream(mut stream) = reply.body else { panic!("no stream") };
        if path == "/full" {
            read_chunk(&mut stream).await.expect("a chunk").expect("no error");
        }
        drop(stream);
        app.logged(&format!("{path} cancelled:")).await;
        app.logged(&format!("{path} aborted: AbortError")).await;
        eventually("nothing is in flight", || app.stats().in_flight == 0).await;
    }
    assert_eq!(app.text("/ok").await, "ok");
}
