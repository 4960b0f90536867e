"""Daily sums that programs export, and files that cannot be imported, with the way to one that can."""

import io
import tarfile
import zipfile
from threading import Thread

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.sites.exports import (
    GOATCOUNTER_1,
    GOATCOUNTER_2,
    PLAUSIBLE,
    UMAMI_CLOUD,
    UMAMI_EVENTS,
    bring_export,
    packed,
    table,
    zipped,
)
from support.sites.full_site import everything, in_context

from koyjabo.base.core.extensions import db
from koyjabo.reports.visit_log import import_queries
from koyjabo.reports.visit_log.importing import Busy
from koyjabo.upkeep.importers.export import NAMES, UnusableExport
from koyjabo.upkeep.importers.queries import AnotherSite


def plausible(*visits: int, first: int = 1) -> bytes:
    """An archive containing days in November 2025."""
    days = [f"2025-11-{day:02},9,99,5,{count},600" for day, count in enumerate(visits, first)]
    pages = table("date,hostname,page,visits,visitors,pageviews", *(f"2025-11-{n:02},h,/,7,7,7" for n in range(1, 9)))
    span = "_20251101_20251130"
    return zipped(**{f"imported_pages{span}": pages, f"imported_visitors{span}": table(PLAUSIBLE, *days)})


def adjusted(site: Site) -> list[tuple[str, int]]:
    rows = everything(site)["adjustments"]
    return [(row["reason"], row["total_after"] - row["total_before"]) for row in rows]


@pytest.mark.both_kinds
def test_importing_daily_sums_adds_each_day_once(site):
    site.register("here")
    report = bring_export(site, "plausible", plausible(10, 0, 30))
    assert adjusted(site) == [("Visits from Plausible, 2025-11-01", 10), ("Visits from Plausible, 2025-11-03", 30)]
    (added, _) = report.sentences()
    assert added.startswith("Added 40 visits from 2 days to the total, which was 1 and is now 41. These are daily")
    assert site.register("next").ordinal == 42
    assert site.recount() == []
    before = everything(site)["adjustments"]
    same = bring_export(site, "plausible", plausible(10, 0, 30)).difference
    assert (same.more, same.known, same.fewer) == ({}, 2, [])
    assert everything(site)["adjustments"] == before

    longer = bring_export(site, "plausible", plausible(8, 0, 35, 5))
    assert (len(longer.difference.more), longer.difference.known) == (2, 2)
    assert longer.totals == (42, 52)
    assert "Days with fewer visits in this file than were added before (left unchanged): 2025-11-01." in [
        *longer.sentences()
    ]
    assert adjusted(site)[2:] == [("Visits from Plausible, 2025-11-03", 5), ("Visits from Plausible, 2025-11-04", 5)]
    assert site.register("last").ordinal == 53
    assert site.stats()["todayVisits"] == 3
    assert site.recount() == []
    last = [row for row in everything(site)["audit_log"] if row["action"] == "total.set"][-1]
    assert "Visits from Plausible by day" in last["details"]


@pytest.mark.both_kinds
def test_sums_imported_during_visits_leave_no_gap_and_no_repeat(site):
    ordinals: list[int] = []
    registering = Thread(target=lambda: ordinals.extend(site.register(f"v{n}").ordinal for n in range(30)))
    registering.start()
    for days in range(1, 9):
        bring_export(site, "plausible", plausible(*[1000] * days))
    registering.join()
    assert len(set(ordinals)) == 30
    assert sorted(ordinals) == ordinals
    assert site.stats()["totalVisits"] == 8_030
    assert site.recount() == []


def test_several_sites_are_distinguished_by_name(site):
    first, second = plausible(10, 20, 30, 40, 50), plausible(11, 22, 33, 44, 55)
    bring_export(site, "plausible", first)
    with pytest.raises(AnotherSite, match=r"only 0 have the same number.* --site NAME"):
        bring_export(site, "plausible", second)
    assert bring_export(site, "plausible", second, "blog").added == 165
    with pytest.raises(AnotherSite, match=r"already imported .*--program plausible --site blog"):
        bring_export(site, "plausible", second, "blog.example")
    with pytest.raises(AnotherSite, match=r"already imported .*--program plausible, without --site"):
        bring_export(site, "plausible", first, "main")
    assert adjusted(site)[-1] == ("Visits from Plausible (blog), 2025-11-05", 55)
    assert site.register("next").ordinal == 316
    assert everything(site)["webhook_events"] == [], "no visit has reached a milestone"


def test_one_import_at_a_time(site):
    with in_context(site), import_queries.only_one(db.engine.url), pytest.raises(Busy):
        bring_export(site, "plausible", plausible(5))
    assert site.stats()["totalVisits"] == 0


