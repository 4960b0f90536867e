"""GET /api/pulse: what every page may show of the last hour."""

from support.application.site import site_fixture

site = site_fixture("2025-12-16T10:00:30+06:00")


def test_the_last_hour_has_60_sums_and_ends_with_the_current_minute(site):
    def pulse() -> dict:
        return site.client.get("/api/pulse").json

    assert pulse() == {"minute": 0, "hour": [0] * 60, "last": None}
    site.register("a"), site.register("b")
    assert (pulse()["hour"], pulse()["minute"]) == ([0] * 59 + [2], 0)
    site.time.pass_(minutes=1)
    site.register("c")
    assert (pulse()["hour"], pulse()["minute"]) == ([0] * 58 + [2, 1], 2)
    site.time.pass_(minutes=58)
    assert pulse()["hour"] == [2, 1] + [0] * 58
    site.time.pass_(minutes=1)
    assert pulse()["hour"] == [1] + [0] * 59
    site.restart()
    assert pulse()["hour"] == [1] + [0] * 59


def test_a_restored_count_has_only_the_visits_that_were_restored(site):
    site.register("a"), site.register("b")
    assert site.client.get("/api/pulse").json["hour"][-1] == 2
    site.rows("UPDATE visits SET at_ms = at_ms - 7200000")  # earlier visits with the same ids
    site.set_total(2, new_epoch=True)
    assert site.client.get("/api/pulse").json["hour"] == [0] * 60


def test_the_pulse_returns_304_until_a_visit_or_the_next_minute(site):
    def status(tag: str) -> int:
        return site.client.get("/api/pulse", headers={"If-None-Match": tag}).status_code

    site.register("a")
    first = site.client.get("/api/pulse")
    assert (first.headers["Cache-Control"], first.headers["Access-Control-Allow-Origin"]) == ("no-cache", "*")
    assert status(first.headers["ETag"]) == 304
    site.register("a")
    second = site.client.get("/api/pulse")
    assert status(first.headers["ETag"]) == 200
    assert status(second.headers["ETag"]) == 304
    site.time.pass_(seconds=30)
    assert status(second.headers["ETag"]) == 200
