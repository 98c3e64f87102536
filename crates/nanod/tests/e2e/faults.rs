//! NANO's own answers (the table of statuses and `x-nano-error`), one case a test; after each, the app and its
//! neighbour still answer.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Response;
use crate::nanod::{Nanod, Site, eventually};

/// Its neighbour in every test.
const NEIGHBOUR: &str = "export default { fetch: () => new Response('neighbour') };";

/// Puts the cases of an app behind paths; anything else is answered `ok`.
fn app(cases: &str) -> String {
    format!(
        "const cases = {{ {cases} }};
        export default {{
          fetch(request, env, ctx) {{
            const run = cases[new URL(request.url).pathname.slice(1)];
            return run ? run(request, env, ctx) : new Response('ok');
          }},
        }};"
    )
}

fn site(settings: serde_json::Value, cases: &str) -> Nanod {
    Site::new().app_with("app", &app(cases), settings).app("neighbour", NEIGHBOUR).serve()
}

/// Asserts what holds for each of NANO's answers.
fn assert_contract(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status(), response.header("x-nano-error")), (status, Some(code)), "{response:?}");
    let waits = matches!(code, "overloaded" | "crash_loop" | "draining");
    assert_eq!(response.header("retry-after").is_some(), waits, "{response:?}");
    if let Some(seconds) = response.header("retry-after") {
        assert!((1..=60).contains(&seconds.parse::<u64>().unwrap()), "{seconds}");
    }
    assert_eq!(response.header("content-type"), Some("application/json"));
    let id = response.header("x-request-id").expect("an id");
    let body = response.json();
    assert_eq!(body["error"]["code"], code);
    assert_eq!(body["error"]["request_id"], id);
    assert_no_internals(&response.text());
    assert!(response.body.len() < 300, "short: {}", response.text());
}

fn assert_no_internals(body: &str) {
    for internal in [".js", "    at ", "Error:", "/tmp", "secret detail", "panicked", "v8"] {
        assert!(!body.contains(internal), "{internal:?} is in {body}");
    }
}

fn assert_both_answer(nanod: &Nanod) {
    assert_eq!(nanod.get("app.test", "/").text(), "ok");
    assert_eq!(nanod.get("neighbour.test", "/").text(), "neighbour");
}

#[test]
fn an_exception_is_500() {
    let cases = [
        ("throws", "() => { throw new Error('secret detail') }"),
        ("throws_a_string", "() => { throw 'secret detail' }"),
        ("throws_undefined", "() => { throw undefined }"),
        ("throws_null_prototype", "() => { throw Object.create(null) }"),
        ("throws_a_proxy", "() => { throw new Proxy({}, { get() { throw 1 } }) }"),
        ("throws_getter", "() => { throw { get stack() { throw new Error('secret detail') } } }"),
        ("overflows", "() => { (function f() { f() })() }"),
        ("throws_async", "async () => { await null; throw new Error('secret detail') }"),
        ("rejects", "() => Promise.reject(new Error('secret detail'))"),
        ("rejects_late", "() => new Promise((_, no) => setTimeout(no, 1, new TypeError('secret detail')))"),
        ("nothing", "() => {}"),
        ("null", "() => null"),
        ("text", "() => 'secret detail'"),
        ("object", "() => ({ status: 200, body: 'secret detail' })"),
        ("resolves_nothing", "async () => {}"),
        ("class", "() => Response"),
        ("bad_then", "() => ({ get then() { throw new Error('secret detail') } })"),
        ("error_response", "() => Response.error()"),
        ("used_body", "async () => { const r = new Response('x'); await r.text(); return r }"),
        ("locked_body", "() => { const r = new Response('x'); r.body.getReader(); return r }"),
    ];
    let source: String = cases.iter().map(|(name, code)| format!("{name}: {code},\n")).collect();
    let nanod = site(json!({}), &source);
    for (name, _) in cases {
        let path = format!("/{name}");
        assert_contract(&nanod.get("app.test", &path), 500, "exception");
        let id = format!("id-{name}");
        nanod.request("app.test", "GET", &path, &[("x-request-id", &id)], b"");
        let line = nanod.log(name, |line| line["request_id"] == id.as_str());
        assert_eq!((&line["level"], &line["app"]), (&json!("error"), &json!("app")));
    }
    assert_both_answer(&nanod);
}

