//! `fetch` over TLS, and the connections that it keeps: servers on loopback with certificates made here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use nano_runtime::{Egress, Roots};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{App, Bench, tests};

tests![
    a_trusted_server_is_asked_over_the_protocol_that_it_speaks,
    a_server_that_is_not_to_be_trusted_gets_no_request,
    an_app_uses_its_connections_again_and_no_other_apps,
    a_request_that_a_closed_connection_swallowed_is_sent_again,
];

/// A certificate authority.
struct Authority {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate").der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    fn roots(&self) -> Arc<Roots> {
        Arc::new(Roots::with_extra([self.der.to_vec()]))
    }

    /// How a server shows itself as `host`.
    fn acceptor(&self, host: &str, last_year: i32, protocols: &[&str]) -> TlsAcceptor {
        let mut params = CertificateParams::new([host.to_owned()]).expect("a host name");
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key);
        let mut config = config.expect("a certificate with its key");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    versions: Mutex<Vec<Version>>,
}

/// Serves with TLS, or without.
async fn serve(tls: Option<TlsAcceptor>) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("an address");
    let all = Arc::<Seen>::default();
    let seen = Arc::clone(&all);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.connections.fetch_add(1, Ordering::SeqCst);
            let (seen, tls) = (Arc::clone(&seen), tls.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let seen = Arc::clone(&seen);
                    async move {
                        seen.versions.lock().push(request.version());
                        let length = request.body().size_hint().exact().unwrap_or(0);
                        Ok::<_, std::convert::Infallible>(Response::new(format!("{length} bytes")))
                    }
                });
                let Some(tls) = tls else {
                    let _left = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                    return;
                };
                // A client that does not like the certificate leaves.
                let Ok(stream) = tls.accept(stream).await else { return };
                let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let stream = TokioIo::new(stream);
                let _left = if is_h2 {
                    http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await
                } else {
                    http1::Builder::new().serve_connection(stream, service).await
                };
            });
        }
    });
    (address, all)
}

const APP: &str = "export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  const [, count, method] = pathname.split('/');
  const init = { method };
  if (method === 'POST' || method === 'PUT') init.body = 'body';
  if (method === 'STREAM') {
    init.method = 'PUT';
    init.body = new ReadableStream({ start(c) { c.enqueue(new Uint8Array(4)); c.close(); } });
    init.duplex = 'half';
  }
  const outcomes = [];
  for (let i = 0; i < count; i++) {
    outcomes.push(await fetch(env.URL, init).then((r) => r.text(), (e) => `${e.name}: ${e.message}`));
  }
  return Response.json(outcomes);
} };";

fn app(bench: &Bench, url: &str, roots: &Arc<Roots>) -> App {
    let egress =
        Egress::default().with_host("localhost").with_net("127.0.0.1".parse().expect("an address"), 32);
    bench.app().file("index.js", APP).env("URL", url).egress(egress).roots(roots).start()
}

async fn a_trusted_server_is_asked_over_the_protocol_that_it_speaks(bench: Bench) {
    let authority = Authority::new("one");
    for (protocols, version) in [
        (&["h2", "http/1.1"][..], Version::HTTP_2),
        (&["http/1.1"][..], Version::HTTP_11),
        (&[][..], Version::HTTP_11),
    ] {
        for host in ["localhost", "127.0.0.1"] {
            let (address, seen) = serve(Some(authority.acceptor(host, 2999, protocols))).await;
            let app = app(&bench, &format!("https://{host}:{}/", address.port()), &authority.roots());
            assert_eq!(
                app.text("/3/GET").await,
                r#"["0 bytes","0 bytes","0 bytes"]"#,
                "{protocols:?} {host}"
            );
            assert_eq!(*seen.versions.lock(), [version; 3], "{protocols:?}");
            assert_eq!(seen.connections.load(Ordering::SeqCst), 1, "{protocols:?}");
        }
    }
}

