"""A visit that reaches a milestone stores it once, and each room receives it once."""

import json

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site
from support.people.admins import panel
from support.people.page_readers import words
from support.sites.full_site import bring, rows as rows_of

from koyjabo.base.models import SITE, Scope
from koyjabo.counting.ledger import open_store
from koyjabo.counting.milestones import Milestones, of_setting, usual
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports.services import ReportServices

HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=97) as site:
        site.add_community(HERE)
        yield site


def rows(site: Site) -> list[tuple[str, str, int]]:
    return site.rows("SELECT key, type, at_ms FROM webhook_events WHERE type = 'milestone.reached' ORDER BY at_ms, key")


def pushes(site: Site, room: str = "stats") -> list[int | None]:
    """Milestones of the events that are now due in a room."""
    source = site.services[RealtimeServices].rooms.get(room).source
    after = getattr(site, "seen_revision", 0)
    site.seen_revision = site.services[CountingServices].visits.stats().revision
    return [event.as_object().get("milestone") for event in source.events_after(after)]


def milestones(setting: str) -> Milestones:
    return Milestones(lambda: of_setting(setting))


def test_default_milestones_are_1_and_2_5_and_5_times_powers_of_10():
    assert usual()[:8] == [100, 250, 500, 1000, 2500, 5000, 10_000, 25_000]
    assert usual()[-1] > 10**15
    assert list(milestones("5000, 100").between(99, 5000)) == [100, 5000]
    assert milestones("none").after(0) is None
    assert (milestones("").after(100), milestones("").after(249), milestones("7").after(7)) == (250, 250, None)


def test_visit_that_reaches_a_milestone_stores_it_once_and_its_room_receives_it_once(site):
    assert pushes(site) == [None]
    for number in range(5):
        site.register("ayesha", visitId=f"{number // 2}")
    assert rows(site) == [("milestone:site:100", "milestone.reached", site.time.ms)]
    ((scope, data),) = site.rows("SELECT scope, data FROM webhook_events")
    assert (scope, json.loads(data)) == ("site", {"milestone": 100, "epoch": site.stats()["epoch"]})
    assert site.services[RealtimeServices].rooms.get("stats").source.is_relative  # newcomers wait for that event
    assert pushes(site) == [100]
    assert not site.services[RealtimeServices].rooms.get("stats").source.is_relative
    site.register("babul")
    assert pushes(site) == [None]


def test_imports_and_totals_set_by_hand_reach_no_milestone(site):
    assert pushes(site) == [None]
    bring(site, rows_of(*(f"old,{number},1765860000000" for number in range(160))))
    assert (site.stats()["totalVisits"], pushes(site)) == (257, [None])
    site.set_total(700)
    site.register("ayesha")
    assert pushes(site) == [None]
    assert rows(site) == []


def test_worker_finds_out_what_a_killed_worker_has_committed(site):
    """It announces the highest of several milestones."""
    assert pushes(site) == [None]
    killed = open_store(make_url(site.database_url), site.services.clock, milestones=milestones("98,100,101"))
    with killed.writing():
        killed.commit([(NewVisit("ayesha", str(n), at_ms=site.time.ms), str(n)) for n in range(5)])
    killed.close()
    assert pushes(site) == [100]  # this one announces 100, not 98 or 101
    assert pushes(site) == []


def test_a_lowered_total_reaches_the_same_one_again_without_an_announcement(site):
    assert pushes(site) == [None]
    for visit in "123":
        site.register("ayesha", visitId=visit)
    assert pushes(site) == [100]
    site.set_total(98, new_epoch=True)
    assert pushes(site) == [None]
    for visit in "456":
        site.register("ayesha", visitId=visit)
    assert pushes(site) == [None]
    assert len(rows(site)) == 1


def test_community_has_milestones_too_and_the_operator_chooses_them(database):
    with Site(database.url, STARTING_TOTAL=7, MILESTONES="3,9") as site:
        site.add_community(HERE)
        for visit in "1234":
            site.register("ayesha", visitId=visit, communityId=HERE)
        keys = {key for key, *_ in rows(site)}
        assert keys == {f"milestone:{HERE}:3", "milestone:site:9"}
        live = site.services[CountingServices].visits.community(HERE)
        assert (live.scope, live.snapshot.total) == (HERE, 4)
        site.settings["MILESTONES"] = "none"
        site.restart()
        site.set_total(99)
        site.register()
        assert len(rows(site)) == 2


def test_panel_and_charts_say_it(site):
    site.register("a"), site.register("b"), site.register("c")
    (note,) = site.services[ReportServices].annotations.between(SITE, "2025-12-01", "2025-12-31")
    assert (note.day, note.action, note.details["milestone"]) == ("2025-12-16", "milestone.reached", 100)
    admin = panel(site)
    assert "The total reached 100 visits on 16 Dec 2025, 10:48" in words(admin.get("/admin/live"))
    assert "100 visits reached" in words(admin.get("/admin/annotations"))
