"""Webhook events: which have subscribers, that each is stored once, and that docs/webhooks.md lists its fields."""

import json
import re
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site
from support.people.accounts import sign_up
from support.people.communities import Cast, found
from support.programs.processes import wait_until

from koyjabo.base.core.errors import InvalidInput, TotalWouldFall
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE, Scope
from koyjabo.integrations.webhooks import delivery_queries
from koyjabo.integrations.webhooks.events import WebhookEvents
from koyjabo.integrations.webhooks.messages import EVENT_TYPES, OF_COMMUNITIES, Occurrence, message
from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.upkeep.recounts.recounts import Recounts

HERE = Scope("1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b")


@pytest.fixture
def events(site: Site) -> WebhookEvents:
    return site.services[WebhookServices].events


def subscribe(site: Site, *types: str, community_id: str | None = None) -> None:
    """Subscribe, as an enabled webhook does."""
    site.rows(
        "INSERT INTO webhooks (id, url, events, community_id, format, description, secret, enabled, created_ms) "
        "VALUES (:id, 'https://example.com', :events, :community_id, 'json', '', '', true, 0)",
        **{"id": str(uuid.uuid4()), "events": " ".join(sorted(types)), "community_id": community_id},
    )


def stored(site: Site) -> list[tuple]:
    return site.rows("SELECT type, key, scope, at_ms, data FROM webhook_events ORDER BY key")


def test_event_is_wanted_by_webhooks_of_its_scope_and_of_the_site(site, events):
    assert events.wants("member.joined", HERE), "nothing is known yet"
    events.refresh()
    assert not events.wants("member.joined", HERE)
    cast = Cast(site)
    community = Scope(cast.community())
    subscribe(site, "member.joined", "member.left", community_id=community)
    subscribe(site, "total.set", "conversion.made")
    events.refresh()
    assert events.wants("member.joined", community)
    assert not events.wants("member.joined", HERE)
    assert not events.wants("conversion.reached", community)
    assert events.wants("conversion.made", community)
    assert events.wants("total.set", SITE)


def test_event_of_no_transaction_is_stored_once_and_only_if_it_is_wanted(site, events):
    events.refresh()
    events.publish("health.changed", "health:1", SITE, {"to": "red"})
    subscribe(site, "health.changed")
    events.refresh()
    for state in ("amber", "green"):
        events.publish("health.changed", "health:2", SITE, {"to": state})
        events.publish("health.changed", f"health:{state}", SITE, {"to": state})
    wait_until(lambda: not events._busy, "the task has ended")
    events.close()
    keys = [(type, key, scope) for type, key, scope, _, _ in stored(site)]
    assert keys == [("health.changed", f"health:{key}", "site") for key in ("2", "amber", "green")]
    assert [data for *_, data in stored(site)] == ['{"to": "amber"}', '{"to": "amber"}', '{"to": "green"}']


def test_event_is_stored_with_its_transaction_or_not_at_all(site):
    database = DatabaseExecutor(make_url(site.database_url), ThreadRuntime())

    def operation(session, fails: bool) -> None:
        delivery_queries.record(session, "total.set", f"total:{fails}", SITE, 5, {"to": 7})
        if fails:
            raise InvalidInput

    with pytest.raises(InvalidInput):
        database.write(operation, True)
    database.write(operation, False)
    database.close()
    assert stored(site) == [("total.set", "total:False", "site", 5, '{"to": 7}')]


ROW = re.compile(r"^\| `(\w+\.?\w*)` \| .+ \| `(\{.*\})` \|$", re.MULTILINE)


@cache
def text() -> str:
    return (Path(__file__).resolve().parents[3] / "docs" / "webhooks.md").read_text()


@cache
def examples() -> dict[str, Any]:
    return {type: json.loads(data) for type, data in ROW.findall(text())}


def assert_as_documented(type: str, data: dict[str, Any]) -> None:
    """Assert that an event has the fields of its example, including nested ones. A person may have an external id
    instead of an id.
    """
    assert shape(data) == shape(examples()[type])


def shape(value: Any) -> Any:
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    if isinstance(value, dict):
        return {"id" if name == "ref" else name: name == "levels" or shape(item) for name, item in value.items()}
    return None


