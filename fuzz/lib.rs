//! What the fuzz targets that run apps share.

use std::fmt::{self, Debug};
use std::sync::OnceLock;

use nano_runtime::fuzz::Apps;
use nano_runtime::{Engine, EngineOptions};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

/// The engine with its apps, for the life of the process. The first call has to come before any other thread.
pub fn apps() -> &'static Apps {
    static APPS: OnceLock<Apps> = OnceLock::new();
    APPS.get_or_init(|| {
        let engine = Engine::start(&EngineOptions::default()).expect("the engine starts");
        tracing::subscriber::set_global_default(Bugs).expect("no other subscriber");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
        let runtime = Box::leak(Box::new(runtime.expect("the runtime starts")));
        Apps::new(&engine, runtime.handle())
    })
}

/// A log that nobody reads, but for what NANO says about itself.
struct Bugs;

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = fmt::write(&mut self.0, format_args!("{}={value:?} ", field.name()));
    }
}

impl Subscriber for Bugs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("nano_runtime")
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        assert!(!message.0.contains("bug:"), "{}", message.0);
    }

    fn new_span(&self, _span: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _span: &span::Id, _values: &span::Record<'_>) {}
    fn record_follows_from(&self, _span: &span::Id, _follows: &span::Id) {}
    fn enter(&self, _span: &span::Id) {}
    fn exit(&self, _span: &span::Id) {}
}