#[test]
fn a_failed_start_is_500() {
    let cases = [
        ("syntax", "export default {"),
        ("throws", "throw new Error('secret detail'); export default {}"),
        ("rejects", "await Promise.reject(new Error('secret detail')); export default {}"),
        ("loops", "for (;;); export default {}"),
        ("grows", "const all = []; for (;;) all.push({ a: [1] }); export default {}"),
        ("missing", "import './nowhere.js'; export default {}"),
        ("escapes", "import '../neighbour/index.js'; export default {}"),
        ("bare", "import 'left-pad'; export default {}"),
        ("handlerless", "export const x = 1;"),
        ("fetchless", "export default { get: 1 };"),
        ("class", "export default class {}"),
    ];
    let mut site = Site::new().app("neighbour", NEIGHBOUR);
    for (name, source) in cases {
        site = site.app_with(name, source, json!({ "memory_mb": 32 }));
    }
    let nanod = site.serve();
    for (name, _) in cases {
        let answer = nanod.get(&format!("{name}.test"), "/");
        assert_contract(&answer, 500, "startup");
        nanod.log(name, |line| {
            line["app"] == name && line["level"] == "error" && line["msg"] == "start-up failed"
        });
        assert_eq!(nanod.get("neighbour.test", "/").text(), "neighbour");
    }
    let detail = nanod.log("the place", |line| line["app"] == "syntax" && line.get("detail").is_some());
    assert!(detail["detail"].as_str().unwrap().contains("index.js:1"), "{detail}");
}

