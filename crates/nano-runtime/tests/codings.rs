//! Content codings of what `fetch` gets: taken off for the app, kept on for clients that take them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use nano_runtime::{BodyError, Egress, Reply, ReplyBody, Request};
use zstd_safe::CParameter;

use crate::support::{App, Bench, bytes_of, get, headers, tests};
use crate::upstream::Upstream;

tests![
    every_coding_is_taken_off,
    what_is_not_coded_as_known_stays_as_it_is,
    a_broken_body_is_an_error_where_it_is_read,
    a_bomb_is_bounded_by_memory_and_cpu_time,
    apps_are_asked_what_they_accept,
    a_client_gets_the_coding_that_it_takes,
    a_body_that_is_sent_on_is_decoded,
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn bare_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Brotli in uncompressed pieces (RFC 7932, section 9.2).
fn br(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in bytes.chunks(1 << 16) {
        let length = u32::try_from(piece.len() - 1).expect("a short piece");
        // The first piece follows the bit that says how large the window is.
        let head = (length << 3 | 1 << 19) << u32::from(out.is_empty());
        out.extend_from_slice(&head.to_le_bytes()[..3]);
        out.extend_from_slice(piece);
    }
    // A last piece, which is empty.
    out.push(if out.is_empty() { 0b110 } else { 0b11 });
    out
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zstd_safe::compress_bound(bytes.len())];
    let length = zstd_safe::compress(&mut out[..], bytes, 1).expect("it fits");
    out.truncate(length);
    out
}

/// A frame whose decoder would have to hold more than 8 MiB.
fn zstd_of_a_large_window() -> Vec<u8> {
    let mut context = zstd_safe::CCtx::create();
    context.set_parameter(CParameter::WindowLog(24)).expect("a window");
    let bytes = vec![1; 20 << 20];
    let mut out = vec![0; zstd_safe::compress_bound(bytes.len())];
    let length = context.compress2(&mut out[..], &bytes).expect("it fits");
    out.truncate(length);
    out
}

fn lines() -> Vec<u8> {
    (0..20_000).flat_map(|n| format!("line {n}\n").into_bytes()).collect()
}

const APP: &str = "
const cases = {
  read: async (url) => {
    const r = await fetch(url);
    return [await r.text(), r.headers.get('content-encoding'), r.headers.get('content-length')];
  },
  digest: async (url) => {
    const hash = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-1', bytes)).toHex();
    const whole = await (await fetch(url)).arrayBuffer();
    const parts = [];
    for await (const chunk of (await fetch(url)).body) parts.push(chunk);
    const copy = (await fetch(url)).clone();
    return [whole.byteLength, new Set([await hash(whole), await hash(await new Blob(parts).bytes()),
      await hash(await copy.bytes())]).size];
  },
  stream: async (url) => {
    let bytes = 0;
    for await (const chunk of (await fetch(url)).body) bytes += chunk.length;
    return bytes;
  },
  some: async (url) => {
    let bytes = 0;
    for await (const chunk of (await fetch(url)).body) if ((bytes += chunk.length) >= 10_000_000) break;
    return bytes >= 10_000_000 && bytes < 11_000_000;
  },
  head: async (url) => {
    const r = await fetch(url, { method: 'HEAD' });
    return [r.headers.get('content-encoding'), r.headers.get('content-length')];
  },
  asked: async (url, UP) => {
    const init = [undefined, { headers: { range: 'bytes=0-1' } }, { headers: { 'accept-encoding': 'br;q=0.5' } },
      { headers: { range: 'bytes=0-1', 'accept-encoding': 'gzip' } }];
    return Promise.all(init.map(async (init) =>
      new Headers(await (await fetch(UP + '/headers', init)).json()).get('accept-encoding')));
  },
  echo: async (url, UP) => {
    const { body } = await fetch(url);
    const r = await fetch(UP + '/echo', { method: 'POST', body, duplex: 'half' });
    return [await r.text(), r.headers.get('content-encoding')];
  },
};
const answers = {
  pass: (url) => fetch(url),
  copy: async (url) => {
    const r = await fetch(url);
    return new Response(r.body, { status: r.status, headers: [...r.headers, ['x-own', '1'], ['content-length', '7']] });
  },
  own: async (url) => new Response((await fetch(url)).body, { headers: { 'content-encoding': 'dcb' } }),
  clone: async (url) => (await fetch(url)).clone(),
};
export default { async fetch(request, env) {
  const { pathname, search } = new URL(request.url);
  const url = env.UP + search.slice(1);
  const name = pathname.slice(1);
  if (name in answers) return answers[name](url);
  try { return Response.json(await cases[name](url, env.UP)); }
  catch (error) { return Response.json([error.name, error.message]); }
} };";

