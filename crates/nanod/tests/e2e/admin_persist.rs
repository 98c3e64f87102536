//! `--persist`: changes go to the configuration file, and are there after a restart.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::admin::assert_error;
use crate::nanod::{Nanod, Site, eventually, kill};

const APP: &str = "export default { fetch: (request, env) => new Response(env.SAYS ?? 'nothing') };";

const CONFIG: &str = "{
  // Where this file says things, it goes on saying them.
  \"apps\": [
    { \"name\": \"a\", \"hostname\": \"a.test\", \"path\": \"apps/a\" }, // the first
    {
      \"name\": \"b\",
      \"hostname\": \"b.test\", /* still public */
      \"path\": \"apps/b\",
      \"cpu_ms\": 100,
    },
  ],
}
";

/// A folder with a configuration, which outlives the processes that serve it.
struct Place {
    folder: TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["apps/a", "apps/b", "apps/c", "found/d"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("index.js"), APP).unwrap();
        }
        let file = folder.path().join("nano.json");
        fs::write(&file, CONFIG).unwrap();
        Self { folder, file }
    }

    fn serve(&self, arguments: &[&str]) -> Nanod {
        let file = self.file.to_str().unwrap();
        Site::new().env("HOST_VALUE", "of the host").serve_with(&[&[file][..], arguments].concat())
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// Names of what is in the folder, temporary files included.
    fn entries(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn delete(nanod: &Nanod, key: &str) -> serde_json::Value {
    let answer = nanod.admin_request("DELETE", &format!("/admin/apps/{key}"), &[]);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[test]
fn changes_are_in_the_file_and_there_after_a_restart() {
    let place = Place::new();
    fs::set_permissions(&place.file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&place.file).unwrap();
    let nanod = place.serve(&["--persist"]);
    let c =
        json!({ "name": "c", "hostname": "c.test", "path": "apps/c", "env": { "SAYS": "${HOST_VALUE}" } });
    let added = nanod.post_app(&c);
    assert_eq!((added.status(), &added.json()["persisted"]), (201, &json!(true)), "{}", added.text());
    assert!(added.json().get("note").is_none());
    let b = json!({ "name": "b", "hostname": "b.test", "path": "apps/b", "env": { "SAYS": "changed" } });
    assert_eq!(nanod.post_app(&b).json()["persisted"], true);
    assert_eq!(delete(&nanod, "a.test")["persisted"], true);
    let expected = "{
  // Where this file says things, it goes on saying them.
  \"apps\": [
    {
      \"name\": \"b\",
      \"hostname\": \"b.test\", /* still public */
      \"path\": \"apps/b\",
      \"env\": {
        \"SAYS\": \"changed\",
      },
    },
    {
      \"name\": \"c\",
      \"hostname\": \"c.test\",
      \"path\": \"apps/c\",
      \"env\": {
        \"SAYS\": \"${HOST_VALUE}\",
      },
    },
  ],
}
";
    assert_eq!(place.text(), expected);
    let after = fs::metadata(&place.file).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert_eq!(place.entries(), ["apps", "found", "nano.json"]);
    // What is served is what the file says, so there is nothing to do.
    let reloaded = nanod.admin_request("POST", "/admin/reload", &[]).json();
    assert_eq!((&reloaded["unchanged"], &reloaded["replaced"]), (&json!(2), &json!([])), "{reloaded}");
    // From now on the file has the last word.
    fs::write(&place.file, expected.replace("c.test", "renamed.test")).unwrap();
    let reloaded = nanod.admin_request("POST", "/admin/reload", &[]).json();
    assert_eq!(reloaded["refused"], json!([]), "{reloaded}");
    eventually("the file's host is served", || nanod.get("renamed.test", "/").text() == "of the host");
    fs::write(&place.file, expected).unwrap();
    drop(nanod);
    let nanod = place.serve(&[]);
    assert_eq!(nanod.get("c.test", "/").text(), "of the host");
    assert_eq!(nanod.get("b.test", "/").text(), "changed");
    assert_eq!(nanod.get("a.test", "/").status(), 404);
}

#[test]
fn the_file_has_the_last_word_about_what_is_in_it() {
    let place = Place::new();
    let nanod = place.serve(&["--persist", "--no-watch"]);
    assert_eq!(nanod.post_app(&json!({ "hostname": "c.test", "path": "apps/c" })).json()["persisted"], true);
    assert_eq!(delete(&nanod, "a")["persisted"], true);
    // By hand, right after: what was changed through the API is changed again, and what was removed is back.
    let text = place.text().replace("c.test", "renamed.test");
    let back = "\"apps\": [ { \"name\": \"a\", \"hostname\": \"back.test\", \"path\": \"apps/a\" },";
    fs::write(&place.file, text.replace("\"apps\": [", back)).unwrap();
    let reloaded = nanod.admin_request("POST", "/admin/reload", &[]).json();
    assert_eq!((&reloaded["added"], &reloaded["replaced"]), (&json!(["a"]), &json!(["c"])), "{reloaded}");
    assert_eq!(nanod.get("renamed.test", "/").status(), 200);
    assert_eq!(nanod.get("back.test", "/").status(), 200);
}

