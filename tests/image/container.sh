# shellcheck shell=bash disable=SC2154,SC2034
# Containers of the images, by umoci and runc: unpacked, started as the image says, each with its own network. To be sourced.

containers=() helpers=()
# Whatever happens, nothing that was started here is left. Helpers end before the container does whose network they are in.
remove_all() {
    local name
    if ((${#helpers[@]})); then
        kill -KILL "${helpers[@]}" 2>/dev/null || true
        wait "${helpers[@]}" 2>/dev/null || true
    fi
    for name in "${containers[@]}"; do
        runc --root "$home/runc" delete --force "$name" >/dev/null 2>&1 || true
    done
}
trap remove_all EXIT

runc() { command runc --root "$home/runc" "$@"; }

# unpack TARGET: the image's files and configuration, anew, in $home/bundle-TARGET; how many bytes it is compressed, in
# $home/compressed-TARGET.
unpack() {
    local target=$1 bundle=$home/bundle-$1
    rm -rf "$home/oci-$target" "$bundle"
    buildah push --quiet "localhost/sandwire:$target" "oci:$home/oci-$target:it" >/dev/null
    umoci unpack --image "$home/oci-$target:it" "$bundle" >/dev/null 2>&1 || fail "umoci cannot unpack the target $target"
    du -sb "$home/oci-$target" | cut -f1 >"$home/compressed-$target"
    rm -rf "$home/oci-$target"
}

# start TARGET VARIABLE=VALUE…: starts its unpacked image, and leaves its process in $container and its output in $log. With no
# capabilities and no way to more, as kubernetes.yaml has it; no terminal; and the files of names from this test.
start() {
    local name=sandwire-test-$$-$1 bundle=$home/bundle-$1
    shift
    log=$bundle/log
    python3 - "$bundle/config.json" "$@" <<'PY'
import json, sys
path, *variables = sys.argv[1:]
with open(path) as file:
    config = json.load(file)
process = config["process"]
process["terminal"] = False
process["noNewPrivileges"] = True
process["capabilities"] = {}
names = {variable.split("=")[0] for variable in variables}
process["env"] = [variable for variable in process["env"] if variable.split("=")[0] not in names] + variables
config["root"]["readonly"] = False
with open(path, "w") as file:
    json.dump(config, file)
PY
    runc delete --force "$name" >/dev/null 2>&1 || true
    containers+=("$name")
    name_of_container=$name
    runc run --bundle "$bundle" "$name" >"$log" 2>&1 </dev/null &
    container=$!
}

# Waits for the container's end and leaves what it ended with in $ended.
await_end() {
    ended=0
    wait "$container" || ended=$?
}

# The id of its first process, as this machine has it.
first() { runc state "$name_of_container" | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])'; }

# Runs a program in it, beside the server; and one of this machine in its network.
inside() { runc exec "$name_of_container" "$@"; }
beside() { nsenter --net="/proc/$(first)/ns/net" -- "$@"; }
sandwire() { beside "$built/sandwire" "$@"; }

# Starts a program of this machine in its network, a helper that runs until this test ends; its process is $helper. With `exec`:
# else that would be a shell around the program, which would outlive it.
start_beside() {
    exec nsenter --net="/proc/$(first)/ns/net" -- "$@" &
    helper=$!
    helpers+=("$helper")
}
