"""Creates, lists, rotates and revokes API keys, and finds their holders (specification: API keys).

Every call made with a key reads the key's row, so all workers refuse a revoked key at once.
"""

import threading
import uuid
from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session, joinedload

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import (
    InvalidInput,
    InvalidKey,
    KeyExpired,
    KoyJaboError,
    LedgerUnavailable,
    LimitReached,
)
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import KEY_PREFIX, Account, KeyHolder, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import lock_limit
from koyjabo.communities import memberships
from koyjabo.people.audit.log import Subject
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import User
from .key_text import digest_of, is_key, new_text
from .models import ApiKey

KEY_SCOPES = {
    "stats:read": N_("Read the numbers of communities"),
    "reports:read": N_("Read reports"),
    "presence:read": N_("Read who is online"),
    "visits:write": N_("Count visits"),
    "communities:manage": N_("Manage communities and members"),
    "broadcast": N_("Send messages to communities"),
}
"""The scopes of a key, with labels that say what each one allows."""

COMMUNITY_KEY_SCOPES = ("stats:read", "reports:read", "presence:read")
"""Scopes that a community's key may have. Such a key acts as a moderator of the community."""

MAX_API_KEYS = 100
"""Maximum number of valid keys."""

MAX_GRACE_S = 86_400
"""How long the previous secret may stay valid after a rotation, s."""

WRONG_GRACE = N_("must be a whole number from 0 to 86400")

KEY_SUBJECTS = {"key": N_("Key")}
KEY_ACTIONS = {
    "key.create": N_("Key created"),
    "key.rotate": N_("Key rotated"),
    "key.revoke": N_("Key revoked"),
}

WRITE_USES_S = 60.0
"""Interval between calls to `write_uses`, s."""

IS_NOT_REVOKED = ApiKey.revoked_ms.is_(None)


class UnknownKey(KoyJaboError):
    status = 404
    sentence = N_("Key not found. It may already have been revoked.")


class TooManyKeys(LimitReached):
    status = 409
    sentence = N_("This server already has 100 keys, the maximum. Revoke one first.")


class RotatedMeanwhile(KoyJaboError):
    status = 409
    sentence = N_("This key was rotated a moment ago. Rotate it again if its new secret is lost.")


