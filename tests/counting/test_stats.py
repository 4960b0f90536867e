"""GET /api/stats: the stats object, conditional requests, and `last`.

Includes an unreadable ledger and a restore.
"""

import json

import pytest
from sqlalchemy.engine import make_url
from support.application.site import SPEC_MOMENT, Site
from support.servers.responses import Registered

from koyjabo.base.core.clock import iso
from koyjabo.base.models import Scope
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.milestones import Milestones, of_setting, usual
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
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
def site_at_4000(database):
    with Site(database.url, STARTING_TOTAL=4000) as site_at_4000:
        yield site_at_4000


def get(site_at_4000: Site, *tags: str):
    return site_at_4000.client.get("/api/stats", headers={"If-None-Match": ", ".join(tags)} if tags else {})


def test_fields_have_specs_order_and_types_and_the_numbers_of_the_visits(site_at_4000):
    site_at_4000.register("ayesha")
    site_at_4000.register("ayesha")
    stats = site_at_4000.register("babul").stats
    assert site_at_4000.stats() == stats
    assert [(name, type(value)) for name, value in stats.items()] == [*FIELDS.items()]
    assert stats["totalVisitors"] == stats["totalVisits"] == 4003
    assert (stats["todayVisits"], stats["activeUsers"], stats["uniqueVisitors"]) == (3, 2, 2)
    assert stats["locations"] == {"Unknown": {"count": 2}}


def test_revision_is_the_moment_of_the_change_and_never_falls(site_at_4000):
    """Clients drop stats that are older than what they show."""
    site_at_4000.stats()
    site_at_4000.time.pass_(seconds=1)
    first, second = site_at_4000.register().stats, site_at_4000.register().stats
    assert (first["revision"], first["timestamp"]) == (SPEC_MOMENT + 1000, "2025-12-16T04:48:39.412Z")
    assert (second["revision"], second["timestamp"]) == (SPEC_MOMENT + 1001, "2025-12-16T04:48:39.413Z")
    site_at_4000.time.put_right(hours=-1)
    third = site_at_4000.register().stats
    assert third["revision"] == SPEC_MOMENT + 1002


def test_match_in_any_form_is_not_modified_and_anything_else_gets_the_numbers(site_at_4000):
    tag = get(site_at_4000).headers["ETag"]
    for answer in (get(site_at_4000), get(site_at_4000, tag)):  # the response may be stored, but must be revalidated
        assert answer.headers["Cache-Control"] == "no-cache"
    assert get(site_at_4000).content_type == "application/json"
    assert "no-store" in site_at_4000.client.post("/api/visitor/register", json={}).headers["Cache-Control"]
    for form in ("{}", "W/{}", '"other", {}', '"other", W/{}, W/"third"', "*", ' {} , "b"'):
        answer = get(site_at_4000, form.format(tag))
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag), form
    for form in ('"other"', 'W/"other"', "other", '""', "{}x", '"{}'):
        answer = get(site_at_4000, form.format(tag))
        assert (answer.status_code, answer.json["totalVisits"]) == (200, 4000), form


def test_etag_changes_with_every_change_and_only_then(site_at_4000):
    changes = (
        lambda: site_at_4000.register("ayesha"),
        lambda: site_at_4000.register("ayesha"),
        lambda: site_at_4000.register("babul", visitId="1"),
        lambda: site_at_4000.time.pass_(seconds=300),
        lambda: site_at_4000.heartbeat("babul"),
        lambda: site_at_4000.time.pass_(days=1),
        lambda: site_at_4000.set_total(5000),
        lambda: site_at_4000.set_total(5, new_epoch=True),
    )
    tags = [get(site_at_4000).headers["ETag"]]
    for number, change in enumerate(changes):
        change()
        assert get(site_at_4000, *tags).status_code == 200, number
        tags.append(get(site_at_4000).headers["ETag"])
    assert len(set(tags)) == len(tags)
    site_at_4000.heartbeat("babul")
    tag = get(site_at_4000).headers["ETag"]
    site_at_4000.time.pass_(seconds=299)
    site_at_4000.register("babul", visitId="1")
    site_at_4000.heartbeat("babul")
    assert get(site_at_4000, tag).status_code == 304


