//! The end of a worker: what is under way comes to its end or is cut, and its isolates go.

#![allow(clippy::unwrap_used, reason = "tests state their expectations by unwrapping")]

use std::time::{Duration, Instant};

use nano_runtime::{BodyError, Drained, Fault, ReplyBody};

use crate::support::{App, Bench, channel_body, eventually, post, read_chunk, tests, text_of};

tests![
    an_idle_app_is_drained_at_once,
    what_is_under_way_comes_to_its_end,
    requests_that_wait_are_served,
    requests_that_wait_for_a_start_are_served,
    a_client_that_leaves_is_not_waited_for,
    what_is_left_at_the_end_is_cut,
    those_who_wait_at_the_end_are_told,
    a_start_that_is_cut_answers_at_once,
    an_endless_loop_ends,
    a_built_in_that_cannot_be_stopped_keeps_nobody,
    a_body_that_is_passed_on_is_waited_for_and_cut,
    a_request_that_comes_late_is_served,
    a_request_that_comes_too_late_is_told,
    settling_keeps_the_isolates,
    requests_that_race_with_a_drain_are_served,
];

/// More than anything here takes.
const LONG: Duration = Duration::from_secs(50);
const SHORT: Duration = Duration::from_millis(100);

const KINDS: &str = r#"
    const gates = {};
    const gate = (name) => new Promise((resolve) => { gates[name] = resolve; });
    const kinds = {
      answer: () => {
        console.log("it waits");
        return gate("answer").then(() => new Response("answered"));
      },
      stream: () => new Response(new ReadableStream({
        async start(controller) {
          controller.enqueue(new TextEncoder().encode("begun, "));
          await gate("stream");
          controller.enqueue(new TextEncoder().encode("ended"));
          controller.close();
        },
      })),
      background: (ctx) => {
        ctx.waitUntil(gate("background").then(() => console.log("the background is through")));
        return new Response("at once");
      },
      // Both at once are one request.
      both: (ctx) => {
        ctx.waitUntil(gate("both"));
        return new Response(new ReadableStream({ start(c) { gates.close = () => c.close(); } }));
      },
      hello: () => new Response("hello"),
      spin: () => { console.log("spinning"); for (;;); },
      sort: () => {
        console.log("sorting");
        const list = new Array(2e6);
        for (let i = 0; i < list.length; i++) list[i] = `${(i * 7919) % 1000003}`;
        list.sort();
        return new Response("sorted");
      },
      echo: (_, request) => new Response(request.body),
    };
    export default { fetch(request, env, ctx) {
      const name = new URL(request.url).pathname.slice(1);
      if (name.startsWith("open-")) {
        gates[name.slice(5)]();
        return new Response("opened");
      }
      return kinds[name](ctx, request);
    } };"#;

fn kinds(bench: &Bench) -> App {
    bench.script(KINDS)
}

async fn under_way(app: &App, expected: usize) {
    eventually("so many are under way", || app.worker().under_way() == expected).await;
}

fn assert_gone(app: &App) {
    assert_eq!((app.stats().isolates, app.worker().under_way()), (0, 0));
}

async fn an_idle_app_is_drained_at_once(bench: Bench) {
    let app = kinds(&bench);
    assert_eq!(app.drain(LONG).await.unwrap(), Drained::default(), "it never had an isolate");
    let app = kinds(&bench);
    assert_eq!(app.text("/hello").await, "hello");
    assert_eq!(app.stats().isolates, 1);
    assert_eq!(app.drain(Duration::ZERO).await.unwrap(), Drained::default());
    assert_gone(&app);
}

