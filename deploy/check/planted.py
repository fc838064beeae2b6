"""Plants the mistakes of planted.yaml, one at a time, and names those that nobody noticed."""

from __future__ import annotations

import copy
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

import compose
from manifests import Manifests, Object

MISTAKES = yaml.safe_load(Path(__file__).with_name("planted.yaml").read_text())
COUNT = sum(map(len, MISTAKES.values()))

SHORTCUTS = {"~pod": "spec/template/spec", "~container": "spec/template/spec/containers/0"}
NOTHING = object()


def unnoticed(overlays: dict[str, Manifests], rules: Iterable) -> list[str]:
    """The mistakes that nothing noticed, and the kinds of objects in which none was planted."""
    missed = [mistake for mistake in MISTAKES["objects"] if not _noticed(mistake, overlays, rules)]
    missed += [mistake for mistake in MISTAKES["compose"] if not _composed(mistake)]
    missed += [mistake for mistake in MISTAKES["tools"] if not _refused(mistake)]
    planted = {mistake["object"].split("/")[0] for mistake in MISTAKES["objects"]}
    kinds = {item["kind"] for manifests in overlays.values() for item in manifests.items}
    return [str(mistake) for mistake in missed] + [f"none in any {kind}" for kind in sorted(kinds - planted)]


def _noticed(mistake: Object, overlays: dict[str, Manifests], rules: Iterable) -> bool:
    manifests = Manifests(copy.deepcopy(overlays[mistake["in"]].items))
    kind, name = mistake["object"].split("/")
    item = next(item for item in manifests.of(kind) if _plain(item) == name)
    _change(item, mistake["at"], mistake.get("put", NOTHING))
    return any(mistake["said"] in problem for rule in rules for problem in rule(manifests))


def _plain(item: Object) -> str:
    """An object's name without the hash that kustomize puts behind the names of what it generates."""
    name = item["metadata"]["name"]
    return name.rsplit("-", 1)[0] if item["kind"] in ("Secret", "ConfigMap") else name


def _change(item: Object, pointer: str, value: Any) -> None:
    start, _, rest = pointer.partition("/")
    *path, last = f"{SHORTCUTS.get(start, start)}/{rest}".strip("/").split("/")
    place: Any = item
    for step in path:
        place = place[_key(place, step)]
    key = _key(place, last)
    if value is NOTHING:
        del place[key]
    else:
        place[key] = value


def _key(place: Any, step: str) -> str | int:
    """How to find, in an object or a list, what a step of a pointer names."""
    if isinstance(place, dict):
        return step.replace("~1", "/")
    return int(step) if step.isdigit() else [entry["name"] for entry in place].index(step)


def _composed(mistake: Object) -> bool:
    text = compose.FILE.read_text().replace(mistake["text"], mistake["put"])
    return any(mistake["said"] in problem for problem in compose.problems(text))


def _refused(mistake: Object) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, mistake["file"])
        file.write_text(mistake["text"])
        ran = subprocess.run([*mistake["command"], str(file)], capture_output=True, text=True, check=False)
    refused = ran.returncode != 0 or mistake.get("warns", False)
    return refused and mistake["said"] in ran.stdout + ran.stderr
