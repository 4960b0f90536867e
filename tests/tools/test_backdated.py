"""Backdated visits and accounts count like any other, without active or online visitors."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site

from demo.backdated import Backdated
from koyjabo.base.models import Scope
from koyjabo.counting.records import NewVisit
from koyjabo.people.accounts.services import AccountServices
from koyjabo.reports.services import PeopleServices

HOUR_MS = 3_600_000


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


@pytest.fixture
def backdated(site):
    backdated = Backdated(make_url(site.app.config["SQLALCHEMY_DATABASE_URI"]), ZoneInfo(site.settings["TIMEZONE"]))
    backdated.now_ms = site.time.ms - 24 * HOUR_MS
    yield backdated
    backdated.close()


def visits(backdated: Backdated, *visitors: str, scope: str = "site") -> list[NewVisit]:
    return [
        NewVisit(visitor, None, Scope(scope), "Dhaka, BD", backdated.now_ms + n) for n, visitor in enumerate(visitors)
    ]


def test_visits_of_yesterday_count_in_the_total_and_not_today(site, backdated):
    assert backdated.register(visits(backdated, "ayesha", "karim", "ayesha"), after=0)
    stats = site.stats()
    assert (stats["totalVisits"], stats["uniqueVisitors"], stats["todayVisits"], stats["activeUsers"]) == (3, 2, 0, 0)
    assert site.register("nila").ordinal == 4
    assert site.recount() == []


def test_nothing_is_written_once_another_program_has_registered_a_visit(site, backdated):
    assert backdated.register(visits(backdated, "ayesha"), after=0)
    site.register("karim")
    assert not backdated.register(visits(backdated, "nila"), after=1)
    assert site.stats()["totalVisits"] == 2


def test_communities_and_conversions_are_of_their_time(site, backdated):
    karim = backdated.accounts.create("karim@example.com", "ferry at noon", "Karim")
    here = backdated.communities.create(karim, {"name": "Mirpur 10"}).community.id
    assert backdated.register(visits(backdated, "nila", "salma", scope=here), after=0)
    backdated.now_ms += HOUR_MS
    nila = backdated.accounts.create("nila@example.com", "ferry at noon", "Nila")
    backdated.reports.convert(nila.id, "nila")
    yesterday = backdated.clock.today()
    assert site.services[PeopleServices].reports.visitors(here, yesterday, yesterday).people == (1, 1)
    assert sum(site.services[PeopleServices].reports.today(here).people) == 0
    assert site.services[PeopleServices].reports.conversion_rate(here) == 50.0
    assert site.recount() == []


def test_backdated_accounts_can_log_in(site, backdated):
    for email in ("karim@example.com", "nila@example.com"):  # the second hash is copied from the first
        backdated.accounts.create(email, "ferry at noon")
        assert site.services[AccountServices].credentials.log_in(email, "ferry at noon").login.account.email == email
