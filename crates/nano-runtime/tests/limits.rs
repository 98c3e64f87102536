//! The limits of an app, and that passing one hurts nobody else.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use nano_runtime::{Fault, Reply, ReplyBody};

use crate::support::{App, Bench, body, channel_body, eventually, get, post, tests, text_of};

tests![
    cpu_is_limited_whatever_burns_it,
    cpu_is_counted_over_all_turns_of_a_request,
    cpu_of_short_events_adds_up,
    cpu_of_native_work_elsewhere_counts_and_holds_nobody,
    wall_time_is_limited_while_a_handler_waits,
    wall_time_is_limited_while_a_script_runs,
    the_heap_is_limited,
    buffers_are_limited,
    memory_that_v8_maps_is_limited,
    memory_that_v8_maps_is_given_back,
    bodies_count_as_memory,
    bodies_that_were_read_count_until_a_turn_takes_them,
    copies_of_long_strings_are_refused,
    answers_count_as_memory_until_they_are_sent,
    requests_over_the_queue_are_refused,
    a_waiting_request_has_its_time_limit,
    an_isolate_that_cannot_be_unwound_is_written_off,
    no_object_is_larger_than_its_isolate,
    source_has_a_limit;
    alone:
    a_start_is_limited,
    a_built_in_over_its_time_keeps_nobody_waiting,
    neighbours_answer_while_an_app_spins,
    neighbours_answer_while_an_app_is_inside_a_built_in,
    apps_that_spin_do_not_keep_others_from_answers,
];

/// An app whose paths run these bodies of functions, besides `/ok` and `/count`.
fn app_of(bench: &Bench, cases: &[(&str, &str)], limits: impl FnOnce(&mut nano_runtime::Limits)) -> App {
    let table: String =
        cases.iter().map(|(path, body)| format!("{path:?}: async (request) => {{ {body} }},\n")).collect();
    let source = format!(
        r#"
        let count = 0;
        const keep = [];
        const cases = {{
          {table}
          "/ok": () => new Response("ok"),
          "/count": () => new Response(String(++count)),
        }};
        export default (request) => cases[new URL(request.url).pathname](request);"#
    );
    bench.app().limits(limits).file("index.js", source).start()
}

const ENDLESS_WASM: &str = "new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, \
    5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 3, 64, 12, 0, 11, 11])";

async fn cpu_is_limited_whatever_burns_it(bench: Bench) {
    let wasm = format!("new WebAssembly.Instance(new WebAssembly.Module({ENDLESS_WASM})).exports.f();");
    let cases = [
        ("/loop", "for (;;);"),
        ("/try", "for (;;) { try { for (;;); } catch {} finally { for (;;); } }"),
        (
            "/microtasks",
            "const again = () => Promise.resolve().then(again); again(); await new Promise(() => {});",
        ),
        ("/queue", "const again = () => queueMicrotask(again); again(); await new Promise(() => {});"),
        ("/await", "for (;;) await null;"),
        ("/regexp", "/^(a+)+$/.test('a'.repeat(50) + 'b');"),
        ("/getter", "return { get then() { for (;;); } };"),
        ("/stack", "throw { get stack() { for (;;); } };"),
        ("/headers", "return new Response('', { headers: { get a() { for (;;); } } });"),
        ("/pull", "return new Response(new ReadableStream({ pull() { for (;;); } }, { highWaterMark: 0 }));"),
        ("/sort", "[3, 2, 1].sort(() => { for (;;); });"),
        ("/json", "JSON.stringify({ toJSON() { for (;;); } });"),
        ("/eval", "(0, eval)('for (;;);');"),
        (
            "/rejection",
            "addEventListener('unhandledrejection', () => { for (;;); }); Promise.reject(1);
             await new Promise(() => {});",
        ),
        ("/generator", "new Set((function* () { for (;;) yield 1; })());"),
        ("/wasm", wasm.as_str()),
        (
            "/messages",
            "const { port1, port2 } = new MessageChannel();
             port1.onmessage = port2.onmessage = ({ target }) => target.postMessage(0);
             port1.postMessage(0); await new Promise(() => {});",
        ),
        (
            "/compression",
            "const { readable, writable } = new CompressionStream('brotli');
             const writer = writable.getWriter();
             const zeros = new Uint8Array(10 << 20);
             for (let i = 0; i < 1000; i++) writer.write(zeros);
             for await (const chunk of readable) void chunk;",
        ),
    ];
    let app = app_of(&bench, &cases, |limits| limits.cpu_ms = 100);
    for (path, _) in cases {
        assert_eq!(app.text("/count").await, "1", "a fresh isolate before {path}");
        match app.get(path).await {
            Err(failure) => assert_eq!(failure.fault, Fault::CpuLimit, "{path}"),
            Ok(reply) => {
                assert_eq!(path, "/pull", "only a stream was answered before");
                crate::support::bytes_of(reply).await.expect_err("its body is cut");
            }
        }
    }
    assert_eq!(app.text("/ok").await, "ok");
    let stats = app.stats();
    let count = cases.len() as u64;
    assert_eq!((stats.ended_cpu, stats.cold_starts), (count, count + 1));
    assert_eq!((stats.ended_memory, stats.ended_timeout, stats.lost), (0, 0, 0));
}

