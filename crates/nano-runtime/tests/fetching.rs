//! `fetch`: what goes out, what comes back, how it ends early, and what it may not reach.

use std::sync::Arc;

use nano_runtime::{Egress, ReplyBody, Sockets};

use crate::support::{App, Bench, body, bytes_of, channel_body, eventually, post, tests, text_of};
use crate::upstream::Upstream;

tests![
    fetch_gives_what_the_server_answers,
    every_kind_of_body_arrives,
    the_apps_headers_arrive_and_the_connections_own_do_not,
    redirects_are_followed_as_the_standard_has_it,
    what_is_meant_for_one_origin_stays_there,
    a_body_without_the_integrity_that_was_asked_for_is_not_given,
    a_cache_mode_is_told_to_the_caches_on_the_way,
    a_misdirected_request_is_sent_once_more,
    an_aborted_fetch_ends_wherever_it_is,
    a_signal_that_lives_on_does_not_keep_the_fetches_it_could_end,
    a_response_is_passed_on_untouched,
    a_response_is_read_in_every_way,
    what_is_read_is_shown_to_no_then_of_the_app,
    a_client_that_leaves_ends_the_fetches_of_its_request,
    the_end_of_an_isolate_ends_its_fetches,
    what_cannot_be_fetched_is_a_type_error,
    only_public_addresses_are_reached_unless_allowed,
    a_request_sends_no_more_than_its_subrequests,
    an_app_has_its_part_of_the_connections,
    connections_that_nobody_uses_make_room_for_others,
];

fn loopback() -> Egress {
    Egress::default().with_net("127.0.0.1".parse().expect("an address"), 32)
}

/// An app that may reach the upstream, whose URL is `env.UP`.
fn app(bench: &Bench, upstream: &Upstream, source: &str) -> App {
    bench.app().file("index.js", source).env("UP", &upstream.url()).egress(loopback()).start()
}

/// An app that evaluates the body of what it is asked, an async function of (UP, request), and answers its result.
fn evaluator(bench: &Bench, upstream: &Upstream, cases: &str) -> App {
    let source = format!(
        "const echo = async (UP, init) => {{
          const r = await fetch(UP + '/echo', init);
          return [r.headers.get('x-method'), r.headers.get('content-type'), await r.text()];
        }};
        const secrets = async (url) => {{
          const sent = {{
            authorization: 'Bearer secret', cookie: 'a=1', 'proxy-authorization': 'Basic eDp5', 'x-mine': 'kept',
          }};
          const got = new Headers(await (await fetch(url, {{ headers: sent }})).json());
          return Object.keys(sent).map((name) => got.get(name));
        }};
        const cases = {{ {cases} }};
        export default {{ async fetch(request, env) {{
          const run = cases[new URL(request.url).pathname.slice(1)];
          try {{ return Response.json(await run(env.UP, request)); }}
          catch (error) {{ return Response.json([error.name, error.message]); }}
        }} }};"
    );
    app(bench, upstream, &source)
}

