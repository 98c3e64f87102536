//! `ctx.waitUntil`: work that goes on after the answer.

use tracing::Level;

use crate::support::{Bench, get, tests, text_of};

tests![
    wait_until_outlives_the_answer,
    wait_until_may_be_called_by_what_it_waits_for,
    a_failure_of_wait_until_is_logged,
    wait_until_is_cut_at_its_time_limit,
];

async fn wait_until_outlives_the_answer(bench: Bench) {
    let app = bench.script(
        r#"
        let finish;
        export default { fetch(request, env, ctx) {
          if (request.url.endsWith("/finish")) {
            finish();
            return new Response("finishing");
          }
          ctx.waitUntil(new Promise((resolve) => { finish = resolve; }).then(async () => {
            await null;
            console.log("after the answer");
          }));
          return new Response("at once");
        } };"#,
    );
    assert_eq!(app.text("/").await, "at once");
    assert!(app.log().is_empty(), "the work waits for the second request");
    assert_eq!(app.text("/finish").await, "finishing");
    app.logged("after the answer").await;
}

async fn wait_until_may_be_called_by_what_it_waits_for(bench: Bench) {
    let app = bench.script(
        r#"
        const pause = () => new Promise((resolve) => setTimeout(resolve, 1));
        export default { fetch(request, env, ctx) {
          ctx.waitUntil(pause().then(() => {
            ctx.waitUntil(pause().then(() => console.log("the second of them")));
          }));
          return new Response();
        } };"#,
    );
    app.text("/").await;
    app.logged("the second of them").await;
}

async fn a_failure_of_wait_until_is_logged(bench: Bench) {
    let app = bench.script(
        r#"
        export default { fetch(request, env, ctx) {
          ctx.waitUntil(Promise.reject(new Error("the background broke")));
          return new Response("fine");
        } };"#,
    );
    let request = get("/");
    let id = request.id.to_string();
    assert_eq!(text_of(app.fetch(request).await.expect("an answer")).await, "fine");
    let line = app.logged("the background broke").await;
    assert_eq!((line.level, line.request_id.as_str()), (Level::ERROR, id.as_str()));
    assert!(line.message.contains("index.js:3"), "{line:?}");
}

async fn wait_until_is_cut_at_its_time_limit(bench: Bench) {
    let app = bench
        .app()
        .limits(|limits| limits.timeout_ms = 1000)
        .file(
            "index.js",
            r#"
            let ticks = 0;
            export default { async fetch(request, env, ctx) {
              if (request.url.endsWith("/ticks")) {
                const before = ticks;
                await new Promise((resolve) => setTimeout(resolve, 50));
                return Response.json([before > 0, ticks - before]);
              }
              ctx.waitUntil(new Promise(() => {}));
              setInterval(() => { ticks++; }, 1);
              return new Response("answered");
            } };"#,
        )
        .start();
    assert_eq!(app.text("/").await, "answered");
    app.logged("waitUntil took too long").await;
    assert_eq!(app.text("/ticks").await, "[true,0]", "the request's interval ended with it");
}
