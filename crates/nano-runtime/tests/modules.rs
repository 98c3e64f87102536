//! An app's modules: what can be imported, from where, and how a start fails.

use std::os::unix::ffi::OsStrExt;

use crate::support::{Bench, tests};

tests![
    imports_are_relative_to_their_module,
    data_files_are_modules,
    import_attributes_have_to_fit,
    modules_are_imported_dynamically,
    a_dynamic_import_that_fails_is_a_rejection,
    modules_may_import_each_other,
    requests_wait_for_the_top_level,
    import_meta_names_the_place_in_the_app,
    nothing_outside_of_the_folder_is_imported,
    links_inside_the_folder_are_followed,
    bare_specifiers_are_refused_with_advice,
    what_is_missing_is_named,
];

/// `(a, b) => a + b` on 32-bit integers, exported as `add`.
const ADD_WASM: &[u8] =
    b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\
    \x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";

async fn imports_are_relative_to_their_module(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            "import { names } from './lib/one.js';\nimport * as two from \"./lib/deep/two.mjs\";\n\
             export default () => new Response([...names, two.name, two.default].join());",
        )
        .file(
            "lib/one.js",
            "export { name } from '../top.js'; import { name } from '../top.js';\n\
             import { name as two } from './deep/../deep/two.mjs'; export const names = ['one', name, two];",
        )
        .file("lib/deep/two.mjs", "\u{feff}export const name = 'two'; export { name as default };")
        .file("top.js", "export const name = 'tôp';")
        .start();
    assert_eq!(app.text("/").await, "one,tôp,two,two,two");
}

async fn data_files_are_modules(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            r#"
            import config from "./data/config.json" with { type: "json" };
            import same from "./data/config.json";
            import text from "./data/text.txt";
            import page from "./data/page.html" with { type: "text" };
            import query from "./data/query.sql";
            import bytes from "./data/bytes.bin";
            import wasm from "./data/add.wasm";
            const { exports } = new WebAssembly.Instance(wasm);
            export default () => Response.json([
              config, config === same, text, page, query, bytes instanceof ArrayBuffer,
              [...new Uint8Array(bytes)],
              wasm instanceof WebAssembly.Module, exports.add(40, 2),
            ]);"#,
        )
        .file("data/config.json", "\u{feff}{ \"list\": [1, null, \"ü\"], \"__proto__\": 5 }")
        .file("data/text.txt", "line\nlïne")
        .file("data/page.html", "<p>")
        .file("data/query.sql", "SELECT 1")
        .file("data/bytes.bin", [0, 255, 128])
        .file("data/add.wasm", ADD_WASM)
        .start();
    assert_eq!(
        app.text("/").await,
        concat!(
            r#"[{"list":[1,null,"ü"],"__proto__":5},true,"line\nlïne","<p>","SELECT 1","#,
            "true,[0,255,128],true,42]"
        )
    );
}

async fn import_attributes_have_to_fit(bench: Bench) {
    for (import, part) in [
        ("import x from './x.txt' with { type: 'json' }", "cannot import \"x.txt\" with type \"json\""),
        ("import x from './x.js' with { type: 'text' }", "cannot import \"x.js\" with type \"text\""),
        ("import x from './x.json' with { type: 'css' }", "cannot import \"x.json\" with type \"css\""),
        ("import x from './x.json' with { color: 'red' }", "import attribute \"color\" is not supported"),
    ] {
        let source = format!("{import};\nexport default () => new Response(x);");
        let app = bench
            .app()
            .file("index.js", source)
            .file("x.txt", "{}")
            .file("x.js", "export default 1")
            .file("x.json", "{}")
            .start();
        let detail = app.startup_failure().await;
        assert!(detail.contains(part), "{import}: {detail}");
    }
}

async fn modules_are_imported_dynamically(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            r#"
            import * as statically from "./lib/once.js";
            export default async () => {
              const once = await import("./lib/once.js");
              const late = await import("./lib/late.js");
              const data = await import("./lib/data.json", { with: { type: "json" } });
              return Response.json([once === statically, await once.load(), late.value, data.default]);
            };"#,
        )
        .file("lib/once.js", "export const load = async () => (await import('./late.js')).value;")
        .file("lib/late.js", "export const value = await new Promise((r) => setTimeout(r, 1, 'late'));")
        .file("lib/data.json", "[1]")
        .start();
    assert_eq!(app.text("/").await, r#"[true,"late","late",[1]]"#);
    assert_eq!(app.text("/").await, r#"[true,"late","late",[1]]"#);
}

async fn a_dynamic_import_that_fails_is_a_rejection(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            r#"
            const tried = [];
            for (const path of ["./none.js", "lodash", "../up.js", "./syntax.js", "./throws.js", "./later.js",
              "./wrong.json", "./importer.js"]) {
              try { await import(path); } catch (error) { tried.push(error.name); }
            }
            export default () => Response.json(tried);"#,
        )
        .file("syntax.js", "let 5;")
        .file("throws.js", "throw new RangeError()")
        .file("later.js", "await null; throw new EvalError()")
        .file("wrong.json", "{")
        .file("importer.js", "import { none } from './index.js';")
        .start();
    assert_eq!(
        app.text("/").await,
        concat!(
            r#"["TypeError","TypeError","TypeError","SyntaxError","RangeError","EvalError","#,
            r#""TypeError","SyntaxError"]"#
        )
    );
}