async fn cpu_is_counted_over_all_turns_of_a_request(bench: Bench) {
    let burn =
        "const burn = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };";
    let timers =
        format!("{burn} for (;;) {{ await new Promise((resolve) => setTimeout(resolve, 1)); burn(20); }}");
    let reads = format!("{burn} for await (const chunk of request.body) burn(20); return new Response();");
    let cases = [("/timers", timers.as_str()), ("/reads", reads.as_str())];
    let app = app_of(&bench, &cases, |limits| limits.cpu_ms = 300);
    assert_eq!(app.fault("/timers").await, Fault::CpuLimit);
    let (sender, incoming) = channel_body();
    let reply = app.begin_fetch(post("/reads", incoming));
    while !reply.is_finished() {
        let _ = sender.send(Ok(Bytes::from_static(b"x")));
        tokio::task::yield_now().await;
        if sender.is_closed() {
            break;
        }
    }
    assert_eq!(reply.await.expect("no panic").err().expect("a failure").fault, Fault::CpuLimit);
    assert_eq!(app.text("/ok").await, "ok");
}

async fn cpu_of_short_events_adds_up(bench: Bench) {
    let cases = [
        (
            "/timers",
            "const again = () => { setTimeout(again); };
             for (let i = 0; i < 1000; i++) again();
             await new Promise(() => {});",
        ),
        (
            "/messages",
            "const { port1, port2 } = new MessageChannel();
             port1.onmessage = port2.onmessage = ({ target }) => target.postMessage(0);
             for (let i = 0; i < 100; i++) port1.postMessage(0);
             await new Promise(() => {});",
        ),
    ];
    for case in cases {
        let app = app_of(&bench, &[case], |limits| limits.cpu_ms = 100);
        assert_eq!(app.fault(case.0).await, Fault::CpuLimit, "{}", case.0);
        let used = Duration::from_nanos(app.stats().cpu_ns);
        assert!(used < Duration::from_millis(200), "{}: {used:?}", case.0);
    }
}

async fn cpu_of_native_work_elsewhere_counts_and_holds_nobody(bench: Bench) {
    let derive =
        "const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
         const derive = (iterations) => crypto.subtle.deriveBits(
             { name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations }, key, 256);";
    let many = format!("{derive} for (;;) await derive(50_000);");
    let once = format!("{derive} const bits = derive(5_000_000); console.log('begun'); await bits;");
    let crowd = format!("{derive} await Promise.all(Array.from({{ length: 1000 }}, () => derive(50_000)));");
    let cases = [("/many", many.as_str()), ("/once", once.as_str()), ("/crowd", crowd.as_str())];
    let app = app_of(&bench, &cases, |limits| limits.cpu_ms = 200);
    assert_eq!(app.fault("/many").await, Fault::CpuLimit);
    assert_eq!(app.fault("/crowd").await, Fault::CpuLimit);
    let long = app.begin("/once");
    app.logged("begun").await;
    assert_eq!(app.text("/ok").await, "ok", "others are served meanwhile");
    assert!(!long.is_finished(), "five million iterations took no time");
    assert_eq!(long.await.expect("no panic").err().expect("a failure").fault, Fault::CpuLimit);
    assert_eq!(app.stats().ended_cpu, 3);
    // Nobody waits for its end, which comes, and is paid for.
    let when_answered = app.stats().cpu_ns;
    eventually("the rest is counted", || app.stats().cpu_ns > when_answered + 100_000_000).await;
}

