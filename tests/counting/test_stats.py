"""GET /api/stats: the stats object, conditional requests, the newest visit, and milestones."""

import json

import pytest
from sqlalchemy.engine import make_url
from support.application.site import SPEC_MOMENT, Site, site_fixture
from support.servers.api_client import Registered

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
DOCUMENTED_BODY = {
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "timestamp": 1702757318000,
    "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
    "referrer": "https://google.com",
}
HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")

site = site_fixture(STARTING_TOTAL=4000)


def get(site: Site, *tags: str, path: str = "/api/stats"):
    return site.client.get(path, headers={"If-None-Match": ", ".join(tags)} if tags else {})


def test_the_stats_have_the_fields_of_the_specification_and_the_numbers_of_the_visits(site):
    site.register("ayesha")
    site.register("ayesha")
    stats = site.register("babul").stats
    assert site.stats() == stats
    assert [(name, type(value)) for name, value in stats.items()] == [*FIELDS.items()]
    assert stats["totalVisitors"] == stats["totalVisits"] == 4003
    assert (stats["todayVisits"], stats["activeUsers"], stats["uniqueVisitors"]) == (3, 2, 2)
    assert stats["locations"] == {"Unknown": {"count": 2}}


def test_the_revision_is_the_moment_of_the_change_and_never_falls(site):
    """Clients drop stats that are older than what they show."""
    site.stats()
    site.time.pass_(seconds=1)
    first, second = site.register().stats, site.register().stats
    assert (first["revision"], first["timestamp"]) == (SPEC_MOMENT + 1000, "2025-12-16T04:48:39.412Z")
    assert (second["revision"], second["timestamp"]) == (SPEC_MOMENT + 1001, "2025-12-16T04:48:39.413Z")
    site.time.put_right(hours=-1)
    assert site.register().stats["revision"] == SPEC_MOMENT + 1002


def test_a_matching_etag_in_any_form_gets_304_and_another_etag_gets_the_stats(site):
    old = get(site).headers["ETag"]
    site.register("babul", visitId="1")
    answer = get(site, old)
    tag = answer.headers["ETag"]
    assert (answer.headers["Cache-Control"], answer.content_type) == ("no-cache", "application/json")
    for form in ("{}", "W/{}", '"other", {}', '"other", W/{}, W/"third"', "*", ' {} , "b"'):
        answer = get(site, form.format(tag))
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag), form
    for form in ('"other"', 'W/"other"', "other", '""', "{}x", '"{}'):
        answer = get(site, form.format(tag))
        assert (answer.status_code, answer.json["totalVisits"]) == (200, 4001), form
    site.time.pass_(seconds=299)
    site.register("babul", visitId="1")
    site.heartbeat("babul")
    assert get(site, tag).status_code == 304, "nothing changed"


@pytest.mark.parametrize("path", ["/api/stats", "/api/pulse"])
def test_the_etag_of_another_epoch_does_not_match(site, path):
    """A restored count may have the same revision but different visits."""
    site.register("ayesha")
    tag = get(site, path=path).headers["ETag"]
    assert get(site, tag, path=path).status_code == 304
    site.rows("UPDATE counters SET epoch = epoch + 1")
    site.restart()
    assert get(site, tag, path=path).status_code == 200


def last(site: Site) -> dict | None:
    """The newest visit in the first event of a connection, which is the same as in the pulse."""
    event = site.services[RealtimeServices].rooms.get("stats").source.first_event().as_object()
    assert event["last"] == site.client.get("/api/pulse").json["last"]
    return event["last"]


def test_the_place_of_the_newest_visit_is_named_only_where_three_visitors_are_active(site):
    def place_after(visitor: str, place: str = "Dhaka, BD") -> str | None:
        site.services[Visits].register(NewVisit(visitor, None, place=place, at_ms=site.time.ms))
        newest = last(site)
        assert newest["at"] == iso(site.time.ms)
        return newest["place"]

    assert last(site) is None
    assert [place_after(visitor) for visitor in "abbc"] == [None, None, None, "Dhaka, BD"]
    assert [place_after(visitor, "Unknown") for visitor in "def"] == [None] * 3
    assert place_after("c") == "Dhaka, BD"
    site.time.pass_(seconds=301)  # all but the last one are inactive now
    assert place_after("a") is None


def test_the_newest_visit_includes_visits_of_other_servers(site):
    site.register("ayesha", visitId="1")
    site.time.pass_(seconds=5)
    other = open_store(make_url(site.database_url), site.services.clock)
    with other.writing():
        other.commit([(NewVisit("babul", "1", at_ms=site.time.ms), "1")])
    other.close()
    newest = {"at": iso(site.time.ms), "place": None}
    for _ in range(2):
        site.register("ayesha", visitId="1")  # this server learns of the other visit from the retry's receipt
        assert last(site) == newest
        site.time.pass_(seconds=5)
    site.restart()
    assert last(site) == newest


