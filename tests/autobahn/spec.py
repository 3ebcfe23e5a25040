"""Prints the fuzzing client's settings. Python 2.7, as Autobahn's tool is."""
import json
import os
import sys

json.dump({
    "outdir": os.environ["AUTOBAHN_OUT"],
    "servers": [{"agent": os.environ["AUTOBAHN_AGENT"], "url": os.environ["AUTOBAHN_URL"]}],
    "cases": ["*"],
    # 9: messages of many MiB, above the limit of a frame. 12, 13: compression, which is not offered.
    "exclude-cases": ["9.*", "12.*", "13.*"],
    "exclude-agent-cases": {},
}, sys.stdout)
