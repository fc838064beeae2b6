"""What must hold between the objects of an overlay, apart from the network's.

Each rule yields sentences, each naming an object and what is wrong with it.
"""

from __future__ import annotations

from typing import Iterator

import settings
from manifests import Manifests, Workload, label, matches

# The figures and traces that a process sends after the drain, and what a slow node needs.
SPARE_SECONDS = 10
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def selectors(manifests: Manifests) -> Iterator[str]:
    """Whatever selects pods selects some, and a workload selects its own and no other's."""
    for workload in manifests.workloads:
        chosen = [other.name for other in manifests.selected(workload.item["spec"]["selector"])]
        if chosen != [workload.name]:
            yield f"{workload.label}: its selector picks the pods of {chosen or 'nobody'}"
        for constraint in workload.pod.get("topologySpreadConstraints", []):
            if not matches(constraint["labelSelector"], workload.labels):
                yield f"{workload.label}: a topology spread does not count its own pods"
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


def ports(manifests: Manifests) -> Iterator[str]:
    """Every port that is named or called is one that a container opens."""
    for item in manifests.of("Service"):
        for port in item["spec"]["ports"]:
            if any(workload.port(port["targetPort"]) is None for workload in manifests.behind(item)):
                yield f"{label(item)}: no container has the port {port['targetPort']}"
    for item in manifests.of("Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = manifests.get("Service", backend["name"])
                names = [port["name"] for port in service["spec"]["ports"]] if service else []
                if backend["port"]["name"] not in names:
                    yield f"{label(item)}: there is no Service/{backend['name']} with a port {backend['port']['name']}"
    for workload in manifests.workloads:
        for probe in PROBES:
            for action in ("httpGet", "tcpSocket"):
                port = workload.container.get(probe, {}).get(action, {}).get("port")
                if port is not None and workload.port(port) is None:
                    yield f"{workload.label}: its {probe} asks a port {port} that the container does not have"
        for variable, named in (("CHATROOM_LISTEN", ("grpc", "http")), ("CHATROOM_ADMIN_LISTEN", ("admin",))):
            address = workload.environment.get(variable)
            opened = [str(workload.ports[name]) for name in named if name in workload.ports]
            if workload.ours and (address is None or [address.rsplit(":", 1)[-1]] != opened):
                yield f"{workload.label}: {variable} is {address}, its container's port {opened}"
        for call in workload.calls:
            service = manifests.get("Service", call.host)
            if "." in call.host:
                continue
            if service is None:
                yield f"{workload.label}: it calls {call.host}, which is no Service"
            elif call.port not in [port["port"] for port in service["spec"]["ports"]]:
                yield f"{workload.label}: it calls port {call.port}, which Service/{call.host} does not have"


def references(manifests: Manifests) -> Iterator[str]:
    """Every Secret, ConfigMap, key, volume and ServiceAccount that is named exists, and each is named."""
    used: set[tuple[str, str]] = set()
    for workload in manifests.workloads:
        if not manifests.get("ServiceAccount", workload.pod.get("serviceAccountName", "default")):
            yield f"{workload.label}: its ServiceAccount does not exist"
        used.add(("ServiceAccount", workload.pod.get("serviceAccountName", "default")))
        for entry in workload.container.get("env", []):
            for source, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
                reference = entry.get("valueFrom", {}).get(source)
                if reference is None:
                    continue
                used.add((kind, reference["name"]))
                if not manifests.value(kind, reference["name"], reference["key"]):
                    yield f"{workload.label}: {kind}/{reference['name']} has no {reference['key']}"
        yield from _volumes(workload, used)
    for kind in ("Secret", "ConfigMap", "ServiceAccount"):
        for item in manifests.of(kind):
            if (kind, item["metadata"]["name"]) not in used:
                yield f"{label(item)}: nothing uses it"


def _volumes(workload: Workload, used: set[tuple[str, str]]) -> Iterator[str]:
    volumes = {volume["name"]: volume for volume in workload.pod.get("volumes", [])}
    claims = [claim["metadata"]["name"] for claim in workload.item["spec"].get("volumeClaimTemplates", [])]
    mounted = {mount["name"]: mount["mountPath"] for mount in workload.container.get("volumeMounts", [])}
    for name in mounted.keys() ^ (volumes.keys() | set(claims)):
        yield f"{workload.label}: the volume {name} is {'missing' if name in mounted else 'mounted nowhere'}"
    files: set[str] = set()
    for name, volume in volumes.items():
        for source, kind, field in (("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name")):
            if source not in volume:
                continue
            item = workload.manifests.get(kind, volume[source][field])
            used.add((kind, volume[source][field]))
            if item is None:
                yield f"{workload.label}: the volume {name} is of {kind}/{volume[source][field]}, which does not exist"
            else:
                files |= {f"{mounted.get(name)}/{key}" for key in item["data"]}
            if kind == "Secret" and volume[source].get("defaultMode") != 0o400:
                yield f"{workload.label}: the secret files in {name} are not 0400"
    for variable, value in workload.environment.items():
        if variable.startswith("CHATROOM_") and variable.endswith("_FILE") and value not in files:
            yield f"{workload.label}: {variable} is {value}, which no volume holds"


def grace(manifests: Manifests) -> Iterator[str]:
    """A pod has the time to leave: until nobody calls it, until its calls have ended, and some more."""
    for workload in filter(lambda workload: workload.ours, manifests.workloads):
        sleep = workload.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        needed = sleep + settings.drain_seconds() + SPARE_SECONDS
        if sleep < 5:
            yield f"{workload.label}: it stops before its callers have looked up who is left"
        if workload.pod.get("terminationGracePeriodSeconds", 30) < needed:
            yield f"{workload.label}: it needs {needed} s to stop and is given less"


def disruption(manifests: Manifests) -> Iterator[str]:
    """What is scaled is never all away at once, and its number of replicas has one owner."""
    for workload in manifests.workloads:
        budgets = [
            item for item in manifests.of("PodDisruptionBudget") if matches(item["spec"]["selector"], workload.labels)
        ]
        fewest, most = workload.replicas
        if bool(budgets) != (workload.autoscaler is not None):
            yield f"{workload.label}: it has an autoscaler or a disruption budget, but not both"
        if workload.autoscaler and "replicas" in workload.item["spec"]:
            yield f"{workload.label}: replicas would undo its autoscaler's work with every apply"
        if workload.autoscaler and not 3 <= fewest <= most:
            yield f"{label(workload.autoscaler)}: from {fewest} to {most} replicas"
        for budget in budgets:
            if not 0 < budget["spec"].get("maxUnavailable", 0) < fewest:
                yield f"{label(budget)}: it lets none or all of {fewest} replicas go"
        rolling = workload.item["spec"].get("strategy", {}).get("rollingUpdate", {})
        if workload.ours and (rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge")):
            yield f"{workload.label}: an update takes replicas away before there are new ones"


def hardening(manifests: Manifests) -> Iterator[str]:
    """What checkov does not ask for."""
    for item in manifests.of("Namespace"):
        if item["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{label(item)}: its pods may be of any kind"
    namespaces = {item["metadata"]["name"] for item in manifests.of("Namespace")}
    for item in manifests.items:
        if item["kind"] != "Namespace" and item["metadata"].get("namespace") not in namespaces:
            yield f"{label(item)}: it is in no namespace of ours"
    for item in manifests.of("ServiceAccount"):
        if item.get("automountServiceAccountToken") is not False:
            yield f"{label(item)}: its token is given to pods that have no use for it"
    for workload in manifests.workloads:
        if len(workload.pod["containers"]) != 1:
            yield f"{workload.label}: it has several containers, and these rules see only the first"
        if workload.pod.get("enableServiceLinks") is not False:
            yield f"{workload.label}: variables for every Service crowd its environment"
        if not workload.ours:
            continue
        if workload.pod["securityContext"].get("runAsUser") != 65532:
            yield f"{workload.label}: it does not run as the images' user"
        paths = [workload.container.get(probe, {}).get("httpGet", {}).get("path") for probe in PROBES]
        if paths != ["/livez", "/livez", "/readyz"]:
            yield f"{workload.label}: its probes ask {paths}"
        if not all("sizeLimit" in volume["emptyDir"] for volume in workload.pod["volumes"] if "emptyDir" in volume):
            yield f"{workload.label}: a scratch volume may fill the node's disk"


def configuration(manifests: Manifests) -> Iterator[str]:
    """Every setting is one that the binary takes, and none that it needs is missing."""
    for workload in filter(lambda workload: workload.ours, manifests.workloads):
        for problem in settings.problems(workload.name, workload.environment):
            yield f"{workload.label}: {problem}"
    owners: dict[str, str] = {}
    for workload in manifests.workloads:
        database = workload.environment.get("CHATROOM_DATABASE_URL")
        if database and database in owners:
            yield f"{workload.label}: it shares its database with {owners[database]}"
        if database:
            owners[database] = workload.name


def capacity(manifests: Manifests) -> Iterator[str]:
    """Limits that stand in two places fit each other."""
    pools = [
        (workload.replicas[1] + 1) * int(workload.environment.get("CHATROOM_DATABASE_POOL") or 16)
        for workload in manifests.workloads
        if "CHATROOM_DATABASE_URL" in workload.environment
    ]
    for workload in filter(lambda workload: workload.name == "postgres", manifests.workloads):
        allowed = [argument for argument in workload.container["args"] if argument.startswith("max_connections=")]
        if not allowed or int(allowed[0].split("=")[1]) < sum(pools):
            yield f"{workload.label}: its callers may open {sum(pools)} connections, more than it takes"
    for item in manifests.of("Ingress"):
        size = item["metadata"].get("annotations", {}).get("nginx.ingress.kubernetes.io/proxy-body-size", "1m")
        uploads = [workload.environment.get("CHATROOM_UPLOAD_MAX_BYTES") for workload in manifests.workloads]
        largest = max(int(upload or 64 << 20) for upload in uploads)
        if int(size.removesuffix("m")) << 20 <= largest:
            yield f"{label(item)}: it refuses uploads that the file service takes"


ALL = (selectors, ports, references, grace, disruption, hardening, configuration, capacity)
