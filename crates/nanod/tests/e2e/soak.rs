//! Hostile apps beside an honest one, for some seconds: at the end the process costs what it did before, and the honest
//! app has answered every request. `bench/soak.mjs` does the same for minutes.

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;

use crate::nanod::{Nanod, Site, eventually};

/// How often each hostile app is asked, before the first figure and after it.
const WARM_ROUNDS: usize = 2;
const ROUNDS: usize = 8;
/// What memory may grow by between the two.
const RSS_GROWTH_PERCENT_MAX: usize = 15;
/// Connections of the honest app's clients.
const HONEST_CLIENTS: usize = 2;

/// A name, the body of an async handler `(request, env, ctx)`, and what it may be answered.
type Attack = (&'static str, &'static str, &'static [&'static str]);

const ATTACKS: [Attack; 9] = [
    ("spins", "for (;;);", &["503 cpu_limit"]),
    ("microtasks", "for (;;) await null;", &["503 cpu_limit"]),
    (
        "timers",
        "const again = () => { setTimeout(again); }; for (let i = 0; i < 100; i++) again();
         await new Promise(() => {});",
        &["503 cpu_limit"],
    ),
    ("grows", "const kept = []; for (;;) kept.push({ a: 1 });", &["503 memory_limit", "503 cpu_limit"]),
    (
        "buffers",
        "const kept = []; for (;;) kept.push(new ArrayBuffer(1e6));",
        &["500 exception", "503 cpu_limit"],
    ),
    ("hangs", "await new Promise(() => {});", &["504 timeout"]),
    (
        "outlives",
        "ctx.waitUntil(new Promise((go) => setTimeout(go, 1)).then(() => { for (;;); }));
         return new Response();",
        &["200"],
    ),
    (
        "fetches",
        "for (let i = 0; i < 50; i++) fetch(env.UP);
         await new Promise((go) => setTimeout(go, 20));
         for (;;);",
        &["503 cpu_limit"],
    ),
    ("starts", "", &["500 startup"]),
];

fn site(upstream: &TcpListener) -> Nanod {
    let up = format!("http://{}/", upstream.local_addr().unwrap());
    let settings = json!({
        "cpu_ms": 50, "timeout_ms": 60_000, "memory_mb": 16, "idle_ms": 100, "env": { "UP": up },
        "egress": { "allow": ["127.0.0.1"] },
    });
    let honest = "export default { fetch: () => new Response('honest') };";
    let mut site = Site::new().app_with("honest", honest, json!({ "idle_ms": 600_000 }));
    for (name, body, _) in ATTACKS {
        let source = if name == "starts" {
            "for (;;);".to_owned()
        } else {
            format!("export default {{ async fetch(request, env, ctx) {{ {body} }} }};")
        };
        let mut settings = settings.clone();
        if name == "hangs" {
            settings["timeout_ms"] = 50.into();
        }
        site = site.app_with(name, &source, settings);
    }
    site.serve()
}

/// All attacks at once, each so often; every answer is one of those that the contract has for it.
fn attack(nanod: &Nanod, rounds: usize) {
    std::thread::scope(|scope| {
        for (name, _, expected) in ATTACKS {
            scope.spawn(move || {
                for _ in 0..rounds {
                    let answer = nanod.get(&format!("{name}.test"), "/");
                    let code = answer.header("x-nano-error").map_or(String::new(), |code| format!(" {code}"));
                    let told = format!("{}{code}", answer.status());
                    assert!(expected.contains(&told.as_str()), "{name}: {told}");
                }
            });
        }
    });
    for (name, ..) in ATTACKS {
        let gone = |series: &str| nanod.metric(&format!("{series}{{app=\"{name}\"}}")) < 0.5;
        eventually("its requests and isolates are gone", || gone("nano_in_flight") && gone("nano_isolates"));
    }
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks the honest app on connections that are kept, until `attacks` is through. Gives the number of answers.
fn honest_while(nanod: &Nanod, attacks: impl FnOnce()) -> usize {
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..HONEST_CLIENTS {
            scope.spawn(|| {
                let mut conn = nanod.connect();
                while !over.load(Ordering::Relaxed) {
                    conn.request("GET", "honest.test", "/", &[], b"");
                    assert_eq!(conn.response().text(), "honest");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Also when an attack's answer was a wrong one: the clients would go on for ever.
        let _over = SetOnDrop(&over);
        attacks();
    });
    answers.into_inner()
}

#[test]
fn hostile_apps_leave_nothing_behind_and_honest_ones_undisturbed() {
    // It takes connections into its backlog and answers none.
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let nanod = site(&upstream);
    assert_eq!(nanod.get("honest.test", "/").text(), "honest");
    let (threads, descriptors) = (nanod.threads(), nanod.descriptors());
    attack(&nanod, WARM_ROUNDS);
    let rss = nanod.rss_kib();
    let answers = honest_while(&nanod, || attack(&nanod, ROUNDS));
    assert!(answers > 100, "the honest app was asked {answers} times");
    eventually("no descriptor more than before", || nanod.descriptors() <= descriptors);
    let most = rss + rss * RSS_GROWTH_PERCENT_MAX / 100;
    eventually("memory as before", || nanod.rss_kib() <= most);
    // Threads that were lent out end when they had nothing to do for ten seconds.
    eventually("no thread more than before", || nanod.threads() <= threads);
    assert_eq!(nanod.get("honest.test", "/").text(), "honest");
}