EXPLORATION = """# ----------------------------------------
# koyjabo.com
# Free form-Free form 1
# 20251101-20251103
# ----------------------------------------

Date,Active users,Sessions
,80,"1,234",Grand total
20251103,30,"1,100"
20251101,20,134
"""
IN_FRENCH = """# ----------------------------------------
# Propriété : koyjabo, le site
# ----------------------------------------
# Date de début : 20251101
# Date de fin : 20251103

Pays,Sessions
Bangladesh,1200

Date,Sessions
20251101,1\u202f100
20251103,134
,1\u202f234,Total général
"""
REPORT = """# ----------------------------------------
# Traffic acquisition
# Account: Koy Jabo
# Property: 20240101
# ----------------------------------------
#
# All Users
# Start date: 20251101
# End date: 20251130
Nth day,Sessions
0000,1100
0002,134

# All Users
# Start date: 20251101
# End date: 20251130
Session default channel group,Sessions
Direct,1234
"""
ANALYTICS = {"an exploration": EXPLORATION, "another language": IN_FRENCH, "the chart of a report": REPORT}


@pytest.mark.parametrize("export", ANALYTICS.values(), ids=ANALYTICS)
def test_sessions_by_date_of_google_analytics_are_added(site, export):
    report = bring_export(site, "ga4", export)
    assert (report.added, report.refused) == (1234, 0)
    days = [(row["source"], row["day"]) for row in everything(site)["imported_days"]]
    assert days == [("ga4", "2025-11-01"), ("ga4", "2025-11-03")]


def test_google_analytics_report_with_a_wrong_start_day_is_refused(site):
    report = bring_export(site, "ga4", REPORT.replace("20251101", "99991231"))
    assert (report.added, report.refused) == (0, 2)


def test_unusable_days_are_named_and_the_others_imported(site):
    today = "2025-12-16"
    assert site.time.ms == SPEC_MOMENT
    export = table(
        "Date,Sessions",
        *("20251101,5", "20251317,1", "20251102,many", "20251103,1.5", f"{today},7", "20251217,9", "19691231,3"),
        *("(other),1", "20251104,-1", "20251105,9999999999999", "20251106,"),
    )
    report = bring_export(site, "ga4", export)
    assert (len(report.difference.more), report.added) == (2, 12)
    assert [*report.sentences()][2:] == [
        "Not imported, lines 3, 9: the day must be a date, such as 2025-12-16 or 20251216.",
        "Not imported, lines 4, 5, 10, 12: the number of visits must be a whole number.",
        "Not imported, lines 7, 8: the day is in the future, or before 1970.",
        "Not imported, line 11: the number of visits is too large.",
    ]


DASHBOARD = zipped(
    visitors="date,visitors,pageviews,visits,views_per_visit,bounce_rate,visit_duration\n2025-11-01,1,1,1,1.0,100,0\n"
)
BY_COUNTRY = "Date,Country,Sessions\n20251101,BD,5\n20251101,IN,5\n"
NO_EXPORTS = (
    ("plausible", DASHBOARD, "hour"),
    ("plausible", table("date,page,visits"), "columns of Plausible's imported_visitors"),
    ("plausible", table(PLAUSIBLE, *["2025-11-01,1,1,1,1,1"] * 2), "several lines for"),
    ("ga4", BY_COUNTRY, "several lines for 2025-11-01"),
    ("ga4", "# 20251101-20251130\nCountry,Sessions\nBangladesh,12\n", "no sessions by date"),
    ("ga4", "Date,Views\n20251101,5\n", "no sessions by date"),
    ("ga4", REPORT.replace("20251101", "20250231"), "no sessions by date"),
)


def test_file_without_visits_by_day_adds_nothing(site):
    for program, contents, sentence in NO_EXPORTS:
        with pytest.raises(UnusableExport, match=sentence):
            bring_export(site, program, contents)
    assert (site.stats()["totalVisits"], adjusted(site)) == (0, [])


def test_total_never_grows_beyond_its_limit(site):
    days = table("Date,Sessions", *(f"{day},1000000000000" for day in range(20240101, 20240132)))
    site.set_total(10**15 - 5)
    with pytest.raises(UnusableExport, match="The maximum is"):
        bring_export(site, "ga4", days)
    assert site.stats()["totalVisits"] == 10**15 - 5
    assert everything(site)["imported_days"] == []


OURS = "id,visitor_id,visit_id,at,place\n1,a,b,2025-03-01T10:00:00Z,Dhaka\n"
GA4 = "# ----------------------------------------\n# shop.example\n# 20250301-20250302\n\nDate,Sessions\n20250301,4\n"


