# Copyright: Contributors to the vya.backupdb project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics, their documentation, the example alerts and the tests of these belong together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.vya.backupdb.plugins.module_utils._engine.metrics import textfile

DOCS = Path(__file__).resolve().parents[2] / "docs"
METRIC = re.compile(r"\bbackupdb_[a-z_]+[a-z]\b")
KNOWN = {name: metric.labels for name, metric in textfile._METRICS.items()}


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCS / "alerts" / name).read_text(encoding="utf-8"))
    return loaded


RULES = [rule for group in load("backupdb.rules.yml")["groups"] for rule in group["rules"]]
TESTS = load("backupdb.rules.test.yml")["tests"]


def rows(first_cell: str) -> list[list[str]]:
    """Return the cells of the rows of docs/metrics.md whose first one is code that begins so."""
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(f"| `{first_cell}")
    ]


def test_every_metric_is_documented_with_its_labels() -> None:
    own = set(textfile._DATABASE)
    documented = {name.strip("`"): labels for name, labels, _meaning in rows("backupdb_")}
    assert documented.keys() == KNOWN.keys()
    for name, labels in KNOWN.items():
        cell = documented[name]
        expected = labels if "alone" in cell else tuple(label for label in labels if label not in own)
        assert set(re.findall(r"\w+", cell)) - {"and", "alone"} == set(expected), name
        assert ("alone" in cell) is not own.issubset(labels), name


def test_every_alert_is_documented() -> None:
    assert [row[0].strip("`") for row in rows("Backupdb")] == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_asks_for_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    named = set(METRIC.findall(rule["expr"]))
    assert named <= KNOWN.keys()
    assert named or "node_textfile" in rule["expr"]
    there = {"instance", "file", *(label for name in named for label in KNOWN[name])}
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= there
    assert rule["annotations"].keys() == {"summary", "description"}
    assert rule["labels"]["severity"] in {"warning", "critical"}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_the_tests_of_an_alert_show_it_fire_and_be_silent(rule: dict[str, Any]) -> None:
    outcomes = [
        bool(each["exp_alerts"])
        for test in TESTS
        for each in test["alert_rule_test"]
        if each["alertname"] == rule["alert"]
    ]
    assert set(outcomes) == {True, False}


def test_the_series_of_the_tests_are_named_as_the_metrics_are() -> None:
    named = [series["series"] for test in TESTS for series in test["input_series"]]
    for name, labels in (re.fullmatch(r"(\w+)\{(.*)\}", series, re.DOTALL).groups() for series in named):  # type: ignore[union-attr]
        if name.startswith("backupdb_"):
            assert set(re.findall(r"(\w+)=", labels)) - {"instance"} <= set(KNOWN[name]), name