async fn a_server_that_is_not_to_be_trusted_gets_no_request(bench: Bench) {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let cases = [
        ("localhost", 2001, &authority, "has expired", "expired"),
        ("elsewhere.test", 2999, &authority, "is for another host", "elsewhere.test"),
        ("localhost", 2999, &other, "is by an authority that is not trusted here", "UnknownIssuer"),
    ];
    for (host, last_year, by, expected, cause) in cases {
        let (address, seen) = serve(Some(by.acceptor(host, last_year, &[]))).await;
        let url = format!("https://localhost:{}/?secret", address.port());
        let app = app(&bench, &url, &authority.roots());
        let message = format!("fetch failed: {url}: the server's certificate {expected}");
        assert_eq!(app.text("/1/GET").await, format!(r#"["TypeError: {message}"]"#), "{host}");
        let line = app.logged("the server's certificate").await;
        let (_, detail) = line.message.split_once(expected).expect("the message, and more");
        assert!(detail.contains("invalid peer certificate") && detail.contains(cause), "{line:?}");
        assert!(seen.versions.lock().is_empty(), "{host}");
    }
    // One that does not speak TLS at all.
    let (address, seen) = serve(None).await;
    let url = format!("https://localhost:{}/", address.port());
    let outcome = app(&bench, &url, &authority.roots()).text("/1/GET").await;
    assert!(outcome.contains("could not agree on how to use TLS"), "{outcome}");
    assert!(seen.versions.lock().is_empty());
    // Mozilla's authorities know nothing of ours.
    let (address, seen) = serve(Some(authority.acceptor("localhost", 2999, &[]))).await;
    let url = format!("https://localhost:{}/", address.port());
    let outcome = app(&bench, &url, &Arc::default()).text("/1/GET").await;
    assert!(outcome.contains("not trusted here"), "{outcome}");
    assert!(seen.versions.lock().is_empty());
}

async fn an_app_uses_its_connections_again_and_no_other_apps(bench: Bench) {
    let authority = Authority::new("one");
    for tls in [None, Some(&["h2"][..]), Some(&["http/1.1"][..])] {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (address, seen) =
            serve(tls.map(|protocols| authority.acceptor("localhost", 2999, protocols))).await;
        let url = format!("{scheme}://localhost:{}/", address.port());
        let (one, two) = (app(&bench, &url, &authority.roots()), app(&bench, &url, &authority.roots()));
        for (app, connections) in [(&one, 1), (&one, 1), (&two, 2), (&one, 2), (&two, 2)] {
            assert_eq!(app.text("/2/POST").await, r#"["4 bytes","4 bytes"]"#);
            assert_eq!(seen.connections.load(Ordering::SeqCst), connections, "{tls:?}");
        }
    }
}

/// A server that answers the first request of each connection, and closes it at the second one, which it counts.
async fn forgetful() -> (SocketAddr, Arc<AtomicUsize>) {
    async fn read_to(stream: &mut TcpStream, end: &[u8]) -> Option<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            bytes.push(stream.read_u8().await.ok()?);
        }
        String::from_utf8(bytes).ok()
    }
    async fn request(stream: &mut TcpStream) -> Option<String> {
        let head = read_to(stream, b"\r\n\r\n").await?;
        if head.contains("transfer-encoding: chunked") {
            read_to(stream, b"\r\n0\r\n\r\n").await?;
        } else if head.contains("content-length: 4") {
            read_to(stream, b"body").await?;
        }
        Some(head)
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("an address");
    let swallowed = Arc::<AtomicUsize>::default();
    let all = Arc::clone(&swallowed);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let swallowed = Arc::clone(&swallowed);
            tokio::spawn(async move {
                let Some(head) = request(&mut stream).await else { return };
                let body = if head.starts_with("HEAD") { "" } else { "ok" };
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.expect("a client");
                if request(&mut stream).await.is_some() {
                    swallowed.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    (address, all)
}

async fn a_request_that_a_closed_connection_swallowed_is_sent_again(bench: Bench) {
    for (method, sent_again) in
        [("GET", true), ("HEAD", true), ("DELETE", true), ("PUT", true), ("POST", false), ("STREAM", false)]
    {
        let (address, swallowed) = forgetful().await;
        let app = app(&bench, &format!("http://{address}/"), &Arc::default());
        let answer = if method == "HEAD" { r#"[""]"# } else { r#"["ok"]"# };
        // A connection may be back too late for the next request, which then gets a new one.
        let mut last = String::new();
        for _ in 0..1_000 {
            last = app.text(&format!("/1/{method}")).await;
            if swallowed.load(Ordering::SeqCst) > 0 {
                break;
            }
            assert_eq!(last, answer, "{method}");
        }
        assert!(swallowed.load(Ordering::SeqCst) > 0, "{method}: no connection is used again");
        if sent_again {
            assert_eq!(last, answer, "{method}");
        } else {
            assert!(last.starts_with(r#"["TypeError: fetch failed: "#), "{method}: {last}");
        }
    }
}
