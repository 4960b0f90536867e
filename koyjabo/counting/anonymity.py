"""Anonymous visits, which count like other visits, although nothing that could identify the visitor is stored
(specification: Privacy signals).

The visitorId is replaced by a hash. The hash's secret changes daily, and all workers read it from the database. A
secret stays valid for an hour after its day, for retries across midnight. In the last minute of a day, the next day's
secret is also valid, because two machines' clocks may differ, and a retry may be committed before the first attempt.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from koyjabo.base.core.clock import Clock, shifted
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.network import user_agents
from . import queries
from .models import CLEARED_COLUMNS
from .records import NewVisit, VisitKey

VALID_AFTER_MS = 3_600_000
VALID_BEFORE_MS = 60_000
"""How long before and after its day a secret is valid, ms. A commit takes less than VALID_BEFORE_MS."""

DAY_SECRET_BYTES = 32
ANONYMOUS_PREFIX = "anonymous_"


class Anonymity:
    """Hides the identity of visitors who ask for privacy. `knows` returns whether a visitor has registered a visit.
    If `honours_headers`, `Sec-GPC: 1` and `DNT: 1` request an anonymous visit (HONOUR_PRIVACY_SIGNALS). Methods that
    need a secret raise LedgerUnavailable.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        honours_headers: Callable[[], bool],
        knows: Callable[[str], bool],
    ) -> None:
        self._database = database
        self._clock = clock
        self.honours_headers = honours_headers
        self._knows = knows
        self._secrets: dict[str, bytes] = {}  # by day
        self._swept_for = ""

    def is_requested(self, environ: Mapping[str, Any], is_said: bool = False) -> bool:
        """Whether a request is for an anonymous visit, in its headers or in its body (`is_said`)."""
        if is_said:
            return True
        sent = environ.get("HTTP_SEC_GPC") == "1" or environ.get("HTTP_DNT") == "1"
        return sent and self.honours_headers()

    def visit(self, visit: NewVisit) -> NewVisit:
        """The anonymous visit to register in place of `visit`, whose location must be a country."""
        key, *others = [_key(secret, visit.visitor_id, visit.visit_id) for secret in self._valid_secrets()]
        return visit._replace(
            visitor_id=key[0],
            visit_id=key[1] if visit.visit_id else None,
            other_key=others[0] if others and visit.visit_id else None,
            referrer=_host(visit.referrer),
            user_agent=user_agents.described(visit.user_agent) or None if visit.user_agent else None,
            user_id=None,
            **CLEARED_COLUMNS,
        )

    def names(self, visitor_id: str) -> list[str]:
        """The hashes that a registered visitor may have, today's first."""
        return [_hashed(secret, visitor_id) for secret in self._valid_secrets()]

    def known_as(self, visitor_id: str) -> str:
        """The hash that this visitor has registered with, or today's if there is none."""
        names = self.names(visitor_id)
        return next(filter(self._knows, names), names[0]) if len(names) > 1 else names[0]

    def key_of(self, visitor_id: str, visit_id: str | None) -> tuple[str, str | None]:
        """The hashes of a visitor, as in `known_as`, and of the client's name for a visit."""
        return self.keys_of(visitor_id, [visit_id])[0][0] if visit_id else (self.known_as(visitor_id), None)

    def keys_of(self, visitor_id: str, names: Sequence[str]) -> list[list[VisitKey]]:
        """The possible keys of each name, which is the id of a visit or event: one per valid secret, starting with the
        secret that the visitor has registered with.
        """
        registered_as, valid = self.known_as(visitor_id), self._valid_secrets()
        ordered = sorted(valid, key=lambda secret: _hashed(secret, visitor_id) != registered_as)
        return [[_key(secret, visitor_id, name) for secret in ordered] for name in names]

    def sweep(self) -> None:
        """Delete expired secrets, once a day. Call this often."""
        days = self._valid_days()
        self._secrets = {day: secret for day, secret in self._secrets.items() if day in days}
        if self._swept_for != min(days) and self._clock.allows_removal:
            try:
                self._database.write(queries.delete_day_secrets, min(days))
            except LedgerUnavailable:
                return  # the next call tries again
            self._swept_for = min(days)

    def forget_secrets(self) -> None:
        """Forget the cached secrets, because a restored database may have different ones for these days."""
        self._secrets, self._swept_for = {}, ""

    def _valid_secrets(self) -> list[bytes]:
        days, secrets_by_day = self._valid_days(), self._secrets
        if secrets_by_day.keys() != set(days):
            self._secrets = secrets_by_day = {day: secrets_by_day.get(day) or self._load(day) for day in days}
        return [secrets_by_day[day] for day in days]

    def _load(self, day: str) -> bytes:
        """The secret of a day. The first worker that needs it creates it."""
        secret = self._database.read(queries.day_secret, day)
        if secret is None:
            secret = self._database.write(queries.make_day_secret, day, secrets.token_hex(DAY_SECRET_BYTES))
        return bytes.fromhex(secret)

    def _valid_days(self) -> list[str]:
        """Today, and the day before or after if its secret is valid now."""
        now_ms = self._clock.now_ms()
        today = self._clock.bucket(now_ms).day
        if now_ms < 1000 * self._clock.began_s(today) + VALID_AFTER_MS:
            return [today, shifted(today, -1)]
        tomorrow = shifted(today, 1)
        is_near = now_ms >= 1000 * self._clock.began_s(tomorrow) - VALID_BEFORE_MS
        return [today, tomorrow] if is_near else [today]


def _hashed(secret: bytes, visitor_id: str) -> str:
    return ANONYMOUS_PREFIX + blake2b(_bytes(visitor_id), digest_size=16, key=secret, person=b"visitor").hexdigest()


def _key(secret: bytes, visitor_id: str, name: str | None) -> VisitKey:
    """The key of a visit or event. The client's name for it is hashed as well, because it may contain the visitorId or
    be the same every time.
    """
    hashed = blake2b(_bytes(f"{visitor_id}\n{name}"), digest_size=16, key=secret, person=b"visit").hexdigest()
    return _hashed(secret, visitor_id), hashed


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _host(referrer: str | None) -> str | None:
    if not referrer:
        return None
    try:
        return urlsplit(referrer if "//" in referrer else f"//{referrer}").hostname
    except ValueError:
        return None
