//! The configuration file's writer: a process of its own, since the one that runs apps has no right to write any file.
//!
//! `nanod serve --persist` starts it before the sandbox, with a pipe each way. It writes one file and nothing else, and
//! ends with the process that started it.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use anyhow::{Context as _, anyhow, bail};
use nano_config::{Config, Edit, FILE_BYTES_MAX, Source};
use parking_lot::Mutex;

/// The longest message between the two: an edited file may be somewhat longer than the longest that is read.
const MESSAGE_BYTES_MAX: u64 = 2 * FILE_BYTES_MAX;

/// The file that changes are written to.
pub(crate) struct Persist {
    file: PathBuf,
    writer: Mutex<Writer>,
}

struct Writer {
    requests: ChildStdin,
    replies: ChildStdout,
    // Is not waited for: it ends when the pipe does.
    _process: Child,
}

/// What came of a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Done,
    /// Somebody else has changed the file since it was read.
    Changed,
}

impl Persist {
    /// Starts the writer. Comes before the sandbox, which allows no new processes, and before any thread.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Self> {
        let Source::File(file) = &config.source else {
            bail!(
                "--persist: changes can be written to a configuration file only, and this is a folder of apps"
            );
        };
        let program = std::env::current_exe().context("--persist: nanod's own file is not known")?;
        let mut process = Command::new(program)
            .arg("write-config")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A terminal's Ctrl-C is for the server, which drains first.
            .process_group(0)
            .spawn()
            .context("--persist: the file's writer cannot be started")?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (requests, replies) = pipes.context("--persist: the file's writer has no pipes")?;
        let mut writer = Writer { requests, replies, _process: process };
        writer.reply().map_err(|why| anyhow!("--persist: {} cannot be written: {why}", file.display()))?;
        Ok(Self { file: file.clone(), writer: Mutex::new(writer) })
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Writes a change of the file, if it still is what it was. Blocks for as long as the disk takes.
    pub(crate) fn write(&self, edit: &Edit) -> Result<Written, String> {
        if edit.before == edit.after {
            return Ok(Written::Done);
        }
        let mut writer = self.writer.lock();
        let sent = send(&mut writer.requests, &edit.before)
            .and_then(|()| send(&mut writer.requests, &edit.after))
            .and_then(|()| writer.requests.flush());
        sent.map_err(|error| format!("the file's writer is gone: {error}"))?;
        match writer.reply()?.as_slice() {
            DONE => Ok(Written::Done),
            _ => Ok(Written::Changed),
        }
    }
}

impl Writer {
    /// What the writer says, or what went wrong there.
    fn reply(&mut self) -> Result<Vec<u8>, String> {
        let reply =
            receive(&mut self.replies).map_err(|error| format!("the file's writer is gone: {error}"))?;
        let reply = reply.ok_or("the file's writer is gone")?;
        match reply.strip_prefix(FAILED) {
            Some(why) => Err(String::from_utf8_lossy(why).into_owned()),
            None => Ok(reply),
        }
    }
}

const DONE: &[u8] = b"done";
const CHANGED: &[u8] = b"changed";
const FAILED: &[u8] = b"failed: ";

fn send(to: &mut impl Write, message: &[u8]) -> io::Result<()> {
    to.write_all(&(message.len() as u64).to_le_bytes())?;
    to.write_all(message)
}

/// The next message. `None`: there will be no more.
fn receive(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 8];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u64::from_le_bytes(length);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::other("a message is too long"));
    }
    let mut message = Vec::new();
    from.take(length).read_to_end(&mut message)?;
    Ok((message.len() as u64 == length).then_some(message))
}

/// The writer's life: `nanod write-config FILE`, which the server starts.
pub(crate) fn writer(file: &Path) -> ExitCode {
    let (mut requests, mut replies) = (io::stdin().lock(), io::stdout().lock());
    let mut reply = |outcome: io::Result<&[u8]>| {
        let reply = outcome.map_or_else(|why| [FAILED, why.to_string().as_bytes()].concat(), <[u8]>::to_vec);
        send(&mut replies, &reply).and_then(|()| replies.flush())
    };
    let mut outcome = try_out(file).map(|()| DONE);
    loop {
        if reply(outcome).is_err() {
            return ExitCode::FAILURE;
        }
        let (Ok(Some(before)), Ok(Some(after))) = (receive(&mut requests), receive(&mut requests)) else {
            return ExitCode::SUCCESS;
        };
        outcome = replace(file, &before, &after);
    }
}

/// Whether the file's folder can be written to.
fn try_out(file: &Path) -> io::Result<()> {
    let file = file.canonicalize()?;
    beside(&file)?.close()
}

/// A new file in the folder of another, readable by nobody else, that goes unless it is kept.
fn beside(file: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    tempfile::Builder::new().prefix(".nano-").suffix(".tmp").tempfile_in(folder)
}

/// Puts a new file with the same owner and permissions in the place of the old one. Whoever reads it meanwhile, or after
/// a power cut, finds the one or the other whole.
fn replace(file: &Path, before: &[u8], after: &[u8]) -> io::Result<&'static [u8]> {
    // A link stays one.
    let file = file.canonicalize()?;
    if fs::read(&file)? != before {
        return Ok(CHANGED);
    }
    let metadata = fs::metadata(&file)?;
    let mut new = beside(&file)?;
    let owner = new.as_file().metadata()?;
    if (owner.uid(), owner.gid()) != (metadata.uid(), metadata.gid()) {
        // Only root may give files away; others get a file of their own with the same permissions.
        let _ = fchown(new.as_file(), Some(metadata.uid()), Some(metadata.gid()));
    }
    new.as_file().set_permissions(Permissions::from_mode(metadata.mode() & 0o7777))?;
    new.write_all(after)?;
    new.as_file().sync_all()?;
    new.persist(&file).map_err(|error| error.error)?;
    // The new name, too, is on the disk only when the folder is.
    if let Some(folder) = file.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(DONE)
}
