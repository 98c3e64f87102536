//! `/metrics`: a page that a strict scraper takes, figures that are right, and what is made of them (the dashboard, the
//! README's table).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::nanod::{DEADLINE, Nanod, Site, eventually};

const APP: &str = r#"
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/throws": throw new Error("x");
      case "/spins": for (;;);
      case "/flood": for (let index = 0; index < 1500; index++) console.log(index); break;
      case "/fetch": await Promise.all([1, 2].map(() => fetch("http://127.0.0.1:1").catch(() => {}))); break;
      case "/buffer": globalThis.buffer = new Uint8Array(8 << 20); break;
      case "/heap": globalThis.heap = Array.from({ length: 1e5 }, (_, index) => ({ index })); break;
    }
    return new Response("the app at " + pathname);
  },
};"#;

type Labels = BTreeMap<String, String>;

/// One family of metrics as the page tells it.
#[derive(Default)]
struct Family {
    help: Option<String>,
    kind: Option<String>,
    unit: Option<String>,
    /// The series' full name, its labels, its value.
    samples: Vec<(String, Labels, f64)>,
}

type Families = BTreeMap<String, Family>;

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Takes `name="value",…}` apart: the labels, and what follows.
fn labels_of(mut text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    loop {
        let (name, rest) = text.split_once("=\"").expect("a label has a value in quotes");
        assert!(is_name(name), "{name:?} is no name of a label");
        let mut value = String::new();
        let mut rest = rest.chars();
        loop {
            match rest.next().expect("an end of the value") {
                '"' => break,
                '\n' => panic!("a line ends within a value"),
                '\\' => value.push(match rest.next() {
                    Some('n') => '\n',
                    Some(escaped @ ('"' | '\\')) => escaped,
                    other => panic!("not an escape: {other:?}"),
                }),
                plain => value.push(plain),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} is there twice");
        text = rest.as_str();
        match text.strip_prefix(',') {
            Some(next) => text = next,
            None => return (labels, text.strip_prefix('}').expect("an end of the labels")),
        }
    }
}

/// Reads a page as the strictest scraper does, and panics where it would give up.
fn parse(page: &str) -> Families {
    let mut families = Families::new();
    let mut current = String::new();
    let mut series = BTreeSet::new();
    let body = page.strip_suffix("# EOF\n").expect("the page ends with # EOF");
    for line in body.lines() {
        assert!(!line.is_empty() && line.trim() == line, "{line:?}");
        if let Some(comment) = line.strip_prefix("# ") {
            let (word, rest) = comment.split_once(' ').unwrap();
            let (name, text) = rest.split_once(' ').unwrap();
            if name != current {
                assert!(is_name(name) && !families.contains_key(name), "{name} is there twice");
                name.clone_into(&mut current);
            }
            let family = families.entry(current.clone()).or_default();
            assert!(family.samples.is_empty(), "{line} comes after the series");
            let told = match word {
                "HELP" => &mut family.help,
                "TYPE" => &mut family.kind,
                "UNIT" => &mut family.unit,
                _ => panic!("not a comment that scrapers know: {line}"),
            };
            assert!(told.replace(text.to_owned()).is_none(), "{line} is told twice");
            continue;
        }
        let end = line.find(['{', ' ']).expect("a value");
        let (name, rest) = line.split_at(end);
        let (labels, rest) = rest.strip_prefix('{').map_or((Labels::new(), rest), labels_of);
        let value = rest.strip_prefix(' ').expect("a space before the value");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("not a number alone: {line}"));
        let suffix = name.strip_prefix(&*current).unwrap_or_else(|| panic!("{name} is not of {current}"));
        let family = families.get_mut(&current).unwrap();
        let suffixes: &[&str] = match family.kind.as_deref() {
            Some("counter") => &["_total"],
            Some("gauge") => &[""],
            Some("histogram") => &["_bucket", "_sum", "_count"],
            Some("info") => &["_info"],
            kind => panic!("an unknown kind: {kind:?}"),
        };
        assert!(suffixes.contains(&suffix), "{name} in a {:?}", family.kind);
        assert!(value.is_finite() && (suffix.is_empty() || value >= 0.0), "{line}");
        assert!(series.insert((name.to_owned(), labels.clone())), "{line} is there twice");
        family.samples.push((name.to_owned(), labels, value));
    }
    for (name, family) in &families {
        assert!(family.help.as_ref().is_some_and(|help| !help.is_empty()), "{name} has no help");
        if let Some(unit) = &family.unit {
            assert!(name.ends_with(&format!("_{unit}")), "{name} is not in {unit}");
        }
        if family.kind.as_deref() == Some("histogram") {
            check_histogram(name, family);
        }
    }
    families
}

