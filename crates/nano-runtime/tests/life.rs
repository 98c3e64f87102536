//! The life of an app's isolates: made, shared by requests, retired, replaced.

use nano_runtime::{Fault, ReplyBody, Residents};

use crate::support::{App, Bench, body, bytes_of, channel_body, eventually, get, post, tests, text_of};

tests![
    an_isolate_keeps_its_state_between_requests,
    an_idle_isolate_is_retired_and_comes_back,
    work_under_way_keeps_an_isolate,
    requests_settled_by_others_do_not_keep_an_isolate,
    a_stream_keeps_its_isolate,
    a_cut_wait_until_does_not_keep_an_isolate,
    apps_share_nothing,
    requests_interleave_at_awaits,
    timers_end_with_their_request,
    timers_of_the_top_level_go_on,
    work_belongs_to_the_request_of_its_promise_chain,
    an_ended_request_begins_nothing,
    a_message_belongs_to_the_request_that_posted_it,
    a_message_ends_with_its_request,
    a_preloaded_app_has_its_isolate,
    a_finalisation_registry_tells,
    a_finalisation_callback_has_a_cpu_limit,
    a_finalisation_callback_that_throws_is_told,
    isolates_go_when_the_memory_budget_is_full_but_for_busy_ones;
    alone:
    requests_not_seen_yet_go_to_the_next_isolate,
    a_busy_app_gets_another_isolate,
];

const COUNTER: &str = "let n = 0; export default () => new Response(String(++n));";

async fn retired(app: &App) {
    eventually("the isolate is retired", || app.stats().isolates == 0).await;
}

async fn an_isolate_keeps_its_state_between_requests(bench: Bench) {
    let app = bench.script(COUNTER);
    for expected in 1..=20 {
        assert_eq!(app.text("/").await, expected.to_string());
    }
    let stats = app.stats();
    assert_eq!((stats.isolates, stats.cold_starts, stats.in_flight), (1, 1, 0));
}

async fn an_idle_isolate_is_retired_and_comes_back(bench: Bench) {
    let app = bench.app().limits(|limits| limits.idle_ms = 10).file("index.js", COUNTER).start();
    for round in 1..=3 {
        assert_eq!(app.text("/").await, "1", "its state went with it");
        retired(&app).await;
        eventually("it is counted", || app.stats().evictions == round).await;
        assert_eq!(app.stats().cold_starts, round);
    }
}

async fn work_under_way_keeps_an_isolate(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| limits.idle_ms = 10)
        .file(
            "index.js",
            r#"
            const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
            export default { async fetch(request, env, ctx) {
              if (request.url.endsWith("/background")) {
                ctx.waitUntil(pause().then(() => console.log("the background is through")));
                return new Response("at once");
              }
              await pause();
              return new Response("after many times of the idle limit");
            } };"#,
        )
        .start();
    assert_eq!(app.text("/").await, "after many times of the idle limit");
    retired(&app).await;
    assert_eq!(app.text("/background").await, "at once");
    app.logged("the background is through").await;
    retired(&app).await;
    assert_eq!(app.stats().cold_starts, 2);
}

async fn requests_settled_by_others_do_not_keep_an_isolate(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| limits.idle_ms = 10)
        .file(
            "index.js",
            r#"
            let go, fail, done;
            const kinds = {
              "/answer": () => new Promise((resolve) => { go = () => resolve(new Response("answered")); }),
              "/fail": () => new Promise((_, reject) => { go = () => reject(new Error("failed")); }),
              "/hold": (ctx) => {
                ctx.waitUntil(new Promise((resolve) => { go = resolve; }));
                return new Response("held");
              },
            };
            export default { fetch(request, env, ctx) {
              const { pathname } = new URL(request.url);
              if (pathname !== "/go") {
                const result = kinds[pathname](ctx);
                console.log(`${pathname} waits`);
                return result;
              }
              go();
              return new Response("gone");
            } };"#,
        )
        .start();
    for path in ["/answer", "/fail", "/hold"] {
        let waiting = app.begin(path);
        app.logged(&format!("{path} waits")).await;
        assert_eq!(app.text("/go").await, "gone");
        let answer = waiting.await.expect("no panic");
        assert_eq!(answer.is_ok(), path != "/fail", "{path}");
        retired(&app).await;
    }
    assert_eq!(app.stats().cold_starts, 3);
}