async fn what_is_under_way_comes_to_its_end(bench: Bench) {
    let app = kinds(&bench);
    let answer = app.begin("/answer");
    app.logged("it waits").await;
    let stream = app.get("/stream").await.unwrap();
    assert_eq!(app.worker().under_way(), 2);
    assert_eq!(app.text("/background").await, "at once");
    assert_eq!(app.worker().under_way(), 3);
    let both = app.get("/both").await.unwrap();
    assert_eq!(app.worker().under_way(), 4);
    let drain = app.drain(LONG);
    // What comes by a race is served, and opens the gates here.
    for (name, left) in [("answer", 3), ("background", 2)] {
        assert_eq!(app.text(&format!("/open-{name}")).await, "opened");
        under_way(&app, left).await;
    }
    assert_eq!(text_of(answer.await.unwrap().unwrap()).await, "answered");
    app.logged("the background is through").await;
    assert_eq!(app.text("/open-stream").await, "opened");
    assert_eq!(text_of(stream).await, "begun, ended");
    under_way(&app, 1).await;
    assert_eq!(app.text("/open-close").await, "opened");
    assert_eq!(text_of(both).await, "");
    under_way(&app, 1).await;
    assert!(!drain.is_finished(), "waitUntil work goes on");
    assert_eq!(app.text("/open-both").await, "opened");
    assert_eq!(drain.await.unwrap(), Drained { finished: 4, cut: 0 });
    assert_gone(&app);
    assert_eq!(app.stats().cold_starts, 1);
}

async fn requests_that_wait_are_served(bench: Bench) {
    let app = bench.app().limits(|limits| limits.max_in_flight = 2).file("index.js", KINDS).start();
    let answer = app.begin("/answer");
    app.logged("it waits").await;
    let stream = app.get("/stream").await.unwrap();
    let waiting: Vec<_> = (0..5).map(|_| app.begin("/hello")).collect();
    under_way(&app, 7).await;
    let drain = app.drain(LONG);
    // One place is free for all of them, once this stream is given up.
    drop(stream);
    for reply in waiting {
        assert_eq!(text_of(reply.await.unwrap().unwrap()).await, "hello");
    }
    assert_eq!(app.text("/open-answer").await, "opened");
    assert_eq!(text_of(answer.await.unwrap().unwrap()).await, "answered");
    assert_eq!(drain.await.unwrap(), Drained { finished: 7, cut: 0 });
    assert_gone(&app);
}

async fn requests_that_wait_for_a_start_are_served(bench: Bench) {
    let source = "console.log('starting');
        await new Promise((resolve) => setTimeout(resolve, 300));
        export default () => new Response('hello');";
    let app = bench.app().file("index.js", source).start();
    let early: Vec<_> = (0..3).map(|_| app.begin("/")).collect();
    under_way(&app, 3).await;
    let before = app.drain(LONG);
    app.logged("starting").await;
    let during = app.drain(LONG);
    for reply in early {
        assert_eq!(text_of(reply.await.unwrap().unwrap()).await, "hello");
    }
    for drain in [before, during] {
        assert_eq!(drain.await.unwrap(), Drained { finished: 3, cut: 0 });
    }
    assert_gone(&app);
    assert_eq!(app.stats().cold_starts, 1);
}

async fn a_client_that_leaves_is_not_waited_for(bench: Bench) {
    let app = bench.app().limits(|limits| limits.max_in_flight = 1).file("index.js", KINDS).start();
    let waits = app.begin("/answer");
    app.logged("it waits").await;
    let queued = app.begin("/hello");
    under_way(&app, 2).await;
    let drain = app.drain(LONG);
    queued.abort();
    under_way(&app, 1).await;
    waits.abort();
    drain.await.unwrap();
    assert_gone(&app);
}

