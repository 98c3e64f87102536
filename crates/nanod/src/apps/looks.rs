//! A thread for looks at files: they block, and come every few seconds. On tokio's blocking threads they would keep
//! those alive that long turns have given up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use tokio::sync::oneshot;

type Look = Box<dyn FnOnce() + Send>;

/// The thread, for as long as this is there.
pub(super) struct Looks(mpsc::Sender<Look>);

impl Looks {
    pub(super) fn new() -> std::io::Result<Self> {
        let (sender, looks) = mpsc::channel::<Look>();
        std::thread::Builder::new().name("looks".to_owned()).spawn(move || {
            for look in looks {
                // Whoever waits for it hears that it panicked by the end of its channel.
                let _ = catch_unwind(AssertUnwindSafe(look));
            }
        })?;
        Ok(Self(sender))
    }

    /// Runs `look` when those before it are through. `None`: it panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, seen) = oneshot::channel();
        let look = Box::new(move || {
            let _ = sender.send(look());
        });
        self.0.send(look).ok()?;
        let seen = seen.await.ok();
        if seen.is_none() {
            tracing::error!("bug: a look at files panicked");
        }
        seen
    }
}