async fn a_stream_keeps_its_isolate(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| limits.idle_ms = 10)
        .file(
            "index.js",
            r#"
            let controller;
            export default (request) => {
              if (request.url.endsWith("/stream")) {
                return new Response(new ReadableStream({ start(c) { controller = c; } }));
              }
              return new Promise((resolve) => setTimeout(() => {
                controller.enqueue(new Uint8Array([1]));
                controller.close();
                resolve(new Response("written"));
              }, 100));
            };"#,
        )
        .start();
    let streamed = app.get("/stream").await.expect("an answer");
    assert!(matches!(streamed.body, ReplyBody::Stream(_)));
    assert_eq!(app.text("/write").await, "written");
    assert_eq!(bytes_of(streamed).await.expect("a body"), [1]);
    assert_eq!(app.stats().cold_starts, 1);
    retired(&app).await;
}

async fn a_cut_wait_until_does_not_keep_an_isolate(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| {
            limits.idle_ms = 10;
            limits.timeout_ms = 1000;
        })
        .file(
            "index.js",
            r#"
            export default { fetch(request, env, ctx) {
              ctx.waitUntil(new Promise(() => {}));
              return new Response(new ReadableStream({
                async pull(controller) {
                  await null;
                  controller.enqueue(new Uint8Array(1));
                  controller.close();
                },
              }));
            } };"#,
        )
        .start();
    assert_eq!(bytes_of(app.get("/").await.expect("an answer")).await.expect("a body"), [0]);
    app.logged("waitUntil took too long").await;
    retired(&app).await;
}

async fn apps_share_nothing(bench: Bench) {
    let source = r#"
        const pristine = [Array.prototype.map, fetchless(), Object.keys(globalThis).length];
        function fetchless() { return Response.json; }
        export default (request) => {
          if (request.url.endsWith("/spoil")) {
            Object.prototype.polluted = true;
            Array.prototype.map = () => "mine";
            globalThis.mine = true;
            Response.json = () => new Response("mine");
            Promise.prototype.then = function () { return "mine"; };
            URL.prototype.constructor = null;
            Object.freeze(console);
          }
          return new Response(JSON.stringify([
            ({}).polluted, typeof [1].map((x) => x), typeof mine, Response.json === pristine[1],
            Object.isFrozen(console), env.OWN,
          ]));
        };
        const env = {};"#;
    let builder = || bench.app().file("index.js", source);
    let spoiler = builder().limits(|limits| limits.idle_ms = 10).start();
    let other = builder().start();
    let clean = r#"[null,"object","undefined",true,false,null]"#;
    assert_eq!(other.text("/").await, clean);
    assert_eq!(spoiler.text("/spoil").await, r#"[true,"string","boolean",false,true,null]"#);
    assert_eq!(other.text("/").await, clean);
    assert_eq!(builder().start().text("/").await, clean, "an app started after it");
    retired(&spoiler).await;
    assert_eq!(spoiler.text("/").await, clean, "its own next isolate");
}

async fn requests_interleave_at_awaits(bench: Bench) {
    let app = bench.script(
        r#"
        const gates = [];
        export default async (request) => {
          const name = await request.text();
          console.log(`${name} is in`);
          if (gates.push(name) === 3) for (const gate of gates.splice(0)) gate.open?.();
          await null;
          return new Response(`${name} of ${gates.length}`);
        };"#,
    );
    let mut waiting = Vec::new();
    for name in ["a", "b"] {
        let (sender, incoming) = channel_body();
        waiting.push((sender, app.begin_fetch(post("/", incoming)), name));
    }
    let last = app.fetch(post("/", body(&["c"]))).await.expect("an answer while the others wait");
    assert_eq!(text_of(last).await, "c of 1");
    for (sender, reply, name) in waiting.into_iter().rev() {
        assert!(!reply.is_finished());
        sender.send(Ok(name.into())).expect("the body lives");
        drop(sender);
        text_of(reply.await.expect("no panic").expect("an answer")).await;
    }
    let order: Vec<_> = app.log().into_iter().map(|line| line.message).collect();
    assert_eq!(order, ["c is in", "b is in", "a is in"]);
}

async fn requests_not_seen_yet_go_to_the_next_isolate(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| limits.cpu_ms = 3000)
        .file(
            "index.js",
            r#"
            let n = 0;
            export default async (request) => {
              const { pathname } = new URL(request.url);
              if (pathname === "/spin") {
                console.log("spinning");
                for (;;);
              }
              if (pathname === "/seen") {
                console.log("seen");
                await new Promise(() => {});
              }
              n++;
              return new Response(request.body === null ? String(n) : await request.text());
            };"#,
        )
        .start();
    let seen = app.begin("/seen");
    app.logged("seen").await;
    let spinning = app.begin("/spin");
    app.logged("spinning").await;
    let unseen: Vec<_> = (0..3).map(|_| app.begin_fetch(post("/", body(&["its body"])))).collect();
    eventually("they are all in", || app.stats().in_flight == 5).await;
    assert_eq!(spinning.await.expect("no panic").err().expect("a failure").fault, Fault::CpuLimit);
    assert!(seen.await.expect("no panic").is_err(), "what it had done is lost");
    for reply in unseen {
        assert_eq!(text_of(reply.await.expect("no panic").expect("an answer")).await, "its body");
    }
    assert_eq!(app.text("/").await, "4", "they all went to the same isolate");
    assert_eq!((app.stats().cold_starts, app.stats().ended_cpu), (2, 1));
}