/// Buckets rise to infinity, and are cumulative; `_count` is the last one's.
fn check_histogram(name: &str, family: &Family) {
    let mut by_series: BTreeMap<Labels, Vec<(&str, f64, f64)>> = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let mut labels = labels.clone();
        let bound = labels.remove("le").map_or(f64::NAN, |bound| match bound.as_str() {
            "+Inf" => f64::INFINITY,
            bound => bound.parse().unwrap(),
        });
        by_series.entry(labels).or_default().push((sample.strip_prefix(name).unwrap(), bound, *value));
    }
    for (labels, samples) in by_series {
        let of = |suffix: &'static str| samples.iter().filter(move |(have, ..)| *have == suffix);
        let buckets: Vec<_> = of("_bucket").map(|(_, bound, value)| (*bound, *value)).collect();
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}{labels:?}: {buckets:?}");
        let last = buckets.last().unwrap();
        assert_eq!(last.0, f64::INFINITY, "{name}{labels:?}");
        let counts: Vec<_> = of("_count").map(|(.., value)| *value).collect();
        assert_eq!(counts, [last.1], "{name}{labels:?}");
        assert_eq!(of("_sum").count(), 1, "{name}{labels:?}");
    }
}

fn scrape(nanod: &Nanod) -> Families {
    let answer = nanod.admin("/metrics");
    let content_type = answer.header("content-type").unwrap();
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    parse(&answer.text())
}

/// The value of the series with exactly these labels.
fn sample(families: &Families, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut all = families.values().flat_map(|family| &family.samples);
    all.find(|(have, with, _)| have == name && *with == labels).map(|(.., value)| *value)
}

fn busy_site() -> Site {
    Site::new()
        .app_with("app", APP, json!({ "cpu_ms": 300, "egress": { "allow": ["127.0.0.1"] } }))
        .app("quiet", APP)
}

