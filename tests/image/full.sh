#!/usr/bin/env bash
# The target `full`: that what it brings works for its user, through the server.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/container.sh"
export SANDWIRE_TOKEN=a-token-for-this-test SANDWIRE_URL=http://127.0.0.1:7070

# A kernel, as the code interpreter starts it; a picture comes back.
read -r -d '' kernel <<'PY' || true
import sys
from jupyter_client.manager import start_new_kernel
code = """
import matplotlib.pyplot as plt, numpy as np, pandas as pd
plt.plot(pd.Series(np.arange(5)).cumsum()); plt.show(); print("sum", np.arange(5).sum())
"""
manager, client = start_new_kernel(kernel_name="python3")
said = []
def heard(message):
    content = message["content"]
    said.append(content.get("text", "") + " ".join(content.get("data", {})) + " ".join(content.get("traceback", [])))
client.execute_interactive("%matplotlib inline\n" + code, output_hook=heard, timeout=120)
manager.shutdown_kernel(now=True)
print(*said)
PY

unpack full
start full "SANDWIRE_TOKEN=$SANDWIRE_TOKEN"
until_true "health" inside sandwire-server health
said=$(sandwire exec -- python3 -c "$kernel" 2>"$home/kernel.log") || fail "a Jupyter kernel: $(<"$home/kernel.log")"
[[ $said == *image/png* && $said == *"sum 10"* ]] || fail "a Jupyter kernel says: $said"
ok "a Jupyter kernel with numpy, pandas and matplotlib computes and draws"
said=$(sandwire exec -c 'node -p process.version; npm --version; s3fs --version | head -1; git --version; whoami')
[[ $said == v*"Amazon Simple Storage"*"git version"*sandbox ]] || fail "its programs say: $said"
ok "as the user sandbox: $(tr '\n' ' ' <<<"$said")"
sandwire exec -c 'test -w /opt/python/lib/python3*/site-packages' || fail "its user may not install into its Python"
runc kill "$name_of_container" TERM
await_end
[[ $ended == 0 ]] || fail "after SIGTERM it ends with $ended"
