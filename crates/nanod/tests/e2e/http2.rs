//! HTTP/2 without TLS, with prior knowledge.

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, StatusCode};
use serde_json::json;

use crate::nanod::{DEADLINE, Nanod, Site};

const APP: &str = r#"
const cases = {
  echo: (request) => new Response(request.body),
  bytes: async (request) => new Response(await request.arrayBuffer()),
  headers: (request) => Response.json([...request.headers]),
  url: (request) => new Response(request.method + " " + request.url),
  hop: () => {
    const headers = { connection: "close", "transfer-encoding": "gzip", "keep-alive": "x" };
    return new Response("hop", { headers });
  },
  hang: (request) => {
    request.signal.addEventListener("abort", () => console.log("hang aborted"));
    console.log("hanging");
    return new Promise(() => {});
  },
  quiet: () => {
    const start = (controller) => controller.enqueue(new Uint8Array(1));
    return new Response(new ReadableStream({ start, cancel() { console.log("quiet cancelled"); } }));
  },
};
export default { fetch: (request) => cases[new URL(request.url).pathname.slice(1)](request) };
"#;

fn serve() -> Nanod {
    Site::new().app("app", APP).serve()
}

/// Runs `talk` with a connection.
fn connected<T>(nanod: &Nanod, talk: impl AsyncFnOnce(SendRequest<Bytes>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let address = nanod.address;
    runtime.block_on(async {
        let talking = async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (client, connection) = h2::client::handshake(stream).await.unwrap();
            tokio::spawn(async move {
                let _ = connection.await;
            });
            talk(client).await
        };
        tokio::time::timeout(DEADLINE, talking).await.expect("no answer in time")
    })
}

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://app.test{path}")).body(()).unwrap()
}

type Answering = h2::client::ResponseFuture;

async fn begin(
    client: &SendRequest<Bytes>,
    request: Request<()>,
    end: bool,
) -> (Answering, SendStream<Bytes>) {
    let mut client = client.clone().ready().await.unwrap();
    client.send_request(request, end).unwrap()
}

async fn get(client: &SendRequest<Bytes>, path: &str) -> Response<RecvStream> {
    begin(client, request(Method::GET, path), true).await.0.await.unwrap()
}

async fn read(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

#[test]
fn several_streams_are_served_at_once() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let mut open = Vec::new();
        for index in 0..50 {
            let (answer, sending) = begin(&client, request(Method::POST, "/bytes"), false).await;
            open.push((index, answer, sending));
        }
        // None of those has its body yet, and the connection serves on.
        let answer = get(&client, "/url").await;
        assert_eq!(read(answer.into_body()).await.unwrap(), b"GET http://app.test/url");
        for (index, answer, mut sending) in open.into_iter().rev() {
            sending.send_data(Bytes::from(format!("body {index}")), true).unwrap();
            let answer = answer.await.unwrap();
            assert_eq!(answer.status(), 200);
            assert_eq!(read(answer.into_body()).await.unwrap(), format!("body {index}").as_bytes());
        }
    });
}

#[test]
fn large_bodies_come_back_whole() {
    let nanod = serve();
    let body: Vec<u8> = (0..10_usize << 20).map(|index| (index % 251) as u8).collect();
    connected(&nanod, async |client| {
        for path in ["/echo", "/bytes"] {
            let (answer, mut sending) = begin(&client, request(Method::POST, path), false).await;
            sending.send_data(Bytes::from(body.clone()), true).unwrap();
            let answer = answer.await.unwrap();
            assert!(read(answer.into_body()).await.unwrap() == body, "{path}");
        }
    });
}

#[test]
fn bodies_stream_both_ways_at_once() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let (answer, mut sending) = begin(&client, request(Method::POST, "/echo"), false).await;
        let mut body = answer.await.unwrap().into_body();
        for index in 0..10 {
            let sent = Bytes::from(format!("chunk {index}"));
            sending.send_data(sent.clone(), index == 9).unwrap();
            assert_eq!(body.data().await.unwrap().unwrap(), sent);
        }
        assert!(body.data().await.is_none_or(|last| last.unwrap().is_empty()));
    });
}

#[test]
fn head_has_no_body_and_hop_by_hop_headers_do_not_come_through() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let (answer, _) = begin(&client, request(Method::HEAD, "/url"), true).await;
        let answer = answer.await.unwrap();
        assert_eq!(answer.headers()["content-length"], "HEAD http://app.test/url".len().to_string());
        assert!(answer.headers().contains_key("x-request-id"));
        assert!(read(answer.into_body()).await.unwrap().is_empty());
        let answer = get(&client, "/hop").await;
        for name in ["connection", "transfer-encoding", "keep-alive"] {
            assert!(!answer.headers().contains_key(name), "{name}");
        }
        assert_eq!(read(answer.into_body()).await.unwrap(), b"hop");
    });
}

