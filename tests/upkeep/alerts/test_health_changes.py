"""Events about Health changes: what changed and from what, at most once a minute for a flapping check."""

import json
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from integrations.webhooks.test_webhook_events import assert_as_documented, subscribe
from support.application.site import Site
from support.programs.processes import wait_until

from koyjabo.integrations.webhooks.services import WebhookServices
from koyjabo.upkeep.alerts.alerts import Alerts
from koyjabo.upkeep.health.findings import DANGER, GOOD, WARNING, HealthCheck
from koyjabo.upkeep.health.health import Health


def tick(site: Site) -> None:
    """Run the checks, and store the events."""
    events = site.services[WebhookServices].events
    events.refresh()
    site.services[Alerts].tick()
    wait_until(lambda: not events._busy, "the events are written")


class Checks:
    """A site's checks, with results set by the test."""

    def __init__(self, site: Site, **levels: str) -> None:
        self.site = site
        self.levels = {"disk": GOOD, "writer": GOOD, "proxies": GOOD, **levels}
        site.time.pass_(minutes=1)
        site.services[Health].report = lambda *_: SimpleNamespace(
            checks=[HealthCheck(name, level, f"is_{level}") for name, level in self.levels.items()]
        )

    def look(self, seconds: float = 0, **levels: str) -> list[dict]:
        """Advance the clock and run the checks. Returns new events."""
        self.levels |= levels
        self.site.time.pass_(seconds=seconds)
        before = self._written()
        tick(self.site)
        return [event for event in self._written() if event not in before]

    def _written(self) -> list[dict]:
        rows = self.site.rows("SELECT data FROM webhook_events WHERE type = 'health.changed' ORDER BY at_ms")
        events = [json.loads(data) for (data,) in rows]
        for data in events:
            assert_as_documented("health.changed", data)
        return events


@pytest.fixture
def site(sqlite_database) -> Iterator[Site]:
    with Site(sqlite_database.url) as site:
        subscribe(site, "health.changed")
        yield site


def change(check: str, before: str, after: str) -> dict:
    return {"check": check, "from": before, "to": after, "code": f"is_{after}"}


def test_changed_checks_are_sent_with_all_levels(site):
    checks = Checks(site, disk=WARNING)
    assert checks.look() == []
    (event,) = checks.look(15, disk=DANGER, writer=DANGER, proxies=WARNING)
    assert event["checks"] == [change("disk", WARNING, DANGER), change("writer", GOOD, DANGER)]
    assert event["levels"] == {"disk": DANGER, "writer": DANGER}
    assert checks.look(15) == []


def test_flapping_check_is_sent_once_a_minute_and_others_at_once(site):
    checks = Checks(site)
    checks.look()
    assert [alert["checks"] for alert in checks.look(15, disk=DANGER)] == [[change("disk", GOOD, DANGER)]]
    for seconds, level in ((15, GOOD), (15, DANGER), (15, GOOD)):
        assert checks.look(seconds, disk=level) == []
    assert [alert["checks"] for alert in checks.look(14, writer=DANGER)] == [[change("writer", GOOD, DANGER)]]
    assert [alert["checks"] for alert in checks.look(1)] == [[change("disk", DANGER, GOOD)]]


def test_next_worker_compares_with_the_last_event(site):
    checks = Checks(site)
    checks.look()
    checks.look(15, disk=DANGER)
    site.restart()
    (event,) = Checks(site, writer=WARNING).look()
    assert event["checks"] == [change("disk", DANGER, GOOD), change("writer", GOOD, WARNING)]
    site.rows("UPDATE webhooks SET enabled = false")
    assert Checks(site, disk=DANGER).look(120) == []


def test_health_changes_of_a_real_site_are_sent(site):
    site.register()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("koyjabo.upkeep.health.checks.SLOW_MS", -1.0)
        tick(site)
    site.time.pass_(minutes=1)
    tick(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("koyjabo.upkeep.health.checks.SLOW_MS", -1.0)
        tick(site)
    ((data,),) = site.rows("SELECT data FROM webhook_events WHERE type = 'health.changed'")
    assert json.loads(data)["checks"] == [{"check": "database", "from": GOOD, "to": WARNING, "code": "slow"}]
