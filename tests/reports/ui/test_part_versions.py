"""The version of a part changes whenever its HTML changes outside of the cells that pages fill with pushed numbers."""

import re
from html.parser import HTMLParser

from support.people.admins import panel
from support.sites.full_site import register

VOID = {"br", "hr", "img", "input", "link", "meta"}
PUSHED = ("data-as", "data-as-of")
"""Elements with contents that a page writes itself. It also moves the rows of a list."""

RELEVANT = ("id", "class", "href", "data-cell", "aria-current")


class Part(HTMLParser):
    """Everything in a part that no pushed number replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.rest: list[object] = []
        self.skipped = 0  # depth within an element that a page fills

    def handle_starttag(self, tag, attrs):
        if self.skipped:
            self.skipped += tag not in VOID
            return
        names = {name for name, _ in attrs}
        if tag == "tr" and "data-value" in names:
            self.skipped = 1
            return
        self.rest.append((tag, [pair for pair in attrs if pair[0] in RELEVANT]))
        self.skipped = int(not names.isdisjoint(PUSHED))

    def handle_startendtag(self, tag, attrs):
        if not self.skipped:
            self.rest.append(tag)

    def handle_endtag(self, tag):
        self.skipped -= bool(self.skipped and tag not in VOID)

    def handle_data(self, data):
        if not self.skipped and data.strip():
            self.rest.append(data.split())


def parts(admin, query: str) -> dict[str, tuple[str, list[object]]]:
    """Return the version and the rest of each part of the page."""
    html = admin.get(f"/admin/?{query}")
    by_name = {}
    for section in re.findall(r"<section[^>]* data-part=.*?</section>", html, re.DOTALL):
        name = re.search(r'data-part="(\w+)"', section)[1]
        version = re.search(r'data-version="(\w+)"', section)
        if version:
            part = Part()
            part.feed(section)
            by_name[name] = version[1], part.rest
    return by_name


def test_two_parts_with_the_same_version_differ_only_in_the_cells_that_updates_fill(site):
    admin, known = panel(site), {}
    site.register("first", page="/")
    for number in range(16):
        if number < 10:
            site.register(f"v{number}", page=f"/{number}")
        else:
            register(site, number, "site")
        for query in ("range=today", "range=today&page=/7", "range=today&compare=none&tabs=bangladesh,system"):
            for name, (version, rest) in parts(admin, query).items():
                assert known.setdefault((query, name, version), rest) == rest, name