#[test]
fn every_figure_counts_what_it_says() {
    let nanod = busy_site().serve();
    for path in ["/", "/", "/throws", "/fetch", "/flood", "/spins", "/", "/heap", "/buffer"] {
        nanod.get("app.test", path);
    }
    nanod.get("nowhere.test", "/");
    let _open = nanod.connect();
    let mut families = Families::new();
    eventually("the connection is counted", || {
        families = scrape(&nanod);
        sample(&families, "nano_connections", &[]) == Some(1.0)
    });
    let app = ("app", "app");
    for (name, labels, value) in [
        ("nano_requests_total", vec![app, ("status", "2xx")], 7.0),
        ("nano_requests_total", vec![app, ("status", "5xx")], 2.0),
        ("nano_errors_total", vec![app, ("code", "exception")], 1.0),
        ("nano_errors_total", vec![app, ("code", "cpu_limit")], 1.0),
        ("nano_request_duration_seconds_count", vec![app], 9.0),
        ("nano_cold_starts_total", vec![app], 2.0),
        ("nano_cold_start_duration_seconds_count", vec![app], 2.0),
        ("nano_terminations_total", vec![app, ("reason", "cpu_limit")], 1.0),
        ("nano_terminations_total", vec![app, ("reason", "memory_limit")], 0.0),
        ("nano_terminations_total", vec![app, ("reason", "timeout")], 0.0),
        ("nano_subrequests_total", vec![app], 2.0),
        ("nano_evictions_total", vec![app], 0.0),
        ("nano_lost_isolates_total", vec![app], 0.0),
        ("nano_isolates", vec![app], 1.0),
        ("nano_isolates", vec![("app", "quiet")], 0.0),
        ("nano_in_flight", vec![app], 0.0),
        ("nano_apps", vec![], 2.0),
        ("nano_process_lost_isolates", vec![], 0.0),
        ("nano_build_info", vec![("version", env!("CARGO_PKG_VERSION"))], 1.0),
    ] {
        assert_eq!(sample(&families, name, &labels), Some(value), "{name}{labels:?}");
    }
    let external_bytes = f64::from(8 << 20);
    for (name, labels, at_least, at_most) in [
        // The two requests that waited for an isolate did, and others may have waited for a turn.
        ("nano_queue_wait_seconds_count", vec![app], 2.0, 9.0),
        ("nano_cpu_seconds_total", vec![app], 0.3, 30.0),
        ("nano_log_lines_dropped_total", vec![app], 1.0, 500.0),
        ("nano_heap_bytes", vec![app], 5e5, 128e6),
        ("nano_external_bytes", vec![app], external_bytes, 2.0 * external_bytes),
        ("nano_process_cpu_seconds_total", vec![], 0.3, 600.0),
        ("nano_process_resident_memory_bytes", vec![], 1e7, 1e10),
        ("nano_process_virtual_memory_bytes", vec![], 1e7, 1e14),
        ("nano_process_open_fds", vec![], 5.0, 200.0),
        ("nano_process_max_fds", vec![], 100.0, 1e10),
        ("nano_process_threads", vec![], 3.0, 500.0),
        ("nano_process_start_time_seconds", vec![], 1.7e9, 1e11),
    ] {
        let value = sample(&families, name, &labels).unwrap_or(-1.0);
        assert!((at_least..=at_most).contains(&value), "{name}{labels:?}: {value}");
    }
    // An app without a request and without an isolate says that it is there, and no more.
    let of_quiet = families.values().flat_map(|family| &family.samples);
    let of_quiet: Vec<_> =
        of_quiet.filter(|(_, labels, _)| labels.get("app").is_some_and(|app| app == "quiet")).collect();
    assert_eq!(of_quiet.len(), 1, "{of_quiet:?}");
    let prefix = |name: &&String| !name.starts_with("nano_");
    assert_eq!(families.keys().find(prefix), None);
}

#[test]
fn counters_only_grow() {
    let nanod = busy_site().serve();
    let cumulative = |families: &Families| {
        let mut all = BTreeMap::new();
        for family in families.values().filter(|family| family.kind.as_deref() != Some("gauge")) {
            for (name, labels, value) in &family.samples {
                all.insert((name.clone(), labels.clone()), *value);
            }
        }
        all
    };
    for path in ["/", "/throws"] {
        nanod.get("app.test", path);
    }
    let before = cumulative(&scrape(&nanod));
    for path in ["/", "/spins", "/fetch", "/"] {
        nanod.get("app.test", path);
    }
    let after = cumulative(&scrape(&nanod));
    assert!(before.len() > 30, "{}", before.len());
    for (series, value) in &before {
        assert!(after.get(series).is_some_and(|later| later >= value), "{series:?}");
    }
    let key = ("nano_request_duration_seconds_count".to_owned(), [("app".into(), "app".into())].into());
    assert_eq!((before[&key], after[&key]), (2.0, 6.0));
}