def test_equal_revision_means_equal_numbers_of_one_epoch_across_a_restart(site_at_4000):
    """Visitors are no longer active after a restart. That is a change, which polling clients must see."""
    site_at_4000.register()
    before = get(site_at_4000)
    site_at_4000.time.pass_(seconds=300)
    site_at_4000.restart()
    after = get(site_at_4000, before.headers["ETag"])
    assert (after.status_code, after.json["activeUsers"]) == (200, 0)
    assert after.json["revision"] > before.json["revision"]
    assert int(after.json["epoch"], 36) == SPEC_MOMENT  # the creation of the database
    assert after.json["epoch"] == before.json["epoch"] == before.json["epoch"].lower()


def visit(site_at_4000: Site, visitor: str, place: str = "Dhaka, BD") -> dict | None:
    site_at_4000.services[Visits].register(NewVisit(visitor, None, place=place, at_ms=site_at_4000.time.ms))
    return last(site_at_4000)


def last(site_at_4000: Site) -> dict | None:
    event = site_at_4000.services[RealtimeServices].rooms.get("stats").source.first_event().as_object()
    assert event["last"] == site_at_4000.client.get("/api/pulse").json["last"]
    return event["last"]


def test_place_of_the_newest_visit_is_named_only_where_three_are_active(site_at_4000):
    assert last(site_at_4000) is None
    at = iso(site_at_4000.time.ms)
    for visitor in ("a", "b", "b"):
        assert visit(site_at_4000, visitor) == {"at": at, "place": None}
    assert visit(site_at_4000, "c") == {"at": at, "place": "Dhaka, BD"}
    for visitor in ("d", "e", "f"):
        assert visit(site_at_4000, visitor, "Unknown")["place"] is None
    assert visit(site_at_4000, "c")["place"] == "Dhaka, BD"
    site_at_4000.time.pass_(seconds=301)  # all but the last one are inactive now
    assert visit(site_at_4000, "a") == {"at": iso(site_at_4000.time.ms), "place": None}


@pytest.mark.both_kinds
def test_last_is_the_newest_visit_of_all_servers(site_at_4000):
    site_at_4000.register("ayesha", visitId="1")
    site_at_4000.time.pass_(seconds=5)
    other = open_store(make_url(site_at_4000.database_url), site_at_4000.services.clock)
    with other.writing():
        other.commit([(NewVisit("babul", "1", at_ms=site_at_4000.time.ms), "1")])
    newest = {"at": iso(site_at_4000.time.ms), "place": None}
    site_at_4000.register("ayesha", visitId="1")  # the retry's receipt is how this server learns of it
    assert last(site_at_4000) == newest
    site_at_4000.time.pass_(seconds=5)
    site_at_4000.register("ayesha", visitId="1")
    assert last(site_at_4000) == newest
    site_at_4000.restart()
    assert last(site_at_4000) == newest
    other.close()


