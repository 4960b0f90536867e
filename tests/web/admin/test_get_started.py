"""A new site tells its admin what to do, until it has a visit."""

from __future__ import annotations

import pytest
from support.admin_calls import panel
from support.app_fixtures import Site
from support.page_calls import words

PATH = "/static/js/koyjabo-count.js"
MODULE = f"https://koyjabo.example{PATH}"  # which the page's script replaces by its own


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL="4000") as site:
        yield site


def test_admin_of_a_new_site_gets_the_snippet_until_the_first_visit(site):
    admin = panel(site)
    page = admin.get("/admin/")
    assert f'</koyjabo-count><script type="module" src="{MODULE}"></script>' in words(page)
    assert f'src="{MODULE}"' not in page  # it is text, not a script of this page
    assert 'href="/install"' in page
    assert site.client.get(PATH).status_code == 200
    site.register("ayesha")
    assert "Get started" not in admin.get("/admin/")
