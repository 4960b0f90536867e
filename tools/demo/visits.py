"""What visitors do: the pages they open, where they come from, how long they stay, and what they search for."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any, NamedTuple

from demo.people import one_of
from koyjabo.counting.models import PAGEVIEW

WORKDAY = (6, 4, 3, 2, 3, 8, 24, 50, 94, 100, 64, 46, 48, 50, 46, 52, 70, 104, 112, 98, 70, 48, 30, 14)
WEEKEND = (9, 6, 3, 2, 2, 4, 8, 14, 22, 30, 36, 40, 24, 28, 36, 40, 46, 50, 52, 48, 42, 34, 24, 14)
"""Relative numbers of visits by local hour."""

TUESDAY, THURSDAY, FRIDAY = 1, 3, 4

METRO = "/metro"
REGULAR = [("/", 68), ("/routes/mirpur-10", 8), ("/map", 8), (METRO, 6), ("/fares", 5), ("/intercity", 5)]
SEARCHED = [(METRO, 52), ("/fares", 10), ("/", 8), ("/routes/uttara-motijheel", 7), ("/routes/gulistan-savar", 5)]
SHARED = [("/routes/mirpur-10", 30), ("/routes/uttara-motijheel", 22), ("/", 14), ("/map", 12), ("/fares", 8)]
LONG_DISTANCE = [("/intercity", 50), ("/trains", 28), ("/launches", 22)]
FARES = [(METRO, 7), ("/fares", 3)]
SOURCES = [  # referrer (None for direct visits), pages that it links to, weight
    (None, REGULAR, 46),
    ("https://www.google.com/", SEARCHED, 28),
    ("https://www.bing.com/", SEARCHED, 1),
    ("https://m.facebook.com/", SHARED, 13),
    ("https://www.facebook.com/groups/dhaka-commuters", SHARED, 4),
    ("https://t.me/", SHARED, 2),
    ("https://bn.wikipedia.org/wiki/ঢাকা_মেট্রোরেল", FARES, 2),
    ("https://chatgpt.com/", FARES, 2),
]
SEARCH_ENGINES = ("https://www.google.com/", "https://www.bing.com/")
EID = "utm_source=facebook&utm_medium=paid_social&utm_campaign=eid-tickets&utm_content=launch-video"
EID_SHARE, EID_DAYS = 0.12, range(8, 19)
"""A campaign, its share of visits, and its days, as ages."""


class Opening(NamedTuple):
    """The page and the query of an address, and the referrer."""

    page: str
    query: str = ""
    referrer: str | None = None


def opening(age_days: int, dice: Random) -> Opening:
    if age_days in EID_DAYS and dice.random() < EID_SHARE:
        return Opening(one_of(LONG_DISTANCE, dice)[0], EID, "https://m.facebook.com/")
    source, pages, _ = one_of(SOURCES, dice)
    return Opening(one_of(pages, dice)[0], "", source)


def is_prevented(opened: Opening, local: datetime, age_days: int) -> bool:
    """Whether an outage prevents this visit: on a Thursday 3 to 9 days ago, search engines did not link to a page."""
    is_outage = local.weekday() == THURSDAY and 3 <= age_days < 10
    return is_outage and opened.page == METRO and opened.referrer in SEARCH_ENGINES


BEHAVIOURS = [(25, True, 74), (9, False, 10), (0.5, False, 9), (0, False, 7)]
"""Median time that a page is visible, s (0 for a tab in the background); whether the visitor uses it; weight."""

SPREAD = 0.9
"""The standard deviation of the logarithm of times."""


def stay(dice: Random) -> tuple[int, bool]:
    """How long a page is visible, ms, and whether its visitor uses it."""
    median_s, acted, _ = one_of(BEHAVIOURS, dice)
    return round(1000 * median_s * dice.lognormvariate(0, SPREAD)), acted


SEARCHES, VIEWS = 0.4, 0.28
"""The probabilities that a visitor searches, and views another page."""

TOWNS = [("Chattogram", 30), ("Sylhet", 18), ("Cox's Bazar", 16), ("Rajshahi", 12), ("Khulna", 12)]
STOPS = [("Mirpur 10", 18), ("Gulistan", 12), ("Farmgate", 12), ("Uttara", 11), ("Savar", 8), ("Gabtoli", 8)]


def actions(page: str, dice: Random) -> list[dict[str, Any]]:
    """Events with `name`, `page` and `props`."""
    done: list[dict[str, Any]] = []
    if dice.random() < SEARCHES:
        places = TOWNS if page in dict(LONG_DISTANCE) else STOPS
        props = {"from_location": one_of(STOPS, dice)[0], "to_location": one_of(places, dice)[0]}
        done.append({"name": "route_search", "page": page, "props": props})
    if dice.random() < VIEWS:
        done.append({"name": PAGEVIEW, "page": one_of(REGULAR, dice)[0], "props": {}})
    return done
