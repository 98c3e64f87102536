//! A small HTTP/1.1 client that hides nothing: bytes go out as they are given, and every oddity of an answer shows.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use crate::nanod::DEADLINE;

/// One connection.
pub(crate) struct Conn {
    stream: TcpStream,
    /// What was received and not yet looked at.
    buffer: Vec<u8>,
}

/// An answer's status line and headers.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// A header's value; panics if it came twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} came {} times", values.len());
        values.first().map(|value| str::from_utf8(value).unwrap())
    }

    /// A header's values.
    pub(crate) fn all(&self, name: &str) -> Vec<&[u8]> {
        self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_slice()).collect()
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }
}

impl Conn {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    /// As [`Conn::open`], where nobody may listen any more.
    pub(crate) fn try_open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, DEADLINE)?;
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// A second handle on the same connection, to write while another thread reads.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// As [`Conn::send`], where the server may have closed already.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Ends this side of the connection; answers can still come.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Sends a request, with a length if it has a body.
    pub(crate) fn request(
        &mut self,
        method: &str,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        self.try_send([text.as_bytes(), body].concat());
    }

    /// Receives more. `false`: the server has closed.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 << 10];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return false,
                Ok(bytes) => {
                    self.buffer.extend_from_slice(&chunk[..bytes]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("no answer in time: {error}; so far {:?}", self.seen()),
            }
        }
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.buffer).chars().take(500).collect()
    }

    /// The next bytes.
    pub(crate) fn take(&mut self, bytes: usize) -> Vec<u8> {
        while self.buffer.len() < bytes {
            assert!(self.fill(), "the server closed in the middle; so far {:?}", self.seen());
        }
        self.buffer.drain(..bytes).collect()
    }

    fn line(&mut self) -> Vec<u8> {
        self.try_line().unwrap_or_else(|| panic!("the server closed in the middle; so far {:?}", self.seen()))
    }

    fn try_line(&mut self) -> Option<Vec<u8>> {
        let mut from = 0;
        loop {
            if let Some(at) = self.buffer[from..].windows(2).position(|pair| pair == b"\r\n") {
                let mut line = self.take(from + at + 2);
                line.truncate(from + at);
                return Some(line);
            }
            from = self.buffer.len().saturating_sub(1);
            if !self.fill() {
                return None;
            }
        }
    }

    /// The next answer's head, an interim one (1xx) included. `None`: the server closed instead.
    pub(crate) fn try_head(&mut self) -> Option<Head> {
        let status_line = String::from_utf8(self.try_line()?).unwrap();
        let status = status_line.strip_prefix("HTTP/1.1 ").or(status_line.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not a status line: {status_line}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return Some(Head { status, headers });
            }
            let colon = line.iter().position(|byte| *byte == b':').expect("a header line has a colon");
            let name = String::from_utf8(line[..colon].to_vec()).unwrap().to_ascii_lowercase();
            headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
    }

    pub(crate) fn head(&mut self) -> Head {
        self.try_head().expect("an answer")
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = String::from_utf8(self.line()).unwrap();
        let bytes = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("not a chunk's size: {line}"));
        let chunk = self.take(bytes);
        assert_eq!(self.take(2), b"\r\n");
        (bytes > 0).then_some(chunk)
    }

    /// The next answer, to anything but HEAD.
    pub(crate) fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next answer, to a request of that method.
    pub(crate) fn response_to(&mut self, method: &str) -> Response {
        self.try_response_to(method).expect("an answer")
    }

    pub(crate) fn try_response_to(&mut self, method: &str) -> Option<Response> {
        let head = self.try_head()?;
        let bodiless = method == "HEAD" || matches!(head.status, 100..=199 | 204 | 304);
        let body = if bodiless {
            Vec::new()
        } else if head.header("transfer-encoding") == Some("chunked") {
            assert_eq!(head.header("content-length"), None, "both lengths at once");
            let mut body = Vec::new();
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
            body
        } else if let Some(length) = head.header("content-length") {
            let length = length.parse().unwrap();
            self.take(length)
        } else {
            self.rest()
        };
        Some(Response { head, body })
    }

    /// Everything up to the close.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Waits for the close, before which nothing more may come.
    pub(crate) fn assert_closed(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more came before the close: {:?}", String::from_utf8_lossy(&rest));
    }
}
