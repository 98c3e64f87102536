//! A running `nanod` with the folder that it serves, both gone when the test ends.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Conn, Response};

/// How long anything may take before a test gives up: generous, since tests share few cores.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Apps and configuration in the making.
pub(crate) struct Site {
    folder: TempDir,
    apps: Vec<Value>,
    top: Value,
    env: Vec<(&'static str, String)>,
    listener: Option<TcpListener>,
    command: &'static str,
    descriptors_max: Option<u32>,
    leaves_stderr: bool,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let top = json!({ "listen": "127.0.0.1:0", "admin": { "listen": "127.0.0.1:0" } });
        Self {
            folder,
            apps: Vec::new(),
            top,
            env: Vec::new(),
            listener: None,
            command: "serve",
            descriptors_max: None,
            leaves_stderr: false,
        }
    }

    /// Writes a file into the folder.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    /// An app that answers to `<name>.test`.
    pub(crate) fn app(self, name: &str, source: &str) -> Self {
        self.app_with(name, source, json!({ "hostname": format!("{name}.test") }))
    }

    /// An app with settings of its own; without a place among them it answers to `<name>.test`.
    pub(crate) fn app_with(mut self, name: &str, source: &str, settings: Value) -> Self {
        let mut app = json!({ "name": name, "path": format!("apps/{name}") });
        let placed =
            ["hostname", "hostnames", "port", "default"].iter().any(|key| settings.get(key).is_some());
        if !placed {
            app["hostname"] = format!("{name}.test").into();
        }
        merge(&mut app, settings);
        self.apps.push(app);
        self.file(&format!("apps/{name}/index.js"), source)
    }

    /// Settings of the configuration's top.
    pub(crate) fn top(mut self, settings: Value) -> Self {
        merge(&mut self.top, settings);
        self
    }

    /// A variable of the process.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Hands the process a listener, as systemd does.
    pub(crate) fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    pub(crate) fn dev(mut self) -> Self {
        self.command = "dev";
        self
    }

    /// Gives the process so many open descriptors at most.
    pub(crate) fn descriptors_max(mut self, max: u32) -> Self {
        self.descriptors_max = Some(max);
        self
    }

    /// Nobody reads what the process writes to stderr, until [`Nanod::read_stderr`].
    pub(crate) fn leave_stderr(mut self) -> Self {
        self.leaves_stderr = true;
        self
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Serves the configuration.
    pub(crate) fn serve(self) -> Nanod {
        self.try_serve().unwrap_or_else(|output| panic!("nanod did not start:\n{output}"))
    }

    /// As [`Site::serve`], or what the process said when it ended.
    pub(crate) fn try_serve(mut self) -> Result<Nanod, String> {
        self.top["apps"] = std::mem::take(&mut self.apps).into();
        let config = self.top.to_string();
        let site = self.file("nano.json", config);
        let arguments = [site.command, "nano.json", "--log-format", "json"];
        Nanod::start(site, &arguments)
    }

    /// Serves a folder of the site by its path, without a configuration.
    pub(crate) fn serve_path(self, path: &str) -> Nanod {
        self.serve_with(&[path])
    }

    /// As [`Site::serve_path`], with any arguments besides free ports.
    pub(crate) fn serve_with(self, arguments: &[&str]) -> Nanod {
        let mut all = vec![self.command, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        if !arguments.contains(&"--log-format") {
            all.extend(["--log-format", "json"]);
        }
        all.extend(arguments);
        Nanod::start(self, &all).unwrap_or_else(|output| panic!("nanod did not start:\n{output}"))
    }

    /// Runs `nanod` in the folder to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.run_with_input(arguments, "")
    }

    /// As [`Site::run`], with a standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> std::process::Output {
        let mut command = command();
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::piped());
        command.envs(self.env.iter().cloned()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let id = child.id();
        let ended = in_background(move || child.wait_with_output().unwrap());
        ended.0.recv_timeout(DEADLINE).unwrap_or_else(|_| {
            kill("KILL", id);
            panic!("nanod {arguments:?} did not end");
        })
    }
}

