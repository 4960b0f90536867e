"""GET /api/stats while the ledger cannot be read, and after a restore."""

from __future__ import annotations

import pytest
from support.application.site import Site


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url) as site:
        site.register("ayesha")
        yield site


def test_last_known_stats_are_marked_stale_until_the_ledger_can_be_read_again(site):
    known = site.client.get("/api/stats")
    site.rows("ALTER TABLE counters RENAME TO lost")
    again = site.client.get("/api/stats", headers={"If-None-Match": known.headers["ETag"]})
    newer = ("revision", "timestamp")
    assert {**again.json, **{name: known.json[name] for name in newer}} == {**known.json, "stale": True}
    site.rows("ALTER TABLE lost RENAME TO counters")
    assert site.stats() == {**known.json, **{name: site.stats()[name] for name in newer}}


@pytest.mark.parametrize("path", ["/api/stats", "/api/pulse"])
def test_tag_of_another_epoch_is_another_one(site, path):
    """A restored count may have the same revision, and other visits."""
    tag = site.client.get(path).headers["ETag"]
    assert site.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    site.rows("UPDATE counters SET epoch = epoch + 1")
    site.restart()
    assert site.client.get(path, headers={"If-None-Match": tag}).status_code == 200
