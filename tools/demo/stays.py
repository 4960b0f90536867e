"""How long a page is visible, and whether its visitor acts."""

from __future__ import annotations

from math import log
from random import Random
from typing import NamedTuple

from demo.audience import Kind, one_of
from demo.openings import INTERCITY, METRO, REGULAR
from koyjabo.reports.events.records import PAGEVIEW

SEARCHES, VIEWS = 0.4, 0.28
"""The probabilities that a person searches, and views another page. Drawn again after each action."""

MOST = 6
STATIONS = [
    ("Uttara North", 14),
    ("Mirpur 10", 16),
    ("Agargaon", 8),
    ("Farmgate", 12),
    ("Karwan Bazar", 9),
    ("Shahbag", 8),
    ("Motijheel", 18),
]
PLACES = [
    ("Mirpur 10", 18),
    ("Gulistan", 12),
    ("Farmgate", 12),
    ("Uttara", 11),
    ("Savar", 8),
    ("Gabtoli", 8),
    ("Badda", 6),
    ("Jatrabari", 6),
    ("Mohakhali", 6),
]
TOWNS = [("Chattogram", 30), ("Sylhet", 18), ("Cox's Bazar", 16), ("Rajshahi", 12), ("Khulna", 12), ("Rangpur", 8)]
TRANSPORT = [("bus", 6), ("train", 4), ("air", 1)]
TRAINS = [("701", "Subarna Express", 5), ("787", "Sonar Bangla Express", 4), ("709", "Parabat Express", 3)]
TERMINALS = [("Barishal", 6), ("Bhola", 3), ("Chandpur", 4)]
BUSES = [("8", "8 No. Bus", 5), ("bikalpa", "Bikalpa", 4), ("raida", "Raida", 4), ("turag", "Turag", 2)]
FEATURES = [("live_map", 5), ("history", 3), ("settings", 1)]
FARE_BDT = 20

Search = tuple[str, dict[str, str]]


class Action(NamedTuple):
    """An event on a page."""

    name: str
    page: str
    props: dict[str, str]


def actions(page: str, dice: Random) -> list[Action]:
    """Actions in order, on the opened page and on those viewed after it."""
    events: list[Action] = []
    while len(events) < MOST:
        if dice.random() < SEARCHES:
            name, props = _search(page, dice)
            events.append(Action(name, page, props))
        elif dice.random() < VIEWS:
            page = one_of(REGULAR, dice)[0]
            events.append(Action(PAGEVIEW, page, {}))
        else:
            break
    return events


def _search(page: str, dice: Random) -> Search:
    def pick(rows: list[tuple[str, int]]) -> str:
        name: str = one_of(rows, dice)[0]
        return name

    if page == METRO:
        return "metro_search", {"from_station": pick(STATIONS), "to_station": pick(STATIONS)}
    if page == INTERCITY:
        return "intercity_search", {"to_location": pick(TOWNS), "transport_type": pick(TRANSPORT)}
    if page == "/fares":
        between = {"from_station": pick(STATIONS), "to_station": pick(STATIONS)}
        return "fare_calc", {**between, "mode": "metro", "fare": str(FARE_BDT * dice.randint(1, 5))}
    if page == "/trains":
        number, name, _ = one_of(TRAINS, dice)
        return "train_search", {"train_id": number, "train_name": name}
    if page == "/launches":
        return "launch_search", {"from_terminal": "Sadarghat", "to_terminal": pick(TERMINALS)}
    if page in ("/map", "/history"):
        return "feature_open", {"feature_name": pick(FEATURES)}
    return _journey(dice)


def _journey(dice: Random) -> Search:
    if dice.random() < 0.3:
        bus_id, name, _ = one_of(BUSES, dice)
        return "bus_search", {"bus_id": bus_id, "bus_name": name}
    return "route_search", {"from_location": one_of(PLACES, dice)[0], "to_location": one_of(PLACES, dice)[0]}


class Stay(NamedTuple):
    """`attended_ms` is how long the page is visible."""

    attended_ms: int
    acted: bool = False

    @property
    def is_over_at_once(self) -> bool:
        return self.attended_ms in FIRST_GLANCE_MS


UNSEEN = Stay(0)
"""A tab in the background, a crawler or a bot."""

ACTS, READS, LEAVES, BACKGROUND = "acts", "reads", "leaves at once", "tab in the background"
PEOPLE = [(ACTS, 74), (READS, 10), (LEAVES, 9), (BACKGROUND, 7)]
PROGRAMS = [(ACTS, 2), (READS, 5)]
"""Behaviours of people, and of programs that drive a browser, with weights."""

MEDIAN_S = {ACTS: 25, READS: 9}
SPREAD = 1.1
"""The standard deviation of the logarithm: one in five visitors who act stays for over a minute."""

SHORTEST_MS, LONGEST_MS = 2_000, 2_400_000
FIRST_GLANCE_MS = range(100, 900)
"""How long the page is visible to people who leave at once."""


def of(kind: Kind, dice: Random) -> Stay:
    """A random stay of a visitor."""
    if kind is Kind.BOT:
        return UNSEEN
    does, _ = one_of(PROGRAMS if kind is Kind.PROGRAM else PEOPLE, dice)
    if does == BACKGROUND:
        return UNSEEN
    if does == LEAVES:
        return Stay(dice.choice(FIRST_GLANCE_MS))
    attended_ms = round(1000 * dice.lognormvariate(log(MEDIAN_S[does]), SPREAD))
    return Stay(min(LONGEST_MS, max(SHORTEST_MS, attended_ms)), acted=does == ACTS)
