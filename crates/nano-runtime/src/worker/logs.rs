//! What apps write with `console`: into the process's log under the app's name, limited in size and rate.

use std::time::Instant;

use parking_lot::Mutex;

/// The longest message, in bytes; the rest is cut.
const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// Messages a second that an app may write for long.
const MESSAGES_PER_SECOND: f64 = 200.0;
/// Messages that it may write at once.
const MESSAGES_BURST: f64 = 1000.0;

/// A token bucket over one app's messages.
pub(crate) struct LogLimiter {
    state: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
    dropped: u64,
}

impl LogLimiter {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(Bucket { tokens: MESSAGES_BURST, at: Instant::now(), dropped: 0 }) }
    }

    /// Whether a message may be written, and how many were dropped since the last that was.
    fn admit(&self) -> Option<u64> {
        let mut bucket = self.state.lock();
        let now = Instant::now();
        let refill = now.duration_since(bucket.at).as_secs_f64() * MESSAGES_PER_SECOND;
        bucket.tokens = (bucket.tokens + refill).min(MESSAGES_BURST);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            bucket.dropped += 1;
            return None;
        }
        bucket.tokens -= 1.0;
        Some(std::mem::take(&mut bucket.dropped))
    }

    /// Writes `text` for `app`.
    pub(crate) fn write(&self, level: tracing::Level, app: &str, request_id: &str, text: &str) {
        let Some(dropped) = self.admit() else { return };
        if dropped > 0 {
            tracing::warn!(app, dropped, "the app logs faster than its limit; messages were dropped");
        }
        let text = cut(text);
        match level {
            tracing::Level::ERROR => tracing::error!(target: "app", app, request_id, "{text}"),
            tracing::Level::WARN => tracing::warn!(target: "app", app, request_id, "{text}"),
            tracing::Level::DEBUG | tracing::Level::TRACE => {
                tracing::debug!(target: "app", app, request_id, "{text}");
            }
            tracing::Level::INFO => tracing::info!(target: "app", app, request_id, "{text}"),
        }
    }
}

fn cut(text: &str) -> &str {
    let end = text.floor_char_boundary(MESSAGE_BYTES_MAX);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_at_a_character() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(cut(&long).len(), MESSAGE_BYTES_MAX);
    }

    #[test]
    fn a_burst_is_admitted_then_counted() {
        let limiter = LogLimiter::new();
        let admitted = (0..5000).filter(|_| limiter.admit().is_some()).count();
        assert!((1000..1500).contains(&admitted), "{admitted}");
        assert!(limiter.state.lock().dropped > 3000);
    }
}