#[test]
fn a_change_that_cannot_be_written_is_in_force_and_says_so() {
    let place = Place::new();
    let nanod = place.serve(&["--persist"]);
    kill("KILL", writer_of(&nanod));
    let added = nanod.post_app(&json!({ "hostname": "c.test", "path": "apps/c" }));
    assert_eq!((added.status(), &added.json()["persisted"]), (201, &json!(false)));
    assert!(added.json()["note"].as_str().unwrap().contains("the file's writer is gone"), "{}", added.text());
    nanod.log_message("could not be written");
    assert_eq!(nanod.get("c.test", "/").status(), 200);
    assert_eq!(place.text(), CONFIG);
}

/// The process that writes the file.
fn writer_of(nanod: &Nanod) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", nanod.id());
    fs::read_to_string(children).unwrap().trim().parse().unwrap()
}

#[test]
fn without_it_changes_last_until_the_restart() {
    let place = Place::new();
    let nanod = place.serve(&[]);
    assert_eq!(nanod.post_app(&json!({ "hostname": "c.test", "path": "apps/c" })).json()["persisted"], false);
    assert_eq!(delete(&nanod, "a")["persisted"], false);
    assert_eq!(place.text(), CONFIG);
    // A reload does not undo them.
    assert_eq!(nanod.admin_request("POST", "/admin/reload", &[]).status(), 200);
    assert_eq!(nanod.get("c.test", "/").status(), 200);
    eventually("it is gone", || nanod.get("a.test", "/").status() == 404);
    drop(nanod);
    let nanod = place.serve(&[]);
    assert_eq!(nanod.get("a.test", "/").status(), 200);
    assert_eq!(nanod.get("c.test", "/").status(), 404);
}

#[test]
fn what_others_wrote_meanwhile_stays() {
    let place = Place::new();
    let nanod = place.serve(&["--persist", "--no-watch"]);
    fs::write(&place.file, CONFIG.replace("the first", "the first of two")).unwrap();
    let c = json!({ "name": "c", "hostname": "c.test", "path": "apps/c" });
    assert_eq!(nanod.post_app(&c).json()["persisted"], true);
    assert!(
        place.text().contains("// the first of two") && place.text().contains("c.test"),
        "{}",
        place.text()
    );
    // A file that cannot be loaded cannot be changed either, and then nothing is.
    let good = place.text();
    fs::write(&place.file, "{ \"apps\": [").unwrap();
    let refused = nanod.post_app(&json!({ "name": "e", "hostname": "e.test", "path": "apps/c" }));
    assert_error(&refused, 500, "persist_failed");
    assert_error(&nanod.admin_request("DELETE", "/admin/apps/c", &[]), 500, "persist_failed");
    assert_eq!(nanod.get("c.test", "/").status(), 200);
    assert_eq!(nanod.get("e.test", "/").status(), 404);
    assert_eq!(place.text(), "{ \"apps\": [");
    fs::write(&place.file, good).unwrap();
    assert_eq!(delete(&nanod, "c")["persisted"], true);
}

#[test]
fn an_app_that_does_not_start_is_not_written() {
    let place = Place::new();
    fs::write(place.folder.path().join("apps/c/index.js"), "export default {{").unwrap();
    let nanod = place.serve(&["--persist"]);
    let c = json!({ "name": "c", "hostname": "c.test", "path": "apps/c" });
    assert_error(&nanod.post_app(&c), 422, "startup");
    assert_eq!(place.text(), CONFIG);
}

#[test]
fn an_app_that_is_there_as_a_folder_goes_until_the_restart() {
    let place = Place::new();
    fs::write(&place.file, "{ \"apps_dir\": \"found\" }").unwrap();
    let nanod = place.serve(&["--persist"]);
    let removed = delete(&nanod, "d.localhost");
    assert_eq!(removed["persisted"], false);
    assert!(removed["note"].as_str().unwrap().contains("`apps_dir`"), "{removed}");
    eventually("it is gone", || nanod.get("d.localhost", "/").status() == 404);
}

#[test]
fn a_link_to_the_file_stays_one() {
    let place = Place::new();
    let real = place.folder.path().join("real.json");
    fs::rename(&place.file, &real).unwrap();
    std::os::unix::fs::symlink("real.json", &place.file).unwrap();
    let nanod = place.serve(&["--persist"]);
    assert_eq!(delete(&nanod, "a")["persisted"], true);
    assert!(fs::symlink_metadata(&place.file).unwrap().is_symlink());
    assert!(!fs::read_to_string(&real).unwrap().contains("a.test"));
}

#[test]
fn it_takes_a_file_and_nothing_of_the_sandbox() {
    let place = Place::new();
    let site = Site::new();
    let folder = place.folder.path().join("apps");
    let refused = site.run(&["serve", folder.to_str().unwrap(), "--persist", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--persist: "));
    // As without it: the process that runs apps writes nothing.
    let with = place.serve(&["--persist"]);
    let without = place.serve(&[]);
    let parts = |nanod: &Nanod| {
        let line = nanod.log_message("sandbox: ");
        (line["msg"].clone(), line["landlock"].clone(), line["seccomp"].clone())
    };
    assert_eq!(parts(&with), parts(&without));
    // The writer ends with the process that it writes for.
    let writer = writer_of(&with);
    drop(with);
    eventually("the writer has ended", || {
        let status = fs::read_to_string(format!("/proc/{writer}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    });
}
