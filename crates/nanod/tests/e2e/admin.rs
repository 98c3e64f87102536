//! The admin API: health for load balancers, metrics for those who hold the token, nothing for anybody else.

use std::collections::{BTreeMap, HashSet};

use serde_json::json;

use crate::client::Response;
use crate::nanod::{Nanod, Site};

const APP: &str = "export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/throws') throw new Error('x');
    return new Response('the app at ' + pathname);
  },
};";

const TOKEN: &str = "0123456789-the-token";

fn assert_error(answer: &Response, status: u16, code: &str) {
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
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            assert_error(&nanod.admin_request(method, path, &[]), 405, "method_not_allowed");
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
    assert_error(&nanod.admin("/metrics"), 401, "unauthorized");
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

/// One family of metrics as the page tells it.
#[derive(Default)]
struct Family {
    kind: String,
    help: String,
    /// Labels and value of each series, with the series' full name.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn labels_of(text: &str) -> BTreeMap<String, String> {
    text.split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').expect("a label has a value");
            (name.to_owned(), value.trim_matches('"').to_owned())
        })
        .collect()
}

/// Reads a page as a scraper does, and panics where one would give up.
fn parse(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut series = HashSet::new();
    let body = page.strip_suffix("# EOF\n").expect("the page ends with # EOF");
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment.split_once(' ').unwrap();
            let (name, text) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            let family = families.entry(current.clone()).or_default();
            match word {
                "HELP" => family.help = text.to_owned(),
                "TYPE" => family.kind = text.to_owned(),
                _ => panic!("not a comment that scrapers know: {line}"),
            }
            continue;
        }
        let (key, value) = line.rsplit_once(' ').expect("a value");
        assert!(series.insert(key.to_owned()), "{key} is there twice");
        let value: f64 = value.parse().expect("a number");
        let (name, labels) = key.split_once('{').unwrap_or((key, "}"));
        let labels = labels_of(labels.strip_suffix('}').expect("an end of labels"));
        let family = families.get_mut(&current).expect("a family before its series");
        let suffix = name.strip_prefix(&current).unwrap_or_else(|| panic!("{name} is not of {current}"));
        let suffixes: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            kind => panic!("an unknown kind: {kind}"),
        };
        assert!(suffixes.contains(&suffix), "{name} in a {}", family.kind);
        family.samples.push((name.to_owned(), labels, value));
    }
    families
}

fn metrics(nanod: &Nanod) -> BTreeMap<String, Family> {
    let answer = nanod.admin("/metrics");
    let content_type = answer.header("content-type").unwrap();
    assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
    parse(&answer.text())
}

#[test]
fn the_metrics_are_well_formed_and_count() {
    let nanod = Site::new().app("app", APP).app("quiet", APP).serve();
    for path in ["/", "/", "/", "/throws"] {
        nanod.get("app.test", path);
    }
    nanod.get("nowhere.test", "/");
    let families = metrics(&nanod);
    for (name, family) in &families {
        assert!(name.starts_with("nano_"), "{name}");
        assert!(!family.help.is_empty() && !family.kind.is_empty(), "{name}");
    }
    let sample = |family: &str, labels: &[(&str, &str)]| {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        families[family].samples.iter().find(|(_, have, _)| *have == labels).map(|(_, _, value)| *value)
    };
    assert_eq!(sample("nano_requests", &[("app", "app"), ("status", "2xx")]), Some(3.0));
    assert_eq!(sample("nano_requests", &[("app", "app"), ("status", "5xx")]), Some(1.0));
    assert_eq!(sample("nano_requests", &[("app", "quiet"), ("status", "2xx")]), None);
    assert_eq!(sample("nano_cold_starts", &[("app", "app")]), Some(1.0));
    assert_eq!(sample("nano_isolates", &[("app", "app")]), Some(1.0));
    assert_eq!(sample("nano_isolates", &[("app", "quiet")]), Some(0.0));
    assert_eq!(sample("nano_in_flight", &[("app", "app")]), Some(0.0));
    assert!(sample("nano_cpu_seconds", &[("app", "app")]).unwrap() > 0.0);
    assert!(sample("nano_process_resident_memory_bytes", &[]).unwrap() > 1e6);
    assert!(sample("nano_process_threads", &[]).unwrap() > 1.0);
}

#[test]
fn the_histogram_is_cumulative_and_ends_in_infinity() {
    let nanod = Site::new().app("app", APP).serve();
    for _ in 0..10 {
        nanod.get("app.test", "/");
    }
    let families = metrics(&nanod);
    let histogram = &families["nano_request_duration_seconds"];
    assert_eq!(histogram.kind, "histogram");
    let of = |suffix: &'static str| {
        histogram
            .samples
            .iter()
            .filter(move |(name, labels, _)| name.ends_with(suffix) && labels["app"] == "app")
    };
    let buckets: Vec<_> = of("_bucket").map(|(_, labels, value)| (labels["le"].as_str(), *value)).collect();
    let bound = |le: &str| if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
    for pair in buckets.windows(2) {
        assert!(bound(pair[0].0) < bound(pair[1].0), "{pair:?}");
        assert!(pair[0].1 <= pair[1].1, "{pair:?}");
    }
    assert_eq!(buckets.last(), Some(&("+Inf", 10.0)));
    assert_eq!(of("_count").next().unwrap().2, 10.0);
    let sum = of("_sum").next().unwrap().2;
    assert!(sum > 0.0 && sum < 600.0, "{sum}");
}
