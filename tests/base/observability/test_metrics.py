"""Prometheus metrics: values, access, documentation, and what the alerts and the dashboard in deploy/ make of them."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from support.application.site import Site
from support.programs.installed import program
from support.programs.processes import METRICS_TOKEN, wait_until
from support.sites.backups import add_backup

from koyjabo.base.observability import all_metrics
from koyjabo.base.observability.all_metrics import COMMUNITY_CONNECTIONS_GAUGE, DATABASE_GAUGE, OLDEST_VISIT_GAUGE
from koyjabo.base.observability.gauges import Gauges
from koyjabo.base.observability.metrics import MAX_ERROR_KINDS, Metrics
from koyjabo.communities.live.participants import largest_of
from koyjabo.upkeep.backups.backups import Backups

OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
SCRAPER = {"Authorization": f"Bearer {METRICS_TOKEN}"}
ELSEWHERE = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}


def values(families: Iterable[Metric]) -> dict[tuple[str, str], float]:
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, ",".join(sample.labels.values())): sample.value for sample in samples}


def scraped(site: Site) -> dict[tuple[str, str], float]:
    answer = site.client.get("/metrics", headers=SCRAPER)
    assert answer.status_code == 200, answer.text
    return values(text_string_to_metric_families(answer.text))


def metric_rows() -> list[tuple[str, str, str]]:
    """Every metric's name as scraped, its label and its meaning: counters and histograms, then gauges."""
    counted = [metric for metric in vars(all_metrics).values() if isinstance(metric, all_metrics.Metric)]
    rows = [
        (metric.name if metric.buckets else f"{metric.name}_total", metric.label or "", metric.meaning)
        for metric in counted
    ]
    return rows + [(gauge.name, gauge.label or "", gauge.meaning) for gauge in all_metrics.GAUGES]


