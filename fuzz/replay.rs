//! Runs a fuzz target without a fuzzer: on its seeds, and on a fixed number of changes to them, the same in each run.
//! The crates' tests include this file.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

/// What is put in at random places, besides bytes and pieces of other seeds.
const PIECES: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b"\"",
    b"'",
    b"\\",
    b"%",
    b"%00",
    b"%2e",
    b"..",
    b"/",
    b":",
    b";",
    b",",
    b"=",
    b"--",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b"*",
    b"?",
    b"#",
    b"@",
    b"$",
    b"${",
    b"\xff",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x92\xa9",
    b"-1",
    b"0",
    b"18446744073709551616",
    b"4294967295",
    b"1e9",
];

/// Calls `run` with all seeds of `target`, and with `changed` inputs made of them. A panic says with which.
pub(crate) fn replay(target: &str, changed: usize, mut run: impl FnMut(&[u8])) {
    let seeds = seeds(target);
    let mut run = |input: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(input))) {
            eprintln!("{target} failed on b\"{}\"", input.escape_ascii());
            resume_unwind(panic);
        }
    };
    for seed in &seeds {
        run(seed);
    }
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..changed {
        let mut input = random.pick(&seeds).clone();
        for _ in 0..=random.below(4) {
            change(&mut input, &seeds, &mut random);
        }
        run(&input);
    }
}

/// The files of `fuzz/seeds/<target>`, in their order.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no seeds");
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

/// Changes the input in one place.
fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = at + random.below(input.len() - at + 1).min(16);
    match random.below(6) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => drop(input.splice(at..end, random.pick(PIECES).iter().copied())),
        3 => input.insert(at, random.byte()),
        4 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        _ => {
            let other = random.pick(seeds);
            let from = random.below(other.len() + 1);
            let to = from + random.below(other.len() - from + 1);
            drop(input.splice(at..end, other[from..to].iter().copied()));
        }
    }
}

/// Numbers that look random and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap_or(usize::MAX) % end
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[2]
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}
