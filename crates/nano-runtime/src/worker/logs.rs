//! What apps write with `console`, and their errors: into the process's log under the app's name, limited in size and
//! rate.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::{Counters, Fault, XRequestId};

/// The longest message, in bytes; the rest is cut.
const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// Messages a second that an app may write for long.
const MESSAGES_PER_SECOND: f64 = 200.0;
/// Messages that it may write at once.
const MESSAGES_BURST: f64 = 1000.0;
/// How long after the first message that was dropped the log tells how many were.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// A token bucket over one app's messages.
pub(crate) struct LogLimiter {
    app: Arc<str>,
    counters: Arc<Counters>,
    state: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
    /// Since the last report; another one is on its way unless this is 0.
    dropped: u64,
}

impl LogLimiter {
    pub(crate) fn new(app: &Arc<str>, counters: &Arc<Counters>) -> Arc<Self> {
        let state = Mutex::new(Bucket { tokens: MESSAGES_BURST, at: Instant::now(), dropped: 0 });
        Arc::new(Self { app: Arc::clone(app), counters: Arc::clone(counters), state })
    }

    /// Whether a message may be written.
    fn admit(self: &Arc<Self>) -> bool {
        let first = {
            let mut bucket = self.state.lock();
            let now = Instant::now();
            let refill = now.duration_since(bucket.at).as_secs_f64() * MESSAGES_PER_SECOND;
            bucket.tokens = (bucket.tokens + refill).min(MESSAGES_BURST);
            bucket.at = now;
            if bucket.tokens >= 1.0 {
                bucket.tokens -= 1.0;
                return true;
            }
            bucket.dropped += 1;
            bucket.dropped == 1
        };
        self.counters.log_lines_dropped.fetch_add(1, Ordering::Relaxed);
        if first {
            self.report_soon();
        }
        false
    }

    /// The app may have nothing more to say: who reads the log is told all the same.
    fn report_soon(self: &Arc<Self>) {
        let limiter = Arc::clone(self);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                tokio::time::sleep(REPORT_AFTER).await;
                limiter.report();
            })),
            Err(_no_runtime) => limiter.report(),
        }
    }

    fn report(&self) {
        let dropped = std::mem::take(&mut self.state.lock().dropped);
        let app = &*self.app;
        tracing::warn!(app, dropped, "the app logs faster than its limit; lines were dropped");
    }

    /// Tells that a request was answered with the error of a limit.
    pub(super) fn write_limit(self: &Arc<Self>, fault: Fault, request_id: &XRequestId, took: Duration) {
        if !tracing::enabled!(tracing::Level::WARN) || !self.admit() {
            return;
        }
        tracing::warn!(
            app = &*self.app,
            request_id = request_id.to_string(),
            reason = fault.code(),
            duration_ms = millis(took),
            "the request was ended by a limit"
        );
    }

    /// Writes `text` for the app.
    pub(crate) fn write(self: &Arc<Self>, level: tracing::Level, request_id: &str, text: &str) {
        // What nobody would see takes no place from other messages.
        let is_wanted = match level {
            tracing::Level::ERROR => tracing::enabled!(target: "app", tracing::Level::ERROR),
            tracing::Level::WARN => tracing::enabled!(target: "app", tracing::Level::WARN),
            tracing::Level::INFO => tracing::enabled!(target: "app", tracing::Level::INFO),
            _ => tracing::enabled!(target: "app", tracing::Level::DEBUG),
        };
        if !is_wanted || !self.admit() {
            return;
        }
        let (app, text) = (&*self.app, cut(text));
        match level {
            tracing::Level::ERROR => tracing::error!(target: "app", app, request_id, "{text}"),
            tracing::Level::WARN => tracing::warn!(target: "app", app, request_id, "{text}"),
            tracing::Level::INFO => tracing::info!(target: "app", app, request_id, "{text}"),
            _ => tracing::debug!(target: "app", app, request_id, "{text}"),
        }
    }
}

/// To the microsecond: more is noise, and long to read.
fn millis(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1e3
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
        let counters = Arc::<Counters>::default();
        let limiter = LogLimiter::new(&"app".into(), &counters);
        let admitted = (0..5000).filter(|_| limiter.admit()).count();
        assert!((1000..1500).contains(&admitted), "{admitted}");
        let dropped = counters.log_lines_dropped.load(Ordering::Relaxed);
        assert_eq!(dropped, 5000 - admitted as u64);
    }
}
