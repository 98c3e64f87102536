//! `bad/*.json` with the errors they cause, `good/*.json` with what they resolve to. `UPDATE=1` rewrites both.

use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use nano_config::Loaded;

use crate::{host_env, trial};

/// No message may repeat this text, which the configurations hold in `env` and `token` only.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) fn trials() -> Vec<Trial> {
    let bad =
        files("tests/bad").into_iter().map(|file| trial(file.display().to_string(), move || refuses(&file)));
    let good =
        files("tests/good").into_iter().map(|file| trial(file.display().to_string(), move || loads(&file)));
    bad.chain(good).collect()
}

/// The configurations in a folder of this crate, which is the current one in tests.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "json")).collect();
    files.sort();
    files
}

fn refuses(file: &Path) {
    let message = nano_config::load(file, &host_env).unwrap_err().to_string();
    assert!(!message.contains(SECRET), "a secret shows in:\n{message}");
    compare(file, &message);
}

fn loads(file: &Path) {
    let Loaded { config, warnings } =
        nano_config::load(file, &host_env).unwrap_or_else(|error| panic!("{error}"));
    let mut resolved = format!("{config:#?}\n");
    for app in &config.apps {
        resolved += &format!("env of {}: {:?}\n", app.name, app.env);
    }
    if let Some(token) = config.admin.and_then(|admin| admin.token) {
        resolved += &format!("token: {}\n", token.expose());
    }
    for warning in warnings {
        resolved += &format!("{warning}\n");
    }
    // The number of cores is the machine's, unless the file says another.
    let cores = format!("threads: {}", std::thread::available_parallelism().unwrap());
    compare(file, &resolved.replacen(&cores, "threads: CORES", 1));
}

fn compare(file: &Path, actual: &str) {
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let actual = actual.replace(&here.display().to_string(), "HERE").trim_end().to_owned() + "\n";
    let expected_file = file.with_extension("txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&expected_file, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
    assert!(expected == actual, "expected:\n{expected}\nactual:\n{actual}");
}
