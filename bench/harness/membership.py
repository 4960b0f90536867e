"""A community with members, written into a fresh database, and the tokens by which they enter."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import jwt

from harness.databases import SETTINGS, Database

HOUR_S = 3600
ROWS_AT_ONCE = 200
COMMUNITIES = "communities (id, name, description, is_open, is_listed, created_ms)"
SESSIONS = "sessions (id, user_id, refresh_id, created_ms, expires_ms)"


@dataclass(frozen=True)
class Community:
    id: str
    tokens: list[str]
    """An access token for each member."""


def community_of(database: Database, members: int) -> Community:
    """The server has made the tables; it reads what is here when a member comes, so it may be running."""
    now_ms, community = time.time_ns() // 1_000_000, str(uuid.uuid4())
    people = [(str(uuid.uuid4()), str(uuid.uuid4())) for _ in range(members)]
    _insert(database, COMMUNITIES, [(community, "Mirpur 10", "", True, True, now_ms)])
    _insert(database, "users", [_user(user, now_ms) for user, _ in people])
    _insert(database, SESSIONS, [(s, u, "-", now_ms, now_ms + HOUR_S * 1000) for u, s in people])
    _insert(database, "memberships", [(community, user, "member", now_ms) for user, _ in people])
    database.query(
        "INSERT INTO counters (scope, epoch, visits, total, unique_visitors, revision) "
        f"SELECT '{community}', epoch, 0, 0, 0, revision FROM counters WHERE scope = 'site' RETURNING scope"
    )
    return Community(community, [_token(user, session) for user, session in people])


def _user(user: str, now_ms: int) -> tuple:
    return (user, f"{user}@example.com", f"{user}@example.com", user[:8], "-", False, now_ms, None)


def _token(user: str, session: str) -> str:
    now_s = int(time.time())
    claims = {"sub": user, "sid": session, "jti": str(uuid.uuid4()), "type": "access", "csrf": "", "iat": now_s}
    return jwt.encode({**claims, "exp": now_s + HOUR_S}, SETTINGS["SECRET_KEY"], "HS256")


def _insert(database: Database, table: str, rows: Sequence[tuple]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        values = ", ".join(f"({', '.join(_literals(row))})" for row in rows[start : start + ROWS_AT_ONCE])
        database.query(f"INSERT INTO {table} VALUES {values} RETURNING 1")


def _literals(row: tuple) -> Iterator[str]:
    """All of them are ours: ids, numbers, and texts without quotes."""
    for value in row:
        yield "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value).upper()
