//! What an operator asks about an app as a whole: what its isolates are at, and what went wrong last.

use std::time::SystemTime;

use parking_lot::Mutex;

/// The longest message that is kept, in bytes; stacks are in the log.
const MESSAGE_BYTES_MAX: usize = 2048;

/// What an app's isolates are at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerState {
    /// None is there: the next request starts one.
    Idle,
    /// The first one is on its way.
    Starting,
    /// At least one is there.
    Running,
    /// The last start failed, or the app is held back for the isolates it lost.
    Failed,
}

/// What went wrong last with an app as a whole: a start, a limit, a change. What its requests fail at is in its log.
#[derive(Debug, Clone)]
pub struct LastError {
    /// When.
    pub at: SystemTime,
    /// The kind: a [`Fault::code`](super::Fault::code), or what the server calls it.
    pub code: &'static str,
    /// What happened.
    pub message: String,
}

/// Where the last error of an app is kept, over all its revisions.
#[derive(Default)]
pub(super) struct LastErrors(Mutex<Option<LastError>>);

impl LastErrors {
    pub(super) fn note(&self, code: &'static str, message: &str) {
        let end = (0..=MESSAGE_BYTES_MAX).rev().find(|end| message.is_char_boundary(*end));
        let message = message.get(..end.unwrap_or_default()).unwrap_or(message).to_owned();
        *self.0.lock() = Some(LastError { at: SystemTime::now(), code, message });
    }

    pub(super) fn get(&self) -> Option<LastError> {
        self.0.lock().clone()
    }
}
