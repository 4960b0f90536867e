"""The home page, the panel and the guide list what erasing removes and keeps, as declared in `counting.models`."""

import re

from support.people.admins import panel
from support.people.page_readers import words
from support.programs.processes import ROOT

from koyjabo.counting.models import Visit

TEXTS = {  # the texts about a visit's columns: what is removed of them, and what is kept
    "visitor_id visit_id": ("the random numbers of the browser and the visit", ""),
    "user_id": ("the link to an account", ""),
    "user_agent": ("the exact browser version", "kind of browser"),
    "client_ms": ("the device's clock", ""),
    "referrer": ("the exact page that led here", "the site that led here"),
    "campaign": ("the search term and ad of a campaign", "the campaign"),
    "id ordinal day_number": ("", "number"),
    "at_ms day hour_s waited_ms": ("", "time"),
    "scope": ("", "community"),
    "page": ("", "page"),
    "place": ("", "location"),
    "language": ("", "language"),
    "network own": ("", "kind of network"),
    "attended_ms acted": ("", "how the page was used"),
    "is_bot automated": ("", "kind of browser"),
}
REPLACED = dict.fromkeys(("visitor_id", "visit_id", "user_id"), "reduced")
"""Columns that have a different, meaningless value afterwards."""

ONLY_IF_REDUCED = dict.fromkeys(("visitor_number", "new_in"), "kept")
"""Columns without a value until the visit is reduced."""

FATES = {(True, True): "reduced", (False, True): "kept", (True, False): "lost"}


def test_the_pages_and_the_guide_say_of_every_column_whether_erasing_removes_it(site):
    texts = [{row[fate] for row in TEXTS.values()} - {""} for fate in (0, 1)]
    admin, guide = panel(site), (ROOT / "docs" / "personal-data.md").read_text()
    for page in (admin.get("/"), admin.get("/admin/server?edit=erasure")):
        assert lists(r"<span data-(?:removed|kept)>(.+?)</span>", page) == texts
    assert lists(r"^- \*\*(?:Removed|Kept)\*\*: (.+?)\.$", guide) == texts
    fates = {column.name: column.info.get("forgotten", "lost") for column in Visit.__table__.columns}
    said = {name: FATES[tuple(map(bool, row))] for names, row in TEXTS.items() for name in names.split()}
    assert fates == said | REPLACED | ONLY_IF_REDUCED


def lists(pattern: str, text: str) -> list[set[str]]:
    texts = re.findall(pattern, text, re.DOTALL | re.MULTILINE)
    return [{item.removeprefix("and ") for item in re.split(r", |\. Also ", words(items))} for items in texts]
