//! How many instructions a request takes, counted by valgrind's callgrind, beside what `bench/instructions.json` keeps.
//! It ends with an error if a scenario takes more than is kept and its tolerance; `--update` keeps what was counted.
//!
//! Counts do not depend on how fast the machine is or what else it does. They do depend on the compiler, on the C
//! library, and on what the processor has: libraries choose their routines by that, and V8 the code that it makes.
//! valgrind shows programs a processor of its own, with AVX2 at most. Each scenario has a nanod of its own, and the
//! lowest of several batches counts: the others hold what V8's threads did meanwhile.

mod client;
mod scenario;
mod server;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use clap::Parser;
use serde::{Deserialize, Serialize};

use scenario::Scenario;

/// Scenarios under way at once: as many as small machines have cores.
const LANES: usize = 2;
/// How often a scenario is counted that is above its tolerance, or that is to be kept. In about one process of twelve V8
/// or the scheduler ended in another state (hello: 5 % more), and stayed there.
const ATTEMPTS: usize = 3;
/// How much more another compiler's program, or one in another valgrind, may take.
const OTHER_VERSIONS_PERCENT: f64 = 10.0;
const HINT: &str = "If that is intended: cargo run --example instructions -- --update";

/// Counts the instructions that requests take, and compares them with what is kept.
#[derive(Parser)]
struct Options {
    /// The program; without it the one that `cargo build --release` made.
    #[arg(long)]
    nanod: Option<PathBuf>,
    /// Keep what is counted.
    #[arg(long)]
    update: bool,
    /// What to compare with.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench/instructions.json"))]
    kept: PathBuf,
}

/// What the file keeps.
#[derive(Serialize, Deserialize)]
struct Kept {
    about: String,
    /// The versions that it was counted with.
    with: BTreeMap<String, String>,
    scenarios: BTreeMap<String, Figure>,
}

#[derive(Serialize, Deserialize)]
struct Figure {
    instructions: u64,
    tolerance_percent: f64,
}

fn main() -> ExitCode {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("left out: the figures that are kept are those of Linux on x86-64");
        return ExitCode::SUCCESS;
    }
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all scenarios are within their tolerance.
fn run(options: &Options) -> Result<bool> {
    let nanod = options.nanod.clone().map_or_else(released, Ok)?;
    let nanod = nanod.canonicalize().with_context(|| format!("no nanod at {}", nanod.display()))?;
    let text = std::fs::read_to_string(&options.kept).context("what is kept cannot be read")?;
    let mut kept: Kept = serde_json::from_str(&text).context("what is kept cannot be understood")?;
    let with = BTreeMap::from([tool("rustc")?, tool("valgrind")?]);
    if kept.with != with && !options.update {
        let told = |with: &BTreeMap<_, String>| with.values().cloned().collect::<Vec<_>>().join(" and ");
        println!("kept with {}, counted with {}: tolerances are wider", told(&kept.with), told(&with));
        kept.scenarios.values_mut().for_each(|figure| figure.tolerance_percent += OTHER_VERSIONS_PERCENT);
    }
    let enough = |name: &str, lowest| {
        let figure = kept.scenarios.get(name);
        !options.update && figure.is_none_or(|figure| above(lowest, figure) <= figure.tolerance_percent)
    };
    let counted = count_all(&nanod, &enough)?;
    let mut passes = true;
    for (name, figure) in &mut kept.scenarios {
        let instructions =
            *counted.get(name.as_str()).with_context(|| format!("no scenario is named {name}"))?;
        passes &= compare(name, instructions, figure);
        figure.instructions = instructions;
    }
    if options.update {
        kept.with = with;
        std::fs::write(&options.kept, serde_json::to_string_pretty(&kept)? + "\n")?;
        return Ok(true);
    }
    if !passes {
        println!("{HINT}");
    }
    Ok(passes)
}

/// Counts all scenarios, some side by side. Gives the lowest batch of each.
fn count_all(
    nanod: &Path,
    enough: &(dyn Fn(&str, u64) -> bool + Sync),
) -> Result<BTreeMap<&'static str, u64>> {
    let waiting = Mutex::new(scenario::all().into_iter());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let count = |scenario: Scenario| {
        let mut lowest = u64::MAX;
        for _ in 0..ATTEMPTS {
            let batches = scenario.run(nanod).with_context(|| scenario.name)?;
            println!("{}: {batches:?}", scenario.name);
            lowest = batches.into_iter().fold(lowest, u64::min);
            if enough(scenario.name, lowest) {
                break;
            }
        }
        Ok((scenario.name, lowest))
    };
    let lane = || std::iter::from_fn(next).map(count).collect::<Result<Vec<_>>>();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|_| scope.spawn(lane)).collect();
        let mut counted = BTreeMap::new();
        for lane in lanes {
            counted.extend(lane.join().map_err(|_| anyhow::anyhow!("a lane panicked"))??);
        }
        Ok(counted)
    })
}

/// Says how a scenario stands. `false`: it takes too many instructions.
fn compare(name: &str, instructions: u64, kept: &Figure) -> bool {
    let Figure { instructions: before, tolerance_percent: tolerance } = kept;
    let percent = above(instructions, kept);
    let side = if percent < 0.0 { "below" } else { "above" };
    let verdict = match percent {
        _ if percent > *tolerance => "TOO MANY: ",
        _ if percent < -tolerance => "better than what is kept, which should be updated: ",
        _ => "",
    };
    println!(
        "{verdict}{name}: {} instructions a request, {:.1} % {side} the {} that are kept (tolerance {tolerance} %)",
        grouped(instructions),
        percent.abs(),
        grouped(*before),
    );
    percent <= *tolerance
}

/// How many percent a count is above what is kept.
fn above(instructions: u64, kept: &Figure) -> f64 {
    (instructions as f64 / kept.instructions as f64 - 1.0) * 100.0
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A program's name and version.
fn tool(name: &str) -> Result<(String, String)> {
    let output = Command::new(name).arg("--version").output();
    let output = output.with_context(|| format!("{name} is needed"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok((name.to_owned(), version))
}

/// This program is in `debug/examples`, beside `release`.
fn released() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.ancestors().nth(3).context("a folder that cargo builds in")?.join("release/nanod"))
}
