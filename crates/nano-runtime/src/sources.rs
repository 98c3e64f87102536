//! The files of an app's folder that it can import, as they were at one moment: what a revision is made of.
//!
//! A survey lists and hashes them. Whoever reads a file later compares it with the survey, so that a revision never gets
//! files of another; small apps have their files kept, and need none of this. A later survey of the same folder reads
//! only what looks changed, and its digest tells whether it is.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256, digest};
use bytes::Bytes;

use crate::engine::{MODULE_BYTES_MAX, is_importable};

/// Files and folders that a survey looks at; what comes behind is read when it is imported, and belongs to no survey.
const ENTRIES_MAX: usize = 50_000;
/// How deep folders are followed.
const DEPTH_MAX: usize = 64;
/// Bytes of an app that are hashed; files beyond count by their size and times.
const HASHED_BYTES_MAX: u64 = 256 << 20;
/// An app whose files take more together does not have them kept.
const KEPT_BYTES_MAX: u64 = 4 << 20;
/// What all apps together have kept.
const KEPT_BYTES_IN_ALL_MAX: usize = 256 << 20;
/// How often a folder that changes meanwhile is surveyed anew.
const ATTEMPTS_MAX: usize = 5;
/// Times of files are not finer than a kernel's tick. A file that was changed so shortly before it was read may have
/// been changed after that without a trace.
const RACY_NS: i128 = 2_000_000_000;

static KEPT_BYTES: AtomicUsize = AtomicUsize::new(0);

/// A SHA-256.
pub type Digest = [u8; 32];

/// The importable files of a folder at one moment.
pub struct Sources {
    files: BTreeMap<String, File>,
    /// The folders that were looked into, for those who watch them.
    folders: Vec<PathBuf>,
    /// The folder of the entry, if a look around would pass it by.
    main_folder: Option<String>,
    /// There was more than [`ENTRIES_MAX`].
    is_cut: bool,
    taken_ns: i128,
    digest: Digest,
    kept_bytes: usize,
}

struct File {
    stamp: Stamp,
    digest: Digest,
    kept: Option<Bytes>,
}

/// What tells of a change without reading the file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
}

/// A folder's tree without what is in the files.
struct Listing {
    stamps: BTreeMap<String, Stamp>,
    folders: Vec<PathBuf>,
    is_cut: bool,
}

