"""/api/receipt and its pages: the parts add up to the total, and only the panel shows who changed it and why."""

import re

import pytest
from support.application.site import Site, assert_error
from support.people.admins import panel
from support.people.page_readers import Reader, words
from support.sites.full_site import quiet

from koyjabo.base.core.clock import iso
from koyjabo.base.core.extensions import db
from koyjabo.base.core.identity import OPERATOR
from koyjabo.people.audit import log as audit
from koyjabo.site.receipts.queries import TotalChange
from koyjabo.site.receipts.receipt_parts import MAX_RECEIPT_PARTS, VISITS_PART, ReceiptPart, parts_of
from koyjabo.upkeep.recounts.recounts import LEDGER_SUBJECT, Recounts

ELSEWHERE = {"Origin": "https://elsewhere.example"}
REASON = "Imported, ask nila@example.com"


@pytest.fixture
def site(sqlite_database):
    with Site(sqlite_database.url, STARTING_TOTAL=4000) as site:
        yield site


def receipt(site: Site, **headers: str) -> dict:
    return site.client.get("/api/receipt", headers=headers).json


def lines(site: Site) -> list[tuple]:
    return [(part["kind"], part["count"], part["from"], part["to"]) for part in receipt(site)["parts"]]


def test_each_number_of_the_total_is_in_one_part(site, sqlite_database):
    assert lines(site) == [("start", 4000, 1, 4000)]
    for n in range(3):
        site.register(visitId=str(n))
    began_ms = site.time.ms
    site.set_total(40_000)
    site.time.pass_(seconds=5)
    remembered = sqlite_database.remember()
    site.register(visitId="lost")
    sqlite_database.go_back(remembered)
    last = site.register(visitId="kept")
    site.set_total(40_001, new_epoch=True)
    parts = receipt(site)
    assert lines(site) == [
        ("start", 4000, 1, 4000),
        ("visits", 3, 4001, 4003),
        ("adjustment", 35_997, 4004, 40_000),
        ("rolled_back", 1, 40_001, 40_001),
        ("visits", 1, 40_002, 40_002),
        ("adjustment", -1, 40_002, 40_002),
    ]
    assert (parts["total"], last.ordinal) == (sum(part["count"] for part in parts["parts"]), 40_002)
    assert parts["parts"][2]["at"] == iso(began_ms)


def test_any_page_can_read_the_public_receipt_and_revalidates_it(site):
    site.set_total(5000)
    first = site.client.get("/api/receipt", headers=ELSEWHERE)
    assert (first.headers["Access-Control-Allow-Origin"], first.headers["Cache-Control"]) == ("*", "no-cache")
    assert list(first.json) == ["total", "as_of", "parts", "recounted", "backup"]
    assert {key for part in first.json["parts"] for key in part} == {"kind", "count", "from", "to", "at"}
    seen = {"If-None-Match": first.headers["ETag"]}
    assert site.client.get("/api/receipt", headers=seen).status_code == 304
    site.register()
    assert site.client.get("/api/receipt", headers=seen).status_code == 200


def test_only_admins_and_viewers_see_who_changed_the_total_and_viewers_see_no_email(site):
    boss = panel(site, "ayesha")
    boss.send("/admin/receipt/total", total="5000", reason=REASON)
    site.set_total(6000)
    answer = boss.client.get("/api/receipt")
    assert answer.headers["Cache-Control"] == "private, no-store"
    changes = [(None, None), ("Ayesha", REASON), ("operator", "koyjabo total set")]
    assert [(part["by"], part["reason"]) for part in answer.json["parts"]] == changes
    assert REASON in boss.get("/receipt")
    viewer = Reader(site).sign_up("babul")
    site.rows("UPDATE users SET is_viewer = true WHERE email = 'babul@example.com'")
    for text in (viewer.client.get("/api/receipt").text, viewer.get("/receipt")):
        assert REASON.replace("nila@example.com", "•••") in text
        assert "nila@example.com" not in text
    public = Reader(site).get("/receipt")
    assert "Ayesha" not in public
    assert "Imported" not in public


