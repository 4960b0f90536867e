"""deploy/alerts.yaml and deploy/grafana.json use existing metrics. Alerts fire only when they should, as evaluated by
Prometheus itself.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from metric_rows import metric_rows
from prometheus_client.parser import text_string_to_metric_families
from support.application.site import Site
from support.programs.installed import program
from support.programs.processes import METRICS_TOKEN, wait_until
from support.sites.backups import add_backup

from koyjabo.upkeep.backups.backups import Backups

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
ALERTS = DEPLOY / "alerts.yaml"
RULES = {rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((DEPLOY / "grafana.json").read_text())

GIVEN_BY_PROMETHEUS = {"job", "instance", "le"}
NOT_EVERYWHERE = {"koyjabo_redis_up"}
"""Metrics that a server without Redis lacks."""

TARGET = {"job": "koyjabo", "instance": "a:8000"}
AT_MINUTES = (20, 60, 130)
"""Minutes when rules that must not fire are checked."""


@pytest.fixture(scope="module")
def scraped(tmp_path_factory) -> list[Any]:
    """All samples of a real application that has registered visits and made a backup."""
    folder = tmp_path_factory.mktemp("monitored")
    with Site(f"sqlite:///{folder}/site.db", BACKUP_DIR=str(folder)) as site:
        for visitor in ("ayesha", "babul"):
            site.register(visitor)
        add_backup(site)
        site.services[Backups].refresh()
        wait_until(lambda: site.services[Backups].newest, "the folder was read")
        answer = site.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    return [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Metrics in an expression, with the labels it compares or groups by."""
    grouped = {label for names in re.findall(r"\bby \(([^)]*)\)", expression) for label in re.findall(r"\w+", names)}
    matches = re.findall(r"\b(koyjabo_\w+|up)\b(?:\{([^}]*)\})?", expression)
    return [(name, {*re.findall(r"(\w+)=", labels), *grouped}) for name, labels in matches]


def panels() -> dict[str, list[str]]:
    """Expressions by panel title."""
    return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in DASHBOARD["panels"]}


def test_a_scrape_has_all_metrics_and_labels_that_the_alerts_and_the_dashboard_use(scraped):
    labels: dict[str, set[str]] = {}
    for sample in scraped:
        labels.setdefault(sample.name, set()).update(sample.labels)
    labels |= {name: {label} - {""} for name, label, _ in metric_rows() if name in NOT_EVERYWHERE} | {"up": set()}
    labels["koyjabo_errors_total"] = {"kind"}  # no error has occurred
    expressions = [rule["expr"] for rule in RULES.values()] + [
        expression for many in panels().values() for expression in many
    ]
    for expression in expressions:
        assert selectors(expression), expression
        for metric, names in selectors(expression):
            assert names - GIVEN_BY_PROMETHEUS <= labels[metric], expression


class Series(NamedTuple):
    """A series in the format of `promtool test rules`, with a value for each minute."""

    name: str
    values: str
    labels: tuple[tuple[str, str], ...] = ()

    def as_object(self) -> dict[str, str]:
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in {**dict(self.labels), **TARGET}.items())
        return {"series": f"{self.name}{{{labels}}}", "values": self.values}


LATE = (("0.5", "0x200"), ("1.0", "0+60x200"), ("+Inf", "0+60x200"))
"""Buckets of a histogram where everything takes half a second to a second."""

FIRING = {  # alert: (series that differ from a healthy server, the first minute when it fires)
    "KoyJaboDown": ([Series("up", "1x9 0x200")], 11),
    "KoyJaboVisitsUnsaved": ([Series("koyjabo_errors_total", "_x9 1x200", (("kind", "ledger_unavailable"),))], 10),
    "KoyJaboDatabaseDown": ([Series("koyjabo_database_up", "1x9 0x200")], 11),
    "KoyJaboDatabaseRolledBack": ([Series("koyjabo_ledger_rollbacks_total", "0x9 1x200")], 10),
    "KoyJaboDiskLow": ([Series("koyjabo_disk_free_bytes", "5e10x9 9e8x200")], 15),
    "KoyJaboDiskAlmostFull": ([Series("koyjabo_disk_free_bytes", "5e10x9 1e8x200")], 10),
    "KoyJaboBackupOld": ([Series("koyjabo_backup_proven_timestamp_seconds", "0x2400")], 36 * 60 + 6),
    "KoyJaboBackupNeverVerified": ([Series("koyjabo_backup_proven_timestamp_seconds", "_x2400")], 36 * 60),
    "KoyJaboBackupFailed": ([Series("koyjabo_backup_failures_total", "2x9 3x200")], 10),
    "KoyJaboCommitsSlow": ([Series("koyjabo_commit_seconds_bucket", values, (("le", le),)) for le, values in LATE], 6),
    "KoyJaboPagesLate": (
        [Series("koyjabo_commit_to_client_seconds_bucket", values, (("le", le),)) for le, values in LATE],
        6,
    ),
    "KoyJaboWorkerBusy": ([Series("koyjabo_loop_lag_seconds", "0x9 0.6x200")], 12),
    "KoyJaboWorkersMissing": ([Series("koyjabo_workers", "4x9 3x200")], 12),
    "KoyJaboRedisDown": ([Series("koyjabo_redis_up", "1x9 0x200")], 12),
    "KoyJaboConnectionsLost": ([Series("koyjabo_reconnections_total", "0+12x200")], 15),
    "KoyJaboReportsBehind": ([Series("koyjabo_visits_unprojected", "0x9 100001x200")], 40),
}


@pytest.mark.long(
    proved_by="base/observability/test_monitoring.py::test_a_scrape_has_all_metrics_and_labels_that_the_alerts_and_the_dashboard_use"
)
def test_each_alert_fires_for_its_problem_and_no_alert_fires_for_a_healthy_server(scraped, tmp_path):
    assert set(FIRING) == set(RULES)
    promtool = program("promtool", "`make tools` installs it")
    healthy = [Series("up", "1x2400"), Series("koyjabo_redis_up", "1x2400")]
    healthy += [Series(sample.name, f"{sample.value:g}x2400", tuple(sample.labels.items())) for sample in scraped]
    nothing_fires = [{"expr": "ALERTS", "eval_time": f"{minute}m", "exp_samples": []} for minute in AT_MINUTES]
    tests = [judged(healthy, nothing_fires)]
    for alert, (otherwise, minute) in FIRING.items():
        replaced = {(sample.name, sample.labels) for sample in otherwise}
        rest = [sample for sample in healthy if (sample.name, sample.labels) not in replaced]
        tests.append(judged([*rest, *otherwise], [fires(alert, minute, True), fires(alert, minute - 2, False)]))
    file = tmp_path / "alerts.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    for command in (["check", "rules", str(ALERTS)], ["test", "rules", str(file)]):
        done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def judged(series: list[Series], checks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"interval": "1m", "input_series": [sample.as_object() for sample in series], "promql_expr_test": checks}


def fires(alert: str, minute: int, is_firing: bool) -> dict[str, Any]:
    expression = f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    samples = [{"labels": "{}", "value": 1}] if is_firing else []
    return {"expr": expression, "eval_time": f"{minute}m", "exp_samples": samples}
