"""GET /api/stats: the stats object, and what lets a client ask for it again at no cost."""

from __future__ import annotations

import pytest
from support.app_fixtures import SPEC_MOMENT, Site

FIELDS = {  # in the order of the specification
    "totalVisitors": int,
    "totalVisits": int,
    "todayVisits": int,
    "activeUsers": int,
    "uniqueVisitors": int,
    "locations": dict,
    "revision": int,
    "epoch": str,
    "timestamp": str,
}


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def get(site: Site, *tags: str):
    return site.client.get("/api/stats", headers={"If-None-Match": ", ".join(tags)} if tags else {})


def test_fields_have_specs_order_and_types_and_the_numbers_of_the_visits(site):
    site.register("ayesha")
    site.register("ayesha")
    stats = site.register("babul").stats
    assert site.stats() == stats
    assert [(name, type(value)) for name, value in stats.items()] == [*FIELDS.items()]
    assert stats["totalVisitors"] == stats["totalVisits"] == 4003
    assert (stats["todayVisits"], stats["activeUsers"], stats["uniqueVisitors"]) == (3, 2, 2)
    assert stats["locations"] == {"Unknown": {"count": 2}}


def test_revision_is_the_moment_of_the_change_and_never_falls(site):
    """Clients drop what is older than what they show."""
    site.stats()
    site.time.pass_(seconds=1)
    first, second = site.register().stats, site.register().stats
    assert (first["revision"], first["timestamp"]) == (SPEC_MOMENT + 1000, "2025-12-16T04:48:39.412Z")
    assert (second["revision"], second["timestamp"]) == (SPEC_MOMENT + 1001, "2025-12-16T04:48:39.413Z")
    site.time.put_right(hours=-1)
    third = site.register().stats
    assert third["revision"] == SPEC_MOMENT + 1002


def test_match_in_any_form_is_not_modified_and_anything_else_gets_the_numbers(site):
    tag = get(site).headers["ETag"]
    for answer in (get(site), get(site, tag)):  # it may be kept, but must be asked for
        assert answer.headers["Cache-Control"] == "no-cache"
    assert get(site).content_type == "application/json"
    assert "no-store" in site.client.post("/api/visitor/register", json={}).headers["Cache-Control"]
    for form in ("{}", "W/{}", '"other", {}', '"other", W/{}, W/"third"', "*", ' {} , "b"'):
        answer = get(site, form.format(tag))
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag), form
    for form in ('"other"', 'W/"other"', "other", '""', "{}x", '"{}'):
        answer = get(site, form.format(tag))
        assert (answer.status_code, answer.json["totalVisits"]) == (200, 4000), form


def test_etag_changes_with_every_change_and_only_then(site):
    changes = (
        lambda: site.register("ayesha"),
        lambda: site.register("ayesha"),
        lambda: site.register("babul", visitId="1"),
        lambda: site.time.pass_(seconds=300),
        lambda: site.heartbeat("babul"),
        lambda: site.time.pass_(days=1),
        lambda: site.set_total(5000),
        lambda: site.set_total(5, new_epoch=True),
    )
    tags = [get(site).headers["ETag"]]
    for number, change in enumerate(changes):
        change()
        assert get(site, *tags).status_code == 200, number
        tags.append(get(site).headers["ETag"])
    assert len(set(tags)) == len(tags)
    site.heartbeat("babul")
    tag = get(site).headers["ETag"]
    site.time.pass_(seconds=299)
    site.register("babul", visitId="1")
    site.heartbeat("babul")
    assert get(site, tag).status_code == 304


def test_equal_revision_means_equal_numbers_of_one_epoch_across_a_restart(site):
    """Nobody is active any more: that is a change, and a client that polls must see it."""
    site.register()
    before = get(site)
    site.time.pass_(seconds=300)
    site.restart()
    after = get(site, before.headers["ETag"])
    assert (after.status_code, after.json["activeUsers"]) == (200, 0)
    assert after.json["revision"] > before.json["revision"]
    assert int(after.json["epoch"], 36) == SPEC_MOMENT  # the creation of the database
    assert after.json["epoch"] == before.json["epoch"] == before.json["epoch"].lower()
