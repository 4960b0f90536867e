"""`last`: when the newest visit came, and where from if enough people are there."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url
from support.app_fixtures import Site

from koyjabo.clock import iso
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        yield site


def visit(site: Site, visitor: str, place: str = "Dhaka, BD") -> dict | None:
    visits: Visits = site.services.counting.visits
    visits.register(NewVisit(visitor, None, place=place, at_ms=site.time.ms))
    return last(site)


def last(site: Site) -> dict | None:
    event = site.services.realtime.rooms.get("stats").source.first_event().as_object()
    assert event["last"] == site.client.get("/api/pulse").json["last"]
    return event["last"]


def test_place_is_named_only_where_three_are_active(site):
    assert last(site) is None
    at = iso(site.time.ms)
    for visitor in ("a", "b", "b"):
        assert visit(site, visitor) == {"at": at, "place": None}
    assert visit(site, "c") == {"at": at, "place": "Dhaka, BD"}
    for visitor in ("d", "e", "f"):
        assert visit(site, visitor, "Unknown")["place"] is None
    assert visit(site, "c")["place"] == "Dhaka, BD"
    site.time.pass_(seconds=301)  # all but the last have left
    assert visit(site, "a") == {"at": iso(site.time.ms), "place": None}


@pytest.mark.both_kinds
def test_it_is_the_newest_of_all_servers_also_after_a_restart_and_a_retry(site):
    site.register("ayesha", visitId="1")
    site.time.pass_(seconds=5)
    other = open_store(make_url(site.database_url), site.services.clock)
    with other.writing():
        other.commit([(NewVisit("babul", "1", at_ms=site.time.ms), "1")])
    newest = {"at": iso(site.time.ms), "place": None}
    site.register("ayesha", visitId="1")  # the receipt of a retry is the first to tell this server of it
    assert last(site) == newest
    site.time.pass_(seconds=5)
    site.register("ayesha", visitId="1")
    assert last(site) == newest
    site.restart()
    assert last(site) == newest
    with other.writing():
        other.commit([(NewVisit("old", "1", at_ms=site.time.ms - 3_600_000), "1")])
    other.close()
    assert last(site) == newest  # an import is no visit of now