def test_every_type_has_an_example():
    assert {*examples()} == {*EVENT_TYPES}


def test_types_of_communities_are_those_that_the_document_names():
    sentence = text().partition("A webhook for one community may have seven:")[2].partition(".\n")[0]
    assert tuple(re.findall("`(.+?)`", sentence)) == OF_COMMUNITIES


@pytest.mark.parametrize(
    ("type", "text"),
    [
        ("milestone.reached", "Night bus has reached 10,000 visits."),
        ("traffic.spike", "130 visits in 10 minutes; usually 4."),
        ("traffic.drop", "0 visits in 30 minutes; usually 360."),
        ("health.changed", "disk: green → amber"),
        ("recount.failed", "A recount found figures that differ from the visits."),
    ],
)
def test_numbers_and_levels_read_as_on_pages(type, text):
    assert message(Occurrence(type, 0, "site", "Night bus", examples()[type])).text == text


AT = "2025-12-16T04:48:38.412Z"


@pytest.fixture
def site_at_98(database):
    with Site(database.url, STARTING_TOTAL=98) as site_at_98:
        yield site_at_98


def written(site_at_98: Site) -> list[tuple[str, str, dict]]:
    rows = site_at_98.rows("SELECT type, scope, data FROM webhook_events ORDER BY type, scope, data")
    events = [(type, scope, json.loads(data)) for type, scope, data in rows]
    for type, _, data in events:
        assert_as_documented(type, data)
    return events


def test_setting_the_total_is_an_event_unless_it_is_refused(site_at_98):
    site_at_98.set_total(4000)
    with pytest.raises(TotalWouldFall):
        site_at_98.set_total(3000)
    site_at_98.set_total(3000, new_epoch=True)
    set_twice = [(98, 4000, False), (4000, 3000, True)]
    expected = [{"from": before, "to": after, "new_epoch": new, "at": AT} for before, after, new in set_twice]
    assert sorted(written(site_at_98), key=str) == sorted((("total.set", "site", data) for data in expected), key=str)


def test_visitor_who_becomes_a_user_is_an_event_in_each_community_without_the_visitor(site_at_98):
    founder = sign_up(site_at_98, "founder")
    communities = [found(founder, name=name)["id"] for name in ("Metro", "Buses")]
    for visit, community in enumerate(communities):
        site_at_98.register("visitor_2", visitId=str(visit), communityId=community)
    sign_up(site_at_98, "karim", visitorId="visitor_2")
    events = [event for event in written(site_at_98) if event[0] == "conversion.made"]
    assert sorted(scope for _, scope, _ in events) == sorted(communities)
    for _, scope, data in events:
        assert sorted(data) == ["at", "community", "id", "rate"]
        assert (data["community"], data["rate"], data["at"]) == (scope, 100.0, AT)
    text = json.dumps(written(site_at_98))
    assert "visitor_2" not in text
    assert "@" not in text
    milestone = {"milestone": 100, "epoch": site_at_98.stats()["epoch"]}
    assert ("milestone.reached", "site", milestone) in written(site_at_98)


def recount(site_at_98: Site) -> None:
    recounts = site_at_98.services[Recounts]
    recounts.begin(OPERATOR)
    wait_until(lambda: recounts.state(OPERATOR).running is None, "no worker knows of a recount, so the next may begin")


def test_only_a_recount_with_a_difference_or_failure_is_an_event(site_at_98, monkeypatch):
    site_at_98.register()
    recount(site_at_98)
    assert written(site_at_98) == []
    site_at_98.rows("UPDATE daily_visits SET visits = 7")
    site_at_98.time.pass_(seconds=10)
    recount(site_at_98)
    ((type, scope, data),) = written(site_at_98)
    assert (type, scope, data.pop("problems") > 0) == ("recount.failed", "site", True)
    assert data == {"error": None, "at": "2025-12-16T04:48:48.412Z"}

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(site_at_98.services[Recounts], "run", broken)
    site_at_98.time.pass_(seconds=10)
    recount(site_at_98)
    assert [data["problems"] for _, _, data in written(site_at_98)].count(None) == 1
