//! A nanod that callgrind runs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::scenario::App;

/// How long callgrind may take for what it is told.
const VGDB_SECONDS: &str = "60";

/// A process rests that used no more than so many hundredths of a second of CPU time in this time.
const REST: Duration = Duration::from_millis(300);
const REST_TICKS: u64 = 1;
const REST_MAX: Duration = Duration::from_secs(60);

/// The process, with its folder. Both go when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    dumps: u32,
    folder: TempDir,
}

impl Server {
    /// Starts it on apps. Nothing is counted yet, which is quicker.
    pub(crate) fn start(nanod: &Path, apps: &[App]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = configure(folder.path(), apps)?;
        let clock = slow_clock(folder.path())?;
        let mut command = Command::new("valgrind");
        command.args([
            "--tool=callgrind",
            "--smc-check=all-non-file",
            "--instr-atstart=no",
            "--dump-line=no",
        ]);
        command.arg(format!("--callgrind-out-file={}", folder.path().join("dump").display()));
        command.arg(pipes(folder.path()));
        // The sandbox would keep valgrind from its own files.
        command.arg(nanod).arg("serve").arg(config).args(["--sandbox=off", "--no-watch"]);
        command.env("LD_PRELOAD", clock).env_remove("VALGRIND_OPTS");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(std::fs::File::create(folder.path().join("log"))?);
        let mut child = command.spawn().context("valgrind did not start")?;
        let lines = child.stdout.take().map(BufReader::new).context("no output")?;
        let address = address(lines);
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), dumps: 0, folder };
        match address {
            Some(address) => server.address = address,
            None => bail!("nanod did not start under valgrind:\n{}", server.log()),
        }
        Ok(server)
    }

    /// Counts from now on.
    pub(crate) fn instrument(&self) -> Result<()> {
        self.tell("instrumentation on")
    }

    /// The instructions of all threads meanwhile, and until they rest if that is asked for.
    pub(crate) fn count(&mut self, until_rest: bool, work: impl FnOnce() -> Result<()>) -> Result<u64> {
        self.tell("zero")?;
        work().with_context(|| format!("nanod's log:\n{}", self.log()))?;
        if until_rest {
            self.rest()?;
        }
        self.tell("dump")?;
        self.dumps += 1;
        let file = self.folder.path().join(format!("dump.{}", self.dumps));
        let dump = std::fs::read(&file).context("callgrind dumped nothing")?;
        std::fs::remove_file(file)?;
        let dump = String::from_utf8_lossy(&dump);
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: "));
        total.context("a dump without totals")?.trim().parse().context("totals that are no number")
    }

    /// Waits until the process uses no CPU time to speak of.
    pub(crate) fn rest(&self) -> Result<()> {
        let deadline = Instant::now() + REST_MAX;
        let mut before = self.ticks()?;
        loop {
            #[expect(clippy::disallowed_methods, reason = "it looks again and again until a deadline")]
            std::thread::sleep(REST);
            let now = self.ticks()?;
            if now - before <= REST_TICKS {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "nanod does not come to rest:\n{}", self.log());
            before = now;
        }
    }

    /// CPU time of the process, in hundredths of a second (proc_pid_stat(5), columns 14 and 15).
    fn ticks(&self) -> Result<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, columns) = stat.rsplit_once(')').context("no name in the process's state")?;
        let ticks = columns.split_ascii_whitespace().skip(11).take(2).map(str::parse::<u64>);
        Ok(ticks.collect::<Result<Vec<_>, _>>()?.into_iter().sum())
    }

    fn tell(&self, command: &str) -> Result<()> {
        let pid = format!("--pid={}", self.child.id());
        let pipes = pipes(self.folder.path());
        // It waits for the program, however long that takes.
        let mut vgdb = Command::new("timeout");
        vgdb.args([VGDB_SECONDS, "vgdb", &pipes, &pid, command]);
        let output = vgdb.output().context("vgdb did not start")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "vgdb {command}: {said}\nnanod's log:\n{}", self.log());
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes apps and configuration. One thread serves whatever the machine has, so that the counts are the same there.
fn configure(folder: &Path, apps: &[App]) -> Result<PathBuf> {
    let mut list = Vec::new();
    for App { name, source } in apps {
        std::fs::create_dir(folder.join(name))?;
        std::fs::write(folder.join(name).join("index.mjs"), source)?;
        list.push(
            json!({ "name": name, "hostname": format!("{name}.test"), "path": name, "idle_ms": 600_000 }),
        );
    }
    let listen = "127.0.0.1:0";
    let config = json!({ "listen": listen, "admin": { "listen": listen }, "threads": 1, "apps": list });
    let file = folder.join("nano.json");
    std::fs::write(&file, config.to_string())?;
    Ok(file)
}

/// Where valgrind and vgdb meet: in the folder, so that nothing is left of it.
fn pipes(folder: &Path) -> String {
    format!("--vgdb-prefix={}", folder.join("pipe").display())
}

fn slow_clock(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, include_str!("clock.c"))?;
    let mut command = Command::new("cc");
    command.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
    ensure!(command.status().context("cc did not start")?.success(), "cc refused clock.c");
    Ok(library)
}

/// Where apps are reached, once the banner is there: the admin API comes last in it.
fn address(mut lines: BufReader<std::process::ChildStdout>) -> Option<SocketAddr> {
    let mut address = None;
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
        if let Some(text) = line.strip_prefix("listening on ") {
            address = text.trim_end().parse().ok();
        }
        if line.starts_with("admin API on ") {
            // What else is written has a reader, too.
            std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
            return address;
        }
        line.clear();
    }
    None
}
