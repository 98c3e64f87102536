//! Those who follow an app's log live. What they are too slow for is counted and told to them; who logs never waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tracing::Level;

/// How many may follow at once, whatever apps.
const FOLLOWERS_MAX: usize = 16;
/// Bytes of lines that may wait for one of them.
const FEED_BYTES_MAX: usize = 1 << 20;
/// Bytes that one takes at once, about.
const CHUNK_BYTES: usize = 64 << 10;

/// All who follow.
#[derive(Default)]
pub(super) struct Followers {
    feeds: Mutex<Vec<Arc<Feed>>>,
    /// The most verbose level that anyone wants, as [`rank`]; 0: there is nobody. Read without the lock.
    level: AtomicU8,
}

/// What waits for one of them.
struct Feed {
    app: Box<str>,
    level: Level,
    state: Mutex<FeedState>,
}

#[derive(Default)]
struct FeedState {
    lines: VecDeque<Arc<str>>,
    bytes: usize,
    /// Lines that did not fit since the follower was last told.
    lost: u64,
    ended: bool,
    waker: Option<Waker>,
}

/// One who follows an app, until it is dropped.
pub(crate) struct Follower {
    feed: Arc<Feed>,
    all: Arc<Followers>,
}

/// What there is for a follower.
pub(crate) struct Chunk {
    /// Whole lines.
    pub(crate) text: String,
    /// Lines that are missing after them.
    pub(crate) lost: u64,
}

/// 1 for errors only, up to 5.
fn rank(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl Followers {
    /// Follows the app of that name. `None`: too many do so already.
    pub(super) fn follow(self: &Arc<Self>, app: &str, level: Level) -> Option<Follower> {
        let feed = Arc::new(Feed { app: app.into(), level, state: Mutex::default() });
        let mut feeds = self.feeds.lock();
        if feeds.len() >= FOLLOWERS_MAX {
            return None;
        }
        feeds.push(Arc::clone(&feed));
        self.set_level(&feeds);
        drop(feeds);
        tracing::callsite::rebuild_interest_cache();
        Some(Follower { feed, all: Arc::clone(self) })
    }

    fn set_level(&self, feeds: &[Arc<Feed>]) {
        let level = feeds.iter().map(|feed| rank(feed.level)).max().unwrap_or(0);
        self.level.store(level, Ordering::Relaxed);
    }

    /// Whether anyone wants lines of that level.
    pub(super) fn want(&self, level: Level) -> bool {
        rank(level) <= self.level.load(Ordering::Relaxed)
    }

    /// Whether anyone wants this app's lines of that level.
    pub(super) fn want_of(&self, app: &str, level: Level) -> bool {
        self.feeds.lock().iter().any(|feed| feed.wants(app, level))
    }

    /// Gives a line, with its end, to those who follow its app.
    pub(super) fn push(&self, app: &str, level: Level, line: &Arc<str>) {
        for feed in self.feeds.lock().iter().filter(|feed| feed.wants(app, level)) {
            feed.push(line);
        }
    }

    /// Nothing more comes for anybody.
    pub(super) fn end(&self) {
        for feed in self.feeds.lock().iter() {
            feed.end();
        }
    }

    /// Whether anybody follows.
    pub(super) fn is_empty(&self) -> bool {
        self.feeds.lock().is_empty()
    }
}

impl Feed {
    fn wants(&self, app: &str, level: Level) -> bool {
        level <= self.level && *self.app == *app
    }

    fn push(&self, line: &Arc<str>) {
        let waker = {
            let mut state = self.state.lock();
            // From the first lost line on, none goes in before the follower is told: the gap is where it says.
            if state.lost > 0 || state.bytes + line.len() > FEED_BYTES_MAX {
                state.lost += 1;
            } else {
                state.bytes += line.len();
                state.lines.push_back(Arc::clone(line));
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn end(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.ended = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Follower {
    /// The name of the app.
    pub(crate) fn app(&self) -> &str {
        &self.feed.app
    }

    /// Nothing more comes.
    pub(crate) fn end(&self) {
        self.feed.end();
    }

    /// The next lines. `None`: there will be no more.
    pub(crate) fn poll_chunk(&self, cx: &mut Context<'_>) -> Poll<Option<Chunk>> {
        let mut state = self.feed.state.lock();
        let mut text = String::new();
        while text.len() < CHUNK_BYTES
            && let Some(line) = state.lines.pop_front()
        {
            state.bytes -= line.len();
            text.push_str(&line);
        }
        let lost = if state.lines.is_empty() { std::mem::take(&mut state.lost) } else { 0 };
        if !text.is_empty() || lost > 0 {
            return Poll::Ready(Some(Chunk { text, lost }));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let mut feeds = self.all.feeds.lock();
        feeds.retain(|feed| !Arc::ptr_eq(feed, &self.feed));
        self.all.set_level(&feeds);
        drop(feeds);
        tracing::callsite::rebuild_interest_cache();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use tracing::Level;

    use super::{Chunk, FEED_BYTES_MAX, FOLLOWERS_MAX, Follower, Followers};

    fn next(follower: &Follower) -> Option<Chunk> {
        match follower.poll_chunk(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(chunk)) => Some(chunk),
            _ => None,
        }
    }

    #[test]
    fn a_slow_follower_learns_where_lines_are_missing() {
        let followers = Arc::<Followers>::default();
        let follower = followers.follow("app", Level::INFO).unwrap();
        let line: Arc<str> = format!("{}\n", "x".repeat(1023)).into();
        for _ in 0..FEED_BYTES_MAX / 1024 + 5 {
            followers.push("app", Level::INFO, &line);
        }
        followers.push("app", Level::DEBUG, &line);
        followers.push("other", Level::INFO, &line);
        let mut bytes = 0;
        let lost = loop {
            let chunk = next(&follower).unwrap();
            bytes += chunk.text.len();
            if chunk.lost > 0 {
                break chunk.lost;
            }
        };
        assert_eq!((bytes, lost), (FEED_BYTES_MAX, 5));
        followers.push("app", Level::ERROR, &"after\n".into());
        assert_eq!(next(&follower).unwrap().text, "after\n");
        follower.end();
        let ended = follower.poll_chunk(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ended, Poll::Ready(None)));
    }

    #[test]
    fn followers_are_bounded_and_their_level_goes_with_them() {
        let followers = Arc::<Followers>::default();
        let all: Vec<_> = (0..FOLLOWERS_MAX).map(|_| followers.follow("app", Level::WARN).unwrap()).collect();
        assert!(followers.follow("app", Level::TRACE).is_none());
        assert!(followers.want(Level::WARN) && !followers.want(Level::INFO));
        drop(all);
        assert!(followers.is_empty() && !followers.want(Level::ERROR));
    }
}
