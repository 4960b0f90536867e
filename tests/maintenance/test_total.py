"""Setting the total in the panel."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site

from koyjabo.errors import InvalidInput, TotalWouldFall

pytestmark = pytest.mark.both_kinds


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=4000) as site:
        yield site


def test_total_that_is_set_continues_from_there(site, admin):
    assert site.services.maintenance.total.set_total(admin, 9000, "older counter") == (4000, 9000)
    assert site.stats()["totalVisits"] == 9000
    assert site.register().ordinal == 9001
    (line,) = site.services.audit.page(admin, action="total.set").lines
    assert (line.actor, line.details) == (
        "Boss",
        {"before": 4000, "after": 9000, "new_epoch": False, "reason": "older counter"},
    )
    assert site.recount() == []


def test_total_falls_only_with_a_new_count(site, admin):
    with pytest.raises(TotalWouldFall):
        site.services.maintenance.total.set_total(admin, 10, "")
    assert site.stats()["totalVisits"] == 4000
    assert site.services.audit.page(admin, action="total.set").lines == ()
    epoch = site.stats()["epoch"]
    assert site.services.maintenance.total.set_total(admin, 10, "", new_epoch=True) == (4000, 10)
    stats = site.stats()
    assert (stats["totalVisits"], stats["epoch"] > epoch) == (10, True)


@pytest.mark.parametrize("total", [-1, 10**15 + 1])
def test_total_that_no_page_could_show_is_refused(site, admin, total):
    with pytest.raises(InvalidInput) as refused:
        site.services.maintenance.total.set_total(admin, total, "")
    assert set(refused.value.details) == {"total"}
    assert site.stats()["totalVisits"] == 4000
