//! What the fuzz targets check, for their seeds and for a fixed number of changes to them.

use libtest_mimic::Trial;

use crate::replay::replay;
use crate::trial;

/// Changed inputs of each target.
const CHANGED: usize = 3_000;

type Target = (&'static str, fn(&[u8]));

pub(crate) fn trials() -> Vec<Trial> {
    let targets: [Target; 3] = [
        ("config_document", nano_config::fuzz::document),
        ("config_dotenv", nano_config::fuzz::dotenv),
        ("config_texts", nano_config::fuzz::texts),
    ];
    let trial = |(target, run)| trial(format!("fuzz target {target}"), move || replay(target, CHANGED, run));
    targets.into_iter().map(trial).collect()
}
