# shellcheck shell=bash
# What the scripts of the image's tests share. To be sourced.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
built=${CARGO_TARGET_DIR:-$here/target}/debug
# Bases, images and what is unpacked of them; kept, so that a second run is quick.
home=${CARGO_TARGET_DIR:-$here/target}/image
profile=${PROFILE:-image-test}
mkdir -p "$home"

fail() {
    echo "image: FAILED: $*" >&2
    exit 1
}

# One line for each thing that was shown to work.
ok() { echo "image: ok: $*"; }

# `buildah` with a store, and caches, of its own. Chroot isolation: it needs no daemon and no runtime.
buildah() {
    mkdir -p "$home/tmp"
    TMPDIR=$home/tmp BUILDAH_ISOLATION=chroot command buildah --root "$home/store" --runroot "$home/run" --storage-driver overlay "$@"
}

# Whether an image is there already.
has() { buildah inspect --type image "localhost/$1" >/dev/null 2>&1; }

# Waits until a command is true. The time only ends what would never end.
until_true() {
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || fail "$what: not within 60 s"
        sleep 0.05
    done
}

mib() { awk -v bytes="$1" 'BEGIN { printf "%.1f MiB", bytes / 1048576 }'; }
