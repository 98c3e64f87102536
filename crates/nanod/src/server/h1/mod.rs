//! HTTP/1.1 (RFC 9112), on one connection: heads in, answers out, bodies both ways.
//!
//! One task serves a connection. It alone reads and writes the socket: a request's body goes to its reader through a
//! `Feed`, which asks for more, and a response's body is polled here. What is to be written is gathered until there is
//! something to wait for, so pipelined requests are answered in few writes, and head and body of a small answer in one.

mod body;
mod encode;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod head;
mod io;
mod upload;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use nano_runtime::Moment;
use tokio::io::AsyncWrite as _;
use tokio::net::TcpStream;

use super::answer::Outgoing;
use super::body::OutBody;
use super::connections::{Entry, Verdict};
use super::request::{self, Answer};
use super::stall::Stall;
use super::{Front, HEAD_BYTES_MAX};

use body::Wants;
use encode::{Framing, Terms};
use head::{Parse, Parsed};
use io::{Input, Output};
use upload::{Look, Upload};

/// What an HTTP/2 client begins with (RFC 9113, section 3.4).
const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client may go on sending what nobody will read, so that it gets to read its answer first: closing at once
/// would reset the connection under it.
const LINGER: Duration = Duration::from_secs(2);

/// How a connection ended.
pub(super) enum Ended {
    /// It is over.
    Closed,
    /// The client speaks HTTP/2; these bytes came already.
    Http2(Stall, Bytes),
}

/// Serves a connection to its end, or to where it turns out to be one of HTTP/2.
pub(super) async fn serve(
    front: &Arc<Front>,
    own: Option<u16>,
    stream: TcpStream,
    entry: &Entry,
) -> std::io::Result<Ended> {
    let mut connection = Connection {
        front,
        own,
        entry,
        stream: Stall::new(stream),
        input: Input::default(),
        output: Output::default(),
        searched: 0,
        registered: false,
    };
    match connection.run().await? {
        Finished::Http2 => Ok(Ended::Http2(connection.stream, connection.input.take())),
        Finished::Clean => Ok(Ended::Closed),
        Finished::Unread => {
            connection.linger().await;
            Ok(Ended::Closed)
        }
    }
}

/// Where a connection's exchanges ended.
enum Finished {
    Http2,
    /// All that the client sent was read.
    Clean,
    /// The client may still be sending.
    Unread,
}

struct Connection<'a> {
    front: &'a Arc<Front>,
    own: Option<u16>,
    entry: &'a Entry,
    stream: Stall,
    input: Input,
    output: Output,
    /// Bytes of the next head in which its end was looked for.
    searched: usize,
    registered: bool,
}

/// A request whose answer takes more than writing some bytes.
struct Exchange {
    answer: Answer,
    upload: Option<Upload>,
    /// A body comes that nobody will read.
    refused_body: bool,
    keep_alive: bool,
    is_http_1_0: bool,
    arrived: Moment,
}