fn merge(into: &mut Value, from: Value) {
    let Value::Object(from) = from else { panic!("settings are an object") };
    for (key, value) in from {
        into[key] = value;
    }
}

/// Sends a signal to a process that the test started.
pub(crate) fn kill(signal: &str, process: u32) {
    let kill = format!("kill -{signal} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_nanod"))
}

/// What the shell does first is done for the process, which takes its place.
fn command_after(first: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{first} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_nanod")]);
    command
}

/// A running process.
pub(crate) struct Nanod {
    child: Child,
    /// Where apps are reached.
    pub(crate) address: SocketAddr,
    /// Where the admin API is reached.
    pub(crate) admin: SocketAddr,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
    folder: TempDir,
}

impl Nanod {
    fn start(site: Site, arguments: &[&str]) -> Result<Self, String> {
        let mut command = match (site.descriptors_max, &site.listener) {
            (Some(max), _) => command_after(&format!("ulimit -n {max}")),
            // It comes as the input, which this process can choose, and goes where systemd puts it.
            (None, Some(_)) => command_after("exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1"),
            (None, None) => command(),
        };
        command.args(arguments);
        command.current_dir(site.folder.path()).envs(site.env.iter().cloned());
        command.stdin(site.listener.map_or_else(Stdio::null, |listener| OwnedFd::from(listener).into()));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Lines::collect(child.stdout.take().unwrap());
        let stderr = if site.leaves_stderr {
            Lines::collect(std::io::empty())
        } else {
            Lines::collect(child.stderr.take().unwrap())
        };
        // The admin API comes last in the banner.
        let admin = stdout.find(|line| Some(line.strip_prefix("admin API on http://")?.parse().unwrap()));
        let address = stdout.peek(|line| Some(line.strip_prefix("listening on ")?.parse().unwrap()));
        let (Some(admin), Some(address)) = (admin, address) else {
            let _ = child.kill();
            let _ = child.wait();
            let never = |_: &str| None::<()>;
            stdout.find(never);
            stderr.find(never);
            return Err(format!("{}\n{}", stdout.text(), stderr.text()));
        };
        Ok(Self { child, address, admin, stdout, stderr, folder: site.folder })
    }

