"""Every open page on every worker receives a milestone once, with the first push whose total reaches it."""

import time
from contextlib import ExitStack
from itertools import cycle
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url
from support.clients.concurrent_registrations import Crowd
from support.clients.listener import PlainListener, SocketioListener
from support.clients.members import Member, PlainMember
from support.clients.worker_connections import WEBSOCKET, only, two_workers
from support.programs.zone import ZONE

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE
from koyjabo.counting.high_water import HighWater
from koyjabo.counting.ledger_store import open_store
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.milestones import Milestones, of_setting
from koyjabo.counting.records import CounterSnapshot, NewVisit
from koyjabo.presence.visitors.active_visitors_memory import MemoryActiveVisitors
from koyjabo.realtime.site_room import MilestoneNews, SiteRoom

PAGES, VISITS = 3, 200
MILESTONES = "2,100,150,400,3000"


@pytest.fixture(scope="module")
def server(module_servers, module_sqlite_database, redis):
    return two_workers(module_servers(module_sqlite_database, REDIS_URL=redis.url, MILESTONES=MILESTONES))


def milestones_of(page) -> list[tuple[int, int]]:
    """(milestone, total) of each event with a milestone."""
    events = [received.event for received in page.of_type("visitor_update")]
    return [(event["milestone"], event["stats"]["totalVisits"]) for event in events if "milestone" in event]


def test_a_milestone_reaches_every_open_page_once(server):
    """They receive it even if its push was lost because the worker was killed after the commit."""
    total = server.stats().total + VISITS
    with ExitStack() as stack:
        pages = []
        for worker in server.workers():
            with only(server, worker):
                pages += [stack.enter_context(PlainListener(server.port)) for _ in range(PAGES)]
                pages.append(stack.enter_context(SocketioListener(server.port, transports=WEBSOCKET)))
                for page in pages:
                    page.first()
        with Crowd([server], VISITS, clients=8, retries=0, seed=51) as crowd:
            for page in cycle(page for page in pages if isinstance(page, PlainListener)):
                if crowd.acknowledged == VISITS or crowd.surprises:
                    break
                page.say({"type": "request_count"})  # a response is a push as well
                time.sleep(0.002)
        late = stack.enter_context(PlainListener(server.port))
        for page in (*pages, late):
            page.wait_for_total(total)
        for page in pages:
            milestones, totals = zip(*milestones_of(page), strict=True)
            assert set(milestones) <= {2, 100, 150}
            assert sorted(set(milestones)) == list(milestones)
            first_over_150 = min(stats.total for stats in page.updates if stats.total >= 150)
            assert (milestones[-1], totals[-1]) == (150, first_over_150)
        assert milestones_of(late) == []
        commit_as_a_killed_worker(server, 400 - total)
        for page in (*pages, late):
            page.wait_for_total(400)
            assert milestones_of(page)[-1] == (400, 400)
        assert len(milestones_of(late)) == 1


def commit_as_a_killed_worker(server, visits: int) -> None:
    killed = open_store(
        make_url(server.database.url), Clock(ZONE), milestones=Milestones(lambda: of_setting(MILESTONES))
    )
    names = [f"killed {number}" for number in range(visits)]
    with killed.writing():
        killed.commit([(NewVisit("ayesha", name, at_ms=round(time.time() * 1000)), name) for name in names])
    killed.close()


def test_members_receive_the_milestone_of_their_community_once(server):
    founder = Member(server)
    community = founder.found()
    with ExitStack() as stack:
        pages = []
        for worker in server.workers():
            with only(server, worker):
                pages.append(stack.enter_context(PlainMember(server.port, community, founder.token)))
                pages[-1].wait_for_count(1)
        for ordinal in (1, 2, 3):
            founder.visit("visitor", community)
            for page in pages:
                page.wait_for(lambda stats, ordinal=ordinal: stats.total == ordinal, "the visit")
        assert [milestones_of(page) for page in pages] == [[(2, 2)], [(2, 2)]]
        assert [page.next_of_type("visitor_update").keys() for page in pages] == [{"type", "community_id", "stats"}] * 2


CLOCK = Clock(ZoneInfo("UTC"))


def snapshot(total: int) -> CounterSnapshot:
    return CounterSnapshot(SITE, 1, CLOCK.now_ms() + total, total, total, 1, CLOCK.today(), total)


def test_a_page_that_opens_during_a_milestone_does_not_take_it_from_other_pages():
    site = LiveStats(snapshot(99), MemoryActiveVisitors(CLOCK, 300), CLOCK, HighWater())

    def find(_scope, _epoch, passed):
        if passed == [100]:
            site.update(snapshot(157))  # during the read
        return passed[-1]

    news = MilestoneNews(site, Milestones(lambda: [100, 150]), find)
    room = SiteRoom(SimpleNamespace(site=site, newest=site.stats), news, 0.05)
    site.update(snapshot(100))

    (first,) = room.events_after(0)
    answer = room.first_event()
    (second,) = room.events_after(first.revision)

    assert [(update.stats.total, update.milestone) for update in (first, answer, second)] == [
        (100, 100),
        (100, None),
        (157, 150),
    ]
    assert room.first_event().stats.total == 157
