#!/usr/bin/env bash
# The image that is built by default, started as it says: who may in, its commands, terminals, health, its first process, its end.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/container.sh"
export SANDWIRE_TOKEN=a-token-for-this-test SANDWIRE_URL=http://127.0.0.1:7070

refused_without_a_token() {
    start sandwire
    await_end
    [[ $ended == 2 ]] || fail "without a token it ends with $ended"
    grep -q 'SANDWIRE_TOKEN=' "$log" || fail "without a token it does not say what to do: $(<"$log")"
    ok "without SANDWIRE_TOKEN it does not start, and says what to do"
}

healthy() {
    local check
    mapfile -t check < <(buildah inspect --type image localhost/sandwire:sandwire |
        python3 -c 'import json, sys; print(*json.load(sys.stdin)["Docker"]["config"]["Healthcheck"]["Test"], sep="\n")')
    [[ ${check[0]} == CMD ]] || fail "the image's health check is ${check[*]}"
    health=("${check[@]:1}")
    until_true "the image's health check" inside "${health[@]}"
    ok "its health check, '${health[*]}', is true once it serves"
    if inside "${health[@]}" --listen 127.0.0.1:7 2>/dev/null; then fail "it is healthy where nobody listens"; fi
}

commands() {
    local said
    said=$(sandwire exec -c 'echo "$(id -un) $(id -u) $PWD $HOME"; git --version; echo x >file; cat file')
    [[ $said == "sandbox 1000 /workspace /home/sandbox"$'\n'"git version "*$'\n'x ]] || fail "commands say: $said"
    local status=0
    sandwire exec -- sh -c 'exit 7' || status=$?
    [[ $status == 7 ]] || fail "an exit code of 7 is $status here"
    sandwire exec --session default -c 'cd /tmp; kept=yes'
    [[ $(sandwire exec --session default -c 'echo "$PWD $kept"') == "/tmp yes" ]] || fail "a session's shell forgets"
    ok "commands and sessions run as the user sandbox, in /workspace"
    if SANDWIRE_TOKEN=another-token sandwire exec -- true 2>"$home/refused"; then fail "any token is good"; fi
    grep -q 401 "$home/refused" || fail "a wrong token: $(<"$home/refused")"
    ok "a wrong token is refused with 401"
}

terminal() {
    local said status=0
    # `script` is the terminal on this side.
    said=$(script -qec "nsenter --net=/proc/$(first)/ns/net -- $built/sandwire exec -it -- sh -c 'tty; exit 5'" /dev/null \
        </dev/null) || status=$?
    [[ $status == 5 && $said == */dev/pts/[0-9]* ]] || fail "in a terminal, with $status: $said"
    ok "a terminal, with its exit code: $(grep -ao '/dev/pts/[0-9]*' <<<"$said")"
}

# What nobody waits for becomes the first process's, which is the server.
first_process() {
    local orphan
    [[ $(inside cat /proc/1/comm) == sandwire-server ]] || fail "the first process is $(inside cat /proc/1/comm)"
    orphan=$(inside sh -c '(while [ ! -e /tmp/end ]; do sleep 0.05; done) >/dev/null 2>&1 & echo $!')
    inside grep -q "^PPid:[[:space:]]*1$" "/proc/$orphan/status" || fail "the orphan $orphan has another parent"
    inside touch /tmp/end
    until_true "the reaping of an orphan" inside test ! -e "/proc/$orphan"
    ok "as process 1 it reaps orphans that it did not start"
}

drains() {
    local status=0
    start_beside "$built/sandwire" exec -c 'touch begun; while [ ! -e go ]; do sleep 0.05; done; echo whole; exit 3' \
        >"$home/drained" 2>"$home/told"
    until_true "the start of a command" inside test -e /workspace/begun
    runc kill "$name_of_container" TERM
    until_true "draining" grep -q draining "$log"
    if inside "${health[@]}" 2>"$home/health"; then fail "it is healthy while it drains"; fi
    grep -q draining "$home/health" || fail "the health check says: $(<"$home/health")"
    inside touch /workspace/go
    wait "$helper" || status=$?
    # Its process id may be another's from now on.
    helpers=()
    [[ $status == 3 && $(<"$home/drained") == whole ]] || fail "the command ended with $status: $(<"$home/drained")"
    grep -q 'shutting down' "$home/told" || fail "who is connected is not told of the end"
    await_end
    [[ $ended == 0 ]] || fail "after SIGTERM it ends with $ended: $(<"$log")"
    ok "SIGTERM: what runs ends by itself, with its output and exit code; then the server, with 0"
}

# What the image says of itself.
described() {
    local said
    said=$(buildah inspect --type image localhost/sandwire:sandwire | python3 -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
labels = config["Labels"]
print(config["User"], *config["ExposedPorts"], config["WorkingDir"], config["Entrypoint"],
      *(labels[f"org.opencontainers.image.{name}"] for name in ("title", "version", "licenses", "source")))')
    [[ $said == "1000:1000 7070/tcp /workspace ['sandwire-server'] sandwire "*" Apache-2.0 https://"* ]] ||
        fail "the image says of itself: $said"
    ok "the image says: $said"
}

unpack sandwire
described
refused_without_a_token
start sandwire "SANDWIRE_TOKEN=$SANDWIRE_TOKEN"
healthy
commands
terminal
first_process
drains
