"""Imported visits: each counts once, at its time, despite interruptions."""

import io
import json
from zoneinfo import ZoneInfo

import pytest
from support.application.site import SPEC_MOMENT, Site
from support.sites.full_site import DAY_MS, bring, everything, fill, in_context, rows

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import iso
from koyjabo.base.core.extensions import db
from koyjabo.base.models import SITE
from koyjabo.counting.records import NewVisit
from koyjabo.counting.services import CountingServices
from koyjabo.reports.visit_log import import_file, import_queries, visit_log
from koyjabo.reports.visit_log.import_file import BadLine
from koyjabo.reports.visit_log.importing import Imported
from koyjabo.reports.visit_log.services import VisitLogServices
from koyjabo.reports.visit_log.visit_log import VisitFilter, VisitLog
from koyjabo.upkeep.retention.erasure import Erasure

NOT_SAME = {"id", "ordinal", "community", "user"}
"""Ordinals are assigned again, and names are from this site."""


@pytest.fixture(scope="module")
def full(module_database):
    with Site(module_database.url, STARTING_TOTAL=4000) as site:
        fill(site)
        yield site


@pytest.fixture
def site(database):
    with Site(database.url) as site:
        site.time.ms = SPEC_MOMENT + 100 * DAY_MS
        yield site


def export(site: Site, kind: str, **which: str) -> bytes:
    extract = site.services[VisitLogServices].log.extract(VisitFilter(**which), kind)
    return (spreadsheet.head(kind, visit_log.COLUMNS) + "".join(text for text, _ in extract.pieces)).encode()


def visits(site: Site) -> list[dict]:
    return [{k: v for k, v in row.items() if k not in NOT_SAME} for row in everything(site)["visits"]]


@pytest.mark.both_kinds
def test_exported_visits_are_the_same_when_they_are_imported(full, site):
    file, stored = export(full, "csv"), everything(full)
    for row in stored["communities"]:
        site.add_community(row["id"])
    assert bring(site, file) == Imported(41, 0)
    assert visits(site) == visits(full)
    for table in ("daily_visits", "hourly_visits"):
        assert everything(site)[table] == stored[table]
    assert site.recount() == []
    assert bring(site, file) == Imported(0, 41)
    assert site.stats()["totalVisits"] == 41


@pytest.mark.both_kinds
def test_imported_visits_get_the_next_numbers(site):
    site.set_total(4000)
    site.register("here")
    assert bring(site, rows("a,1,2024-05-01T10:00:00Z", "b,2,2024-05-01T11:00:00+06:00")) == Imported(2, 0)
    assert site.register("here").ordinal == 4004
    assert site.stats()["todayVisits"] == 2
    assert site.register("a", visitId="1").duplicate
    assert site.recount() == []


def test_import_goes_on_from_a_total_that_was_lowered(site):
    site.set_total(4000)
    site.register("here")
    site.set_total(7, new_epoch=True)
    assert bring(site, rows("a,1,2024-05-01T10:00:00Z")) == Imported(1, 0)
    assert site.stats()["totalVisits"] == 8
    assert site.recount() == []


def test_minimal_file_counts_once_however_often_it_is_imported(site):
    file = "visitorId,at\nayesha,2024-05-01 23:30:00\nayesha,2024-05-01 23:30:00\nkarim,1714585000000\n"
    file += "nila,2024-05-01 23:30:00 UTC\n"
    assert bring(site, file) == Imported(4, 0)
    assert bring(site, file) == Imported(0, 4)
    days = {row["day"]: row["visits"] for row in everything(site)["daily_visits"]}
    assert days == {"2024-05-01": 3, "2024-05-02": 1}  # in TIMEZONE
    assert site.stats()["uniqueVisitors"] == 3
    lines = [row["details"] for row in everything(site)["audit_log"] if row["action"] == "visits.import"]
    assert sorted(lines) == ['{"new": 0, "known": 4}', '{"new": 4, "known": 0}']


