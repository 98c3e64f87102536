//! The files of web-platform-tests: which of them can run here, and the app that each becomes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Component, Path, PathBuf};

use nano_runtime::Egress;

use super::server::Server;
use crate::support::AppBuilder;

/// The test's own time, in milliseconds: more than browsers give, since debug builds on busy machines run them too.
const TIMEOUT_MS: u64 = 30_000;
/// The same with `// META: timeout=long`.
const LONG_TIMEOUT_MS: u64 = 120_000;

/// A test file in one of its variants.
#[derive(Debug, Clone)]
pub(super) struct TestFile {
    /// From the root of web-platform-tests.
    pub(super) path: String,
    /// As `?include=file`, or empty.
    pub(super) variant: String,
    pub(super) timeout_ms: u64,
    /// Whether it fetches from the project's server.
    pub(super) needs_server: bool,
    title: String,
    scripts: Vec<String>,
}

/// Why a file cannot run, whatever NANO does.
pub(super) type NotApplicable = &'static str;

/// The test files of a directory and those below it, in order, without those below another of `suites`.
pub(super) fn find<'a>(root: &Path, suite: &str, suites: impl Iterator<Item = &'a String>) -> Vec<String> {
    let others: Vec<PathBuf> = suites.filter(|other| *other != suite).map(|other| root.join(other)).collect();
    let mut found = Vec::new();
    let mut folders = vec![root.join(suite)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.to_string_lossy();
            if path.is_dir() {
                if !others.contains(&path) {
                    folders.push(path);
                }
            } else if name.ends_with(".any.js") || name.ends_with(".window.js") {
                let path = path.strip_prefix(root).expect("a path below the root");
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Reads a test file's `// META:` lines: one test for each variant.
pub(super) fn read(root: &Path, path: &str, needs_server: bool) -> Result<Vec<TestFile>, NotApplicable> {
    let source = read_text(root, None, path);
    let meta = |key: &str| -> Vec<&str> {
        source
            .lines()
            .take_while(|line| line.starts_with("//") || line.trim().is_empty())
            .filter_map(|line| line.strip_prefix("// META:")?.trim().strip_prefix(key)?.strip_prefix('='))
            .map(str::trim)
            .collect()
    };
    if let Some(reason) = not_applicable(path, &source, meta("global").first().copied(), needs_server) {
        return Err(reason);
    }
    let long = meta("timeout").contains(&"long");
    let test = TestFile {
        path: path.to_owned(),
        variant: String::new(),
        timeout_ms: if long { LONG_TIMEOUT_MS } else { TIMEOUT_MS },
        needs_server,
        title: meta("title").first().map_or_else(|| path.to_owned(), |title| (*title).to_owned()),
        scripts: meta("script").into_iter().map(str::to_owned).collect(),
    };
    let variants = meta("variant");
    if variants.is_empty() {
        return Ok(vec![test]);
    }
    Ok(variants.iter().map(|variant| TestFile { variant: (*variant).to_owned(), ..test.clone() }).collect())
}

fn not_applicable(
    path: &str,
    source: &str,
    global: Option<&str>,
    needs_server: bool,
) -> Option<NotApplicable> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.contains(".sub.") && !needs_server {
        return Some("needs the project's own server");
    }
    if name.contains(".h2.") {
        return Some("needs HTTP/2 of the project's server, which has it with certificates of its own only");
    }
    let globals: Vec<&str> = global.unwrap_or("window,dedicatedworker").split(',').collect();
    if global.is_some_and(|global| global.trim() == "shadowrealm") || name.contains("shadowrealm") {
        return Some("is about ShadowRealm");
    }
    if !globals.iter().any(|global| matches!(*global, "window" | "worker" | "dedicatedworker" | "jsshell")) {
        return Some("is about other kinds of workers");
    }
    let only_window = name.ends_with(".window.js") || globals == ["window"];
    if only_window && ["document", "iframe", "window.open"].iter().any(|part| source.contains(part)) {
        return Some("needs a DOM");
    }
    None
}

impl TestFile {
    /// The name below a directory, with the variant.
    pub(super) fn name_in(&self, suite: &str) -> String {
        let path = self.path.strip_prefix(suite).unwrap_or(&self.path).trim_start_matches('/');
        format!("{path}{}", self.variant)
    }

    /// Writes the app that runs the file and answers with its results.
    pub(super) fn write(&self, root: &Path, server: Option<&Server>, app: AppBuilder) -> AppBuilder {
        let server = server.filter(|_| self.needs_server);
        let mut source = String::new();
        for script in &self.scripts {
            let script = read_text(root, server, &script_path(&self.path, script));
            let _ = writeln!(source, "{script}\n;");
        }
        let test = read_text(root, server, &self.path);
        if is_strict(&test) {
            // A script is strict on its own; nested, it still sees what the scripts before it declared.
            let _ = writeln!(source, "(function () {{ {test}\n}})();");
        } else {
            source.push_str(&test);
        }
        let uses_idl = self.scripts.iter().any(|script| script.ends_with("idlharness.js"));
        let resources = match server {
            Some(_) if !uses_idl => BTreeSet::new(),
            _ => resources(root, &self.path, &source, uses_idl),
        };
        let mut app = app
            .egress(if server.is_some() { this_machine() } else { Egress::default() })
            .file("runner.js", include_str!("runner.js"))
            .file("harness.txt", read_text(root, None, "resources/testharness.js"))
            .file("source.txt", source);
        let mut imports = String::new();
        for (index, path) in resources.iter().enumerate() {
            let bytes = std::fs::read(root.join(path)).expect("a resource that was found");
            app = app.file(&format!("data/{index}.bin"), bytes);
            let _ = writeln!(imports, "  {}: () => import(\"./data/{index}.bin\"),", json(path));
        }
        app.file(
            "index.js",
            format!(
                "import {{ run }} from \"./runner.js\";\nimport harness from \"./harness.txt\";\n\
                 import source from \"./source.txt\";\nconst resources = {{\n{imports}}};\n\
                 const test = {{ harness, source, resources, file: {}, variant: {}, title: {}, timeoutMs: {}, \
                 usesIdl: {uses_idl}, origin: {}, hasServer: {} }};\n\
                 export default {{ async fetch() {{ return Response.json(await run(test)); }} }};\n",
                json(&self.path),
                json(&self.variant),
                json(&self.title),
                self.timeout_ms,
                json(&server.map_or_else(|| "http://web-platform.test".to_owned(), Server::origin)),
                server.is_some(),
            ),
        )
    }
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("text is JSON")
}

/// What tests fetch from: the server, by its two names.
fn this_machine() -> Egress {
    let loopback = Egress::default().with_net(Ipv4Addr::LOCALHOST.into(), 8);
    loopback.with_net(Ipv6Addr::LOCALHOST.into(), 128).with_host("localhost")
}

/// The text of a script, as the server gives it where that fills something in.
fn read_text(root: &Path, server: Option<&Server>, path: &str) -> String {
    let path = match path {
        // The server of web-platform-tests has an alias for it.
        "resources/WebIDLParser.js" => "resources/webidl2/lib/webidl2.js",
        path => path,
    };
    let read = match server {
        Some(server) if path.contains(".sub.") => server.text(path),
        _ => std::fs::read(root.join(path)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    };
    match read {
        Ok(text) => text,
        Err(error) => format!("throw new Error({});", json(&format!("cannot read {path}: {error}"))),
    }
}

/// Where `reference` leads from the file `path`, both below the root.
fn script_path(path: &str, reference: &str) -> String {
    let joined = match reference.strip_prefix('/') {
        Some(absolute) => PathBuf::from(absolute),
        None => Path::new(path).parent().unwrap_or(Path::new("")).join(reference),
    };
    let mut plain = PathBuf::new();
    for component in joined.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::Normal(part) => plain.push(part),
            _ => {}
        }
    }
    plain.to_string_lossy().into_owned()
}

/// Whether a script begins with the directive, after comments.
fn is_strict(source: &str) -> bool {
    let mut rest = source.trim_start();
    loop {
        let after = if let Some(comment) = rest.strip_prefix("//") {
            comment.split_once('\n').map(|(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map(|(_, after)| after)
        } else {
            return rest.starts_with("'use strict'") || rest.starts_with("\"use strict\"");
        };
        rest = after.unwrap_or("").trim_start();
    }
}

/// The data files that strings of the sources name, and the interfaces that a test of Web IDL names.
fn resources(root: &Path, path: &str, source: &str, uses_idl: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for literal in string_literals(source) {
        let candidate = match uses_idl {
            true if !literal.contains('/') => format!("interfaces/{literal}.idl"),
            _ => script_path(path, literal),
        };
        let is_data = [".json", ".idl", ".vtt", ".mp4", ".txt", ".wasm", ".bin", ".png"]
            .iter()
            .any(|extension| candidate.ends_with(extension));
        if is_data && root.join(&candidate).is_file() {
            found.insert(candidate);
        }
    }
    found
}

/// Short strings of one line. Sources are large: what only looks like a string does no harm, as it names no file.
fn string_literals(source: &str) -> impl Iterator<Item = &str> {
    source.lines().flat_map(|line| {
        let quoted = line.split(['"', '\'', '`']);
        quoted.filter(|part| {
            (1..200).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
        })
    })
}
