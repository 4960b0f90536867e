"""Daily sums from Plausible and Google Analytics: one adjustment per day, made only once."""

from threading import Thread

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.sites.exports import PLAUSIBLE, bring_export, table, zipped
from support.sites.full_site import everything, in_context

from koyjabo.base.core.errors import DatabaseInUse, Unusable
from koyjabo.base.core.extensions import db
from koyjabo.reports.visit_log import import_queries


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
    with pytest.raises(Unusable, match=r"only 0 have the same number.* --site NAME"):
        bring_export(site, "plausible", second)
    assert bring_export(site, "plausible", second, "blog").added == 165
    with pytest.raises(Unusable, match=r"already imported .*--program plausible --site blog"):
        bring_export(site, "plausible", second, "blog.example")
    with pytest.raises(Unusable, match=r"already imported .*--program plausible, without --site"):
        bring_export(site, "plausible", first, "main")
    assert adjusted(site)[-1] == ("Visits from Plausible (blog), 2025-11-05", 55)
    assert site.register("next").ordinal == 316
    assert everything(site)["webhook_events"] == [], "no visit has reached a milestone"


def test_one_import_at_a_time(site):
    with in_context(site), import_queries.only_one(db.engine.url), pytest.raises(DatabaseInUse):
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
        with pytest.raises(Unusable, match=sentence):
            bring_export(site, program, contents)
    assert (site.stats()["totalVisits"], adjusted(site)) == (0, [])


def test_total_never_grows_beyond_its_limit(site):
    days = table("Date,Sessions", *(f"{day},1000000000000" for day in range(20240101, 20240132)))
    site.set_total(10**15 - 5)
    with pytest.raises(Unusable, match="The maximum is"):
        bring_export(site, "ga4", days)
    assert site.stats()["totalVisits"] == 10**15 - 5
    assert everything(site)["imported_days"] == []
