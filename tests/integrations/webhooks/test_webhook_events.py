"""Webhook events: which have subscribers, and that each is stored once."""

import uuid

import pytest
from sqlalchemy.engine import make_url
from support.application.site import Site
from support.people.communities import Cast
from support.programs.processes import wait_until

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE, Scope
from koyjabo.integrations.webhooks import delivery_queries
from koyjabo.integrations.webhooks.events import WebhookEvents
from koyjabo.integrations.webhooks.services import WebhookServices

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
