//! What an app finds on its global object, and what it must not find.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Bench, body, post, tests};

tests![
    every_global_is_known,
    everything_that_ecma_429_names_is_there,
    interfaces_are_as_web_idl_says,
    functions_have_their_names_and_lengths,
    what_an_app_must_not_have_is_not_there,
    there_is_no_shared_memory_to_wait_on,
    nothing_internal_is_reachable,
    built_ins_do_not_show_themselves_to_their_callees,
    attributes_are_replaced_where_they_may_be,
    a_small_app_loads_no_lazy_built_in,
    lazy_globals_are_changed_as_any_other,
    a_built_in_that_the_stack_has_no_room_for_is_loaded_later,
];

/// Writable, configurable, not enumerable.
const INTERFACES: &str = "\
    AbortController AbortSignal Blob ByteLengthQueuingStrategy CompressionStream CountQueuingStrategy \
    Crypto CryptoKey CustomEvent DOMException DecompressionStream ErrorEvent Event EventTarget FetchEvent \
    File FormData Headers MessageChannel MessageEvent MessagePort Navigator Performance \
    PromiseRejectionEvent QuotaExceededError ReadableByteStreamController ReadableStream \
    ReadableStreamBYOBReader \
    ReadableStreamBYOBRequest ReadableStreamDefaultController ReadableStreamDefaultReader Request Response \
    SubtleCrypto TextDecoder TextDecoderStream TextEncoder TextEncoderStream TransformStream \
    TransformStreamDefaultController URL URLPattern URLSearchParams WritableStream \
    WritableStreamDefaultController WritableStreamDefaultWriter";
/// As the interfaces; from ECMA-262, ECMA-402 and WebAssembly, in this version of V8.
const LANGUAGE: &str = "\
    AggregateError Array ArrayBuffer AsyncDisposableStack Atomics BigInt BigInt64Array BigUint64Array \
    Boolean DataView Date DisposableStack Error EvalError FinalizationRegistry Float16Array Float32Array \
    Float64Array Function Int16Array Int32Array Int8Array Intl Iterator JSON Map Math Number Object \
    Promise Proxy RangeError ReferenceError Reflect RegExp Set String SuppressedError Symbol SyntaxError \
    Temporal TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef \
    WeakSet WebAssembly console decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval \
    globalThis isFinite isNaN parseFloat parseInt unescape";
/// Writable, configurable, enumerable.
const FUNCTIONS: &str = "\
    atob btoa clearInterval clearTimeout fetch queueMicrotask reportError setInterval setTimeout \
    structuredClone";

async fn every_global_is_known(bench: Bench) {
    let app = bench.script(
        r#"
        export default () => {
          const found = {};
          for (const key of Reflect.ownKeys(globalThis)) {
            const { writable, enumerable, configurable, get, set } =
              Object.getOwnPropertyDescriptor(globalThis, key);
            const flags = [writable && "writable", enumerable && "enumerable", configurable && "configurable",
              get && "get", set && "set"].filter((flag) => flag).join(" ");
            (found[flags] ??= []).push(String(key));
          }
          for (const list of Object.values(found)) list.sort();
          return Response.json(found);
        };"#,
    );
    let mut values: Vec<_> = [INTERFACES, LANGUAGE].iter().flat_map(|list| list.split(' ')).collect();
    values.sort_unstable();
    let expected = json!({
        "": ["Infinity", "NaN", "undefined"],
        "writable configurable": values,
        "writable enumerable configurable": FUNCTIONS.split(' ').collect::<Vec<_>>(),
        "enumerable configurable get set":
            ["onerror", "onrejectionhandled", "onunhandledrejection", "performance", "self"],
        "enumerable configurable get": ["crypto", "navigator"],
        "configurable": ["Symbol(Symbol.toStringTag)"],
    });
    let found: Value = serde_json::from_str(&app.text("/").await).expect("JSON");
    assert_eq!(found, expected);
}

async fn everything_that_ecma_429_names_is_there(bench: Bench) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interfaces.js");
    let source = std::fs::read(source).expect("the app");
    let app = bench.app().file("index.js", source).start();
    let answer: Value = serde_json::from_str(&app.text("/").await).expect("JSON");
    assert_eq!((&answer[0], &answer[1]), (&json!(53), &json!(25)), "names in the table");
    assert_eq!(answer[2], json!([]));
}