impl Connection<'_> {
    async fn run(&mut self) -> std::io::Result<Finished> {
        loop {
            match self.next_head() {
                Parse::Head(parsed) => {
                    if let Some(exchange) = self.begin(parsed) {
                        self.entry.connection.begin_only();
                        let finished = self.finish(*exchange).await?;
                        self.entry.connection.end_only();
                        if let Some(finished) = finished {
                            return Ok(finished);
                        }
                    }
                    // A client that pipelines without an end must not keep the thread for itself.
                    tokio::task::coop::consume_budget().await;
                }
                Parse::Partial => {
                    if !self.fill().await? {
                        return Ok(Finished::Clean);
                    }
                }
                Parse::Http2 => return Ok(Finished::Http2),
                Parse::Refused(refused) => {
                    let outgoing = Outgoing::problem(refused.problem, &refused.asked, None);
                    let terms = Terms { is_http_1_0: false, keep_alive: false };
                    self.send(outgoing, terms, &mut None, refused.asked.arrived).await?;
                    return Ok(Finished::Unread);
                }
            }
        }
    }

    /// The next request's head, if all of it came.
    fn next_head(&mut self) -> Parse {
        let bytes = self.input.bytes();
        let worth_a_try = match self.searched {
            0 => !bytes.is_empty(),
            // A head that comes byte by byte is not parsed anew for each.
            searched => bytes.len() >= HEAD_BYTES_MAX || has_empty_line(bytes, searched),
        };
        if bytes.first() == Some(&b'P') && is_preface_or_part(bytes) {
            return if bytes.len() >= HTTP_2_PREFACE.len() { Parse::Http2 } else { Parse::Partial };
        }
        self.searched = bytes.len();
        if !worth_a_try {
            return Parse::Partial;
        }
        let route = |host: Option<&[u8]>| request::route(self.front, self.own, host);
        let next = head::parse(bytes, &self.front.ids, route);
        if let Parse::Head(parsed) = &next {
            self.input.drop_front(parsed.bytes);
            self.searched = 0;
        }
        next
    }

    /// Gives a request to its app. `None`: its answer is on its way, and the connection can take the next.
    fn begin(&mut self, parsed: Parsed) -> Option<Box<Exchange>> {
        let Parsed { head, framing, keep_alive, is_http_1_0, expects_continue, bytes: _ } = parsed;
        let arrived = head.asked.arrived;
        let mut upload = None;
        let mut answer = request::answer(self.front, head, |max| {
            // Mostly a small body came along with its head.
            let (begun, reader) = Upload::begin(framing?, expects_continue, max, &mut self.input);
            upload = Some(begun);
            Some(reader)
        });
        if let Answer::Ready(outgoing) = &mut answer
            && framing.is_none()
            && self.may_stay(keep_alive, outgoing)
            && outgoing.body.is_full()
            && !self.output.is_large()
        {
            let terms = Terms { is_http_1_0, keep_alive };
            self.send_whole(outgoing, terms, arrived);
            self.entry.connection.note_idle();
            return None;
        }
        let refused_body = framing.is_some() && upload.is_none();
        Some(Box::new(Exchange { answer, upload, refused_body, keep_alive, is_http_1_0, arrived }))
    }

    /// Whether the connection may be used after this answer, by what is known before it is sent.
    fn may_stay(&self, keep_alive: bool, outgoing: &Outgoing) -> bool {
        keep_alive && !outgoing.is_last && self.entry.connection.verdict() == Verdict::Serve
    }

    /// Waits for the answer, sends it, and sees to the rest of the request. `None`: the connection can take the next.
    async fn finish(&mut self, exchange: Exchange) -> std::io::Result<Option<Finished>> {
        let Exchange { answer, mut upload, refused_body, keep_alive, is_http_1_0, arrived } = exchange;
        let outgoing = match answer {
            Answer::Ready(outgoing) => outgoing,
            Answer::Waiting(mut outgoing) => {
                poll_fn(|cx| {
                    loop {
                        if let Poll::Ready(outgoing) = outgoing.as_mut().poll(cx) {
                            return Poll::Ready(Ok::<_, std::io::Error>(outgoing));
                        }
                        let _ = self.output.poll_flush(&mut self.stream, cx)?;
                        match self.look(&mut upload, cx)? {
                            Look::Progress => {}
                            Look::Quiet => return Poll::Pending,
                        }
                    }
                })
                .await?
            }
        };
        // Where the next request begins is known only once this one's body is read.
        let unwanted = refused_body || upload.as_ref().is_some_and(Upload::is_unwanted);
        let terms = Terms { is_http_1_0, keep_alive: self.may_stay(keep_alive, &outgoing) && !unwanted };
        let stays = self.send(outgoing, terms, &mut upload, arrived).await?;
        if let Some(mut upload) = upload {
            // `waitUntil` work may read on.
            self.finish_upload(&mut upload).await?;
            if !upload.decoder.is_done() {
                return Ok(Some(Finished::Unread));
            }
        } else if refused_body {
            return Ok(Some(Finished::Unread));
        }
        if stays {
            return Ok(None);
        }
        self.flush().await?;
        Ok(Some(if self.input.is_empty() { Finished::Clean } else { Finished::Unread }))
    }

    /// Writes what there is and waits for bytes. `false`: there will be none that count.
    async fn fill(&mut self) -> std::io::Result<bool> {
        poll_fn(|cx| {
            if !self.registered {
                self.registered = true;
                self.entry.connection.register(cx.waker());
            }
            if self.output.hold_back() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let flushed = self.output.poll_flush(&mut self.stream, cx)?;
            let verdict = self.entry.connection.verdict();
            if verdict == Verdict::Close {
                return Poll::Ready(Ok(false));
            }
            match self.input.poll_read(&mut self.stream, cx, 0) {
                // A request of which something came is still taken.
                Poll::Pending if verdict == Verdict::Leave && self.input.is_empty() => {
                    flushed.map(|()| Ok(false))
                }
                read => read.map_ok(|read| read > 0),
            }
        })
        .await
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        poll_fn(|cx| self.output.poll_flush(&mut self.stream, cx)).await
    }

    /// Looks at the client's side while an answer is made or sent: feeds the request's body to its reader, or, when
    /// there is none or no more, notices that the client is gone.
    fn look(&mut self, upload: &mut Option<Upload>, cx: &mut Context<'_>) -> std::io::Result<Look> {
        if let Some(upload) =
            upload.as_mut().filter(|upload| !upload.decoder.is_done() && !upload.reader_gone)
        {
            match upload.feed.wants(cx) {
                Wants::Nothing => return Ok(Look::Quiet),
                Wants::Gone => {
                    upload.reader_gone = true;
                    return Ok(Look::Progress);
                }
                Wants::More => {}
            }
            if std::mem::take(&mut upload.expects_continue) {
                self.output.text.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            let _ = self.output.poll_flush(&mut self.stream, cx)?;
            return upload.feed_from(&mut self.input, &mut self.stream, cx);
        }
        if upload.as_ref().is_some_and(|upload| upload.reader_gone) || self.input.is_full() {
            return Ok(Look::Quiet);
        }
        // What comes now is the next request, or the end.
        match self.input.poll_read(&mut self.stream, cx, 0)? {
            Poll::Ready(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(_) => Ok(Look::Progress),
            Poll::Pending => Ok(Look::Quiet),
        }
    }

    /// Sends an answer. Tells whether the connection can be used again.
    async fn send(
        &mut self,
        mut outgoing: Outgoing,
        terms: Terms,
        upload: &mut Option<Upload>,
        arrived: Moment,
    ) -> std::io::Result<bool> {
        let framing = self.send_whole(&mut outgoing, terms, arrived);
        let keep_alive = terms.keep_alive && framing != Framing::Close;
        if framing != Framing::None && !outgoing.body.is_full() {
            self.stream_body(outgoing.body, framing, upload).await?;
        } else {
            // A body that nobody gets is dropped here, which tells the app.
            drop(outgoing);
            if self.output.is_large() || !keep_alive {
                self.flush().await?;
            }
        }
        Ok(keep_alive)
    }

    /// Puts out the head, and the body if all of it is there.
    fn send_whole(&mut self, outgoing: &mut Outgoing, terms: Terms, arrived: Moment) -> Framing {
        let framing = encode::head(&mut self.output.text, outgoing, terms, arrived);
        if framing != Framing::None
            && let Some(bytes) = outgoing.body.take_full()
        {
            self.output.push_payload(bytes);
        }
        framing
    }

    /// Sends a body that comes bit by bit.
    async fn stream_body(
        &mut self,
        mut body: OutBody,
        framing: Framing,
        upload: &mut Option<Upload>,
    ) -> std::io::Result<()> {
        let mut left = match framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        let mut is_over = left == Some(0);
        poll_fn(|cx| {
            loop {
                if (is_over || self.output.is_large())
                    && self.output.poll_flush(&mut self.stream, cx)?.is_pending()
                {
                    // The client may be sending all the while, and wait for us to read.
                    while matches!(self.look(upload, cx)?, Look::Progress) {}
                    return Poll::Pending;
                }
                if is_over {
                    return Poll::Ready(Ok(()));
                }
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        if let Ok(data) = frame.into_data() {
                            is_over = self.output.push(data, framing, &mut left);
                        }
                    }
                    Poll::Ready(Some(Err(error))) => {
                        return Poll::Ready(Err(std::io::Error::other(error)));
                    }
                    Poll::Ready(None) => {
                        if left.is_some_and(|left| left > 0) {
                            // Fewer bytes than the app said: the client must not take this for the whole.
                            return Poll::Ready(Err(std::io::ErrorKind::UnexpectedEof.into()));
                        }
                        if framing == Framing::Chunked {
                            self.output.text.extend_from_slice(b"0\r\n\r\n");
                        }
                        is_over = true;
                    }
                    Poll::Pending => {
                        let _ = self.output.poll_flush(&mut self.stream, cx)?;
                        if matches!(self.look(upload, cx)?, Look::Quiet) {
                            return Poll::Pending;
                        }
                    }
                }
            }
        })
        .await
    }

    /// The answer is sent: waits for what is left of the request's body as long as somebody reads it, or as it is small.
    async fn finish_upload(&mut self, upload: &mut Upload) -> std::io::Result<()> {
        poll_fn(|cx| {
            loop {
                if upload.decoder.is_done() || upload.reader_gone {
                    return self.output.poll_flush(&mut self.stream, cx);
                }
                let _ = self.output.poll_flush(&mut self.stream, cx)?;
                match upload.feed.wants(cx) {
                    Wants::Gone => {
                        upload.reader_gone = true;
                        upload.skip_buffered(&mut self.input);
                    }
                    Wants::Nothing => return Poll::Pending,
                    Wants::More => {
                        if matches!(upload.feed_from(&mut self.input, &mut self.stream, cx)?, Look::Quiet) {
                            return Poll::Pending;
                        }
                    }
                }
            }
        })
        .await
    }

    /// Reads and forgets what the client still sends, so that it can read the answer.
    async fn linger(&mut self) {
        let goodbye = async {
            self.flush().await?;
            poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await?;
            loop {
                self.input.clear();
                if poll_fn(|cx| self.input.poll_read(&mut self.stream, cx, u64::MAX)).await? == 0 {
                    return Ok::<_, std::io::Error>(());
                }
            }
        };
        let _ = tokio::time::timeout(LINGER, goodbye).await;
    }
}

/// Whether `bytes`, of which the first `searched` have none, have the empty line that ends a head.
fn has_empty_line(bytes: &[u8], searched: usize) -> bool {
    let from = searched.saturating_sub(3);
    let new = bytes.get(from..).unwrap_or_default();
    new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n")
}

fn is_preface_or_part(bytes: &[u8]) -> bool {
    let length = bytes.len().min(HTTP_2_PREFACE.len());
    bytes.get(..length) == HTTP_2_PREFACE.get(..length)
}
