"""Paging through lists: the link to the next page."""

import re

import pytest
from support.application.site import Site
from support.databases.database import SqliteDatabase
from support.people.admins import id_of, panel

PER_PAGE = 20
NEXT = re.compile(r'rel="next" href="([^"]*)"')


@pytest.fixture(scope="module")
def admin(tmp_path_factory):
    with Site(SqliteDatabase.migrated(tmp_path_factory.mktemp("lists") / "site.db").url) as site:
        admin = panel(site)
        admin.id = id_of(site, "rani")
        for number in range(PER_PAGE + 1):
            admin.send("/communities/new", name=f"Line {number}")
        yield admin


def next_page(page: str) -> str:
    (link,) = NEXT.findall(page)
    return link.replace("&amp;", "&")


def test_arguments_of_an_address_are_nothing_but_arguments(admin):
    for path in ("/communities", "/admin/communities"):
        for name in ("endpoint", "_method", "_external", "_scheme", "_anchor", "query"):
            assert next_page(admin.get(f"{path}?{name}=line")) == f"{path}?{name}=line&page=2"


def test_list_below_what_was_refused_goes_on_where_it_is_looked_at(admin):
    wrong = {"current_password": "another one", "new_password": "correct horse battery"}
    user = f"/admin/people/{admin.id}"
    for page, shown in (
        (admin.send("/account/password", 422, **wrong), "/account"),
        (admin.confirm(f"{user}/demote", 409), user),
    ):
        assert next_page(page) == f"{shown}?page=2"
        assert next_page(admin.get(shown)) == f"{shown}?page=2"