async fn timers_end_with_their_request(bench: Bench) {
    let app = bench.script(
        r#"
        let fired = 0;
        export default async (request) => {
          if (request.url.endsWith("/start")) {
            setTimeout(() => { fired++; }, 20);
            setInterval(() => { fired++; }, 20);
            return new Response("started");
          }
          await new Promise((resolve) => setTimeout(resolve, 100));
          return new Response(String(fired));
        };"#,
    );
    for _ in 0..3 {
        assert_eq!(app.text("/start").await, "started");
    }
    assert_eq!(app.text("/fired").await, "0");
}

/// One request may resolve what another waits for: what the other does then is its own.
async fn work_belongs_to_the_request_of_its_promise_chain(bench: Bench) {
    let app = bench.script(
        r#"
        let go;
        const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
        const chains = {
          promise: (gate) => gate.then(() => pause(1)).then(() => console.log("promise done")),
          await: async (gate) => { await gate; await pause(1); console.log("await done"); },
          microtask: async (gate) => {
            await gate;
            await new Promise((resolve) => queueMicrotask(() => setTimeout(resolve, 1)));
            console.log("microtask done");
          },
        };
        export default (request, env, ctx) => {
          const name = new URL(request.url).pathname.slice(1);
          if (name === "go") { go(); return new Response("gone"); }
          ctx.waitUntil(chains[name](new Promise((resolve) => { go = resolve; })));
          return new Response("waits");
        };"#,
    );
    for name in ["promise", "await", "microtask"] {
        let first = get(&format!("/{name}"));
        let id = first.id.to_string();
        assert_eq!(text_of(app.fetch(first).await.expect("an answer")).await, "waits");
        assert_eq!(app.text("/go").await, "gone");
        let line = app.logged(&format!("{name} done")).await;
        assert_eq!(line.request_id, id, "{name}");
    }
}

/// What a request left behind does not begin anything when another's work wakes it.
async fn an_ended_request_begins_nothing(bench: Bench) {
    let app = bench.script(
        r#"
        let go;
        let fired = 0;
        export default async (request) => {
          if (request.url.endsWith("/leave")) {
            new Promise((resolve) => { go = resolve; }).then(() => setTimeout(() => { fired++; }, 1));
            return new Response("left");
          }
          go();
          await new Promise((resolve) => setTimeout(resolve, 50));
          return new Response(String(fired));
        };"#,
    );
    assert_eq!(app.text("/leave").await, "left");
    assert_eq!(app.text("/go").await, "0");
}

async fn a_message_belongs_to_the_request_that_posted_it(bench: Bench) {
    let app = bench.script(
        r#"
        const { port1, port2 } = new MessageChannel();
        let done;
        port2.addEventListener("message", ({ data }) => { console.log(`got ${data}`); done(); });
        export default (request, env, ctx) => {
          const name = new URL(request.url).pathname.slice(1);
          if (name === "start") { port2.start(); return new Response("started"); }
          port1.postMessage(name);
          ctx.waitUntil(new Promise((resolve) => { done = resolve; }));
          return new Response("posted");
        };"#,
    );
    for name in ["before-start", "after-start"] {
        let post = get(&format!("/{name}"));
        let id = post.id.to_string();
        assert_eq!(text_of(app.fetch(post).await.expect("an answer")).await, "posted");
        assert_eq!(app.text("/start").await, "started");
        let line = app.logged(&format!("got {name}")).await;
        assert_eq!(line.request_id, id, "{name}");
    }
}

/// And it is not in the way of the messages behind it.
async fn a_message_ends_with_its_request(bench: Bench) {
    let app = bench.script(
        r#"
        const { port1, port2 } = new MessageChannel();
        const got = [];
        let done;
        port2.onmessage = ({ data }) => { got.push(data); done?.(); };
        export default async (request) => {
          const name = new URL(request.url).pathname.slice(1);
          const stays = new Promise((resolve) => { done = resolve; });
          port1.postMessage(name);
          if (name === "stays") await stays;
          return new Response(got.join());
        };"#,
    );
    for _ in 0..3 {
        assert_eq!(app.text("/leaves").await, "");
    }
    assert_eq!(app.text("/stays").await, "stays");
}

