//! The server of web-platform-tests, for the tests that fetch from it: `scripts/wpt_server.py`, with the Python that
//! `scripts/wpt.sh` puts beside the tests. It lives as long as its standard input is open, so it never outlives us.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;

/// How long it may take to be ready.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long one answer to the harness may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// The server, running.
pub(super) struct Server {
    process: Child,
    ports: Ports,
}

#[derive(Deserialize)]
struct Ports {
    /// Two origins.
    http: [u16; 2],
    /// What tests of other protocols are told.
    unserved: [u16; 2],
}

/// What the ports are called in names of tests, since they are others every time.
const KNOWN_AS: [u16; 4] = [8000, 8001, 8443, 8444];

impl Server {
    /// Starts it; `None`: there is none beside the tests.
    pub(super) fn start(root: &Path) -> Option<Self> {
        let python = root.join(".venv/bin/python3");
        if !python.exists() {
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/wpt_server.py");
        let mut process = Command::new(python)
            .arg(script)
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server of web-platform-tests starts");
        let output = process.stdout.take().expect("a pipe");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            // Nobody listens any more when it was too late.
            let _ = sender.send(read.map(|_| line));
        });
        let line =
            receiver.recv_timeout(READY_MAX).expect("the server of web-platform-tests is ready in time");
        let ports = serde_json::from_str(&line.expect("its output is read")).expect("it says its ports");
        Some(Self { process, ports })
    }

    /// The origin that tests come from.
    pub(super) fn origin(&self) -> String {
        format!("http://localhost:{}", self.ports.http[0])
    }

    /// The text of a file as the server gives it, with all `{{…}}` filled in.
    pub(super) fn text(&self, path: &str) -> std::io::Result<String> {
        let port = self.ports.http[0];
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        write!(stream, "GET /{path} HTTP/1.0\r\nhost: localhost:{port}\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
            _ => Err(std::io::Error::other(answer.into_owned())),
        }
    }

    /// `text` with ports that are the same in every run.
    pub(super) fn with_known_ports(&self, text: &str) -> String {
        let ports = self.ports.http.iter().chain(&self.ports.unserved);
        ports.zip(KNOWN_AS).fold(text.to_owned(), |text, (port, known)| {
            let text = text.replace(&format!(":{port}"), &format!(":{known}"));
            text.replace(&format!("%3A{port}"), &format!("%3A{known}"))
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
