"""Whether dashboard and alerts ask for figures that the processes export, in queries that Prometheus understands, and
whether every alert leads to a paragraph of the operator's guide."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator

import yaml

from settings import ROOT

DEPLOY = ROOT / "deploy"
OBSERVABILITY = DEPLOY / "observability"

# How the exporter writes the kinds of instruments down, with seconds as the only unit in use.
INSTRUMENT = re.compile(r'\b(?:f64|i64|u64)_(?:observable_)?(histogram|up_down_counter|counter|gauge)\("([\w.]+)"\)')
SUFFIXES = {
    "histogram": ("_seconds_bucket", "_seconds_count", "_seconds_sum"),
    "counter": ("_total",),
    "up_down_counter": ("",),
    "gauge": ("",),
}
# In a query without its strings and groupings: a word with an underscore that is neither a function nor a label.
NAME = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b(?!\s*(?:\(|=|!))")


def exported() -> set[str]:
    """The names under which the processes' figures are scraped."""
    sources = [file for folder in ("services", "gateway") for file in (ROOT / folder).glob("**/src/**/*.rs")]
    found = [match for file in sources for match in INSTRUMENT.findall(file.read_text())]
    return {name.replace(".", "_") + suffix for kind, name in found for suffix in SUFFIXES[kind]}


def problems() -> list[str]:
    return [*_queries(), *_runbooks(), *_scraping()]


def _alerts() -> list[dict]:
    groups = yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _queries() -> Iterator[str]:
    panels = json.loads((OBSERVABILITY / "dashboard.json").read_text())["panels"]
    targets = [(panel["title"], target["expr"]) for panel in panels for target in panel.get("targets", [])]
    known = exported()
    for place, query in [*targets, *((alert["alert"], alert["expr"]) for alert in _alerts())]:
        for name in sorted(_names(query) - known):
            yield f"{place}: no process exports {name}"
    # promtool reads queries in rules only.
    rules = [
        {"record": f"panel_{place}", "expr": query.replace("$__rate_interval", "5m")}
        for place, (_, query) in enumerate(targets)
    ]
    if complaint := _promtool("rules", yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]})):
        yield f"dashboard.json: {complaint}"


def _names(query: str) -> set[str]:
    return set(NAME.findall(re.sub(r'"[^"]*"|\bby \([^)]*\)', "", query)))


def _runbooks() -> Iterator[str]:
    headings = re.findall(r"^#+ (.+)$", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    for alert in _alerts():
        if alert["alert"] not in headings:
            yield f"{alert['alert']}: the operator's guide does not mention it"
        if alert["annotations"]["runbook"] != f"deploy/README.md#{alert['alert'].lower()}":
            yield f"{alert['alert']}: its runbook leads elsewhere"


def _scraping() -> Iterator[str]:
    """Debian's promtool is built without discovery in Kubernetes: everything else of the file is checked."""
    document = yaml.safe_load((OBSERVABILITY / "prometheus.yaml").read_text())
    document["rule_files"] = [str(OBSERVABILITY / name) for name in document["rule_files"]]
    for scrape in document["scrape_configs"]:
        del scrape["kubernetes_sd_configs"]
    if complaint := _promtool("config", yaml.safe_dump(document)):
        yield f"prometheus.yaml: {complaint}"


def _promtool(kind: str, text: str) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        ran = subprocess.run(["promtool", "check", kind, file.name], capture_output=True, text=True, check=False)
    return " ".join((ran.stdout + ran.stderr).split()) if ran.returncode else ""
