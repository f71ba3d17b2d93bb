"""Dashboards and alert rules ask for metrics and labels that exist, and runbooks that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from prefixd.observability.metrics import Metrics
from tests.kit.daemon_process import ROOT
from tests.kit.require import binary

DASHBOARDS = sorted((ROOT / "packaging" / "grafana").glob("*.json"))
RULES = sorted((ROOT / "packaging" / "prometheus").glob("*.yml"))
FROM_PROMETHEUS = {"job", "instance"}


def known() -> dict[str, set[str]]:
    """Every series name and its labels."""
    found: dict[str, set[str]] = {}
    for metric in Metrics().declared:
        labels = {*metric.label_names, *FROM_PROMETHEUS}
        if metric.kind == "histogram":
            found[f"{metric.name}_bucket"] = {*labels, "le"}
            found[f"{metric.name}_sum"] = found[f"{metric.name}_count"] = labels
        else:
            found[metric.name] = labels
    return found


def faults(expression: str) -> list[str]:
    series = known()
    plain = re.sub(r"label_values\((.*), \w+\)", r"\1", expression)
    names = re.findall(r"\bprefixd_[a-z_]+\b", plain)
    wrong = [f"no metric {name}" for name in names if name not in series]
    allowed = set().union(*(series.get(name, set()) for name in names)) | FROM_PROMETHEUS
    used = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", plain))
    for grouping in re.findall(r"\bby \(([^)]*)\)", plain):
        used |= {label.strip() for label in grouping.split(",")}
    return wrong + [f"no label {label} in {expression}" for label in sorted(used - allowed)]


def expressions(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        own = [tree["expr"]] if isinstance(tree.get("expr"), str) else []
        return own + [found for value in tree.values() for found in expressions(value)]
    if isinstance(tree, list):
        return [found for item in tree for found in expressions(item)]
    return []


def test_a_wrong_name_or_label_would_be_found() -> None:
    assert faults("sum by (result) (rate(prefixd_reconciliation_runs_total[5m]))")
    assert faults("prefixd_reconciliations_total")
    assert not faults('sum by (status) (prefixd_reconciliation_runs_total{job=~"x"})')


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_dashboards_ask_for_what_exists(path: Path) -> None:
    dashboard = json.loads(path.read_text())
    asked = expressions(dashboard["panels"])
    assert len(asked) > 10
    asked += [
        variable["query"]
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "query"
    ]
    assert [fault for expression in asked for fault in faults(expression)] == []
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_legends_name_labels_of_their_query(path: Path) -> None:
    for panel in json.loads(path.read_text())["panels"]:
        for target in panel["targets"]:
            grouped = {
                label.strip()
                for group in re.findall(r"by \(([^)]*)\)", target["expr"])
                for label in group.split(",")
            }
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= grouped, panel["title"]


def test_panels_do_not_overlap() -> None:
    for path in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken
            assert at["x"] + at["w"] <= 24
            taken |= cells


def test_dashboards_are_what_their_table_says(tmp_path: Path) -> None:
    script = tmp_path / "build.py"
    script.write_text((ROOT / "packaging" / "grafana" / "build.py").read_text())
    subprocess.run([sys.executable, script], check=True, timeout=60)
    made = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    assert made == {path.name: path.read_text() for path in DASHBOARDS}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_ask_for_what_exists(path: Path) -> None:
    rules = [
        rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]
    ]
    assert [fault for rule in rules for fault in faults(rule["expr"])] == []
    for rule in rules:
        if "alert" in rule:
            assert (ROOT / "docs" / rule["annotations"]["runbook"]).exists(), rule["alert"]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_prometheus_accepts_the_rules(path: Path) -> None:
    done = subprocess.run(
        [binary("promtool"), "check", "rules", path],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
