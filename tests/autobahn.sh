#!/usr/bin/env bash
# Autobahn's WebSocket cases against a server that echoes every message.
#
#   tests/autobahn.sh ws://127.0.0.1:9001 [AGENT]
#
# Exit status: 0 none failed; 1 a case failed, or the run was not whole; 2 wrong use;
# 77 no Python 2.7 (Autobahn's tool runs on nothing newer): the caller decides.
# PYTHON27 names an interpreter. The tool is installed once, into target/autobahn.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${CARGO_TARGET_DIR:-$here/../target}/autobahn
url=${1:-}
agent=${2:-sandwire}
if [[ $url != ws://* && $url != wss://* ]]; then
    echo "usage: tests/autobahn.sh ws://HOST:PORT/PATH [AGENT]" >&2
    exit 2
fi

virtualenv_pin=virtualenv==20.15.1
suite_pin=autobahntestsuite==25.10.1

# The first interpreter that really is 2.7. A pyenv shim exists for versions that are not active, so ask each one.
python27() {
    local candidate
    for candidate in "${PYTHON27:-}" python2.7 python2 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
        [[ -n $candidate ]] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (2, 7))' >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(python27); then
    echo "autobahn: SKIPPED, no Python 2.7 here: install it with 'pyenv install 2.7.18', or name one in PYTHON27" >&2
    exit 77
fi

# Into a place of its own: nothing is added to the interpreter.
if [[ $(cat "$home/ready" 2>/dev/null || true) != "$suite_pin" ]]; then
    rm -rf "$home"
    mkdir -p "$home"
    export PIP_NO_PYTHON_VERSION_WARNING=1 PIP_DISABLE_PIP_VERSION_CHECK=1
    "$python" -m pip install --quiet --no-warn-script-location \
        --target "$home/bootstrap" "$virtualenv_pin" </dev/null
    PYTHONPATH=$home/bootstrap "$python" -m virtualenv --quiet "$home/v27" </dev/null
    "$home/v27/bin/pip" install --quiet "$suite_pin" </dev/null
    echo "$suite_pin" >"$home/ready"
fi

run=$(mktemp -d "$home/run.XXXXXX")
trap 'rm -rf "$run"' EXIT
export AUTOBAHN_URL=$url AUTOBAHN_AGENT=$agent AUTOBAHN_OUT=$run/reports
"$home/v27/bin/python" "$here/autobahn/spec.py" >"$run/spec.json"
# wstest ends with 0 whatever the cases say, and prints a line for each: shown only when it broke.
if ! (cd "$run" && timeout 600 "$home/v27/bin/wstest" -m fuzzingclient -s "$run/spec.json") >"$run/log" 2>&1 </dev/null; then
    tail -n 30 "$run/log" >&2
    echo "autobahn: wstest itself broke" >&2
    exit 1
fi
if [[ ! -s $run/reports/index.json ]]; then
    tail -n 30 "$run/log" >&2
    echo "autobahn: no report: is the server at $url up?" >&2
    exit 1
fi
"$home/v27/bin/python" "$here/autobahn/verdict.py" "$run/reports/index.json"
