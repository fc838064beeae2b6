"""Which settings each binary takes, read from the clap attributes in its sources.

Owns that reading, and nothing about where the settings are set.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

STRUCT = re.compile(r"^pub(?:\(crate\))? struct (\w+) \{(.*?)^\}", re.DOTALL | re.MULTILINE)
ARGUMENT = re.compile(r"#\[arg\(((?:(?!\)\]).)*)\)\]\s*(?://[^\n]*\s*)*pub(?:\(crate\))? \w+: ([\w:<>]+)", re.DOTALL)
VARIABLE = re.compile(r'\benv = "(CHATROOM_\w+)"')
FLATTENED = re.compile(r"#\[command\(flatten\)\]\s*pub(?:\(crate\))? \w+: (\w+)")


@cache
def taken(service: str) -> dict[str, bool]:
    """The settings with which the service's binary serves, and whether each must be set."""
    sources = ROOT / ("gateway/src" if service == "gateway" else f"services/{service}/src")
    structs = _structs(ROOT / "services/kit/src") | _structs(sources)
    top = "ServeConfig" if "ServeConfig" in structs else "Config"
    return _arguments(top, structs)


def _structs(folder: Path) -> dict[str, str]:
    return {name: body for file in sorted(folder.rglob("*.rs")) for name, body in STRUCT.findall(file.read_text())}


def _arguments(name: str, structs: dict[str, str]) -> dict[str, bool]:
    body = structs[name]
    arguments = {
        variable: "default_value" not in attributes and not kind.startswith("Option")
        for attributes, kind in ARGUMENT.findall(body)
        for variable in VARIABLE.findall(attributes)
    }
    for flattened in FLATTENED.findall(body):
        arguments |= _arguments(flattened, structs)
    return arguments


def problems(service: str, environment: dict[str, str | None]) -> list[str]:
    """What is wrong with the environment in which a service is started."""
    settings = taken(service)
    unknown = [name for name in environment if name.startswith("CHATROOM_") and name not in settings]
    missing = [name for name, required in settings.items() if required and not environment.get(name)]
    return [f"{name} is no setting of {service}" for name in unknown] + [f"{name} is not set" for name in missing]


@cache
def drain_seconds() -> int:
    """How long a process lets calls end once it has been told to stop, at most."""
    sources = [*(ROOT / "services/kit/src").rglob("*.rs"), *(ROOT / "gateway/src").rglob("*.rs")]
    pattern = re.compile(r"\b(?:DRAIN: Duration =|drain:) Duration::from_secs\((\d+)\)")
    return max(int(seconds) for file in sources for seconds in pattern.findall(file.read_text()))
