"""Reads the sections of an export in pieces, as operations of the database executor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session

from koyjabo.core.clock import iso
from koyjabo.core.identity import site_role
from koyjabo.counting.daily_people import hours_of, user
from koyjabo.models import SITE, RecoveryCode, User
from koyjabo.personal_data.section_queries import DataSubject, Section

Row = dict[str, Any]

# The index on people begins with the scope, so this takes one lookup per scope that ever had people. A subquery always
# uses the index; for a join, PostgreSQL may read the whole table.
SCOPES = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM people
    UNION ALL SELECT (SELECT min(p.scope) FROM people p WHERE p.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT (SELECT p.scope FROM people p WHERE p.scope = s.scope AND p.person = :person) FROM s
""")

SHOWN = ("id", "email", "name", "created_ms", "disabled_ms", "second_factor_ms", "verified_ms", "language")


class Piece(NamedTuple):
    """Rows, and the key of the last one, or None if there are no more."""

    rows: list[Row]
    reached: Sequence[Any] | None


def account(session: Session, user_id: str) -> tuple[DataSubject, Row] | None:
    """The account itself; None if it was deleted."""
    user = session.get(User, user_id)
    if user is None:
        return None
    codes = session.scalar(select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id))
    values = {name: getattr(user, name) for name in SHOWN}
    values |= {"role": site_role(user.is_admin, user.is_viewer), "weekly_report": user.weekly_report}
    values["traffic_alerts"] = user.traffic_alerts
    owner = DataSubject(user.id, user.email, user.email_key, user.verified_ms is not None, scopes_of(session, user_id))
    return owner, _as_shown(values | {"unused_recovery_codes": codes})


def scopes_of(session: Session, user_id: str) -> tuple[str, ...]:
    """The communities that a user has been in, including deleted ones."""
    return tuple(scope for scope in session.scalars(SCOPES, {"person": user(user_id)}) if scope is not None)


def piece(session: Session, section: Section, owner: DataSubject, after: Sequence[Any] | None, size: int) -> Piece:
    """The next `size` rows of a section, after the key `after`."""
    query, key = section.select(owner), section.key
    names = query.selected_columns.keys()
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after) if len(key) > 1 else key[0] > after[0])
    rows = session.execute(query.add_columns(*key).order_by(*key).limit(size)).all()
    shown = [_as_shown(dict(zip(names, row, strict=False))) for row in rows]
    return Piece(shown, tuple(rows[-1][len(names) :]) if len(rows) == size else None)


def _as_shown(row: Row) -> Row:
    """A row as the API returns it: with times in ISO 8601, and instead of the scope a community's id, or null for the
    site.
    """
    shown: Row = {}
    for name, value in row.items():
        if name.endswith("_ms"):
            shown[name.removesuffix("_ms") + "_at" if name != "at_ms" else "at"] = None if value is None else iso(value)
        elif name == "scope":
            shown["community_id"] = None if value == SITE else value
        elif name == "slots":
            shown["hours"] = [iso(hour_s * 1000) for hour_s in hours_of(row["began_s"], value)]
        elif name in ("details", "props"):
            shown[name] = json.loads(value or "{}")
        elif name != "began_s":
            shown[name] = value
    return shown