#[test]
fn a_reset_is_told_to_the_app_and_to_no_other_stream() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let (other, mut sending) = begin(&client, request(Method::POST, "/bytes"), false).await;
        let (_answer, mut reset) = begin(&client, request(Method::GET, "/hang"), true).await;
        nanod.log_message("hanging");
        reset.send_reset(Reason::CANCEL);
        let answer = get(&client, "/quiet").await;
        nanod.log_message("hang aborted");
        drop(answer);
        sending.send_data(Bytes::from_static(b"goes on"), true).unwrap();
        assert_eq!(read(other.await.unwrap().into_body()).await.unwrap(), b"goes on");
        nanod.log_message("quiet cancelled");
    });
}

#[test]
fn many_resets_harm_nobody() {
    let nanod = serve();
    connected(&nanod, async |client| {
        for _ in 0..300 {
            let Ok(mut ready) = client.clone().ready().await else { return };
            let Ok((_, mut sending)) = ready.send_request(request(Method::POST, "/bytes"), false) else {
                return;
            };
            sending.send_reset(Reason::CANCEL);
            tokio::task::yield_now().await;
        }
    });
    connected(&nanod, async |client| {
        let answer = get(&client, "/url").await;
        assert_eq!(answer.status(), 200);
    });
    assert_eq!(nanod.get("app.test", "/url").text(), "GET http://app.test/url");
}

#[test]
fn an_error_has_the_same_contract_as_in_http_1() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let nowhere = Request::get("http://nowhere.test/").header("x-request-id", "mine").body(()).unwrap();
        let (answer, _) = begin(&client, nowhere, true).await;
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["x-nano-error"], "unknown_host");
        assert_eq!(answer.headers()["x-request-id"], "mine");
        let connect = Request::builder().method(Method::CONNECT).uri("app.test:80").body(()).unwrap();
        let (answer, _) = begin(&client, connect, true).await;
        assert_eq!(answer.await.unwrap().status(), 400);
        let (answer, _) = begin(&client, request(Method::GET, "/nothing"), true).await;
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["x-nano-error"], "exception");
    });
}

#[test]
fn cookies_sent_in_pieces_are_one_header_to_the_app() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let crumbs = Request::get("http://app.test/headers")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .body(())
            .unwrap();
        let (answer, _) = begin(&client, crumbs, true).await;
        let text = read(answer.await.unwrap().into_body()).await.unwrap();
        let headers: Vec<(String, String)> = serde_json::from_slice(&text).unwrap();
        let cookie = headers.iter().find(|(name, _)| name == "cookie");
        assert_eq!(cookie.map(|(_, value)| value.as_str()), Some("a=1; b=2"));
        let host = headers.iter().find(|(name, _)| name == "host");
        assert_eq!(host.map(|(_, value)| value.as_str()), Some("app.test"));
    });
}

#[test]
fn a_drain_lets_streams_end_and_begins_none() {
    let mut nanod = serve();
    connected(&nanod, async |client| {
        let (answer, mut sending) = begin(&client, request(Method::POST, "/echo"), false).await;
        let mut body = answer.await.unwrap().into_body();
        let (waiting, mut rest) = begin(&client, request(Method::POST, "/bytes"), false).await;
        // It has come once a later one is answered.
        get(&client, "/url").await;
        nanod.signal("TERM");
        nanod.log_message("draining");
        while let Ok(mut ready) = client.clone().ready().await {
            // One that crosses the GOAWAY on its way is not begun, and may be sent elsewhere.
            let Ok((answer, _)) = ready.send_request(request(Method::GET, "/url"), true) else { break };
            if let Err(error) = answer.await {
                assert!(error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM), "{error}");
            }
        }
        sending.send_data(Bytes::from_static(b"both"), true).unwrap();
        assert_eq!(body.data().await.unwrap().unwrap(), "both");
        rest.send_data(Bytes::from_static(b"ways"), true).unwrap();
        assert_eq!(read(waiting.await.unwrap().into_body()).await.unwrap(), b"ways");
    });
    assert_eq!(nanod.exit().code(), Some(0));
}

#[test]
fn at_the_end_of_a_drain_streams_are_cut() {
    let mut nanod = Site::new().app("app", APP).top(json!({ "drain_timeout_ms": 200 })).serve();
    connected(&nanod, async |client| {
        let mut quiet = get(&client, "/quiet").await.into_body();
        assert_eq!(quiet.data().await.unwrap().unwrap(), [0][..]);
        let (hanging, _) = begin(&client, request(Method::GET, "/hang"), true).await;
        nanod.log_message("hanging");
        nanod.signal("TERM");
        let answer = hanging.await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["x-nano-error"], "draining");
        let error = quiet.data().await.unwrap().unwrap_err();
        assert!(error.is_reset() || error.is_io(), "{error}");
    });
    assert_eq!(nanod.exit().code(), Some(1));
    assert_eq!(nanod.log_message("the drain was cut")["cut"], 2);
}

#[test]
fn heads_over_the_limit_are_refused() {
    let nanod = serve();
    connected(&nanod, async |client| {
        let large = Request::get("http://app.test/url").header("x", "v".repeat(70 << 10)).body(()).unwrap();
        let (answer, _) = begin(&client, large, true).await;
        match answer.await {
            Ok(answer) => assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error}"),
        }
    });
    assert_eq!(nanod.get("app.test", "/url").status(), 200);
}
