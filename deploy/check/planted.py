"""Mistakes, planted one at a time to show that each is caught: at least one in every kind of object.

Owns the mistakes; what catches them is in rules.py, network.py and compose.py, or a tool that `TOOLS` names.
"""

from __future__ import annotations

import copy
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable

import compose
from manifests import Manifests, Object


@dataclass(frozen=True)
class Mistake:
    """A change to one object of an overlay, and part of the sentence that must say so."""

    overlay: str
    kind: str
    name: str
    change: Callable[[Object], object]
    said: str


def container(item: Object) -> Object:
    return item["spec"]["template"]["spec"]["containers"][0]


def variable(item: Object, name: str) -> Object:
    return next(entry for entry in container(item)["env"] if entry["name"] == name)


def pod(item: Object) -> Object:
    return item["spec"]["template"]["spec"]


MISTAKES = (
    Mistake("production", "Namespace", "chatroom", lambda o: o["metadata"].pop("labels"), "may be of any kind"),
    Mistake("production", "ServiceAccount", "user", lambda o: o.pop("automountServiceAccountToken"), "token is given"),
    Mistake("production", "ServiceAccount", "file", lambda o: o["metadata"].update(name="files"), "does not exist"),
    Mistake("production", "Secret", "user", lambda o: o["data"].clear(), "has no CHATROOM_DATABASE_URL"),
    Mistake("production", "Secret", "signing-key", lambda o: o["metadata"].update(name="key"), "nothing uses it"),
    Mistake("production", "ConfigMap", "jwks", lambda o: o["data"].update({"keys.json": o["data"].pop("jwks.json")}),
            "CHATROOM_JWKS_FILE is"),
    Mistake("dev", "ConfigMap", "postgres-databases", lambda o: o["metadata"].update(name="other"), "does not exist"),
    Mistake("production", "Deployment", "merchant", lambda o: variable(o, "CHATROOM_USER_URL").update(
        value="http://users:50051"), "no Service"),
    Mistake("production", "Deployment", "merchant", lambda o: variable(o, "CHATROOM_USER_URL").update(
        value="http://user:50055"), "calls port 50055"),
    Mistake("production", "Deployment", "merchant", lambda o: variable(o, "CHATROOM_ACTIVATION").update(
        name="CHATROOM_ACTIVATIONS"), "no setting of merchant"),
    Mistake("production", "Deployment", "file", lambda o: container(o)["env"].remove(
        variable(o, "CHATROOM_S3_BUCKET")), "CHATROOM_S3_BUCKET is not set"),
    Mistake("production", "Deployment", "group", lambda o: variable(o, "CHATROOM_DATABASE_URL")["valueFrom"][
        "secretKeyRef"].update(key="URL"), "has no URL"),
    Mistake("production", "Deployment", "group", lambda o: pod(o).update(terminationGracePeriodSeconds=20),
            "needs 28 s to stop"),
    Mistake("production", "Deployment", "group", lambda o: container(o).pop("lifecycle"), "before its callers"),
    Mistake("production", "Deployment", "group", lambda o: o["spec"].update(replicas=3), "undo its autoscaler"),
    Mistake("production", "Deployment", "user", lambda o: container(o)["readinessProbe"]["httpGet"].update(
        path="/livez"), "its probes ask"),
    Mistake("production", "Deployment", "user", lambda o: container(o)["livenessProbe"]["httpGet"].update(
        port="probe"), "does not have"),
    Mistake("production", "Deployment", "user", lambda o: o["spec"]["template"]["metadata"]["labels"].update(
        {"app.kubernetes.io/name": "users"}), "picks the pods of nobody"),
    Mistake("production", "Deployment", "user", lambda o: container(o)["volumeMounts"].pop(), "mounted nowhere"),
    Mistake("production", "Deployment", "file", lambda o: variable(o, "CHATROOM_LISTEN").update(
        value="0.0.0.0:50055"), "CHATROOM_LISTEN is 0.0.0.0:50055"),
    Mistake("dev", "StatefulSet", "postgres", lambda o: container(o).update(args=["-c", "max_connections=20"]),
            "may open 96 connections"),
    Mistake("dev", "StatefulSet", "s3", lambda o: pod(o).pop("enableServiceLinks"), "crowd its environment"),
    Mistake("production", "Service", "group", lambda o: o["spec"]["selector"].update(
        {"app.kubernetes.io/name": "groups"}), "leads to 0 workloads"),
    Mistake("production", "Service", "gateway", lambda o: o["spec"]["ports"][0].update(targetPort="web"),
            "no container has the port web"),
    Mistake("production", "Ingress", "gateway", lambda o: o["spec"]["rules"][0]["http"]["paths"][0]["backend"][
        "service"].update(name="gate"), "no Service/gate"),
    Mistake("production", "Ingress", "gateway", lambda o: o["metadata"]["annotations"].update(
        {"nginx.ingress.kubernetes.io/proxy-body-size": "8m"}), "refuses uploads"),
    Mistake("production", "PodDisruptionBudget", "user", lambda o: o["spec"].update(maxUnavailable=3), "none or all"),
    Mistake("production", "PodDisruptionBudget", "file", lambda o: o["spec"]["selector"]["matchLabels"].update(
        {"app.kubernetes.io/name": "files"}), "picks no single workload"),
    Mistake("production", "HorizontalPodAutoscaler", "gateway", lambda o: o["spec"].update(minReplicas=1),
            "from 1 to 12"),
    Mistake("production", "HorizontalPodAutoscaler", "user", lambda o: o["spec"]["scaleTargetRef"].update(
        name="users"), "to scale"),
    Mistake("production", "NetworkPolicy", "default-deny", lambda o: o["spec"].update(policyTypes=["Ingress"]),
            "nothing is denied"),
    Mistake("production", "NetworkPolicy", "dns", lambda o: o["spec"]["egress"].clear(),
            "missing: user -> namespace:kube-system port 53"),
    Mistake("production", "NetworkPolicy", "merchant", lambda o: o["spec"].pop("egress"),
            "Egress of a call is missing: merchant -> user port 50051"),
    Mistake("production", "NetworkPolicy", "merchant", lambda o: o["spec"]["ingress"][0]["from"].pop(),
            "Ingress of a call is missing: group -> merchant port 50052"),
    Mistake("production", "NetworkPolicy", "user", lambda o: o["spec"]["ingress"][0]["from"].append(
        {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "file"}}}),
        "Ingress of no call: file -> user port 50051"),
    Mistake("production", "NetworkPolicy", "call-s3", lambda o: o["spec"]["egress"][0]["ports"][0].update(port=8443),
            "Egress of no call: file -> outside port 8443"),
    Mistake("production", "NetworkPolicy", "group", lambda o: o["spec"]["podSelector"]["matchLabels"].update(
        {"app.kubernetes.io/name": "groups"}), "picks no pod"),
)