async fn fetch_gives_what_the_server_answers(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        plain: async (UP) => {
          const r = await fetch(UP + "/plain?x#frag");
          return [r.status, r.statusText, r.ok, r.type, r.redirected, r.url === UP + "/plain?x", r.headers.get("x-method"),
            r.body instanceof ReadableStream, await r.text(), r.bodyUsed];
        },
        status: async (UP) => {
          const r = await fetch(new Request(UP + "/status/418"));
          return [r.status, r.statusText, r.ok, r.headers.get("x-a"), await r.text()];
        },
        empty: async (UP) => {
          const r = await fetch(UP + "/status/204");
          const h = await fetch(UP + "/plain", { method: "HEAD" });
          return [r.body, await r.text(), h.body, h.headers.get("content-length")];
        },
        guard: async (UP) => {
          const r = await fetch(UP);
          try { r.headers.set("a", "b"); } catch (e) { return e.name; }
        },
        shape: () => [typeof fetch, fetch.length, fetch.name, "prototype" in fetch],
        "#,
    );
    for (path, expected) in [
        ("/plain", r#"[200,"OK",true,"basic",false,true,"GET",true,"hello",true]"#),
        ("/status", r#"[418,"I'm a teapot",false,"1, 2","the body"]"#),
        ("/empty", r#"[null,"",null,"5"]"#),
        ("/guard", r#""TypeError""#),
        ("/shape", r#"["function",1,"fetch",false]"#),
    ] {
        assert_eq!(app.text(path).await, expected, "{path}");
    }
}

async fn every_kind_of_body_arrives(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        string: (UP) => echo(UP, { method: "POST", body: "gr\u00fc\u00dfe" }),
        bytes: (UP) => echo(UP, { method: "PUT", body: new Uint8Array([104, 105]) }),
        params: (UP) => echo(UP, { method: "POST", body: new URLSearchParams({ a: "b c" }) }),
        typed: (UP) => echo(UP, { method: "PATCH", body: "{}", headers: { "content-type": "application/json" } }),
        stream: async (UP) => {
          let n = 0;
          const body = new ReadableStream({ pull(c) {
            if (++n > 50) c.close(); else c.enqueue(new Uint8Array(10_000).fill(n));
          } });
          const r = await fetch(UP + "/echo", { method: "POST", body, duplex: "half" });
          const all = new Uint8Array(await r.arrayBuffer());
          return [all.length, all[0], all[499_999]];
        },
        both: async (UP) => {
          // Each chunk comes back before the next is sent.
          let sender;
          const body = new ReadableStream({ start(controller) { sender = controller; } });
          const send = (text) => sender.enqueue(new TextEncoder().encode(text));
          send("one");
          const r = await fetch(UP + "/echo", { method: "POST", body, duplex: "half" });
          const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
          const seen = [(await reader.read()).value];
          send("two");
          seen.push((await reader.read()).value);
          sender.close();
          seen.push((await reader.read()).done);
          return seen;
        },
        passed: async (UP, request) => {
          const r = await fetch(UP + "/echo", { method: "POST", body: request.body, duplex: "half" });
          return r.text();
        },
        forwarded: async (UP, request) => {
          const r = await fetch(new Request(UP + "/echo", request));
          return [await r.text(), request.bodyUsed];
        },
        failing: async (UP) => {
          const body = new ReadableStream({ pull() { throw new Error("in the app"); } });
          return (await fetch(UP + "/echo", { method: "POST", body, duplex: "half" })).text();
        },"#,
    );
    for (path, expected) in [
        ("/string", "[\"POST\",\"text/plain;charset=UTF-8\",\"gr\u{fc}\u{df}e\"]"),
        ("/bytes", r#"["PUT",null,"hi"]"#),
        ("/params", r#"["POST","application/x-www-form-urlencoded;charset=UTF-8","a=b+c"]"#),
        ("/typed", r#"["PATCH","application/json","{}"]"#),
        ("/stream", "[500000,1,50]"),
        ("/both", r#"["one","two",true]"#),
    ] {
        assert_eq!(app.text(path).await, expected, "{path}");
    }
    let sent = text_of(app.fetch(post("/passed", body(&["pa", "ss", "ed"]))).await.expect("an answer")).await;
    assert_eq!(sent, r#""passed""#);
    let sent = text_of(app.fetch(post("/forwarded", body(&["for", "ward"]))).await.expect("an answer")).await;
    assert_eq!(sent, r#"["forward",true]"#);
    let failure = app.text("/failing").await;
    // Before the answer's head or after it, as it comes.
    assert!(failure.starts_with(r#"["TypeError","#), "{failure}");
}

async fn the_apps_headers_arrive_and_the_connections_own_do_not(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        headers: async (UP) => {
          const headers = [["x-a", "1"], ["x-a", "2"], ["host", "evil.test"], ["connection", "close"],
            ["content-length", "99"], ["transfer-encoding", "chunked"], ["te", "trailers"], ["cookie", "c=d"]];
          return (await (await fetch(UP + "/headers", { headers })).json()).sort();
        },
        agent: async (UP) => {
          const r = await fetch(UP + "/headers", { headers: { "user-agent": "mine", accept: "text/x" } });
          const list = new Headers(await r.json());
          return [list.get("user-agent"), list.get("accept")];
        },"#,
    );
    let host = upstream.address;
    assert_eq!(
        app.text("/headers").await,
        format!(
            r#"[["accept","*/*"],["accept-encoding","gzip, br, zstd"],["accept-language","*"],["cookie","c=d"],["host","{host}"],["user-agent","NANO"],["x-a","1"],["x-a","2"]]"#
        )
    );
    assert_eq!(app.text("/agent").await, r#"["mine","text/x"]"#);
}

async fn redirects_are_followed_as_the_standard_has_it(bench: Bench) {
    let upstream = Upstream::start().await;
    let cases = r#"
        follow: async (UP) => {
          const r = await fetch(UP + "/redirect/302?/redirect/301?/plain#there");
          return [r.status, r.redirected, r.url.slice(UP.length), await r.text()];
        },
        methods: async (UP) => {
          const all = [];
          for (const status of [301, 302, 303, 307, 308]) {
            for (const method of ["GET", "POST", "PUT", "HEAD"]) {
              const body = method === "POST" || method === "PUT" ? "sent" : undefined;
              const r = await fetch(`${UP}/redirect/${status}?/echo`, { method, body });
              all.push(`${status} ${method} ${r.headers.get("x-method")} ${await r.text()} ${r.headers.get("content-type")}`);
            }
          }
          return all;
        },
        manual: async (UP) => {
          const r = await fetch(UP + "/redirect/307?/plain", { redirect: "manual" });
          return [r.status, r.redirected, r.headers.get("location"), await r.text()];
        },
        error: (UP) => fetch(UP + "/redirect/307?/plain", { redirect: "error" }),
        error_nowhere: (UP) => fetch(UP + "/status/302", { redirect: "error" }),
        here: async (UP) => (await fetch(UP + "/status/302")).status,
        loop: (UP) => fetch(UP + "/redirect/302?"),
        stream: (UP) => fetch(UP + "/redirect/307?/echo", { method: "POST", body: new Blobless().stream, duplex: "half" }),
        stream_to_get: (UP) => fetch(UP + "/redirect/302?/echo", { method: "POST", body: new Blobless().stream, duplex: "half" }),
        see_other: async (UP) => {
          const r = await fetch(UP + "/redirect/303?/echo", { method: "POST", body: new Blobless().stream, duplex: "half" });
          return r.headers.get("x-method");
        },
        scheme: (UP) => fetch(UP + "/redirect/302?ftp://x.test/"),
        nowhere: (UP) => fetch(UP + "/redirect/302?http://"),
        credentials: (UP) => fetch(UP + "/redirect/302?http://me@x.test/"),
        "#
    .replace("new Blobless().stream", "new ReadableStream({ start(c) { c.close(); } })");
    let app = evaluator(&bench, &upstream, &cases);
    assert_eq!(app.text("/follow").await, r#"[200,true,"/plain","hello"]"#);
    let methods: Vec<String> = serde_json::from_str(&app.text("/methods").await).expect("a list");
    for line in &methods {
        let mut words = line.split(' ');
        let (status, method) = (words.next().expect("a status"), words.next().expect("a method"));
        let becomes_get = match status {
            "303" => method != "GET" && method != "HEAD",
            "301" | "302" => method == "POST",
            _ => false,
        };
        let has_body = !becomes_get && (method == "POST" || method == "PUT");
        let expected = format!(
            "{status} {method} {} {} {}",
            if becomes_get { "GET" } else { method },
            if has_body { "sent" } else { "" },
            if has_body { "text/plain;charset=UTF-8" } else { "null" }
        );
        assert_eq!(line, &expected);
    }
    assert_eq!(methods.len(), 20);
    assert_eq!(app.text("/manual").await, r#"[307,false,"/plain","moved"]"#);
    let before = upstream.requests();
    assert!(app.text("/loop").await.contains("too many redirects"));
    assert_eq!(upstream.requests() - before, 21);
    assert_eq!(app.text("/here").await, "302");
    assert_eq!(app.text("/see_other").await, r#""GET""#);
    for path in
        ["/error", "/error_nowhere", "/stream", "/stream_to_get", "/scheme", "/nowhere", "/credentials"]
    {
        assert!(app.text(path).await.starts_with(r#"["TypeError","fetch failed: "#), "{path}");
    }
}

async fn what_is_meant_for_one_origin_stays_there(bench: Bench) {
    let upstream = Upstream::start().await;
    let other = Upstream::start().await;
    let cases = r#"
        same: (UP) => secrets(`${UP}/redirect/302?/headers`),
        across: (UP) => secrets(`${UP}/redirect/302?OTHER/headers`),
        back: (UP) => secrets(`${UP}/redirect/302?OTHER/redirect/302?${UP}/headers`),"#
        .replace("OTHER", &other.url());
    let app = evaluator(&bench, &upstream, &cases);
    assert_eq!(app.text("/same").await, r#"["Bearer secret","a=1","Basic eDp5","kept"]"#);
    for path in ["/across", "/back"] {
        assert_eq!(app.text(path).await, r#"[null,null,null,"kept"]"#, "{path}");
    }
}

async fn a_body_without_the_integrity_that_was_asked_for_is_not_given(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        all: async (UP) => {
          const sha256 = "sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
          const wrong256 = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
          const wrong384 = "sha384-OLBgp1GsljhM2TJ+sbHjaiH9txEUvgdDTAzHv2P24donTt6/529l+9Ua0vFImLlb";
          const found = [];
          for (const integrity of [
            "", "  ", "md5-1B2M2Y8AsgTpgAmY7PhCfg==", "nothing", sha256, sha256 + "?option", sha256.replace("+", "-"),
            wrong256 + "\n" + sha256, wrong384 + " " + sha256, wrong256, "sha256-", "sha256", "sha256-%",
          ]) {
            const answer = fetch(UP + "/plain", { integrity }).then((response) => response.text());
            found.push(await answer.catch((error) => error.name));
          }
          return found;
        },
        stream: async (UP) => {
          const integrity = "sha256-3T32sB8FWiQXUiTYvVzG8um1sp58AnobE3zdp2Ku4Xk=";
          const { body } = await fetch(UP + "/bytes/150000", { integrity });
          const sizes = [];
          for await (const chunk of body) sizes.push(chunk.length);
          return sizes;
        },
        bodiless: (UP) => fetch(UP + "/status/204", { integrity: "md5-" }),
        large: (UP) => fetch(UP + "/bytes/67108865", { integrity: "sha256-" }),
        "#,
    );
    let given = [r#""hello""#; 8];
    let refused = [r#""TypeError""#; 5];
    assert_eq!(app.text("/all").await, format!("[{},{}]", given.join(","), refused.join(",")));
    assert_eq!(app.text("/stream").await, "[65536,65536,18928]");
    assert!(app.text("/bodiless").await.contains("without a body"));
    assert!(app.text("/large").await.contains("too large"));
}

async fn a_cache_mode_is_told_to_the_caches_on_the_way(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        modes: async (UP) => {
          const told = [];
          for (const cache of ["default", "no-store", "reload", "no-cache", "force-cache"]) {
            for (const headers of [{}, { pragma: "x", "cache-control": "y" }]) {
              const seen = new Headers(await (await fetch(UP + "/headers", { cache, headers })).json());
              told.push(`${seen.get("pragma")} ${seen.get("cache-control")}`);
            }
          }
          return told;
        },
        cached: (UP) => fetch(UP, { cache: "only-if-cached", mode: "same-origin" }),
        "#,
    );
    assert_eq!(
        app.text("/modes").await,
        r#"["null null","x y","no-cache no-cache","x y","no-cache no-cache","x y","null max-age=0","x y","null null","x y"]"#
    );
    assert!(app.text("/cached").await.starts_with(r#"["TypeError","fetch failed: "#));
    assert_eq!(upstream.requests(), 10);
}

async fn a_misdirected_request_is_sent_once_more(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        bytes: async (UP) => (await fetch(UP + "/status/421", { method: "POST", body: "sent" })).status,
        stream: async (UP) => {
          const body = new Blob(["sent"]).stream();
          return (await fetch(UP + "/status/421", { method: "POST", body, duplex: "half" })).status;
        },
        "#,
    );
    for (path, requests) in [("/bytes", 2), ("/stream", 1)] {
        let before = upstream.requests();
        assert_eq!(app.text(path).await, "421");
        assert_eq!(upstream.requests() - before, requests, "{path}");
    }
}

async fn an_aborted_fetch_ends_wherever_it_is(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        before: (UP) => fetch(UP, { signal: AbortSignal.abort(new RangeError("mine")) }),
        waiting: (UP) => {
          const controller = new AbortController();
          const answer = fetch(UP + "/hang", { signal: controller.signal });
          setTimeout(() => controller.abort(), 5);
          return answer;
        },
        timeout: (UP) => fetch(UP + "/hang", { signal: AbortSignal.timeout(5) }),
        reading: async (UP) => {
          const controller = new AbortController();
          const r = await fetch(UP + "/drip", { signal: controller.signal });
          const reader = r.body.getReader();
          const first = new TextDecoder().decode((await reader.read()).value);
          const next = reader.read().catch((error) => error.message);
          controller.abort(new RangeError("mine"));
          return [first, await next, await reader.closed.catch((error) => error.name)];
        },
        collecting: async (UP) => {
          const controller = new AbortController();
          const r = await fetch(UP + "/drip", { signal: controller.signal });
          const text = r.text();
          controller.abort(new RangeError("mine"));
          return text;
        },
        later: async (UP) => {
          const controller = new AbortController();
          const r = await fetch(UP + "/drip", { signal: controller.signal });
          controller.abort(new RangeError("mine"));
          const streamed = await r.clone().body.getReader().read().catch((error) => error.name);
          return [streamed, await r.text().catch((error) => error.name)];
        },
        twice: async (UP) => {
          const controller = new AbortController();
          const r = await fetch(UP + "/drip", { signal: controller.signal });
          controller.abort(new RangeError("mine"));
          return [await r.text().catch((error) => error.name), await r.text().catch((error) => error.name)];
        },
        cancelled: async (UP) => {
          const r = await fetch(UP + "/drip");
          await r.body.cancel();
          return r.bodyUsed;
        },
        uploading: async (UP) => {
          const controller = new AbortController();
          let reason;
          const body = new ReadableStream({ cancel(r) { reason = r.message; } });
          const answer = fetch(UP + "/echo", { method: "POST", body, duplex: "half", signal: controller.signal });
          controller.abort(new RangeError("mine"));
          return [await answer.catch((error) => error.message), reason];
        },"#,
    );
    for (path, expected, left) in [
        ("/before", r#"["RangeError","mine"]"#, 0),
        ("/waiting", r#"["AbortError","This operation was aborted"]"#, 1),
        ("/reading", r#"["drip","mine","RangeError"]"#, 1),
        ("/collecting", r#"["RangeError","mine"]"#, 1),
        ("/later", r#"["RangeError","RangeError"]"#, 1),
        ("/twice", r#"["RangeError","RangeError"]"#, 1),
        ("/cancelled", "true", 1),
        ("/uploading", r#"["mine","mine"]"#, 0),
    ] {
        let before = upstream.left();
        assert_eq!(app.text(path).await, expected, "{path}");
        eventually("the server sees the end", || upstream.left() == before + left).await;
    }
    assert!(app.text("/timeout").await.starts_with(r#"["TimeoutError","#));
}

async fn a_signal_that_lives_on_does_not_keep_the_fetches_it_could_end(bench: Bench) {
    const ROUNDS: usize = 60;
    let upstream = Upstream::start().await;
    let app = app(
        &bench,
        &upstream,
        r#"
        const { signal } = new AbortController();
        const seen = [];
        const ways = [
          (r) => r.text(),
          (r) => r.body.cancel(),
          async (r) => { for await (const _ of r.body); },
          () => {},
        ];
        export default { async fetch(request, env) {
          if (request.url.endsWith("/left")) {
            new Array(500_000).fill(0).map((_, i) => ({ i }));
            return new Response(String(seen.filter((ref) => ref.deref() !== undefined).length));
          }
          const response = await fetch(env.UP, { signal });
          seen.push(new WeakRef(response.body));
          await ways[seen.length % ways.length](response);
          return new Response("done");
        } };"#,
    );
    for _ in 0..ROUNDS {
        assert_eq!(app.text("/").await, "done");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    // Some are looked at again only when more have come.
    while app.text("/left").await.parse::<usize>().expect("a number") > ROUNDS / 2 {
        assert!(std::time::Instant::now() < deadline, "bodies are still held");
    }
}

async fn a_response_is_passed_on_untouched(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(
        &bench,
        &upstream,
        r#"
        const cases = {
          whole: (UP) => fetch(UP + "/status/201"),
          wrapped: async (UP) => {
            const r = await fetch(UP + "/bytes/3000000");
            return new Response(r.body, { status: 202, headers: r.headers });
          },
          drip: (UP) => fetch(UP + "/drip"),
        };
        export default { fetch: (request, env) => cases[new URL(request.url).pathname.slice(1)](env.UP) };"#,
    );
    let reply = app.get("/whole").await.expect("an answer");
    assert_eq!((reply.status.as_u16(), reply.headers.get("x-method")), (201, Some(&b"GET"[..])));
    assert!(matches!(reply.body, ReplyBody::Incoming(_)), "no JavaScript touches it");
    assert_eq!(text_of(reply).await, "the body");
    let reply = app.get("/wrapped").await.expect("an answer");
    assert!(reply.status.as_u16() == 202 && matches!(reply.body, ReplyBody::Incoming(_)));
    assert_eq!(bytes_of(reply).await.expect("all of it").len(), 3_000_000);
    // A client that leaves ends the upstream's answer, too.
    let before = upstream.left();
    drop(app.get("/drip").await.expect("an answer"));
    eventually("the server sees the end", || upstream.left() == before + 1).await;
}

async fn a_response_is_read_in_every_way(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        json: async (UP) => (await fetch(UP + "/echo", { method: "POST", body: '{"a":[1]}' })).json(),
        clone: async (UP) => {
          const r = await fetch(UP + "/plain");
          const copy = r.clone();
          return [await r.text(), await copy.text()];
        },
        iterate: async (UP) => {
          let bytes = 0;
          for await (const chunk of (await fetch(UP + "/bytes/1000000")).body) bytes += chunk.length;
          return bytes;
        },
        piped: async (UP) => {
          const r = await fetch(UP + "/bytes/100000");
          return (await new Response(r.body.pipeThrough(new TransformStream())).bytes()).length;
        },
        twice: async (UP) => {
          const r = await fetch(UP + "/plain");
          await r.text();
          return r.text();
        },
        many: async (UP) => {
          const all = await Promise.all(Array.from({ length: 50 }, async (_, i) =>
            (await fetch(UP + "/echo", { method: "POST", body: String(i) })).text()));
          return all.every((text, i) => text === String(i));
        },"#,
    );
    for (path, expected) in [
        ("/json", r#"{"a":[1]}"#),
        ("/clone", r#"["hello","hello"]"#),
        ("/iterate", "1000000"),
        ("/piped", "100000"),
        ("/many", "true"),
    ] {
        assert_eq!(app.text(path).await, expected, "{path}");
    }
    assert!(app.text("/twice").await.starts_with(r#"["TypeError""#));
}

async fn what_is_read_is_shown_to_no_then_of_the_app(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        thens: async (UP) => {
          const asked = [];
          Object.defineProperty(Object.prototype, "then", {
            configurable: true,
            get() { asked.push(Object.prototype.toString.call(this).slice(8, -1)); },
          });
          try {
            for (const read of ["text", "json", "bytes", "arrayBuffer", "blob"]) {
              await (await fetch(UP + "/echo", { method: "POST", body: "1" }))[read]();
            }
            const reader = (await fetch(UP + "/echo", { method: "POST", body: "1" })).body.getReader();
            asked.push("read");
            await reader.read();
          } finally {
            delete Object.prototype.then;
          }
          return asked.join(" ");
        },"#,
    );
    // What fetch and the readers themselves give is asked, by the language: nothing that comes before.
    assert_eq!(
        app.text("/thens").await,
        r#""Response Response Response Uint8Array Response ArrayBuffer Response Blob Response read Object""#
    );
}

async fn a_client_that_leaves_ends_the_fetches_of_its_request(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(
        &bench,
        &upstream,
        "export default { fetch: async (request, env) => { await fetch(env.UP + '/hang'); return new Response(); } };",
    );
    let waiting = app.begin("/");
    eventually("the server is asked", || upstream.requests() == 1).await;
    waiting.abort();
    eventually("the server sees the end", || upstream.left() == 1).await;
}

async fn the_end_of_an_isolate_ends_its_fetches(bench: Bench) {
    const FETCHES: usize = 20;
    let upstream = Upstream::start().await;
    for (end, lost) in [("for (;;);", 0), ("new Array(1e8).fill(1.5);", 1)] {
        let source = format!(
            "export default {{ async fetch(request, env) {{
               if (request.url.endsWith('/end')) {{ {end} }}
               await Promise.all(Array.from({{ length: {FETCHES} }}, () => fetch(env.UP + '/hang')));
             }} }};"
        );
        let builder = bench.app().limits(|limits| limits.memory_mb = 32).egress(loopback());
        let app = builder.env("UP", &upstream.url()).file("index.js", source).start();
        let (asked, left) = (upstream.requests(), upstream.left());
        let waiting = app.begin("/");
        eventually("the server is asked", || upstream.requests() == asked + FETCHES).await;
        app.failure("/end").await;
        assert_eq!(app.stats().lost, lost, "{end}");
        eventually("the server sees the end of all", || upstream.left() == left + FETCHES).await;
        waiting.await.expect("no panic").err().expect("it ends with its isolate");
    }
}

async fn what_cannot_be_fetched_is_a_type_error(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = evaluator(
        &bench,
        &upstream,
        r#"
        nothing: () => fetch(),
        relative: () => fetch("/relative"),
        scheme: () => fetch("ftp://127.0.0.1/"),
        credentials: () => fetch("http://me@127.0.0.1/"),
        body: (UP) => fetch(UP, { method: "GET", body: "x" }),
        method: (UP) => fetch(UP, { method: "CONNECT" }),
        closed: () => fetch("http://127.0.0.1:2/"),
        port: () => fetch("http://127.0.0.1:25/"),
        tls: (UP) => fetch(UP.replace("http:", "https:")),
        used: async (UP) => {
          const r = new Request(UP + "/echo", { method: "POST", body: "x" });
          await r.text();
          return fetch(r);
        },"#,
    );
    for path in [
        "/nothing",
        "/relative",
        "/scheme",
        "/credentials",
        "/body",
        "/method",
        "/closed",
        "/port",
        "/tls",
        "/used",
    ] {
        let text = app.text(path).await;
        assert!(text.starts_with(r#"["TypeError","#), "{path}: {text}");
    }
    assert!(app.text("/port").await.contains("another protocol"));
}

async fn only_public_addresses_are_reached_unless_allowed(bench: Bench) {
    let upstream = Upstream::start().await;
    let port = upstream.address.port();
    let source = "export default { async fetch(request, env) {
        const urls = await request.json();
        const all = await Promise.all(urls.map((url) => fetch(url).then(() => true, (error) => error.message)));
        return Response.json(all);
      } };";
    let ask = async |app: &App, urls: &[String]| -> Vec<serde_json::Value> {
        let text: &'static str = serde_json::to_string(urls).expect("JSON").leak();
        let reply = app.fetch(post("/", body(&[text]))).await.expect("an answer");
        serde_json::from_str(&text_of(reply).await).expect("a list")
    };
    let urls: Vec<String> = [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.0.1",
        "[fd00::1]",
    ]
    .iter()
    .map(|host| format!("http://{host}:{port}/"))
    .collect();
    let closed = bench.script(source);
    for (url, outcome) in urls.iter().zip(ask(&closed, &urls).await) {
        assert!(
            outcome.as_str().is_some_and(|text| text.contains("is not a public address")),
            "{url}: {outcome}"
        );
    }
    assert_eq!(upstream.requests(), 0);
    let open = bench.app().file("index.js", source).egress(loopback()).start();
    let by_hop = format!("{}/redirect/302?http://localhost:{port}/", upstream.url());
    let outcomes = ask(&open, &[upstream.url(), by_hop.clone()]).await;
    assert_eq!(outcomes[0], true);
    assert_eq!(outcomes[1], true, "localhost is 127.0.0.1 as well");
    let narrow =
        bench.app().file("index.js", source).egress(Egress::default().with_host("localhost")).start();
    let outcomes = ask(&narrow, &[format!("http://localhost:{port}/"), upstream.url()]).await;
    assert_eq!(outcomes[0], true);
    assert!(outcomes[1].is_string(), "only by that name");
    let hop = format!("http://localhost:{port}/redirect/302?{}/", upstream.url());
    assert!(ask(&narrow, &[hop]).await[0].is_string());
}

async fn a_request_sends_no_more_than_its_subrequests(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = bench
        .app()
        .file(
            "index.js",
            "export default { async fetch(request, env) {
              const outcomes = [];
              for (let i = 0; i < 4; i++) {
                outcomes.push(await fetch(env.UP + '/redirect/302?/plain').then((r) => r.status, (e) => e.message));
              }
              return Response.json(outcomes);
            } };",
        )
        .env("UP", &upstream.url())
        .egress(loopback())
        .limits(|limits| limits.max_subrequests = 5)
        .start();
    for _ in 0..2 {
        let outcomes: Vec<serde_json::Value> = serde_json::from_str(&app.text("/").await).expect("a list");
        assert_eq!(outcomes[..2], [200, 200]);
        assert!(
            outcomes[2..]
                .iter()
                .all(|outcome| outcome.as_str().is_some_and(|text| text.contains("subrequests")))
        );
    }
    assert_eq!(upstream.requests(), 10);
}

async fn an_app_has_its_part_of_the_connections(bench: Bench) {
    let upstream = Upstream::start().await;
    // An app may have half of them.
    let sockets = Arc::new(Sockets::new(8));
    let source = "export default (request, env) => fetch(env.UP + new URL(request.url).pathname);";
    let make = || {
        let app = bench.app().file("index.js", source).env("UP", &upstream.url()).egress(loopback());
        app.sockets(&sockets).start()
    };
    let (greedy, modest) = (make(), make());
    assert_eq!(greedy.text("/").await, "hello");
    let mut waiting: Vec<_> = (0..4).map(|_| greedy.begin("/hang")).collect();
    eventually("four of them arrive", || upstream.requests() == 1 + 4).await;
    for count in 5..=6 {
        waiting.push(greedy.begin("/hang"));
        eventually("it is in", || greedy.stats().in_flight == count).await;
    }
    for _ in 0..20 {
        assert_eq!(modest.text("/").await, "hello", "the others have theirs");
    }
    assert_eq!(upstream.requests(), 1 + 4 + 20);
    // The next one in the queue follows one that ends; one that leaves the queue is never sent.
    waiting.pop().expect("the last one").abort();
    eventually("it has left", || greedy.stats().in_flight == 5).await;
    waiting.remove(0).abort();
    eventually("the server sees the end", || upstream.left() == 1).await;
    eventually("the next one arrives", || upstream.requests() == 1 + 5 + 20).await;
    for request in waiting {
        request.abort();
    }
    eventually("all have left", || upstream.left() == 5).await;
    assert_eq!(greedy.text("/").await, "hello");
    assert_eq!(upstream.requests(), 2 + 5 + 20);
}

async fn connections_that_nobody_uses_make_room_for_others(bench: Bench) {
    let sockets = Arc::new(Sockets::new(4));
    let source = "export default async (request) => {
        const list = await request.json();
        for (const url of list) await (await fetch(url)).text();
        return new Response(String(list.length));
    };";
    let mut upstreams = Vec::new();
    for _ in 0..5 {
        upstreams.push(Upstream::start().await);
    }
    let list = serde_json::to_string(&upstreams.iter().map(Upstream::url).collect::<Vec<_>>()).expect("JSON");
    // The first two leave all places taken by connections that wait for their next request.
    for _ in 0..3 {
        let app = bench.app().file("index.js", source).egress(loopback()).sockets(&sockets).start();
        for _ in 0..2 {
            let (sender, body) = channel_body();
            sender.send(Ok(list.clone().into())).expect("the body lives");
            drop(sender);
            assert_eq!(text_of(app.fetch(post("/", body)).await.expect("an answer")).await, "5");
        }
    }
    assert!(upstreams.iter().all(|upstream| upstream.requests() == 6));
}
