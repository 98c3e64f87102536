//! The least client that can ask one question after another on a connection that stays open.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

/// How long an answer may take: callgrind is slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    /// What was received of the answer.
    answer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("no connection")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(Self { stream, answer: Vec::new() })
    }

    /// Sends one request and waits for the whole of its answer, which must be a 200 that ends with `end`.
    pub(crate) fn ask(&mut self, request: &[u8], end: &str) -> Result<()> {
        self.answer.clear();
        self.stream.write_all(request)?;
        while !self.is_whole()? {
            let mut chunk = [0; 16 << 10];
            let bytes = self.stream.read(&mut chunk).context("no answer in time")?;
            ensure!(bytes > 0, "the server closed the connection");
            self.answer.extend_from_slice(&chunk[..bytes]);
        }
        let answer = String::from_utf8_lossy(&self.answer);
        ensure!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(end), "a wrong answer:\n{answer}");
        Ok(())
    }

    fn is_whole(&self) -> Result<bool> {
        let Some(head) = self.answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            return Ok(false);
        };
        let (head, body) = self.answer.split_at(head + 4);
        let head = str::from_utf8(head)?.to_ascii_lowercase();
        let value = |name| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let Some(length) = value("content-length:") {
            return Ok(body.len() >= length.parse()?);
        }
        match value("transfer-encoding:") {
            Some("chunked") => Ok(body.ends_with(b"\r\n0\r\n\r\n")),
            _ => bail!("an answer without a length:\n{head}"),
        }
    }
}
