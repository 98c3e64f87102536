//! What is asked, of which apps, and how its instructions are counted.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::client::Client;
use crate::server::Server;

const HELLO: &str = include_str!("../../../../bench/hello/worker.mjs");
const JSON: &str = include_str!("json.mjs");
const STREAM: &str = include_str!("stream.mjs");

/// Requests until V8 has optimised all that it will; the last change was seen after 17,000.
const WARM_UP: usize = 20_000;
/// Requests after the first that are counted: valgrind translates all code anew for them.
const SETTLE: usize = 500;
const BATCHES: usize = 5;
/// Requests of a batch: several collections of the heap are among them.
const BATCH: usize = 2_000;
const COLD_WARM_UP: usize = 3;
const COLD_SETTLE: usize = 2;
const COLD_BATCHES: usize = 8;

/// An app; its host is `<name>.test`.
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) source: &'static str,
}

/// Requests that are alike, one after the other on one connection: what a server does at once for several depends on
/// when they come.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    apps: Vec<App>,
    /// Each request, in turn and over again.
    requests: Vec<Vec<u8>>,
    /// What answers end with.
    end: &'static str,
    warm_up: usize,
    settle: usize,
    batches: usize,
    batch: usize,
    /// Whether what goes on after the answers counts, too: an isolate for the next app is made then.
    rests: bool,
}

/// The slowest come first, so that those that run side by side end together.
pub(crate) fn all() -> Vec<Scenario> {
    let order = r#"{"items":[{"name":"tea","price":4,"count":2},{"name":"cake","price":7,"count":1}],"note":"ring twice"}"#;
    let post = format!("content-type: application/json\r\ncontent-length: {}\r\n", order.len());
    vec![
        hot("stream", STREAM, request("GET / HTTP/1.1", "stream", "", ""), "chunk 3\n\r\n0\r\n\r\n"),
        hot("json", JSON, request("POST /orders?page=2 HTTP/1.1", "json", &post, order), r#""total":15}"#),
        cold(),
        hot("hello", HELLO, request("GET / HTTP/1.1", "hello", "", ""), "Hello, world!\n"),
    ]
}

/// An app that has been running for long.
fn hot(name: &'static str, source: &'static str, request: Vec<u8>, end: &'static str) -> Scenario {
    let apps = vec![App { name: name.to_owned(), source }];
    let requests = vec![request];
    Scenario {
        name,
        apps,
        requests,
        end,
        warm_up: WARM_UP,
        settle: SETTLE,
        batches: BATCHES,
        batch: BATCH,
        rests: false,
    }
}

/// The first request to each of many apps that are alike.
fn cold() -> Scenario {
    let names = (0..COLD_WARM_UP + COLD_SETTLE + COLD_BATCHES).map(|index| format!("cold{index}"));
    let apps: Vec<App> = names.map(|name| App { name, source: HELLO }).collect();
    let requests = apps.iter().map(|app| request("GET / HTTP/1.1", &app.name, "", "")).collect();
    Scenario {
        name: "cold start",
        apps,
        requests,
        end: "Hello, world!\n",
        warm_up: COLD_WARM_UP,
        settle: COLD_SETTLE,
        batches: COLD_BATCHES,
        batch: 1,
        rests: true,
    }
}

fn request(line: &str, app: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("{line}\r\nhost: {app}.test\r\nuser-agent: instructions\r\naccept: */*\r\n{headers}\r\n{body}")
        .into()
}

impl Scenario {
    /// Instructions per request of each batch.
    pub(crate) fn run(&self, nanod: &Path) -> Result<Vec<u64>> {
        let mut server = Server::start(nanod, &self.apps)?;
        let mut client = Client::connect(server.address)?;
        let mut requests = self.requests.iter().cycle();
        let mut ask =
            |times| requests.by_ref().take(times).try_for_each(|request| client.ask(request, self.end));
        ask(self.warm_up).context("warming up")?;
        server.instrument()?;
        ask(self.settle).context("settling")?;
        if self.rests {
            server.rest()?;
        }
        let batches =
            (0..self.batches).map(|_| Ok(server.count(self.rests, || ask(self.batch))? / self.batch as u64));
        batches.collect()
    }
}
