"""What must hold between the services of compose.yaml, which the Compose schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import yaml

import settings
from manifests import SCHEME_PORTS

FILE = Path(__file__).resolve().parent.parent / "compose.yaml"
OURS = "chatroom-"


def problems(text: str | None = None) -> list[str]:
    """What is wrong with the file, or with `text` in its place."""
    document = yaml.safe_load(text or FILE.read_text())
    services = document["services"]
    return [
        f"{name}: {problem}"
        for name, service in services.items()
        for rule in (_settings, _image, _calls, _volumes)
        for problem in rule(name, service, document)
    ]


def _settings(name: str, service: dict, _: dict) -> Iterator[str]:
    if service["image"] == OURS + name:
        yield from settings.problems(name, service["environment"])
        if int(service["stop_grace_period"].removesuffix("s")) <= settings.drain_seconds():
            yield "it is killed before its calls have ended"


def _image(_: str, service: dict, __: dict) -> Iterator[str]:
    built = service.get("build")
    if built and OURS + built["args"]["SERVICE"] != service["image"]:
        yield f"{service['image']} is built as {built['args']['SERVICE']}"
    if not built and ":" not in service["image"]:
        yield f"{service['image']} is of no version"


def _calls(_: str, service: dict, document: dict) -> Iterator[str]:
    services = document["services"]
    for variable, value in service.get("environment", {}).items():
        url = urlsplit(value)
        if not url.hostname:
            continue
        callee = services.get(url.hostname)
        if callee is None:
            yield f"{variable} leads to {url.hostname}, which is no service"
        elif url.hostname not in service["depends_on"] and callee["image"].partition("-")[0] != OURS[:-1]:
            yield f"it starts without waiting for {url.hostname}"
        elif "CHATROOM_LISTEN" in callee.get("environment", {}):
            listens = callee["environment"]["CHATROOM_LISTEN"].rsplit(":", 1)[-1]
            if str(url.port or SCHEME_PORTS[url.scheme]) != listens:
                yield f"{variable} calls port {url.port} of {url.hostname}, which listens on {listens}"


def _volumes(_: str, service: dict, document: dict) -> Iterator[str]:
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            if not (FILE.parent / source).is_file():
                yield f"it mounts {source}, which does not exist"
        elif source not in document["volumes"]:
            yield f"it mounts {source}, which is no volume"
