//! The command line and the configuration: what is served, what is refused, and what is said about it.

use std::net::TcpListener;
use std::process::Output;

use serde_json::json;

use crate::client::Conn;
use crate::nanod::{Nanod, Site};

const HELLO: &str = "export default { fetch: () => new Response('hello') };";

/// What `nanod` said and how it ended.
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn check_says_what_would_be_served() {
    let site = Site::new()
        .file("apps/blog/index.js", HELLO)
        .file("apps/hooks/index.js", HELLO)
        .file("apps/rest/index.js", HELLO)
        .file(
            "nano.json",
            r#"{
              // Comments are fine.
              "apps": [
                { "name": "blog", "hostname": "blog.example.com", "path": "./apps/blog" },
                {
                  "name": "hooks", "path": "./apps/hooks",
                  "hostnames": ["hooks.example.com", "*.hooks.example.com"]
                },
                { "name": "raw", "port": 9000, "path": "./apps/blog" },
                { "name": "rest", "default": true, "path": "./apps/rest" },
              ],
            }"#,
        );
    for arguments in [vec!["check"], vec!["check", "nano.json"], vec!["check", "."]] {
        let (code, stdout, stderr) = said(&site.run(&arguments));
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        // What follows is about the machine.
        let served = stdout.lines().take_while(|line| !line.starts_with("sandbox"));
        let lines: Vec<Vec<_>> = served.map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [
                vec!["ok:", "4", "apps"],
                vec!["blog", "blog.example.com"],
                vec!["hooks", "hooks.example.com,", "*.hooks.example.com"],
                vec!["raw", "port", "9000"],
                vec!["rest", "all", "other", "hosts"],
            ]
        );
    }
    let (code, stdout, _) = said(&site.run(&["check", "apps"]));
    assert_eq!(code, 0);
    assert!(stdout.contains("ok: 3 apps") && stdout.contains("blog.localhost"), "{stdout}");
}