fn app(bench: &Bench, upstream: &Upstream) -> App {
    limited(bench, upstream, 5_000)
}

fn limited(bench: &Bench, upstream: &Upstream, cpu_ms: u64) -> App {
    let loopback = Egress::default().with_net("127.0.0.1".parse().expect("an address"), 32);
    let app = bench.app().file("index.js", APP).env("UP", &upstream.url()).egress(loopback);
    app.limits(|limits| (limits.cpu_ms, limits.memory_mb) = (cpu_ms, 32)).start()
}

async fn every_coding_is_taken_off(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(&bench, &upstream);
    let text = lines();
    let (front, back) = text.split_at(1_000);
    let cases = [
        ("gzip", gzip(&text)),
        ("GZIP", gzip(&text)),
        ("x-gzip", gzip(&text)),
        ("deflate", zlib(&text)),
        ("deflate", bare_deflate(&text)),
        ("br", br(&text)),
        ("zstd", zstd(&text)),
        ("gzip, br", br(&gzip(&text))),
        ("gzip,identity, zstd ,deflate", zlib(&zstd(&gzip(&text)))),
        ("gzip", [gzip(front), gzip(back)].concat()),
        ("gzip", [gzip(front), gzip(b""), gzip(back), b"\0\0\0".to_vec()].concat()),
        ("gzip", [gzip(&text), vec![0x1f]].concat()),
        ("zstd", [zstd(front), zstd(back)].concat()),
        ("br", [br(&text), b"ignored".to_vec()].concat()),
    ];
    for (coding, bytes) in cases {
        let path = upstream.can(200, &[("content-encoding", coding), ("x-other", "1")], bytes);
        let expected = serde_json::json!([String::from_utf8_lossy(&text), null, null]).to_string();
        assert!(app.text(&format!("/read?{path}")).await == expected, "{coding}: {path}");
        let digests = app.text(&format!("/digest?{path}")).await;
        assert_eq!(digests, format!("[{},1]", text.len()), "{coding}: {path}");
    }
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let path = upstream.can(200, &[("content-encoding", coding)], "");
        assert_eq!(
            app.text(&format!("/read?{path}")).await,
            r#"["",null,null]"#,
            "nothing at all is no error"
        );
    }
}

