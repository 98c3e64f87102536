//! Fuzz targets that are apps: they take the bytes as a request's body and check what they do with them themselves.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::OPS_APP;
use crate::engine::{Engine, Moment};
use crate::net::{Egress, Sockets};
use crate::worker::{
    AppSpec, BodyError, Failure, Fault, HeaderList, Limits, Reply, ReplyBody, Request, Residents, Worker,
    XRequestId,
};

/// They send nothing to any network.
const LIMITS: Limits = Limits {
    cpu_ms: 5_000,
    timeout_ms: 20_000,
    memory_mb: 64,
    max_in_flight: 4,
    max_queue: 4,
    idle_ms: 60_000,
    clock_resolution_us: 100,
    max_isolates: 1,
    max_subrequests: 0,
};

/// What an app says that found something.
const FOUND: &str = "fuzz:";

const VALUES: &str = include_str!("../../../../fuzz/apps/values.js");
const OPS: &str = include_str!("../../../../fuzz/apps/ops.js");
const WEB_API: &str = include_str!("../../../../fuzz/apps/web_api.js");
const CLONE: &str = include_str!("../../../../fuzz/apps/clone.js");
const WASM: &str = "import module from './module.wasm';\n\
                    const known = WebAssembly.Module.exports(module).length;\n\
                    export default () => new Response(`${known}`);\n";

/// The apps, each with its isolate from its first use on.
pub struct Apps {
    engine: Engine,
    runtime: Handle,
    ops: App,
    web_api: App,
    clone: App,
}

struct App {
    name: &'static str,
    source: &'static str,
    started: Mutex<Option<Started>>,
}

#[derive(Clone)]
struct Started {
    worker: Arc<Worker>,
    _folder: Arc<TempDir>,
}

impl Apps {
    /// On a multi-thread `runtime`.
    #[must_use]
    pub fn new(engine: &Engine, runtime: &Handle) -> Self {
        let app = |name, source| App { name, source, started: Mutex::new(None) };
        Self {
            engine: engine.clone(),
            runtime: runtime.clone(),
            ops: app(OPS_APP, OPS),
            web_api: app("fuzz:web_api", WEB_API),
            clone: app("fuzz:clone", CLONE),
        }
    }

    /// The native functions, called with arguments of all kinds: they throw at most.
    pub fn ops(&self, data: &[u8]) {
        self.run(&self.ops, data);
    }

    /// What an app can reach, called in the same way.
    pub fn web_api(&self, data: &[u8]) {
        self.run(&self.web_api, data);
    }

    /// structuredClone of values made of the bytes: a clone is like what was cloned.
    pub fn structured_clone(&self, data: &[u8]) {
        self.run(&self.clone, data);
    }

    /// Imports the bytes as a WebAssembly module: the app starts, or fails to and says why.
    pub fn wasm_import(&self, data: &[u8]) {
        let started = self.start("fuzz:wasm", &[("index.js", WASM.as_bytes()), ("module.wasm", data)]);
        match self.fetch(&started, Vec::new()) {
            Ok(reply) => assert!(matches!(reply.body, ReplyBody::Full(_)), "the app answers in one piece"),
            Err(Failure { fault: Fault::Startup, detail }) => {
                let detail = detail.expect("a failed start has a detail");
                assert!(detail.contains("Error"), "{detail}");
            }
            Err(failure) => panic!("{failure:?}"),
        }
    }

    fn run(&self, app: &App, data: &[u8]) {
        let started = app.started.lock().clone();
        let started = started.unwrap_or_else(|| {
            let files = [("index.js", app.source.as_bytes()), ("values.js", VALUES.as_bytes())];
            self.start(app.name, &files)
        });
        let result = self.fetch(&started, data.to_vec());
        let mut again = Some(started);
        match result {
            Ok(_) => {}
            Err(Failure { fault: Fault::Exception | Fault::Startup, detail }) => {
                let detail = detail.unwrap_or_default();
                assert!(!detail.contains(FOUND), "{}: {detail}", app.name);
            }
            // A limit did what it is for. An app that is held back starts anew.
            Err(Failure { fault: Fault::CpuLimit | Fault::MemoryLimit | Fault::Timeout, .. }) => {}
            Err(Failure { fault: Fault::CrashLoop(_), .. }) => again = None,
            Err(failure) => panic!("{}: {failure:?}", app.name),
        }
        *app.started.lock() = again;
    }

    fn start(&self, name: &str, files: &[(&str, &[u8])]) -> Started {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (file, content) in files {
            std::fs::write(folder.path().join(file), content).expect("a file of the app");
        }
        let spec = AppSpec {
            name: name.into(),
            root: folder.path().canonicalize().expect("the app's folder"),
            main: "index.js".to_owned(),
            env: Arc::new(BTreeMap::new()),
            limits: LIMITS,
            egress: Arc::new(Egress::default()),
            roots: Arc::default(),
            sockets: Arc::new(Sockets::new(64)),
            counters: Arc::default(),
        };
        let worker = Worker::new(&self.engine, spec, &Residents::new(1, None));
        Started { worker: Arc::new(worker), _folder: Arc::new(folder) }
    }

    fn fetch(&self, started: &Started, data: Vec<u8>) -> Result<Reply, Failure> {
        let mut headers = HeaderList::default();
        headers.push(b"host", b"fuzz.test");
        let request = Box::new(Request {
            arrived: Moment::now(),
            method: http::Method::POST,
            scheme: "http",
            target: "/".into(),
            headers,
            body: Some(Box::pin(Whole(Some(data)))),
            id: XRequestId::made(0),
        });
        let worker = Arc::clone(&started.worker);
        let task = self.runtime.spawn(async move { worker.fetch(request).await });
        self.runtime.block_on(task).expect("the worker does not panic")
    }
}

/// A body that is there.
struct Whole(Option<Vec<u8>>);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data.into()))))
    }
}