def archive(**files: str) -> bytes:
    """A zip archive. `folder__name_csv` is the file `folder/name.csv`."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as zipped:
        for name, contents in files.items():
            zipped.writestr(".".join(name.replace("__", "/").rsplit("_", 1)), contents)
    return written.getvalue()


def in_tar() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("website_event.csv"))
    return written.getvalue()


MATOMO_LOG = "idSite,idVisit,visitIp,visitorId,lastActionTimestamp,referrerUrl\n1,2,,7f3a,1262519823,\n"
JSON = "This file is JSON or XML"
WAYS = {
    "GoatCounter's JSON": (
        archive(
            **{
                "goatcounter-export-a__paths_jsonl": '{"id":1}\n',
                "goatcounter-export-a__hit_stats_jsonl": '{"count":2}\n',
            }
        ),
        "GoatCounter: Settings, Export, Export to CSV",
    ),
    "GoatCounter's CSV": (packed(f"{GOATCOUNTER_2}\n"), "--program goatcounter"),
    "GoatCounter's first CSV": (f"{GOATCOUNTER_1}\n", "--program goatcounter"),
    "Umami's dashboard": (archive(pages_csv="x,y\r\n/,5\r\n", countries_csv="x,y\r\nBD,5\r\n"), "umamis-tables"),
    "Umami's table": (f"{UMAMI_EVENTS}\n", "--program umami"),
    "Umami's archive": (
        archive(a__website_event_csv=f"{UMAMI_CLOUD}\n", a__session_csv="session_id\n"),
        "--program umami",
    ),
    "Umami's responses": ('[{"x":"/","y":5}]', JSON),
    "PostgreSQL's dump": ("--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n", "umamis-tables"),
    "PostgreSQL's custom dump": (b"PGDMP\x01\x0e\x00", "umamis-tables"),
    "MySQL's dump": ("-- MySQL dump 10.13  Distrib 8.0.36\n", "umamis-tables"),
    "SQLite": (b"SQLite format 3\0\x10\0", "umamis-tables"),
    "Plausible's table": (
        '"date","visitors","pageviews","bounces","visits","visit_duration"\n',
        "--program plausible",
    ),
    "Plausible's archive": (archive(imported_visitors_20250301_20250302_csv=PLAUSIBLE), "--program plausible"),
    "Plausible's dashboard": (
        archive(visitors_csv="date,visitors,pageviews,visits,views_per_visit,bounce_rate,visit_duration\n"),
        "Imports & exports, Prepare export",
    ),
    "a part of Plausible's export": (archive(imported_pages_20250301_20250302_csv="date,page\n"), "imported_visitors"),
    "Matomo's visits": (MATOMO_LOG.encode("utf-16"), "matomos-visits"),
    "Matomo's visits as JSON": ('[{"idSite":"1","idVisit":"2"}]', "matomos-visits"),
    "Matomo's visits as XML": ("<?xml version='1.0'?>\n<result>\n\t<row>\n\t\t<idVisit>2</idVisit>", "matomos-visits"),
    "Matomo's report": ("date,nb_uniq_visitors,nb_users,nb_visits\n".encode("utf-16"), "matomos-visits"),
    "Matomo's report in words": ("Date,Unique visitors,Users,Visits\n".encode("utf-16"), "matomos-visits"),
    "Google Analytics": (GA4, "--program ga4"),
    "our own": (packed(OURS), "without --program"),
    "a workbook": (archive(xl__workbook_xml="<x/>", **{"[Content_Types]_xml": "<x/>"}), "Save it as CSV"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1", "Save it as CSV"),
    "a login form": ("\n<!DOCTYPE html>\n<html>", "Log in to the program"),
    "bzip2": (b"BZh91AY&SY", "gzip or zip"),
    "tar": (in_tar(), "gzip or zip"),
    "semicolons": ("session_id;visit_id;created_at\n1;2;3\n", "Save the file with commas"),
    "tabs": ("session_id\tvisit_id\n", "Save the file with commas"),
}
USED = {"GoatCounter": "goatcounter", "Umami": "umami", "Plausible": "plausible", "Google": "ga4", "our": "koyjabo"}


@pytest.fixture(scope="module")
def live_site(tmp_path_factory):
    with Site(f"sqlite:///{tmp_path_factory.mktemp('site')}/live.db") as live_site:
        yield live_site


@pytest.mark.parametrize("file", WAYS)
def test_unsupported_file_is_named_with_the_way_to_a_supported_one(live_site, file):
    contents, way = WAYS[file]
    own = next((program for start, program in USED.items() if file.startswith(start) and "-program" in way), None)
    for program in {*NAMES, "koyjabo"} - {own}:
        with pytest.raises(UnusableExport) as refused:
            bring_export(live_site, program, contents)
        assert way in str(refused.value), program
    assert live_site.stats()["totalVisits"] == 0
