"""A site of the tests finds nothing of an earlier one in the application that it takes over."""

from __future__ import annotations

from support.app_fixtures import Site
from support.databases import SqliteDatabase

PEER = {"REMOTE_ADDR": "203.0.113.7"}


def statuses(site: Site) -> list[int]:
    body = {"visitorId": "ayesha"}
    return [site.post(json=body, environ_overrides=PEER).status_code for _ in range(3)]


def test_application_of_an_earlier_site_is_as_new(tmp_path):
    limited = {"RATE_LIMIT_REGISTRATIONS": "2", "SECRET_KEY": "used by the sites of this test alone, and by no others"}
    with Site(SqliteDatabase.migrated(tmp_path / "1.db").url, **limited) as first:
        first.app.config["DEBUG"] = True
        first.app.add_url_rule("/more", view_func=lambda: "more")
        first.app.after_request(lambda response: response.headers.update({"X-More": "1"}) or response)
        assert statuses(first) == [200, 200, 429]
        answer = first.client.get("/more")
        assert (answer.text, answer.headers["X-More"]) == ("more", "1")
    with (
        Site(SqliteDatabase.migrated(tmp_path / "2.db").url, **limited) as second,
        Site(SqliteDatabase.migrated(tmp_path / "3.db").url, **limited) as third,
    ):
        assert second.app is first.app is not third.app
        assert second.app.config["DEBUG"] is False
        answer = second.client.get("/more")
        assert (answer.status_code, "X-More" in answer.headers) == (404, False)
        assert statuses(second) == statuses(third) == [200, 200, 429]
        assert second.stats()["totalVisits"] == 2
        assert vars(second.app).keys() == vars(third.app).keys()
        assert second.app.extensions.keys() == third.app.extensions.keys()
        assert len(list(second.app.url_map.iter_rules())) == len(list(third.app.url_map.iter_rules()))
