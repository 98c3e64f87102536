//! The contract with an app's handler: its shapes, its arguments, and what comes of its failures.

use nano_runtime::Fault;
use tracing::Level;

use crate::support::{Bench, get, post, tests, text_of};

tests![
    a_module_object_is_a_handler,
    a_function_is_a_handler,
    a_fetch_listener_is_a_handler,
    a_listener_responds_once_and_in_time,
    an_entry_without_a_handler_fails_to_start,
    env_is_frozen_and_each_apps_own,
    the_request_is_what_the_client_sent,
    pass_through_on_exception_changes_nothing,
    an_answer_that_is_no_response_is_an_exception,
    an_exception_is_logged_with_its_place,
    whatever_is_thrown_is_an_exception,
    an_unhandled_rejection_is_logged_and_harms_nothing,
    a_response_is_sent_once,
];

async fn a_module_object_is_a_handler(bench: Bench) {
    let app = bench.script(
        r#"
        export default {
          greeting: "hello",
          fetch(request, env, ctx) {
            const { pathname } = new URL(request.url);
            if (pathname === "/sync") return new Response(this.greeting);
            if (pathname === "/arguments") {
              return Response.json([
                arguments.length, request instanceof Request, typeof env, typeof ctx.waitUntil,
              ]);
            }
            if (pathname === "/thenable") {
              return { then(resolve) { resolve(new Response("from a thenable")); } };
            }
            return (async () => {
              await null;
              return new Response(`async ${this.greeting}`, { status: 201, headers: { "x-a": "1" } });
            })();
          },
        };"#,
    );
    assert_eq!(app.text("/sync").await, "hello");
    assert_eq!(app.text("/arguments").await, r#"[3,true,"object","function"]"#);
    assert_eq!(app.text("/thenable").await, "from a thenable");
    let reply = app.get("/async").await.expect("an answer");
    assert_eq!((reply.status.as_u16(), reply.headers.get("x-a")), (201, Some(&b"1"[..])));
    assert_eq!(text_of(reply).await, "async hello");
}

async fn a_function_is_a_handler(bench: Bench) {
    for source in [
        "export default function (request, env, ctx) {
           return new Response(`${request.method} ${env.A} ${typeof ctx}`);
         }",
        "export default async (request, env, ctx) =>
           new Response(`${request.method} ${env.A} ${typeof ctx}`);",
        "const handler = async function (request, env, ctx) {
           await new Promise((resolve) => setTimeout(resolve, 1));
           return new Response(`${request.method} ${env.A} ${typeof ctx}`);
         };
         export { handler as default };",
    ] {
        let app = bench.app().file("index.js", source).env("A", "a").start();
        assert_eq!(app.text("/").await, "GET a object", "{source}");
    }
}

async fn a_fetch_listener_is_a_handler(bench: Bench) {
    let app = bench.script(
        r#"
        addEventListener("fetch", (event) => {
          const { pathname } = new URL(event.request.url);
          if (pathname === "/promise") event.respondWith(Promise.resolve(new Response("promised")));
          else if (pathname === "/late") event.respondWith(new Promise((resolve) => {
            setTimeout(() => resolve(new Response("late")), 1);
          }));
          else if (pathname === "/wait") {
            event.waitUntil(Promise.resolve().then(() => console.log("waited")));
            event.passThroughOnException();
            event.respondWith(new Response("waiting"));
          } else event.respondWith(new Response(`${event.type} ${event instanceof FetchEvent}`));
        });"#,
    );
    assert_eq!(app.text("/").await, "fetch true");
    assert_eq!(app.text("/promise").await, "promised");
    assert_eq!(app.text("/late").await, "late");
    assert_eq!(app.text("/wait").await, "waiting");
    app.logged("waited").await;
}

async fn a_listener_responds_once_and_in_time(bench: Bench) {
    let app = bench.script(
        r#"
        addEventListener("fetch", async (event) => {
          const { pathname } = new URL(event.request.url);
          const tell = (error) => console.log(`${pathname}: ${error.name}`);
          if (pathname === "/twice") {
            event.respondWith(new Response("first"));
            try { event.respondWith(new Response("second")); } catch (error) { tell(error); }
          }
          if (pathname === "/late") {
            await null;
            try { event.respondWith(new Response("late")); } catch (error) { tell(error); }
          }
          if (pathname === "/no-response") event.respondWith(5);
          if (pathname === "/rejects") event.respondWith(Promise.reject(new Error("rejected")));
        });
        addEventListener("fetch", (event) => {
          if (new URL(event.request.url).pathname === "/throws") throw new Error("a listener broke");
        });"#,
    );
    assert_eq!(app.text("/twice").await, "first");
    app.logged("/twice: InvalidStateError").await;
    let failure = app.failure("/late").await;
    assert_eq!(failure.fault, Fault::Exception);
    assert!(failure.detail.expect("a detail").contains("event.respondWith()"));
    app.logged("/late: InvalidStateError").await;
    assert_eq!(app.fault("/throws").await, Fault::Exception);
    app.logged("a listener broke").await;
    assert!(app.failure("/no-response").await.detail.expect("a detail").contains("no Response"));
    assert!(app.failure("/rejects").await.detail.expect("a detail").contains("rejected"));
}