# A text of compose.yaml, what stands in its place, and part of the sentence that must say so.
COMPOSE = (
    ("CHATROOM_ACTIVATION: issued", "CHATROOM_ACTIVATE: issued", "CHATROOM_ACTIVATE is no setting of merchant"),
    ("CHATROOM_S3_BUCKET: *bucket", "CHATROOM_S3_REGION: *bucket", "CHATROOM_S3_BUCKET is not set"),
    ("http://user:50051", "http://user:50052", "which listens on 50051"),
    ("@postgres:5432/chatroom_group", "@database:5432/chatroom_group", "which is no service"),
    ("{public-keys: *done, s3: *healthy}", "{public-keys: *done}", "without waiting for s3"),
    ("args: {SERVICE: file}", "args: {SERVICE: group}", "chatroom-file is built as group"),
    ("s3/garage.toml:", "s3/garage.conf:", "garage.conf, which does not exist"),
    ("stop_grace_period: 25s", "stop_grace_period: 5s", "killed before its calls"),
)


@dataclass(frozen=True)
class Tool:
    """A file with a mistake, and the command that must refuse it for the reason `said`."""

    file: str
    text: str
    command: tuple[str, ...]
    said: str


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: planted, namespace: chatroom}
spec: {containers: [{name: planted, image: "planted:1", securityContext: {privileged: true}}]}
"""
RULES = "groups: [{name: planted, rules: [{alert: Planted, expr: 'sum(up'}]}]\n"
NATS = "authorization { users: [ { user: planted, password: secret, permissions: { publishes: [] } } ] }\n"

TOOLS = (
    Tool("pod.yaml", POD.replace("containers:", "container:"),
         ("kubernetes-validate", "-k", "1.34", "--strict"), "container"),
    Tool("kind.yaml", POD.replace("kind: Pod", "kind: Pot"), ("kubernetes-validate", "-k", "1.34", "--strict"), "WARN"),
    Tool("privileged.yaml", POD, ("checkov", "--framework", "kubernetes", "--skip-download", "--quiet", "--compact",
                                  "-f"), "CKV_K8S_16"),
    Tool("compose.yaml", "services: {planted: {image: a, healthchecks: {}}}\n",
         ("check-jsonschema", "--builtin-schema", "vendor.compose-spec"), "healthchecks"),
    Tool("Dockerfile", "FROM debian\nRUN cd /tmp\n", ("hadolint",), "DL3003"),
    Tool("planted.sh", "#!/bin/sh\nrm $1\n", ("shellcheck",), "SC2086"),
    Tool("alerts.yaml", RULES, ("promtool", "check", "rules"), "unclosed left parenthesis"),
    Tool("nats.conf", NATS, ("nats-server", "-t", "-c"), "publishes"),
)


COUNT = len(MISTAKES) + len(COMPOSE) + len(TOOLS)


def uncaught(overlays: dict[str, Manifests], rules: Iterable) -> list[str]:
    """The mistakes that nothing has caught; empty where all is well."""
    missed = [_describe(mistake) for mistake in MISTAKES if not _caught(mistake, overlays, rules)]
    kinds = {item["kind"] for manifests in overlays.values() for item in manifests.items}
    missed += [f"{kind}: no mistake was planted" for kind in sorted(kinds - {mistake.kind for mistake in MISTAKES})]
    missed += [said for *change, said in COMPOSE if not any(said in problem for problem in _composed(*change))]
    return missed + [f"{tool.command[0]} on {tool.file}: {tool.said}" for tool in TOOLS if not _refused(tool)]


def _composed(old: str, new: str) -> list[str]:
    text = compose.FILE.read_text()
    assert old in text, old
    return compose.problems(text.replace(old, new))


def _describe(mistake: Mistake) -> str:
    return f"{mistake.kind}/{mistake.name}: {mistake.said}"


def _caught(mistake: Mistake, overlays: dict[str, Manifests], rules: Iterable) -> bool:
    manifests = Manifests(copy.deepcopy(overlays[mistake.overlay].items))
    # kustomize puts a hash behind the names of what it generates.
    named = (item for item in manifests.of(mistake.kind) if _plain(item) == mistake.name)
    mistake.change(next(named))
    return any(mistake.said in problem for rule in rules for problem in rule(manifests))


def _plain(item: Object) -> str:
    name = item["metadata"]["name"]
    return name.rsplit("-", 1)[0] if item["kind"] in ("Secret", "ConfigMap") else name


def _refused(tool: Tool) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, tool.file)
        file.write_text(tool.text)
        ran = subprocess.run([*tool.command, str(file)], capture_output=True, text=True, check=False)
    return tool.said in ran.stdout + ran.stderr and (ran.returncode != 0 or tool.said == "WARN")
