"""Metrics are named as Prometheus wants; rules, dashboard and runbooks speak of metrics that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml

from serving.telemetry.metric_table import TABLE, Kind, Spec

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RUNBOOKS = DEPLOY / "runbooks"
#: Made by the model service in its own registry, and by prometheus_client.
ELSEWHERE = {"varsel_inference_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total", "up"}
#: Units that are not base units.
SCALED = re.compile(r"_(ms|milliseconds|minutes|hours|kb|mb|mib|gb|percent)(_|$)")


@pytest.mark.parametrize("spec", TABLE, ids=lambda spec: spec.name)
def test_a_metric_is_named_by_convention(spec: Spec):
    assert re.fullmatch(r"varsel(_[a-z0-9]+)+", spec.name)
    assert not SCALED.search(spec.name)
    assert spec.name.endswith("_total") is (spec.kind is Kind.COUNTER)
    assert (spec.kind is Kind.HISTOGRAM) is bool(spec.buckets)
    assert list(spec.buckets) == sorted(spec.buckets)
    assert spec.text.endswith(".")
    assert spec.labels == tuple(label for label in spec.labels if not label.startswith("__"))


def test_no_label_could_hold_something_of_a_patient():
    allowed = {"model", "model_version", "outcome", "reason", "stage", "destination", "kind", "door", "state", "status"}
    assert {label for spec in TABLE for label in spec.labels} <= allowed | {"version", "process", "route"}


def test_a_metric_is_declared_in_the_table_or_nowhere():
    named = re.compile(r'"(varsel_[a-z_]+)"')
    sources = [
        path for package in ("serving", "dicom_io", "ehr_io", "models") for path in (ROOT / package).rglob("*.py")
    ]
    found = {
        name
        for path in sources
        if "prometheus_client" in (text := path.read_text(encoding="utf-8"))
        for name in named.findall(text)
    }
    assert found <= ELSEWHERE


def test_every_metric_stands_in_the_documentation():
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert [spec.name for spec in TABLE if f"`{spec.name}`" not in text] == []


def test_rules_and_dashboard_speak_of_metrics_that_exist():
    unknown = {name for expression in _expressions() for name in _metrics_of(expression)} - _known()
    assert unknown == set()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert():
    alerts = {rule["alert"]: rule["annotations"]["runbook"] for rule in _rules()}
    assert alerts == {name: f"deploy/runbooks/{name}.md" for name in alerts}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts)


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_says_what_it_means_and_what_to_do(path: Path):
    text = path.read_text(encoding="utf-8")
    assert all(part in text for part in ("**What it says.**", "**What it means.**", "**What to do.**", "\n1. "))


def _rules() -> list[dict[str, dict[str, str]]]:
    groups = yaml.safe_load((DEPLOY / "prometheus" / "varsel.rules.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def _expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana" / "varsel.json").read_text(encoding="utf-8"))
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [str(rule["expr"]) for rule in _rules()] + panels


def _metrics_of(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:varsel_\w+|process_\w+|up)\b", re.sub(r'"[^"]*"', '""', expression)))


def _known() -> set[str]:
    histograms = {
        f"{spec.name}{suffix}"
        for spec in TABLE
        if spec.kind is Kind.HISTOGRAM
        for suffix in ("_bucket", "_sum", "_count")
    }
    return {spec.name for spec in TABLE} | histograms | ELSEWHERE
