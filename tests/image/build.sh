#!/usr/bin/env bash
# Builds targets of the Dockerfile, unchanged, on the local base images: tests/image/build.sh TARGET…
. "$(dirname "$0")/common.sh"

# This machine's Rust and its certificates, which the registry's proxy may need, are mounted: the Dockerfile knows neither.
mounts=(
    --volume "$(rustc --print sysroot):/usr/local/rust:ro"
    --volume /etc/ssl/certs:/etc/ssl/certs:ro
)
for target in "$@"; do
    # HEALTHCHECK is of Docker's format only.
    buildah build --format docker --layers --pull-never --target "$target" --tag "localhost/sandwire:$target" \
        --build-arg RUST_IMAGE=localhost/rust --build-arg DEBIAN_IMAGE=localhost/debian \
        --build-arg NODE_IMAGE=localhost/node --build-arg PROFILE="$profile" \
        "${mounts[@]}" "$here" >"$home/build-$target.log" 2>&1 ||
        fail "the target $target is not built: $(tail -20 "$home/build-$target.log")"
done