def test_state_of_another_server_that_is_older_is_ignored(site_at_4000):
    live = site_at_4000.services[Visits].site
    site_at_4000.register("ayesha")
    older = json.loads(json.dumps(live.state()))
    newest = site_at_4000.register("babul").stats
    live.merge(older)
    assert live.stats().total == newest["totalVisits"]
    assert site_at_4000.stats()["totalVisits"] == newest["totalVisits"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_last_known_stats_are_marked_stale_until_the_ledger_can_be_read_again(site_at_4000):
    site_at_4000.register("ayesha")
    known = site_at_4000.client.get("/api/stats")
    site_at_4000.rows("ALTER TABLE counters RENAME TO lost")
    again = site_at_4000.client.get("/api/stats", headers={"If-None-Match": known.headers["ETag"]})
    newer = ("revision", "timestamp")
    assert {**again.json, **{name: known.json[name] for name in newer}} == {**known.json, "stale": True}
    site_at_4000.rows("ALTER TABLE lost RENAME TO counters")
    assert site_at_4000.stats() == {**known.json, **{name: site_at_4000.stats()[name] for name in newer}}


@pytest.mark.parametrize("path", ["/api/stats", "/api/pulse"])
def test_tag_of_another_epoch_is_another_one(site_at_4000, path):
    """A restored count may have the same revision but different visits."""
    site_at_4000.register("ayesha")
    tag = site_at_4000.client.get(path).headers["ETag"]
    assert site_at_4000.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    site_at_4000.rows("UPDATE counters SET epoch = epoch + 1")
    site_at_4000.restart()
    assert site_at_4000.client.get(path, headers={"If-None-Match": tag}).status_code == 200


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


HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")


@pytest.fixture
def site_at_97(database):
    with Site(database.url, STARTING_TOTAL=97) as site_at_97:
        site_at_97.add_community(HERE)
        yield site_at_97


def rows(site_at_97: Site) -> list[tuple[str, str, int]]:
    return site_at_97.rows(
        "SELECT key, type, at_ms FROM announcements WHERE type = 'milestone.reached' ORDER BY at_ms, key"
    )


def pushes(site_at_97: Site, room: str = "stats") -> list[int | None]:
    """Milestones of the events that are now due in a room."""
    source = site_at_97.services[RealtimeServices].rooms.get(room).source
    after = getattr(site_at_97, "seen_revision", 0)
    site_at_97.seen_revision = site_at_97.services[Visits].stats().revision
    return [event.as_object().get("milestone") for event in source.events_after(after)]


def milestones(setting: str) -> Milestones:
    return Milestones(lambda: of_setting(setting))


def test_default_milestones_are_1_and_2_5_and_5_times_powers_of_10():
    assert usual()[:8] == [100, 250, 500, 1000, 2500, 5000, 10_000, 25_000]
    assert usual()[-1] > 10**15
    assert list(milestones("5000, 100").between(99, 5000)) == [100, 5000]
    assert milestones("none").after(0) is None
    assert (milestones("").after(100), milestones("").after(249), milestones("7").after(7)) == (250, 250, None)


def test_visit_that_reaches_a_milestone_stores_it_once_and_its_room_receives_it_once(site_at_97):
    assert pushes(site_at_97) == [None]
    for number in range(5):
        site_at_97.register("ayesha", visitId=f"{number // 2}")
    assert rows(site_at_97) == [("milestone:site:100", "milestone.reached", site_at_97.time.ms)]
    ((scope, data),) = site_at_97.rows("SELECT scope, data FROM announcements")
    assert (scope, json.loads(data)) == ("site", {"milestone": 100, "epoch": site_at_97.stats()["epoch"]})
    assert site_at_97.services[RealtimeServices].rooms.get("stats").source.is_relative  # newcomers wait for that event
    assert pushes(site_at_97) == [100]
    assert not site_at_97.services[RealtimeServices].rooms.get("stats").source.is_relative
    site_at_97.register("babul")
    assert pushes(site_at_97) == [None]


def test_total_set_by_hand_reaches_no_milestone(site_at_97):
    assert pushes(site_at_97) == [None]
    site_at_97.set_total(700)
    site_at_97.register("ayesha")
    assert pushes(site_at_97) == [None]
    assert rows(site_at_97) == []


def test_worker_finds_out_what_a_killed_worker_has_committed(site_at_97):
    """It announces the highest of several milestones."""
    assert pushes(site_at_97) == [None]
    killed = open_store(
        make_url(site_at_97.database_url), site_at_97.services.clock, milestones=milestones("98,100,101")
    )
    with killed.writing():
        killed.commit([(NewVisit("ayesha", str(n), at_ms=site_at_97.time.ms), str(n)) for n in range(5)])
    killed.close()
    assert pushes(site_at_97) == [100]  # this one announces 100, not 98 or 101
    assert pushes(site_at_97) == []


def test_a_lowered_total_reaches_the_same_one_again_without_an_announcement(site_at_97):
    assert pushes(site_at_97) == [None]
    for visit in "123":
        site_at_97.register("ayesha", visitId=visit)
    assert pushes(site_at_97) == [100]
    site_at_97.set_total(98, new_epoch=True)
    assert pushes(site_at_97) == [None]
    for visit in "456":
        site_at_97.register("ayesha", visitId=visit)
    assert pushes(site_at_97) == [None]
    assert len(rows(site_at_97)) == 1


def test_community_has_milestones_too_and_the_operator_chooses_them(database):
    with Site(database.url, STARTING_TOTAL=7, MILESTONES="3,9") as site_at_97:
        site_at_97.add_community(HERE)
        for visit in "1234":
            site_at_97.register("ayesha", visitId=visit, communityId=HERE)
        keys = {key for key, *_ in rows(site_at_97)}
        assert keys == {f"milestone:{HERE}:3", "milestone:site:9"}
        live = site_at_97.services[Visits].community(HERE)
        assert (live.scope, live.snapshot.total) == (HERE, 4)
        site_at_97.settings["MILESTONES"] = "none"
        site_at_97.restart()
        site_at_97.set_total(99)
        site_at_97.register()
        assert len(rows(site_at_97)) == 2
