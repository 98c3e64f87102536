//! Whom apps' connections trust, by the configuration.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::nanod::Site;

/// Answers "hello" to every connection, and shows itself as `localhost` by a certificate of the authority.
fn serve(issuer: &Issuer<'_, KeyPair>) -> (tokio::runtime::Runtime, SocketAddr) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust it leaves.
            let Ok(mut stream) = tls.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (runtime, address)
}

#[test]
fn apps_trust_the_authorities_of_extra_ca_file() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    let (_runtime, address) = serve(&Issuer::new(params, key));
    let app = format!(
        "export default {{ fetch: () => fetch('https://localhost:{}/').catch((e) => new Response(e.message)) }};",
        address.port()
    );
    let egress = json!({ "egress": { "allow": ["localhost"] } });
    let site = || Site::new().app_with("app", &app, egress.clone());
    let trusting =
        site().file("authorities.pem", pem).top(json!({ "extra_ca_file": "authorities.pem" })).serve();
    assert_eq!(trusting.get("app.test", "/").text(), "hello");
    let answer = site().serve().get("app.test", "/").text().to_owned();
    assert!(answer.contains("not trusted here"), "{answer}");
    let refused = site().file("authorities.pem", "none").top(json!({ "extra_ca_file": "authorities.pem" }));
    let output = refused.try_serve().err().expect("it does not start");
    assert!(output.contains("there is no certificate in `authorities.pem`"), "{output}");
}
