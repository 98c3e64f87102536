#!/usr/bin/env bash
# Makes a folder of web-platform-tests for `WPT_DIR=DIR cargo test -p nano-runtime wpt:`, out of the copies that two
# repositories keep: the whole of web-platform-tests is a hundred times as large. With Python, 3.9 or later, it also gets
# the project's server, as a virtual environment in DIR/.venv; without, tests that need the server are left out.
#
#   scripts/wpt.sh DIR
#
# A DIR that has the tests already only gets the server. NODE_TEST and UNDICI name other places of the two repositories:
# a URL, or a git directory on this machine. PYTHON names another Python.
set -euo pipefail

readonly NODE_TEST=${NODE_TEST:-https://github.com/denoland/node_test} # Node's tests: most directories
readonly NODE_TEST_COMMIT=c5baef08e6692c16940b82e2ee5d778a11da64d7
readonly UNDICI=${UNDICI:-https://github.com/nodejs/undici} # fetch, xhr, mimesniff
readonly UNDICI_COMMIT=b4019ee9dc9864469cebfca43a42e37de1287b98

if [ $# != 1 ]; then
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
mkdir -p "$1"
target=$(cd "$1" && pwd)
readonly PYTHON=${PYTHON:-python3}
readonly REQUIREMENTS=${BASH_SOURCE[0]%/*}/wpt_requirements.txt

# Makes the virtual environment with the server: whole, or not at all.
add_server() {
  local pip=("$target/.venv/bin/python3" -m pip --quiet --disable-pip-version-check)
  if "$PYTHON" -m venv "$target/.venv" && "${pip[@]}" install -r "$REQUIREMENTS"; then
    echo "wptserve in $target/.venv"
  else
    rm -rf "$target/.venv"
    echo "no server: tests that need it will be left out" >&2
  fi
}

if [ -f "$target/resources/testharness.js" ]; then
  add_server
  exit
fi
if [ -n "$(ls -A "$target")" ]; then
  echo "$target is not empty" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Prints the git directory of a repository that has the commit.
git_dir() {
  local name=$1 from=$2 commit=$3
  if [ -d "$from" ]; then
    git -C "$from" rev-parse --absolute-git-dir
    return
  fi
  git init --quiet --bare "$scratch/$name"
  git --git-dir "$scratch/$name" fetch --quiet --depth 1 "$from" "$commit"
  echo "$scratch/$name"
}

# Copies a folder of a commit.
copy() {
  local git_dir=$1 commit=$2 folder=$3 to=$4
  mkdir -p "$to"
  git --git-dir "$git_dir" archive "$commit:$folder" | tar -x -C "$to"
}

undici=$(git_dir undici "$UNDICI" "$UNDICI_COMMIT")
for folder in fetch xhr mimesniff common interfaces resources; do
  copy "$undici" "$UNDICI_COMMIT" "test/fixtures/wpt/$folder" "$target/$folder"
done
# The newer copy goes over the older one.
node_test=$(git_dir node_test "$NODE_TEST" "$NODE_TEST_COMMIT")
copy "$node_test" "$NODE_TEST_COMMIT" test/fixtures/wpt "$target"
echo "$(find "$target" -type f | wc -l) files in $target"
add_server
