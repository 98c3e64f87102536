//! The folder of examples as it is: each app does what its README promises.

use serde_json::json;

use crate::nanod::{Nanod, Site};

fn serve() -> Nanod {
    Site::new().serve_with(&[concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples")])
}

#[test]
fn the_banner_names_every_example() {
    let nanod = serve();
    let banner = nanod.stdout.text();
    let port = nanod.address.port();
    let names = ["graphql", "hello", "html", "json-api", "jwt", "router", "sse", "ssr", "wasm", "webhook"];
    for name in names {
        let url = format!("http://{name}.localhost:{port}");
        let line = banner.lines().find(|line| line.trim_start().starts_with(&format!("{name} ")));
        assert!(line.is_some_and(|line| line.ends_with(&url)), "{url} is not in {banner}");
        // One event is enough; the other apps do not look at it.
        let status = nanod.get(&format!("{name}.localhost"), "/?count=1").status();
        let expected = match name {
            "webhook" => 405,
            "graphql" | "jwt" => 404,
            _ => 200,
        };
        assert_eq!(status, expected, "{name}");
    }
    assert!(banner.contains("10 apps"), "{banner}");
    for line in nanod.logged() {
        assert!(line["level"] == "info", "{line}");
    }
}

#[test]
fn hello() {
    let answer = serve().get("hello.localhost", "/");
    assert_eq!(answer.text(), "Hello from NANO\n");
    assert_eq!(answer.header("content-type"), Some("text/plain;charset=UTF-8"));
}

#[test]
fn html_escapes_counts_visits_and_sets_two_cookies() {
    let nanod = serve();
    let answer =
        nanod.request("html.localhost", "GET", "/?name=%3Cb%3EAda%3C/b%3E", &[("x-odd", "a<b")], b"");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").is_some());
    let page = answer.text();
    assert!(page.contains("&lt;b&gt;Ada&lt;/b&gt;") && page.contains("a&lt;b"), "{page}");
    assert!(!page.contains("<b>Ada") && !page.contains("{{"), "{page}");
    let cookies = answer.head.all("set-cookie");
    assert_eq!(cookies.len(), 2);
    assert!(cookies[0].starts_with(b"visits=1; ") && cookies[1].starts_with(b"name=%3Cb%3EAda%3C%2Fb%3E; "));
    let again = nanod.request("html.localhost", "GET", "/", &[("cookie", "visits=4; name=Ada")], b"");
    assert!(again.head.all("set-cookie")[0].starts_with(b"visits=5; "));
    assert!(again.text().contains("Ada"));
    let style = nanod.get("html.localhost", "/style.css");
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    let away = nanod.get("html.localhost", "/elsewhere");
    assert_eq!((away.status(), away.header("location")), (302, Some("http://html.localhost/")));
}

#[test]
fn json_api_lists_reads_creates_and_removes() {
    let nanod = serve();
    let host = "json-api.localhost";
    let api = |method: &str, path: &str, body: &str| {
        nanod.request(host, method, path, &[("content-type", "application/json")], body.as_bytes())
    };
    assert_eq!(api("GET", "/", "").json(), json!({ "name": "Example shelf", "books": "/books" }));
    let found = api("GET", "/books?author=shelley&limit=1", "").json();
    assert_eq!((&found["total"], found["books"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(api("GET", "/books/middlemarch", "").json()["author"], "George Eliot");
    let made = api("POST", "/books", r#"{"title":"Emma","author":"Jane Austen","year":1815}"#);
    assert_eq!(made.status(), 201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("http://{host}/books/{id}").as_str()));
    assert_eq!(api("GET", &format!("/books/{id}"), "").json()["title"], "Emma");
    let removed = api("DELETE", "/books/frankenstein", "");
    assert_eq!((removed.status(), removed.text().as_str()), (204, ""));
    for (method, path, body, status) in [
        ("GET", "/books/frankenstein", "", 404),
        ("DELETE", "/books/frankenstein", "", 404),
        ("GET", "/nothing", "", 404),
        ("GET", "/books/%zz", "", 404),
        ("GET", "/books?limit=0", "", 400),
        ("POST", "/books", "{", 400),
        ("POST", "/books", "[]", 400),
        ("POST", "/books", r#"{"title":"no author"}"#, 400),
        ("POST", "/books", r#"{"title":"a","author":"b","year":"soon"}"#, 400),
        ("PUT", "/books", "{}", 405),
        ("PATCH", "/books/middlemarch", "{}", 405),
    ] {
        let answer = api(method, path, body);
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let problem = answer.json();
        assert!(problem["status"] == status && problem["title"].is_string(), "{problem}");
        let allow = (status == 405).then_some(if path == "/books" { "GET, POST" } else { "GET, DELETE" });
        assert_eq!(answer.header("allow"), allow);
        assert_eq!(answer.header("x-nano-error"), None);
    }
}

#[test]
fn sse_sends_its_events_and_stops_when_the_client_leaves() {
    let nanod = serve();
    let answer = nanod.get("sse.localhost", "/?count=3&interval=1");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let text = answer.text();
    let events: Vec<_> = text.split_terminator("\n\n").collect();
    assert_eq!(events.len(), 3, "{text}");
    for (index, event) in events.iter().enumerate() {
        let number = index + 1;
        let start = format!("id: {number}\nevent: tick\ndata: {{\"tick\":{number},\"of\":3,\"elapsedMs\":");
        assert!(event.starts_with(&start), "{event}");
    }
    let mut conn = nanod.connect();
    conn.request("GET", "sse.localhost", "/?count=1000&interval=5", &[], b"");
    assert_eq!(conn.head().status, 200);
    // The first event is there before the second is due.
    assert!(String::from_utf8(conn.chunk().unwrap()).unwrap().starts_with("id: 1\n"));
    drop(conn);
    nanod.log("the timer stops", |line| {
        line["app"] == "sse"
            && line["msg"].as_str().is_some_and(|msg| msg.starts_with("the client left after"))
    });
    for query in ["count=0", "count=1.5", "interval=soon", "interval=99999999"] {
        assert_eq!(nanod.get("sse.localhost", &format!("/?{query}")).status(), 400, "{query}");
    }
}

#[test]
fn wasm_draws_the_set() {
    let nanod = serve();
    let drawing = nanod.get("wasm.localhost", "/").text();
    let rows: Vec<_> = drawing.lines().collect();
    assert_eq!((rows.len(), rows[0].len()), (32, 78));
    // The middle row crosses the set's inside; the corner is far outside of it.
    assert!(rows[16].contains("@@@@@@@@@@"), "{drawing}");
    assert_eq!(&rows[0][..3], "   ");
    let closer = nanod.get("wasm.localhost", "/?x=-0.7436&y=0.1318&zoom=400").text();
    assert!(closer != drawing && closer.len() == drawing.len());
    let image = nanod.get("wasm.localhost", "/image.bmp");
    assert_eq!(image.header("content-type"), Some("image/bmp"));
    assert_eq!((&image.body[..2], image.body.len()), (b"BM".as_slice(), 54 + 1024 + 640 * 480));
    assert_eq!(nanod.get("wasm.localhost", "/?zoom=0").status(), 400);
    assert_eq!(nanod.get("wasm.localhost", "/nothing").status(), 404);
}

#[test]
fn webhook_takes_what_is_signed_and_nothing_else() {
    let nanod = serve();
    let host = "webhook.localhost";
    // openssl dgst -sha256 -hmac demo-secret
    let (event, signature) = (
        br#"{"action":"opened","number":1}"#.as_slice(),
        "sha256=bf9cf1e6445293e5090ad05b4dbcd8465544a4a7abce79c0910c5cad9d86d9f0",
    );
    let not_json = "sha256=344b62d425dacb3977ba5853d1b2e85a3560e50c66d287639e52edd6d709e094";
    let post = |signature: &str, body: &[u8]| {
        let headers = [("x-hub-signature-256", signature), ("x-github-event", "issues")];
        nanod.request(host, "POST", "/", &headers, body)
    };
    let answer = post(signature, event);
    assert_eq!(answer.status(), 202);
    let id = answer.json()["accepted"].as_str().unwrap().to_owned();
    // The work goes on after the answer.
    let line = nanod.log_message(&id);
    assert_eq!(line["msg"], format!("handled issues {id}: 2 fields"));
    assert_eq!(post(&signature.to_uppercase().replace("SHA256", "sha256"), event).status(), 202);
    for (signature, body) in [
        ("", event),
        ("sha256=", event),
        (&signature[7..], event),
        (&signature.replace("bf9c", "bf9d"), event),
        (&signature[..signature.len() - 1], event),
        (signature, b"{\"action\":\"opened\",\"number\":2}"),
        (signature, b""),
        (not_json, event),
    ] {
        let answer = post(signature, body);
        assert_eq!(answer.status(), 401, "{signature}");
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!(nanod.request(host, "POST", "/", &[], event).status(), 401);
    assert_eq!(post(not_json, b"not json").status(), 400);
    assert_eq!(post(signature, &vec![b'x'; 1_000_001]).status(), 413);
    let get = nanod.get(host, "/");
    assert_eq!((get.status(), get.header("allow")), (405, Some("POST")));
}

#[test]
fn graphql_answers_queries_and_mutations() {
    let nanod = serve();
    let host = "graphql.localhost";
    let post = |body: &serde_json::Value| {
        let headers = [("content-type", "application/json"), ("user-agent", "e2e")];
        nanod.request(host, "POST", "/graphql", &headers, body.to_string().as_bytes())
    };
    let answer = post(&json!({
        "query": "query ($before: Int) { books(before: $before) { title author { name books { id } } } userAgent }",
        "variables": { "before": 1820 },
    }));
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    let author = json!({ "name": "Mary Shelley", "books": [{ "id": "frankenstein" }, { "id": "lodore" }] });
    let books = json!([{ "title": "Frankenstein", "author": author }]);
    assert_eq!(answer.json(), json!({ "data": { "books": books, "userAgent": "e2e" } }));
    let made = post(&json!({ "query": r#"mutation { addBook(title: "Emma", author: "eliot") { id } }"# }));
    assert_eq!(made.json(), json!({ "data": { "addBook": { "id": "emma" } } }));
    let read =
        nanod.get(host, "/graphql?query=%7B%20book(id:%20%22emma%22)%20%7B%20year%20title%20%7D%20%7D");
    assert_eq!(read.json(), json!({ "data": { "book": { "year": null, "title": "Emma" } } }));
    let refused = post(&json!({ "query": r#"mutation { addBook(title: "Emma", author: "no") { id } }"# }));
    assert_eq!(refused.json()["errors"][0]["message"], "no author no");
    assert!(post(&json!({ "query": "{ nothing }" })).json()["errors"][0]["message"].is_string());
    let headers = [("content-type", "application/json")];
    assert_eq!(nanod.request(host, "POST", "/graphql", &headers, b"{").status(), 400);
    assert_eq!(nanod.request(host, "POST", "/graphql", &[], b"{}").status(), 415);
    let put = nanod.request(host, "PUT", "/graphql", &headers, b"{}");
    assert_eq!((put.status(), put.header("allow")), (405, Some("GET, POST")));
}

#[test]
fn jwt_issues_tokens_and_takes_no_others() {
    let nanod = serve();
    let host = "jwt.localhost";
    let made = nanod.request(host, "POST", "/token", &[], br#"{"name":"Ada"}"#).json();
    assert_eq!((&made["token_type"], &made["expires_in"]), (&json!("Bearer"), &json!(900)));
    let token = made["access_token"].as_str().unwrap();
    let me = |host: &str, authorization: &str| {
        nanod.request(host, "GET", "/me", &[("authorization", authorization)], b"")
    };
    let answer = me(host, &format!("Bearer {token}"));
    assert_eq!(answer.status(), 200);
    assert_eq!((&answer.json()["name"], &answer.json()["scope"]), (&json!("Ada"), &json!("profile")));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    // {"sub":"Eve"}
    let forged = format!("{header}.eyJzdWIiOiJFdmUifQ.{signature}");
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", signed.split_once('.').unwrap().1);
    for (authorization, challenge) in [
        (String::new(), "Bearer"),
        (format!("Basic {token}"), "Bearer"),
        (format!("Bearer {forged}"), "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"),
        (format!("Bearer {unsigned}"), "ERR_JOSE_ALG_NOT_ALLOWED"),
        (format!("Bearer {header}"), "ERR_JWS_INVALID"),
    ] {
        let answer = me(host, &authorization);
        assert_eq!(answer.status(), 401, "{authorization}");
        let given = answer.header("www-authenticate").unwrap();
        assert!(given.starts_with("Bearer") && given.contains(challenge), "{authorization}: {given}");
    }
    let keys = nanod.get(host, "/.well-known/jwks.json").json();
    assert_eq!((&keys["keys"][0]["kid"], &keys["keys"][0]["d"]), (&json!("demo"), &json!(null)));
    for body in ["", "{", "null", "{}", r#"{"name":""}"#] {
        assert_eq!(nanod.request(host, "POST", "/token", &[], body.as_bytes()).status(), 400, "{body}");
    }
}

#[test]
fn router_validates_and_asks_for_the_token() {
    let nanod = serve();
    let host = "router.localhost";
    let (token, json_type) = (("authorization", "Bearer demo-token"), ("content-type", "application/json"));
    let found = nanod.get(host, "/parcels?state=waiting&limit=1");
    assert_eq!((&found.json()["total"], &found.json()["parcels"][0]["id"]), (&json!(1), &json!("p-1")));
    assert_eq!(found.header("access-control-allow-origin"), Some("*"));
    // CORS puts the answer into another one, which has a length all the same.
    assert_eq!(found.header("content-length"), Some(found.body.len().to_string().as_str()));
    let etag = found.header("etag").unwrap();
    let again = [("if-none-match", etag)];
    assert_eq!(nanod.request(host, "GET", "/parcels?state=waiting&limit=1", &again, b"").status(), 304);
    let body = br#"{"to":" Emily ","weightGrams":250,"contact":"emily@example.com"}"#;
    let made = nanod.request(host, "POST", "/parcels", &[token, json_type], body);
    assert_eq!((made.status(), &made.json()["to"]), (201, &json!("Emily")));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), Some(format!("http://{host}/parcels/{id}").as_str()));
    let path = format!("/parcels/{id}/delivered");
    assert_eq!(nanod.request(host, "PUT", &path, &[token], b"").json()["state"], "delivered");
    assert_eq!(nanod.get(host, &format!("/parcels/{id}")).json()["state"], "delivered");
    let bad =
        nanod.request(host, "POST", "/parcels", &[token, json_type], br#"{"to":" ","weightGrams":1.5}"#);
    let paths: Vec<_> =
        bad.json()["issues"].as_array().unwrap().iter().map(|one| one["path"].clone()).collect();
    assert_eq!((bad.status(), paths), (400, vec![json!("to"), json!("weightGrams")]));
    for (method, path, headers, body, status) in [
        ("GET", "/parcels?limit=0", &[][..], "", 400),
        ("GET", "/parcels/p-9", &[], "", 404),
        ("GET", "/nothing", &[], "", 404),
        ("POST", "/parcels", &[json_type], "{}", 401),
        ("POST", "/parcels", &[json_type, ("authorization", "Bearer demo-tokem")], "{}", 401),
        ("POST", "/parcels", &[token, json_type], "{", 400),
        ("PUT", "/parcels/p-9/delivered", &[token], "", 404),
    ] {
        let answer = nanod.request(host, method, path, headers, body.as_bytes());
        assert_eq!(answer.status(), status, "{method} {path}");
        assert!(answer.json()["error"].is_string());
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
}

#[test]
fn ssr_sends_the_page_before_its_data_is_there() {
    let nanod = serve();
    let mut conn = nanod.connect();
    conn.request("GET", "ssr.localhost", "/?title=%3Cb%3EEmma", &[], b"");
    assert_eq!(conn.head().header("content-type"), Some("text/html; charset=utf-8"));
    let mut page = String::from_utf8(conn.chunk().unwrap()).unwrap();
    assert!(page.contains("<h1>&lt;b>Emma</h1>") && page.contains("Loading reviews\u{2026}"), "{page}");
    assert!(!page.contains("<li>"), "{page}");
    while let Some(chunk) = conn.chunk() {
        page.push_str(str::from_utf8(&chunk).unwrap());
    }
    assert!(page.contains("<li><q>What do I think of glory?</q> Emily Dickinson</li>"), "{page}");
    assert!(page.ends_with("</html>"), "{page}");
    assert_eq!(nanod.get("ssr.localhost", "/nothing").status(), 404);
}