def test_the_older_state_of_another_server_is_ignored(site):
    live = site.services[Visits].site
    site.register("ayesha")
    older = json.loads(json.dumps(live.state()))
    newest = site.register("babul").stats
    live.merge(older)
    assert live.stats().total == site.stats()["totalVisits"] == newest["totalVisits"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_last_known_stats_are_stale_until_the_ledger_can_be_read_again(site):
    site.register("ayesha")
    known = get(site)
    site.rows("ALTER TABLE counters RENAME TO lost")
    again = get(site, known.headers["ETag"])
    newer = ("revision", "timestamp")
    assert {**again.json, **{name: known.json[name] for name in newer}} == {**known.json, "stale": True}
    site.rows("ALTER TABLE lost RENAME TO counters")
    assert site.stats() == {**known.json, **{name: site.stats()[name] for name in newer}}


def test_a_total_of_4000_becomes_4001_for_one_visit_and_survives_a_restart(database, new_server):
    server = new_server(database, STARTING_TOTAL=4000).start()

    def post(key: str = "", **fields: str) -> Registered:
        headers = {"Idempotency-Key": key} if key else {}
        answer = server.post("/api/visitor/register", json={**DOCUMENTED_BODY, **fields}, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        return Registered.of(answer.json())

    assert server.stats().total == 4000
    stats = post('"1"').stats
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


@pytest.fixture
def site_at_97(database):
    with Site(database.url, STARTING_TOTAL=97) as site:
        site.seen_revision = 0
        assert pushed_milestones(site) == [None]
        yield site


def stored_milestones(site: Site) -> list[tuple[str, int]]:
    return site.rows("SELECT key, at_ms FROM announcements WHERE type = 'milestone.reached' ORDER BY at_ms, key")


def pushed_milestones(site: Site) -> list[int | None]:
    """Milestones of the events that are now due in the site's room."""
    source = site.services[RealtimeServices].rooms.get("stats").source
    after, site.seen_revision = site.seen_revision, site.services[Visits].stats().revision
    return [event.as_object().get("milestone") for event in source.events_after(after)]


def milestones(setting: str) -> Milestones:
    return Milestones(lambda: of_setting(setting))


def test_the_default_milestones_are_100_250_and_500_times_each_power_of_10():
    assert usual()[:8] == [100, 250, 500, 1000, 2500, 5000, 10_000, 25_000]
    assert usual()[-1] > 10**15
    assert list(milestones("5000, 100").between(99, 5000)) == [100, 5000]
    assert milestones("none").after(0) is None
    assert (milestones("").after(100), milestones("").after(249), milestones("7").after(7)) == (250, 250, None)


def test_a_milestone_is_stored_once_and_pushed_once(site_at_97):
    for number in range(5):
        site_at_97.register("ayesha", visitId=f"{number // 2}")
    assert stored_milestones(site_at_97) == [("milestone:site:100", site_at_97.time.ms)]
    ((scope, data),) = site_at_97.rows("SELECT scope, data FROM announcements")
    assert (scope, json.loads(data)) == ("site", {"milestone": 100, "epoch": site_at_97.stats()["epoch"]})
    room = site_at_97.services[RealtimeServices].rooms.get("stats")
    assert room.source.is_relative  # newcomers wait for that event
    assert pushed_milestones(site_at_97) == [100]
    assert not room.source.is_relative
    site_at_97.register("babul")
    assert pushed_milestones(site_at_97) == [None]


def test_a_milestone_is_announced_only_for_visits_and_not_again_after_a_lowered_total(site_at_97):
    site_at_97.set_total(240)
    site_at_97.register("ayesha")
    assert (pushed_milestones(site_at_97), stored_milestones(site_at_97)) == ([None], [])
    for expected in (250, None):
        site_at_97.set_total(248, new_epoch=True)
        assert pushed_milestones(site_at_97) == [None]
        site_at_97.register("ayesha")
        site_at_97.register("ayesha")
        assert pushed_milestones(site_at_97) == [expected]
    assert len(stored_milestones(site_at_97)) == 1


def test_communities_have_milestones_and_the_operator_chooses_them(database):
    with Site(database.url, STARTING_TOTAL=7, MILESTONES="3,9") as site:
        site.add_community(HERE)
        for visit in "1234":
            site.register("ayesha", visitId=visit, communityId=HERE)
        assert {key for key, _ in stored_milestones(site)} == {f"milestone:{HERE}:3", "milestone:site:9"}
        live = site.services[Visits].community(HERE)
        assert (live.scope, live.snapshot.total) == (HERE, 4)
        site.settings["MILESTONES"] = "none"
        site.restart()
        site.set_total(99)
        site.register()
        assert len(stored_milestones(site)) == 2
