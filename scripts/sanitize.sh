#!/usr/bin/env bash
# Runs tests under sanitizers, with a nightly toolchain: whatever is unsafe is in nano-runtime/src/engine.
#
#   scripts/sanitize.sh [FILTER...]     FILTER limits the runtime's own tests, as for cargo test
#
# V8's archive is not instrumented: AddressSanitizer sees the Rust side, and whatever V8 takes from malloc or is given.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly host=x86_64-unknown-linux-gnu
# V8 keeps what it has for as long as the process lives, and looks for handles on the real stack.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1}
export RUSTFLAGS="-Zsanitizer=address" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target/sanitize}

echo "== AddressSanitizer: nano-config, whole"
cargo +nightly test --target "$host" -p nano-config
echo "== AddressSanitizer: nano-runtime's parts"
cargo +nightly test --target "$host" -p nano-runtime --lib
echo "== AddressSanitizer: nano-runtime with V8"
cargo +nightly test --target "$host" -p nano-runtime --test runtime -- "$@"
