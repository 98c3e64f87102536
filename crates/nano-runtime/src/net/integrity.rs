//! Subresource Integrity (<https://w3c.github.io/webappsec-subresource-integrity/>): a response is given only when
//! its body has one of the digests that the request names.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::coding::Codings;
use super::decoded::decoded;
use crate::engine::MemoryAccount;
use crate::worker::{BodyError, IncomingBody, Meter};

/// Bytes of a body that can be checked: it is held as a whole, since nothing of it may be given before its end.
const CHECKED_BODY_BYTES_MAX: usize = 64 << 20;

/// Bytes of such a body that are given at once.
const CHUNK_BYTES: usize = 64 << 10;

/// The digests that a request allows.
pub(crate) struct Integrity {
    /// `None`: the metadata names no digest that is known, so everything matches.
    algorithm: Option<&'static digest::Algorithm>,
    /// In base64url, without padding.
    values: Vec<String>,
    memory: Arc<MemoryAccount>,
    meter: Arc<Meter>,
}

impl Integrity {
    /// "Parse metadata" and "get the strongest metadata from set". What is held counts against `memory`,
    /// what decoding costs goes by `meter`.
    pub(crate) fn parse(metadata: &str, memory: &Arc<MemoryAccount>, meter: Meter) -> Self {
        let (mut algorithm, mut values): (Option<&'static digest::Algorithm>, _) = (None, Vec::new());
        for item in metadata.split_ascii_whitespace() {
            let expression = item.split('?').next().unwrap_or(item);
            let (name, value) = expression.split_once('-').unwrap_or((expression, ""));
            let found = match name {
                "sha256" => &digest::SHA256,
                "sha384" => &digest::SHA384,
                "sha512" => &digest::SHA512,
                _ => continue,
            };
            let strongest = algorithm.map_or(0, digest::Algorithm::output_len);
            if found.output_len() > strongest {
                algorithm = Some(found);
                values.clear();
            }
            if found.output_len() >= strongest {
                // Both alphabets are in use, and the padding is left out at times.
                values.push(value.trim_end_matches('=').replace('+', "-").replace('/', "_"));
            }
        }
        Self { algorithm, values, memory: Arc::clone(memory), meter: Arc::new(meter) }
    }

    /// The body again, if it is what was asked for ("do bytes match metadataList?"). It is read to its end.
    /// `codings` are taken off first.
    pub(super) async fn check(
        self,
        body: Option<IncomingBody>,
        codings: Option<Codings>,
    ) -> Result<IncomingBody, String> {
        let mut body = body.ok_or("a response without a body has no integrity")?;
        if let Some(codings) = codings {
            body = decoded(body, &codings, &self.memory, &self.meter);
        }
        let mut held = Held { counted: 0, memory: Arc::clone(&self.memory) };
        // One buffer: chunks may be small, and each holds more than it has.
        let mut bytes = Vec::new();
        let mut context = self.algorithm.map(digest::Context::new);
        while let Some(frame) = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let frame = frame.map_err(|error| error.to_string())?;
            if let Ok(chunk) = frame.into_data() {
                if let Some(context) = &mut context {
                    context.update(&chunk);
                }
                held.count(chunk.len())?;
                bytes.extend_from_slice(&chunk);
            }
        }
        let matches = context.is_none_or(|context| {
            let actual = URL_SAFE_NO_PAD.encode(context.finish());
            self.values.contains(&actual)
        });
        if !matches {
            return Err(
                "the response's body does not have the integrity that the request asks for".to_owned()
            );
        }
        Ok(Box::pin(Checked { left: bytes.into(), _held: held }))
    }
}

/// What a body that was read already counts for, until it goes.
struct Held {
    counted: usize,
    memory: Arc<MemoryAccount>,
}

impl Held {
    fn count(&mut self, bytes: usize) -> Result<(), String> {
        if self.counted + bytes > CHECKED_BODY_BYTES_MAX || !self.memory.try_add(bytes) {
            return Err("the response's body is too large for a check of its integrity".to_owned());
        }
        self.counted += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.sub(self.counted);
    }
}

/// A body that was read and checked.
struct Checked {
    left: Bytes,
    _held: Held,
}

impl Body for Checked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let size = self.left.len().min(CHUNK_BYTES);
        let chunk = (size > 0).then(|| self.left.split_to(size));
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