#[test]
fn a_failed_start_is_tried_again() {
    let site = Site::new().app("app", "throw new Error('not yet');");
    let entry = site.path().join("apps/app/data.json");
    let nanod = site
        .file("apps/app/data.json", "{ broken")
        .file(
            "apps/app/index.js",
            "import data from './data.json'; export default () => new Response(data.text)",
        )
        .serve();
    assert_contract(&nanod.get("app.test", "/"), 500, "startup");
    std::fs::write(entry, r#"{ "text": "mended" }"#).unwrap();
    eventually("the app starts", || nanod.get("app.test", "/").status() == 200);
    assert_eq!(nanod.get("app.test", "/").text(), "mended");
}

#[test]
fn the_cpu_limit_is_503() {
    let nanod = site(
        json!({ "cpu_ms": 100 }),
        "sync: () => { for (;;); },
         asynchronous: async () => { for (;;) await null; },
         timer: () => new Promise(() => setTimeout(() => { for (;;); }, 1)),
         caught: () => { try { for (;;); } catch { } finally { for (;;); } },
         regex: () => new Response(String(/(a*)*b/.test('a'.repeat(40)))),
         getter: () => new Response(null, { get status() { for (;;); } }),
         stream: () => new Response(new ReadableStream({ pull() { for (;;); } }, { highWaterMark: 0 })),",
    );
    for path in ["/sync", "/asynchronous", "/timer", "/caught", "/regex", "/getter"] {
        let begun = Instant::now();
        assert_contract(&nanod.get("app.test", path), 503, "cpu_limit");
        assert!(begun.elapsed() < Duration::from_secs(10), "{path} took {:?}", begun.elapsed());
        assert_both_answer(&nanod);
    }
    assert!(nanod.metric(r#"nano_terminations_total{app="app",reason="cpu_limit"}"#) >= 6.0);
    nanod.log_message("over its CPU limit");
}

/// Until the head of a streamed answer is sent, its app's end is answered as any other.
#[test]
fn a_stream_that_is_stopped_before_its_head_is_sent_is_503() {
    let nanod = site(
        json!({ "cpu_ms": 100, "memory_mb": 32 }),
        "start: () => new Response(new ReadableStream({ start() { for (;;); } })),
         first: () => new Response(new ReadableStream({ async pull() { await null; for (;;); } })),
         heap: () => new Response(new ReadableStream({ pull() { for (const a = [];;) a.push({}); } })),
         late: () => new Response(new ReadableStream({
           pull: (controller) => new Promise((resolve) => setTimeout(() => {
             controller.enqueue(new TextEncoder().encode('late'));
             controller.close();
             resolve();
           }, 200)),
         })),",
    );
    for path in ["/start", "/first", "/start", "/first"] {
        assert_contract(&nanod.get("app.test", path), 503, "cpu_limit");
    }
    assert_contract(&nanod.get("app.test", "/heap"), 503, "memory_limit");
    let late = nanod.get("app.test", "/late");
    assert_eq!((late.status(), late.text().as_str()), (200, "late"));
    assert_both_answer(&nanod);
}

#[test]
fn a_neighbour_answers_while_an_app_spins() {
    let nanod = site(json!({ "cpu_ms": 1500 }), "spin: () => { console.log('spinning'); for (;;); }");
    let spinning: Vec<_> = (0..4)
        .map(|_| {
            let mut conn = nanod.connect();
            conn.request("GET", "app.test", "/spin", &[], b"");
            conn
        })
        .collect();
    nanod.log_message("spinning");
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(nanod.get("neighbour.test", "/").text(), "neighbour");
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    for mut conn in spinning {
        assert_contract(&conn.response(), 503, "cpu_limit");
    }
    assert_both_answer(&nanod);
}

#[test]
fn the_memory_limit_is_503() {
    let nanod = site(
        json!({ "memory_mb": 32 }),
        "objects: () => { const all = []; for (;;) all.push({ a: [1], b: {} }); },
         strings: () => { const all = []; for (let i = 0; ; i++) all.push('text '.repeat(20) + i); },
         asynchronous: async () => { const all = []; for (;;) { all.push(new Array(100).fill({})); await null; } },
         caught: () => { const all = []; for (;;) try { for (;;) all.push([{}]); } catch { } },",
    );
    for path in ["/objects", "/strings", "/asynchronous", "/caught"] {
        assert_contract(&nanod.get("app.test", path), 503, "memory_limit");
        assert_both_answer(&nanod);
    }
    assert_eq!(nanod.metric(r#"nano_terminations_total{app="app",reason="memory_limit"}"#), 4.0);
    nanod.log_message("over its memory limit");
}

#[test]
fn buffers_over_the_memory_limit_are_refused() {
    let nanod = site(
        json!({ "memory_mb": 32 }),
        "one: () => { try { new ArrayBuffer(64 << 20) } catch (error) { return new Response(error.name) } },
         many: () => {
           const all = [];
           try { for (;;) all.push(new Uint8Array(1 << 20)) } catch (error) {
             const count = all.length;
             all.length = 0;
             return new Response(`${error.name} ${count < 32}`);
           }
         },",
    );
    assert_eq!(nanod.get("app.test", "/one").text(), "RangeError");
    assert_eq!(nanod.get("app.test", "/many").text(), "RangeError true");
    // However often: a refusal costs nothing.
    for _ in 0..5 {
        assert_eq!(nanod.get("app.test", "/one").text(), "RangeError");
    }
    assert_eq!(nanod.metric(r#"nano_cold_starts_total{app="app"}"#), 1.0);
    assert_both_answer(&nanod);
}

#[test]
fn the_time_limit_is_504() {
    let nanod = site(
        json!({ "timeout_ms": 300 }),
        "never: () => new Promise(() => {}),
         timers: () => new Promise(() => setInterval(() => {}, 10)),
         body: async (request) => new Response(await request.text()),",
    );
    for path in ["/never", "/timers"] {
        assert_contract(&nanod.get("app.test", path), 504, "timeout");
        assert_both_answer(&nanod);
    }
    // A body that does not come is the client's own time.
    let mut conn = nanod.connect();
    conn.send("POST /body HTTP/1.1\r\nhost: app.test\r\ncontent-length: 10\r\n\r\nhalf");
    assert_contract(&conn.response(), 504, "timeout");
    assert_both_answer(&nanod);
}

#[test]
fn a_full_queue_is_503() {
    let nanod = site(
        json!({ "max_in_flight": 1, "max_queue": 1 }),
        "body: async (request) => { console.log('inside'); return new Response(await request.text()); }",
    );
    let mut first = nanod.connect();
    first.send("POST /body HTTP/1.1\r\nhost: app.test\r\ncontent-length: 5\r\n\r\nfi");
    nanod.log_message("inside");
    let mut second = nanod.connect();
    second.request("POST", "app.test", "/body", &[], b"second");
    eventually("the second waits", || nanod.metric(r#"nano_in_flight{app="app"}"#) == 2.0);
    assert_contract(&nanod.get("app.test", "/"), 503, "overloaded");
    assert_eq!(nanod.get("neighbour.test", "/").text(), "neighbour");
    first.send("rst");
    assert_eq!(first.response().text(), "first");
    assert_eq!(second.response().text(), "second");
    assert_both_answer(&nanod);
}

#[test]
fn an_allocation_that_v8_cannot_unwind_costs_the_isolate_and_a_back_off() {
    let nanod = site(json!({ "memory_mb": 32 }), "fill: () => new Response(new Array(1e8).fill(1.5).length)");
    assert_contract(&nanod.get("app.test", "/fill"), 503, "memory_limit");
    let held = nanod.get("app.test", "/");
    assert_contract(&held, 503, "crash_loop");
    assert_eq!(nanod.get("neighbour.test", "/").text(), "neighbour");
    assert_eq!(nanod.metric(r#"nano_lost_isolates_total{app="app"}"#), 1.0);
    nanod.log("the loss", |line| {
        line["app"] == "app" && line["level"] == "error" && line["back_off_ms"] == 1000
    });
    eventually("the back-off ends", || nanod.get("app.test", "/").status() == 200);
    assert_both_answer(&nanod);
    // The next one holds the app back for longer.
    assert_contract(&nanod.get("app.test", "/fill"), 503, "memory_limit");
    nanod.log("the second loss", |line| line["back_off_ms"] == 2000);
    assert_contract(&nanod.get("app.test", "/"), 503, "crash_loop");
    assert_eq!(nanod.get("neighbour.test", "/").text(), "neighbour");
}

#[test]
fn what_a_lost_isolate_held_comes_back() {
    const WAYS: [(&str, &str); 6] = [
        ("fill", "new Array(1e8).fill(1.5)"),
        ("map", "const map = new Map(); for (let i = 0; ; i++) map.set(i, i)"),
        ("set", "const set = new Set(); for (let i = 0; ; i++) set.add('k' + i)"),
        ("stringify", "JSON.stringify(new Array(3e7).fill('abcdef'))"),
        ("parse", "JSON.parse('[' + '[1],'.repeat(1.2e7) + '1]')"),
        ("split", "'x,'.repeat(2e7).split(',')"),
    ];
    let mut site = Site::new().app("neighbour", &app(""));
    for (name, way) in WAYS {
        let source = app(&format!("end: () => {{ {way}; }}"));
        site =
            site.app_with(name, &source, json!({ "memory_mb": 32, "cpu_ms": 60_000, "timeout_ms": 60_000 }));
    }
    let nanod = site.serve();
    let mut lost = 0.0;
    for (name, _) in WAYS {
        assert_contract(&nanod.get(&format!("{name}.test"), "/end"), 503, "memory_limit");
        lost += nanod.metric(&format!(r#"nano_lost_isolates_total{{app="{name}"}}"#));
        assert_eq!(nanod.get("neighbour.test", "/").status(), 200);
    }
    assert!(lost >= 3.0, "{lost} were lost, the others could unwind");
    eventually("all are disposed of", || !nanod.thread_names().contains(&"salvage".to_owned()));
    assert_eq!(nanod.metric("nano_process_lost_isolates"), 0.0);
}

#[test]
fn what_lost_isolates_leave_behind_counts() {
    let source = app("encode: () => new Response(encodeURIComponent('\\u00e9'.repeat(3e7)).length)");
    let settings = json!({ "memory_mb": 64, "cpu_ms": 60_000, "timeout_ms": 60_000 });
    let mut site = Site::new().top(json!({ "max_lost_isolates": 1 }));
    for name in ["one", "two"] {
        site = site.app_with(name, &source, settings.clone());
    }
    let mut nanod = site.serve();
    for name in ["one", "two"] {
        assert_contract(&nanod.get(&format!("{name}.test"), "/encode"), 503, "memory_limit");
        // The letters of the result so far, in a vector that doubles.
        nanod.log("what is left", |line| {
            let left = line["left_bytes"].as_u64();
            let many = left.is_some_and(|bytes| (128 << 20..256 << 20).contains(&bytes));
            line["app"] == name && line["gone"] == true && many
        });
    }
    nanod.log_message("too many lost isolates; the process ends");
    assert_eq!(nanod.exit().code(), Some(1));
}

#[test]
fn a_body_over_its_limit_is_413() {
    let nanod = site(
        json!({ "max_body_mb": 1 }),
        "read: async (request) => new Response((await request.arrayBuffer()).byteLength),
         count: async (request) => {
           let bytes = 0;
           for await (const chunk of request.body) bytes += chunk.length;
           return new Response(bytes);
         },
         ignore: () => new Response('ignored'),",
    );
    let (fits, large) = (vec![b'x'; 1 << 20], vec![b'x'; (1 << 20) + 1]);
    for path in ["/read", "/count"] {
        assert_eq!(nanod.request("app.test", "POST", path, &[], &fits).text(), "1048576");
        assert_contract(&nanod.request("app.test", "POST", path, &[], &large), 413, "body_too_large");
        // Without a length it shows only on the way.
        let mut conn = nanod.connect();
        conn.send(format!("POST {path} HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n"));
        for _ in 0..20 {
            conn.try_send(b"10000\r\n");
            conn.try_send([b'x'; 0x10000]);
            conn.try_send(b"\r\n");
        }
        assert_contract(&conn.response(), 413, "body_too_large");
        assert_both_answer(&nanod);
    }
    // A declared length is refused before any of it comes, and before the app runs.
    let mut conn = nanod.connect();
    conn.send("POST /ignore HTTP/1.1\r\nhost: app.test\r\ncontent-length: 99999999999\r\nexpect: 100-continue\r\n\r\n");
    assert_contract(&conn.response(), 413, "body_too_large");
    assert_both_answer(&nanod);
}

#[test]
fn an_unknown_host_is_404() {
    let nanod = site(json!({}), "");
    assert_contract(&nanod.get("nowhere.test", "/"), 404, "unknown_host");
    assert_both_answer(&nanod);
}

#[test]
fn a_malformed_request_is_400() {
    let nanod = site(json!({}), "");
    let mut conn = nanod.connect();
    conn.send("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
    let answer = conn.response();
    assert_eq!((answer.status(), answer.header("x-nano-error")), (400, None));
    assert_eq!(answer.json()["error"]["request_id"], answer.header("x-request-id").unwrap());
    assert_no_internals(&answer.text());
    assert_both_answer(&nanod);
}

#[test]
fn errors_are_html_for_those_who_read_html() {
    let nanod = site(json!({}), "throws: () => { throw new Error('secret detail') }");
    let browser = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for (host, path, status) in [("app.test", "/throws", 500), ("nowhere.test", "/", 404)] {
        let answer = nanod.request(host, "GET", path, &[browser, ("x-request-id", "of-mine")], b"");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.text().contains("of-mine"), "{}", answer.text());
        assert_no_internals(&answer.text());
        let answer = nanod.request(host, "GET", path, &[("accept", "application/json")], b"");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[test]
fn dev_shows_the_stack_to_the_client() {
    let nanod = Site::new()
        .app("app", &app("throws: () => { throw new Error('<shown>') }"))
        .app("broken", "throw new Error('at the start');")
        .dev()
        .serve();
    let detail = nanod.get("app.test", "/throws").json()["error"]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("Error: <shown>") && detail.contains("index.js:1:"), "{detail}");
    let page = nanod.request("app.test", "GET", "/throws", &[("accept", "text/html")], b"").text();
    assert!(page.contains("Error: &lt;shown&gt;") && page.contains("index.js:1:"), "{page}");
    let detail = nanod.get("broken.test", "/").json()["error"]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("at the start") && detail.contains("index.js:1:"), "{detail}");
}

#[test]
fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let nanod = site(json!({}), "id: (request) => new Response(request.headers.get('x-request-id'))");
    let longest = "i".repeat(128);
    for id in ["a", "7f3a-11_2.b:c/d+e=", &longest] {
        for host in ["app.test", "nowhere.test"] {
            let answer = nanod.request(host, "GET", "/", &[("x-request-id", id)], b"");
            assert_eq!(answer.header("x-request-id"), Some(id), "{host}");
        }
    }
    let too_long = "i".repeat(129);
    let mut seen = std::collections::HashSet::new();
    for id in ["", "two words", "a\tb", "quo\"te", "<script>", "caf\u{e9}", "semi;colon", &too_long] {
        let answer = nanod.request("app.test", "GET", "/", &[("x-request-id", id)], b"");
        let own = answer.header("x-request-id").unwrap();
        assert!(own.len() == 16 && own.bytes().all(|byte| byte.is_ascii_hexdigit()), "{own}");
        assert!(seen.insert(own.to_owned()), "{own} came twice");
    }
}