class ApiKeys(Changes):
    """API keys, managed by site admins. Methods that take an account raise Forbidden for anyone else, and
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        super().__init__(database, clock)
        self._used_ms: dict[str, int] = {}  # last uses that have not been written yet, by id
        self._lock = threading.Lock()  # guards `_used_ms`; never wait while holding it

    @transaction
    def create(
        self,
        tx: Transaction,
        account: Account,
        name: str,
        scopes: Collection[str],
        community_id: str | None = None,
        expires_ms: int | None = None,
    ) -> tuple[ApiKey, str]:
        """Create a key of a community or, without `community_id`, of the site. Returns it and its text, which is not
        stored. Raises InvalidInput by field, UnknownCommunity, TooManyKeys.
        """
        account.require_site_admin()
        problems = {"scopes": wrong_scopes(scopes, community_id)}
        if expires_ms is not None and expires_ms <= tx.at_ms:
            problems["expires_at"] = N_("must be in the future")
        if problems := {name: problem for name, problem in problems.items() if problem}:
            raise InvalidInput(details=problems)
        if community_id is not None:
            community_id = memberships.visible(tx.session, account, community_id).community.id
        _require_room(tx)
        key_id = str(uuid.uuid4())
        text = new_text(key_id)
        key = ApiKey(
            id=key_id,
            name=name,
            scopes=" ".join(sorted(set(scopes))),
            community_id=community_id,
            prefix=KEY_PREFIX + key_id[:8],
            digest=digest_of(text),
            created_ms=tx.at_ms,
            created_by=tx.session.scalar(select(User.id).where(User.id == tx.by.id)),
            expires_ms=expires_ms,
        )
        tx.session.add(key)
        tx.session.flush()
        key = _key(tx.session, key_id)
        community = key.community and key.community.name
        tx.log("key.create", _subject(key), scopes=key.scopes.split(), community=community)
        return key, text

    def all(self, account: Account) -> list[ApiKey]:
        """All keys except revoked ones, newest first."""
        account.require_site_admin()
        return self._database.read(_keys)

    def find(self, account: Account, key_id: str) -> ApiKey:
        """One key. Raises UnknownKey."""
        account.require_site_admin()
        return self._database.read(_key, key_id)

    @transaction
    def revoke(self, tx: Transaction, account: Account, key_id: str) -> ApiKey:
        """Revoke a key at once. Raises UnknownKey."""
        account.require_site_admin()
        key = _key(tx.session, key_id, locked=True)
        key.revoked_ms = tx.at_ms
        tx.log("key.revoke", _subject(key))
        return key

    def rotate(self, account: Account, key_id: str, grace_s: int) -> tuple[ApiKey, str]:
        """Give a key a new secret. The previous secret stays valid for `grace_s`. Raises UnknownKey, InvalidInput.

        Of several calls at once, one succeeds and the others raise RotatedMeanwhile. Otherwise they would all return
        a secret, and only the last one would work.
        """
        key = self.find(account, key_id)
        if not 0 <= grace_s <= MAX_GRACE_S:
            raise InvalidInput(details={"grace_s": WRONG_GRACE})
        return key, self._rotate(account, key, grace_s)

    @transaction
    def _rotate(self, tx: Transaction, account: Account, key: ApiKey, grace_s: int) -> str:
        row = _key(tx.session, key.id, locked=True)
        if row.digest != key.digest:
            raise RotatedMeanwhile
        text = new_text(key.id)
        row.digest, row.old_digest, row.old_until_ms = digest_of(text), key.digest, tx.at_ms + 1000 * grace_s
        tx.log("key.rotate", _subject(key), grace_s=grace_s)
        return text

    def holder_of(self, text: str) -> KeyHolder:
        """The holder of a key. Raises InvalidKey, KeyExpired."""
        if not is_key(text):
            raise InvalidKey
        digest, now_ms = digest_of(text), self._clock.now_ms()
        query = select(ApiKey).where(or_(ApiKey.digest == digest, ApiKey.old_digest == digest), IS_NOT_REVOKED)
        key = self._database.read(lambda session: session.scalar(query))
        if key is None or (key.digest != digest and (key.old_until_ms or 0) <= now_ms):
            raise InvalidKey
        if key.expires_ms is not None and key.expires_ms <= now_ms:
            raise KeyExpired
        with self._lock:
            self._used_ms[key.id] = now_ms
        account = Account(key.id, "", f"key {key.name}", key.community_id is None, moderates=key.community_id)
        return KeyHolder(account, frozenset(key.scopes.split()))

    def write_uses(self) -> None:
        """Store when keys were last used, once a minute, so that requests do not have to wait for the write."""
        with self._lock:
            used_ms, self._used_ms = self._used_ms, {}
        try:
            if used_ms:
                self._database.write(_record_uses, used_ms)
        except LedgerUnavailable:  # the next call tries again
            with self._lock:
                self._used_ms = used_ms | self._used_ms


def wrong_scopes(scopes: Collection[str], community_id: str | None = None) -> str | None:
    """Explain why no key can have these scopes; None if one can."""
    if not scopes:
        return N_("must have at least one scope")
    if not KEY_SCOPES.keys() >= set(scopes):
        return N_("must be scopes of this server; GET /openapi.json names them")
    if community_id is not None and not set(COMMUNITY_KEY_SCOPES).issuperset(scopes):
        return N_("must be stats:read, reports:read or presence:read for a community key")
    return None


def _subject(key: ApiKey) -> Subject:
    return Subject("key", key.id, key.name)


def _require_room(tx: Transaction) -> None:
    """Lock the number of keys until the commit. Raises TooManyKeys if there are MAX_API_KEYS valid keys."""
    lock_limit(tx.session, ApiKey)
    is_live = or_(ApiKey.expires_ms.is_(None), ApiKey.expires_ms > tx.at_ms)
    if len(_keys(tx.session, is_live)) >= MAX_API_KEYS:
        raise TooManyKeys


def _keys(session: Session, *which: ColumnElement[bool], locked: bool = False) -> list[ApiKey]:
    """Keys except revoked ones, with their community and maker, newest first."""
    query = select(ApiKey).options(joinedload(ApiKey.community), joinedload(ApiKey.maker)).where(IS_NOT_REVOKED, *which)
    query = query.with_for_update(of=ApiKey) if locked else query
    return list(session.scalars(query.order_by(ApiKey.created_ms.desc(), ApiKey.id)))


def _key(session: Session, key_id: str, locked: bool = False) -> ApiKey:
    """One key; with `locked`, no other transaction changes it until the commit. Raises UnknownKey."""
    for key in _keys(session, ApiKey.id == uuid_of(key_id), locked=locked):
        return key
    raise UnknownKey


def _record_uses(session: Session, used_ms: Mapping[str, int]) -> None:
    """Store when each key was last used, by id, unless another worker has written a later time."""
    for key_id, at_ms in sorted(used_ms.items()):
        is_later = or_(ApiKey.last_used_ms.is_(None), ApiKey.last_used_ms < at_ms)
        session.execute(update(ApiKey).where(ApiKey.id == key_id, is_later).values(last_used_ms=at_ms))
