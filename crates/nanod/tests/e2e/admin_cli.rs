//! `nanod apps`: what it sends, what it says, and its exit codes.

use std::process::Output;

use serde_json::{Value, json};

use crate::nanod::{Nanod, Site, eventually};

const APP: &str = "export default { fetch: (request, env) => new Response(JSON.stringify(env)) };";
const TOKEN: &str = "0123456789-the-token";

fn site() -> Site {
    Site::new().app("first", APP).file("apps/second/index.js", APP)
}

/// Runs `nanod apps` in a folder of its own, against that server.
fn apps(site: &Site, nanod: &Nanod, arguments: &[&str]) -> Output {
    let url = format!("http://{}", nanod.admin);
    site.run(&[&["apps"], arguments, &["--admin", &url]].concat())
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn apps_are_listed_added_and_removed() {
    let nanod = site().serve();
    let folder = nanod.admin("/admin/apps/first").json()["path"].as_str().unwrap().to_owned();
    let here = Site::new();
    let second = folder.replace("first", "second");
    let listed = apps(&here, &nanod, &["list"]);
    assert_eq!(listed.status.code(), Some(0), "{}", err(&listed));
    assert!(out(&listed).starts_with("NAME   HOSTS       STATE"), "{}", out(&listed));
    assert!(out(&listed).contains("first  first.test  idle"), "{}", out(&listed));
    let added = apps(
        &here,
        &nanod,
        &[
            "add",
            "--path",
            &second,
            "--hostname",
            "b.test",
            "--hostname",
            "*.b.test",
            "--env",
            "A=x=${HOME}",
            "--env",
            "B=",
            "--main",
            "index.js",
        ],
    );
    assert_eq!((added.status.code(), out(&added).as_str()), (Some(0), "second: added\n"), "{}", err(&added));
    assert!(err(&added).contains("lasts until nanod restarts"));
    let env: Value = serde_json::from_str(&nanod.get("any.b.test", "/").text()).unwrap();
    assert_eq!(env, json!({ "A": "x=${HOME}", "B": "" }));
    let all = apps(&here, &nanod, &["list", "--json"]);
    let all: Value = serde_json::from_str(&out(&all)).unwrap();
    assert_eq!(all["apps"][1]["env"], json!(["A", "B"]));
    let removed = apps(&here, &nanod, &["remove", "*.b.test"]);
    assert_eq!((removed.status.code(), out(&removed).as_str()), (Some(0), "second: removed\n"));
    eventually("it is gone", || nanod.get("b.test", "/").status() == 404);
    let again = apps(&here, &nanod, &["remove", "*.b.test"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(err(&again).contains("404, unknown_app"), "{}", err(&again));
    let reloaded = apps(&here, &nanod, &["reload"]);
    assert_eq!((reloaded.status.code(), out(&reloaded).as_str()), (Some(0), "unchanged: 1\n"));
}

#[test]
fn apps_are_described_in_files_whose_paths_start_there() {
    let nanod = site().serve();
    let folder = nanod.admin("/admin/apps/first").json()["path"].as_str().unwrap().replace("/apps/first", "");
    // The description lies beside what the server can read; it is sent from elsewhere.
    let file = format!("{folder}/more/app.json");
    std::fs::create_dir_all(format!("{folder}/more")).unwrap();
    std::fs::write(format!("{folder}/more/secrets.env"), "SECRET=s\n").unwrap();
    let described = "{ // with a comment\n \"hostname\": \"c.test\", \"path\": \"../apps/second\", \
                     \"env_file\": \"secrets.env\", \"name\": \"c\" }";
    std::fs::write(&file, described).unwrap();
    let here = Site::new();
    let added = apps(&here, &nanod, &["add", "--file", &file]);
    assert_eq!((added.status.code(), out(&added).as_str()), (Some(0), "c: added\n"), "{}", err(&added));
    assert_eq!(nanod.get("c.test", "/").text(), "{\"SECRET\":\"s\"}");
    let url = format!("http://{}", nanod.admin);
    let input =
        json!({ "hostname": "d.test", "path": format!("{folder}/apps/second"), "name": "d" }).to_string();
    let added = here.run_with_input(&["apps", "add", "--file", "-", "--admin", &url], &input);
    assert_eq!((added.status.code(), out(&added).as_str()), (Some(0), "d: added\n"), "{}", err(&added));
    // Mistakes are the server's to find, but for those of JSON.
    let wrong = here.run_with_input(&["apps", "add", "--file", "-", "--admin", &url], "{ \"nam\": 1 }");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        err(&wrong).contains("422, invalid_app") && err(&wrong).contains("did you mean `name`"),
        "{}",
        err(&wrong)
    );
    let broken = here.run_with_input(&["apps", "add", "--file", "-", "--admin", &url], "{");
    assert_eq!(broken.status.code(), Some(2), "{}", err(&broken));
}

#[test]
fn the_token_comes_from_a_variable_a_file_or_the_configuration() {
    let nanod = site().top(json!({ "admin": { "listen": "127.0.0.1:0", "token": TOKEN } })).serve();
    let config = json!({ "admin": { "listen": nanod.admin, "token": TOKEN } }).to_string();
    let here = Site::new()
        .file("token", format!("{TOKEN}\n"))
        .file("wrong", "not-the-token-at-all")
        .file("nano.json", config);
    let with = Site::new().env("NANO_ADMIN_TOKEN", TOKEN);
    assert_eq!(apps(&with, &nanod, &["list"]).status.code(), Some(0));
    assert_eq!(apps(&here, &nanod, &["list", "--token-file", "token"]).status.code(), Some(0));
    let by_config = here.run(&["apps", "list", "--config", "nano.json"]);
    assert_eq!(by_config.status.code(), Some(0), "{}", err(&by_config));
    for arguments in [&["list"][..], &["list", "--token-file", "wrong"]] {
        let refused = apps(&here, &nanod, arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(err(&refused).contains("401, unauthorized"), "{}", err(&refused));
        assert!(!err(&refused).contains("not-the-token"));
    }
}

#[test]
fn mistakes_of_the_command_line_and_missing_servers_have_codes_of_their_own() {
    let here = Site::new();
    for arguments in [
        &["apps"][..],
        &["apps", "add", "--hostname", "a.test"],
        &["apps", "add", "--path", ".", "--env", "NO_VALUE"],
        &["apps", "add", "--path", ".", "--file", "x.json"],
        &["apps", "add", "--file", "none.json"],
        &["apps", "remove"],
        &["apps", "list", "--token-file", "none"],
        &["apps", "list", "--config", "none.json"],
        &["apps", "list", "--admin", "https://127.0.0.1:1"],
        &["apps", "list", "--admin", "http://127.0.0.1:1/admin"],
    ] {
        let output = here.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
    }
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = here.run(&["apps", "list", "--admin", &format!("http://{free}")]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    // What answers, and is no admin API.
    let nanod = site().serve();
    let output = here.run(&["apps", "list", "--admin", &nanod.address.to_string()]);
    assert!(matches!(output.status.code(), Some(1 | 3)), "{}", err(&output));
}
