"""Two spellings of an address are one page, and one source, everywhere that people read them."""

import csv
import io

import pytest
from support.application.site import Site, site_fixture
from support.people.admins import panel
from support.people.api_keys import boss as new_admin
from support.people.communities import site_admin
from support.people.share_links import share, shared
from support.sites.full_site import bring, rebuild

from koyjabo.reports.query.report_query import Filter, Question
from koyjabo.reports.visit_log.services import VisitLogServices
from koyjabo.reports.visit_log.visit_log import VisitFilter

BUS = "/%E0%A6%AC%E0%A6%BE%E0%A6%B8"
SPELLINGS = (BUS, BUS.lower(), "/বাস", "/~u", "/%7Eu")
IDN = "https://xn--54b7fta0cc.example/a"
TODAY, EARLIER = "2025-10-11", "2025-10-09"


site = site_fixture(f"{EARLIER}T10:30:00+06:00", RETENTION_DAYS=1)


def open_all(site: Site) -> None:
    for number, page in enumerate(SPELLINGS):
        site.register(f"v{number}", page=page, referrer=IDN if number % 2 else "https://বাংলা.example/a")


def rows(site: Site, first: str = EARLIER, by: str = "page", **filters: str):
    asked = Question(first, TODAY, filters={name: Filter(frozenset([value])) for name, value in filters.items()})
    breakdown = site.reports.breakdown(asked, by)
    return [(row.value, row.label, row.sums.visits) for row in breakdown.rows]


EXPECTED = [(BUS, "/বাস", 3), ("/~u", "/~u", 2)]


@pytest.mark.both_kinds
def test_spellings_are_one_page_and_are_shown_decoded(site):
    open_all(site)
    assert (rows(site), rows(site, by="source")) == (EXPECTED, [("বাংলা.example", "বাংলা.example", 5)])
    admin = panel(site)
    for page in ("/বাস", BUS, BUS.lower()):
        for path in ("/admin/?range=7d&page=", "/admin/visits?page="):
            text = admin.get(path + page.replace("%", "%25"))
            assert text.count("/বাস") >= 2, "in the list and in the filter"
            assert f">{BUS}" not in text
    assert admin.get("/admin/visits?source=xn--54b7fta0cc.example").count("বাংলা.example") >= 6
    assert "/বাস" in admin.get("/admin/live")


def test_share_link_and_its_file_show_pages_decoded(site):
    open_all(site)
    person = new_admin(site)
    link = share(person, filters={"page": ["/বাস"]})
    answer = shared(site, link["token"], "breakdown", "by=page&format=csv&range=7d")
    assert [(row["value"], row["label"]) for row in csv.DictReader(io.StringIO(answer.text))] == [(BUS, "/বাস")]
    assert "/বাস" in site.client.get(link["url"]).text


def test_exported_visits_are_decoded_and_are_imported_as_they_were(site):
    open_all(site)
    before = site.rows("SELECT page, referrer FROM visits ORDER BY id")
    assert {tuple(row) for row in before} == {(BUS, IDN), ("/~u", IDN)}
    text = "".join(site.services[VisitLogServices].log.export(site_admin(site), VisitFilter(), "csv"))
    rows = csv.DictReader(io.StringIO(text))
    assert {(row["page"], row["referrer"]) for row in rows} == {
        (page, "https://বাংলা.example/a") for page in ("/বাস", "/~u")
    }
    site.rows("DELETE FROM visits")
    assert bring(site, text).new == len(SPELLINGS)
    assert site.rows("SELECT page, referrer FROM visits ORDER BY id") == before


@pytest.mark.both_kinds
@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_days_that_earlier_versions_stored_are_read_in_one_spelling(site, is_rolled_up):
    open_all(site)
    site.time.pass_(days=2)
    site.register("today", page="/বাস")
    if is_rolled_up:
        assert site.roll_up().visits == len(SPELLINGS)
    for table, column in (("insight_sums", "value"), ("visits", "page")):
        site.rows(f"UPDATE {table} SET {column} = :old WHERE {column} = :new", old=BUS.lower(), new=BUS)
    if not is_rolled_up:
        rebuild(site)
    site.register("again", page="/বাস")
    assert rows(site) == [(BUS, "/বাস", 5), ("/~u", "/~u", 2)]
    assert rows(site, page=BUS) == [(BUS, "/বাস", 5)]
    assert panel(site).get("/admin/visits?page=/বাস").count("/বাস") >= 3
