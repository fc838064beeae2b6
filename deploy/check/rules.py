"""What must hold between the objects of an overlay, apart from the network's (network.py) and the volumes' and
secrets' (references.py).

Each rule yields sentences that name an object and say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterator

import settings
from manifests import Manifests, label, matches

# The user of every image of ours.
USER = 65532
# How long callers go on calling a pod that has left its Service.
LOOKUP_SECONDS = 5
# What a process sends and says after its drain, and what a slow node needs.
SPARE_SECONDS = 10
FEWEST_REPLICAS = 3
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def workload_selectors(manifests: Manifests) -> Iterator[str]:
    """A workload selects its own pods and no other's."""
    for workload in manifests.workloads:
        chosen = [other.name for other in manifests.selected(workload.item["spec"]["selector"])]
        if chosen != [workload.name]:
            yield f"{workload.label}: its selector picks the pods of {', '.join(chosen) or 'nobody'}"
        for constraint in workload.pod.get("topologySpreadConstraints", []):
            if not matches(constraint["labelSelector"], workload.labels):
                yield f"{workload.label}: a topology spread does not count its own pods"


def other_selectors(manifests: Manifests) -> Iterator[str]:
    """Whatever else selects pods selects some."""
    for item in manifests.of("Service"):
        if len(manifests.behind(item)) != 1:
            yield f"{label(item)}: it leads to {len(manifests.behind(item))} workloads instead of one"
    for item in manifests.of("PodDisruptionBudget"):
        if len(manifests.selected(item["spec"]["selector"])) != 1:
            yield f"{label(item)}: its selector picks no single workload"
    for item in manifests.of("NetworkPolicy"):
        if item["spec"]["podSelector"] and not manifests.selected(item["spec"]["podSelector"]):
            yield f"{label(item)}: its selector picks no pod"
    for item in manifests.of("HorizontalPodAutoscaler"):
        target = item["spec"]["scaleTargetRef"]
        if not manifests.get(target["kind"], target["name"]):
            yield f"{label(item)}: there is no {target['kind']}/{target['name']} to scale"


def service_ports(manifests: Manifests) -> Iterator[str]:
    """A Service leads to a port that its pods open, and an Ingress to a port of a Service."""
    for item in manifests.of("Service"):
        for port in item["spec"]["ports"]:
            if any(workload.port(port["targetPort"]) is None for workload in manifests.behind(item)):
                yield f"{label(item)}: no container has the port {port['targetPort']}"
    for item in manifests.of("Ingress"):
        for backend in manifests.backends(item):
            service = manifests.get("Service", backend["name"])
            names = [port["name"] for port in service["spec"]["ports"]] if service else []
            if backend["port"]["name"] not in names:
                yield f"{label(item)}: there is no Service/{backend['name']} with a port {backend['port']['name']}"


def container_ports(manifests: Manifests) -> Iterator[str]:
    """A container opens the ports that its process listens on and that its probes ask."""
    for workload in manifests.workloads:
        for probe in PROBES:
            for action in ("httpGet", "tcpSocket"):
                port = workload.container.get(probe, {}).get(action, {}).get("port")
                if port is not None and workload.port(port) is None:
                    yield f"{workload.label}: its {probe} asks a port {port} that the container does not have"
        for variable, names in (("CHATROOM_LISTEN", {"grpc", "http"}), ("CHATROOM_ADMIN_LISTEN", {"admin"})):
            address = workload.environment.get(variable)
            opened = [str(port) for name, port in workload.ports.items() if name in names]
            if workload.ours and (address is None or [address.rsplit(":", 1)[-1]] != opened):
                yield f"{workload.label}: {variable} is {address}, its container's port {opened}"


def called_ports(manifests: Manifests) -> Iterator[str]:
    """What a process calls within the namespace is a port of a Service."""
    for workload in manifests.workloads:
        for call in workload.calls:
            service = manifests.get("Service", call.host)
            if "." in call.host:
                continue
            if service is None:
                yield f"{workload.label}: it calls {call.host}, which is no Service"
            elif call.port not in [port["port"] for port in service["spec"]["ports"]]:
                yield f"{workload.label}: it calls port {call.port}, which Service/{call.host} does not have"


def grace(manifests: Manifests) -> Iterator[str]:
    """A pod has the time to leave: until nobody calls it, until its calls have ended, and some more."""
    for workload in manifests.ours:
        sleep = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed = sleep + settings.drain_seconds() + SPARE_SECONDS
        if sleep < LOOKUP_SECONDS:
            yield f"{workload.label}: it stops before its callers have looked up who is left"
        if workload.pod.get("terminationGracePeriodSeconds", 30) < needed:
            yield f"{workload.label}: it needs {needed} s to stop and is given less"


