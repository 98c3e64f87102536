//! What the fuzz targets check, for their seeds and for a fixed number of changes to them.

use std::sync::Arc;

use libtest_mimic::Trial;
use nano_runtime::fuzz::{self, Apps};

use crate::replay::replay;
use crate::support::Bench;

/// Changed inputs of each target that is Rust alone, and of each that runs an app.
const CHANGED: usize = 3_000;
const CHANGED_OF_APPS: usize = 300;
/// Each takes an isolate of its own.
const CHANGED_MODULES: usize = 20;

type Target = (&'static str, usize, fn(&Apps, &[u8]));

const TARGETS: [Target; 10] = [
    ("codec", CHANGED / 10, |_, data| fuzz::codec(data)),
    ("headers", CHANGED, |_, data| fuzz::headers(data)),
    ("module_path", CHANGED, |_, data| fuzz::module_path(data)),
    ("multipart", CHANGED, |_, data| fuzz::multipart(data)),
    ("url", CHANGED, |_, data| fuzz::url(data)),
    ("url_pattern", CHANGED, |_, data| fuzz::url_pattern(data)),
    ("ops", CHANGED_OF_APPS, Apps::ops),
    ("structured_clone", CHANGED_OF_APPS, Apps::structured_clone),
    ("wasm_import", CHANGED_MODULES, Apps::wasm_import),
    ("web_api", CHANGED_OF_APPS, Apps::web_api),
];

pub(crate) fn trials(bench: &Bench) -> Vec<Trial> {
    let apps = Arc::new(bench.fuzz_apps());
    let trial = |(target, changed, run): Target| {
        let (apps, bench) = (Arc::clone(&apps), bench.clone());
        Trial::test(format!("fuzz target {target}"), move || {
            replay(target, changed, |data| run(&apps, data));
            match bench.logs.bug() {
                Some(bug) => Err(bug.into()),
                None => Ok(()),
            }
        })
    };
    TARGETS.into_iter().map(trial).collect()
}
