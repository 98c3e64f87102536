//! Hot reload: file events, a slow look for where there are none, and SIGHUP.
//!
//! Nothing is concluded from an event but that it is time to look. What is there decides.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use parking_lot::Mutex;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::Registry;
use super::apply::Look;
use crate::systemd::Manager;

/// So long nothing may happen before a look: what is copied is there as a whole then, mostly.
const QUIET: Duration = Duration::from_millis(150);
/// After so long it is looked all the same.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// How often it is looked without an event: network mounts and the like have none.
const POLL: Duration = Duration::from_secs(5);
/// A look takes at most this part of a core: with many apps it comes less often.
const POLL_SHARE: u32 = 100;
/// Links that are followed from a path to a file.
const LINKS_MAX: usize = 16;

/// What waits for changes.
pub(crate) struct Watch {
    hangup: Signal,
    files: bool,
}

/// Why it is looked.
enum Event {
    Hangup,
    Files,
    Poll,
}

impl Watch {
    /// From here on SIGHUP does not end the process. `files`: it is looked without being asked, too.
    pub(crate) fn new(files: bool) -> anyhow::Result<Self> {
        let hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be handled")?;
        Ok(Self { hangup, files })
    }

    /// Watches for the rest of the process's life.
    pub(crate) async fn run(mut self, registry: Arc<Registry>, manager: Arc<Manager>) {
        let mut files = self.files.then(Files::new);
        let mut pause = Duration::ZERO;
        loop {
            let event = tokio::select! {
                _ = self.hangup.recv() => Event::Hangup,
                () = changed(files.as_ref()) => Event::Files,
                () = tokio::time::sleep(pause), if self.files => Event::Poll,
            };
            let look = match event {
                Event::Hangup => {
                    tracing::info!("SIGHUP: the configuration is read anew");
                    Look::Thorough
                }
                Event::Files | Event::Poll => Look::Quick,
            };
            let asked = matches!(event, Event::Hangup);
            if asked {
                manager.reloading();
            }
            let began = Instant::now();
            registry.reload_with(look).await;
            if asked {
                manager.ready();
            }
            pause = POLL.max(began.elapsed().saturating_mul(POLL_SHARE));
            if let Some(mut watched) = files.take() {
                let places = registry.places().await;
                let updated = registry.looks.run(move || {
                    let is_news = watched.update(&places());
                    (watched, is_news)
                });
                let Some((watched, is_news)) = updated.await else { continue };
                if is_news {
                    // What happened there before it was watched.
                    watched.happened.notify_one();
                }
                files = Some(watched);
            }
        }
    }
}

/// Ends when files have changed and are at rest.
async fn changed(files: Option<&Files>) {
    let Some(files) = files else { return std::future::pending().await };
    files.happened.notified().await;
    let give_up = tokio::time::sleep(QUIET_MAX);
    tokio::pin!(give_up);
    loop {
        tokio::select! {
            () = files.happened.notified() => {}
            () = tokio::time::sleep(QUIET) => return,
            () = &mut give_up => return,
        }
    }
}

/// Which entries of a folder matter.
#[derive(Clone)]
pub(super) enum Interest {
    All,
    Names(BTreeSet<OsString>),
}

/// Folders in which something may happen.
pub(super) type Places = BTreeMap<PathBuf, Interest>;

/// Adds all of a folder.
pub(super) fn all_in(places: &mut Places, folder: &Path) {
    places.insert(folder.to_owned(), Interest::All);
}

/// Adds a file or folder by its name, and every link on the way to it: whoever replaces one of them replaces it.
pub(super) fn way_to(places: &mut Places, path: &Path) {
    let mut waiting = vec![path.to_owned()];
    let mut links = 0;
    while let Some(path) = waiting.pop() {
        name_in(places, &path);
        for prefix in path.ancestors() {
            let Ok(target) = std::fs::read_link(prefix) else { continue };
            links += 1;
            if links > LINKS_MAX {
                return;
            }
            if prefix != path {
                name_in(places, prefix);
            }
            let folder = prefix.parent().unwrap_or(Path::new("/"));
            let rest = path.strip_prefix(prefix).unwrap_or(Path::new(""));
            let behind = folder.join(target);
            waiting.push(if rest.as_os_str().is_empty() { behind } else { behind.join(rest) });
            break;
        }
    }
}

fn name_in(places: &mut Places, path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let interest = places.entry(folder.to_owned()).or_insert_with(|| Interest::Names(BTreeSet::new()));
    if let Interest::Names(names) = interest {
        names.insert(name.to_owned());
    }
}

/// Folders that the system tells about.
struct Files {
    /// Missing where the system has no events, or none left.
    watcher: Option<RecommendedWatcher>,
    /// With the inode: a folder that was replaced is another one.
    watched: BTreeMap<PathBuf, u64>,
    interests: Arc<Mutex<Places>>,
    happened: Arc<Notify>,
    /// It was said that some folders have no events.
    complained: bool,
}

impl Files {
    fn new() -> Self {
        let happened = Arc::new(Notify::new());
        let interests: Arc<Mutex<Places>> = Arc::default();
        let (tell, matter) = (Arc::clone(&happened), Arc::clone(&interests));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| matters(&event, &matter.lock())) {
                tell.notify_one();
            }
        });
        let watcher = watcher
            .map_err(
                |error| tracing::warn!(%error, "no events of files: changes are seen within some seconds"),
            )
            .ok();
        Self { complained: watcher.is_none(), watcher, watched: BTreeMap::new(), interests, happened }
    }

    /// Watches these from now on. Tells whether one of them was not watched before.
    fn update(&mut self, places: &Places) -> bool {
        self.interests.lock().clone_from(places);
        let Some(watcher) = &mut self.watcher else { return false };
        let inode = |folder: &Path| std::fs::metadata(folder).ok().map(|metadata| metadata.ino());
        self.watched.retain(|folder, seen| {
            let stays = places.contains_key(folder) && inode(folder) == Some(*seen);
            if !stays {
                // It may be gone, and its watch with it.
                let _ = watcher.unwatch(folder);
            }
            stays
        });
        let mut is_news = false;
        for folder in places.keys() {
            if self.watched.contains_key(folder) {
                continue;
            }
            let Some(inode) = inode(folder) else { continue };
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder.clone(), inode);
                    is_news = true;
                }
                Err(error) if !self.complained => {
                    self.complained = true;
                    let folder = folder.display().to_string();
                    tracing::warn!(%error, folder, "no events of a folder: changes there are seen within some seconds");
                }
                Err(_) => {}
            }
        }
        is_news
    }
}

fn matters(event: &notify::Event, interests: &Places) -> bool {
    match event.kind {
        // Reading files is no change, above all our own.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        // Both ends of a renaming have come by themselves.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return false,
        _ => {}
    }
    // Without a path, events were lost.
    event.paths.is_empty()
        || event.paths.iter().any(|path| {
            interests.contains_key(path)
                || path.parent().and_then(|folder| interests.get(folder)).is_some_and(|interest| {
                    match interest {
                        Interest::All => true,
                        Interest::Names(names) => path.file_name().is_some_and(|name| names.contains(name)),
                    }
                })
        })
}
