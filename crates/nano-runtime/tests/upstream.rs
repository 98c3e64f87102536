//! A server on loopback that apps fetch from.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use nano_runtime::BodyError;
use parking_lot::Mutex;
use tokio::net::TcpListener;

/// The server, which ends with the runtime.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    /// Answers whose client left before their end.
    left: AtomicUsize,
    canned: Mutex<Vec<Canned>>,
}

/// An answer that a test wrote.
#[derive(Clone)]
struct Canned {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Upstream {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::<Seen>::default();
        let all = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&all);
                let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
                let serving = hyper::server::conn::http1::Builder::new();
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Keeps an answer; gives the path that it is under.
    pub(crate) fn can(&self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> String {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut canned = self.seen.canned.lock();
        canned.push(Canned { status, headers, body: body.into() });
        format!("/canned/{}", canned.len() - 1)
    }

    pub(crate) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn left(&self) -> usize {
        self.seen.left.load(Ordering::SeqCst)
    }
}

async fn answer(request: Request<Incoming>, seen: Arc<Seen>) -> Result<Response<Answer>, Infallible> {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or("").to_owned();
    let mut parts = path.split('/').skip(1);
    let (what, argument) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let mut response = Response::builder().header("x-method", request.method().as_str());
    let body = match what {
        "echo" => {
            if let Some(kind) = request.headers().get("content-type") {
                response = response.header("content-type", kind);
            }
            Answer::Echo(request.into_body())
        }
        "headers" => {
            let list: Vec<_> = request
                .headers()
                .iter()
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                })
                .collect();
            Answer::whole(serde_json::to_vec(&list).expect("a list is JSON"))
        }
        "status" => {
            response = response
                .status(argument.parse::<u16>().expect("a status"))
                .header("x-a", "1")
                .header("x-a", "2");
            Answer::whole("the body")
        }
        "redirect" => {
            response = response.status(argument.parse::<u16>().expect("a status")).header("location", query);
            Answer::whole("moved")
        }
        "canned" => {
            let canned = seen.canned.lock()[argument.parse::<usize>().expect("a number")].clone();
            response = canned
                .headers
                .iter()
                .fold(response.status(canned.status), |response, (name, value)| response.header(name, value));
            Answer::whole(canned.body)
        }
        "bytes" => Answer::Zeros(argument.parse().expect("a number")),
        // Something, and then nothing more.
        "drip" => Answer::Hang(Some(Bytes::from_static(b"drip")), Left(seen)),
        "hang" => {
            let _left = Left(seen);
            std::future::pending::<()>().await;
            Answer::whole("")
        }
        _ => Answer::whole("hello"),
    };
    Ok(response.body(body).expect("a response"))
}

/// Counts when it goes.
pub(crate) struct Left(Arc<Seen>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::SeqCst);
    }
}

enum Answer {
    Whole(Option<Bytes>),
    Echo(Incoming),
    Zeros(usize),
    Hang(Option<Bytes>, #[expect(dead_code, reason = "it is told of by its end")] Left),
}

impl Answer {
    fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let chunk = match &mut *self {
            Self::Whole(bytes) => bytes.take(),
            Self::Echo(body) => {
                let frame = Pin::new(body).poll_frame(cx);
                return frame.map(|frame| {
                    frame.map(|frame| frame.map_err(|error| BodyError::Broken(error.to_string())))
                });
            }
            Self::Zeros(left) => {
                let bytes = (*left).min(64 << 10);
                *left -= bytes;
                (bytes > 0).then(|| Bytes::from(vec![0; bytes]))
            }
            Self::Hang(first, _) => match first.take() {
                None => return Poll::Pending,
                first => first,
            },
        };
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            _ => SizeHint::default(),
        }
    }
}
