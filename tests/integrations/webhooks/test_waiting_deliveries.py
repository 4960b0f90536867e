"""Waiting deliveries per endpoint are limited, and Health reports when the oldest were dropped."""

import re

import pytest
from support.programs.processes import METRICS_TOKEN

from koyjabo.base.core.identity import OPERATOR
from koyjabo.integrations.webhooks import delivery_queries
from koyjabo.upkeep.health.findings import WARNING
from koyjabo.upkeep.health.health import Health

DROPPED = re.compile(rb"^koyjabo_webhook_deliveries_dropped_total (\d+)", re.MULTILINE)


def dropped(hooked) -> int:
    answer = hooked.site.client.get("/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    return int(DROPPED.search(answer.data)[1])


def health(hooked) -> tuple[str, str, object]:
    report = hooked.site.services[Health].report(OPERATOR, False)
    (check,) = (check for check in report.checks if check.name == "webhooks")
    return check.level, check.code, check.values.get("host")


def waiting(hooked, webhook) -> list[str]:
    """Keys of the waiting events, oldest first."""
    return [
        row[0]
        for row in hooked.site.rows(
            "SELECT key FROM webhook_deliveries d JOIN webhook_events e ON e.id = d.event_id "
            "WHERE webhook_id = :id AND state = 'pending' ORDER BY n",
            id=webhook["id"],
        )
    ]


def happen(hooked, first: int, count: int, **data) -> None:
    for n in range(first, first + count):
        hooked.site.time.pass_(milliseconds=1)
        hooked.happen(str(n), **data)


@pytest.mark.parametrize(
    ("limit", "most", "data"),
    [("MAX_ROWS", 5, {}), ("MAX_BYTES", 5 * len('{"name": "Dhaka"}'), {"name": "Dhaka"})],
    ids=["rows", "bytes"],
)
@pytest.mark.both_kinds
def test_oldest_deliveries_to_an_endpoint_are_dropped_counted_and_shown(
    hooked, receiver, monkeypatch, limit, most, data
):
    monkeypatch.setattr(delivery_queries, limit, most)
    receiver.refuse(500, times=99)
    webhook, before = hooked.add(), dropped(hooked)
    happen(hooked, 0, 5, **data)
    hooked.tick()
    assert waiting(hooked, webhook) == ["0", "1", "2", "3", "4"]
    happen(hooked, 5, 3, **data)
    hooked.tick()
    assert waiting(hooked, webhook) == ["3", "4", "5", "6", "7"]
    assert dropped(hooked) - before == 3
    assert len(hooked.deliveries(webhook)) == 5, "those that were dropped take no space"
    assert health(hooked) == (WARNING, "dropped", "127.0.0.1")
    hooked.site.time.pass_(days=1)
    assert health(hooked)[1] != "dropped"
