//! `GET /admin/apps/{hostname}/logs`: an app's lines as they come, until the app or the process ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body::{Body, Frame};
use nano_runtime::{BodyError, ReplyBody};
use tokio::time::{Instant, Interval};
use tracing::Level;

use super::Desk;
use super::answer::{Code, Refusal};
use crate::apps::Registry;
use crate::server::OutBody;
use crate::telemetry::{Follower, lost_line};

/// How often it is looked whether the app is still there.
const LOOK: Duration = Duration::from_secs(1);
/// After so long without a line an empty one tells both ends that the other is there.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Follows the app that `asked` names: by a host of its, or by its own name.
pub(super) fn open(desk: &Desk, asked: &str, query: Option<&str>) -> Result<Response<OutBody>, Refusal> {
    let level = level_of(query).ok_or_else(|| {
        let message = "the query may be `level=` with error, warn, info, debug or trace";
        Refusal::new(Code::UnknownParameter, message)
    })?;
    let name = desk.app(asked)?.config.name.clone();
    let too_many = || Refusal::new(Code::TooManyFollowers, "too many follow logs already");
    let follower = desk.log.follow(&name, level).ok_or_else(too_many)?;
    let (registry, look) = (Arc::clone(&desk.registry), tokio::time::interval(LOOK));
    let tail = Tail { follower, registry, look, latest: Instant::now() };
    let mut response = Response::new(OutBody::from(ReplyBody::Incoming(Box::pin(tail))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

fn level_of(query: Option<&str>) -> Option<Level> {
    match query {
        None | Some("") => Some(Level::INFO),
        Some(query) => query.strip_prefix("level=").filter(|level| !level.is_empty())?.parse().ok(),
    }
}

/// The body: lines as they come.
struct Tail {
    follower: Follower,
    registry: Arc<Registry>,
    look: Interval,
    /// When something was sent last.
    latest: Instant,
}

impl Body for Tail {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        while let Poll::Ready(now) = self.look.poll_tick(cx) {
            let name = self.follower.app();
            if !self.registry.routes().apps().iter().any(|app| app.config.name == name) {
                self.follower.end();
            }
            if now.saturating_duration_since(self.latest) >= SILENCE_MAX {
                self.latest = now;
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"\n")))));
            }
        }
        match self.follower.poll_chunk(cx) {
            Poll::Ready(Some(mut chunk)) => {
                if chunk.lost > 0 {
                    chunk.text.push_str(&lost_line(self.follower.app(), chunk.lost));
                }
                self.latest = Instant::now();
                Poll::Ready(Some(Ok(Frame::data(chunk.text.into()))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::level_of;

    #[test]
    fn the_level_is_info_unless_it_is_named() {
        assert_eq!(level_of(None), Some(tracing::Level::INFO));
        assert_eq!(level_of(Some("level=debug")), Some(tracing::Level::DEBUG));
        for query in ["level=", "level=loud", "lines=1", "level=info&x"] {
            assert_eq!(level_of(Some(query)), None, "{query}");
        }
    }
}
