"""The rendered manifests of an overlay, as objects that refer to each other.

Owns reading and looking up; what must hold between them is in rules.py, references.py and network.py.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]

SCHEME_PORTS = {"http": 80, "https": 443, "postgres": 5432, "nats": 4222}


def label(item: Object) -> str:
    return f"{item['kind']}/{item['metadata']['name']}"


def matches(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector (matchLabels and matchExpressions) picks an object with these labels."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for expression in selector.get("matchExpressions", []):
        if expression["operator"] != "In":
            raise ValueError(f"the operator {expression['operator']} is not known here")
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


@dataclass(frozen=True)
class Call:
    """A connection that a workload makes, as an address in its environment says."""

    caller: str
    host: str
    port: int


@dataclass
class Workload:
    """A Deployment or StatefulSet, seen from its pods."""

    item: Object
    manifests: Manifests = field(repr=False)

    @property
    def name(self) -> str:
        return self.item["metadata"]["name"]

    @property
    def label(self) -> str:
        return label(self.item)

    @property
    def template(self) -> Object:
        return self.item["spec"]["template"]

    @property
    def labels(self) -> dict[str, str]:
        return self.template["metadata"]["labels"]

    @property
    def pod(self) -> Object:
        return self.template["spec"]

    @property
    def container(self) -> Object:
        """Every pod here has one container; rules.py sees to that."""
        return self.pod["containers"][0]

    @property
    def ours(self) -> bool:
        return self.container["image"].split(":")[0].rsplit("/", 1)[-1].startswith("chatroom-")

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.container.get("ports", [])}

    def port(self, port: str | int) -> int | None:
        """A container's port by its name or number; nothing where the container has no such port."""
        if isinstance(port, int):
            return port if port in self.ports.values() else None
        return self.ports.get(port)

    @property
    def mounts(self) -> dict[str, str]:
        """Where each volume is mounted."""
        return {mount["name"]: mount["mountPath"] for mount in self.container.get("volumeMounts", [])}

    @property
    def environment(self) -> dict[str, str | None]:
        """The variables of the container; nothing for one that refers to what is not there."""
        return {entry["name"]: self._value(entry) for entry in self.container.get("env", [])}

    def _value(self, entry: Object) -> str | None:
        if "value" in entry:
            return entry["value"]
        for source, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
            if source in entry["valueFrom"]:
                reference = entry["valueFrom"][source]
                return self.manifests.value(kind, reference["name"], reference["key"])
        raise ValueError(f"{self.label}: the variable {entry['name']} comes from where nobody looks")

    @property
    def autoscaler(self) -> Object | None:
        for item in self.manifests.of("HorizontalPodAutoscaler"):
            target = item["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) == (self.item["kind"], self.name):
                return item
        return None

    @property
    def replicas(self) -> tuple[int, int]:
        """The fewest and the most replicas."""
        if self.autoscaler:
            return self.autoscaler["spec"]["minReplicas"], self.autoscaler["spec"]["maxReplicas"]
        count = self.item["spec"].get("replicas", 1)
        return count, count

    @property
    def calls(self) -> Iterator[Call]:
        for value in self.environment.values():
            url = urlsplit(value or "")
            if url.hostname:
                yield Call(self.name, url.hostname, url.port or SCHEME_PORTS[url.scheme])


class Manifests:
    """Everything that one `kubectl apply -k` would apply."""

    def __init__(self, items: list[Object]) -> None:
        self.items = items

    def of(self, kind: str) -> list[Object]:
        return [item for item in self.items if item["kind"] == kind]

    def get(self, kind: str, name: str) -> Object | None:
        return next((item for item in self.of(kind) if item["metadata"]["name"] == name), None)

    def value(self, kind: str, name: str, key: str) -> str | None:
        item = self.get(kind, name)
        if item is None or key not in item.get("data", {}):
            return None
        text = item["data"][key]
        return base64.b64decode(text).decode() if kind == "Secret" else text

    @property
    def workloads(self) -> list[Workload]:
        return [Workload(item, self) for kind in ("Deployment", "StatefulSet") for item in self.of(kind)]

    @property
    def ours(self) -> list[Workload]:
        return [workload for workload in self.workloads if workload.ours]

    def selected(self, selector: Object) -> list[Workload]:
        return [workload for workload in self.workloads if matches(selector, workload.labels)]

    def behind(self, service: Object) -> list[Workload]:
        """The workloads whose pods a Service leads to."""
        return self.selected({"matchLabels": service["spec"]["selector"]})

    def backends(self, ingress: Object) -> Iterator[Object]:
        """The Services, each with its port, that an Ingress leads to."""
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                yield path["backend"]["service"]