async fn what_is_left_at_the_end_is_cut(bench: Bench) {
    let app = kinds(&bench);
    let answer = app.begin("/answer");
    app.logged("it waits").await;
    let stream = app.get("/stream").await.unwrap();
    assert_eq!(app.text("/background").await, "at once");
    under_way(&app, 3).await;
    let begun = Instant::now();
    assert_eq!(app.drain(SHORT).await.unwrap(), Drained { finished: 0, cut: 3 });
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(answer.await.unwrap().err().unwrap().fault, Fault::Draining);
    let ReplyBody::Stream(mut body) = stream.body else { panic!("a stream") };
    assert_eq!(read_chunk(&mut body).await.unwrap().unwrap(), "begun, ");
    let end = read_chunk(&mut body).await.unwrap();
    assert!(matches!(end, Err(BodyError::Stopped(Fault::Draining))), "{end:?}");
    drop(body);
    assert_gone(&app);
    let stats = app.stats();
    assert_eq!((stats.ended_cpu, stats.ended_memory, stats.ended_timeout), (0, 0, 0), "no limit did it");
}

async fn those_who_wait_at_the_end_are_told(bench: Bench) {
    let app = bench.app().limits(|limits| limits.max_in_flight = 1).file("index.js", KINDS).start();
    let mut waiting = vec![app.begin("/spin")];
    app.logged("spinning").await;
    waiting.extend(["/hello", "/hello"].map(|path| app.begin(path)));
    under_way(&app, 3).await;
    assert_eq!(app.drain(SHORT).await.unwrap(), Drained { finished: 0, cut: 3 });
    for reply in waiting {
        assert_eq!(reply.await.unwrap().err().unwrap().fault, Fault::Draining);
    }
    assert_gone(&app);
}

async fn a_start_that_is_cut_answers_at_once(bench: Bench) {
    let starts =
        ["console.log('starting'); for (;;);", "console.log('starting'); await new Promise(() => {});"];
    for source in starts {
        let app = bench.script(source);
        let reply = app.begin("/");
        app.logged("starting").await;
        assert_eq!(app.drain(SHORT).await.unwrap(), Drained { finished: 0, cut: 1 });
        assert_eq!(reply.await.unwrap().err().unwrap().fault, Fault::Draining, "{source}");
        assert_gone(&app);
    }
}

async fn an_endless_loop_ends(bench: Bench) {
    let app = bench.app().limits(|limits| limits.cpu_ms = 50_000).file("index.js", KINDS).start();
    let spinning = app.begin("/spin");
    app.logged("spinning").await;
    // In the same isolate, seen by no script.
    let unseen: Vec<_> = (0..3).map(|_| app.begin("/hello")).collect();
    under_way(&app, 4).await;
    assert_eq!(app.drain(SHORT).await.unwrap(), Drained { finished: 0, cut: 4 });
    for reply in unseen.into_iter().chain([spinning]) {
        assert_eq!(reply.await.unwrap().err().unwrap().fault, Fault::Draining);
    }
    assert_gone(&app);
    // What it used is counted at its turn's end: it does end.
    eventually("the script is stopped", || app.stats().cpu_ns > 0).await;
}

async fn a_built_in_that_cannot_be_stopped_keeps_nobody(bench: Bench) {
    let app = bench.app().limits(|limits| limits.memory_mb = 512).file("index.js", KINDS).start();
    let sorting = app.begin("/sort");
    app.logged("sorting").await;
    assert_eq!(app.drain(Duration::ZERO).await.unwrap(), Drained { finished: 0, cut: 1 });
    assert_eq!(sorting.await.unwrap().err().unwrap().fault, Fault::Draining);
    assert_gone(&app);
}

