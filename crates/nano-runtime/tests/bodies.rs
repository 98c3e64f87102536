//! Bodies on their way in and out: reading, streaming, back-pressure, and how they end early.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use nano_runtime::{BodyError, Fault, ReplyBody};
use tracing::Level;

use crate::support::{
    Bench, body, bytes_of, channel_body, eventually, get, post, read_chunk, tests, text_of,
};

tests![
    a_request_body_is_read_as_a_whole,
    a_request_body_is_read_once,
    a_request_body_is_read_as_it_comes,
    a_request_body_is_streamed_back_as_it_comes,
    a_request_body_that_nobody_reads_is_let_go,
    a_request_body_is_not_read_ahead,
    a_request_body_handed_back_untouched_stays_native,
    a_cloned_request_body_is_read_twice,
    a_body_over_the_limit_is_told,
    a_body_that_ends_early_is_an_exception,
    reply_bodies_of_every_kind,
    a_stream_is_asked_for_no_more_than_the_client_takes,
    a_stream_that_fails_breaks_the_body,
    a_stream_of_no_bytes_breaks_the_body,
    a_client_that_leaves_aborts_the_request,
    a_client_that_leaves_cancels_the_stream,
];

async fn a_request_body_is_read_as_a_whole(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          const kind = new URL(request.url).pathname.slice(1);
          const value = await request[kind]();
          if (kind === "json") return Response.json([value.a, request.bodyUsed]);
          if (kind === "text") return new Response(value);
          return Response.json([value.constructor.name, [...new Uint8Array(value)]]);
        };"#,
    );
    let send = async |path, chunks: &[&'static str]| {
        text_of(app.fetch(post(path, body(chunks))).await.expect("an answer")).await
    };
    assert_eq!(send("/text", &["one ", "", "two"]).await, "one two");
    assert_eq!(send("/text", &[]).await, "");
    assert_eq!(send("/json", &["{\"a\":", "[1]}"]).await, "[[1],true]");
    assert_eq!(send("/bytes", &["a", "b"]).await, r#"["Uint8Array",[97,98]]"#);
    assert_eq!(send("/arrayBuffer", &["a", "b"]).await, r#"["ArrayBuffer",[97,98]]"#);
    let (sender, halves) = channel_body();
    for byte in "ü😀".bytes() {
        sender.send(Ok(Bytes::from(vec![byte]))).expect("the body lives");
    }
    drop(sender);
    assert_eq!(text_of(app.fetch(post("/text", halves)).await.expect("an answer")).await, "ü😀");
    let failure = app.fetch(post("/json", body(&["{"]))).await.err().expect("a failure");
    assert!(failure.detail.expect("a detail").contains("SyntaxError"));
}

async fn a_request_body_is_read_once(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          const first = await request.text();
          return Response.json([first, request.bodyUsed, await request.text().catch((error) => error.name)]);
        };"#,
    );
    let reply = app.fetch(post("/", body(&["x"]))).await.expect("an answer");
    assert_eq!(text_of(reply).await, r#"["x",true,"TypeError"]"#);
    // A message with no body at all can be read any number of times.
    assert_eq!(text_of(app.fetch(get("/")).await.expect("an answer")).await, r#"["",false,""]"#);
}

async fn a_request_body_is_read_as_it_comes(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          let size = 0;
          for await (const chunk of request.body) {
            console.log(`${chunk.constructor.name} of ${chunk.length}`);
            size += chunk.length;
          }
          return new Response(String(size));
        };"#,
    );
    let (sender, incoming) = channel_body();
    let reply = app.begin_fetch(post("/", incoming));
    for size in [3, 100_000, 1] {
        sender.send(Ok(Bytes::from(vec![b'x'; size]))).expect("the body lives");
        app.logged(&format!("Uint8Array of {size}")).await;
    }
    assert!(!reply.is_finished(), "the body has not ended");
    drop(sender);
    assert_eq!(text_of(reply.await.expect("no panic").expect("an answer")).await, "100004");
}

async fn a_request_body_is_streamed_back_as_it_comes(bench: Bench) {
    let app = bench.script(
        r#"
        const upper = () => new TransformStream({
          transform(chunk, controller) { controller.enqueue(chunk.toUpperCase()); },
        });
        export default (request) => new Response(request.body
          .pipeThrough(new TextDecoderStream()).pipeThrough(upper()).pipeThrough(new TextEncoderStream()));"#,
    );
    let (sender, incoming) = channel_body();
    let reply = app.fetch(post("/", incoming)).await.expect("an answer before the body's end");
    let ReplyBody::Stream(mut stream) = reply.body else { panic!("no stream") };
    for word in ["one", "two", "drei"] {
        sender.send(Ok(Bytes::from_static(word.as_bytes()))).expect("the body lives");
        let chunk = read_chunk(&mut stream).await.expect("a chunk").expect("no error");
        assert_eq!(chunk, word.to_uppercase());
    }
    drop(sender);
    assert!(read_chunk(&mut stream).await.is_none());
}

async fn a_request_body_that_nobody_reads_is_let_go(bench: Bench) {
    let app = bench.script("export default () => new Response('not looked at');");
    let (sender, incoming) = channel_body();
    let reply = app.fetch(post("/", incoming)).await.expect("an answer");
    sender.closed().await;
    assert_eq!(text_of(reply).await, "not looked at");

    let app = bench.script(
        r#"
        export default async (request) => {
          await request.body.cancel();
          console.log("cancelled");
          return new Promise(() => {});
        };"#,
    );
    let (sender, incoming) = channel_body();
    let reply = app.begin_fetch(post("/", incoming));
    sender.closed().await;
    app.logged("cancelled").await;
    assert!(!reply.is_finished());
    reply.abort();
}