async fn interfaces_are_as_web_idl_says(bench: Bench) {
    let names = serde_json::to_string(&INTERFACES.split(' ').collect::<Vec<_>>()).expect("JSON");
    let app = bench.script(&format!(
        r#"
        const wrong = [];
        const check = (fact, text) => {{ if (!fact) wrong.push(text); }};
        for (const name of {names}) {{
          const Interface = globalThis[name];
          check(Interface.name === name, `${{name}}.name`);
          check(/^[01]$/.test(Interface.length) || name.endsWith("Event") || name === "File", `${{name}}.length`);
          const {{ value: prototype, writable, enumerable, configurable }} =
            Object.getOwnPropertyDescriptor(Interface, "prototype");
          check(!writable && !enumerable && !configurable, `${{name}}.prototype`);
          const parent = Object.getPrototypeOf(prototype);
          check(parent !== null && prototype.constructor === Interface, `${{name}}.prototype.constructor`);
          const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
          check(tag?.value === name && !tag.writable && tag.configurable, `${{name}}'s tag`);
          try {{ Interface(); check(false, `${{name}} is called`); }} catch (error) {{
            check(error instanceof TypeError, `${{name}} is called: ${{error}}`);
          }}
          for (const [key, member] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {{
            if (key === "constructor") continue;
            check(member.enumerable, `${{name}}.${{key}} is enumerable`);
            const method = member.value ?? member.get;
            if (typeof method !== "function") continue;
            check(!("prototype" in method), `${{name}}.${{key}} is no constructor`);
            check(method.name === (member.get ? `get ${{key}}` : key), `the name of ${{name}}.${{key}}`);
            let result;
            try {{
              result = Reflect.apply(method, {{}}, [{{}}, {{}}, {{}}, {{}}]);
            }} catch (error) {{ result = error; }}
            const refused = result instanceof TypeError
              || (result instanceof Promise
                && await result.then(() => 0, (error) => error) instanceof TypeError);
            check(refused, `${{name}}.${{key}} of another object`);
          }}
        }}
        export default () => Response.json(wrong);"#
    ));
    assert_eq!(app.text("/").await, "[]");
}

async fn functions_have_their_names_and_lengths(bench: Bench) {
    let app = bench.script(
        r#"
        const functions = [
          setTimeout, setInterval, clearTimeout, clearInterval, queueMicrotask, reportError, atob, btoa,
          structuredClone, addEventListener, removeEventListener, dispatchEvent, Response.json,
          Response.redirect, Response.error, URL.canParse, AbortSignal.timeout, AbortSignal.any,
          ReadableStream.from, crypto.getRandomValues, crypto.subtle.digest, Headers.prototype.append,
          Request.prototype.clone, Blob.prototype.slice, FormData.prototype.append,
        ];
        const constructors = [
          URL, Request, Response, Headers, Event, AbortController, TextDecoder, TransformStream, Blob, File,
          FormData,
        ];
        export default () => Response.json([
          functions.map((f) => `${f.name} ${f.length}`).join(),
          constructors.map((f) => `${f.name} ${f.length}`).join(),
          functions.filter((f) => {
            try { new f(); return true; } catch (error) {
              return !(error instanceof TypeError) || "prototype" in f;
            }
          }).map((f) => f.name),
        ]);"#,
    );
    let answer: Value = serde_json::from_str(&app.text("/").await).expect("JSON");
    assert_eq!(
        answer[0],
        "setTimeout 1,setInterval 1,clearTimeout 0,clearInterval 0,queueMicrotask 1,reportError 1,\
         atob 1,btoa 1,structuredClone 1,addEventListener 2,removeEventListener 2,dispatchEvent 1,\
         json 1,redirect 1,error 0,canParse 1,timeout 1,any 1,from 1,getRandomValues 1,digest 2,\
         append 2,clone 0,slice 0,append 2"
    );
    assert_eq!(
        answer[1],
        "URL 1,Request 1,Response 0,Headers 0,Event 1,AbortController 0,TextDecoder 0,TransformStream 0,\
         Blob 0,File 2,FormData 0"
    );
    assert_eq!(answer[2], json!([]), "functions that can be constructed");
}

async fn what_an_app_must_not_have_is_not_there(bench: Bench) {
    let app = bench.script(
        r#"
        const names = [
          "SharedArrayBuffer", "process", "require", "module", "exports", "global", "Buffer", "Deno",
          "Bun", "__dirname", "__filename", "setImmediate", "window", "document", "location",
          "importScripts", "Worker", "XMLHttpRequest", "ops", "primordials", "hooks", "internal",
          "bootstrap", "nano", "gc", "d8", "print", "load", "read", "quit", "version",
          "ExecutionContext", "caches",
        ];
        const indirect = (0, eval);
        export default () => Response.json(names.filter((name) => name in globalThis
          || indirect(`typeof ${name}`) !== "undefined" 
          || new Function(`return typeof ${name}`)() !== "undefined"));"#,
    );
    assert_eq!(app.text("/").await, "[]");
}

async fn there_is_no_shared_memory_to_wait_on(bench: Bench) {
    let app = bench.script(
        r#"
        const attempt = (run) => { try { return String(run()); } catch (error) { return error.name; } };
        const shared = () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer;
        export default () => Response.json([
          attempt(() => Atomics.wait(new Int32Array(shared()), 0, 0, 1)),
          attempt(() => Atomics.wait(new Int32Array(4), 0, 0, 1)),
          attempt(() => structuredClone(shared())),
        ]);"#,
    );
    assert_eq!(app.text("/").await, r#"["TypeError","TypeError","TypeError"]"#);
}

async fn nothing_internal_is_reachable(bench: Bench) {
    let app = bench.script(
        r#"
        const internal = new Set([
          "console_write", "promise_state", "proxy_details", "request_url", "body_read", "body_collect",
          "response_write", "handler_failed", "hold", "app_ready", "timer_start", "report_exception",
          "performance_now", "encoding_encode_utf8", "fireTimer", "forgetTimer", "promiseRejected",
          "drainRejections", "abortRequest", "makeServerRequest", "sendResponse", "streamOf",
          "ArrayPrototypeJoin", "MapPrototypeGet", "SafeMap", "configureInterface", "converters",
          "require", "primordials", "ops", "NativeSource", "Pump",
        ]);
        function walk(roots) {
          const found = new Set(), seen = new Set(), queue = [...roots];
          while (queue.length > 0) {
            const object = queue.pop();
            const isObject = (typeof object === "object" && object !== null) || typeof object === "function";
            if (!isObject || seen.has(object)) {
              continue;
            }
            if (object === internal) continue;
            seen.add(object);
            if (typeof object === "function" && internal.has(object.name)) found.add(object.name);
            queue.push(Object.getPrototypeOf(object));
            for (const key of Reflect.ownKeys(object)) {
              if (internal.has(key)) found.add(key);
              const { value, get, set } = Object.getOwnPropertyDescriptor(object, key);
              queue.push(value, get, set);
              if (get) { try { queue.push(object[key]); } catch {} }
            }
          }
          return [...found, seen.size > 1000];
        }
        const sites = [];
        function callSites() {
          Error.prepareStackTrace = (error, frames) => {
            for (const frame of frames) {
              sites.push(frame, frame.getThis(), frame.getFunction(), frame.getEvalOrigin());
            }
          };
          new Error("").stack;
          Error.prepareStackTrace = undefined;
        }
        export default async function (request, env, ctx) {
          const planted = request.url.endsWith("/planted")
            ? [{ deep: [() => 0, { console_write() {} }] }] : [];
          const received = [];
          const note = function () { received.push(this, ...arguments); callSites(); };
          structuredClone({ get a() { note.call(undefined); } });
          const stream = new ReadableStream({ start: note, pull(c) { note(c); c.close(); }, cancel: note });
          const response = new Response(stream);
          await response.clone().text();
          await new ReadableStream({ cancel: note }).cancel(1);
          const noting = (resolve) => function () { note.apply(this, arguments); resolve(); };
          await new Promise((resolve) => setTimeout(noting(resolve), 0));
          await new Promise((resolve) => queueMicrotask(noting(resolve)));
          request.signal.addEventListener("abort", note);
          const error = await request.json().catch((error) => error);
          new Headers([["a", "b"]]).forEach(note);
          await { then(resolve) { note.apply(this, arguments); resolve(); } };
          return Response.json(walk([
            globalThis, request, env, ctx, response, stream, received, sites, error, planted,
            request.body, new TransformStream(), crypto.subtle, performance]));
        }"#,
    );
    assert_eq!(app.text("/").await, "[true]");
    assert_eq!(app.text("/planted").await, r#"["console_write",true]"#, "the walk would find it");
}

async fn built_ins_do_not_show_themselves_to_their_callees(bench: Bench) {
    let app = bench.script(
        r#"
        const seen = [];
        globalThis.note = (caller) => { seen.push(caller); };
        // A sloppy function: it may ask who called it.
        const sloppy = new Function("note(arguments.callee.caller)");
        const frames = [];
        export default async () => {
          structuredClone({ get a() { return sloppy(); } });
          structuredClone(Object.defineProperty({}, "a", { enumerable: true, get: sloppy }));
          new ReadableStream({ start: sloppy });
          new Headers({ a: { toString: new Function("note(arguments.callee.caller); return 'b'") } });
          await new Promise((resolve) => setTimeout(() => { resolve(sloppy()); }, 0));
          setTimeout(sloppy, 0);
          await new Promise((resolve) => setTimeout(resolve, 1));
          const target = new EventTarget();
          target.addEventListener("x", sloppy);
          target.dispatchEvent(new Event("x"));
          const strict = ["caller", "arguments", "callee"].filter((key) => {
            try { return atob[key] !== undefined; } catch (error) { return !(error instanceof TypeError); }
          });
          return Response.json([seen.length, seen.filter((caller) => caller !== null).length, strict]);
        };"#,
    );
    assert_eq!(app.text("/").await, "[7,0,[]]");
}

async fn attributes_are_replaced_where_they_may_be(bench: Bench) {
    let app = bench.script(
        r#"
        const attempt = (run) => { try { return run(); } catch (error) { return error.name; } };
        const results = [
          attempt(() => { globalThis.performance = 5; return performance; }),
          attempt(() => { globalThis.self = 6; return self; }),
          attempt(() => { globalThis.crypto = 7; return typeof crypto; }),
          attempt(() => { globalThis.navigator = 8; return typeof navigator; }),
          attempt(() => { globalThis.atob = 9; return atob; }),
          attempt(() => Object.getOwnPropertyDescriptor(globalThis, "crypto").get.call({})),
          attempt(() => typeof Object.getOwnPropertyDescriptor(globalThis, "crypto").get.call(undefined)),
        ];
        export default () => new Response(JSON.stringify(results));"#,
    );
    assert_eq!(app.text("/").await, r#"[5,6,"TypeError","TypeError",9,"TypeError","object"]"#);
}

async fn a_small_app_loads_no_lazy_built_in(bench: Bench) {
    let app = bench.script(
        r#"
        export default {
          async fetch(request, env, ctx) {
            const url = new URL(request.url);
            if (url.pathname === "/json") {
              ctx.waitUntil(new Promise((resolve) => setTimeout(resolve, 0)));
              const { a } = await request.json();
              return Response.json({ a, agent: request.headers.get("user-agent") }, { status: 201 });
            }
            if (url.pathname === "/echo") return new Response(request.body);
            return new Response("hello", { headers: { "x-a": "b" } });
          },
        };"#,
    );
    assert_eq!(app.text("/").await, "hello");
    let reply = app.fetch(post("/json", body(&[r#"{"a":1}"#]))).await.expect("an answer");
    assert_eq!(reply.status, 201);
    assert_eq!(app.loaded(), [""; 0], "built-ins that a small app pays for");
    app.text("/echo").await;
    assert_eq!(app.loaded(), [""; 0], "there was no body");
    app.fetch(post("/echo", body(&["text"]))).await.expect("an answer");
    assert!(app.loaded().iter().any(|name| name == "streams"), "{:?}", app.loaded());
}

async fn lazy_globals_are_changed_as_any_other(bench: Bench) {
    let app = bench.script(
        r#"
        const describe = (name) => {
          const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
          return [typeof value, writable, enumerable, configurable];
        };
        const results = [describe("URLPattern"), describe("URLPattern"), describe("structuredClone")];
        results.push(URLPattern === globalThis.URLPattern, new URLPattern().constructor === URLPattern);
        globalThis.Blob = 1;
        results.push(Blob, describe("Blob"));
        results.push(delete globalThis.File, typeof File, "File" in globalThis);
        Object.defineProperty(globalThis, "FormData", { enumerable: true });
        results.push(describe("FormData"), FormData.name);
        Object.defineProperty(globalThis, "atob", { value: 2 });
        results.push(atob, describe("atob"));
        Object.freeze(globalThis);
        results.push(describe("TextEncoder"), TextEncoder.name, describe("ReadableStream"));
        export default () => new Response(JSON.stringify(results));"#,
    );
    let expected = json!([
        ["function", true, false, true],
        ["function", true, false, true],
        ["function", true, true, true],
        true,
        true,
        1,
        ["number", true, false, true],
        true,
        "undefined",
        false,
        ["function", true, true, true],
        "FormData",
        2,
        ["number", true, true, true],
        ["function", false, false, false],
        "TextEncoder",
        ["function", false, false, false],
    ]);
    let found: Value = serde_json::from_str(&app.text("/").await).expect("JSON");
    assert_eq!(found, expected);
}

async fn a_built_in_that_the_stack_has_no_room_for_is_loaded_later(bench: Bench) {
    let app = bench.script(
        r#"
        // Uses it at the end of the stack, and again with each frame that is left, until it works.
        const wherePossible = (use) => {
          const errors = [];
          let value;
          const down = () => {
            try { down(); } catch {}
            if (value === undefined) try { value = use(); } catch (error) { errors.push(error); }
          };
          down();
          return [errors.length > 0, errors.filter((error) => !(error instanceof RangeError)).map(String), value];
        };
        const uses = {
          compression: () => new CompressionStream("gzip").readable,
          text: () => new Response("text").body,
          subtle: () => crypto.subtle.digest("SHA-256", new Uint8Array(1)).then((buffer) => buffer.byteLength),
          clone: () => structuredClone({ a: new Set([1]) }).a.size,
          form: () => [...new FormData().entries()].length,
          pattern: () => URLPattern.name,
          params: () => new URL("http://a/?b=c").searchParams.get("b"),
          channel: () => new MessageChannel().port1.constructor.name,
          memory: () => {
            const { Memory } = WebAssembly;
            try { return new Memory({ initial: 1, maximum: 1, shared: true }); } catch (error) {
              if (error instanceof RangeError) throw error;
              return error.name;
            }
          },
          grow: () => new WebAssembly.Memory({ initial: 1 }).grow(1),
        };
        export default async (request) => {
          const name = new URL(request.url).pathname.slice(1);
          if (name === "list") return Response.json(Object.keys(uses));
          const [failed, others, value] = wherePossible(uses[name]);
          const shown = value instanceof ReadableStream ? value.constructor.name : await value;
          return Response.json([failed, others, shown]);
        };"#,
    );
    let names: Vec<String> = serde_json::from_str(&app.text("/list").await).expect("a list");
    let mut results = serde_json::Map::new();
    for name in names {
        let result = serde_json::from_str(&app.text(&format!("/{name}")).await).expect("JSON");
        results.insert(name, result);
    }
    let expected = json!({
        "compression": [true, [], "ReadableStream"],
        "text": [true, [], "ReadableStream"],
        "subtle": [true, [], 32],
        "clone": [true, [], 1],
        "form": [true, [], 0],
        "pattern": [true, [], "URLPattern"],
        "params": [true, [], "c"],
        "channel": [true, [], "MessagePort"],
        "memory": [true, [], "TypeError"],
        "grow": [true, [], 1],
    });
    assert_eq!(Value::Object(results), expected);
}