#[test]
fn the_name_of_an_app_cannot_break_the_page() {
    let name = r#"a "b" \c{d}=,e é"#;
    let nanod = Site::new()
        .file("odd/index.js", APP)
        .app("app", APP)
        .top(json!({ "apps_dir": "none" }))
        .file("none/odd/index.js", APP)
        .app_with("x", APP, json!({ "name": name, "path": "odd", "hostname": "odd.test" }))
        .serve();
    assert_eq!(nanod.get("odd.test", "/").status(), 200);
    let families = scrape(&nanod);
    assert_eq!(sample(&families, "nano_isolates", &[("app", name)]), Some(1.0));
    assert_eq!(sample(&families, "nano_requests_total", &[("app", name), ("status", "2xx")]), Some(1.0));
}

/// The names of all series that a family can have.
fn names_of(name: &str, family: &Family) -> Vec<String> {
    let suffixes: &[&str] = match family.kind.as_deref() {
        Some("counter") => &["_total"],
        Some("histogram") => &["_bucket", "_sum", "_count"],
        Some("info") => &["_info"],
        _ => &[""],
    };
    suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect()
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All strings under the key `expr`, and those of variables' queries.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "expr" || key == "query" => found.push(text.clone()),
                    value => expressions(value, found),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let nanod = busy_site().serve();
    let families = scrape(&nanod);
    let known: BTreeSet<_> = families.iter().flat_map(|(name, family)| names_of(name, family)).collect();
    let dashboard = std::fs::read_to_string(repository().join("deploy/grafana/nano.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut asked = Vec::new();
    expressions(&dashboard, &mut asked);
    let words = asked.iter().flat_map(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let named: BTreeSet<_> = words.filter(|word| word.starts_with("nano_")).map(str::to_owned).collect();
    assert!(named.len() > 15, "{named:?}");
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "the dashboard asks for {unknown:?}");
}

const TABLE_BEGIN: &str = "<!-- metrics, written by a test: UPDATE=1 -->\n";
const TABLE_END: &str = "<!-- end of metrics -->\n";

#[test]
fn the_readme_has_a_table_of_the_metrics() {
    let nanod = busy_site().serve();
    for path in ["/", "/throws"] {
        nanod.get("app.test", path);
    }
    let mut table = "| metric | kind | labels | what |\n|---|---|---|---|\n".to_owned();
    for (name, family) in &scrape(&nanod) {
        let (kind, help) = (family.kind.as_deref().unwrap(), family.help.as_deref().unwrap());
        let name = match kind {
            "counter" | "info" => names_of(name, family).concat(),
            _ => name.clone(),
        };
        let labels = family.samples.first().unwrap_or_else(|| panic!("{name} has no series")).1.keys();
        let labels: Vec<_> =
            labels.filter(|label| *label != "le").map(|label| format!("`{label}`")).collect();
        let help = help.trim_end_matches('.');
        table.push_str(&format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", ")));
    }
    let path = repository().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(TABLE_BEGIN).expect("the README has a place for the table");
    let (_, after) = rest.split_once(TABLE_END).expect("the table has an end");
    let wanted = format!("{before}{TABLE_BEGIN}{table}{TABLE_END}{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap();
    assert!(current == wanted, "the README's table of metrics is out of date: run the tests with UPDATE=1");
}

/// An isolate in an endless loop, and one that was never entered, are no reason to wait.
#[test]
fn a_scrape_does_not_wait_for_isolates() {
    let nanod = Site::new().app_with("app", APP, json!({ "cpu_ms": 600_000, "timeout_ms": 600_000 })).serve();
    let mut conn = nanod.connect();
    conn.request("GET", "app.test", "/spins", &[], b"");
    eventually("it spins", || {
        let families = scrape(&nanod);
        sample(&families, "nano_in_flight", &[("app", "app")]) == Some(1.0)
            && sample(&families, "nano_handed_over_turns_total", &[]) > Some(2.0)
    });
    let begun = std::time::Instant::now();
    for _ in 0..20 {
        scrape(&nanod);
    }
    assert!(begun.elapsed() < DEADLINE / 3, "{:?}", begun.elapsed());
}