def scaling(manifests: Manifests) -> Iterator[str]:
    """What is scaled has one owner of its number, and goes three at least, never all away at once."""
    for workload in manifests.workloads:
        budgets = [
            item for item in manifests.of("PodDisruptionBudget") if matches(item["spec"]["selector"], workload.labels)
        ]
        fewest, most = workload.replicas
        if bool(budgets) != (workload.autoscaler is not None):
            yield f"{workload.label}: it has an autoscaler or a disruption budget, but not both"
        if workload.autoscaler and "replicas" in workload.item["spec"]:
            yield f"{workload.label}: replicas would undo its autoscaler's work with every apply"
        if workload.autoscaler and not FEWEST_REPLICAS <= fewest <= most:
            yield f"{label(workload.autoscaler)}: from {fewest} to {most} replicas"
        for budget in budgets:
            if not 0 < budget["spec"].get("maxUnavailable", 0) < fewest:
                yield f"{label(budget)}: it lets none or all of {fewest} replicas go"


def updates(manifests: Manifests) -> Iterator[str]:
    """An update brings a new replica before it takes an old one away."""
    for workload in manifests.ours:
        rolling = workload.item["spec"].get("strategy", {}).get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
            yield f"{workload.label}: an update takes replicas away before there are new ones"


def namespaces(manifests: Manifests) -> Iterator[str]:
    """Everything is in a namespace of ours, which takes restricted pods only."""
    for item in manifests.of("Namespace"):
        if item["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{label(item)}: its pods may be of any kind"
    names = {item["metadata"]["name"] for item in manifests.of("Namespace")}
    for item in manifests.items:
        if item["kind"] != "Namespace" and item["metadata"].get("namespace") not in names:
            yield f"{label(item)}: it is in no namespace of ours"


def hardening(manifests: Manifests) -> Iterator[str]:
    """What checkov does not ask of pods."""
    for item in manifests.of("ServiceAccount"):
        if item.get("automountServiceAccountToken") is not False:
            yield f"{label(item)}: its token is given to pods that have no use for it"
    for workload in manifests.workloads:
        if len(workload.pod["containers"]) != 1:
            yield f"{workload.label}: it has several containers, and these rules see only the first"
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload.label}: variables for every Service crowd its environment"
        scratch = [volume["emptyDir"] for volume in workload.pod["volumes"] if "emptyDir" in volume]
        if not all("sizeLimit" in volume for volume in scratch):
            yield f"{workload.label}: a scratch volume may fill the node's disk"
    for workload in manifests.ours:
        if workload.pod["securityContext"].get("runAsUser") != USER:
            yield f"{workload.label}: it does not run as the images' user"
        paths = [workload.container.get(probe, {}).get("httpGet", {}).get("path") for probe in PROBES]
        if paths != ["/livez", "/livez", "/readyz"]:
            yield f"{workload.label}: its probes ask {paths}"


def encryption(manifests: Manifests) -> Iterator[str]:
    """Services prove themselves to each other, all of them, or none does."""
    proven = {workload.name for workload in manifests.ours if "CHATROOM_TLS_CERT_FILE" in workload.environment}
    for workload in manifests.ours:
        if proven and workload.name not in proven:
            yield f"{workload.label}: it has no certificate, which others ask for"
        for variable, value in workload.environment.items():
            scheme, _, rest = (value or "").partition("://")
            if scheme in ("http", "https") and rest.split(":")[0] in {other.name for other in manifests.ours}:
                if (scheme == "https") != bool(proven):
                    yield f"{workload.label}: {variable} is {value}, {'not ' if proven else ''}encrypted unlike the others"


def configuration(manifests: Manifests) -> Iterator[str]:
    """Every setting is one that the binary takes, none that it needs is missing, and no database is shared."""
    owners: dict[str, str] = {}
    for workload in manifests.ours:
        for problem in settings.problems(workload.name, workload.environment):
            yield f"{workload.label}: {problem}"
        database = workload.environment.get("CHATROOM_DATABASE_URL")
        if database and owners.setdefault(database, workload.name) != workload.name:
            yield f"{workload.label}: it shares its database with {owners[database]}"


def connections(manifests: Manifests) -> Iterator[str]:
    """The database takes the connections of all replicas, and of one more of each during an update."""
    opened = sum(
        (workload.replicas[1] + 1) * int(workload.environment.get("CHATROOM_DATABASE_POOL") or 16)
        for workload in manifests.workloads
        if "CHATROOM_DATABASE_URL" in workload.environment
    )
    server = next((workload for workload in manifests.workloads if workload.name == "postgres"), None)
    if server is None:
        return
    taken = [argument for argument in server.container["args"] if argument.startswith("max_connections=")]
    if not taken or int(taken[0].split("=")[1]) < opened:
        yield f"{server.label}: its callers may open {opened} connections, more than it takes"


def uploads(manifests: Manifests) -> Iterator[str]:
    """The Ingress takes a body that is larger than the largest file."""
    for item in manifests.of("Ingress"):
        size = item["metadata"].get("annotations", {}).get("nginx.ingress.kubernetes.io/proxy-body-size", "1m")
        largest = max(
            int(workload.environment.get("CHATROOM_UPLOAD_MAX_BYTES") or 64 << 20) for workload in manifests.workloads
        )
        if int(size.removesuffix("m")) << 20 <= largest:
            yield f"{label(item)}: it refuses uploads that the file service takes"


ALL = (
    workload_selectors,
    other_selectors,
    service_ports,
    container_ports,
    called_ports,
    grace,
    scaling,
    updates,
    namespaces,
    hardening,
    encryption,
    configuration,
    connections,
    uploads,
)
