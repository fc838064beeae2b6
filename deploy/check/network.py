"""Whether the NetworkPolicies allow exactly the calls that are made.

A call is an address in a workload's environment, an Ingress or a scrape annotation; an edge is what a policy allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from manifests import Manifests, Object, Workload

NAMESPACE = "kubernetes.io/metadata.name"
DNS = "namespace:kube-system"


@dataclass(frozen=True, order=True)
class Edge:
    """A connection on a port, from one peer to another: a workload's name, `namespace:NAME`, or `outside`."""

    source: str
    target: str
    port: int

    def __str__(self) -> str:
        return f"{self.source} -> {self.target} port {self.port}"


def calls(manifests: Manifests) -> set[Edge]:
    """The connections that are made."""
    made: set[Edge] = set()
    for workload in manifests.workloads:
        for call in workload.calls:
            made |= {Edge(workload.name, target, port) for target, port in _target(manifests, call.host, call.port)}
            made.add(Edge(workload.name, DNS, 53))
        annotations = workload.template["metadata"].get("annotations", {})
        if annotations.get("prometheus.io/scrape") == "true":
            made.add(Edge("namespace:monitoring", workload.name, int(annotations["prometheus.io/port"])))
    for item in manifests.of("Ingress"):
        source = f"namespace:ingress-{item['spec']['ingressClassName']}"
        for backend in manifests.backends(item):
            behind = _behind(manifests, backend["name"], "name", backend["port"]["name"])
            made |= {Edge(source, target, port) for target, port in behind}
    return made


def _target(manifests: Manifests, host: str, port: int) -> Iterator[tuple[str, int]]:
    """Where an address leads: to workloads of ours, into another namespace, or outside."""
    if "." not in host:
        yield from _behind(manifests, host, "port", port)
    elif host.endswith((".svc", ".svc.cluster.local")):
        yield f"namespace:{host.split('.')[1]}", port
    else:
        yield "outside", port


def _behind(manifests: Manifests, name: str, field: str, value: str | int) -> Iterator[tuple[str, int]]:
    """The workloads behind a Service, with the container's port behind the one whose `field` is `value`."""
    service = manifests.get("Service", name)
    if service is None:
        return
    for port in service["spec"]["ports"]:
        for workload in manifests.behind(service) if port[field] == value else []:
            yield workload.name, workload.port(port["targetPort"]) or 0


def allowed(manifests: Manifests, direction: str) -> set[Edge]:
    """The connections that the policies let through, in the direction `Ingress` or `Egress`."""
    edges: set[Edge] = set()
    for policy in manifests.of("NetworkPolicy"):
        if direction not in policy["spec"]["policyTypes"]:
            continue
        for workload in manifests.selected(policy["spec"]["podSelector"]):
            for rule in policy["spec"].get(direction.lower(), []):
                for peer in rule["from" if direction == "Ingress" else "to"]:
                    edges |= set(_edges(manifests, workload, direction, peer, rule["ports"]))
    return edges


def _edges(
    manifests: Manifests, workload: Workload, direction: str, peer: Object, ports: list[Object]
) -> Iterator[Edge]:
    for name, other in _peers(manifests, peer):
        for port in ports:
            # A named port is the callee's.
            callee = workload if direction == "Ingress" else other
            number = port["port"] if isinstance(port["port"], int) else (callee and callee.port(port["port"]))
            source, target = (name, workload.name) if direction == "Ingress" else (workload.name, name)
            yield Edge(source, target, number or 0)


def _peers(manifests: Manifests, peer: Object) -> Iterator[tuple[str, Workload | None]]:
    if "ipBlock" in peer:
        yield "outside", None
    elif "namespaceSelector" in peer:
        yield f"namespace:{peer['namespaceSelector']['matchLabels'][NAMESPACE]}", None
    else:
        for workload in manifests.selected(peer["podSelector"]):
            yield workload.name, workload


def policies(manifests: Manifests) -> Iterator[str]:
    """Nothing passes by default; every call has an edge at both ends, and every edge is a call."""
    if not any(_denies_all(policy) for policy in manifests.of("NetworkPolicy")):
        yield "NetworkPolicy/default-deny: nothing is denied by default"
    names = {workload.name for workload in manifests.workloads}
    made = calls(manifests)
    for direction, end in (("Egress", "source"), ("Ingress", "target")):
        passing = allowed(manifests, direction)
        for edge in sorted(edge for edge in made - passing if getattr(edge, end) in names):
            yield f"NetworkPolicy: {direction} of a call is missing: {edge}"
        for edge in sorted(passing - made):
            yield f"NetworkPolicy: {direction} of no call: {edge}"


def _denies_all(policy: Object) -> bool:
    spec = policy["spec"]
    denied = set(spec["policyTypes"]) == {"Ingress", "Egress"}
    return denied and not any(spec.get(part) for part in ("podSelector", "ingress", "egress"))


ALL = (policies,)
