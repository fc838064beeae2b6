"""Checks rendered overlays: `python -B deploy/check OVERLAY.yaml…`, then that planted mistakes are noticed."""

import sys
from pathlib import Path

import yaml

import compose
import figures
import network
import planted
import references
import rules
from manifests import Manifests

RULES = (*rules.ALL, *references.ALL, *network.ALL)


def main(files: list[str]) -> int:
    overlays = {Path(file).stem: Manifests(list(yaml.safe_load_all(Path(file).read_text()))) for file in files}
    problems = [
        f"{overlay}: {problem}"
        for overlay, manifests in overlays.items()
        for rule in RULES
        for problem in rule(manifests)
    ]
    problems += [f"compose.yaml: {problem}" for problem in compose.problems()]
    problems += [f"observability: {problem}" for problem in figures.problems()]
    if not problems:
        problems = [f"a planted mistake went unnoticed: {missed}" for missed in planted.unnoticed(overlays, RULES)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        counts = ", ".join(f"{overlay} {len(manifests.items)}" for overlay, manifests in overlays.items())
        print(f"objects: {counts}; planted mistakes noticed: {planted.COUNT}")
    return bool(problems)


sys.exit(main(sys.argv[1:]))
