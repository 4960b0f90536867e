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
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield site


@pytest.fixture
def either_site(database):
    """The site on each database."""
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def get(site: Site, *tags: str):
    return site.client.get("/api/stats", headers={"If-None-Match": ", ".join(tags)} if tags else {})


def test_fields_have_specs_order_and_types(site):
    for stats in (site.register().stats, site.stats()):
        assert {name: type(value) for name, value in stats.items()} == FIELDS
        assert list(stats) == list(FIELDS)


def test_numbers_are_those_of_the_visit(either_site):
    either_site.register("ayesha")
    either_site.register("ayesha")
    stats = either_site.register("babul").stats
    assert stats["totalVisitors"] == stats["totalVisits"] == 4003
    assert (stats["todayVisits"], stats["activeUsers"], stats["uniqueVisitors"]) == (3, 2, 2)
    assert stats["locations"] == {"Unknown": {"count": 2}}
    assert either_site.stats() == stats


def test_revision_is_the_moment_of_the_change_and_timestamp_writes_it_out(site):
    site.stats()
    site.time.pass_(seconds=1)
    first, second = site.register().stats, site.register().stats
    assert (first["revision"], first["timestamp"]) == (SPEC_MOMENT + 1000, "2025-12-16T04:48:39.412Z")
    assert (second["revision"], second["timestamp"]) == (SPEC_MOMENT + 1001, "2025-12-16T04:48:39.413Z")


def test_epoch_is_the_databases_creation_in_base_36(site):
    assert int(site.stats()["epoch"], 36) == SPEC_MOMENT
    assert site.stats()["epoch"] == site.stats()["epoch"].lower()
    site.time.pass_(days=1)
    site.restart()
    assert int(site.stats()["epoch"], 36) == SPEC_MOMENT


def test_new_total_is_told_at_once_and_epoch_grows_with_a_new_count(either_site):
    epoch = either_site.register().stats["epoch"]
    either_site.set_total(5000)
    assert (either_site.stats()["totalVisits"], either_site.stats()["epoch"]) == (5000, epoch)
    either_site.set_total(10, new_epoch=True)
    assert either_site.stats()["totalVisits"] == 10
    assert int(either_site.stats()["epoch"], 36) > int(epoch, 36)
    assert either_site.register().ordinal == 11


def test_answer_may_be_kept_but_must_be_asked_for(site):
    for answer in (get(site), get(site, get(site).headers["ETag"])):
        assert answer.headers["Cache-Control"] == "no-cache"
    assert get(site).content_type == "application/json"
    assert "no-store" in site.post(json={"visitorId": "ayesha"}).headers["Cache-Control"]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other", W/{}, W/"third"', "*", ' {} , "b"'])
def test_match_in_any_form_is_not_modified(site, form):
    tag = get(site).headers["ETag"]
    answer = get(site, form.format(tag))
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)


@pytest.mark.parametrize("form", ['"other"', 'W/"other"', "other", '""', "{}x", '"{}'])
def test_anything_else_gets_the_numbers(site, form):
    answer = get(site, form.format(get(site).headers["ETag"]))
    assert (answer.status_code, answer.json["totalVisits"]) == (200, 4000)


def test_etag_changes_with_every_change(either_site):
    def changes():
        yield lambda: either_site.register("ayesha")
        yield lambda: either_site.register("ayesha")
        yield lambda: either_site.register("babul")
        yield lambda: either_site.time.pass_(seconds=300)
        yield lambda: either_site.heartbeat("babul")
        yield lambda: either_site.time.pass_(days=1)
        yield lambda: either_site.set_total(5000)
        yield lambda: either_site.set_total(5, new_epoch=True)

    tags = [get(either_site).headers["ETag"]]
    for change in changes():
        change()
        assert get(either_site, *tags).status_code == 200
        tags.append(get(either_site).headers["ETag"])
    assert len(set(tags)) == len(tags)


def test_etag_stays_while_nothing_changes(site):
    site.register(visitId="1")
    tag = get(site).headers["ETag"]
    site.time.pass_(seconds=299)
    site.register(visitId="1")
    site.heartbeat()
    assert get(site, tag).status_code == 304


def test_equal_revision_means_equal_numbers_across_a_restart(either_site):
    """Nobody is active any more: that is a change, and a client that polls must see it."""
    either_site.register()
    before = get(either_site)
    either_site.time.pass_(seconds=300)
    either_site.restart()
    after = get(either_site, before.headers["ETag"])
    assert after.status_code == 200
    assert after.json["activeUsers"] == 0
    assert after.json["revision"] > before.json["revision"]


def test_revision_does_not_fall_at_a_restart(site):
    """Clients drop what is older than what they show: they would stand still until the next visit."""
    site.register()
    site.time.pass_(seconds=300)
    before = site.stats()
    site.time.pass_(seconds=1)
    site.restart()
    assert site.stats()["revision"] >= before["revision"]
