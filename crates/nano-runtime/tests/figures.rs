//! What is told of an app: its figures and its log.

use crate::support::{Bench, body, channel_body, eventually, post, tests};

tests![
    figures_are_counted,
    clocks_have_their_step,
    logs_name_their_request,
    logs_show_blobs_and_forms,
    logs_are_limited,
];

async fn figures_are_counted(bench: Bench) {
    let app = bench.script(
        r#"
        export default async (request) => {
          if (request.url.endsWith("/burn")) {
            const end = Date.now() + 100;
            while (Date.now() < end);
          }
          return new Response(await request.text());
        };"#,
    );
    assert_eq!(app.stats().isolates, 0, "no isolate before the first request");
    let (sender, incoming) = channel_body();
    let waiting = app.begin_fetch(post("/", incoming));
    eventually("it is in flight", || app.stats().in_flight == 1).await;
    drop(sender);
    waiting.await.expect("no panic").expect("an answer");
    let before = app.stats();
    assert_eq!((before.in_flight, before.isolates, before.cold_starts), (0, 1, 1));
    app.text("/burn").await;
    assert!(app.stats().cpu_ns > before.cpu_ns);
    let after = app.stats();
    assert_eq!((after.ended_cpu, after.ended_memory, after.ended_timeout, after.lost), (0, 0, 0, 0));
}

async fn clocks_have_their_step(bench: Bench) {
    let source = "export default () => {
        const seen = [performance.timeOrigin, new Event('x').timeStamp, performance.now()];
        for (let i = 0; i < 5; i++) {
          const before = performance.now();
          while (performance.now() === before);
          seen.push(performance.now());
        }
        return Response.json(seen.map((ms) => Math.round(ms * 1000)));
      };";
    for step in [100, 20_000] {
        let builder = bench.app().limits(|limits| limits.clock_resolution_us = step);
        let seen = builder.file("index.js", source).start().text("/").await;
        let micros: Vec<u64> = serde_json::from_str(&seen).expect("numbers");
        assert!(micros.iter().all(|micros| micros % step == 0), "{step}: {micros:?}");
    }
}

async fn logs_name_their_request(bench: Bench) {
    let app = bench.script(
        r#"
        console.log("at start-up");
        export default async (request) => {
          const name = new URL(request.url).pathname;
          console.warn(`${name} sync`);
          await new Promise((resolve) => setTimeout(resolve, 1));
          console.error(`${name} timer`);
          await request.text();
          console.debug(`${name} body`, { a: [1] });
          return new Response();
        };"#,
    );
    let requests: Vec<_> = ["/a", "/b"].map(|path| post(path, body(&["x"]))).into_iter().collect();
    let ids: Vec<_> = requests.iter().map(|request| request.id.to_string()).collect();
    let replies: Vec<_> = requests.into_iter().map(|request| app.begin_fetch(request)).collect();
    for reply in replies {
        reply.await.expect("no panic").expect("an answer");
    }
    let log = app.log();
    assert_eq!((log[0].message.as_str(), log[0].request_id.as_str()), ("at start-up", ""));
    for (name, id) in ["/a", "/b"].iter().zip(ids) {
        let of: Vec<_> = log.iter().filter(|line| line.message.starts_with(name)).collect();
        let seen: Vec<_> =
            of.iter().map(|line| (line.level, line.message.trim_start_matches(name))).collect();
        assert_eq!(
            seen,
            [
                (tracing::Level::WARN, " sync"),
                (tracing::Level::ERROR, " timer"),
                (tracing::Level::DEBUG, " body { a: [ 1 ] }")
            ]
        );
        assert!(of.iter().all(|line| line.request_id == id && line.target == "app"), "{of:?}");
    }
}

async fn logs_show_blobs_and_forms(bench: Bench) {
    let app = bench.script(
        r#"
        export default () => {
          const file = new File(["abc"], "f.txt", { type: "text/plain", lastModified: 1 });
          const form = new FormData();
          for (const [name, value] of [["a", "1"], ["f", file], ["a", "2"]]) form.append(name, value);
          for (const value of [file.slice(1), file, form]) console.log(value);
          return new Response();
        };"#,
    );
    app.text("/").await;
    let file = "File { size: 3, type: 'text/plain', name: 'f.txt', lastModified: 1 }";
    let shown: Vec<_> = app.log().into_iter().map(|line| line.message).collect();
    assert_eq!(
        shown,
        ["Blob { size: 2, type: '' }", file, &format!("FormData {{\n  a: [ '1', '2' ],\n  f: {file}\n}}"),]
    );
}

async fn logs_are_limited(bench: Bench) {
    let app = bench.script(
        r#"
        export default () => {
          console.log("é".repeat(100_000));
          for (let i = 0; i < 20_000; i++) console.log("again");
          return new Response("ok");
        };"#,
    );
    assert_eq!(app.text("/").await, "ok");
    let log = app.log();
    assert!(log.iter().all(|line| line.message.len() <= 16 << 10));
    assert!((900..10_000).contains(&log.len()), "{} lines", log.len());
}