async fn wall_time_is_limited_while_a_handler_waits(bench: Bench) {
    let cases = [
        (
            "/never",
            "console.log('waits'); request.signal.onabort = () => console.log('aborted');
             await new Promise(() => {});",
        ),
        ("/body", "await request.text();"),
        ("/slow", "await new Promise((resolve) => setTimeout(resolve, 600_000));"),
    ];
    let app = app_of(&bench, &cases, |limits| limits.timeout_ms = 1000);
    assert_eq!(app.text("/count").await, "1");
    let (sender, incoming) = channel_body();
    let waiting = [app.begin("/never"), app.begin("/slow"), app.begin_fetch(post("/body", incoming))];
    app.logged("waits").await;
    assert_eq!(app.text("/count").await, "2", "others are served meanwhile");
    for reply in waiting {
        assert_eq!(reply.await.expect("no panic").err().expect("a failure").fault, Fault::Timeout);
    }
    app.logged("aborted").await;
    sender.closed().await;
    assert_eq!(app.text("/count").await, "3", "the isolate goes on: nothing ran over its time");
    assert_eq!((app.stats().cold_starts, app.stats().ended_timeout), (1, 0));
}

async fn wall_time_is_limited_while_a_script_runs(bench: Bench) {
    let app = app_of(&bench, &[("/spin", "for (;;);")], |limits| {
        limits.timeout_ms = 1000;
        limits.cpu_ms = 60_000;
    });
    assert_eq!(app.fault("/spin").await, Fault::Timeout);
    assert_eq!(app.text("/ok").await, "ok");
    assert_eq!((app.stats().cold_starts, app.stats().ended_timeout), (2, 1));
}

async fn the_heap_is_limited(bench: Bench) {
    let cases = [
        ("/objects", "for (;;) keep.push({ a: keep.length, b: {} });"),
        ("/strings", "for (let i = 0; ; i++) keep.push(`${i}`.padStart(1000, `${i}`));"),
        (
            "/concat",
            "let s = 'x';
             for (;;) { s = s + s.slice(0, 1 << 20) + Math.random(); keep.push(s); /x$/.test(s); }",
        ),
        ("/map", "const map = new Map(); for (let i = 0; ; i++) map.set(i, `${i}`);"),
        ("/closures", "for (;;) { const x = keep.length; keep.push(() => x); }"),
        ("/promises", "for (;;) keep.push(new Promise(() => {}));"),
        ("/microtasks", "for (;;) queueMicrotask(() => {});"),
        (
            "/timers",
            "const more = () => { for (let i = 0; i < 1000; i++) keep.push([i]); setTimeout(more, 0); };
             more(); await new Promise(() => {});",
        ),
        ("/catch", "for (;;) { try { for (;;) keep.push({}); } catch {} finally { keep.push({}); } }"),
        (
            "/functions",
            "for (let i = 0; ; i++) keep.push(new Function(`return '${i}'.padEnd(9) + '${'x'.repeat(9999)}'`)());",
        ),
        ("/streams", "for (;;) keep.push(new Response('x').body);"),
    ];
    let app = app_of(&bench, &cases, |limits| {
        limits.memory_mb = 32;
        // Collecting garbage takes its time when there is next to none.
        limits.cpu_ms = 60_000;
        limits.timeout_ms = 60_000;
    });
    for (path, _) in cases {
        assert_eq!(app.text("/count").await, "1", "a fresh isolate before {path}");
        assert_eq!(app.fault(path).await, Fault::MemoryLimit, "{path}");
    }
    assert_eq!(app.text("/ok").await, "ok");
    let stats = app.stats();
    assert_eq!((stats.ended_memory, stats.cold_starts, stats.lost), (11, 12, 0));
}

async fn buffers_are_limited(bench: Bench) {
    let refused = [
        ("/one", "return new Response(String(new ArrayBuffer(64 << 20).byteLength));"),
        ("/view", "return new Response(String(new Float64Array(8 << 20).length));"),
        ("/slice", "const a = new Uint8Array(20 << 20); return new Response(String(a.slice().length));"),
        ("/encode", "return new Response(String(new TextEncoder().encode('x'.repeat(40 << 20)).length));"),
    ];
    let many = "
        const list = [];
        try { for (;;) list.push(new Uint8Array(1 << 20)); } catch (error) {
          return new Response(`${error.name} ${list.length > 20 && list.length <= 32}`);
        }";
    let heap = "try { new ArrayBuffer(64 << 20); } catch { for (;;) keep.push({}); }";
    let cases = [&refused[..], &[("/many", many), ("/heap", heap)]].concat();
    let app = app_of(&bench, &cases, |limits| limits.memory_mb = 32);
    for (path, _) in refused {
        let failure = app.failure(path).await;
        assert_eq!(failure.fault, Fault::Exception, "{path}");
        assert!(failure.detail.as_deref().unwrap_or("").contains("RangeError"), "{path}: {failure:?}");
    }
    for _ in 0..3 {
        assert_eq!(app.text("/many").await, "RangeError true", "what went out of use is free again");
    }
    assert_eq!(app.text("/count").await, "1");
    assert_eq!(app.stats().cold_starts, 1, "the app was told, not ended");
    assert_eq!(app.fault("/heap").await, Fault::MemoryLimit, "the heap has its limit all the same");
    assert_eq!((app.stats().ended_memory, app.stats().lost), (1, 0));
}

