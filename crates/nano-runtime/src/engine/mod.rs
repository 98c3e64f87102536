//! V8 itself: start-up, the snapshot, isolates, locks, and the limits that need a hook in the engine.
//!
//! This folder holds all of the crate's `unsafe`, one operation a block.

mod abandon;
mod blanks;
mod blocks;
mod built_ins;
mod callbacks;
mod clock;
mod entry;
mod foreground;
mod isolate;
mod long_turns;
mod mappings;
mod memory;
mod modules;
mod pressure;
mod slices;
mod snapshot;
mod spares;
mod stub_caches;
mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use blanks::Blanks;
pub(crate) use built_ins::loader_ops;
use callbacks::external_references;
pub(crate) use callbacks::{
    FastCall, FastCallInfo, OneByteStr, OpFn, guard, guard_fast, lazy_web_assembly, ops,
};
pub use clock::Moment;
pub(crate) use clock::{ThreadClock, nanos, thread_cpu_ns};
pub(crate) use foreground::Wake;
use isolate::Blank;
pub(crate) use isolate::{Isolate, IsolateLimits, Lost};
use long_turns::LongTurns;
pub(crate) use long_turns::Share;
pub(crate) use memory::{Held, MemoryAccount};
pub(crate) use modules::{MODULE_BYTES_MAX, ModuleMap, SourceStore, cache_code, is_importable, load_main};
pub use watchdog::handed_over_turns;
pub(crate) use watchdog::{Budget, Control, Termination, Turn};

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz {
    pub use super::modules::fuzz::module_path;
    pub(crate) use super::snapshot::ops_object;
}

/// What an [`Engine`] is started with.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Threads of V8's own pool (garbage collection, optimising compilation); 0 takes V8's default.
    pub v8_threads: u32,
    /// The largest WebAssembly memory of any app, in mebibytes; 0 takes [`WASM_MEMORY_MB`]. V8 has one such limit for
    /// the whole process; an isolate's own is compared only after its script got the memory.
    pub wasm_memory_mb: u64,
}

/// What [`EngineOptions::wasm_memory_mb`] is by default: as an app's `memory_mb`.
pub const WASM_MEMORY_MB: u64 = 128;
/// WebAssembly's pages have 64 KiB.
const WASM_PAGES_A_MB: u64 = 16;

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// V8 is a singleton of the process.
    #[error("the engine was started twice in one process")]
    StartedTwice,
    /// A built-in failed while the snapshot was made: a bug in NANO.
    #[error("a built-in failed while the startup snapshot was made: {0}")]
    Bootstrap(String),
    /// The watchdog's thread could not be made.
    #[error("the watchdog thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running V8 with NANO's snapshot. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<EngineInner>,
}

struct EngineInner {
    snapshot: &'static [u8],
    tasks: foreground::TaskRouter,
    blanks: Arc<Blanks<Blank>>,
    watchdog: watchdog::Watchdog,
    /// Freed memory is about to be given back to the system.
    trimming: AtomicBool,
    /// Isolates that were lost and could not be disposed of.
    stuck: AtomicU32,
    /// What the other lost isolates left behind, in bytes.
    left_bytes: AtomicU64,
    long_turns: Arc<LongTurns>,
    /// Places for native work that is too long for a turn, as many as there are cores.
    jobs: Arc<Semaphore>,
}

/// What lost isolates may leave behind before it counts as one that could not be disposed of: about what such a one
/// holds.
const LEFT_BYTES_OF_ONE: u64 = 128 << 20;
/// How long freed memory is kept: many isolates often go together.
const TRIM_AFTER: Duration = Duration::from_secs(1);

static STARTED: AtomicBool = AtomicBool::new(false);

