"""/embed, a frame with a number (specification: Element and frame).

It may be framed anywhere (`response_headers`), so it knows no login and has no form.
"""

from __future__ import annotations

from typing import NamedTuple

from flask import render_template, request

from koyjabo.badges import values
from koyjabo.core.errors import InvalidInput
from koyjabo.core.i18n import LANGUAGES
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import language, speaking

THEMES = {"auto": "", "light": "light", "dark": "dark"}
"""The attribute of the page, by parameter."""

PARAMETERS = ("value", "community", "lang", "theme", "counts")


class Frame(NamedTuple):
    value: str
    community: str  # "" without one
    language: str
    theme: str  # "" for that of the system
    counts: bool


@bp.get("/embed")
def embed() -> str:
    """The number of this moment, which its script keeps right. Counts the visit with `counts=1` alone."""
    frame = _frame()
    number = values.read(current(), frame.value, frame.community).number
    with speaking(frame.language):
        label = values.LABELS[frame.language][frame.value]
        return render_template("badges/embed.html", frame=frame, number=number, label=label)


def _frame() -> Frame:
    """Raises InvalidInput with the reason by parameter."""
    said = request.args.to_dict()
    problems = values.problems(said, PARAMETERS, {"lang": LANGUAGES, "theme": THEMES})
    if problems:
        raise InvalidInput("; ".join(f"{name}: {reason}" for name, reason in problems.items()) + ".", problems)
    value, theme = said.get("value", values.TOTAL), THEMES[said.get("theme", "auto")]
    return Frame(value, said.get("community", ""), said.get("lang", language()), theme, said.get("counts") == "1")
