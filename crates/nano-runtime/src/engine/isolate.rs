//! One V8 isolate with one context, made from the snapshot and entered by one thread at a time.

use std::any::TypeId;
use std::borrow::Cow;
use std::mem::ManuallyDrop;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::entry::{Entered, Place};
use super::foreground::{Foreground, TaskRouter, Wake};
use super::mappings::Bounded;
use super::memory::{self, MemoryAccount};
use super::stub_caches::StubCaches;
use super::watchdog::Control;
use super::{abandon, blocks, callbacks, modules, snapshot};

/// V8's smallest sensible heap; below it a context does not even start.
const HEAP_BYTES_MIN: usize = 8 << 20;

/// V8 maps more than a page at once for its own purposes (semi-spaces, code).
const MAPPING_BYTES_MIN: usize = 16 << 20;

/// The limits that V8 itself enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IsolateLimits {
    /// For the heap, and again for all that lies outside of it.
    pub(crate) memory_bytes: usize,
}

impl IsolateLimits {
    pub(crate) fn of_mb(memory_mb: u64) -> Self {
        Self { memory_bytes: usize::try_from(memory_mb << 20).unwrap_or(usize::MAX) }
    }
}

/// An isolate that any thread may enter, one at a time.
pub(crate) struct Isolate {
    /// Dropped before the isolate, by `dispose`.
    context: ManuallyDrop<v8::Global<v8::Context>>,
    /// Dropped by `dispose`.
    shared: ManuallyDrop<v8::SharedIsolate>,
    raw: v8::UnsafeRawIsolatePtr,
    place: Place,
    /// The largest piece of memory that V8 may map for it.
    mapping_bytes: usize,
    lost: AtomicBool,
    /// It was lost, and is disposed of.
    gone: AtomicBool,
    memory: Arc<MemoryAccount>,
    tasks: TaskRouter,
    /// Since it has a user.
    foreground: OnceLock<Arc<Foreground>>,
}

/// An isolate that is nobody's yet: no script has run in it.
pub(super) struct Blank {
    isolate: Isolate,
    limits: IsolateLimits,
}

// SAFETY: `raw` is the address of what `shared` refers to, which is `Send`; all else is.
unsafe impl Send for Isolate {}
// SAFETY: as above; `enter` is for one thread at a time, which its callers see to.
unsafe impl Sync for Isolate {}

/// The embedder's data slot with the address of the isolate's [`State`].
const STATE_SLOT: u32 = 0;

/// What an isolate keeps for its user.
#[repr(C)]
struct State<T> {
    /// The type of `value`.
    kind: TypeId,
    value: T,
}

/// Owns a [`State`], by the address under which it is found.
struct OwnedState<T>(*mut State<T>);

