"""The home page, the panel and the documents list what erasing removes and keeps, as declared in
`counting.models`.
"""

import re

from support.people.admins import panel
from support.people.page_readers import words
from support.programs.processes import ROOT

from koyjabo.counting.models import Visit

NOT_SAID: tuple[str, str] = ("", "")
SAID: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "visitor_id visit_id": (
        ("the random numbers of the browser and the visit", "ব্রাউজার ও ভিজিটের এলোমেলো নম্বর"),
        NOT_SAID,
    ),
    "user_id": (("the link to an account", "অ্যাকাউন্টের সঙ্গে সংযোগ"), NOT_SAID),
    "user_agent": (("the exact browser version", "ব্রাউজারের সঠিক সংস্করণ"), ("kind of browser", "ব্রাউজারের ধরন")),
    "client_ms": (("the device's clock", "ডিভাইসের ঘড়ি"), NOT_SAID),
    "referrer": (
        ("the exact page that led here", "যে পাতা থেকে আসা তার পুরো ঠিকানা"),
        ("the site that led here", "যে সাইট থেকে আসা"),
    ),
    "campaign": (
        ("the search term and ad of a campaign", "ক্যাম্পেইনের খোঁজার শব্দ ও বিজ্ঞাপন"),
        ("the campaign", "ক্যাম্পেইন"),
    ),
    "id ordinal day_number": (NOT_SAID, ("number", "নম্বর")),
    "at_ms day hour_s waited_ms": (NOT_SAID, ("time", "সময়")),
    "scope": (NOT_SAID, ("community", "কমিউনিটি")),
    "page": (NOT_SAID, ("page", "পাতা")),
    "place": (NOT_SAID, ("location", "স্থান")),
    "language": (NOT_SAID, ("language", "ভাষা")),
    "network own": (NOT_SAID, ("kind of network", "নেটওয়ার্কের ধরন")),
    "attended_ms acted": (NOT_SAID, ("how the page was used", "পাতাটি কীভাবে ব্যবহৃত হয়েছে")),
    "is_bot automated": (NOT_SAID, ("kind of browser", "ব্রাউজারের ধরন")),
}
"""Names of a visit's columns in the texts, in English and Bangla."""


REMOVED, KEPT = 0, 1
RENAMED = dict.fromkeys(("visitor_id", "visit_id", "user_id"), "reduced")
"""Columns that have a different, meaningless value afterwards."""

OF_REDUCED_VISITS = dict.fromkeys(("visitor_number", "new_in"), "kept")
"""Columns without a value until the visit is reduced."""


def test_pages_say_whether_erasing_removes_a_column(site):
    admin = panel(site)
    for n, language in enumerate(("en", "bn")):
        admin.headers["Accept-Language"] = language
        for address in ("/", "/admin/data"):
            assert in_the_page(admin.get(address)) == [texts_of(REMOVED, n), texts_of(KEPT, n)], (language, address)
    assert in_the_guide() == [texts_of(REMOVED, 0), texts_of(KEPT, 0)]
    fates = {column.name: column.info.get("forgotten", "lost") for column in Visit.__table__.columns}
    said = {name: fate_of(row) for names, row in SAID.items() for name in names.split()}
    assert fates == said | RENAMED | OF_REDUCED_VISITS


def texts_of(fate: int, language: int) -> set[str]:
    return {row[fate][language] for row in SAID.values() if row[fate] != NOT_SAID}


def fate_of(row: tuple[tuple[str, str], tuple[str, str]]) -> str:
    removed, kept = (fate != NOT_SAID for fate in row)
    return "reduced" if removed and kept else "kept" if kept else "lost"


def in_the_page(page: str) -> list[set[str]]:
    return [items(text) for text in re.findall(r"<span data-(?:removed|kept)>(.+?)</span>", page)]


def in_the_guide() -> list[set[str]]:
    guide = (ROOT / "docs" / "personal-data.md").read_text()
    lists = r"^- \*\*(?:Removed|Kept)\*\*: (.+?)\.$"
    return [items(text) for text in re.findall(lists, guide, re.DOTALL | re.MULTILINE)]


def items(text: str) -> set[str]:
    return {re.sub(r"^(and|এবং) ", "", item) for item in re.split(r", |\. Also ", words(text))}
