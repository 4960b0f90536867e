"""Setting the total in the panel."""

from __future__ import annotations

import pytest
from support.app_fixtures import Site

from koyjabo.errors import Forbidden, InvalidInput, TotalWouldFall


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


def test_preview_and_change_refuse_the_same(site, admin):
    total = site.services.maintenance.total
    for wrong, error in ((-1, InvalidInput), (10**15 + 1, InvalidInput), (10, TotalWouldFall)):
        for refused in (lambda to: total.preview(admin, to), lambda to: total.set_total(admin, to, "")):
            with pytest.raises(error) as said:
                refused(wrong)
            assert error is TotalWouldFall or set(said.value.details) == {"total"}
    with pytest.raises(Forbidden):
        total.preview(admin._replace(is_admin=False), 9000)
    assert site.stats()["totalVisits"] == 4000


def test_preview_changes_nothing_and_its_version_only_with_the_total(site, admin):
    total = site.services.maintenance.total
    first = total.preview(admin, 9000)
    assert first.totals == (4000, 9000)
    site.register()
    assert total.preview(admin, 9000) == first._replace(totals=(4001, 9000))
    total.set_total(admin, 4002, "one more")
    assert total.preview(admin, 9000).version != first.version
    assert total.preview(admin, 10, new_epoch=True).totals == (4002, 10)
    assert site.stats()["totalVisits"] == 4002