async fn bodies_count_as_memory(bench: Bench) {
    let app = app_of(
        &bench,
        &[("/text", "return new Response(String((await request.arrayBuffer()).byteLength));")],
        |limits| limits.memory_mb = 32,
    );
    let send = |megabytes: usize| {
        let (sender, incoming) = channel_body();
        for _ in 0..megabytes {
            sender.send(Ok(Bytes::from(vec![b'x'; 1 << 20]))).expect("the body lives");
        }
        app.fetch(post("/text", incoming))
    };
    assert_eq!(text_of(send(8).await.expect("an answer")).await, (8 << 20).to_string());
    let failure = send(48).await.err().expect("a failure");
    assert_eq!(failure.fault, Fault::Exception);
    assert!(failure.detail.expect("a detail").contains("RangeError"));
    assert_eq!(text_of(send(8).await.expect("an answer")).await, (8 << 20).to_string());
    assert_eq!(app.stats().cold_starts, 1);
}

async fn bodies_that_were_read_count_until_a_turn_takes_them(bench: Bench) {
    let cases = [
        ("/text", "return new Response(String((await request.text()).length));"),
        (
            "/spin",
            "console.log('it spins');
             for (const until = Date.now() + 1000; Date.now() < until;);
             return new Response('ok');",
        ),
    ];
    let app = app_of(&bench, &cases, |limits| limits.memory_mb = 32);
    assert_eq!(app.text("/ok").await, "ok");
    let mut reads = Vec::new();
    for count in 1..=4 {
        let (sender, incoming) = channel_body();
        reads.push((sender, app.begin_fetch(post("/text", incoming))));
        eventually("it is in", || app.stats().in_flight == count).await;
    }
    let spinning = app.begin("/spin");
    app.logged("it spins").await;
    let mut answers = Vec::new();
    for (sender, answer) in reads {
        for _ in 0..12 {
            sender.send(Ok(Bytes::from(vec![b'x'; 1 << 20]))).expect("the body lives");
        }
        answers.push(answer);
    }
    spinning.await.expect("no panic").expect("an answer");
    let mut read = 0;
    for answer in answers {
        match answer.await.expect("no panic") {
            Ok(reply) => {
                assert_eq!(text_of(reply).await, (12 << 20).to_string());
                read += 1;
            }
            Err(failure) => assert!(failure.detail.expect("a detail").contains("RangeError")),
        }
    }
    assert_eq!(read, 2, "two of twelve fit into 32 mebibytes at once");
    assert_eq!(app.stats().cold_starts, 1);
}

/// A string takes some bytes of V8's heap, and half a gibibyte when it is copied.
async fn copies_of_long_strings_are_refused(bench: Bench) {
    let long = "'x'.repeat(2 ** 29 - 25)";
    let cases = [
        ("/text", "return new Response(LONG);"),
        ("/headers", "return new Response(LONG, { headers: { a: 'b' }, status: 201 });"),
        ("/latin-1", "return new Response('\\xe9'.repeat(20 << 20));"),
        ("/blob", "new Blob([LONG]);"),
        ("/encode", "new TextEncoder().encode(LONG);"),
        ("/into", "new TextEncoder().encodeInto(LONG, new Uint8Array(1));"),
        ("/btoa", "btoa(LONG);"),
        ("/atob", "atob(LONG);"),
        ("/request", "await new Request('http://a', { method: 'POST', body: LONG }).arrayBuffer();"),
        ("/fetch", "await fetch('http://1.1.1.1', { method: 'POST', body: LONG });"),
        ("/url", "new URL(LONG, 'http://a');"),
        ("/pattern", "new URLPattern(LONG, 'http://a');"),
        ("/data", "await fetch('data:,' + LONG);"),
    ]
    .map(|(path, body)| (path, body.replace("LONG", long)));
    let cases: Vec<_> = cases.iter().map(|(path, body)| (*path, body.as_str())).collect();
    let app = app_of(&bench, &cases, |limits| limits.memory_mb = 32);
    for (path, _) in cases {
        let failure = app.failure(path).await;
        let detail = failure.detail.as_deref().unwrap_or("");
        if ["/text", "/headers", "/latin-1"].contains(&path) {
            assert_eq!(failure.fault, Fault::MemoryLimit, "{path}: {detail}");
        } else {
            assert_eq!(failure.fault, Fault::Exception, "{path}: {detail}");
            // What is appended to a string may go over V8's own limit.
            let reasons = ["The memory limit of this app has been reached", "Invalid string length"];
            assert!(reasons.iter().any(|reason| detail.contains(reason)), "{path}: {detail}");
        }
    }
    assert_eq!((app.stats().cold_starts, app.stats().lost), (1, 0), "the app was told, not ended");
}