BAD = {
    "no columns": ("a,b\n1,2\n", "Line 1: must name the columns"),
    "an empty file": ("", "Line 1: must name the columns"),
    "a visitor": (rows("a,1,1714585000000", "?,2,1714585000000"), "Line 3: visitor_id"),
    "a name": (rows("a,1 1,1714585000000"), "Line 2: visit_id"),
    "a moment": (rows("a,1,yesterday"), "Line 2: at must be"),
    "a moment of many digits": (rows(f"a,1,{'9' * 5000}"), "Line 2: at must be a time, such as"),
    "seconds": (rows("a,1,1714585000"), "Line 2: at must be in ms since 1970, not in s"),
    "no moment": (rows("a,1,"), "Line 2: at must be"),
    "before 1970": (rows("a,1,1869-01-01"), "Line 2: at must be"),
    "the future": (rows("a,1,2038-01-01"), "Line 2: at is in the future"),
    "too much": (rows("a,1,1714585000000,x"), "Line 2: has more values"),
    "quotes": (rows('a,"1'), "Line 2: is not valid CSV"),
    "no UTF-8": (rows("b,1,1714585000000").encode() + b"\xff", "Line 3: is not in UTF-8"),
    "a community": (
        "visitor_id,at,community_id\na,1714585000000,1b4e28ba-2fa1-4f3b-a3f5-ef19b5a7633b\n",
        "Line 2: community_id names an unknown or archived community",
    ),
    "no community": ("visitor_id,at,community_id\na,1714585000000,mirpur\n", "Line 2: community_id must be a UUID"),
}
BAD_JSON = {
    "no JSON": ('{"visitor_id": "a", "at": 1714585000000}\n{', "Line 2: is not valid JSON"),
    "a list": ("[]\n", "Line 1: must be a JSON object"),
    "a number": ('{"visitor_id": "a", "at": 1714585000000, "page": 5}\n', "Line 1: page must be a string"),
    "a truth for a moment": ('{"visitor_id": "a", "at": true}\n', "Line 1: at must be"),
    "a truth": ('{"visitor_id": "a", "at": 1714585000000, "is_bot": "maybe"}\n', "Line 1: is_bot"),
    **{
        f"{name} {value!r}": (json.dumps({"visitor_id": "a", "at": 1714585000000, name: value}), f"Line 1: {name}")
        for name, values in {
            "attended_ms": (-1, 1.5, True, "1e3", "1_000", 30 * DAY_MS + 1),
            "waited_ms": (-1, "soon", 365 * DAY_MS + 1),
            "acted": ("1", 1, "yes"),
            "automated": ("0", [], "no"),
            "own": ("maybe",),
            "network": ("home", 5, "Other"),
        }.items()
        for value in values
    },
    "too large": ('{"visitor_id": "a", "at": 1' + "0" * 30 + "}\n", "Line 1: at must be"),
}


def test_line_that_cannot_be_used_is_named_and_what_came_before_is_kept(site):
    bad = [(*example, "csv") for example in BAD.values()] + [(*example, "jsonl") for example in BAD_JSON.values()]
    for file, sentence, kind_of_file in bad:
        before = site.stats()["totalVisits"]
        with pytest.raises(BadLine, match=sentence):
            bring(site, file, kind_of_file)
        usable = int(sentence.removeprefix("Line ").partition(":")[0]) - (2 if kind_of_file == "csv" else 1)
        assert site.stats()["totalVisits"] - before == max(0, usable), sentence
    assert site.recount() == []


def test_values_in_values_are_read_or_refused_however_deep_they_are():
    for depth in range(700, 1_000, 2):
        line = f'{{"visitor_id": "a", "at": 1714585000000, "other": {"[" * depth}{"]" * depth}}}'.encode()
        refused: list[BadLine] = []
        read = [*import_file.read(io.BytesIO(line), "jsonl", ZoneInfo("UTC"), lambda read: None, refused.append)]
        assert len(read) + len(refused) == 1


def test_visit_of_a_rolled_up_day_is_imported_only_on_request(site):
    """It is unknown whether the visit was already counted. A day with a remaining row is not rolled up."""
    first, other = (iso(site.time.ms - age * DAY_MS) for age in (400, 100))
    file = rows(f"a,1,{first}", f"b,2,{other}", f"c,3,{other}")
    bring(site, file)
    assert site.roll_up().visits == 1
    site.services[Erasure].forget("c")
    with pytest.raises(BadLine, match="Line 2: at is on a day whose visits were rolled up"):
        bring(site, file)
    assert bring(site, rows(f"b,2,{other}", f"d,4,{other}")) == Imported(1, 1)
    assert site.stats()["totalVisits"] == 4
    assert bring(site, file, even_folded=True) == Imported(2, 1)


# The visit log finds days by binary search, which requires ids in order of time.


def day_of(log: VisitLog, day: str) -> list[str]:
    text = "".join(text for text, _ in log.extract(VisitFilter(day, day), "jsonl").pieces)
    return [json.loads(line)["visit_id"] for line in text.splitlines()]


@pytest.mark.both_kinds
def test_days_are_found_on_both_sides_of_an_import_and_in_it(site):
    live = [site.time.ms + n * DAY_MS for n in range(20)]
    for number, site.time.ms in enumerate(live[:10]):
        site.register("live", visitId=f"live-{number}")
    old = [f"old,{n},{iso(1714585000000 + n * DAY_MS)}" for n in range(10)]
    bring(site, rows(*old[:6]))
    bring(site, rows(*old))
    for number, site.time.ms in enumerate(live[10:], 10):
        site.register("live", visitId=f"live-{number}")
    # from here on, the search uses times
    assert [row["upto_visit"] for row in everything(site)["imported_visits"]] == [16]
    log = site.services[VisitLogServices].log
    assert day_of(log, "2024-05-03") == ["2"]
    assert day_of(log, "2024-05-10") == ["9"]
    for number, at_ms in enumerate(live):
        assert day_of(log, site.services.clock.bucket(at_ms).day) == [f"live-{number}"]
    assert day_of(log, "2023-01-01") == []