impl<T> Drop for OwnedState<T> {
    fn drop(&mut self) {
        // SAFETY: `set_state` made it from a box, and its isolate, which is about to go, drops it once.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// V8 ran out of memory where it cannot unwind. The isolate must not be entered again; see [`Isolate::salvage`].
#[derive(Debug)]
pub(crate) struct Lost {
    /// Memory of V8's that stays behind for good, in bytes: what its compiler had, and the built-in that was running.
    pub(crate) left_bytes: usize,
}

impl Blank {
    pub(super) fn new(snapshot: &'static [u8], limits: IsolateLimits, tasks: &TaskRouter) -> Self {
        let memory = MemoryAccount::new(limits.memory_bytes);
        let params = v8::CreateParams::default()
            .snapshot_blob(snapshot.into())
            .external_references(Cow::Borrowed(static_external_references()))
            .array_buffer_allocator(memory::array_buffer_allocator(&memory).make_shared())
            .allow_atomics_wait(false)
            .heap_limits(0, limits.memory_bytes.max(HEAP_BYTES_MIN));
        let place = Place::new();
        let (shared, raw, context) = place.stand_for(|| {
            let (mut isolate, stub_caches) = StubCaches::of(|| v8::Isolate::new(params));
            isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
            isolate.set_promise_reject_callback(callbacks::promise_rejected_callback);
            isolate.set_modify_code_generation_from_strings_callback(callbacks::may_compile);
            isolate.add_message_listener(callbacks::message_callback);
            isolate.set_capture_stack_trace_for_uncaught_exceptions(true, STACK_FRAMES_MAX);
            memory::install_limits(&mut isolate, &memory);
            modules::install_callbacks(&mut isolate);
            let context = {
                v8::scope!(let scope, &mut isolate);
                let context = v8::Context::new(scope, v8::ContextOptions::default());
                // V8 asks `callbacks::may_compile` then.
                context.set_allow_generation_from_strings(false);
                v8::Global::new(scope, context)
            };
            // SAFETY: the pointer is used only while the isolate lives.
            let raw = unsafe { isolate.as_raw_isolate_ptr() };
            // SAFETY: no script ran in it yet, and none runs.
            unsafe { stub_caches.empty() };
            // SAFETY: all that hangs off the isolate is `Send`: its only slot is the worker's `IsolateState`, whose
            // type `enter` and `set_state` ask to be `Send`, and its callbacks hold an `Arc` of atomics.
            let shared = unsafe { isolate.try_into_shared() };
            let shared =
                shared.unwrap_or_else(|error| unreachable!("a fresh isolate has no weak handles: {error}"));
            (shared, raw, context)
        });
        {
            // SAFETY: this thread alone knows of the isolate, and is in no other.
            let entered = unsafe { Entered::new(raw, &place) };
            assert!(entered.is_known_by_number(), "bug: V8 was linked with its own numbers of threads");
        }
        let isolate = Isolate {
            context: ManuallyDrop::new(context),
            shared: ManuallyDrop::new(shared),
            raw,
            place,
            mapping_bytes: limits.memory_bytes.max(MAPPING_BYTES_MIN),
            lost: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            memory,
            tasks: tasks.clone(),
            foreground: OnceLock::new(),
        };
        Self { isolate, limits }
    }

    /// The isolate, for its user: who may end what runs in it, and what is called when V8 has tasks for its thread.
    pub(super) fn adopt(self, control: &Arc<Control>, wake: Wake) -> Isolate {
        let Self { isolate, limits } = self;
        isolate.memory.adopt(control);
        control.attach(isolate.shared.thread_safe_handle(), limits.memory_bytes);
        let _ = isolate.foreground.set(isolate.tasks.open(isolate.raw, wake));
        isolate
    }
}

impl Isolate {
    /// Enters the isolate on this thread for the time of `f`. The caller makes sure that no other thread is inside
    /// (it would wait) and that this thread is in no other isolate.
    pub(crate) fn enter<R>(&self, f: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R) -> Result<R, Lost> {
        // SAFETY: the caller answers for the threads, and `self` keeps the isolate. It is left even when V8's frames are
        // left behind.
        let _entered = unsafe { Entered::new(self.raw, &self.place) };
        self.run(f)
    }

    fn run<R>(&self, f: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R) -> Result<R, Lost> {
        let _bounded = Bounded::to(self.mapping_bytes);
        let before = blocks::balance();
        abandon::run(|| self.inside(f)).map_err(|abandon::Abandoned| {
            self.lost.store(true, Ordering::SeqCst);
            // SAFETY: this thread has the lock, and nobody disposes of the isolate before it is told of the loss.
            let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.raw) };
            // What the compiler had is in nobody's reach any more. Of the blocks a few may be the isolate's, not the frames'.
            let compiler = isolate.get_heap_statistics().malloced_memory();
            let blocks = usize::try_from(blocks::balance().wrapping_sub(before)).unwrap_or(0);
            Lost { left_bytes: compiler + blocks }
        })
    }

    /// Opens the scopes, in an isolate that the thread has entered.
    fn inside<R>(&self, f: impl FnOnce(&mut v8::PinScope<'_, '_>) -> R) -> R {
        // SAFETY: `self` keeps the isolate.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.raw) };
        let scope = pin!(v8::HandleScope::new(&mut isolate));
        let mut scope = scope.init();
        let context = v8::Local::new(&scope, &*self.context);
        let scope = &mut v8::ContextScope::new(&mut scope, context);
        f(scope)
    }

    /// The object that `main.js` handed over for the engine's calls. It can be taken once.
    pub(crate) fn take_hooks<'s>(scope: &v8::PinScope<'s, '_>) -> Option<v8::Local<'s, v8::Object>> {
        scope.get_context_data_from_snapshot_once(snapshot::HOOKS_INDEX).ok()
    }

