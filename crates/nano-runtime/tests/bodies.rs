//! Bodies on their way in and out: reading, streaming, back-pressure, and how they end early.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use nano_runtime::{BodyError, Fault, ReplyBody};

use crate::support::{Bench, body, channel_body, get, post, read_chunk, tests, text_of};

tests![
    a_request_body_is_read_as_a_whole,
    a_form_is_read,
    a_response_of_a_blob_or_a_form_is_sent,
    a_request_body_is_read_once,
    a_request_body_is_read_as_it_comes,
    a_request_body_is_streamed_back_as_it_comes,
    a_request_body_that_nobody_reads_is_let_go,
    a_request_body_is_not_read_ahead,
    a_request_body_handed_back_untouched_stays_native,
    a_cloned_request_body_is_read_twice,
    a_body_over_the_limit_is_told,
    a_body_that_ends_early_is_the_clients_fault,
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

async fn a_form_is_read(bench: Bench) {
    let app = bench.script(
        r#"
        Object.defineProperty(Uint8Array.prototype, "then", { get() { throw new Error("bytes are shown"); } });
        export default async (request) => {
          const kind = new URL(request.url).pathname.slice(1);
          if (kind === "blob") {
            const blob = await request.blob();
            return Response.json([blob.type, blob.size, await blob.text()]);
          }
          const form = await request.formData().catch((error) => [[error.name, error.message]]);
          return Response.json(await Promise.all(Array.from(form, async ([name, value]) =>
            value instanceof File ? [name, value.name, value.type, await value.text()] : [name, value])));
        };"#,
    );
    let send = async |path, kind: &str, chunks: &[&'static str]| {
        let mut request = post(path, body(chunks));
        request.headers.push(b"content-type", kind.as_bytes());
        text_of(app.fetch(request).await.expect("an answer")).await
    };
    let multipart = "multipart/form-data; boundary=xyz";
    let chunks = [
        "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r",
        "\n--xy",
        "z\r\nContent-Disposition: form-data; name=\"b\"; filename=\"f\"\r\nContent-Type: a/b\r\n\r\ntwo\r\n--xyz--",
    ];
    assert_eq!(send("/form", multipart, &chunks).await, r#"[["a","one"],["b","f","a/b","two"]]"#);
    assert!(send("/form", multipart, &chunks[..2]).await.contains("TypeError"));
    assert!(send("/form", multipart, &[]).await.contains("TypeError"));
    let urlencoded = "application/x-www-form-urlencoded";
    assert_eq!(send("/form", urlencoded, &["a=1&b=", "%C3%A9"]).await, r#"[["a","1"],["b","é"]]"#);
    assert_eq!(send("/blob", "Text/X;y=Z", &["ab", "c"]).await, r#"["text/x;y=Z",3,"abc"]"#);
}

async fn a_response_of_a_blob_or_a_form_is_sent(bench: Bench) {
    let app = bench.script(
        r#"
        export default (request) => {
          const blob = new Blob(["x", new Uint8Array([97, 98]), "y"], { type: "a/b" }).slice(1, 3, "a/b");
          if (request.url.endsWith("/blob")) return new Response(blob);
          const form = new FormData();
          form.append("f", blob, "n");
          return new Response(form);
        };"#,
    );
    let reply = app.get("/blob").await.expect("an answer");
    assert_eq!(reply.headers.get("content-type"), Some(&b"a/b"[..]));
    assert!(matches!(&reply.body, ReplyBody::Full(bytes) if &bytes[..] == b"ab"), "its length is known");
    let reply = app.get("/form").await.expect("an answer");
    let kind = reply.headers.get("content-type").expect("a type");
    let kind = std::str::from_utf8(kind).expect("ASCII").to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
    let part = "Content-Disposition: form-data; name=\"f\"; filename=\"n\"\r\nContent-Type: a/b\r\n\r\nab";
    assert!(matches!(reply.body, ReplyBody::Full(_)), "its length is known");
    assert_eq!(text_of(reply).await, format!("--{boundary}\r\n{part}\r\n--{boundary}--\r\n"));
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

    // Through a pipe, what is taken is bounded by what the client takes: 64 in the reply, some in the
    // streams between.
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

async fn a_body_that_ends_early_is_the_clients_fault(bench: Bench) {
    let app = bench.script("export default async (request) => new Response(await request.text());");
    let (sender, incoming) = channel_body();
    sender.send(Ok(Bytes::from_static(b"some"))).expect("the body lives");
    sender.send(Err(BodyError::Broken("cut".to_owned()))).expect("the body lives");
    let failure = app.fetch(post("/", incoming)).await.err().expect("a failure");
    assert_eq!(failure.fault, Fault::BodyBroken);
    assert!(failure.detail.expect("a detail").contains("TypeError: the body ended early"));
}
