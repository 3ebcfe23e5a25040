#!/usr/bin/env bash
# Makes the base images that the Dockerfile takes from a public registry, out of Debian's packages and this machine's Rust and
# Node.js: the tests need no registry. Each is made once; after `tests/image.sh clean` again.
. "$(dirname "$0")/common.sh"

release=trixie

# Without what Debian's own slim image leaves out, so that sizes can be compared.
debian() {
    local root=$home/debian
    rm -rf "$root"
    debootstrap --variant=minbase --include=ca-certificates "$release" "$root" >"$home/debootstrap.log" 2>&1 ||
        fail "debootstrap: $(tail -5 "$home/debootstrap.log")"
    rm -rf "$root"/usr/share/{doc,man,info,locale}/* "$root"/var/{cache,log}/* "$root"/var/lib/apt/lists/*
    mkdir -p "$root/var/cache/apt/archives/partial"
    printf 'path-exclude /usr/share/%s/*\n' doc man info locale >"$root/etc/dpkg/dpkg.cfg.d/slim"
    local work
    work=$(buildah from scratch)
    buildah copy --quiet "$work" "$root" / >/dev/null
    buildah config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$work"
    buildah commit --quiet --rm "$work" localhost/debian >/dev/null
    rm -rf "$root"
}

# The toolchain itself is mounted when it is used.
rust() {
    local work
    work=$(buildah from --pull-never localhost/debian)
    buildah run "$work" -- sh -c 'apt-get -qq update && apt-get -qq install -y --no-install-recommends gcc libc6-dev' \
        >"$home/rust.log" 2>&1 || fail "apt-get in the Rust image: $(tail -5 "$home/rust.log")"
    buildah config --env CARGO_HOME=/usr/local/cargo --env PATH=/usr/local/rust/bin:/usr/bin:/bin "$work"
    buildah commit --quiet --rm "$work" localhost/rust >/dev/null
}

# Where the official image has them.
node() {
    local program npm work
    program=$(command node -p process.execPath)
    npm=$(npm root --global 2>/dev/null)/npm
    work=$(buildah from scratch)
    buildah copy --quiet "$work" "$program" /usr/local/bin/node >/dev/null
    buildah copy --quiet "$work" "$npm" /usr/local/lib/node_modules/npm >/dev/null
    buildah commit --quiet --rm "$work" localhost/node >/dev/null
}

for base in "$@"; do
    has "$base" || { echo "image: making the base image $base"; "$base"; }
done
