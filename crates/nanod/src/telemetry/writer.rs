//! Where log lines go: into a bounded queue, which one thread writes to stderr. Who logs never waits for whoever reads
//! stderr, and what does not fit is counted and told once there is room.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use rustix::event::{PollFd, PollFlags};

/// Bytes of lines that may wait.
const QUEUE_BYTES_MAX: usize = 8 << 20;
/// So much of that is kept for lines that no app is named in.
const OWN_BYTES_MIN: usize = 1 << 20;
/// Bytes of one app's lines that may wait: others shall find room.
const APP_BYTES_MAX: usize = 1 << 20;
/// Bytes of one write, about.
const WRITE_BYTES: usize = 64 << 10;

/// Makes the line that tells of so many lines that were dropped.
type DroppedLine = fn(u64) -> String;

/// The queue and what is known of it.
pub(super) struct Writer {
    queue: Mutex<Queue>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    idle: Condvar,
    dropped: AtomicU64,
    dropped_line: DroppedLine,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Line>,
    bytes: usize,
    /// Bytes by the name of the app; apps without any are not there.
    by_app: HashMap<Box<str>, usize>,
    /// Since the log last told.
    dropped: u64,
    /// There is a thread that writes.
    has_thread: bool,
    /// It has taken lines, and is not through with them.
    writing: bool,
}

struct Line {
    app: Option<Box<str>>,
    text: String,
}

impl Writer {
    pub(super) fn new(dropped_line: DroppedLine) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            idle: Condvar::new(),
            dropped: AtomicU64::new(0),
            dropped_line,
        }
    }

    /// Starts the thread. Until then lines are written by whoever logs them: the sandbox wants no other threads yet.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        let writer = Arc::clone(self);
        self.queue.lock().has_thread = true;
        let started = std::thread::Builder::new().name("log".into()).spawn(move || writer.run());
        self.queue.lock().has_thread = started.is_ok();
        started.map(drop)
    }

    /// Takes a line with its end, which names `app`. It is dropped if there is no room.
    pub(super) fn push(&self, app: Option<&str>, text: String) {
        let mut queue = self.queue.lock();
        if !queue.has_thread {
            return write_all(text.as_bytes());
        }
        if queue.admit(app, text.len()) {
            queue.lines.push_back(Line { app: app.map(Into::into), text });
        } else {
            queue.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        if !queue.writing {
            self.filled.notify_one();
        }
    }

    /// Lines for which there was no room, since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, `within` at most: stderr may be a pipe that nobody reads.
    pub(super) fn flush(&self, within: Duration) {
        let give_up = Instant::now() + within;
        let mut queue = self.queue.lock();
        while queue.has_thread && queue.is_busy() {
            if self.idle.wait_until(&mut queue, give_up).timed_out() {
                return;
            }
        }
    }

    fn run(&self) {
        loop {
            let text = self.take();
            write_all(text.as_bytes());
        }
    }

    /// The next lines, once there are some.
    fn take(&self) -> String {
        let mut queue = self.queue.lock();
        queue.writing = false;
        while !queue.is_busy() {
            self.idle.notify_all();
            self.filled.wait(&mut queue);
        }
        queue.writing = true;
        let mut text = queue.take();
        let dropped = std::mem::take(&mut queue.dropped);
        drop(queue);
        if dropped > 0 {
            text.push_str(&(self.dropped_line)(dropped));
        }
        text
    }
}

impl Queue {
    fn is_busy(&self) -> bool {
        !self.lines.is_empty() || self.dropped > 0 || self.writing
    }

    /// Counts a line of so many bytes, if it fits.
    fn admit(&mut self, app: Option<&str>, bytes: usize) -> bool {
        let all = self.bytes + bytes;
        let Some(app) = app else {
            let fits = all <= QUEUE_BYTES_MAX;
            self.bytes = if fits { all } else { self.bytes };
            return fits;
        };
        let its = self.by_app.get(app).copied().unwrap_or(0) + bytes;
        if its > APP_BYTES_MAX || all > QUEUE_BYTES_MAX - OWN_BYTES_MIN {
            return false;
        }
        self.bytes = all;
        match self.by_app.get_mut(app) {
            Some(count) => *count = its,
            None => drop(self.by_app.insert(app.into(), its)),
        }
        true
    }

    /// Lines for one write.
    fn take(&mut self) -> String {
        let mut all = String::with_capacity(self.bytes.min(WRITE_BYTES));
        while all.len() < WRITE_BYTES
            && let Some(Line { app, text }) = self.lines.pop_front()
        {
            all.push_str(&text);
            self.bytes -= text.len();
            let Some(app) = app else { continue };
            if let Some(its) = self.by_app.get_mut(&app) {
                *its -= text.len();
                if *its == 0 {
                    self.by_app.remove(&app);
                }
            }
        }
        all
    }
}

/// Writes to stderr, without the lock that Rust has for it: whoever prints there must not wait for a full pipe as well.
/// What cannot be written is lost; a closed stderr is nobody's fault.
fn write_all(mut bytes: &[u8]) {
    let stderr = io::stderr();
    while !bytes.is_empty() {
        match rustix::io::write(stderr.as_fd(), bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                // It was made non-blocking by somebody who shares it.
                let mut waiting = [PollFd::new(&stderr, PollFlags::OUT)];
                if rustix::event::poll(&mut waiting, None)
                    .is_err_and(|error| error != rustix::io::Errno::INTR)
                {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{APP_BYTES_MAX, Line, OWN_BYTES_MIN, QUEUE_BYTES_MAX, Queue};

    fn fill(queue: &mut Queue, app: Option<&str>, bytes: usize) -> usize {
        let text = "x".repeat(bytes);
        let mut lines = 0;
        while queue.admit(app, text.len()) {
            queue.lines.push_back(Line { app: app.map(Into::into), text: text.clone() });
            lines += 1;
        }
        lines
    }

    #[test]
    fn an_app_that_fills_its_part_leaves_room_to_others_and_all_apps_to_the_process() {
        let mut queue = Queue::default();
        assert_eq!(fill(&mut queue, Some("storm"), 1024), APP_BYTES_MAX / 1024);
        for app in 0..20 {
            fill(&mut queue, Some(&format!("app {app}")), 1024);
        }
        assert_eq!(queue.bytes, QUEUE_BYTES_MAX - OWN_BYTES_MIN);
        assert_eq!(fill(&mut queue, None, 1024), OWN_BYTES_MIN / 1024);
        assert_eq!(queue.bytes, QUEUE_BYTES_MAX);
        let mut written = 0;
        while !queue.lines.is_empty() {
            written += queue.take().len();
        }
        assert_eq!((written, queue.bytes, queue.by_app.len()), (QUEUE_BYTES_MAX, 0, 0));
        assert!(queue.admit(Some("storm"), 1024));
    }
}