async fn what_is_not_coded_as_known_stays_as_it_is(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(&bench, &upstream);
    for (status, coding) in
        [(200, "compress"), (200, "gzip, dcb"), (200, "identity"), (206, "gzip"), (200, "")]
    {
        let path = upstream.can(status, &[("content-encoding", coding)], "as it is");
        let expected = format!(r#"["as it is","{coding}","8"]"#);
        assert_eq!(app.text(&format!("/read?{path}")).await, expected, "{status} {coding}");
    }
    let path = upstream.can(200, &[("content-encoding", "gzip")], gzip(b"hello"));
    let length = gzip(b"hello").len();
    assert_eq!(app.text(&format!("/head?{path}")).await, format!(r#"["gzip","{length}"]"#));
}

async fn a_broken_body_is_an_error_where_it_is_read(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(&bench, &upstream);
    let text = lines();
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 1);
        bytes
    };
    let mut wrong_sum = gzip(&text);
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    for (coding, bytes) in [
        ("gzip", cut(gzip(&text))),
        ("gzip", b"no gzip".to_vec()),
        ("gzip", wrong_sum),
        ("deflate", cut(zlib(&text))),
        ("deflate", vec![0x78]),
        ("deflate", vec![0xff; 9]),
        ("br", cut(br(&text))),
        ("br", vec![0xff; 9]),
        ("zstd", cut(zstd(&text))),
        ("zstd", b"no zstd at all".to_vec()),
        ("zstd", zstd_of_a_large_window()),
        ("gzip, br", br(&cut(gzip(&text)))),
        ("gzip, br", gzip(&text)),
        ("gzip,gzip,gzip,gzip,gzip", gzip(&gzip(&gzip(&gzip(&gzip(b"x")))))),
    ] {
        let path = upstream.can(200, &[("content-encoding", coding)], bytes);
        for case in ["read", "stream"] {
            let outcome = app.text(&format!("/{case}?{path}")).await;
            assert!(outcome.starts_with(r#"["TypeError","#), "{case} {coding}: {outcome}");
        }
        // Passed on, it breaks off.
        if let Ok(reply) = app.get(&format!("/pass?{path}")).await {
            let end = bytes_of(reply).await.expect_err("no end");
            assert!(matches!(end, BodyError::Undecodable(_)), "{coding}: {end:?}");
        }
    }
}

async fn a_bomb_is_bounded_by_memory_and_cpu_time(bench: Bench) {
    let upstream = Upstream::start().await;
    let zeros = vec![0; 64 << 20];
    let path = upstream.can(200, &[("content-encoding", "gzip")], gzip(&zeros));
    let roomy = app(&bench, &upstream);
    let outcome = roomy.text(&format!("/read?{path}")).await;
    assert!(outcome.starts_with(r#"["RangeError","#), "{outcome}");
    // Read piece by piece it needs no memory, and what is not read is not decoded.
    assert_eq!(roomy.text(&format!("/stream?{path}")).await, (64 << 20).to_string());
    assert_eq!(roomy.text(&format!("/some?{path}")).await, "true");
    let layers = upstream.can(200, &[("content-encoding", "gzip, gzip")], gzip(&gzip(&vec![0; 400 << 20])));
    let tight = limited(&bench, &upstream, 20);
    let reply = tight.get(&format!("/pass?{layers}")).await.expect("an answer");
    let end = bytes_of(reply).await.expect_err("no end");
    assert!(end.to_string().contains("CPU time"), "{end}");
    let before = tight.stats().cpu_ns;
    let failure = tight.failure(&format!("/read?{layers}")).await;
    assert_eq!(failure.fault, nano_runtime::Fault::CpuLimit);
    assert!(tight.stats().cpu_ns - before >= 20_000_000, "it is counted");
}

async fn apps_are_asked_what_they_accept(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(&bench, &upstream);
    assert_eq!(app.text("/asked").await, r#"["gzip, br, zstd","identity","br;q=0.5","gzip"]"#);
}

async fn a_client_gets_the_coding_that_it_takes(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(&bench, &upstream);
    let text = lines();
    let (gzipped, both) = (gzip(&text), br(&gzip(&text)));
    let one = upstream.can(200, &[("content-encoding", "gzip"), ("vary", "x-a")], gzipped.clone());
    let two =
        upstream.can(200, &[("content-encoding", "gzip, br"), ("vary", "Accept-Encoding")], both.clone());
    let ask = async |path: String, accept: Option<&str>| -> Reply {
        let accept = accept.map(|accept| ("accept-encoding", accept));
        let sent: Vec<_> = [("host", "app.test")].into_iter().chain(accept).collect();
        app.fetch(Request { headers: headers(&sent), ..get(&path) }).await.expect("an answer")
    };
    for (path, accept, raw) in [
        (&one, Some("gzip"), Some(("gzip", &gzipped))),
        (&one, Some("br, *;q=0.1"), Some(("gzip", &gzipped))),
        (&one, Some("br, gzip;q=0"), None),
        (&one, Some(""), None),
        (&one, None, None),
        (&two, Some("gzip, br"), Some(("gzip, br", &both))),
        (&two, Some("gzip"), None),
    ] {
        for case in ["pass", "copy"] {
            let reply = ask(format!("/{case}?{path}"), accept).await;
            assert!(matches!(reply.body, ReplyBody::Incoming(_)), "no JavaScript touches it");
            let header =
                |name: &str| reply.headers.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
            assert_eq!(
                header("content-encoding").as_deref(),
                raw.map(|(names, _)| names),
                "{path} {accept:?}"
            );
            let vary: Vec<_> =
                reply.headers.iter().filter(|(name, _)| *name == b"vary").map(|(_, v)| v).collect();
            let expected: &[&[u8]] =
                if *path == one { &[b"x-a", b"accept-encoding"] } else { &[b"Accept-Encoding"] };
            assert_eq!(vary, expected);
            // What the app says of the length is of the bytes that it sees.
            let own = (case == "copy").then(|| "7".to_owned());
            let length = raw.map_or(own, |(_, bytes)| Some(bytes.len().to_string()));
            assert_eq!(header("content-length"), length, "{case} {path} {accept:?}");
            let bytes = bytes_of(reply).await.expect("all of it");
            assert!(bytes == *raw.map_or(&text, |(_, bytes)| bytes), "{path} {accept:?}");
        }
    }
    // Where the app says what the coding is, or has the body in its hands, it gets what it saw.
    let reply = ask(format!("/own?{one}"), Some("gzip")).await;
    assert_eq!(reply.headers.get("content-encoding"), Some(&b"dcb"[..]));
    assert!(bytes_of(reply).await.expect("all of it") == text);
    let reply = ask(format!("/clone?{one}"), Some("gzip")).await;
    assert_eq!(reply.headers.get("content-encoding"), None);
    assert!(bytes_of(reply).await.expect("all of it") == text);
}

async fn a_body_that_is_sent_on_is_decoded(bench: Bench) {
    let upstream = Upstream::start().await;
    let app = app(&bench, &upstream);
    let path = upstream.can(200, &[("content-encoding", "br")], br(b"hello"));
    assert_eq!(app.text(&format!("/echo?{path}")).await, r#"["hello",null]"#);
}