async fn answers_count_as_memory_until_they_are_sent(bench: Bench) {
    let cases = [
        ("/text", "return new Response('x'.repeat(12 << 20));"),
        ("/bytes", "return new Response(keep[0] ??= new Uint8Array(10 << 20));"),
        (
            "/stream",
            "const chunk = keep[0] ??= new Uint8Array(10 << 20);
             return new Response(new ReadableStream({ start(c) { c.enqueue(chunk); c.close(); } }));",
        ),
    ];
    for (path, body) in cases {
        let app = app_of(&bench, &[(path, body)], |limits| limits.memory_mb = 48);
        for _ in 0..2 {
            let mut unsent = Vec::new();
            let refused = loop {
                match app.get(path).await {
                    Ok(reply) => unsent.push(reply),
                    Err(failure) => break failure,
                }
                let Some(Reply { body: ReplyBody::Stream(stream), .. }) = unsent.last() else { continue };
                if let Poll::Ready(Err(fault)) = poll_fn(|cx| Poll::Ready(stream.poll_begun(cx))).await {
                    unsent.pop();
                    break fault.into();
                }
            };
            assert_eq!(refused.fault, Fault::MemoryLimit, "{path}");
            assert!((2..=4).contains(&unsent.len()), "{path}: {}", unsent.len());
            assert_eq!(app.text("/ok").await, "ok");
        }
        assert_eq!(app.stats().cold_starts, 1, "{path}");
    }
}

async fn requests_over_the_queue_are_refused(bench: Bench) {
    let app = app_of(&bench, &[("/wait", "return new Response(await request.text());")], |limits| {
        limits.max_in_flight = 2;
        limits.max_queue = 2;
    });
    assert_eq!(app.text("/ok").await, "ok");
    let mut held = Vec::new();
    for count in 1..=4 {
        let (sender, incoming) = channel_body();
        held.push((sender, app.begin_fetch(post("/wait", incoming))));
        eventually("it is in", || app.stats().in_flight == count).await;
    }
    for _ in 0..3 {
        assert_eq!(app.fault("/ok").await, Fault::Overloaded);
    }
    // One that leaves makes room for one.
    let (_sender, left) = held.pop().expect("the last one");
    left.abort();
    eventually("it has left", || app.stats().in_flight == 3).await;
    let waiting = app.begin_fetch(post("/wait", body(&["queued"])));
    eventually("it waits", || app.stats().in_flight == 4).await;
    assert_eq!(app.fault("/ok").await, Fault::Overloaded);
    for (sender, reply) in held {
        drop(sender);
        assert_eq!(text_of(reply.await.expect("no panic").expect("an answer")).await, "");
    }
    assert_eq!(text_of(waiting.await.expect("no panic").expect("an answer")).await, "queued");
    assert_eq!(app.stats().in_flight, 0);
}

async fn a_waiting_request_has_its_time_limit(bench: Bench) {
    let stream = "return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(1)); } }));";
    let app = app_of(&bench, &[("/stream", stream)], |limits| {
        limits.max_in_flight = 1;
        limits.timeout_ms = 1000;
    });
    let reply = app.get("/stream").await.expect("an answer");
    assert!(matches!(reply.body, ReplyBody::Stream(_)));
    assert_eq!(app.fault("/ok").await, Fault::Timeout, "the stream has the only place");
    drop(reply);
    assert_eq!(app.text("/ok").await, "ok");
}

