"""Prometheus metrics: values, access, documentation, and what instruments measure."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from metric_rows import metric_rows
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from support.application.site import Site
from support.programs.processes import METRICS_TOKEN

from koyjabo.base.observability.all_metrics import (
    COMMUNITY_CONNECTIONS_GAUGE,
    DATABASE_GAUGE,
    OLDEST_VISIT_GAUGE,
)
from koyjabo.base.observability.gauges import Gauges
from koyjabo.base.observability.metrics import MAX_ERROR_KINDS, Metrics
from koyjabo.communities.live.participants import largest_of

OPERATIONS = Path(__file__).resolve().parents[3] / "docs" / "operations.md"
SCRAPER = {"Authorization": f"Bearer {METRICS_TOKEN}"}
ELSEWHERE = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}


def values(families: Iterable[Metric]) -> dict[tuple[str, str], float]:
    """Values by name and label."""
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, ",".join(sample.labels.values())): sample.value for sample in samples}


def scraped(site: Site) -> dict[tuple[str, str], float]:
    answer = site.client.get("/metrics", headers=SCRAPER)
    assert answer.status_code == 200, answer.text
    return values(text_string_to_metric_families(answer.text))


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