impl Engine {
    /// Starts V8 and makes the startup snapshot. Call it in `main`, before any other thread exists: a thread made
    /// earlier may lack access to V8's protected memory and die on its first turn.
    ///
    /// # Errors
    /// [`EngineError`] when called twice, or when a built-in fails.
    pub fn start(options: &EngineOptions) -> Result<Self, EngineError> {
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(EngineError::StartedTwice);
        }
        memory::tune_allocator();
        v8::V8::set_flags_from_string(&format!("--stack-size={}", entry::STACK_KB));
        v8::V8::set_flags_from_string("--no-experimental-wasm-shared");
        v8::V8::set_flags_from_string("--enable-sharedarraybuffer-per-context");
        let wasm_memory_mb =
            if options.wasm_memory_mb == 0 { WASM_MEMORY_MB } else { options.wasm_memory_mb };
        let pages = wasm_memory_mb.saturating_mul(WASM_PAGES_A_MB);
        v8::V8::set_flags_from_string(&format!("--wasm-max-mem-pages={pages}"));
        // The pages of an isolate go when it goes. V8 would keep them for other isolates, and have one of these free
        // them later, if there is one: what the largest heaps took would stay taken.
        v8::V8::set_flags_from_string("--no-memory-pool-share-memory-on-teardown");
        // Whether a heap is full is looked at after each collection, outside of it. V8 would look in the middle of its last
        // resort, with locks held, and an isolate that is lost there cannot be disposed of. (Flushing by time implies that.)
        v8::V8::set_flags_from_string("--no-flush-code-based-on-time");
        v8::V8::set_flags_from_string("--no-late-heap-limit-check");
        // Its faster twin builds the text outside of the heap, where nothing limits it but the longest string, of 512 MB.
        v8::V8::set_flags_from_string("--no-json-stringify-fast-path");
        let tasks = foreground::TaskRouter::default();
        let platform = v8::new_custom_platform(options.v8_threads, false, false, tasks.clone());
        v8::V8::initialize_platform(platform.make_shared());
        v8::V8::initialize();
        let snapshot = snapshot::create(crate::worker::warm_up).map_err(EngineError::Bootstrap)?;
        // Every isolate refers to the blob, for as long as the process lives.
        let snapshot: &'static [u8] = Box::leak(snapshot.into_boxed_slice());
        let watchdog = watchdog::Watchdog::start()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let inner = EngineInner {
            snapshot,
            tasks,
            blanks: Arc::default(),
            watchdog,
            trimming: AtomicBool::new(false),
            stuck: AtomicU32::new(0),
            left_bytes: AtomicU64::new(0),
            long_turns: LongTurns::new(cores),
            jobs: Arc::new(Semaphore::new(cores)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Isolates that were lost and could not be disposed of, each of which holds its memory and a thread for good; and one
    /// for each `LEFT_BYTES_OF_ONE` that the others left behind.
    #[must_use]
    pub fn lost_isolates(&self) -> u32 {
        let worth = self.inner.left_bytes.load(Ordering::Relaxed) / LEFT_BYTES_OF_ONE;
        let stuck = self.inner.stuck.load(Ordering::Relaxed);
        stuck.saturating_add(u32::try_from(worth).unwrap_or(u32::MAX))
    }

    /// The size of the startup snapshot in bytes.
    #[must_use]
    pub fn snapshot_bytes(&self) -> usize {
        self.inner.snapshot.len()
    }

    /// Decides how many of the runtime's workers serve: at most `threads`, while `spares` more stand in for those that
    /// are stuck in a built-in that V8 cannot interrupt. The runtime should have as many workers as both together.
    pub fn manage_workers(&self, runtime: &tokio::runtime::Handle, threads: usize, spares: usize) {
        self.inner.watchdog.manage_workers(runtime.clone(), threads, spares);
    }

    /// The part of an app in what long turns share.
    pub(crate) fn new_share(&self) -> Arc<Share> {
        Share::new(&self.inner.long_turns)
    }

    /// The process's places for native work that is too long for a turn.
    pub(crate) fn jobs(&self) -> &Arc<Semaphore> {
        &self.inner.jobs
    }

    /// Counts a lost isolate that could not be disposed of (not `gone`), or else what it left behind.
    pub(crate) fn count_lost_isolate(&self, gone: bool, left_bytes: usize) {
        if gone {
            self.inner.left_bytes.fetch_add(left_bytes as u64, Ordering::Relaxed);
        } else {
            self.inner.stuck.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Keeps `count` isolates ready for apps to come, whose heaps have `memory_mb` mebibytes at first, and then what apps
    /// ask for. Each takes about 1 MiB of memory, and 2 ms off an app's start.
    pub fn keep_blank_isolates(&self, runtime: &tokio::runtime::Handle, count: usize, memory_mb: u64) {
        self.inner.blanks.keep(count, IsolateLimits::of_mb(memory_mb));
        self.restock(runtime);
    }

    /// A new isolate, made ahead of time if there is one. `wake` is called when V8 has tasks for its thread
    /// ([`Isolate::due_tasks`]).
    pub(crate) fn new_isolate(&self, limits: IsolateLimits, control: &Arc<Control>, wake: Wake) -> Isolate {
        let blank = self.inner.blanks.take(limits);
        blank.unwrap_or_else(|| self.inner.new_blank(limits)).adopt(control, wake)
    }

    /// Makes up for isolates that were taken, off the runtime's workers. Called when an app has started.
    pub(crate) fn restock(&self, runtime: &tokio::runtime::Handle) {
        let inner = Arc::clone(&self.inner);
        self.inner.blanks.restock(runtime, move |limits| inner.new_blank(limits));
    }

    /// Disposes of an isolate, off the runtime's workers, and soon returns what it held to the system.
    pub(crate) fn dispose(&self, runtime: &tokio::runtime::Handle, isolate: Isolate) {
        runtime.spawn_blocking(move || drop(isolate));
        self.trim_soon(runtime);
    }

    /// Returns memory that was freed to the system, in a while.
    pub(crate) fn trim_soon(&self, runtime: &tokio::runtime::Handle) {
        if self.inner.trimming.swap(true, Ordering::Relaxed) {
            return;
        }
        let inner = Arc::clone(&self.inner);
        runtime.spawn(async move {
            tokio::time::sleep(TRIM_AFTER).await;
            inner.trimming.store(false, Ordering::Relaxed);
            tokio::task::spawn_blocking(memory::trim);
        });
    }

    /// Runs `f` as a turn of this thread that begins `now`, under the watchdog's eyes.
    pub(crate) fn turn<R>(&self, control: &Arc<Control>, now: Moment, f: impl FnOnce(&Turn<'_>) -> R) -> R {
        self.inner.watchdog.turn(control, now, f)
    }
}

impl EngineInner {
    fn new_blank(&self, limits: IsolateLimits) -> Blank {
        Blank::new(self.snapshot, limits, &self.tasks)
    }
}
