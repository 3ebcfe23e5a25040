"""Checks kubernetes.yaml: manifest.py MANIFEST SERVER.

First by the schema of Kubernetes' API, strictly; then that its times and memory are enough for the server's settings, which
the program itself says.
"""

import copy
import re
import subprocess
import sys
import tomllib

import kubernetes_validate
import yaml

SCHEMA = "1.37"
# Server and TLS farewells after the drain: three of 2 s, see server/src/drain.rs.
FAREWELLS = 6
UNITS = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def seconds(text):
    return sum(int(number) * {"s": 1, "m": 60, "h": 3600}[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


def size(text):
    return int(text[:-2]) * UNITS[text[-2:]]


def check(condition, message):
    if not condition:
        sys.exit(f"image: kubernetes.yaml: {message}")


def refuses(document, change):
    spoiled = copy.deepcopy(document)
    change(spoiled)
    try:
        kubernetes_validate.validate(spoiled, SCHEMA, strict=True)
    except kubernetes_validate.ValidationError:
        return True
    return False


manifest, server = sys.argv[1:]
with open(manifest) as file:
    documents = {document["kind"]: document for document in yaml.safe_load_all(file)}
for document in documents.values():
    kubernetes_validate.validate(document, SCHEMA, strict=True)

pod = documents["StatefulSet"]["spec"]["template"]["spec"]
(container,) = pod["containers"]


def at(document):
    return document["spec"]["template"]["spec"]["containers"][0]


check(
    refuses(documents["StatefulSet"], lambda it: at(it).update(livenessprobe={}))
    and refuses(documents["StatefulSet"], lambda it: at(it)["ports"][0].update(containerPort="http")),
    "the schema lets everything pass",
)

env = {variable["name"]: variable.get("value") for variable in container["env"]}
said = subprocess.run(
    [server, "--print-config"],
    env={name: value for name, value in env.items() if value},
    capture_output=True,
    text=True,
    check=True,
).stdout
settings = tomllib.loads(said)
pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
needed = pause + seconds(settings["drain_time"]) + seconds(settings["drain_grace"]) + FAREWELLS
check(needed < pod["terminationGracePeriodSeconds"], f"the server needs {needed} s to end")

bound = int(re.search(r"at most (\d+) MiB", said)[1]) << 20
limit = size(container["resources"]["limits"]["memory"])
check(2 * bound <= limit, f"the server alone may take {bound >> 20} MiB, and what runs in it needs as much at least")

for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
    check(container[probe]["httpGet"] == {"path": "/healthz", "port": "http"}, f"{probe} does not ask /healthz")
check(
    pod["securityContext"]["runAsNonRoot"]
    and pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    and container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    "it has more rights than it needs",
)
selector = documents["Service"]["spec"]["selector"]
check(selector.items() <= documents["StatefulSet"]["spec"]["template"]["metadata"]["labels"].items(), "the service is nobody's")

print(
    f"image: ok: kubernetes.yaml is right by the schema of Kubernetes {SCHEMA}; {needed} s to end of "
    f"{pod['terminationGracePeriodSeconds']}, {bound >> 20} MiB for the server of {limit >> 20}"
)