def test_the_receipt_leads_back_to_the_page_it_was_opened_from(site):
    def way_back(referrer: str) -> str:
        page = site.client.get("/receipt", headers={"Referer": referrer}).text
        return re.search(r'<main.*?<a href="(.+?)">← ', page, re.DOTALL)[1]

    assert way_back("http://localhost/admin/?range=week") == "/admin/?range=week"
    for referrer in ("", "http://localhost/receipt", "https://evil.example/x", "javascript:alert(1)"):
        assert way_back(referrer) == "/"
    assert way_back("http://localhost//evil.example") == "/evil.example"


def test_the_receipt_shows_the_latest_recount_and_the_newest_verified_backup(site):
    """A recount by `koyjabo verify` or a restore, and a verified backup."""
    recounts, by_operator = site.services[Recounts], audit.actor(OPERATOR, site.services.clock)
    assert receipt(site)["recounted"] is None
    recounts.verify(quiet)
    assert newest_recount(site) == {"at": iso(site.time.ms - 5000), "agreed": True}
    site.rows("UPDATE counters SET visits = visits + 1")
    assert recounts.verify(quiet).problems
    assert newest_recount(site) == {"at": iso(site.time.ms - 5000), "agreed": False}
    with site.app.app_context():
        by_operator._replace(at_ms=site.time.ms).entry("ledger.restore", LEDGER_SUBJECT, total=22_120).store(db.session)
        db.session.commit()
    assert newest_recount(site) == {"at": iso(site.time.ms - 5000), "agreed": True}
    assert receipt(site)["backup"] == {"verified_at": iso(site.time.ms - 5000), "total": 22_120}
    with site.app.app_context():
        by = by_operator._replace(at_ms=site.time.ms)
        by.entry("ledger.backup", LEDGER_SUBJECT, total=22_121, proven=True).store(db.session)
        by.entry("ledger.backup", LEDGER_SUBJECT, total=9).store(db.session)  # not verified
        db.session.commit()
    assert newest_recount(site) == {"at": iso(site.time.ms - 5000), "agreed": True}
    assert receipt(site)["backup"] == {"verified_at": iso(site.time.ms - 5000), "total": 22_121}
    assert "22,121" in words(Reader(site).get("/receipt"))


def newest_recount(site: Site) -> dict:
    """Wait until the cached result has expired, and return the latest recount."""
    site.time.pass_(seconds=5)
    return receipt(site)["recounted"]


def test_the_parts_add_up_to_the_total_even_of_an_inconsistent_ledger():
    parts = parts_of((TotalChange("start", 7, 0, 10, ""),), visits=2, total=15)
    assert parts == (
        ReceiptPart("start", 10, 1, 10, 7),
        ReceiptPart("visits", 2, 11, 12),
        ReceiptPart("adjustment", 3, 13, 15),
    )


def test_the_oldest_of_many_parts_are_combined_by_kind():
    changes = tuple(TotalChange("set", n, n, 10, "") for n in range(1, 101))
    parts = parts_of(changes, visits=100, total=1100)
    assert len(parts) <= MAX_RECEIPT_PARTS
    assert sum(part.amount for part in parts) == 1100
    assert [part.kind for part in parts if part.first is None] == ["adjustment", "visits"]
    assert [part for part in parts if part.first is not None][-1] == ReceiptPart("adjustment", 10, 1091, 1100, 100, "")
    assert sum(part.amount for part in parts if part.kind == VISITS_PART) == 100


def test_the_receipt_does_not_wait_for_a_locked_database(site, sqlite_database):
    with sqlite_database.locked():
        assert receipt(site)["total"] == 4000  # readers do not wait for a writer
    sqlite_database.path.write_bytes(b"not a database any more")
    assert_error(site.client.get("/api/receipt"), 503, "ledger_unavailable")
