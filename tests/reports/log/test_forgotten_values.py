"""Erasing a visitor removes their values from the report tables at any time, and keeps every sum."""

import zlib

import pytest
from support.application.site import Site, Time

from koyjabo.reports.log import blocks
from koyjabo.reports.query.report_query import Question

SECRET = "https://mail.example.net/inbox/ayesha"
PAGE = "/a?utm_source=news&utm_medium=mail&utm_campaign=eid&utm_term=ayesha&utm_content=a%40example.net"
DAY = "2025-12-16"
TEXTS = "SELECT campaign FROM visits UNION ALL SELECT referrer FROM visits"


@pytest.fixture
def site(database):
    with Site(database.url, Time(), RETENTION_DAYS=1) as site:
        site.register("ayesha", page=PAGE, referrer=SECRET)
        site.register("ayesha", page="/b?utm_term=ayesha")
        site.register("babul", page="/a", referrer="https://mail.example.net/")
        yield site


def traces(site: Site) -> list[str]:
    """Texts of visits and blocks that name the visitor."""
    texts = [text for (text,) in site.rows(TEXTS) if text and "ayesha" in text]
    blocks = [zlib.decompress(packed) for (packed,) in site.rows("SELECT packed FROM visit_blocks")]
    return texts + [name for name in ("ayesha", "a@example") if any(name.encode() in block for block in blocks)]


def values(site: Site, dimension: str) -> dict:
    breakdown = site.reports.breakdown(Question(DAY, DAY), dimension)
    return {row.value: row.sums.visits for row in breakdown.rows}


@pytest.mark.both_kinds
def test_terms_contents_and_paths_go_and_campaigns_stay(site, monkeypatch):
    """Blocks are recreated as if these values had never existed."""
    monkeypatch.setattr(blocks, "SIZE", 2)
    site.store_blocks()
    assert len(site.rows("SELECT first FROM visit_blocks")) == 1
    assert len(traces(site)) == 3 + 2
    site.forget("ayesha")
    assert traces(site) == []
    assert len(site.rows("SELECT first FROM visit_blocks")) == 1
    site.store_blocks()
    assert values(site, "utm_term") == values(site, "utm_content") == {None: 3}
    assert values(site, "utm_campaign") == {"eid": 1, None: 2}
    assert values(site, "channel") == {"campaign": 2, "referral": 1}
    assert values(site, "referrer") == {"https://mail.example.net": 1, "https://mail.example.net/": 1, None: 1}
    assert site.recount() == []
