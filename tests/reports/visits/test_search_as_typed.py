"""The visit log: its columns, and its search, in any letter case and script of digits."""

from unicodedata import normalize
from urllib.parse import quote

import pytest
from sqlalchemy import Text
from support.application.site import site_fixture
from support.people.accounts import bearer, sign_up
from support.people.communities import account_of, found

from koyjabo.base.core.identity import MASKED_TEXT
from koyjabo.base.models import SITE, Scope
from koyjabo.counting import seen_texts
from koyjabo.counting.models import Visit
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visits import Visits
from koyjabo.reports.visits.export_lines import EXPORT_COLUMNS
from koyjabo.reports.visits.visit_list import VisitFilter, VisitList

ANDROID = "Mozilla/5.0 (Linux; Android 13; SM-A125F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/115.0 Safari/537.36"
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile/15E148 Safari/604.1"
)
ENCODED = "/stops/%E0%A6%AE%E0%A6%BF%E0%A6%B0%E0%A6%AA%E0%A7%81%E0%A6%B0"  # মিরপুর
COMPOSED = "\u09df"  # য়, as keyboards type it. In NFC and NFD it is two characters

CAMPAIGN = "utm_source=Poster+7&utm_medium=qr"

VISITS = {
    22301: {"visitor_id": "Visitor_A1", "place": "Bangladesh", "page": "/fares", "user_agent": ANDROID},
    22302: {"visitor_id": "b2", "place": "Dhaka, BD", "page": f"/fares/{quote(COMPOSED)}", "user_agent": EDGE},
    22303: {"visitor_id": "c3", "place": "Romania", "page": "/", "user_agent": IPHONE},
    22304: {"visitor_id": "d4", "place": "Oman", "page": "/about", "referrer": "https://www.facebook.com/groups/1"},
    22305: {"visitor_id": "e5", "place": "Muscat, OM", "page": ENCODED, "referrer": "https://m.facebook.com"},
    22306: {"visitor_id": "f6", "place": "Sylhet, BD", "page": None, "user_agent": "curl/8.5.0", "campaign": CAMPAIGN},
}
OF_USER, OF_COMMUNITY = 22307, 22308


site = site_fixture(is_shared=True, STARTING_TOTAL=22300)


@pytest.fixture(scope="module")
def world(site):
    nusrat = sign_up(site, "nusrat")
    hikers = found(nusrat, name="Mirpur 10 hikers")["id"]
    for values in VISITS.values():
        site.services[Visits].register(NewVisit(visit_id=None, scope=SITE, at_ms=site.time(), **values))
    site.post(json={"visitorId": "n7"}, headers=bearer(nusrat.access))
    site.services[Visits].register(NewVisit("h8", None, Scope(hikers), "Unknown", site.time()))
    site.rows("UPDATE users SET is_admin = true")
    return site.services[VisitList], account_of(nusrat)._replace(is_admin=True), hikers


def ordinals(world, **which) -> list[int]:
    log, admin, hikers = world
    which = {name: value.format(hikers=hikers) for name, value in which.items()}
    return sorted(visit.ordinal for visit in log.slice(admin, VisitFilter(**which)).visits)


NUMBER = ["22303", "22,303", "২২৩০৩", "#22303", "no 22,303", " নং ২২,৩০৩ ", "Visit #22303", "22 303"]
TEXTS = {
    **{text: [22303] for text in NUMBER},
    "FARES": [22301, 22302],
    **{text: [22302] for text in (COMPOSED, normalize("NFC", COMPOSED))},
    "মিরপুর": [22305],
    **{text: [22301, 22302, 22306] for text in ("bangladesh", "Bangla", "বাংলাদেশ")},
    **{text: [22302] for text in ("dhaka", "ঢাকা", "Dhaka, Bangladesh", "dhaka, bd", "ঢাকা, বাংলাদেশ")},
    "oman": [22304, 22305],
    "Facebook.com": [22304, 22305],
    **{text: [22301] for text in ("chrome", "Chrome · Android", "sm-a125f", "visitor_a", "Visitor_A1")},
    "edge": [22302],
    " · ".join(["Chrome"] * 9): [],
    **{text: [22303] for text in ("iphone", "safari")},
    **{text: [22306] for text in ("CURL", "poster 7")},
    **{text: [OF_USER] for text in ("nusrat", "NUSRAT@example")},
    **{text: [OF_COMMUNITY] for text in ("hikers", "mirpur ১০")},
    "%": [22302, 22305],
    "nothing like it": [],
    **{text: [] for text in ("99999999999999999999", "9223372036854775808", "-1", "22300", "22309", "٢٢٣٠٣")},
}
CHOSEN = [
    ({"place": "OMAN"}, [22304, 22305]),
    ({"place": "Oman"}, [22304, 22305]),
    ({"place": "Muscat, OM"}, [22305]),
    ({"page": "/"}, [22303]),
    ({"page": "/fares"}, [22301]),
    *(({"source": text}, [22304, 22305]) for text in ("facebook.com", "m.facebook.com", "Facebook")),
    ({"source": "poster 7"}, [22306]),
    ({"source": "facebook.com", "page": "/about"}, [22304]),
    ({"source": "direct"}, [22301, 22302, 22303, OF_USER, OF_COMMUNITY]),
    ({"browser": "windows", "text": "fares"}, [22302]),
    ({"community_id": "{hikers}", "first_day": "২০২৫-১২-১৬"}, [OF_COMMUNITY]),
    ({"community_id": "3f2b8c1e-0000-4000-8000-000000000000"}, []),
    ({"text": "visitor_\0\0", "place": "\0"}, [22301]),  # databases do not accept it
]


@pytest.mark.both_kinds
def test_a_search_finds_every_text_of_the_list_and_a_number_in_any_spelling(world):
    assert {text: ordinals(world, text=text) for text in TEXTS} == TEXTS


@pytest.mark.both_kinds
def test_a_filter_selects_exactly_the_chosen_value(world):
    assert [(which, ordinals(world, **which)) for which, _ in CHOSEN] == CHOSEN


def test_a_viewer_can_search_by_any_value_except_ids_and_emails(world):
    log, admin, _ = world
    viewer = admin._replace(is_admin=False, is_viewer=True)
    (visit,) = log.slice(viewer, VisitFilter(text="nusrat")).visits
    assert (visit.ordinal, visit.visitor_id, visit.visit_id) == (OF_USER, MASKED_TEXT, MASKED_TEXT)
    for text in ("Visitor_A1", "visitor_a", "nusrat@example.com", log.visits_of(admin, 22301)[0].visit_id):
        assert log.slice(viewer, VisitFilter(text=text)).visits == ()
        assert log.slice(admin, VisitFilter(text=text)).visits != ()
    assert [visit.visitor_id for visit in log.visits_of(viewer, 22301)] == [MASKED_TEXT]


TABLE = Visit.__table__.columns


ONLY_IF_REDUCED = {"visitor_number", "new_in"}
"""Columns of visits that are empty until a visit is reduced."""


def test_every_column_of_a_visit_is_exported_by_itself_or_within_another_one():
    part_of_another = {"id", "scope", "at_ms", "day", "hour_s", "campaign"}
    assert set(TABLE.keys()) - ONLY_IF_REDUCED - part_of_another <= set(EXPORT_COLUMNS)


def test_every_text_of_a_client_without_a_maximum_length_is_charged():
    unbounded = {column.name for column in TABLE if isinstance(column.type, Text)}
    assert unbounded - {"place"} == set(seen_texts.TEXT_SIZES)  # the server itself sets this value
