"""The last 24 hours of Health: for each check that was amber or red, when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flask_babel import lazy_gettext as _

from koyjabo.maintenance.admin.health_words import CAUSES, LABELS, STATES
from koyjabo.maintenance.health.timeline_queries import DAY_MS, Span
from koyjabo.webkit.i18n import clock_time, translated

MOST_TOLD = 12
"""Of one check, the newest; the bar shows all."""


NARROWEST = 0.5
"""So wide, in per cent, is a moment: it can be seen."""


class SpanShown(NamedTuple):
    level: str
    left: float  # per cent of the bar
    width: float
    words: str


class HealthRow(NamedTuple):
    label: object
    spans: list[SpanShown]  # the newest first

    @property
    def told(self) -> list[SpanShown]:
        return self.spans[:MOST_TOLD]


def in_rows(spans: Sequence[Span], now_ms: int) -> list[HealthRow]:
    """The check with the newest change first."""
    names = list(dict.fromkeys(each.name for each in spans if each.name in LABELS))
    return [HealthRow(LABELS[name], [_shown(each, now_ms) for each in spans if each.name == name]) for name in names]


def _shown(span: Span, now_ms: int) -> SpanShown:
    begun_ms = max(span.begun_ms, now_ms - DAY_MS)
    length_ms = max(0, (span.ended_ms or now_ms) - begun_ms)
    width = max(NARROWEST, 100 * length_ms / DAY_MS)
    left = min(100 * (begun_ms - now_ms + DAY_MS) / DAY_MS, 100 - width)
    return SpanShown(span.level, round(left, 2), round(width, 2), _words(span))


def _words(span: Span) -> str:
    state, begun = STATES[span.level], clock_time(span.begun_ms)
    if span.ended_ms is None:
        said = str(_("%(state)s since %(begun)s", state=state, begun=begun))
    else:
        ended = clock_time(span.ended_ms)
        said = str(_("%(state)s from %(begun)s to %(ended)s", state=state, begun=begun, ended=ended))
    return f"{said}. {translated(CAUSES[span.cause])}" if span.cause in CAUSES else said