async fn a_start_is_limited(bench: Bench) {
    let handler = "export default () => new Response();";
    for (source, part) in [
        ("for (;;);", "over its CPU limit"),
        ("await null; for (;;) await null;", "over its CPU limit"),
        ("const keep = []; for (;;) keep.push({});", "over its memory limit"),
    ] {
        let app = bench
            .app()
            .limits(|limits| limits.memory_mb = 32)
            .file("index.js", format!("{source}\n{handler}"))
            .start();
        let waiting: Vec<_> = (0..3).map(|_| app.begin("/")).collect();
        for reply in waiting {
            let failure = reply.await.expect("no panic").err().expect("a failure");
            assert_eq!(failure.fault, Fault::Startup, "{source}: {failure:?}");
            assert!(failure.detail.as_deref().unwrap_or("").contains(part), "{source}: {failure:?}");
        }
        assert_eq!(app.stats().isolates, 0);
    }
}

/// Stops apps, whatever they do.
async fn end(apps: &[App]) {
    for app in apps {
        app.drain(Duration::ZERO).await.expect("no panic");
    }
}

async fn neighbours_answer_while_an_app_spins(bench: Bench) {
    let spin = [("/spin", "console.log('spinning'); for (;;);")];
    let spinners: Vec<_> = (0..4).map(|_| app_of(&bench, &spin, |limits| limits.cpu_ms = 30_000)).collect();
    let neighbour = app_of(&bench, &[], |_| {});
    let mut spinning = Vec::new();
    for app in &spinners {
        spinning.push(app.begin("/spin"));
        app.logged("spinning").await;
    }
    for _ in 0..50 {
        assert_eq!(neighbour.text("/ok").await, "ok");
    }
    assert!(spinning.iter().all(|reply| !reply.is_finished()), "it was answered while they spin");
    end(&spinners).await;
    for reply in spinning {
        assert_eq!(reply.await.expect("no panic").err().expect("a failure").fault, Fault::Draining);
    }
}

async fn neighbours_answer_while_an_app_is_inside_a_built_in(bench: Bench) {
    // V8 serves no interrupt while it sorts numbers.
    let sort = "const list = Float64Array.from({ length: 6e6 }, (_, i) => (i * 7919) % 1e6); \
        console.log('sorting'); for (let i = 0; i < 3; i++) { list.reverse(); list.sort(); }
        return new Response('sorted');";
    let app = app_of(&bench, &[("/sort", sort)], |limits| limits.cpu_ms = 60_000);
    let neighbour = app_of(&bench, &[], |_| {});
    assert_eq!(neighbour.text("/ok").await, "ok");
    let sorting = app.begin("/sort");
    app.logged("sorting").await;
    assert_eq!(neighbour.text("/ok").await, "ok");
    assert!(!sorting.is_finished(), "it was answered while the other one sorts");
    assert_eq!(text_of(sorting.await.expect("no panic").expect("an answer")).await, "sorted");
}

async fn a_built_in_over_its_time_keeps_nobody_waiting(bench: Bench) {
    // V8 serves no interrupt while it sorts numbers.
    let sort = "const list = new Float64Array(12e6);
        const part = Float64Array.from({ length: 1e4 }, (_, i) => (i * 7919) % 1e4);
        for (let i = 0; i < list.length; i += part.length) list.set(part, i);
        console.log('sorting'); list.sort(); return new Response('sorted');";
    let app = app_of(&bench, &[("/sort", sort)], |limits| {
        limits.cpu_ms = 300;
        limits.memory_mb = 256;
        limits.timeout_ms = 60_000;
    });
    let sorting = app.begin("/sort");
    app.logged("sorting").await;
    let behind = app.begin("/ok");
    assert_eq!(sorting.await.expect("no panic").err().expect("a failure").fault, Fault::CpuLimit);
    let stats = app.stats();
    assert_eq!(
        (stats.cold_starts, stats.isolates),
        (1, 1),
        "it sorts on, in the only isolate that the app may have"
    );
    assert_eq!(text_of(behind.await.expect("no panic").expect("an answer")).await, "ok");
    let stats = app.stats();
    assert_eq!((stats.ended_cpu, stats.isolates, stats.cold_starts), (1, 1, 2));
}

