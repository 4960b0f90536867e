"""What pages of the panel are compared with: the same weekdays, or what their reader has chosen from the menu."""

from __future__ import annotations

import re
from html import unescape

import pytest
from support.people.admins import panel

PAGES = ("/admin/", "/admin/")
CHOSEN = re.compile(r'<a href="[^"]*compare=(\w+)[^"]*"[^>]* aria-current="true"')
CHOICE = re.compile(r'<a href="([^"]*compare=year[^"]*)"[^>]*>Year before<')


@pytest.fixture(scope="module")
def admin(site):
    site.time.go_to("2025-12-02T10:00:00+06:00")
    site.register("early", visitId="1", page="/")
    site.time.go_to("2025-12-16T10:00:00+06:00")
    site.register("late", visitId="2", page="/")
    return panel(site)


def chosen(page: str) -> set[str]:
    return set(CHOSEN.findall(page))


def test_the_panel_is_compared_with_the_same_weekdays_until_another_is_chosen(admin):
    page = admin.get("/admin/?range=7d")
    assert chosen(page) == {"weekday"}
    assert "3 Dec 2025 – 9 Dec 2025" in page
    assert "compare=weekday&amp;page=%2F" in page  # each link has it, for others who open the address
    for path in ("/admin/?compare=year", "/admin/"):
        admin.get(path)
    assert chosen(admin.get("/admin/")) == {"weekday"}  # a link that has another comparison is not a choice
    admin.get(unescape(CHOICE.search(page)[1]))
    assert [chosen(admin.get(path)) for path in PAGES] == [{"year"}, {"year"}]
    assert "keep=1&amp;" not in admin.get("/admin/?compare=none&keep=1")
    assert chosen(admin.get("/admin/")) == {"none"}


def test_days_before_the_first_visit_are_not_compared(admin):
    for days, is_compared in (("start=2025-12-02&end=2025-12-08", False), ("start=2025-12-09&end=2025-12-15", True)):
        assert ("compared with" in admin.get(f"/admin/?{days}&compare=weekday")) == is_compared
