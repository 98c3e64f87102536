//! One V8 isolate with one context, made from the snapshot and entered by one thread at a time.

use std::borrow::Cow;
use std::cell::Cell;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use super::abandon;
use super::memory::{self, MemoryAccount};
use super::watchdog::Control;
use super::{callbacks, modules, snapshot};

/// V8's smallest sensible heap; below it a context does not even start.
const HEAP_BYTES_MIN: usize = 8 << 20;

/// The limits that V8 itself enforces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IsolateLimits {
    /// For the heap, and again for all that lies outside of it.
    pub(crate) memory_bytes: usize,
}

/// An isolate that any thread may enter, one at a time. Fields drop in order: the isolate first.
pub(crate) struct Isolate {
    context: v8::Global<v8::Context>,
    shared: v8::SharedIsolate,
    memory: Arc<MemoryAccount>,
    control: Arc<Control>,
}

/// V8 ran out of memory where it cannot unwind. The isolate must not be entered again, and its memory is gone.
#[derive(Debug)]
pub(crate) struct Lost;

impl Isolate {
    pub(super) fn new(snapshot: &'static [u8], limits: &IsolateLimits, control: &Arc<Control>) -> Self {
        let memory = MemoryAccount::new(limits.memory_bytes);
        let params = v8::CreateParams::default()
            .snapshot_blob(snapshot.into())
            .external_references(Cow::Borrowed(static_external_references()))
            .array_buffer_allocator(memory::array_buffer_allocator(&memory).make_shared())
            .allow_atomics_wait(false)
            .heap_limits(0, limits.memory_bytes.max(HEAP_BYTES_MIN));
        let mut isolate = v8::Isolate::new(params);
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        isolate.set_promise_reject_callback(callbacks::promise_rejected_callback);
        isolate.set_capture_stack_trace_for_uncaught_exceptions(true, STACK_FRAMES_MAX);
        control.set_memory(&memory);
        memory::install_limits(&mut isolate, control);
        modules::install_callbacks(&mut isolate);
        let context = {
            v8::scope!(let scope, &mut isolate);
            let context = v8::Context::new(scope, v8::ContextOptions::default());
            v8::Global::new(scope, context)
        };
        // SAFETY: all that hangs off the isolate is `Send`: its only slot is the worker's `IsolateState`, whose type
        // `enter` and `set_state` ask to be `Send`, and its callbacks hold an `Arc` of atomics.
        let shared = unsafe { isolate.try_into_shared() };
        let shared =
            shared.unwrap_or_else(|error| unreachable!("a fresh isolate has no weak handles: {error}"));
        control.attach(shared.thread_safe_handle());
        Self { context, shared, memory, control: Arc::clone(control) }
    }

    /// Enters the isolate on this thread for the time of `f`. The caller makes sure that no other thread is inside
    /// (it would wait) and that this thread is in no other isolate.
    pub(crate) fn enter<R>(&self, f: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R) -> Result<R, Lost> {
        let entered = Cell::new(None);
        let result = abandon::run(|| {
            let mut locker = self.shared.lock();
            // SAFETY: it is only used on this thread, and only while the isolate is entered.
            entered.set(Some(unsafe { locker.as_raw_isolate_ptr() }));
            let scope = pin!(v8::HandleScope::new(&mut *locker));
            let mut scope = scope.init();
            let context = v8::Local::new(&scope, &self.context);
            let scope = &mut v8::ContextScope::new(&mut scope, context);
            f(scope)
        });
        result.map_err(|abandon::Abandoned| {
            // The locker was not dropped: it keeps the isolate alive and locked for good. What points to `control`
            // from inside lives as long.
            std::mem::forget(Arc::clone(&self.control));
            if let Some(raw) = entered.get() {
                // SAFETY: the locker kept the isolate alive.
                let isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(raw) };
                // SAFETY: this thread entered it above and is still inside. To V8, the thread is free again.
                unsafe { isolate.exit() };
            }
            Lost
        })
    }

    /// The object that `main.js` handed over for the engine's calls. It can be taken once.
    pub(crate) fn take_hooks<'s>(scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        scope.get_context_data_from_snapshot_once(snapshot::HOOKS_INDEX).ok()
    }

    /// Keeps `state` with the isolate, where ops find it.
    pub(crate) fn set_state<T: Send + 'static>(isolate: &mut v8::Isolate, state: T) {
        isolate.set_slot(state);
    }

    pub(crate) fn memory(&self) -> &Arc<MemoryAccount> {
        &self.memory
    }
}

/// Frames kept for the stack trace of an uncaught exception.
const STACK_FRAMES_MAX: i32 = 16;

fn static_external_references() -> &'static [v8::ExternalReference] {
    struct References(Vec<v8::ExternalReference>);
    // SAFETY: the list holds addresses of functions, which are the same for every thread.
    unsafe impl Send for References {}
    // SAFETY: as above; nothing in it changes.
    unsafe impl Sync for References {}
    static REFERENCES: OnceLock<References> = OnceLock::new();
    &REFERENCES.get_or_init(|| References(callbacks::external_references())).0
}