async fn an_isolate_that_cannot_be_unwound_is_written_off(bench: Bench) {
    let app = app_of(&bench, &[("/fill", "new Array(1e8).fill(1.5);")], |limits| limits.memory_mb = 32);
    let neighbour = app_of(&bench, &[], |_| {});
    assert_eq!(app.text("/ok").await, "ok");
    let waiting = app.begin_fetch(get("/fill"));
    assert_eq!(neighbour.text("/ok").await, "ok");
    assert_eq!(waiting.await.expect("no panic").err().expect("a failure").fault, Fault::MemoryLimit);
    assert_eq!(app.stats().lost, 1);
    assert_eq!(neighbour.text("/ok").await, "ok");
    // Held back for a while, then it is back.
    let mut held_back = 0;
    let reply = loop {
        match app.get("/ok").await {
            Ok(reply) => break reply,
            Err(failure) => assert!(matches!(failure.fault, Fault::CrashLoop(_)), "{failure:?}"),
        }
        held_back += 1;
        tokio::task::yield_now().await;
    };
    assert!(held_back > 0, "an app that loses isolates is held back");
    assert_eq!(text_of(reply).await, "ok");
    assert_eq!(app.stats().cold_starts, 2);
}

async fn no_object_is_larger_than_its_isolate(bench: Bench) {
    // V8 allocates the first large object of its young generation whatever the heap's limit.
    let giants = [
        ("/flat", "return new Response(new Array(1e6).fill(new Array(100).fill(1.5)).flat().length);"),
        (
            "/concat",
            "return new Response([].concat(...new Array(1e3).fill(new Array(1e5).fill(1.5))).length);",
        ),
        ("/flatten", "return new Response('x'.repeat(2 ** 29 - 25).charCodeAt(5));"),
    ];
    for (path, body) in giants {
        let app = app_of(&bench, &[(path, body)], |limits| limits.memory_mb = 64);
        assert_eq!(app.fault(path).await, Fault::MemoryLimit, "{path}");
    }
    let body = "return new Response([].concat(...new Array(50).fill(new Array(1e5).fill(1.5))).length);";
    let app = app_of(&bench, &[("/fits", body)], |limits| limits.memory_mb = 64);
    assert_eq!(app.text("/fits").await, "5000000");
}

async fn source_has_a_limit(bench: Bench) {
    let cases = [
        ("/eval", "return new Response(eval('40 + 2') + new Function('a', 'return a')(1));"),
        ("/long", "return new Response(eval(`'${'x'.repeat((1 << 20) - 2)}'`).length);"),
        ("/longer", "return new Response(eval(`'${'x'.repeat(1 << 20)}'`).length);"),
        ("/function", "return new Response(new Function(' '.repeat(1 << 20))());"),
        ("/object", "const source = { length: 2 ** 30 }; return new Response(eval(source) === source);"),
    ];
    let app = app_of(&bench, &cases, |limits| limits.memory_mb = 16);
    assert_eq!(app.text("/eval").await, "43");
    assert_eq!(app.text("/long").await, ((1 << 20) - 2).to_string());
    assert_eq!(app.text("/object").await, "true", "what is no string is left alone");
    for path in ["/longer", "/function"] {
        let failure = app.failure(path).await;
        assert!(failure.detail.as_deref().unwrap_or("").contains("EvalError"), "{path}: {failure:?}");
    }
    let module = |bytes: usize| {
        let source = format!("{EMPTY_APP}//{}", "x".repeat(bytes - EMPTY_APP.len() - 2));
        bench.app().limits(|limits| limits.memory_mb = 16).file("index.js", source).start()
    };
    assert_eq!(module(1 << 20).text("/").await, "");
    let failure = module((1 << 20) + 1).failure("/").await;
    assert_eq!(failure.fault, Fault::Startup);
    assert!(failure.detail.as_deref().unwrap_or("").contains("larger than 1048576 bytes"), "{failure:?}");
}

const EMPTY_APP: &str = "export default { fetch: () => new Response() };";

/// A module whose `f(n)` grows its memory by n pages and writes to them.
const GROWING_WASM: &str = "new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 1, 127, 0, 3, 2, 1, 0, \
    5, 3, 1, 0, 0, 7, 5, 1, 1, 102, 0, 0, 10, 21, 1, 19, 0, 32, 0, 64, 0, 26, 65, 0, 65, 1, 32, 0, 65, 16, 116, \
    252, 11, 0, 11])";

