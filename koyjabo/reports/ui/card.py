"""A card of reports."""

from typing import NamedTuple

from flask_babel.speaklater import LazyString

from koyjabo.columns.dimensions.dimensions import DIMENSIONS


class Card(NamedTuple):
    name: str
    label: LazyString
    tabs: tuple[str, ...]


def card(name: str, label: LazyString, *tabs: str) -> Card:
    """Return a card with the tabs of its dimensions, then other tabs."""
    return Card(name, label, (*(dimension.name for dimension in DIMENSIONS if dimension.card == name), *tabs))