def test_import_that_was_killed_is_ended_by_the_next(site):
    site.register("live", visitId="live")
    with in_context(site), import_queries.only_one(db.engine.url) as fence:
        import_queries.begin(fence)  # and never ended
    site.services[CountingServices].visits.register(NewVisit("old", "1", SITE, "Dhaka, BD", 1714585000000 + DAY_MS))
    assert everything(site)["imported_visits"][0]["upto_visit"] is None
    assert day_of(site.services[VisitLogServices].log, "2024-05-02") == ["1"]
    bring(site, rows("a,9,2024-01-01"))
    assert [row["upto_visit"] for row in everything(site)["imported_visits"]] == [2, 3]
    assert day_of(site.services[VisitLogServices].log, "2024-05-02") == ["1"]


PHONE = "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36"
NEWEST = "SELECT user_agent, referrer, language, campaign, page, is_bot FROM visits ORDER BY id DESC LIMIT 1"


PARSED = [
    (
        {"user_agent": PHONE, "page": "/map?utm_source=mail&x=1", "language": "bn-BD", "browser": "Firefox"},
        (PHONE, None, "bn", "utm_source=mail", "/map", 0),
    ),
    (
        {"browser": "Chrome", "system": "Android", "device": "phone", "source": "facebook.com", "utm_term": "x" * 200},
        ("Chrome on Android (phone)", "facebook.com", None, "utm_term=" + "x" * 120, None, 0),
    ),
    ({"device": "bot", "browser": "a(b)", "system": "c/d on e"}, ("a b on c d e", None, None, None, None, 1)),
]


def test_parsed_columns_are_taken_where_the_visit_itself_lacks_them(site):
    for number, (columns, stored) in enumerate(PARSED):
        line = json.dumps({"visitor_id": "a", "visit_id": str(number), "at": site.time.ms, **columns})
        assert bring(site, line + "\n", "jsonl") == Imported(1, 0)
        assert [(*row[:5], int(row[5])) for row in site.rows(NEWEST)] == [stored]


EVIDENCE = "SELECT attended_ms, acted, automated, network, own FROM visits ORDER BY id DESC LIMIT 1"
SENT_EVIDENCE = [
    ({}, (None, False, False, None, False)),
    (
        {"attended_ms": "2592000000", "acted": "true", "automated": "TRUE", "network": "datacentre", "own": "true"},
        (30 * DAY_MS, True, True, "datacentre", True),
    ),
    ({"attended_ms": 0, "acted": False, "network": "other", "own": ""}, (0, False, False, "other", False)),
    ({"attended_ms": "", "acted": "", "automated": "", "network": ""}, (None, False, False, None, False)),
    ({"is_bot": True, "automated": False}, (None, False, True, None, False)),
    ({"user_agent": "Googlebot/2.1"}, (None, False, True, None, False)),
]


@pytest.mark.both_kinds
def test_evidence_is_imported_and_a_stored_visit_keeps_its_own(site):
    for number, (columns, stored) in enumerate(SENT_EVIDENCE):
        line = json.dumps({"visitor_id": "a", "visit_id": str(number), "at": site.time.ms, **columns})
        assert bring(site, line + "\n", "jsonl") == Imported(1, 0)
        assert site.rows(EVIDENCE) == [stored]
    again = {"visitor_id": "a", "visit_id": "5", "at": site.time.ms, "attended_ms": 5, "own": True, "acted": True}
    assert bring(site, json.dumps(again) + "\n", "jsonl") == Imported(0, 1)
    assert site.rows(EVIDENCE) == [SENT_EVIDENCE[-1][1]]


@pytest.mark.parametrize("kind", tuple(spreadsheet.MIMETYPES))
def test_export_says_what_reports_read_and_an_import_brings_it_back(site, kind):
    """This includes the campaign channel of a visit that had only a term, which was erased."""
    page, stored = "/?utm_source=mail&utm_campaign=%E0%A6%95", "SELECT {} FROM visits ORDER BY id"
    site.register("a", userAgent=PHONE, referrer="https://m.facebook.com/x", page=page, waitedMs=365 * DAY_MS)
    site.register("a", page="/?utm_term=a")
    site.services[Erasure].forget("a")
    text = export(site, kind).decode()
    for fragment in ("Chrome on Android (phone)", "facebook.com", "campaign", "mail", "ক"):
        assert fragment in text
    columns = "visitor_id, visit_id, user_agent, referrer, language, campaign, page, waited_ms"
    before = site.rows(stored.format(columns))
    assert (before[1][5] is not None, before[0][7]) == (True, 365 * DAY_MS)
    site.rows("DELETE FROM visits")
    assert bring(site, text, kind) == Imported(2, 0)
    assert site.rows(stored.format(columns)) == before
