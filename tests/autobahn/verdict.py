"""Reads Autobahn's reports/index.json and fails on any case that was not passed. Python 2.7, as Autobahn's tool is."""
from __future__ import print_function

import collections
import json
import sys

# What the tool counts as passed: NON-STRICT is a legal choice, INFORMATIONAL judges nothing.
PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}
# How many cases the settings choose. Fewer means that the run broke off, which is no pass.
EXPECTED = 247

with open(sys.argv[1]) as report:
    agents = json.load(report)

cases = [(agent, case, result) for agent, results in agents.items() for case, result in results.items()]
counts = collections.Counter(result["behavior"] for _, _, result in cases)
bad = [
    (agent, case, result)
    for agent, case, result in cases
    if result["behavior"] not in PASSED or result["behaviorClose"] not in PASSED
]
for agent, case, result in sorted(bad, key=lambda item: [int(part) for part in item[1].split(".")]):
    print("autobahn: case {} of {}: {}, close {}".format(case, agent, result["behavior"], result["behaviorClose"]))

summary = ", ".join("{} {}".format(counts[name], name) for name in sorted(counts))
whole = len(cases) == EXPECTED * len(agents) and len(agents) == 1
if not whole:
    print("autobahn: expected {} cases of one server: did it answer, and to the end?".format(EXPECTED))
print("autobahn: {} cases: {}; {} failed".format(len(cases), summary or "none", len(bad)))
sys.exit(0 if whole and not bad else 1)
