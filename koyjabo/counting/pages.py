"""/n/…: the number of one visit, for everyone who has its link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response, abort, redirect, render_template, request

from koyjabo.core.i18n import LANGUAGES
from koyjabo.counting.services import CountingServices
from koyjabo.counting.visit_picture import Texts, draw
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import count, day, speaking
from koyjabo.webkit.limits import limits


class SharedVisit(NamedTuple):
    ordinal: int
    day: str  # YYYY-MM-DD
    today: int  # visits of the present day


@bp.get("/n/<int:ordinal>")
def visit_number(ordinal: int) -> str | Response:
    """The number, its day and the visits of today. 404 for a wrong signature."""
    visit = _shared(ordinal)
    page = {"ordinal": ordinal, "day_of_visit": visit.day, "today": visit.today}
    return _to_own_path(f"/n/{ordinal}") or render_template("counting/visit_number.html", **page)


@bp.get("/n/<int:ordinal>.png")
def visit_picture(ordinal: int) -> Response:
    """The number and its day as a picture of 1200 × 630, for pages that link here."""
    visit = _shared(ordinal)
    other = _to_own_path(f"/n/{ordinal}.png")
    if other:
        return other
    both = [(_in(code, count, ordinal), _in(code, day, visit.day)) for code in LANGUAGES]
    numbers, days = zip(*both, strict=True)
    return Response(draw(Texts(numbers, days)), mimetype="image/png", headers={"Cache-Control": "no-cache"})


def _in(language: str, write: Callable[[Any], str], value: object) -> str:
    with speaking(language):
        return write(value)


def _shared(ordinal: int) -> SharedVisit:
    """The visit of a link with a valid signature. What networks add to the query is ignored."""
    limits.count_address("shared_numbers")
    services = current()
    stats = services[CountingServices].visits.stats()
    is_signed = services[CountingServices].own_numbers.is_valid(ordinal, stats.epoch, request.args.get("s", ""))
    day = services[CountingServices].own_numbers.day_of(ordinal) if is_signed else None
    if day is None:
        abort(404)
    return SharedVisit(ordinal, day, stats.today)


def _to_own_path(path: str) -> Response | None:
    """A redirect from another spelling of the path, such as one with a slash at its end."""
    if request.path == path:
        return None
    return redirect(f"{path}?s={request.args['s']}", 301)  # type: ignore[return-value]
