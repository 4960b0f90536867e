"""The difference of a number from the compared one."""

from __future__ import annotations

from flask_babel import gettext as _

PRECISE = 10
"""Percents below have one decimal."""


def change(now: int | None, before: int | None) -> float | str | None:
    """In percent, or "new" where there was nothing, for the macro `ui.change`. None: one of them is not known."""
    if now is None or before is None:
        return None
    if before == 0:
        return str(_("new")) if now else 0.0
    percent = 100 * (now - before) / before
    return round(percent, 0 if abs(percent) >= PRECISE else 1)
