//! The process's log as tests see it: all events, kept by app.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) app: String,
    pub(crate) request_id: String,
    pub(crate) message: String,
    /// The other fields, as `name=value`.
    pub(crate) fields: String,
}

/// What was logged since the start.
#[derive(Default)]
pub(crate) struct Logs {
    lines: Mutex<Vec<Line>>,
    written: Notify,
}

impl Logs {
    /// Makes these the process's log.
    pub(crate) fn install() -> Arc<Self> {
        let logs = Arc::new(Self::default());
        tracing::subscriber::set_global_default(Collector(Arc::clone(&logs))).expect("no other subscriber");
        logs
    }

    /// The lines of one app.
    pub(crate) fn of(&self, app: &str) -> Vec<Line> {
        let lines = self.lines.lock().expect("no panic under the lock");
        lines.iter().filter(|line| line.app == app).cloned().collect()
    }

    /// The first line that tells of a bug of NANO's own.
    pub(crate) fn bug(&self) -> Option<String> {
        let lines = self.lines.lock().expect("no panic under the lock");
        let bug = |line: &&Line| line.target.starts_with("nano_runtime") && line.message.starts_with("bug:");
        lines.iter().find(bug).map(|line| format!("{} {}", line.message, line.fields))
    }

    /// The lazy built-ins that the isolates of `app` have loaded, in order.
    pub(crate) fn loaded(&self, app: &str) -> Vec<String> {
        let lines = self.lines.lock().expect("no panic under the lock");
        let user = format!("user={app} ");
        let of_app =
            lines.iter().filter(|line| line.message == "loaded a built-in" && line.fields.contains(&user));
        of_app.map(|line| line.fields.replace(&user, "").trim().replace("built_in=", "")).collect()
    }

    /// Waits for a line of `app` with `part` in it.
    pub(crate) async fn wait_for(&self, app: &str, part: &str) -> Line {
        loop {
            let written = self.written.notified();
            tokio::pin!(written);
            written.as_mut().enable();
            if let Some(line) = self.of(app).into_iter().find(|line| line.message.contains(part)) {
                return line;
            }
            written.await;
        }
    }
}

struct Collector(Arc<Logs>);

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "app" || metadata.target().starts_with("nano_runtime")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            app: String::new(),
            request_id: String::new(),
            message: String::new(),
            fields: String::new(),
        };
        event.record(&mut line);
        self.0.lines.lock().expect("no panic under the lock").push(line);
        self.0.written.notify_waiters();
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}

    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}

    fn enter(&self, _span: &span::Id) {}

    fn exit(&self, _span: &span::Id) {}
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }
}

impl Line {
    fn set(&mut self, field: &Field, value: String) {
        match field.name() {
            "app" => self.app = value,
            "request_id" => self.request_id = value,
            "message" => self.message = value,
            name => {
                self.fields.push_str(&format!("{name}={value} "));
            }
        }
    }
}
