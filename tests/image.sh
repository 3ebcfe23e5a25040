#!/usr/bin/env bash
# The image and its manifest: linted, built from the Dockerfile as it is, started, and used with the tool `sandwire`.
#
#   tests/image.sh            all of it
#   tests/image.sh clean      removes all that it has made, so that the next run begins anew
#   PROFILE=release …         with the program as it is released, which takes longer to build
#
# No daemon and no registry of images is needed: buildah builds on base images that debootstrap makes, umoci unpacks, runc runs.
# It needs root. What it makes is kept in target/image.
. "$(dirname "$0")/image/common.sh"

# The store is a mount, which would keep target/ from being removed.
unmount() {
    buildah umount --all >/dev/null 2>&1 || true
    umount --lazy "$home/store/overlay" 2>/dev/null || true
}
trap unmount EXIT

case ${1:-} in
    '') ;;
    clean)
        buildah rm --all >/dev/null 2>&1 || true
        unmount
        trap - EXIT
        rm -rf "$home"
        exit
        ;;
    *) fail "there is no $1: nothing, or clean" ;;
esac

# Programs, by the Debian package that brings them.
declare -A packages=([buildah]=buildah [debootstrap]=debootstrap [umoci]=umoci [runc]=runc [dnsmasq]=dnsmasq-base
    [python3]=python3 [curl]=curl [script]=bsdutils [nsenter]=util-linux)

prerequisites() {
    [[ $(uname -s) == Linux && $(id -u) == 0 ]] ||
        fail "it needs Linux and root, for mounts and namespaces: run it as root, or leave it out (tests/run NAME…)"
    local missing=() program
    for program in "${!packages[@]}"; do
        type -P "$program" >/dev/null || missing+=("${packages[$program]}")
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || fail "missing: install ${missing[*]} (here is no apt-get to do it)"
    echo "image: installing: ${missing[*]}"
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$home/apt.log" 2>&1 ||
        fail "missing: ${missing[*]}, and apt-get cannot install them: $(tail -5 "$home/apt.log")"
}

# A build that no debug build of the tools precedes has nothing to be used with.
tools() {
    local tool
    for tool in sandwire sandwire-server; do
        [[ -x $built/$tool ]] || fail "$built/$tool is missing: cargo build --workspace"
    done
}

# As stored, and as it goes over the network.
sizes() {
    local target
    echo "image: size: the static program, profile $profile: $(mib "$(stat -c %s "$home/bundle-server/rootfs/sandwire-server")")"
    for target in server sandwire full; do
        echo "image: size: the target $target: $(stored "sandwire:$target"), compressed $(mib "$(<"$home/compressed-$target")")"
    done
    echo "image: size: of these, Debian itself: $(stored debian)"
}
stored() { buildah images --format '{{.Size}}' "localhost/$1"; }

prerequisites
tools
"$here/tests/image/lint.sh"
"$here/tests/image/bases.sh" debian rust node
"$here/tests/image/build.sh" server sandwire full
"$here/tests/image/static.sh"
"$here/tests/image/server.sh"
"$here/tests/image/full.sh"
sizes
