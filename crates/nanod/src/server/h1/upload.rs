//! A request's body on its way from the connection's bytes to its reader.

use std::task::{Context, Poll};

use nano_runtime::{BodyError, IncomingBody};

use super::super::stall::Stall;
use super::body::{Decoder, Feed};
use super::head::Framing;
use super::io::Input;

/// The body of the request that is being answered.
pub(super) struct Upload {
    pub(super) feed: Feed,
    pub(super) decoder: Decoder,
    /// The client waits for a word before it sends it.
    pub(super) expects_continue: bool,
    pub(super) reader_gone: bool,
}

/// What came of looking at the client's side.
pub(super) enum Look {
    /// Something came, or went on.
    Progress,
    /// Nothing for now.
    Quiet,
}

impl Upload {
    /// Begins with what came along with the head. The reader refuses to give more than `max` bytes.
    pub(super) fn begin(
        framing: Framing,
        expects_continue: bool,
        max: u64,
        input: &mut Input,
    ) -> (Self, IncomingBody) {
        let decoder = Decoder::new(framing);
        let feed = Feed::new(decoder.certain());
        let reader: IncomingBody = Box::pin(feed.reader(max));
        let mut upload = Self { feed, decoder, expects_continue, reader_gone: false };
        upload.take_buffered(input);
        (upload, reader)
    }

    /// Gives the reader what is in the buffer. Tells whether that was something.
    pub(super) fn take_buffered(&mut self, input: &mut Input) -> bool {
        let Ok(marks) = self.decoder.marks(input.bytes()) else {
            self.fail("its chunks are malformed");
            return true;
        };
        input.drop_front(marks);
        let taken = self.decoder.data(input.bytes());
        let data = input.take_front(taken);
        // The end of the frame mostly comes along with the last data. What is broken is found again.
        if let Ok(marks) = self.decoder.marks(input.bytes()) {
            input.drop_front(marks);
        }
        let is_done = self.decoder.is_done();
        if taken > 0 || is_done {
            self.expects_continue = false;
            self.feed.give(data, is_done);
        }
        taken > 0 || is_done
    }

    /// Nobody reads any more: what is in the buffer may be the rest.
    pub(super) fn skip_buffered(&mut self, input: &mut Input) {
        while !self.decoder.is_done() && !input.is_empty() {
            let Ok(marks) = self.decoder.marks(input.bytes()) else { return };
            input.drop_front(marks);
            let taken = self.decoder.data(input.bytes());
            input.drop_front(taken);
        }
    }

    /// The rest of the body is there to be had, but nobody will.
    pub(super) fn is_unwanted(&self) -> bool {
        !self.decoder.is_done() && (self.reader_gone || self.expects_continue || self.feed.is_reader_gone())
    }

    /// Feeds the reader, which wants more.
    pub(super) fn feed_from(
        &mut self,
        input: &mut Input,
        stream: &mut Stall,
        cx: &mut Context<'_>,
    ) -> std::io::Result<Look> {
        loop {
            if !input.is_empty() && self.take_buffered(input) {
                return Ok(Look::Progress);
            }
            match input.poll_read(stream, cx, self.decoder.wanted())? {
                Poll::Pending => return Ok(Look::Quiet),
                Poll::Ready(0) => {
                    self.fail("the client stopped sending");
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
                Poll::Ready(_) => {}
            }
        }
    }

    pub(super) fn fail(&mut self, why: &str) {
        self.feed.fail(BodyError::Broken(why.to_owned()));
        self.reader_gone = true;
    }
}