async fn an_entry_without_a_handler_fails_to_start(bench: Bench) {
    for (source, part) in [
        ("export const x = 1;", "the entry module has no handler"),
        ("export default 5;", "the entry module has no handler"),
        ("export default {};", "the default export has no fetch method"),
        ("export default { fetch: 1 };", "the default export has no fetch method"),
        ("export default class { fetch() {} }", "the default export is a class"),
        ("addEventListener('message', () => {});", "the entry module has no handler"),
    ] {
        let app = bench.script(source);
        let detail = app.startup_failure().await;
        assert!(detail.contains(part), "{source}: {detail}");
        let line = app.logged("start-up failed").await;
        assert!(line.fields.contains(part), "{source}: {line:?}");
    }
}

async fn env_is_frozen_and_each_apps_own(bench: Bench) {
    let source = r#"
        export default { fetch(request, env) {
          const before = JSON.stringify(env);
          const refused = [];
          for (const change of [
            () => { env.KEY = "changed"; }, () => { env.more = 1; }, () => { delete env.KEY; },
            () => Object.setPrototypeOf(env, null)]) {
            try { change(); } catch (error) { refused.push(error.name); }
          }
          return Response.json({ before, after: JSON.stringify(env), refused, frozen: Object.isFrozen(env) });
        } };"#;
    let app = |key| bench.app().file("index.js", source).env("KEY", key).env("__proto__", "own").start();
    let (one, other) = (app("one's"), app("the \"other's\" ü"));
    for (app, key) in [(&one, "one's"), (&other, r#"the \"other's\" ü"#), (&one, "one's")] {
        let answer: serde_json::Value = serde_json::from_str(&app.text("/").await).expect("JSON");
        assert_eq!(answer["before"], format!(r#"{{"KEY":"{key}","__proto__":"own"}}"#));
        assert_eq!(answer["after"], answer["before"]);
        assert_eq!(
            answer["refused"],
            serde_json::json!(["TypeError", "TypeError", "TypeError", "TypeError"])
        );
        assert_eq!(answer["frozen"], true);
    }
    let empty = bench.script("export default (request, env) => Response.json(Object.keys(env));");
    assert_eq!(empty.text("/").await, "[]", "the host's environment is not the app's");
}

async fn the_request_is_what_the_client_sent(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => Response.json([
          request.method, request.url, [...request.headers], request.body === null, request.redirect,
          request.signal.aborted,
        ]);"#,
    );
    let mut request = post("/a%20b/../c?x=1&y=%C3%A4", crate::support::body(&["x"]));
    request.headers = crate::support::headers(&[
        ("Host", "shop.example:8080"),
        ("X-Twice", "1"),
        ("x-twice", "2"),
        ("cookie", "a=b"),
        ("x-empty", ""),
    ]);
    request.scheme = "https";
    let answer = text_of(app.fetch(request).await.expect("an answer")).await;
    assert_eq!(
        answer,
        concat!(
            r#"["POST","https://shop.example:8080/c?x=1&y=%C3%A4","#,
            r#"[["cookie","a=b"],["host","shop.example:8080"],["x-empty",""],["x-twice","1, 2"]],false,"manual",false]"#
        )
    );
    let answer = text_of(app.fetch(get("/")).await.expect("an answer")).await;
    assert_eq!(answer, r#"["GET","http://app.test/",[["host","app.test"]],true,"manual",false]"#);
}

async fn pass_through_on_exception_changes_nothing(bench: Bench) {
    let app = bench.script(
        r#"
        export default { fetch(request, env, ctx) {
          ctx.passThroughOnException();
          throw new Error("it is thrown all the same");
        } };"#,
    );
    assert_eq!(app.fault("/").await, Fault::Exception);
}

async fn an_answer_that_is_no_response_is_an_exception(bench: Bench) {
    let app = bench.script(
        r#"
        const answers = {
          "/undefined": () => undefined, "/null": () => null, "/string": () => "text", "/object": () => ({}),
          "/promise": () => Promise.resolve("text"), "/class": () => Response,
          "/prototype": () => Object.create(Response.prototype), "/error": () => Response.error(),
        };
        export default (request) => answers[new URL(request.url).pathname]();"#,
    );
    for path in ["/undefined", "/null", "/string", "/object", "/promise", "/class", "/prototype"] {
        let failure = app.failure(path).await;
        assert_eq!(failure.fault, Fault::Exception, "{path}");
        let detail = failure.detail.expect("a detail");
        assert!(detail.contains("TypeError: the handler returned no Response"), "{path}: {detail}");
    }
    assert_eq!(app.fault("/error").await, Fault::Exception);
}

async fn an_exception_is_logged_with_its_place(bench: Bench) {
    let builder = bench
        .app()
        .file(
            "index.js",
            "import { broken } from \"./lib/broken.js\";\nexport default {\n  async fetch(request) {\n    \
             if (request.url.endsWith(\"/async\")) await null;\n    return broken();\n  },\n};\n",
        )
        .file("lib/broken.js", "export function broken() {\n  throw new RangeError(\"on line two\");\n}\n");
    let outside = builder.outside().to_str().expect("a path of text").to_owned();
    let app = builder.start();
    for path in ["/sync", "/async"] {
        let request = get(path);
        let id = request.id.to_string();
        let failure = app.fetch(request).await.err().expect("a failure");
        assert_eq!(failure.fault, Fault::Exception);
        let line = app.log().into_iter().find(|line| line.request_id == id).expect("a line in the log");
        assert_eq!((line.level, line.target), (Level::ERROR, "app"));
        for text in [failure.detail.expect("a detail"), line.message] {
            assert!(text.contains("RangeError: on line two\n"), "{text}");
            assert!(text.contains("at broken (lib/broken.js:2:9)"), "{text}");
            assert!(text.contains("index.js:5:12"), "{text}");
            assert!(!text.contains(&outside), "{text}");
        }
    }
}

async fn whatever_is_thrown_is_an_exception(bench: Bench) {
    let app = bench.script(
        r#"
        const throwables = {
          "/string": "just text", "/undefined": undefined, "/null": null, "/object": { a: 1 },
          "/symbol": Symbol("s"),
          "/hostile": {
            get stack() { throw new Error("again"); }, toString() { throw new Error("and again"); },
          },
          "/proxy": new Proxy({}, { get() { throw new Error("trapped"); } }), "/number": 5,
          "/long": new Error("x".repeat(1_000_000)),
        };
        export default (request) => {
          const { pathname } = new URL(request.url);
          if (pathname === "/ok") return new Response("ok");
          throw throwables[pathname];
        };"#,
    );
    for path in
        ["/string", "/undefined", "/null", "/object", "/symbol", "/hostile", "/proxy", "/number", "/long"]
    {
        let failure = app.failure(path).await;
        assert_eq!(failure.fault, Fault::Exception, "{path}");
        assert!(failure.detail.is_some_and(|detail| !detail.is_empty()), "{path}");
    }
    assert!(app.failure("/string").await.detail.expect("a detail").contains("just text"));
    assert_eq!(app.text("/ok").await, "ok");
    assert_eq!(app.stats().cold_starts, 1);
}

async fn an_unhandled_rejection_is_logged_and_harms_nothing(bench: Bench) {
    let app = bench.script(
        r#"
        export default () => {
          Promise.reject(new Error("nobody listens"));
          setTimeout(() => { throw new Error("nor here"); }, 1);
          return new Promise((resolve) => setTimeout(() => resolve(new Response("fine")), 2));
        };"#,
    );
    assert_eq!(app.text("/").await, "fine");
    for part in ["nobody listens", "nor here"] {
        let line = app.logged(part).await;
        assert_eq!(line.level, Level::ERROR);
        assert!(!line.request_id.is_empty(), "{line:?}");
    }
}

async fn a_response_is_sent_once(bench: Bench) {
    let app = bench.script(
        r#"
        const response = new Response("body"), empty = new Response(null, { status: 204 });
        const streamed = new Response(new ReadableStream({ start(c) { c.close(); } }));
        const reader = new Response("locked");
        reader.body.getReader();
        const answers = { "/body": response, "/empty": empty, "/stream": streamed, "/locked": reader };
        export default (request) => answers[new URL(request.url).pathname];"#,
    );
    assert_eq!(app.text("/body").await, "body");
    assert!(app.failure("/body").await.detail.expect("a detail").contains("used already"));
    assert_eq!(app.text("/stream").await, "");
    assert!(app.failure("/stream").await.detail.expect("a detail").contains("used already"));
    assert_eq!(app.fault("/locked").await, Fault::Exception);
    for _ in 0..2 {
        assert_eq!(app.get("/empty").await.expect("an answer").status.as_u16(), 204);
    }
}
