"""The pages that visitors open, and where they come from. Both depend on the source and on the day."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import NamedTuple

from demo.audience import one_of
from demo.blog import POSTS

BLOG = [(post.path, post.weight) for post in POSTS]
METRO, INTERCITY = "/metro", "/intercity"
REGULAR = [
    ("/", 68),
    ("/routes/mirpur-10", 8),
    ("/map", 8),
    (METRO, 6),
    ("/fares", 5),
    ("/history", 3),
    (INTERCITY, 2),
    *BLOG,
]
SEARCHED = [
    (METRO, 52),
    ("/fares", 10),
    ("/", 8),
    ("/routes/uttara-motijheel", 7),
    ("/routes/gulistan-savar", 5),
    ("/routes/mirpur-10", 4),
    ("/trains", 4),
    ("/routes/farmgate-gabtoli", 3),
    ("/launches", 3),
    ("/routes/badda-kuril", 2),
    ("/routes/chattogram-agrabad", 2),
]
SHARED = [
    ("/routes/mirpur-10", 30),
    ("/routes/uttara-motijheel", 22),
    ("/", 14),
    ("/map", 12),
    ("/fares", 8),
    ("/routes/jatrabari-shahbag", 6),
    ("/routes/bashundhara-mohakhali", 5),
    ("/history", 3),
    *BLOG,
]
ASKED = [(METRO, 44), ("/fares", 26), ("/trains", 18), (INTERCITY, 12)]
LONG_DISTANCE = [(INTERCITY, 50), ("/trains", 28), ("/launches", 22)]

SOURCES = [  # referrer, pages that it links to, weight
    ("direct", REGULAR, 46),
    ("https://www.google.com/", SEARCHED, 20),
    ("https://www.google.com.bd/", SEARCHED, 6),
    ("android-app://com.google.android.googlequicksearchbox/", SEARCHED, 3),
    ("https://www.bing.com/", SEARCHED, 1),
    ("https://m.facebook.com/", SHARED, 10),
    ("https://l.facebook.com/", SHARED, 3),
    ("https://www.facebook.com/groups/dhaka-commuters", SHARED, 4),
    ("https://www.youtube.com/", SHARED, 1),
    ("https://t.co/", SHARED, 1),
    ("https://t.me/", SHARED, 1),
    ("https://bn.wikipedia.org/wiki/ঢাকা_মেট্রোরেল", ASKED, 2),
    ("https://chatgpt.com/", ASKED, 1),
    ("https://www.perplexity.ai/", ASKED, 1),
]
SEARCH_ENGINES = {row[0] for row in SOURCES if row[1] is SEARCHED}

THURSDAY, FRIDAY, SUNDAY = 3, 4, 6
AFTERNOON = 14
GOING_HOME = 0.16
"""The share of visits that look up a long journey, from Thursday afternoon to Friday night."""


class Campaign(NamedTuple):
    """A campaign with visits from `first` to `last` days ago, on some weekdays."""

    query: str
    referrer: str
    pages: list[tuple[str, int]]
    share: float  # of all visits on its days
    first: int = 400
    last: int = 0
    weekdays: tuple[int, ...] = tuple(range(7))

    def runs(self, local: datetime, age_days: int) -> bool:
        return self.last <= age_days <= self.first and local.weekday() in self.weekdays


STATIONS = [("/", 3), (METRO, 5), ("/routes/uttara-motijheel", 2)]
FARES = [(METRO, 7), ("/fares", 3)]
EID = "utm_source=facebook&utm_medium=paid_social&utm_campaign=eid-tickets&utm_content=launch-video"
FARE_ADS = "utm_source=google&utm_medium=cpc&utm_campaign=metro-fares&utm_term=metro+rail+fare"
CAMPAIGNS = (
    Campaign(EID, "https://l.facebook.com/", LONG_DISTANCE, 0.12, first=33, last=22),
    Campaign(FARE_ADS, "https://www.google.com/", FARES, 0.05, first=18),
    Campaign("utm_source=newsletter&utm_medium=email&utm_campaign=weekly", "direct", REGULAR, 0.07, weekdays=(SUNDAY,)),
    Campaign("utm_source=poster&utm_medium=qr&utm_campaign=metro-stations", "direct", STATIONS, 0.04, first=60),
)

MIN_DAYS = 3
"""Minimum age of the outage, so that the day after it has ended."""


class Opening(NamedTuple):
    """`query` is the part of the URL after "?", or "" for none. `referrer` is "direct" for none."""

    page: str
    query: str
    referrer: str

    @property
    def address(self) -> str:
        return f"{self.page}?{self.query}" if self.query else self.page


def opening(local: datetime, age_days: int, dice: Random) -> Opening:
    for campaign in CAMPAIGNS:
        if campaign.runs(local, age_days) and dice.random() < campaign.share:
            return Opening(one_of(campaign.pages, dice)[0], campaign.query, campaign.referrer)
    referrer, pages, _ = one_of(SOURCES, dice)
    if _is_going_home(local) and dice.random() < GOING_HOME:
        pages = LONG_DISTANCE
    return Opening(one_of(pages, dice)[0], "", referrer)


def is_outage(local: datetime, age_days: int) -> bool:
    """Whether search engines fail to link to the metro page: on the last Thursday that is at least MIN_DAYS old."""
    return local.weekday() == THURSDAY and MIN_DAYS <= age_days < MIN_DAYS + 7


def is_prevented(opening: Opening) -> bool:
    """Whether an outage prevents this visit."""
    return opening.page == METRO and opening.referrer in SEARCH_ENGINES


def _is_going_home(local: datetime) -> bool:
    return local.weekday() == FRIDAY or (local.weekday() == THURSDAY and local.hour >= AFTERNOON)