async fn a_body_that_is_passed_on_is_waited_for_and_cut(bench: Bench) {
    for waits in [true, false] {
        let app = kinds(&bench);
        let (sender, incoming) = channel_body();
        let reply = app.fetch(post("/echo", incoming)).await.unwrap();
        let ReplyBody::Incoming(mut body) = reply.body else { panic!("the request's own body") };
        sender.send(Ok("one".into())).unwrap();
        assert_eq!(read_chunk(&mut body).await.unwrap().unwrap(), "one");
        assert_eq!(app.worker().under_way(), 1);
        let drain = app.drain(if waits { LONG } else { SHORT });
        if waits {
            sender.send(Ok("two".into())).unwrap();
            drop(sender);
            assert_eq!(read_chunk(&mut body).await.unwrap().unwrap(), "two");
            assert!(read_chunk(&mut body).await.is_none());
            drop(body);
            assert_eq!(drain.await.unwrap(), Drained { finished: 1, cut: 0 });
        } else {
            let end = read_chunk(&mut body).await.unwrap();
            assert!(matches!(end, Err(BodyError::Stopped(Fault::Draining))), "{end:?}");
            assert_eq!(drain.await.unwrap(), Drained { finished: 0, cut: 1 });
            // It does not come back with the next bytes.
            sender.send(Ok("two".into())).unwrap();
            assert!(read_chunk(&mut body).await.unwrap().is_err());
            drop(body);
        }
        assert_gone(&app);
    }
}

async fn a_request_that_comes_late_is_served(bench: Bench) {
    let app = kinds(&bench);
    assert_eq!(app.text("/hello").await, "hello");
    app.drain(LONG).await.unwrap();
    for starts in 2..4 {
        assert_eq!(app.text("/hello").await, "hello");
        eventually("its isolate is not kept for idle_ms", || app.stats().isolates == 0).await;
        assert_eq!(app.stats().cold_starts, starts);
    }
}

async fn a_request_that_comes_too_late_is_told(bench: Bench) {
    let app = kinds(&bench);
    app.drain(SHORT).await.unwrap();
    // It is late, and has no more time than the others had.
    assert_eq!(app.fault("/answer").await, Fault::Draining);
    assert_eq!(app.fault("/hello").await, Fault::Draining);
    assert_gone(&app);
}

async fn settling_keeps_the_isolates(bench: Bench) {
    let app = kinds(&bench);
    assert_eq!(app.text("/background").await, "at once");
    let worker = app.clone();
    let settling =
        tokio::spawn(async move { worker.worker().settle(tokio::time::Instant::now() + LONG).await });
    assert_eq!(app.text("/open-background").await, "opened");
    settling.await.unwrap();
    assert_eq!(app.worker().settle(tokio::time::Instant::now()).await, Drained::default());
    assert_eq!((app.stats().isolates, app.text("/hello").await), (1, "hello".to_owned()));
}

/// However the two meet, every request has its answer, and no isolate is left behind.
async fn requests_that_race_with_a_drain_are_served(bench: Bench) {
    let source = "const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
        export default { async fetch(request, env, ctx) {
          const { pathname } = new URL(request.url);
          if (pathname === '/2') await pause();
          if (pathname === '/1') ctx.waitUntil(pause());
          return new Response(pathname === '/0' ? request.body : pathname);
        } };";
    for round in 0..60_u32 {
        let app = bench.app().limits(|limits| limits.max_in_flight = 4).file("index.js", source).start();
        if round % 2 == 0 {
            app.text("/warm").await;
        }
        let mut replies = Vec::new();
        let mut drain = None;
        for index in 0..12_u32 {
            if index == round % 12 {
                drain = Some(app.drain(LONG));
            }
            let (sender, incoming) = channel_body();
            sender.send(Ok("/0".into())).unwrap();
            replies.push((index % 4, app.begin_fetch(post(&format!("/{}", index % 4), incoming))));
            if round % 5 == 0 {
                tokio::task::yield_now().await;
            }
        }
        for (kind, reply) in replies {
            let reply = reply.await.unwrap().unwrap_or_else(|failure| panic!("round {round}: {failure:?}"));
            assert_eq!(text_of(reply).await, format!("/{kind}"), "round {round}");
        }
        assert_eq!(drain.unwrap().await.unwrap().cut, 0, "round {round}");
        eventually("the isolates are gone", || app.stats().isolates == 0).await;
        eventually("nothing is left", || app.worker().under_way() == 0).await;
    }
}
