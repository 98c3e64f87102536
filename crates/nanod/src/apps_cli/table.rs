//! What `nanod apps` prints for people.

use std::fmt::Write as _;

use serde_json::Value;

const HEADINGS: [&str; 8] =
    ["NAME", "HOSTS", "STATE", "ISOLATES", "MEMORY", "IN FLIGHT", "REQUESTS", "ERRORS"];
/// The columns with figures, which are flush right.
const FIGURES: std::ops::Range<usize> = 3..8;

/// One line for each app, and one for what went wrong last.
pub(super) fn apps(apps: &[Value]) -> String {
    let rows: Vec<[String; 8]> = apps.iter().map(row).collect();
    let lines = || std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().cloned());
    let width = |column: usize| lines().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for (index, row) in lines().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let (width, gap) = (*width, if column == 0 { "" } else { "  " });
            let _ = match FIGURES.contains(&column) {
                true => write!(line, "{gap}{cell:>width$}"),
                false => write!(line, "{gap}{cell:<width$}"),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
        let error = index.checked_sub(1).and_then(|index| apps.get(index)?["last_error"]["message"].as_str());
        if let Some(first) = error.and_then(|error| error.lines().next()) {
            let _ = writeln!(text, "  last error: {}", printable(first));
        }
    }
    text
}

fn row(app: &Value) -> [String; 8] {
    let text = |key: &str| printable(app[key].as_str().unwrap_or("-"));
    let figure = |key: &str| app[key].as_u64().map_or_else(|| "-".to_owned(), |figure| figure.to_string());
    let requests = app["requests"].as_object();
    let requests: u64 =
        requests.into_iter().flat_map(|classes| classes.values()).filter_map(Value::as_u64).sum();
    [
        text("name"),
        places(app),
        text("state"),
        figure("isolates"),
        app["memory_bytes"].as_u64().map_or_else(|| "-".to_owned(), megabytes),
        figure("in_flight"),
        requests.to_string(),
        figure("errors"),
    ]
}

/// Where the app can be reached.
fn places(app: &Value) -> String {
    let hosts = app["hostnames"].as_array().into_iter().flatten().filter_map(Value::as_str).map(printable);
    let port = app["port"].as_u64().map(|port| format!("port {port}"));
    let default = (app["default"] == true).then(|| "all others".to_owned());
    hosts.chain(port).chain(default).collect::<Vec<_>>().join(", ")
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

/// What a reload did.
pub(super) fn changes(body: &Value) -> String {
    let mut text = String::new();
    for key in ["added", "replaced", "removed"] {
        let names: Vec<_> = body[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "{key}: {}", printable(&names.join(", ")));
        }
    }
    let _ = writeln!(text, "unchanged: {}", body["unchanged"].as_u64().unwrap_or(0));
    text
}

/// Without what could drive a terminal: messages quote apps.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn a_table_has_a_line_for_each_app() {
        let apps = [
            json!({
                "name": "blog", "hostnames": ["blog.test", "*.blog.test"], "port": null, "default": true,
                "state": "running", "isolates": 2, "memory_bytes": 3_670_016, "in_flight": 1,
                "requests": { "2xx": 40, "5xx": 2 }, "errors": 2,
                "last_error": { "message": "Error: \u{1b}[31mx\n  at y" },
            }),
            json!({ "name": "raw", "hostnames": [], "port": 9000, "state": "idle" }),
        ];
        let expected = "\
NAME  HOSTS                               STATE    ISOLATES  MEMORY  IN FLIGHT  REQUESTS  ERRORS
blog  blog.test, *.blog.test, all others  running         2  3.5 MB          1        42       2
  last error: Error:  [31mx
raw   port 9000                           idle            -       -          -         0       -
";
        assert_eq!(super::apps(&apps), expected);
    }
}