impl Sources {
    /// Surveys the app in `root`, which has no links in it. Files that look as they did `before` are not read. `keep`:
    /// the files of a small app are kept. May take long; call it where that is all right.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn survey(root: &Path, main: &str, before: Option<&Self>, keep: bool) -> io::Result<Self> {
        let main_folder = skipped_folder(main);
        let mut attempts = 1;
        loop {
            let taken_ns = now_ns();
            let listing = list(root, main_folder.as_deref())?;
            let files = read_all(root, &listing, before, keep);
            // Files that were all there at one moment, though they were read one after the other.
            let settled = match (&files, attempts >= ATTEMPTS_MAX) {
                (Some(_), true) => true,
                (Some(_), false) => list(root, main_folder.as_deref())?.stamps == listing.stamps,
                (None, _) => false,
            };
            if let Some(files) = files.filter(|_| settled) {
                let kept = files.values().filter_map(|file| file.kept.as_ref()).map(Bytes::len).sum();
                KEPT_BYTES.fetch_add(kept, Ordering::Relaxed);
                let digest = digest_of(&files);
                let Listing { folders, is_cut, .. } = listing;
                return Ok(Self { files, folders, main_folder, is_cut, taken_ns, digest, kept_bytes: kept });
            }
            attempts += 1;
            if attempts > ATTEMPTS_MAX * 2 {
                return Err(io::Error::other("files come and go while the folder is read"));
            }
        }
    }

    /// Equal for equal files, wherever they are and whenever they were written.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether this tells all that a later survey of the same folder tells, so that one of them will do.
    #[must_use]
    pub fn is_as_good_as(&self, later: &Self) -> bool {
        self.digest == later.digest
            && (&self.folders, self.is_cut) == (&later.folders, later.is_cut)
            && later.files.iter().all(|(path, file)| self.unchanged(path, &file.stamp).is_some())
    }

    /// The folders in which a change may be one of the app.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// The file at `path`: as it was kept, or as `read` finds it. `None`: it is another one by now.
    pub(crate) fn get<E>(
        &self,
        path: &str,
        read: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Option<Bytes>, E> {
        let file = self.files.get(path);
        if let Some(kept) = file.and_then(|file| file.kept.as_ref()) {
            return Ok(Some(kept.clone()));
        }
        let bytes = Bytes::from(read()?);
        let same = match file {
            Some(file) => file.digest == sha256(&bytes) || file.digest == file.stamp.digest(),
            None => !self.covers(path),
        };
        Ok(same.then_some(bytes))
    }

    /// Whether a file there would have been found.
    fn covers(&self, path: &str) -> bool {
        let below_main = self.main_folder.as_ref().and_then(|folder| path.strip_prefix(folder.as_str()));
        let looked_at = |path: &str| path.split('/').all(|name| name.is_empty() || is_looked_at(name));
        !self.is_cut && (looked_at(path) || below_main.is_some_and(looked_at))
    }

    fn unchanged(&self, path: &str, stamp: &Stamp) -> Option<&File> {
        let file = self.files.get(path).filter(|file| file.stamp == *stamp)?;
        (stamp.changed_ns.max(stamp.modified_ns) + RACY_NS < self.taken_ns).then_some(file)
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        KEPT_BYTES.fetch_sub(self.kept_bytes, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sources({} files)", self.files.len())
    }
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Stands for the content of a file that is not hashed.
    fn digest(&self) -> Digest {
        let mut text = [0; 32];
        text[..8].copy_from_slice(&self.bytes.to_le_bytes());
        text[8..24].copy_from_slice(&self.modified_ns.to_le_bytes());
        sha256(&text)
    }
}

/// Names that a look around passes by: hidden files, version control, and what bundling has taken in already.
fn is_looked_at(name: &str) -> bool {
    !name.starts_with('.') && name != "node_modules"
}

/// The folder of the entry, with its `/`, if it is one that would be passed by.
fn skipped_folder(main: &str) -> Option<String> {
    let (folder, _) = main.rsplit_once('/')?;
    (!folder.split('/').all(is_looked_at)).then(|| format!("{folder}/"))
}

fn list(root: &Path, main_folder: Option<&str>) -> io::Result<Listing> {
    let mut listing = Listing { stamps: BTreeMap::new(), folders: Vec::new(), is_cut: false };
    let mut entries = 0;
    let mut waiting = VecDeque::from([(String::new(), 0)]);
    waiting.extend(main_folder.map(|folder| (folder.to_owned(), 0)));
    while let Some((folder, depth)) = waiting.pop_front() {
        let path = root.join(&folder);
        let inside = match std::fs::read_dir(&path) {
            Ok(inside) => inside,
            Err(error) if folder.is_empty() => return Err(error),
            // It went away, or nobody may look into it: an import says so.
            Err(_) => continue,
        };
        listing.folders.push(path);
        for entry in inside {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_looked_at(name)) else { continue };
            entries += 1;
            if entries > ENTRIES_MAX {
                listing.is_cut = true;
                return Ok(listing);
            }
            let Ok(kind) = entry.file_type() else { continue };
            let is_link = kind.is_symlink();
            if is_link {
                let Ok(real) = entry.path().canonicalize() else { continue };
                // A way back up has no end.
                let is_loop = root.join(&folder).starts_with(&real);
                listing.is_cut |= is_loop;
                if is_loop || !real.starts_with(root) {
                    continue;
                }
            }
            let relative = format!("{folder}{name}");
            if kind.is_file() && !is_importable(&relative) {
                continue;
            }
            let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
            if metadata.is_dir() && depth < DEPTH_MAX {
                waiting.push_back((format!("{relative}/"), depth + 1));
            } else if metadata.is_file() && is_importable(&relative) && metadata.len() <= MODULE_BYTES_MAX {
                listing.stamps.insert(relative, Stamp::of(&metadata));
            }
        }
    }
    Ok(listing)
}

/// `None`: it is not what it was a moment ago.
fn read(root: &Path, path: &str, length: u64) -> io::Result<Option<Vec<u8>>> {
    let read = || -> io::Result<_> {
        // Without links, none of which may lead out of the folder.
        let real = root.join(path).canonicalize()?;
        if !real.starts_with(root) {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        std::fs::File::open(real)?.take(length + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == length))
    };
    match read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read,
    }
}

