//! What the tests are written with: apps made of strings, requests, and waiting without sleeping.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame};
use libtest_mimic::Trial;
use nano_runtime::{
    AppSpec, BodyError, Drained, Egress, Engine, Failure, Fault, HeaderList, IncomingBody, Limits, Reply,
    ReplyBody, Request, Residents, Roots, Sockets, Worker, WorkerStats, XRequestId,
};
use parking_lot::RwLock;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::logs::Logs;

/// What any single test may take: far more than it does, even on a busy machine.
const TEST_WALL_MAX: Duration = Duration::from_secs(60);
/// Apps that start at once.
const COLD_STARTS: usize = 4;
/// Connections that all apps may have open, unless a test says otherwise.
const SOCKETS: usize = 512;

/// The limits of a test's app, unless it says otherwise.
const LIMITS: Limits = Limits {
    cpu_ms: 5_000,
    timeout_ms: 30_000,
    memory_mb: 128,
    max_in_flight: 64,
    max_queue: 64,
    idle_ms: 60_000,
    clock_resolution_us: 100,
    max_isolates: 1,
    max_subrequests: 1_000,
};

type TestFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A test under its name.
pub(crate) struct Test {
    pub(crate) name: &'static str,
    /// No other test runs beside it: it uses cores up, or compares times.
    pub(crate) alone: bool,
    pub(crate) run: fn(Bench) -> TestFuture,
}

/// Lists async functions of a module as its tests; those after `alone:` run with no other beside them.
macro_rules! tests {
    ($($name:ident),* $(,)? $(; alone: $($alone:ident),* $(,)?)?) => {
        pub(crate) fn tests() -> Vec<$crate::support::Test> {
            vec![
                $($crate::support::Test {
                    name: concat!(module_path!(), "::", stringify!($name)),
                    alone: false,
                    run: |bench| Box::pin($name(bench)),
                },)*
                $($($crate::support::Test {
                    name: concat!(module_path!(), "::", stringify!($alone)),
                    alone: true,
                    run: |bench| Box::pin($alone(bench)),
                },)*)?
            ]
        }
    };
}
pub(crate) use tests;

/// Where tests run: one engine, one runtime, one log.
#[derive(Clone)]
pub(crate) struct Bench {
    engine: Engine,
    runtime: Handle,
    residents: Arc<Residents>,
    sockets: Arc<Sockets>,
    /// Held by each test; as a writer by one that runs alone.
    turns: Arc<RwLock<()>>,
    pub(crate) logs: Arc<Logs>,
}

impl Bench {
    pub(crate) fn new(engine: &Engine, runtime: &Handle, logs: &Arc<Logs>) -> Self {
        Self {
            engine: engine.clone(),
            runtime: runtime.clone(),
            residents: Residents::new(COLD_STARTS, None),
            sockets: Arc::new(Sockets::new(SOCKETS)),
            turns: Arc::default(),
            logs: Arc::clone(logs),
        }
    }

    pub(crate) fn trial(&self, test: Test) -> Trial {
        let bench = self.clone();
        let name = test.name.trim_start_matches("runtime::");
        Trial::test(name, move || {
            let run = (test.run)(bench.clone());
            let done = if test.alone {
                let _alone = bench.turns.write();
                bench.block_on(TEST_WALL_MAX, run)
            } else {
                bench.run(run)
            };
            done.map_err(Into::into)
        })
    }

    /// Runs a future on a thread of the runtime, with a deadline. The error is its panic's message.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        self.run_within(TEST_WALL_MAX, future)
    }

    /// As [`Bench::run`], with its own deadline.
    pub(crate) fn run_within<T: Send + 'static>(
        &self,
        wall_max: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        let _beside_others = self.turns.read();
        self.block_on(wall_max, future)
    }

    fn block_on<T: Send + 'static>(
        &self,
        wall_max: Duration,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        let task = self.runtime.spawn(async move { tokio::time::timeout(wall_max, future).await });
        match self.runtime.block_on(task) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_elapsed)) => Err(format!("not done after {wall_max:?}")),
            Err(error) => Err(match error.try_into_panic() {
                Ok(panic) => panic_message(&*panic),
                Err(error) => error.to_string(),
            }),
        }
    }

    /// The apps of the fuzz targets.
    pub(crate) fn fuzz_apps(&self) -> nano_runtime::fuzz::Apps {
        nano_runtime::fuzz::Apps::new(&self.engine, &self.runtime)
    }

    /// An app of files, with `index.js` as its entry.
    pub(crate) fn app(&self) -> AppBuilder {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let dir = tempfile::tempdir().expect("a temporary folder");
        AppBuilder {
            bench: self.clone(),
            name: format!("app-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            env: BTreeMap::new(),
            limits: LIMITS,
            egress: Egress::default(),
            roots: Arc::default(),
            sockets: Arc::clone(&self.sockets),
            dir,
        }
    }

    /// An app of one file.
    pub(crate) fn script(&self, source: &str) -> App {
        self.app().file("index.js", source).start()
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "the test panicked".to_owned())
}

