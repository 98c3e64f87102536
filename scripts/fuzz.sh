#!/usr/bin/env bash
# Runs fuzz targets (fuzz/fuzz_targets), one after the other, each for some seconds. What they find is in
# fuzz/artifacts; what they learn is kept in fuzz/corpus. Needs a nightly toolchain, a C++ compiler, and cargo-fuzz
# (cargo install cargo-fuzz --locked).
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     180 seconds each, and all targets, unless told otherwise
#
# SANITIZER=none builds without AddressSanitizer, which is several times as fast.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seconds=${1:-180}
targets=("${@:2}")
if [ ${#targets[@]} = 0 ]; then
  for file in fuzz/fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
# The dependencies are fuzzed in the versions that are shipped.
cp Cargo.lock fuzz/Cargo.lock
# V8 keeps what it has for as long as the process lives, and looks for handles on the real stack.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0:detect_stack_use_after_return=0:allocator_may_return_null=1}

failed=()
for target in "${targets[@]}"; do
  echo "== $target"
  mkdir -p "fuzz/corpus/$target"
  cargo +nightly fuzz run --sanitizer "${SANITIZER:-address}" "$target" \
    "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -max_len=4096 -timeout=60 -rss_limit_mb=0 -print_final_stats=1 -print_funcs=0 ||
    failed+=("$target")
done
if [ ${#failed[@]} != 0 ]; then
  echo "found something: ${failed[*]}" >&2
  exit 1
fi
