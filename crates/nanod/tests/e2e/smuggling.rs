//! Two lengths in one request: whatever a proxy in front believes, no second request may hide in the first.

use crate::nanod::Site;

/// Counts the requests that it executes, which are all written to the log.
const APP: &str = "export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    console.log('executed ' + pathname);
    return new Response('body ' + (await request.text()));
  },
};";

#[test]
fn a_request_hidden_behind_two_lengths_is_never_executed() {
    let nanod = Site::new().app("app", APP).serve();
    let hidden = "GET /smuggled HTTP/1.1\r\nhost: app.test\r\n\r\n";
    let length = |bytes: usize| format!("content-length: {bytes}\r\n");
    let chunked = "transfer-encoding: chunked\r\n";
    let orders = [
        format!("{}{chunked}", length(4)),
        format!("{chunked}{}", length(4)),
        format!("{chunked}{}", length(5 + hidden.len())),
        format!("{}{chunked}", length(5 + hidden.len())),
        format!("{}Transfer-Encoding: CHUNKED\r\n", length(4)),
        format!("{chunked}content-length: garbage\r\n"),
        format!("{}{}{chunked}", length(4), length(4)),
        format!("{}transfer-encoding: gzip, chunked\r\n", length(4)),
        format!("{}transfer-encoding:\tchunked\r\n", length(4)),
        format!("{}transfer-encoding: gzip\r\n{chunked}", length(4)),
    ];
    for lengths in orders {
        let mut conn = nanod.connect();
        conn.try_send(format!("POST /first HTTP/1.1\r\nhost: app.test\r\n{lengths}\r\n0\r\n\r\n{hidden}"));
        let answer = conn.response();
        assert_eq!(answer.status(), 400, "{lengths:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{lengths:?}");
        conn.assert_closed();
    }
    // Logs are in order: once this shows, nothing of before can be missing.
    assert_eq!(nanod.get("app.test", "/last").status(), 200);
    nanod.log_message("executed /last");
    let executed =
        nanod.logged().iter().filter(|line| line["msg"].as_str().unwrap().starts_with("executed ")).count();
    assert_eq!(executed, 1, "neither the first nor the hidden one is executed");
}