    /// The folder that it was started in.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into that folder, or replaces it: nobody sees it empty, however slow the machine is.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        let folder = path.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
        file.write_all(content.as_ref()).unwrap();
        // Through a link, as an editor would.
        file.persist(path.canonicalize().unwrap_or(path)).unwrap();
    }

    /// A new connection to the apps.
    pub(crate) fn connect(&self) -> Conn {
        Conn::open(self.address)
    }

    /// One raw request to any address.
    pub(crate) fn connect_to(address: SocketAddr, request: &str) -> Response {
        let mut conn = Conn::open(address);
        conn.send(request);
        conn.response()
    }

    /// One GET on a connection of its own.
    pub(crate) fn get(&self, host: &str, path: &str) -> Response {
        self.request(host, "GET", path, &[], b"")
    }

    /// One request on a connection of its own.
    pub(crate) fn request(
        &self,
        host: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut conn = self.connect();
        conn.request(method, host, path, headers, body);
        conn.response_to(method)
    }

    /// A GET to the admin API.
    pub(crate) fn admin(&self, path: &str) -> Response {
        self.admin_request("GET", path, &[])
    }

    pub(crate) fn admin_request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        self.admin_send(method, path, headers, b"")
    }

    /// A request to the admin API with a body.
    pub(crate) fn admin_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut conn = Conn::open(self.admin);
        conn.request(method, "localhost", path, headers, body);
        conn.response_to(method)
    }

    /// Adds or replaces an app.
    pub(crate) fn post_app(&self, app: &Value) -> Response {
        let json = [("content-type", "application/json")];
        self.admin_send("POST", "/admin/apps", &json, app.to_string().as_bytes())
    }

    /// A figure of `/metrics`; 0 where it is not there.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let page = self.admin("/metrics").text();
        let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits for a log line for which `matches` holds.
    pub(crate) fn log(&self, what: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let line = self.stderr.find(|line| serde_json::from_str(line).ok().filter(&matches));
        line.unwrap_or_else(|| panic!("no log line for {what} among:\n{}", self.stderr.text()))
    }

    /// Waits for a log line whose message contains `text`.
    pub(crate) fn log_message(&self, text: &str) -> Value {
        self.log(text, |line| line["msg"].as_str().is_some_and(|msg| msg.contains(text)))
    }

    /// The names of the process's threads.
    pub(crate) fn thread_names(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).unwrap();
        // A thread may end meanwhile.
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// The log so far, line by line.
    pub(crate) fn logged(&self) -> Vec<Value> {
        let text = self.stderr.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// Begins to read what nobody read.
    pub(crate) fn read_stderr(&mut self) {
        self.stderr = Lines::collect(self.child.stderr.take().unwrap());
    }

    /// Runs `nanod` as a client of another one, and collects its lines.
    pub(crate) fn run_client(arguments: &[&str], env: &[(&str, &str)]) -> Client {
        let mut command = command();
        command.args(arguments);
        command.env_remove("NANO_ADMIN_TOKEN").envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = Lines::collect(child.stdout.take().unwrap());
        let stderr = Lines::collect(child.stderr.take().unwrap());
        Client { child, stdout, stderr }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Threads of the process.
    pub(crate) fn threads(&self) -> usize {
        self.entries("task")
    }

    /// Open descriptors of the process.
    pub(crate) fn descriptors(&self) -> usize {
        self.entries("fd")
    }

    fn entries(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).unwrap().count()
    }

    /// The process's memory in use, in KiB.
    pub(crate) fn rss_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let field = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        field.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.child.id());
    }

    /// Waits for the process to end by itself.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Nanod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- nanod's log:\n{}---", self.stderr.text());
        }
    }
}

/// A running `nanod` that is a client of another one.
pub(crate) struct Client {
    child: Child,
    pub(crate) stdout: Lines,
    pub(crate) stderr: Lines,
}

impl Client {
    /// Waits for it to end by itself.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the client ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries until it holds, for what no event tells of.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let give_up = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < give_up, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Runs `f` on a thread and gives its result, or fails at the deadline.
pub(crate) fn in_background<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Background<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(f());
    });
    Background(receiver)
}

pub(crate) struct Background<T>(mpsc::Receiver<T>);

impl<T> Background<T> {
    pub(crate) fn join(self) -> T {
        self.0.recv_timeout(DEADLINE).expect("it panicked, or took too long")
    }
}

/// Lines that a process writes, collected as they come.
pub(crate) struct Lines(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
struct Collected {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn collect(from: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Collected::default()), Condvar::new()));
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                ours.0.lock().lines.push(text);
                ours.1.notify_all();
                line.clear();
            }
            ours.0.lock().ended = true;
            ours.1.notify_all();
        });
        Self(shared)
    }

    /// Waits for the first line that `pick` picks. `None`: the process ended, or time is up.
    pub(crate) fn find<T>(&self, pick: impl Fn(&str) -> Option<T>) -> Option<T> {
        let give_up = Instant::now() + DEADLINE;
        let mut state = self.0.0.lock();
        let mut seen = 0;
        loop {
            if let Some(found) = state.lines.iter().skip(seen).find_map(|line| pick(line)) {
                return Some(found);
            }
            seen = state.lines.len();
            if state.ended || self.0.1.wait_until(&mut state, give_up).timed_out() {
                return None;
            }
        }
    }

    /// The first line so far that `pick` picks.
    pub(crate) fn peek<T>(&self, pick: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.0.0.lock().lines.iter().find_map(|line| pick(line))
    }

    /// All lines so far.
    pub(crate) fn text(&self) -> String {
        self.0.0.lock().lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