#[test]
fn check_and_serve_refuse_a_bad_file_whole_with_place_and_hint() {
    let cases = [
        (
            "{ \"apps\": [\n  { \"path\": \"app\", \"hostnme\": \"a.test\", \"default\": true }\n] }",
            "2:20: error: unknown key `hostnme`",
            "did you mean `hostname`?",
        ),
        (
            "{\n  \"listen\": \"0.0.0.0:8080\"\n  \"apps\": []\n}",
            "2:27: error: a comma is missing",
            "write `,`",
        ),
        (
            "{ \"apps\": [{ \"path\": \"app\", \"hostname\": \"a.test\", \"memory_mb\": \"64\" }] }",
            ":1:",
            "64",
        ),
        ("{ \"apps\": [{ \"path\": \"nowhere\", \"hostname\": \"a.test\" }] }", ":1:", "nowhere"),
        (
            "{ \"apps\": [{ \"path\": \"app\", \"hostname\": \"${NANO_TEST_UNSET}.test\" }] }",
            "the environment variable `NANO_TEST_UNSET` is not set",
            "help: set `NANO_TEST_UNSET`",
        ),
        (
            "{ \"apps\": [{ \"path\": \"app\", \"hostname\": \"a.test\" },\n\
             { \"path\": \"app\", \"name\": \"b\", \"hostname\": \"a.test\" }] }",
            "`a.test` is claimed twice",
            "the first is here",
        ),
        (
            "{ \"listen\": \"127.0.0.1:9000\", \"apps\": [{ \"path\": \"app\", \"port\": 9000 }] }",
            "port 9000 is taken",
            "give the app another port",
        ),
        (
            "{ \"admin\": { \"listen\": \"0.0.0.0:8081\" },\n\
             \"apps\": [{ \"path\": \"app\", \"default\": true }] }",
            ":1:",
            "token",
        ),
        ("", "nano.json", "error"),
    ];
    for (text, place, hint) in cases {
        let site = Site::new().file("app/index.js", HELLO).file("nano.json", text);
        let (code, stdout, stderr) = said(&site.run(&["check"]));
        assert_eq!((code, stdout.as_str()), (2, ""), "{text}");
        assert!(stderr.contains("nano.json") && stderr.contains(place) && stderr.contains(hint), "{stderr}");
        // Nothing is served, not even the parts that are right.
        assert_eq!(said(&site.run(&["serve"])), (2, String::new(), stderr), "{text}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let site = Site::new().file("app/index.js", HELLO).file(
        "nano.json",
        "{ \"lisen\": 1,\n \"threads\": \"many\",\n \"apps\": [{ \"path\": \"app\", \"default\": 7 }] }",
    );
    let (code, _, stderr) = said(&site.run(&["check"]));
    assert_eq!(code, 2);
    for place in ["nano.json:1:3: error", "nano.json:2:13: error", "nano.json:3:"] {
        assert!(stderr.contains(place), "{place} is not in {stderr}");
    }
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let (code, stdout, stderr) = said(&Site::new().run(&["schema"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let kept =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../nano.schema.json")).unwrap();
    assert!(stdout == kept, "nano.schema.json is not what `nanod schema` prints");
}

#[test]
fn a_wrong_command_line_is_exit_code_2() {
    let site = Site::new().file("apps/a/index.js", HELLO);
    for arguments in [
        vec!["sevre"],
        vec!["serve", "apps", "--listen", "nonsense"],
        vec!["serve", "apps", "--listen", "127.0.0.1:99999"],
        vec!["serve", "apps", "--log-format", "xml"],
        vec!["serve", "apps", "apps"],
        vec!["serve", "--unknown"],
        vec![],
    ] {
        let (code, stdout, stderr) = said(&site.run(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains("--help") || stderr.contains("Usage"), "{arguments:?}: {stderr}");
    }
    let (code, stdout, _) = said(&site.run(&["--version"]));
    assert_eq!((code, stdout.trim()), (0, concat!("nanod ", env!("CARGO_PKG_VERSION"))));
    let (code, stdout, _) = said(&site.run(&["serve", "--help"]));
    assert_eq!(code, 0);
    for option in ["--listen", "--admin-listen", "--log-format"] {
        assert!(stdout.contains(option), "{option}");
    }
}

#[test]
fn a_path_that_is_not_there_is_refused() {
    let site = Site::new().file("notes.txt", "no configuration");
    for (arguments, text) in [
        (vec!["serve", "nowhere"], "nowhere"),
        (vec!["serve", "nowhere.json"], "nowhere.json"),
        (vec!["serve", "notes.txt"], "notes.txt"),
        (vec!["serve"], "nano.json"),
        (vec!["check", "nowhere"], "nowhere"),
    ] {
        let (code, stdout, stderr) = said(&site.run(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(text), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_folder_without_apps_is_served_with_a_warning() {
    let nanod = Site::new().file("empty/readme.txt", "no app").serve_with(&["empty"]);
    assert!(nanod.stdout.text().contains("0 apps"));
    let line = nanod.log_message("there are no apps here");
    assert_eq!(line["level"], "warn");
    assert_eq!(nanod.get("any.test", "/").header("x-nano-error"), Some("unknown_host"));
}

#[test]
fn without_a_path_the_file_is_served_and_else_the_folder_of_apps() {
    let config = r#"{ "apps": [{ "name": "a", "hostname": "from.file", "path": "apps/a" }] }"#;
    let nanod = Site::new().file("apps/a/index.js", HELLO).serve_with(&[]);
    assert_eq!(nanod.get("a.localhost", "/").text(), "hello");
    assert_eq!(nanod.get("from.file", "/").status(), 404);
    let nanod = Site::new().file("apps/a/index.js", HELLO).file("nano.json", config).serve_with(&[]);
    assert_eq!(nanod.get("from.file", "/").text(), "hello");
    assert_eq!(nanod.get("a.localhost", "/").status(), 404);
    // A folder with a file in it stands for that file.
    let nanod =
        Site::new().file("site/apps/a/index.js", HELLO).file("site/nano.json", config).serve_path("site");
    assert_eq!(nanod.get("from.file", "/").text(), "hello");
}

#[test]
fn an_address_in_use_is_told_and_nothing_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let site = Site::new().file("apps/a/index.js", HELLO);
    for (listen, admin) in [(taken.as_str(), "127.0.0.1:0"), ("127.0.0.1:0", &taken)] {
        let (code, stdout, stderr) =
            said(&site.run(&["serve", "apps", "--listen", listen, "--admin-listen", admin]));
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert!(stderr.contains(&taken) && stderr.contains("in use"), "{stderr}");
    }
}

#[test]
fn the_command_line_wins_over_the_file() {
    // Nobody could bind these two: they are not addresses of this machine.
    let nanod = Site::new()
        .file("app/index.js", HELLO)
        .file(
            "nano.json",
            r#"{
              "listen": "192.0.2.1:80", "admin": { "listen": "192.0.2.1:81", "token": "0123456789abcdef" },
              "log": { "format": "pretty" }, "apps": [{ "path": "app", "default": true }]
            }"#,
        )
        .serve_with(&["nano.json", "--log-format", "json"]);
    assert_eq!(nanod.get("any.test", "/").text(), "hello");
    assert_eq!(nanod.admin("/ready").status(), 200);
    assert_eq!(nanod.admin("/metrics").status(), 401, "the file's token still counts");
}

#[test]
fn the_command_line_cannot_claim_a_port_twice() {
    let port = free_port();
    let site = Site::new()
        .file("app/index.js", HELLO)
        .file("nano.json", json!({ "apps": [{ "name": "own", "path": "app", "port": port }] }).to_string());
    let (address, all) = (format!("127.0.0.1:{port}"), format!("0.0.0.0:{port}"));
    for address in [address.as_str(), &all] {
        let arguments = ["serve", "--listen", address, "--admin-listen", "127.0.0.1:0"];
        let (code, stdout, stderr) = said(&site.run(&arguments));
        assert_eq!((code, stdout.as_str()), (2, ""));
        assert!(stderr.contains("`own`") && stderr.contains(&port.to_string()), "{stderr}");
    }
    let (code, _, stderr) =
        said(&site.run(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", &address]));
    assert_eq!(code, 2);
    assert!(stderr.contains("`own`"), "{stderr}");
    let both = format!("127.0.0.1:{}", free_port());
    let (code, _, stderr) = said(&site.run(&["serve", "--listen", &both, "--admin-listen", &both]));
    assert_eq!(code, 2);
    assert!(stderr.contains("cannot both listen"), "{stderr}");
}

#[test]
fn the_command_line_cannot_open_the_admin_api_without_a_token() {
    let site = Site::new().file("apps/a/index.js", HELLO);
    let arguments = ["serve", "apps", "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"];
    let (code, stdout, stderr) = said(&site.run(&arguments));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("token"), "{stderr}");
}

#[test]
fn an_app_gets_its_variables_frozen_and_no_others() {
    let source = "const seen = (env) => ({
        env, frozen: Object.isFrozen(env), process: typeof process, kept: (() => {
          try { 'use strict'; env.NEW = 1 } catch { } return 'NEW' in env })() });
      export default { fetch: (request, env) => Response.json(seen(env)) };";
    let nanod = Site::new()
        .env("NANO_TEST_KEY", "from the host")
        .env("NANO_TEST_HOST", "var")
        .env("NANO_TEST_OTHER", "not for apps")
        .file("secrets.env", "# comment\nFROM_FILE=\"file value\"\nBOTH=file\nexport PLAIN=x y\n")
        .app_with(
            "a",
            source,
            json!({
                "hostname": "${NANO_TEST_HOST}.test", "env_file": "secrets.env",
                "env": { "KEY": "<${NANO_TEST_KEY}>", "BOTH": "env", "LITERAL": "$${NANO_TEST_KEY}" }
            }),
        )
        .app("b", source)
        .serve();
    let seen = nanod.get("var.test", "/").json();
    assert_eq!(
        seen["env"],
        json!({
            "KEY": "<from the host>", "BOTH": "env", "LITERAL": "${NANO_TEST_KEY}", "FROM_FILE": "file value",
            "PLAIN": "x y"
        })
    );
    assert_eq!(
        (&seen["frozen"], &seen["process"], &seen["kept"]),
        (&json!(true), &json!("undefined"), &json!(false))
    );
    assert_eq!(nanod.get("b.test", "/").json()["env"], json!({}), "and not those of its neighbour");
}

#[test]
fn the_banner_names_every_way_in() {
    let nanod = Site::new()
        .app("a", HELLO)
        .app_with("wide", HELLO, json!({ "hostname": "*.wide.test" }))
        .app_with("rest", HELLO, json!({ "default": true }))
        .top(json!({ "listen": ["127.0.0.1:0", "[::1]:0"] }))
        .serve();
    let banner = nanod.stdout.text();
    let port = nanod.address.port();
    for part in [format!("http://a.test:{port}"), format!("http://any.wide.test:{port}"), "3 apps".to_owned()]
    {
        assert!(banner.contains(&part), "{part} is not in {banner}");
    }
    let listening: Vec<_> = banner.lines().filter_map(|line| line.strip_prefix("listening on ")).collect();
    assert_eq!(listening.len(), 2, "{banner}");
    for address in listening {
        let mut conn = Conn::open(address.parse().unwrap());
        conn.request("GET", "a.test", "/", &[], b"");
        assert_eq!(conn.response().text(), "hello", "{address}");
    }
    let mut conn = Conn::open(nanod.admin);
    conn.request("GET", "admin", "/live", &[], b"");
    assert_eq!(conn.response().status(), 200);
}

#[test]
fn an_app_with_a_port_of_its_own_is_reached_there_only() {
    // Between the choice of a free port and its use another process may take it.
    let (nanod, port): (Nanod, u16) = (0..10)
        .find_map(|_| {
            let port = free_port();
            let site = Site::new().app_with("own", HELLO, json!({ "port": port, "hostname": "own.test" }));
            Some((site.try_serve().ok()?, port))
        })
        .expect("a free port");
    assert_eq!(nanod.get("own.test", "/").text(), "hello", "a host besides the port leads to it as well");
    assert_eq!(nanod.get("other.test", "/").status(), 404);
    for host in ["own.test", "other.test", "127.0.0.1"] {
        let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(Nanod::connect_to(([127, 0, 0, 1], port).into(), &request).text(), "hello", "{host}");
    }
}
