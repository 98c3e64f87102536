//! Starts that fail, and what a second isolate takes over from the first.

use std::time::{Duration, Instant};

use nano_runtime::Fault;

use crate::support::{App, Bench, eventually, tests};

tests![
    a_syntax_error_has_its_place,
    a_throw_at_the_top_level_fails_the_start,
    a_top_level_that_never_ends_fails_the_start,
    a_failed_start_is_tried_again,
    a_start_under_way_is_not_begun_again,
    a_revision_is_read_once,
    the_second_isolate_compiles_less;
    alone:
    a_top_level_that_spins_after_a_wait_is_held_back_for_longer,
    starts_that_spin_hold_up_no_other,
];

/// Gets rid of the app's isolates, which have nothing to do.
async fn retired(app: &App) {
    eventually("the isolate is retired", || app.stats().isolates == 0).await;
}

async fn a_syntax_error_has_its_place(bench: Bench) {
    let app = bench.script("export default () => new Response();\n\n  let x = ;\n");
    let detail = app.startup_failure().await;
    assert!(detail.contains("SyntaxError") && detail.contains("index.js:3:11"), "{detail}");
    let imported = bench
        .app()
        .file("index.js", "import './lib/x.js'; export default () => new Response();")
        .file("lib/x.js", "//\nawait = 1;")
        .start();
    let detail = imported.startup_failure().await;
    assert!(detail.contains("SyntaxError") && detail.contains("lib/x.js:2:7"), "{detail}");
}

async fn a_throw_at_the_top_level_fails_the_start(bench: Bench) {
    for source in [
        "throw new RangeError('at the top');",
        "await null;\nthrow new RangeError('at the top');",
        "import './lib.js';",
        "await Promise.reject(new RangeError('at the top'));",
    ] {
        let app = bench
            .app()
            .file("index.js", format!("{source}\nexport default () => new Response();"))
            .file("lib.js", "(function inner() { throw new RangeError('at the top'); })();")
            .start();
        let detail = app.startup_failure().await;
        assert!(detail.contains("RangeError: at the top\n    at "), "{source}: {detail}");
        assert!(detail.contains(".js:"), "{source}: {detail}");
    }
}

async fn a_top_level_that_never_ends_fails_the_start(bench: Bench) {
    let app = bench.script("await new Promise(() => {});\nexport default () => new Response();");
    let detail = app.startup_failure().await;
    assert!(detail.contains("top level took too long"), "{detail}");
    assert_eq!(app.stats().isolates, 0);
}

async fn a_failed_start_is_tried_again(bench: Bench) {
    let app = bench.script("throw new Error('never');");
    while app.stats().cold_starts < 3 {
        assert_eq!(app.fault("/").await, Fault::Startup);
        tokio::task::yield_now().await;
    }
}

async fn a_top_level_that_spins_after_a_wait_is_held_back_for_longer(bench: Bench) {
    let app = bench.script("await new Promise((done) => setTimeout(done, 1)); for (;;);");
    let mut held = Vec::new();
    for start in 1..=2 {
        assert_eq!(app.fault("/").await, Fault::Startup);
        assert_eq!(app.stats().cold_starts, start);
        let failed = Instant::now();
        // Until then each request is answered from memory.
        while app.stats().cold_starts == start {
            drop(app.begin("/"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        held.push(failed.elapsed());
    }
    assert!(held[0] > Duration::from_millis(600) && held[1] > Duration::from_millis(1500), "{held:?}");
}

async fn starts_that_spin_hold_up_no_other(bench: Bench) {
    // More of them than there are places for starts.
    let spinning: Vec<App> = (0..6).map(|_| bench.script("console.log('spins'); for (;;);")).collect();
    let starts: Vec<_> = spinning.iter().map(|app| app.begin("/")).collect();
    spinning[0].logged("spins").await;
    let app = bench.script("export default () => new Response('ok');");
    assert_eq!(app.text("/").await, "ok");
    let ended = starts.iter().filter(|start| start.is_finished()).count();
    assert!(ended < spinning.len(), "it came behind all of them");
    for app in &spinning {
        app.drain(Duration::ZERO).await.expect("no panic");
    }
    for start in starts {
        let fault = start.await.expect("no panic").err().expect("a failure").fault;
        assert!(matches!(fault, Fault::Startup | Fault::Draining), "{fault:?}");
    }
}

async fn a_start_under_way_is_not_begun_again(bench: Bench) {
    let app = bench.script(
        "console.log('begun');
         const end = performance.now() + 200;
         while (performance.now() < end);
         export default () => new Response('ok');",
    );
    let leaves = app.begin("/");
    app.logged("begun").await;
    leaves.abort();
    assert!(leaves.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(app.text("/").await, "ok");
    assert_eq!((app.stats().cold_starts, app.stats().isolates), (1, 1));
}

async fn a_revision_is_read_once(bench: Bench) {
    let builder = bench
        .app()
        .limits(|limits| limits.idle_ms = 10)
        .file("index.js", "import x from './x.js'; export default () => new Response(x);")
        .file("x.js", "export default 'as it was';");
    let file = builder.outside().join("app/x.js");
    let app = builder.start();
    assert_eq!(app.text("/").await, "as it was");
    retired(&app).await;
    std::fs::write(&file, "export default 'changed';").expect("the file is written");
    assert_eq!(app.text("/").await, "as it was");
    retired(&app).await;
    std::fs::remove_file(&file).expect("the file is removed");
    assert_eq!(app.text("/").await, "as it was");
    assert_eq!(app.stats().cold_starts, 3);
}

async fn the_second_isolate_compiles_less(bench: Bench) {
    // Functions that run at the top level are in the code cache, so the second start need not
    // parse their bodies.
    let mut source = "let sum = 0;\n".to_owned();
    for index in 0..4000 {
        let terms: Vec<_> = (0..40).map(|term| format!("({index} % x + {term} * x)")).collect();
        source.push_str(&format!("const f{index} = (x) => {};\nsum += f{index}(3);\n", terms.join(" + ")));
    }
    source.push_str("export default () => { if (sum > 0) throw new Error('place'); };\n");
    let lines = source.lines().count();
    let app = bench.app().limits(|limits| limits.idle_ms = 10).file("index.js", source).start();
    let mut spent = Vec::new();
    for _ in 0..2 {
        let before = app.stats().cpu_ns;
        let detail = app.failure("/").await.detail.expect("a detail");
        assert!(detail.contains(&format!("index.js:{lines}:43")), "places are the same: {detail}");
        spent.push(app.stats().cpu_ns - before);
        retired(&app).await;
    }
    assert!(spent[1] * 2 < spent[0], "the CPU time of the starts: {spent:?}");
}