def test_the_documentation_lists_exactly_the_metrics_that_exist():
    table = OPERATIONS.read_text().partition("## Metrics")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(koyjabo_\w+)`(?: by `(\w+)`)? \| (.+) \|$", table, re.MULTILINE)
    assert rows == metric_rows()


def test_the_metrics_count_a_visit_with_its_commit_and_an_error_by_its_code(site):
    before = scraped(site)
    site.post(json={"visitorId": "ayesha"})
    site.post(json={"visitorId": "not/one"})
    after = scraped(site)
    for name in ("koyjabo_commit_visits_sum", "koyjabo_commit_seconds_count"):
        assert after[name, ""] == before[name, ""] + 1
    error = ("koyjabo_errors_total", "invalid_input")
    assert after[error] == before.get(error, 0) + 1
    assert after["koyjabo_commit_seconds_sum", ""] > before["koyjabo_commit_seconds_sum", ""]


@pytest.fixture
def metrics():
    return Metrics(Gauges(None, None))


def test_the_number_of_error_kinds_and_message_types_in_the_metrics_is_bounded(metrics):
    """Libraries log what clients send, and each kind takes memory."""
    for kind in ("", "two words", "ঢাকা", "x" * 51, 'a"b', *(f"kind_{number}" for number in range(MAX_ERROR_KINDS + 30))):
        metrics.error(kind)
    metrics.error("kind_0")
    for made_up in ("one", "two", "x" * 1000):
        metrics.received(made_up)
    numbers = values(text_string_to_metric_families(metrics.text().decode()))
    assert numbers["koyjabo_errors_total", "kind_0"] == 2
    assert numbers["koyjabo_errors_total", "other"] == 5 + 30
    assert sum(name == "koyjabo_errors_total" for name, _ in numbers) == MAX_ERROR_KINDS + 1
    messages = {label: count for (name, label), count in numbers.items() if name == "koyjabo_messages_received_total"}
    assert messages == {**dict.fromkeys(("ping", "request_count", "join", "leave"), 0), "other": 3}


def test_only_the_50_largest_communities_have_their_own_label_for_connections():
    counts = Counter({f"community-{number}": number for number in range(1, 3 * 50 + 1)})
    largest = largest_of(counts)
    assert largest.pop("other") == sum(range(1, 101))
    assert set(largest.values()) == set(range(101, 151))


def test_the_metrics_are_only_served_to_callers_with_the_token(site):
    wrong = [{"Authorization": text} for text in (METRICS_TOKEN, f"Bearer {METRICS_TOKEN}x", "Bearer ")]
    for status, requests in (
        (200, (SCRAPER, {**SCRAPER, "X-Forwarded-For": "192.0.2.7"})),
        (401, (*wrong, {}, {"X-Forwarded-For": "127.0.0.1"})),
    ):
        for headers, elsewhere in product(requests, ({}, ELSEWHERE)):
            answer = site.client.get("/metrics", headers=headers, **elsewhere)
            assert (answer.status_code, "koyjabo_" in answer.text) == (status, status == 200), (headers, elsewhere)
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("environment", "status"), [("production", 403), ("development", 200)])
def test_without_a_token_the_metrics_are_served_only_locally_in_development(sqlite_database, environment, status):
    """Requests through a proxy are refused in any case."""
    with Site(sqlite_database.url, METRICS_TOKEN="", ENVIRONMENT=environment, TRUSTED_PROXIES=1) as site:
        assert site.client.get("/metrics").status_code == status
        for headers in ({}, SCRAPER, {"Authorization": "Bearer "}):
            assert site.client.get("/metrics", headers=headers, **ELSEWHERE).status_code == 403, headers
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            assert site.client.get("/metrics", headers={header: "192.0.2.7"}).status_code == 403, header


def names(folder: Path, place: int, look: dict) -> Gauges:
    gauges = Gauges(str(folder), str(place))
    for gauge, numbers in look.items():
        gauges.provide(gauge, lambda numbers=numbers: numbers)
    gauges.write()
    return gauges


def test_the_gauges_of_all_live_workers_are_combined_as_each_metric_requires(tmp_path, monkeypatch):
    monkeypatch.setattr("koyjabo.base.observability.gauges.WORKER_FILE_S", 3600)
    names(tmp_path, 0, {COMMUNITY_CONNECTIONS_GAUGE: {"a": 2, "b": 1}, OLDEST_VISIT_GAUGE: 0.5, DATABASE_GAUGE: 0})
    second = names(tmp_path, 1, {COMMUNITY_CONNECTIONS_GAUGE: {"a": 3}, OLDEST_VISIT_GAUGE: 0.1, DATABASE_GAUGE: 1})
    numbers = values(second.collect())
    assert (numbers[COMMUNITY_CONNECTIONS_GAUGE.name, "a"], numbers[COMMUNITY_CONNECTIONS_GAUGE.name, "b"]) == (5, 1)
    assert (numbers[OLDEST_VISIT_GAUGE.name, ""], numbers[DATABASE_GAUGE.name, ""]) == (0.5, 0)
    (tmp_path / "now_2.json").write_text("{ half a fi")
    os.utime(tmp_path / "now_0.json", (1, 1))
    assert values(second.collect())[COMMUNITY_CONNECTIONS_GAUGE.name, "a"] == 3


DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
ALERTS = DEPLOY / "alerts.yaml"
RULES = {rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
DASHBOARD = json.loads((DEPLOY / "grafana.json").read_text())

GIVEN_BY_PROMETHEUS = {"job", "instance", "le"}
NOT_EVERYWHERE = {"koyjabo_redis_up"}  # Metrics that a server without Redis lacks
TARGET = {"job": "koyjabo", "instance": "a:8000"}
AT_MINUTES = (20, 60, 130)  # Minutes when rules that must not fire are checked


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[Any]:
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
    return {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in DASHBOARD["panels"]}


def test_a_scrape_has_all_metrics_and_labels_that_the_alerts_and_the_dashboard_use(samples):
    labels: dict[str, set[str]] = {}
    for sample in samples:
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
    proved_by="base/observability/test_metrics.py::test_a_scrape_has_all_metrics_and_labels_that_the_alerts_and_the_dashboard_use"
)
def test_each_alert_fires_for_its_problem_and_no_alert_fires_for_a_healthy_server(samples, tmp_path):
    assert set(FIRING) == set(RULES)
    promtool = program("promtool")
    healthy = [Series("up", "1x2400"), Series("koyjabo_redis_up", "1x2400")]
    healthy += [Series(sample.name, f"{sample.value:g}x2400", tuple(sample.labels.items())) for sample in samples]
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
