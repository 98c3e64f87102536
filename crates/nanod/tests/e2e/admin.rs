//! The admin API: health for load balancers, metrics for those who hold the token, nothing for anybody else.

use serde_json::json;

use crate::client::Response;
use crate::nanod::Site;

const APP: &str = "export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/throws') throw new Error('x');
    return new Response('the app at ' + pathname);
  },
};";

const TOKEN: &str = "0123456789-the-token";

pub(crate) fn assert_error(answer: &Response, status: u16, code: &str) {
    assert_eq!(answer.status(), status);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(body["error"]["code"], code);
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
}

#[test]
fn health_and_metrics_are_answered_to_get_only() {
    let nanod = Site::new().app("app", APP).serve();
    for (path, text) in [("/live", "live\n"), ("/ready", "ready\n")] {
        let answer = nanod.admin(path);
        assert_eq!((answer.status(), answer.text().as_str()), (200, text));
    }
    assert_eq!(nanod.admin("/metrics").status(), 200);
    assert_eq!(nanod.admin("/live?probe=1").status(), 200);
    for path in ["/live", "/ready", "/metrics"] {
        assert_eq!(nanod.admin_request("HEAD", path, &[]).status(), 200);
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = nanod.admin_request(method, path, &[]);
            assert_error(&answer, 405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"));
        }
    }
    for path in ["/", "/live/", "/LIVE", "/metrics/x", "//metrics", "/admin", "/index.js"] {
        assert_error(&nanod.admin(path), 404, "not_found");
    }
}

#[test]
fn the_public_listener_has_no_admin_api() {
    let nanod = Site::new().app("app", APP).serve();
    for path in ["/live", "/ready", "/metrics", "/admin/apps"] {
        assert_eq!(nanod.get("app.test", path).text(), format!("the app at {path}"));
        for host in ["admin", "localhost", "127.0.0.1", &nanod.admin.to_string()] {
            let answer = nanod.get(host, path);
            assert_eq!(
                (answer.status(), answer.header("x-nano-error")),
                (404, Some("unknown_host")),
                "{host}"
            );
        }
    }
    // And the admin listener has no apps.
    assert_error(&nanod.admin_request("GET", "/", &[("x-forwarded-host", "app.test")]), 404, "not_found");
}

#[test]
fn only_the_whole_token_opens_the_metrics() {
    let nanod = Site::new()
        .app("app", APP)
        .top(json!({ "admin": { "listen": "127.0.0.1:0", "token": TOKEN } }))
        .serve();
    let ask =
        |authorization: &str| nanod.admin_request("GET", "/metrics", &[("authorization", authorization)]);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(ask(&bearer).status(), 200);
    assert_eq!(ask(&format!("bEARER {TOKEN}")).status(), 200);
    let answer = nanod.admin("/metrics");
    assert_error(&answer, 401, "unauthorized");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"nanod\""));
    let shorter = &TOKEN[..TOKEN.len() - 1];
    for wrong in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        TOKEN.into(),
        format!("Basic {TOKEN}"),
        format!("Bearer {shorter}"),
        format!("Bearer {TOKEN}x"),
        format!("Bearer {shorter}N"),
        format!("Bearer {}", TOKEN.to_uppercase()),
        format!("Bearer x{TOKEN}"),
        format!("Bearer {TOKEN} {TOKEN}"),
    ] {
        assert_error(&ask(&wrong), 401, "unauthorized");
    }
    // Who has no token does not learn what is there, but load balancers need none.
    for path in ["/", "/admin/apps", "/nothing"] {
        assert_error(&nanod.admin(path), 401, "unauthorized");
    }
    assert_error(&nanod.admin_request("POST", "/metrics", &[]), 401, "unauthorized");
    assert_error(&nanod.admin_request("GET", "/nothing", &[("authorization", &bearer)]), 404, "not_found");
    for path in ["/live", "/ready"] {
        assert_eq!(nanod.admin(path).status(), 200);
    }
}