async fn memory_that_v8_maps_is_limited(bench: Bench) {
    let instances = format!(
        "const module = new WebAssembly.Module({GROWING_WASM});
         const grow = (pages) => {{ const i = new WebAssembly.Instance(module); keep.push(i); i.exports.f(pages); }};"
    );
    let inside = format!("{instances} for (;;) grow(1024);");
    let imported = format!(
        "const module = new WebAssembly.Module({GROWING_WASM});
         for (;;) {{ const i = await WebAssembly.instantiate(module); keep.push(i); i.exports.f(100); }}"
    );
    let turns =
        format!("{instances} for (;;) {{ grow(16); await new Promise((done) => setTimeout(done)); }}");
    let fill = "const fill = (buffer) => new Uint8Array(buffer).fill(1);";
    let cases: [(&str, String); 9] = [
        ("either", "fill(new WebAssembly.Memory({ initial: 1024 }).buffer);".into()),
        (
            "either",
            "for (;;) { const m = new WebAssembly.Memory({ initial: 64 }); keep.push(m); fill(m.buffer); }".into(),
        ),
        (
            "RangeError",
            "const m = new WebAssembly.Memory({ initial: 0 }); for (;;) { m.grow(64); fill(m.buffer); }".into(),
        ),
        (
            "RangeError",
            "for (;;) { const b = new ArrayBuffer(8, { maxByteLength: 3e7 }); keep.push(b); b.resize(3e7); fill(b); }"
                .into(),
        ),
        ("RangeError", "fill(new ArrayBuffer(1e9, { maxByteLength: 1e9 }));".into()),
        (
            "RangeError",
            "for (;;) { const b = new ArrayBuffer(8, { maxByteLength: 2e7 }); keep.push(fill(b.transfer(2e7))); }"
                .into(),
        ),
        (
            "",
            "const b = new ArrayBuffer(4e6, { maxByteLength: 4e6 }); for (;;) keep.push(structuredClone(b));".into(),
        ),
        ("", inside),
        ("either", turns),
    ];
    for (error, case) in cases.iter().chain(&[("either", imported)]) {
        let source = format!("{fill} {case}");
        let app = app_of(&bench, &[("/case", &source)], |limits| limits.memory_mb = 48);
        let failure = app.get("/case").await.err().expect("a failure");
        // A look at what V8 has mapped may come before the next instance, or after it; or between the making of a memory
        // and the refusal of it.
        if error.is_empty() || (*error == "either" && failure.fault == Fault::MemoryLimit) {
            assert_eq!(failure.fault, Fault::MemoryLimit, "{case}");
        } else {
            let error = if *error == "either" { "RangeError" } else { error };
            assert_eq!(failure.fault, Fault::Exception, "{case}: {failure:?}, {:?}", app.stats());
            let detail = failure.detail.unwrap_or_default();
            assert!(detail.starts_with(error), "{case}: {detail}");
        }
        assert_eq!(app.text("/ok").await, "ok");
        assert_eq!(app.stats().lost, 0);
    }
}

async fn memory_that_v8_maps_is_given_back(bench: Bench) {
    let case = format!(
        "const module = new WebAssembly.Module({GROWING_WASM});
         for (let i = 0; i < 300; i++) {{
           new Uint8Array(new WebAssembly.Memory({{ initial: 16 }}).buffer).fill(1);
           const buffer = new ArrayBuffer(8, {{ maxByteLength: 1 << 20 }});
           buffer.resize(1 << 20);
           new Uint8Array(buffer).fill(1);
           new WebAssembly.Instance(module).exports.f(16);
         }}
         return new Response('done');"
    );
    let app = app_of(&bench, &[("/case", &case)], |limits| limits.memory_mb = 48);
    for _ in 0..3 {
        assert_eq!(app.text("/case").await, "done");
    }
    assert_eq!(app.stats().cold_starts, 1);
}

async fn apps_that_spin_do_not_keep_others_from_answers(bench: Bench) {
    let honest = bench.script("export default () => new Response('ok');");
    // Some are known for short turns by then, the others are not.
    let spinning: Vec<_> = (0..20)
        .map(|_| {
            app_of(&bench, &[("/spin", "for (;;);")], |limits| {
                limits.cpu_ms = 300_000;
                limits.timeout_ms = 300_000;
            })
        })
        .collect();
    for app in spinning.iter().take(10) {
        for _ in 0..50 {
            assert_eq!(app.text("/ok").await, "ok");
        }
    }
    let attacks: Vec<_> = spinning.iter().map(|app| app.begin("/spin")).collect();
    for _ in 0..100 {
        assert_eq!(honest.text("/").await, "ok");
    }
    let newcomer = bench.script("export default () => new Response('new');");
    assert_eq!(newcomer.text("/").await, "new");
    assert!(attacks.iter().all(|attack| !attack.is_finished()));
    end(&spinning).await;
    for attack in attacks {
        assert_eq!(attack.await.expect("an answer").err().expect("a failure").fault, Fault::Draining);
    }
}