pub(crate) struct AppBuilder {
    bench: Bench,
    name: String,
    env: BTreeMap<String, String>,
    limits: Limits,
    egress: Egress,
    roots: Arc<Roots>,
    sockets: Arc<Sockets>,
    dir: TempDir,
}

impl AppBuilder {
    /// The app's folder: inside of the temporary one, so that there is a place outside of it.
    fn root(&self) -> PathBuf {
        self.dir.path().join("app")
    }

    /// The folder around the app's.
    pub(crate) fn outside(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        std::fs::write(path, content).expect("the file is written");
        self
    }

    pub(crate) fn link(self, path: &str, target: &Path) -> Self {
        std::os::unix::fs::symlink(target, self.root().join(path)).expect("the link is made");
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.env.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub(crate) fn egress(mut self, egress: Egress) -> Self {
        self.egress = egress;
        self
    }

    pub(crate) fn roots(mut self, roots: &Arc<Roots>) -> Self {
        self.roots = Arc::clone(roots);
        self
    }

    pub(crate) fn sockets(mut self, sockets: &Arc<Sockets>) -> Self {
        self.sockets = Arc::clone(sockets);
        self
    }

    pub(crate) fn residents(mut self, residents: &Arc<Residents>) -> Self {
        self.bench.residents = Arc::clone(residents);
        self
    }

    pub(crate) fn start(self) -> App {
        let spec = AppSpec {
            name: self.name.as_str().into(),
            root: self.root().canonicalize().expect("the app's folder exists"),
            main: "index.js".to_owned(),
            env: Arc::new(self.env),
            limits: self.limits,
            egress: Arc::new(self.egress),
            roots: self.roots,
            sockets: self.sockets,
            counters: Arc::default(),
        };
        let worker = Worker::new(&self.bench.engine, spec, &self.bench.residents);
        App { worker: Arc::new(worker), name: self.name, logs: self.bench.logs, _dir: Arc::new(self.dir) }
    }
}

/// An app that answers.
#[derive(Clone)]
pub(crate) struct App {
    worker: Arc<Worker>,
    pub(crate) name: String,
    logs: Arc<Logs>,
    _dir: Arc<TempDir>,
}

impl App {
    pub(crate) async fn fetch(&self, request: Request) -> Result<Reply, Failure> {
        self.worker.fetch(Box::new(request)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Reply, Failure> {
        self.fetch(get(path)).await
    }

    /// The text of a reply that has to come.
    pub(crate) async fn text(&self, path: &str) -> String {
        match self.get(path).await {
            Ok(reply) => text_of(reply).await,
            Err(failure) => panic!("{path} failed: {failure:?}"),
        }
    }

    pub(crate) async fn failure(&self, path: &str) -> Failure {
        match self.get(path).await {
            Ok(reply) => panic!("{path} was answered {}", reply.status),
            Err(failure) => failure,
        }
    }

    pub(crate) async fn fault(&self, path: &str) -> Fault {
        self.failure(path).await.fault
    }

    /// The detail of a start-up that has to fail.
    pub(crate) async fn startup_failure(&self) -> String {
        let failure = self.failure("/").await;
        assert_eq!(failure.fault, Fault::Startup, "{failure:?}");
        failure.detail.expect("a failed start has a detail")
    }

    /// As [`App::get`], on a task of its own.
    pub(crate) fn begin(&self, path: &str) -> tokio::task::JoinHandle<Result<Reply, Failure>> {
        self.begin_fetch(get(path))
    }

    pub(crate) fn begin_fetch(&self, request: Request) -> tokio::task::JoinHandle<Result<Reply, Failure>> {
        let app = self.clone();
        tokio::spawn(async move { app.fetch(request).await })
    }

    pub(crate) async fn preload(&self) -> Result<(), Failure> {
        self.worker.preload().await
    }

    pub(crate) fn stats(&self) -> WorkerStats {
        self.worker.stats()
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Drains the app: it has begun, and goes on on a task of its own.
    pub(crate) fn drain(&self, time: Duration) -> tokio::task::JoinHandle<Drained> {
        let worker = Arc::clone(&self.worker);
        let mut drain = Box::pin(async move { worker.drain(tokio::time::Instant::now() + time).await });
        match drain.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(drained) => tokio::spawn(std::future::ready(drained)),
            Poll::Pending => tokio::spawn(drain),
        }
    }

    /// Waits until the app has logged a line with `part` in it; gives the first such line.
    pub(crate) async fn logged(&self, part: &str) -> crate::logs::Line {
        self.logs.wait_for(&self.name, part).await
    }

    /// What the app has logged until now.
    pub(crate) fn log(&self) -> Vec<crate::logs::Line> {
        self.logs.of(&self.name)
    }

    /// The lazy built-ins that it has loaded.
    pub(crate) fn loaded(&self) -> Vec<String> {
        self.logs.loaded(&self.name)
    }
}

/// A GET of `path`.
pub(crate) fn get(path: &str) -> Request {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = format!("req-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Request {
        arrived: nano_runtime::Moment::now(),
        method: Method::GET,
        scheme: "http",
        target: path.into(),
        headers: headers(&[("host", "app.test")]),
        body: None,
        id: XRequestId::taken(id.as_bytes()).expect("a sane id"),
    }
}

/// A list of `headers`.
pub(crate) fn headers(headers: &[(&str, &str)]) -> HeaderList {
    let mut list = HeaderList::default();
    for (name, value) in headers {
        list.push(name.as_bytes(), value.as_bytes());
    }
    list
}

/// A POST of `body` to `path`.
pub(crate) fn post(path: &str, body: IncomingBody) -> Request {
    Request { method: Method::POST, body: Some(body), ..get(path) }
}

/// All of a reply's body.
pub(crate) async fn bytes_of(reply: Reply) -> Result<Vec<u8>, BodyError> {
    match reply.body {
        ReplyBody::Empty => Ok(Vec::new()),
        ReplyBody::Full(bytes) => Ok(bytes.to_vec()),
        ReplyBody::Stream(mut body) => read_all(&mut body).await,
        ReplyBody::Incoming(mut body) => read_all(&mut body).await,
    }
}

pub(crate) async fn text_of(reply: Reply) -> String {
    let bytes = bytes_of(reply).await.expect("the body is read to its end");
    String::from_utf8(bytes).expect("the body is text")
}

async fn read_all(
    body: &mut (impl Body<Data = Bytes, Error = BodyError> + Unpin),
) -> Result<Vec<u8>, BodyError> {
    let mut all = Vec::new();
    while let Some(chunk) = read_chunk(body).await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// The next chunk of a body.
pub(crate) async fn read_chunk(
    body: &mut (impl Body<Data = Bytes, Error = BodyError> + Unpin),
) -> Option<Result<Bytes, BodyError>> {
    let frame = std::future::poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(frame.map(|frame| frame.into_data().expect("a frame of data")))
}

/// A request body that a test fills as it goes; it ends when the sender is dropped.
pub(crate) fn channel_body() -> (mpsc::UnboundedSender<Result<Bytes, BodyError>>, IncomingBody) {
    struct ChannelBody(mpsc::UnboundedReceiver<Result<Bytes, BodyError>>);
    impl Body for ChannelBody {
        type Data = Bytes;
        type Error = BodyError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
        }
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Box::pin(ChannelBody(receiver)))
}

/// A request body of these chunks.
pub(crate) fn body(chunks: &[&'static str]) -> IncomingBody {
    let (sender, body) = channel_body();
    for chunk in chunks {
        sender.send(Ok(Bytes::from_static(chunk.as_bytes()))).expect("the receiver lives");
    }
    body
}

/// Waits for what no event tells of, by letting other tasks run.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TEST_WALL_MAX / 2;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {:?}: {what}", TEST_WALL_MAX / 2);
        tokio::task::yield_now().await;
    }
}
