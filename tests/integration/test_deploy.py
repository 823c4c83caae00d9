"""Alert rules, dashboard and units are what their own programs accept."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing; on Debian: apt-get install prometheus"
)


@needs_promtool
def test_promtool_accepts_the_alert_rules():
    _promtool("check", "rules", str(PROMETHEUS / "varsel.rules.yml"))


@needs_promtool
def test_every_alert_fires_and_keeps_quiet_as_its_tests_say():
    _promtool("test", "rules", str(PROMETHEUS / "varsel.rules.test.yml"))


@needs_promtool
def test_promtool_accepts_the_scrape_configuration():
    _promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


@needs_promtool
def test_every_expression_of_the_dashboard_is_promql(tmp_path: Path):
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(dashboard_expressions())]
    generated = tmp_path / "dashboard.rules.yml"
    generated.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    _promtool("check", "rules", str(generated))


def test_every_alert_is_tested():
    rules = yaml.safe_load((PROMETHEUS / "varsel.rules.yml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((PROMETHEUS / "varsel.rules.test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {check["alertname"] for test in tests for check in test["alert_rule_test"] if check["exp_alerts"]}
    assert fired == alerts


def test_the_dashboards_panels_do_not_overlap():
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((DEPLOY / "grafana" / "varsel.json").read_text(encoding="utf-8"))["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing; units are not verified"
)
@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").glob("*.service")), ids=lambda unit: unit.name)
def test_systemd_knows_every_key_of_the_units(unit: Path):
    found = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    # The binary and the user exist on the target only.
    assert not re.findall(r".*(?:Unknown key|Unknown section|Failed to parse|Missing '=').*", found.stderr)


def dashboard_expressions() -> list[str]:
    """Every PromQL expression of the dashboard, with Grafana's own variable filled in."""
    dashboard = json.loads((DEPLOY / "grafana" / "varsel.json").read_text(encoding="utf-8"))
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    annotations = [each["expr"] for each in dashboard["annotations"]["list"]]
    return [expr.replace("$__rate_interval", "5m") for expr in panels + annotations]


def _promtool(*arguments: str) -> None:
    ran = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
