"""4,000 becomes 4,001, over HTTP (specification: Original clients)."""

from __future__ import annotations

from support.answers import Registered

DOCUMENTED = {
    "visitorId": "visitor_1702757318000_a1b2c3d4e",
    "timestamp": 1702757318000,
    "userAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)...",
    "referrer": "https://google.com",
}
DOCUMENTED_KEYS = {"totalVisitors", "totalVisits", "todayVisits", "activeUsers", "uniqueVisitors", "locations"}


def test_4000_becomes_4001_everywhere_and_survives_a_restart(database, new_server):
    server = new_server(database, STARTING_TOTAL=4000).start()

    def post(key: str = "", **fields: str) -> Registered:
        headers = {"Idempotency-Key": key} if key else {}
        answer = server.post("/api/visitor/register", json={**DOCUMENTED, **fields}, headers=headers)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        return Registered.of(answer.json())

    assert server.stats().total == 4000
    stats = post('"1"').stats
    assert stats.raw.keys() >= DOCUMENTED_KEYS
    assert (stats.total, stats.today, stats.active, stats.unique) == (4001, 1, 1, 1)
    assert stats.locations == {"Unknown": {"count": 1}}
    assert server.stats() == stats
    assert server.stop().status == 0
    again = server.start().stats()
    assert (again.total, again.today, again.unique, again.epoch) == (4001, 1, 1, stats.epoch)
    told = [post('"1"'), post(visitId="1"), post(), post(), post(visitId="9f2c"), post(visitId="9f2c")]
    told.append(post(visitId="1", visitorId="karim"))  # another visitor's is another visit
    numbers = [(each.ordinal, each.duplicate, each.stats.total, each.stats.unique) for each in told]
    assert numbers == [
        *[(4001, True, 4001, 1)] * 2,
        *[(4002, False, 4002, 1), (4003, False, 4003, 1)],
        *[(4004, False, 4004, 1), (4004, True, 4004, 1)],
        (4005, False, 4005, 2),
    ]