    /// Keeps `state` with the isolate, where ops find it. It is set once.
    pub(crate) fn set_state<T: Send + 'static>(isolate: &mut v8::Isolate, state: T) {
        let state = Box::new(State { kind: TypeId::of::<T>(), value: state });
        isolate.set_slot(OwnedState::<T>(Box::into_raw(state)));
        let address = isolate.get_slot::<OwnedState<T>>().map_or(std::ptr::null_mut(), |owned| owned.0);
        isolate.set_data(STATE_SLOT, address.cast());
    }

    /// Takes back what [`Isolate::set_state`] gave.
    pub(crate) fn drop_state<T: Send + 'static>(isolate: &mut v8::Isolate) {
        isolate.set_data(STATE_SLOT, std::ptr::null_mut());
        drop(isolate.remove_slot::<OwnedState<T>>());
    }

    /// What [`Isolate::set_state`] keeps.
    pub(crate) fn state<T: Send + 'static>(isolate: &v8::Isolate) -> Option<&T> {
        let state = Self::find_state(isolate)?;
        // SAFETY: it was set for this type and lives as long as the isolate, whose borrow keeps others from changing it.
        Some(unsafe { &(*state).value })
    }

    /// As [`Isolate::state`], to change it.
    pub(crate) fn state_mut<T: Send + 'static>(isolate: &mut v8::Isolate) -> Option<&mut T> {
        let state = Self::find_state(isolate)?;
        // SAFETY: it was set for this type and lives as long as the isolate, whose borrow nobody else has.
        Some(unsafe { &mut (*state).value })
    }

    /// V8's data slots are read by several ops a request; the crate's own slots are a table by type.
    fn find_state<T: 'static>(isolate: &v8::Isolate) -> Option<*mut State<T>> {
        let state = isolate.get_data(STATE_SLOT).cast::<State<T>>();
        if state.is_null() {
            return None;
        }
        // SAFETY: whatever the type, `set_state` put a `State` there, whose `kind` lies at its beginning.
        let kind = unsafe { *state.cast::<TypeId>() };
        (kind == TypeId::of::<T>()).then_some(state)
    }

    /// What [`Isolate::set_state`] keeps, of an isolate that is lost: it may be long until it is dropped, and it may hold
    /// what others need. Only the one who found the isolate lost may ask, before [`Isolate::salvage`]; `f` must not call V8.
    pub(crate) fn with_lost_state<T: Send + 'static>(&self, f: impl FnOnce(&mut T)) {
        if !self.lost.load(Ordering::SeqCst) || self.gone.load(Ordering::SeqCst) {
            return;
        }
        // SAFETY: it is not disposed of yet, and nobody is inside any more.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.raw) };
        if let Some(state) = Self::state_mut(&mut isolate) {
            f(state);
        }
    }

    /// Disposes of an isolate that is lost. V8 had collected all garbage and was about to give up, so its heap is whole;
    /// what the frames that were left behind owned stays behind with them. They may have held a lock of the isolate: then
    /// this never returns, so it needs a thread of its own. `false`: it was done before, or the isolate is not lost.
    pub(crate) fn salvage(&self) -> bool {
        if !self.lost.load(Ordering::SeqCst) || self.gone.swap(true, Ordering::SeqCst) {
            return false;
        }
        self.tasks.close(self.raw);
        // SAFETY: nobody is inside a lost isolate, or enters it again, and `gone` lets one caller get here, once.
        unsafe { self.dispose() };
        true
    }

    /// # Safety
    /// To be called once; nobody is inside, or uses the isolate again.
    unsafe fn dispose(&self) {
        // What V8 has of a thread that is merely not inside, it would never free.
        // SAFETY: nobody is inside, and this thread is in no other.
        unsafe { Entered::new(self.raw, &self.place) }.leave_for_good();
        // SAFETY: the isolate lives until `shared` is dropped below, and nobody is inside.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr(self.raw) };
        isolate.set_data(STATE_SLOT, std::ptr::null_mut());
        // SAFETY: it is not used again.
        drop(unsafe { std::ptr::read(&raw const *self.context) });
        self.place.stand_for(|| {
            // SAFETY: it is not used again.
            drop(unsafe { std::ptr::read(&raw const *self.shared) });
        });
    }

    /// V8's own tasks that are to be run now, by the thread that is inside.
    pub(crate) fn due_tasks(&self) -> Vec<v8::Task> {
        self.foreground.get().map(|foreground| foreground.due()).unwrap_or_default()
    }

    pub(crate) fn memory(&self) -> &Arc<MemoryAccount> {
        &self.memory
    }
}

impl Drop for Isolate {
    fn drop(&mut self) {
        if self.gone.load(Ordering::SeqCst) {
            return; // Another isolate may have its address by now.
        }
        self.tasks.close(self.raw);
        if !self.lost.load(Ordering::SeqCst) {
            // SAFETY: `self` goes, and with it all who could use the isolate.
            unsafe { self.dispose() };
        }
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