/// A body without an end that counts what was taken of it.
struct Endless(Arc<AtomicUsize>);

impl Body for Endless {
    type Data = Bytes;
    type Error = BodyError;
    fn poll_frame(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1024])))))
    }
}

async fn a_request_body_is_not_read_ahead(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          const reader = request.body.getReader();
          for (let i = 0; i < 3; i++) await reader.read();
          if (request.url.endsWith("/stop")) return new Response("read three");
          const transform = new TransformStream();
          reader.releaseLock();
          request.body.pipeTo(transform.writable).catch(() => {});
          return new Response(transform.readable);
        };"#,
    );
    let taken = Arc::new(AtomicUsize::new(0));
    let reply = app.fetch(post("/stop", Box::pin(Endless(Arc::clone(&taken))))).await.expect("an answer");
    assert_eq!(text_of(reply).await, "read three");
    assert!((3..=4).contains(&taken.load(Ordering::SeqCst)), "{taken:?} chunks were taken");

    // Through a pipe, what is taken is bounded by what the client takes: 64 in the reply, some in the streams between.
    taken.store(0, Ordering::SeqCst);
    let reply = app.fetch(post("/pipe", Box::pin(Endless(Arc::clone(&taken))))).await.expect("an answer");
    let ReplyBody::Stream(mut stream) = reply.body else { panic!("no stream") };
    for read in 1..=500 {
        read_chunk(&mut stream).await.expect("a chunk").expect("no error");
        let ahead = taken.load(Ordering::SeqCst) - read;
        assert!(ahead < 80, "{ahead} chunks ahead of the client");
    }
}

async fn a_request_body_handed_back_untouched_stays_native(bench: Bench) {
    let app = bench.script(
        r#"
        export default (request) => {
          const { pathname } = new URL(request.url);
          if (pathname === "/wrapped") return new Response(new Request(request).body, { status: 201 });
          return new Response(request.body, { headers: { "content-type": "text/x" } });
        };"#,
    );
    for path in ["/", "/wrapped"] {
        let (sender, incoming) = channel_body();
        let mut reply = app.fetch(post(path, incoming)).await.expect("an answer");
        let ReplyBody::Incoming(incoming) = &mut reply.body else { panic!("{path}: not native") };
        sender.send(Ok(Bytes::from_static(b"as it is"))).expect("the body lives");
        assert_eq!(read_chunk(incoming).await.expect("a chunk").expect("no error"), "as it is");
        drop(sender);
        assert!(read_chunk(incoming).await.is_none());
    }
}

async fn a_cloned_request_body_is_read_twice(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          const copy = request.clone();
          return Response.json([await copy.text(), await request.text()]);
        };"#,
    );
    let reply = app.fetch(post("/", body(&["on", "ce"]))).await.expect("an answer");
    assert_eq!(text_of(reply).await, r#"["once","once"]"#);
}

async fn a_body_over_the_limit_is_told(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          const { pathname } = new URL(request.url);
          if (pathname === "/ignore") return new Response("not read");
          if (pathname === "/stream") for await (const chunk of request.body);
          try {
            await request.text();
          } catch (error) {
            if (pathname === "/catch") return new Response(`${error.name}: ${error.message}`);
            throw error;
          }
        };"#,
    );
    let too_large = || {
        let (sender, incoming) = channel_body();
        sender.send(Ok(Bytes::from_static(b"some"))).expect("the body lives");
        sender.send(Err(BodyError::TooLarge)).expect("the body lives");
        incoming
    };
    for path in ["/text", "/stream"] {
        let failure = app.fetch(post(path, too_large())).await.err().expect("a failure");
        assert_eq!(failure.fault, Fault::BodyTooLarge, "{path}");
    }
    let reply = app.fetch(post("/catch", too_large())).await.expect("an answer");
    assert_eq!(text_of(reply).await, "TypeError: the body is larger than the limit");
    assert_eq!(text_of(app.fetch(post("/ignore", too_large())).await.expect("an answer")).await, "not read");
}

async fn a_body_that_ends_early_is_an_exception(bench: Bench) {
    let app = bench.script("export default async (request) => new Response(await request.text());");
    let (sender, incoming) = channel_body();
    sender.send(Ok(Bytes::from_static(b"some"))).expect("the body lives");
    sender.send(Err(BodyError::Broken("cut".to_owned()))).expect("the body lives");
    let failure = app.fetch(post("/", incoming)).await.err().expect("a failure");
    assert_eq!(failure.fault, Fault::Exception);
    assert!(failure.detail.expect("a detail").contains("TypeError: the body ended early"));
}

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
          "/none": () => new Response(null), "/empty": () => new Response(""), "/text": () => new Response("tëxt\ud800"),
          "/view": () => new Response(bytes.subarray(1, 3)), "/buffer": () => new Response(bytes.buffer),
          "/params": () => new Response(new URLSearchParams({ a: "b c" })), "/json": () => Response.json({ a: 1 }),
          "/stream": () => new Response(stream([1], [], [2, 3])), "/empty-stream": () => new Response(stream()),
          "/large": () => new Response("x".repeat(3_000_000)),
          "/read": () => { const r = new Response("read"); r.body; return r; },
          "/clone": () => { const r = new Response(stream([1], [2])); r.clone(); return r; },
        };
        export default (request) => answers[new URL(request.url).pathname]();"#,
    );
    let content_types = [("/text", "text/plain;charset=UTF-8"), ("/json", "application/json")];
    for (path, content_type) in content_types {
        assert_eq!(app.get(path).await.expect("an answer").headers["content-type"], content_type);
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
