"""What metrics say of the backups that the server makes."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.application.site import SPEC_MOMENT, Site
from support.programs.processes import METRICS_TOKEN
from support.sites.backup_rows import add_backup, add_failure, add_running

from koyjabo.maintenance.services import MaintenanceServices

PROVEN, BYTES, FAILURES = (
    "koyjabo_backup_proven_timestamp_seconds",
    "koyjabo_backup_bytes",
    "koyjabo_backup_failures_total",
)


@pytest.fixture
def site(database, tmp_path):
    with Site(database.url, BACKUP_DIR=str(tmp_path)) as site:
        yield site


def scraped(site: Site) -> dict[str, float]:
    site.services[MaintenanceServices].backups.refresh()
    text = site.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {sample.name: sample.value for sample in samples if sample.name.startswith("koyjabo_backup")}


def test_newest_proven_backup_and_all_failures_are_in_the_metrics(site):
    assert scraped(site) == {FAILURES: 0}
    add_failure(site, hours_ago=9)
    add_backup(site, hours_ago=3, bytes=7)
    add_failure(site, hours_ago=2)
    add_running(site)
    three_hours_ago = SPEC_MOMENT / 1000 - 3 * 3600
    assert scraped(site) == {PROVEN: three_hours_ago, BYTES: 7, FAILURES: 2}
    site.rows("DELETE FROM backups WHERE state <> 'running'")
    site.restart()
    assert scraped(site) == {FAILURES: 2}


def test_server_that_makes_no_backups_has_no_metrics_of_them(sqlite_database):
    with Site(sqlite_database.url) as site:
        add_failure(site)
        assert scraped(site) == {}
