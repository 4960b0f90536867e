"""Streams under another WSGI server, such as the test client."""

from __future__ import annotations

from support.event_source import SITE, of_community


def test_another_wsgi_server_says_that_it_has_no_streams(site, cast):
    path = of_community(cast.kept_community())
    for answer in (site.client.get(SITE), cast.call("member", "GET", path)):
        assert (answer.status_code, answer.json["code"]) == (501, "streams_unavailable")
    assert cast.call("outsider", "GET", path).status_code == 403
    assert site.client.head(SITE).status_code == 200
