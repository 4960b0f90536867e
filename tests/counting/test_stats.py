"""GET /api/stats: the stats object, conditional requests, and `last`.

Includes an unreadable ledger and a restore.
"""

import json

import pytest
from sqlalchemy.engine import make_url
from support.application.site import SPEC_MOMENT, Site
from support.servers.responses import Registered

from koyjabo.base.core.clock import iso
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.realtime.services import RealtimeServices

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
    """Clients drop stats that are older than what they show."""
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
    for answer in (get(site), get(site, tag)):  # the response may be stored, but must be revalidated
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
    """Visitors are no longer active after a restart. That is a change, which polling clients must see."""
    site.register()
    before = get(site)
    site.time.pass_(seconds=300)
    site.restart()
    after = get(site, before.headers["ETag"])
    assert (after.status_code, after.json["activeUsers"]) == (200, 0)
    assert after.json["revision"] > before.json["revision"]
    assert int(after.json["epoch"], 36) == SPEC_MOMENT  # the creation of the database
    assert after.json["epoch"] == before.json["epoch"] == before.json["epoch"].lower()


def visit(site: Site, visitor: str, place: str = "Dhaka, BD") -> dict | None:
    site.services[CountingServices].visits.register(NewVisit(visitor, None, place=place, at_ms=site.time.ms))
    return last(site)


def last(site: Site) -> dict | None:
    event = site.services[RealtimeServices].rooms.get("stats").source.first_event().as_object()
    assert event["last"] == site.client.get("/api/pulse").json["last"]
    return event["last"]


def test_place_of_the_newest_visit_is_named_only_where_three_are_active(site):
    assert last(site) is None
    at = iso(site.time.ms)
    for visitor in ("a", "b", "b"):
        assert visit(site, visitor) == {"at": at, "place": None}
    assert visit(site, "c") == {"at": at, "place": "Dhaka, BD"}
    for visitor in ("d", "e", "f"):
        assert visit(site, visitor, "Unknown")["place"] is None
    assert visit(site, "c")["place"] == "Dhaka, BD"
    site.time.pass_(seconds=301)  # all but the last one are inactive now
    assert visit(site, "a") == {"at": iso(site.time.ms), "place": None}


@pytest.mark.both_kinds
def test_last_is_the_newest_visit_of_all_servers(site):
    site.register("ayesha", visitId="1")
    site.time.pass_(seconds=5)
    other = open_store(make_url(site.database_url), site.services.clock)
    with other.writing():
        other.commit([(NewVisit("babul", "1", at_ms=site.time.ms), "1")])
    newest = {"at": iso(site.time.ms), "place": None}
    site.register("ayesha", visitId="1")  # the retry's receipt is how this server learns of it
    assert last(site) == newest
    site.time.pass_(seconds=5)
    site.register("ayesha", visitId="1")
    assert last(site) == newest
    site.restart()
    assert last(site) == newest
    with other.writing():
        other.commit([(NewVisit("old", "1", at_ms=site.time.ms - 3_600_000), "1")])
    other.close()
    assert last(site) == newest  # an import is not a current visit


def test_state_of_another_server_that_is_older_is_ignored(site):
    live = site.services[CountingServices].visits.site
    site.register("ayesha")
    older = json.loads(json.dumps(live.state()))
    newest = site.register("babul").stats
    live.merge(older)
    assert live.stats().total == newest["totalVisits"]
    assert site.stats()["totalVisits"] == newest["totalVisits"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_last_known_stats_are_marked_stale_until_the_ledger_can_be_read_again(site):
    site.register("ayesha")
    known = site.client.get("/api/stats")
    site.rows("ALTER TABLE counters RENAME TO lost")
    again = site.client.get("/api/stats", headers={"If-None-Match": known.headers["ETag"]})
    newer = ("revision", "timestamp")
    assert {**again.json, **{name: known.json[name] for name in newer}} == {**known.json, "stale": True}
    site.rows("ALTER TABLE lost RENAME TO counters")
    assert site.stats() == {**known.json, **{name: site.stats()[name] for name in newer}}


@pytest.mark.parametrize("path", ["/api/stats", "/api/pulse"])
def test_tag_of_another_epoch_is_another_one(site, path):
    """A restored count may have the same revision but different visits."""
    site.register("ayesha")
    tag = site.client.get(path).headers["ETag"]
    assert site.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    site.rows("UPDATE counters SET epoch = epoch + 1")
    site.restart()
    assert site.client.get(path, headers={"If-None-Match": tag}).status_code == 200


DOCUMENTED = {
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "timestamp": 1702757318000,
    "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
    "referrer": "https://google.com",
}
DOCUMENTED_KEYS = {"totalVisitors", "totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "locations"}


def test_4000_becomes_4001_everywhere_and_survives_a_restart(database, new_server):
    server = new_server(database, STARTING_TOTAL=4000).start()

    def post(key: str = "", **fields: str) -> Registered:
        headers = {"Idempotency-Key": key} if key else {}
        answer = server.post("/api/visitor/register", json={**DOCUMENTED, **fields}, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        return Registered.of(answer.json())

    assert server.stats().total == 4000
    stats = post('"1"').stats
    assert stats.raw.keys() >= DOCUMENTED_KEYS
    assert (stats.total, stats.today, stats.active, stats.unique) == (4001, 1, 1, 1)
    assert stats.locations == {"Unknown": {"count": 1}}
    assert server.stats() == stats
    assert server.stop().status == 0
    again = server.start().stats()
    assert (again.total, again.today, again.unique, again.epoch) == (4001, 1, 1, stats.epoch)
    answers = [post('"1"'), post(visitId="1"), post(), post(), post(visitId="9f2c"), post(visitId="9f2c")]
    answers.append(post(visitId="1", visitorId="karim"))  # the same id from another visitor makes another visit
    numbers = [(answer.ordinal, answer.duplicate, answer.stats.total, answer.stats.unique) for answer in answers]
    assert numbers == [
        *[(4001, True, 4001, 1)] * 2,
        *[(4002, False, 4002, 1), (4003, False, 4003, 1)],
        *[(4004, False, 4004, 1), (4004, True, 4004, 1)],
        (4005, False, 4005, 2),
    ]