async fn modules_may_import_each_other(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            "import { a } from './a.js'; export const base = () => 'base';\n\
             export default () => new Response(a());",
        )
        .file("a.js", "import { b } from './b.js'; export function a() { return `a${b()}`; }")
        .file(
            "b.js",
            "import { a } from './a.js'; import { base } from './index.js';\n\
             export const b = () => `b${typeof a}${base()}`;",
        )
        .start();
    assert_eq!(app.text("/").await, "abfunctionbase");
    let early = bench
        .app()
        .file("index.js", "import './a.js'; export const value = 1; export default () => new Response();")
        .file("a.js", "import { value } from './index.js';\nvalue;")
        .start();
    let detail = early.startup_failure().await;
    assert!(detail.contains("ReferenceError") && detail.contains("a.js:2:1"), "{detail}");
}

async fn requests_wait_for_the_top_level(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            r#"
            import { ready } from "./ready.js";
            let requests = 0;
            await new Promise((resolve) => setTimeout(resolve, 20));
            export default () => new Response(`${ready} ${++requests}`);"#,
        )
        .file("ready.js", "export const ready = await Promise.resolve('ready');")
        .start();
    let all: Vec<_> = (0..5).map(|_| app.begin("/")).collect();
    let mut answers = Vec::new();
    for task in all {
        answers.push(crate::support::text_of(task.await.expect("no panic").expect("an answer")).await);
    }
    answers.sort();
    assert_eq!(answers, ["ready 1", "ready 2", "ready 3", "ready 4", "ready 5"]);
    assert_eq!(app.stats().cold_starts, 1);
}

async fn import_meta_names_the_place_in_the_app(bench: Bench) {
    let app = bench
        .app()
        .file(
            "index.js",
            "import { url } from './lib/x.js'; export default () => Response.json([import.meta.url, url]);",
        )
        .file("lib/x.js", "export const { url } = import.meta;")
        .start();
    assert_eq!(app.text("/").await, r#"["file:///index.js","file:///lib/x.js"]"#);
}

async fn nothing_outside_of_the_folder_is_imported(bench: Bench) {
    for specifier in [
        "../secret.js",
        "./lib/../../secret.js",
        "./link.js",
        "./folder/secret.js",
        "./hop.js",
        "/etc/passwd",
        "/secret.js",
        "file:///secret.js",
        "./\\../secret.js",
        "./%2e%2e/secret.js",
        "https://example.com/secret.js",
        "data:text/javascript,export default 'secret'",
    ] {
        let builder = bench.app();
        let outside = builder.outside().to_owned();
        std::fs::write(outside.join("secret.js"), "export default 'secret';").expect("the file is written");
        let literal = serde_json::to_string(specifier).expect("JSON");
        let app = builder
            .file("index.js", format!("import x from {literal};\nexport default () => new Response(x);"))
            .file("dynamic.js", "")
            .link("link.js", &outside.join("secret.js"))
            .link("folder", &outside)
            .link("hop.js", std::path::Path::new("link.js"))
            .start();
        let detail = app.startup_failure().await;
        assert!(detail.contains("cannot"), "{specifier}: {detail}");
        let shown =
            detail.as_bytes().windows(outside.as_os_str().len()).any(|w| w == outside.as_os_str().as_bytes());
        assert!(!shown, "{specifier}: the host's path is shown: {detail}");
    }
}

async fn links_inside_the_folder_are_followed(bench: Bench) {
    let app = bench
        .app()
        .file("index.js", "import x from './current/x.js'; export default () => new Response(x);")
        .file("v1/x.js", "export default 'linked';")
        .link("current", std::path::Path::new("v1"))
        .start();
    assert_eq!(app.text("/").await, "linked");
}

async fn bare_specifiers_are_refused_with_advice(bench: Bench) {
    let bundle = "only relative paths (\"./x.js\") can be imported; bundle packages into the app";
    for (specifier, advice) in [
        ("lodash", bundle),
        ("fs", bundle),
        ("@scope/package", bundle),
        ("cloudflare:workers", bundle),
        ("node:fs", "there are no Node APIs"),
    ] {
        let app = bench.script(&format!("import '{specifier}';\nexport default () => new Response();"));
        let detail = app.startup_failure().await;
        assert!(detail.contains(&format!("cannot import \"{specifier}\": {advice}")), "{detail}");
    }
}

async fn what_is_missing_is_named(bench: Bench) {
    for (import, part) in [
        ("import './lib/none.js'", "cannot find module \"lib/none.js\""),
        ("import './lib'", "imports end in .js"),
        ("import './lib.js'", "cannot find module \"lib.js\""),
        ("import './index.js/x.js'", "cannot find module \"index.js/x.js\""),
        ("import './style.css'", "cannot import \"style.css\": imports end in .js"),
        ("import './latin.txt'", "cannot import \"latin.txt\": it is not UTF-8 text"),
        ("import { none } from './some.js'", "does not provide an export named 'none'"),
        ("import './bad.json'", "cannot import \"bad.json\": SyntaxError"),
    ] {
        let app = bench
            .app()
            .file("index.js", format!("{import};\nexport default () => new Response();"))
            .file("lib.js/x.js", "")
            .file("style.css", "")
            .file("latin.txt", [0xe4])
            .file("some.js", "export const some = 1;")
            .file("bad.json", "{ \"a\": }")
            .start();
        let detail = app.startup_failure().await;
        assert!(detail.contains(part), "{import}: {detail}");
    }
}
