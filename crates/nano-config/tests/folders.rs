//! Folders instead of configuration files, and what only a file system can get wrong.

use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use nano_config::{Config, HostPattern, LoadError, Loaded, Source, default_target};
use tempfile::TempDir;

use crate::{host_env, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a folder of apps", a_folder_of_apps),
        trial("a folder that is one app", a_folder_that_is_one_app),
        trial("an app whose entry is in src", an_app_whose_entry_is_in_src),
        trial("a folder with a nano.json", a_folder_with_a_nano_json),
        trial("an empty folder", an_empty_folder),
        trial("two folders with one host", two_folders_with_one_host),
        trial("a missing target", a_missing_target),
        trial("the default target", the_default_target),
        trial("an entry that leads outside", an_entry_that_leads_outside),
        trial("a file that is not UTF-8", a_file_that_is_not_utf8),
        trial("a byte order mark", a_byte_order_mark),
    ]
}

/// A folder with the named files in it, each an empty script unless it has a text.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in files {
        let file = folder.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn load(target: &Path) -> Result<Loaded, LoadError> {
    nano_config::load(target, &host_env)
}

/// Each app's name, hosts and entry.
fn apps(config: &Config) -> Vec<(String, String, String)> {
    let hosts = |hosts: &[HostPattern]| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let app = |app: &nano_config::App| (app.name.clone(), hosts(&app.hosts), app.main.display().to_string());
    config.apps.iter().map(app).collect()
}

fn owned(apps: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    apps.iter().map(|(name, host, main)| (name.to_string(), host.to_string(), main.to_string())).collect()
}

fn a_folder_of_apps() {
    let folder = folder(&[
        ("zoo/src/index.js", ""),
        ("api.example.com/index.mjs", ""),
        ("blog/index.js", ""),
        ("no host/index.js", ""),
        ("no entry/readme.md", ""),
        (".git/index.js", ""),
        ("node_modules/index.js", ""),
        ("readme.md", ""),
    ]);
    let Loaded { config, warnings } = load(folder.path()).unwrap();
    let expected = [
        ("api.example.com", "api.example.com", "index.mjs"),
        ("blog", "blog.localhost", "index.js"),
        ("zoo", "zoo.localhost", "src/index.js"),
    ];
    assert_eq!(apps(&config), owned(&expected));
    assert_eq!(config.source, Source::Folder(folder.path().to_owned()));
    assert_eq!(config.admin.unwrap().listen, nano_config::limits::ADMIN_LISTEN);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}

fn a_folder_that_is_one_app() {
    let folder = folder(&[("shop/worker.js", ""), ("shop/lib/util.js", "")]);
    let Loaded { config, warnings } = load(&folder.path().join("shop")).unwrap();
    assert_eq!(apps(&config), owned(&[("shop", "shop.localhost", "worker.js")]));
    assert!(config.apps[0].default);
    assert!(warnings.is_empty());
}

fn an_app_whose_entry_is_in_src() {
    let folder = folder(&[("shop/src/index.js", ""), ("shop/package.json", "{}")]);
    let Loaded { config, .. } = load(&folder.path().join("shop")).unwrap();
    assert_eq!(apps(&config), owned(&[("shop", "shop.localhost", "src/index.js")]));
}

fn a_folder_with_a_nano_json() {
    let text = r#"{ "apps": [{ "path": "x", "hostname": "x.test" }] }"#;
    let folder = folder(&[("nano.json", text), ("x/index.js", ""), ("y/index.js", "")]);
    let Loaded { config, .. } = load(folder.path()).unwrap();
    assert_eq!(apps(&config), owned(&[("x", "x.test", "index.js")]));
    assert_eq!(config.source, Source::File(folder.path().join("nano.json")));
}

fn an_empty_folder() {
    let folder = folder(&[]);
    let Loaded { config, warnings } = load(folder.path()).unwrap();
    assert!(config.apps.is_empty());
    assert_eq!(warnings.len(), 1);
}

fn two_folders_with_one_host() {
    let folder = folder(&[("blog/index.js", ""), ("blog.localhost/index.js", "")]);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(
        error.contains("blog.localhost: error: the host name `blog.localhost` is claimed twice"),
        "{error}"
    );
}

fn a_missing_target() {
    let folder = folder(&[]);
    let error = load(&folder.path().join("missing.json")).unwrap_err();
    assert!(matches!(error, LoadError::Io { .. }));
    assert!(error.to_string().contains("missing.json: error: cannot read it: "), "{error}");
}

fn the_default_target() {
    let empty = folder(&[]);
    let error = default_target(empty.path()).unwrap_err().to_string();
    assert!(error.contains("apps/hello/index.js"), "{error}");
    let only_apps = folder(&[("apps/x/index.js", "")]);
    assert_eq!(default_target(only_apps.path()).unwrap(), only_apps.path().join("apps"));
    let both = folder(&[("apps/x/index.js", ""), ("nano.json", "{}")]);
    assert_eq!(default_target(both.path()).unwrap(), both.path().join("nano.json"));
}

fn an_entry_that_leads_outside() {
    let text = r#"{ "apps": [{ "path": "x", "hostname": "x.test" }] }"#;
    let folder = folder(&[("nano.json", text), ("outside.js", ""), ("x/readme.md", "")]);
    std::os::unix::fs::symlink("../outside.js", folder.path().join("x/index.js")).unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("nano.json:1:22: error: `index.js` leads out of the app's folder"), "{error}");
}

fn a_file_that_is_not_utf8() {
    let folder = folder(&[]);
    let file = folder.path().join("nano.json");
    fs::write(&file, b"{\n  \"apps\": [] \xff }").unwrap();
    let error = load(&file).unwrap_err().to_string();
    assert!(error.contains("nano.json:2:14: error: the file is not UTF-8 text"), "{error}");
}

fn a_byte_order_mark() {
    let folder = folder(&[("nano.json", "\u{feff}{ \"zzz\": 1 }")]);
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("nano.json:1:3: error: unknown key `zzz`"), "{error}");
}