/// `None`: a file has changed since it was listed.
fn read_all(
    root: &Path,
    listing: &Listing,
    before: Option<&Sources>,
    keep: bool,
) -> Option<BTreeMap<String, File>> {
    let all: u64 = listing.stamps.values().map(|stamp| stamp.bytes).sum();
    let room = KEPT_BYTES_IN_ALL_MAX.saturating_sub(KEPT_BYTES.load(Ordering::Relaxed));
    let keep = keep && all <= KEPT_BYTES_MAX && all <= room as u64;
    let mut files = BTreeMap::new();
    let mut hashed = 0;
    for (path, stamp) in &listing.stamps {
        if let Some(file) = before.and_then(|before| before.unchanged(path, stamp)).filter(|_| !keep) {
            files.insert(path.clone(), File { stamp: *stamp, digest: file.digest, kept: None });
            continue;
        }
        hashed += stamp.bytes;
        if hashed > HASHED_BYTES_MAX {
            files.insert(path.clone(), File { stamp: *stamp, digest: stamp.digest(), kept: None });
            continue;
        }
        let bytes = match read(root, path, stamp.bytes) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return None,
            // Nobody may read it: an import says so.
            Err(_) => continue,
        };
        let digest = sha256(&bytes);
        files.insert(path.clone(), File { stamp: *stamp, digest, kept: keep.then(|| Bytes::from(bytes)) });
    }
    Some(files)
}

fn digest_of(files: &BTreeMap<String, File>) -> Digest {
    let mut context = Context::new(&SHA256);
    for (path, file) in files {
        // No path holds a zero.
        context.update(path.as_bytes());
        context.update(&[0]);
        context.update(&file.digest);
    }
    digest_from(context.finish().as_ref())
}

fn sha256(bytes: &[u8]) -> Digest {
    digest_from(digest(&SHA256, bytes).as_ref())
}

fn digest_from(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    digest.copy_from_slice(bytes);
    digest
}

fn now_ns() -> i128 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i128::try_from(now.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(root: &Path, main: &str) -> Sources {
        Sources::survey(root, main, None, false).unwrap()
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn the_digest_is_of_names_and_contents_of_what_can_be_imported() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        write(&root, "index.js", "1");
        write(&root, "src/a.js", "2");
        let first = survey(&root, "index.js").digest();
        for path in ["README.md", ".git/x.js", "node_modules/x/index.js", ".hidden.js"] {
            write(&root, path, "x");
            assert_eq!(survey(&root, "index.js").digest(), first, "{path}");
        }
        std::os::unix::fs::symlink("/etc/passwd", root.join("out.txt")).unwrap();
        assert_eq!(survey(&root, "index.js").digest(), first);
        // Written again, as it was.
        write(&root, "index.js", "1");
        assert_eq!(survey(&root, "index.js").digest(), first);
        for (path, text) in [("index.js", "3"), ("src/a.js", ""), ("data.json", "{}")] {
            let before = survey(&root, "index.js").digest();
            write(&root, path, text);
            assert_ne!(survey(&root, "index.js").digest(), before, "{path}");
        }
        std::fs::rename(root.join("data.json"), root.join("data2.json")).unwrap();
        let renamed = survey(&root, "index.js");
        assert_eq!(renamed.folders().count(), 2);
        // An entry in a folder that would be passed by is looked at with all around it.
        write(&root, ".out/index.mjs", "1");
        let hidden = survey(&root, ".out/index.mjs");
        assert_ne!(hidden.digest(), renamed.digest());
        assert!(hidden.covers(".out/new.js") && !hidden.covers(".other/new.js") && hidden.covers("new.js"));
    }

    #[test]
    fn a_file_that_changed_since_is_not_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        write(&root, "index.js", "1");
        let (kept, listed) =
            (Sources::survey(&root, "index.js", None, true).unwrap(), survey(&root, "index.js"));
        assert_eq!(kept.digest(), listed.digest());
        write(&root, "index.js", "2");
        write(&root, "new.js", "2");
        let read = |path: &str| std::fs::read(root.join(path));
        assert_eq!(kept.get("index.js", || read("index.js")).unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(listed.get("index.js", || read("index.js")).unwrap(), None);
        assert_eq!(kept.get("new.js", || read("new.js")).unwrap(), None);
        assert!(kept.get("nowhere.js", || read("nowhere.js")).is_err());
    }

    #[test]
    fn a_second_survey_sees_what_is_as_large_and_as_old_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        write(&root, "index.js", "1");
        let before = survey(&root, "index.js");
        let modified = root.join("index.js").metadata().unwrap().modified().unwrap();
        write(&root, "index.js", "2");
        std::fs::File::options()
            .write(true)
            .open(root.join("index.js"))
            .and_then(|file| file.set_modified(modified))
            .unwrap();
        let after = Sources::survey(&root, "index.js", Some(&before), false).unwrap();
        assert_ne!(after.digest(), before.digest());
    }
}
