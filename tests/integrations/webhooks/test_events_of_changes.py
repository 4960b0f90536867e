"""Events are written in the transaction of their change, once, without data about visitors."""

import json

import pytest
from integrations.webhooks.test_event_examples import assert_as_documented
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.communities import found
from support.programs.processes import wait_until

from koyjabo.base.core.errors import TotalWouldFall
from koyjabo.base.core.identity import OPERATOR
from koyjabo.upkeep.recounts.recounts import Recounts

AT = "2025-12-16T04:48:38.412Z"


@pytest.fixture
def site(database):
    with Site(database.url, STARTING_TOTAL=98) as site:
        yield site


def written(site: Site) -> list[tuple[str, str, dict]]:
    rows = site.rows("SELECT type, scope, data FROM webhook_events ORDER BY type, scope, data")
    events = [(type, scope, json.loads(data)) for type, scope, data in rows]
    for type, _, data in events:
        assert_as_documented(type, data)
    return events


def test_setting_the_total_is_an_event_unless_it_is_refused(site):
    site.set_total(4000)
    with pytest.raises(TotalWouldFall):
        site.set_total(3000)
    site.set_total(3000, new_epoch=True)
    set_twice = [(98, 4000, False), (4000, 3000, True)]
    expected = [{"from": before, "to": after, "new_epoch": new, "at": AT} for before, after, new in set_twice]
    assert sorted(written(site), key=str) == sorted((("total.set", "site", data) for data in expected), key=str)


def test_visitor_who_becomes_a_user_is_an_event_in_each_community_without_the_visitor(site):
    founder = sign_up(site, "founder")
    communities = [found(founder, name=name)["id"] for name in ("Metro", "Buses")]
    for visit, community in enumerate(communities):
        site.register("visitor_2", visitId=str(visit), communityId=community)
    sign_up(site, "karim", visitorId="visitor_2")
    events = [event for event in written(site) if event[0] == "conversion.made"]
    assert sorted(scope for _, scope, _ in events) == sorted(communities)
    for _, scope, data in events:
        assert sorted(data) == ["at", "community", "id", "rate"]
        assert (data["community"], data["rate"], data["at"]) == (scope, 100.0, AT)
    text = json.dumps(written(site))
    assert "visitor_2" not in text
    assert "@" not in text
    milestone = {"milestone": 100, "epoch": site.stats()["epoch"]}
    assert ("milestone.reached", "site", milestone) in written(site)


def recount(site: Site) -> None:
    recounts = site.services[Recounts]
    recounts.begin(OPERATOR)
    wait_until(lambda: recounts.state(OPERATOR).running is None, "no worker knows of a recount, so the next may begin")


def test_only_a_recount_with_a_difference_or_failure_is_an_event(site, monkeypatch):
    site.register()
    recount(site)
    assert written(site) == []
    site.rows("UPDATE daily_visits SET visits = 7")
    site.time.pass_(seconds=10)
    recount(site)
    ((type, scope, data),) = written(site)
    assert (type, scope, data.pop("problems") > 0) == ("recount.failed", "site", True)
    assert data == {"error": None, "at": "2025-12-16T04:48:48.412Z"}

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(site.services[Recounts], "run", broken)
    site.time.pass_(seconds=10)
    recount(site)
    assert [data["problems"] for _, _, data in written(site)].count(None) == 1
