"""Old panel addresses lead to the current ones, so that bookmarks and links in emails keep working."""

from __future__ import annotations

from html import escape

import pytest
from support.application.site import Site
from support.people.admins import panel


@pytest.mark.parametrize(
    ("earlier", "now"),
    {
        "/admin/insights?range=7d&page=%2F": "/admin/?range=7d&page=%2F",
        "/admin/realtime": "/admin/live",
        "/admin/users?q=a": "/admin/people?q=a",
        "/admin/users/a%20b%3F": "/admin/people/a%20b%3F",
        "/admin/install": "/admin/connect",
        "/admin/health": "/admin/server",
        "/admin/system": "/admin/server",
        "/admin/getting-started": "/admin/server",
        "/admin/export": "/admin/data",
        "/admin/receipt": "/receipt",
    }.items(),
)
def test_an_earlier_address_redirects_with_its_query(sqlite_database, earlier, now):
    with Site(sqlite_database.url) as site:
        answer = panel(site).get(earlier, 301)
        assert f'href="{escape(now)}"' in answer
