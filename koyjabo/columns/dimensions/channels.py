"""Finds the channel of a campaign, by Google Analytics' published table and our additions (`data/channels.json`)."""

import json
import re
from functools import cache, lru_cache
from typing import Any

from .source_names import BETWEEN_WORDS, DATA_FOLDER

PAID_MEDIUM, PAID_OTHER, DISPLAY, IMPRESSIONS_MEDIUM = "paid", "paid_other", "display", "cpm"

WEAK_CHANNELS = ("search", "referral")
"""What the mediums `organic` and `referral` say. A network, a search engine or an AI assistant says more."""

MAX_KEPT_CHANNELS = 1_024


@lru_cache(maxsize=MAX_KEPT_CHANNELS)
def channel_of(medium: str | None, name: str | None, domain: str | None, of_source: str | None) -> str | None:
    """Return the channel that the medium says; if it says none, the channel of the source, `of_source`. A source that
    is no site, whose `of_source` is None, may itself be called like a medium: `sms`. None if nothing says it.
    """
    said = _said(medium)
    if said == PAID_MEDIUM:
        return _of_paid(_normal(medium or ""), domain, of_source)
    if said in WEAK_CHANNELS and of_source not in (None, "referral"):
        return of_source
    return said or of_source or _called(name)


def _said(medium: str | None) -> str | None:
    text = _normal(medium or "")
    return next((channel for channel, pattern in _rows() if pattern.fullmatch(text)), None)


def _called(name: str | None) -> str | None:
    said = _said(name)
    return None if said == PAID_MEDIUM else said


def _of_paid(medium: str, domain: str | None, of_source: str | None) -> str:
    """The channel of an advertisement, by the kind of site that it was on."""
    table = _table()
    kind = next((kind for kind, domains in table["sites"].items() if domain in domains), of_source)
    return table["paid"].get(kind) or (DISPLAY if medium == IMPRESSIONS_MEDIUM else PAID_OTHER)


def _normal(medium: str) -> str:
    return BETWEEN_WORDS.sub("-", medium.lower())


@cache
def _rows() -> list[tuple[str, re.Pattern[str]]]:
    return [(channel, re.compile(pattern)) for part in ("ours", "mediums") for channel, pattern in _table()[part]]


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((DATA_FOLDER / "channels.json").read_text("utf-8"))
    return table