async fn timers_of_the_top_level_go_on(bench: Bench) {
    let app = bench.script(
        r#"
        let ticks = 0;
        const three = new Promise((resolve) => {
          const interval = setInterval(() => {
            if (++ticks === 3) { clearInterval(interval); resolve(); }
          }, 5);
        });
        export default async () => { await three; return new Response(String(ticks)); };"#,
    );
    assert_eq!(app.text("/").await, "3");
}

async fn a_busy_app_gets_another_isolate(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| {
            limits.cpu_ms = 5000;
            limits.max_isolates = 2;
        })
        .file(
            "index.js",
            r#"
            export default (request) => {
              if (request.url.endsWith("/spin")) {
                console.log("spinning");
                for (;;);
              }
              return new Response("served");
            };"#,
        )
        .start();
    let spinning = app.begin("/spin");
    app.logged("spinning").await;
    let queued: Vec<_> = (0..40).map(|_| app.begin("/")).collect();
    eventually("there is a second isolate", || app.stats().isolates == 2).await;
    assert_eq!(app.text("/").await, "served");
    assert!(!spinning.is_finished(), "it was served while the first one spins");
    assert_eq!(spinning.await.expect("no panic").err().expect("a failure").fault, Fault::CpuLimit);
    for reply in queued {
        assert_eq!(text_of(reply.await.expect("no panic").expect("an answer")).await, "served");
    }
}

async fn a_preloaded_app_has_its_isolate(bench: Bench) {
    let app = bench.script(COUNTER);
    app.preload().await.expect("it starts");
    assert_eq!((app.stats().isolates, app.stats().cold_starts), (1, 1));
    assert_eq!(app.text("/").await, "1");
    assert_eq!(app.stats().cold_starts, 1);
    let broken = bench.script("throw new Error('at the top')");
    let failure = broken.preload().await.expect_err("it does not start");
    assert_eq!(failure.fault, Fault::Startup);
}

/// Each request leaves garbage and tells how often the registry has called back.
const REGISTRY: &str = "
    let told = 0;
    const registry = new FinalizationRegistry((value) => { told += value; CALLBACK });
    export default async () => {
      for (let i = 0; i < 2000; i++) registry.register({ garbage: new Array(1000).fill(i) }, 1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return new Response(String(told));
    };";

async fn a_finalisation_registry_tells(bench: Bench) {
    let app = bench.script(&REGISTRY.replace("CALLBACK", ""));
    for _ in 0..200 {
        if app.text("/").await != "0" {
            return;
        }
    }
    panic!("400,000 objects became garbage, and none was told of");
}

async fn a_finalisation_callback_has_a_cpu_limit(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| limits.cpu_ms = 100)
        .file("index.js", REGISTRY.replace("CALLBACK", "for (;;);"))
        .start();
    for _ in 0..200 {
        if let Err(failure) = app.get("/").await {
            assert_eq!(failure.fault, Fault::CpuLimit);
            return eventually("it is counted", || app.stats().ended_cpu > 0).await;
        }
        if app.stats().ended_cpu > 0 {
            return;
        }
    }
    panic!("no callback came");
}

async fn a_finalisation_callback_that_throws_is_told(bench: Bench) {
    let app = bench.script(&REGISTRY.replace("CALLBACK", "throw new Error('a callback of garbage threw')"));
    for _ in 0..200 {
        app.text("/").await;
        if app.log().iter().any(|line| line.message.contains("a callback of garbage threw")) {
            return;
        }
    }
    panic!("no callback came, or its error was not told");
}

/// A budget that any process is over.
const NO_BUDGET: Option<u64> = Some(1);

async fn isolates_go_when_the_memory_budget_is_full_but_for_busy_ones(bench: Bench) {
    let residents = Residents::new(2, NO_BUDGET);
    let idle = bench.app().residents(&residents).file("index.js", COUNTER).start();
    let busy = bench
        .app()
        .residents(&residents)
        .file(
            "index.js",
            r#"let go; export default (request) => request.url.endsWith("/go")
                ? (go(), new Response("it goes"))
                : new Promise((resolve) => { console.log("waits"); go = () => resolve(new Response("went")); });"#,
        )
        .start();
    let waiting = {
        let busy = busy.clone();
        tokio::spawn(async move { busy.text("/wait").await })
    };
    busy.logged("waits").await;
    assert_eq!(idle.text("/").await, "1");
    residents.watch(&tokio::runtime::Handle::current());
    retired(&idle).await;
    assert_eq!((idle.stats().evictions, busy.stats().evictions), (1, 0));
    // It comes back, as often as it is asked.
    assert_eq!(idle.text("/").await, "1");
    assert_eq!(busy.text("/go").await, "it goes");
    assert_eq!(waiting.await.expect("it was answered"), "went");
    retired(&busy).await;
}
