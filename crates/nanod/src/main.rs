//! See `lib.rs`.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    nanod::main()
}
