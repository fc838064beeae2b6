"""Whether every ServiceAccount, Secret, ConfigMap, key, volume and file that a pod names exists, and each is named."""

from __future__ import annotations

from collections.abc import Iterator

from manifests import Manifests, Workload, label

# Where a reference may stand in a variable, and in a volume with the field that holds the name.
VARIABLES = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
VOLUMES = {"secret": ("Secret", "secretName"), "configMap": ("ConfigMap", "name")}


def accounts(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        if not manifests.get("ServiceAccount", _account(workload)):
            yield f"{workload.label}: its ServiceAccount does not exist"


def variables(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        for kind, name, key in _variables(workload):
            if not manifests.value(kind, name, key):
                yield f"{workload.label}: {kind}/{name} has no {key}"


def volumes(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        for volume, kind, name, mode in _volumes(workload):
            if not manifests.get(kind, name):
                yield f"{workload.label}: the volume {volume} is of {kind}/{name}, which does not exist"
            if kind == "Secret" and mode != 0o400:
                yield f"{workload.label}: the secret files in {volume} are not 0400"


def mounts(manifests: Manifests) -> Iterator[str]:
    for workload in manifests.workloads:
        claims = workload.item["spec"].get("volumeClaimTemplates", [])
        present = {volume["name"] for volume in workload.pod.get("volumes", [])}
        present |= {claim["metadata"]["name"] for claim in claims}
        for name in sorted(present ^ workload.mounts.keys()):
            yield f"{workload.label}: the volume {name} is {'mounted nowhere' if name in present else 'missing'}"


def files(manifests: Manifests) -> Iterator[str]:
    """A setting that names a file names one that a volume holds."""
    for workload in manifests.ours:
        held = {
            f"{workload.mounts.get(volume)}/{key}"
            for volume, kind, name, _ in _volumes(workload)
            for key in (manifests.get(kind, name) or {}).get("data", {})
        }
        for variable, value in workload.environment.items():
            if variable.startswith("CHATROOM_") and variable.endswith("_FILE") and value not in held:
                yield f"{workload.label}: {variable} is {value}, which no volume holds"


def leftovers(manifests: Manifests) -> Iterator[str]:
    used = {("ServiceAccount", _account(workload)) for workload in manifests.workloads}
    for workload in manifests.workloads:
        used |= {(kind, name) for kind, name, _ in _variables(workload)}
        used |= {(kind, name) for _, kind, name, _ in _volumes(workload)}
    for kind in ("ServiceAccount", "Secret", "ConfigMap"):
        for item in manifests.of(kind):
            if (kind, item["metadata"]["name"]) not in used:
                yield f"{label(item)}: nothing uses it"


def _account(workload: Workload) -> str:
    return workload.pod.get("serviceAccountName", "default")


def _variables(workload: Workload) -> Iterator[tuple[str, str, str]]:
    """Kind, name and key that the container's variables refer to."""
    for entry in workload.container.get("env", []):
        for source, reference in entry.get("valueFrom", {}).items():
            yield VARIABLES[source], reference["name"], reference["key"]


def _volumes(workload: Workload) -> Iterator[tuple[str, str, str, int | None]]:
    """The volumes that show an object: their name, the object's kind and name, and the mode of its files."""
    for volume in workload.pod.get("volumes", []):
        for source, (kind, field) in VOLUMES.items():
            if source in volume:
                yield volume["name"], kind, volume[source][field], volume[source].get("defaultMode")


ALL = (accounts, variables, volumes, mounts, files, leftovers)
