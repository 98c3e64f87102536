//! The tasks that V8 has for the thread of an isolate: the callbacks of finalisation registries, the garbage collector's
//! work for an isolate that does nothing, the return of pooled memory. V8 posts them from any thread; the isolate's
//! user is woken, and runs them in a turn.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::clock::Moment;

/// Tells an isolate's user to take [`Foreground::due`] once so much time is over. Called on any thread, inside V8.
pub(crate) type Wake = Box<dyn Fn(Duration) + Send + Sync>;

/// One isolate's tasks.
pub(crate) struct Foreground {
    wake: Wake,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    ready: Vec<v8::Task>,
    delayed: Vec<(Moment, v8::Task)>,
    /// The user was woken, and has not come yet.
    woken: bool,
}

impl Foreground {
    fn post(&self, task: v8::Task, delay: Duration) {
        let mut tasks = self.tasks.lock();
        if delay.is_zero() {
            tasks.ready.push(task);
            if std::mem::replace(&mut tasks.woken, true) {
                return;
            }
        } else {
            tasks.delayed.push((Moment::now() + delay, task));
        }
        drop(tasks);
        (self.wake)(delay);
    }

    /// What is to be run now, by a thread that is inside the isolate.
    pub(crate) fn due(&self) -> Vec<v8::Task> {
        let now = Moment::now();
        let mut tasks = self.tasks.lock();
        tasks.woken = false;
        let mut due = std::mem::take(&mut tasks.ready);
        let late = tasks.delayed.extract_if(.., |(at, _)| *at <= now);
        due.extend(late.map(|(_, task)| task));
        due
    }
}

/// Where the tasks of all isolates arrive.
#[derive(Clone, Default)]
pub(super) struct TaskRouter {
    isolates: Arc<Mutex<HashMap<usize, Arc<Foreground>>>>,
}

impl TaskRouter {
    /// Takes the tasks of an isolate, by its address, from now on.
    pub(super) fn open(&self, isolate: v8::UnsafeRawIsolatePtr, wake: Wake) -> Arc<Foreground> {
        let foreground = Arc::new(Foreground { wake, tasks: Mutex::default() });
        self.isolates.lock().insert(address(isolate), Arc::clone(&foreground));
        foreground
    }

    /// Drops the tasks of an isolate, those to come as well. Another may have its address later.
    pub(super) fn close(&self, isolate: v8::UnsafeRawIsolatePtr) {
        let closed = self.isolates.lock().remove(&address(isolate));
        if let Some(foreground) = closed {
            // The ends of tasks run with no lock held.
            let tasks = std::mem::take(&mut *foreground.tasks.lock());
            drop(tasks);
        }
    }

    fn route(&self, isolate: *mut c_void, task: v8::Task, delay_in_seconds: f64) {
        let found = self.isolates.lock().get(&isolate.addr()).map(Arc::clone);
        // An isolate that is being made, or disposed of, has no use for tasks any more.
        let Some(foreground) = found else { return };
        foreground.post(task, Duration::try_from_secs_f64(delay_in_seconds).unwrap_or(Duration::ZERO));
    }
}

fn address(isolate: v8::UnsafeRawIsolatePtr) -> usize {
    // SAFETY: it is a transparent wrapper of the isolate's address.
    let isolate = unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, *mut c_void>(isolate) };
    isolate.addr()
}

impl v8::PlatformImpl for TaskRouter {
    fn post_task(&self, isolate: *mut c_void, task: v8::Task) {
        self.route(isolate, task, 0.0);
    }

    fn post_non_nestable_task(&self, isolate: *mut c_void, task: v8::Task) {
        self.route(isolate, task, 0.0);
    }

    fn post_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay_in_seconds: f64) {
        self.route(isolate, task, delay_in_seconds);
    }

    fn post_non_nestable_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay_in_seconds: f64) {
        self.route(isolate, task, delay_in_seconds);
    }

    /// Never called: the platform is made without support for them.
    fn post_idle_task(&self, _isolate: *mut c_void, _task: v8::IdleTask) {}
}
