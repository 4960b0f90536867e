"""Creates, lists, rotates and revokes API keys, and finds their holders (specification: API keys).

Every call made with a key reads the key's row, so all workers refuse a revoked key at once.

The text of a key is `kj_`, 8 characters of its id, `_`, 43 random base-62 characters, and a 6-character checksum. The
checksum lets source code scanners recognise a key offline, and mistyped keys are refused without a query. 43 characters
are 256 random bits, so a slow hash would add no protection (decision 92).
"""

from __future__ import annotations

import re
import secrets
import string
import threading
import uuid
from binascii import crc32
from collections.abc import Collection
from hashlib import sha256
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import InvalidInput, InvalidKey, KeyExpired, LedgerUnavailable, TooManyKeys, UnknownKey
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import KEY_PREFIX, Account, KeyHolder, KeyHolders, uuid_of
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import ApiKey
from koyjabo.communities import memberships
from koyjabo.communities.queries import CommunityQueries
from koyjabo.integrations.api_keys import queries
from koyjabo.integrations.api_keys.queries import StoredKey
from koyjabo.people.audit import log
from koyjabo.people.audit.log import CHANGES, Actor, Subject
from koyjabo.people.audit.queries import AuditEntry

SCOPES = (
    *("stats:read", "reports:read", "presence:read"),
    *("visits:write", "communities:manage", "broadcast", "webhooks:manage"),
)
OF_COMMUNITY = SCOPES[:3]
"""Scopes that a community's key may have. Such a key acts as a moderator of the community."""

MAX_KEYS = 100
"""Maximum number of valid keys."""

MAX_GRACE_S = 86_400
"""How long the previous secret may stay valid after a rotation, s."""

IN_THE_PAST = N_("must be in the future")
NO_SCOPES = N_("must have at least one scope")
UNKNOWN_SCOPE = N_("must be scopes of this server; GET /openapi.json names them")
ONLY_READING = N_("must be stats:read, reports:read or presence:read for a community key")
GRACE = N_("must be a whole number from 0 to 86400")

CHANGES |= {
    "key.create": N_("Key created"),
    "key.rotate": N_("Key rotated"),
    "key.revoke": N_("Key revoked"),
}


class NewKey(NamedTuple):
    name: str
    scopes: tuple[str, ...]
    community_id: str | None = None  # None if the key belongs to the site
    expires_ms: int | None = None


class ApiKeys:
    """API keys, managed by site admins. Methods that take an account raise Forbidden for anyone else, and
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._used_ms: dict[str, int] = {}  # last uses that have not been written yet, by id
        self._lock = threading.Lock()  # guards `_used_ms`; never wait while holding it

    def create(self, account: Account, new: NewKey) -> tuple[StoredKey, str]:
        """Create a key. Returns it and its text, which is not stored.

        Raises InvalidInput by field, UnknownCommunity, TooManyKeys.
        """
        account.require_site_admin()
        by, key_id = log.actor(account, self._clock), str(uuid.uuid4())
        _check(new, by.at_ms)
        text = new_text(key_id)
        row = ApiKey(
            id=key_id,
            name=new.name,
            scopes=" ".join(sorted(set(new.scopes))),
            community_id=new.community_id and uuid_of(new.community_id),
            prefix=prefix_of(key_id),
            digest=digest_of(text),
            created_ms=by.at_ms,
            created_by=by.id,
            expires_ms=new.expires_ms,
        )
        return self._database.write(_create, account, new.community_id, row, by), text

    def all(self, account: Account) -> list[StoredKey]:
        """All keys except revoked ones, newest first."""
        account.require_site_admin()
        return self._database.read(queries.everything)

    def find(self, account: Account, key_id: str) -> StoredKey:
        """One key. Raises UnknownKey."""
        account.require_site_admin()
        return self._database.read(_known, key_id)

    def revoke(self, account: Account, key_id: str) -> StoredKey:
        """Revoke a key at once. Raises UnknownKey."""
        account.require_site_admin()
        return self._database.write(_revoke, key_id, log.actor(account, self._clock))

    def rotate(self, account: Account, key_id: str, grace_s: int) -> tuple[StoredKey, str]:
        """Give a key a new secret. The previous secret stays valid for `grace_s`. Any earlier secret becomes invalid.

        Raises UnknownKey, InvalidInput.
        """
        account.require_site_admin()
        if not 0 <= grace_s <= MAX_GRACE_S:
            raise InvalidInput(details={"grace_s": GRACE})
        return self._database.write(_rotate, key_id, grace_s, log.actor(account, self._clock))

    def holder_of(self, text: str) -> KeyHolder:
        """The holder of a key. Raises InvalidKey, KeyExpired."""
        if not is_key(text):
            raise InvalidKey
        digest, now_ms = digest_of(text), self._clock.now_ms()
        key = self._database.read(queries.by_digest, digest)
        if key is None or (key.digest != digest and (key.old_until_ms or 0) <= now_ms):
            raise InvalidKey
        if key.expires_ms is not None and key.expires_ms <= now_ms:
            raise KeyExpired
        with self._lock:
            self._used_ms[key.id] = now_ms
        is_of_site = key.community_id is None
        account = Account(key.id, "", f"key {key.name}", is_of_site, moderates=key.community_id)
        return KeyHolder(account, frozenset(key.scopes.split()))

    def write_uses(self) -> None:
        """Store when keys were last used. Call this once a minute, so that requests do not have to wait for the
        write.
        """
        with self._lock:
            used_ms, self._used_ms = self._used_ms, {}
        if not used_ms:
            return
        try:
            self._database.write(queries.record_use, used_ms)
        except LedgerUnavailable:  # the next call tries again
            with self._lock:
                self._used_ms = used_ms | self._used_ms


def wrong_scopes(scopes: Collection[str], community_id: str | None = None) -> str | None:
    """Explain why no key can have these scopes; None if one can."""
    if not scopes:
        return NO_SCOPES
    if not set(SCOPES).issuperset(scopes):
        return UNKNOWN_SCOPE
    return None if community_id is None or set(OF_COMMUNITY).issuperset(scopes) else ONLY_READING


def _check(new: NewKey, now_ms: int) -> None:
    """Check a new key. Raises InvalidInput."""
    problems, wrong = {}, wrong_scopes(new.scopes, new.community_id)
    if wrong is not None:
        problems["scopes"] = wrong
    if new.expires_ms is not None and new.expires_ms <= now_ms:
        problems["expires_at"] = IN_THE_PAST
    if problems:
        raise InvalidInput(details=problems)


# Operations, each in one transaction.


def _create(session: Any, account: Account, community_id: str | None, key: ApiKey, by: Actor) -> StoredKey:
    if community_id is not None:
        memberships.visible(CommunityQueries(session), account, community_id)
    if queries.live(session, by.at_ms) >= MAX_KEYS:
        raise TooManyKeys
    queries.add(session, key)
    made = _known(session, key.id)
    _entry("key.create", by, made, scopes=list(made.scopes), community=made.community).store(session)
    return made


def _revoke(session: Any, key_id: str, by: Actor) -> StoredKey:
    key = _known(session, key_id)
    if not queries.revoke(session, key.id, by.at_ms):
        raise UnknownKey
    _entry("key.revoke", by, key).store(session)
    return key


def _rotate(session: Any, key_id: str, grace_s: int, by: Actor) -> tuple[StoredKey, str]:
    key = _known(session, key_id)
    text = new_text(key.id)
    if not queries.rotate(session, key.id, digest_of(text), by.at_ms + 1000 * grace_s):
        raise UnknownKey
    _entry("key.rotate", by, key, grace_s=grace_s).store(session)
    return key, text


def _known(session: Any, key_id: str) -> StoredKey:
    key = queries.find(session, uuid_of(key_id) or "")
    if key is None:
        raise UnknownKey
    return key


def _entry(action: str, by: Actor, key: StoredKey, **details: Any) -> AuditEntry:
    return by.entry(action, Subject("key", key.id, key.name), **details)


ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM, CHECKSUM = 43, 6
OF_ID = 8
KEY = re.compile(rf"{KEY_PREFIX}[0-9a-f]{{{OF_ID}}}_[0-9A-Za-z]{{{RANDOM + CHECKSUM}}}", re.ASCII)


def prefix_of(key_id: str) -> str:
    """The visible beginning of a key, which rotation does not change."""
    return KEY_PREFIX + key_id[:OF_ID]


def new_text(key_id: str) -> str:
    """A new key with this id, a UUID."""
    text = f"{prefix_of(key_id)}_" + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return text + _checksum(text)


def is_key(text: str) -> bool:
    """Whether the text has the form of a key and a valid checksum."""
    return KEY.fullmatch(text) is not None and _checksum(text[:-CHECKSUM]) == text[-CHECKSUM:]


def digest_of(text: str) -> str:
    """The stored form of a key: its SHA-256, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def _checksum(text: str) -> str:
    rest, digits = crc32(text.encode()), ""
    for _ in range(CHECKSUM):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def build(base: Base) -> ApiKeys:
    """Build the service, and register it to look up key holders."""
    keys = ApiKeys(base.database, base.clock)
    base.services.add(KeyHolders(keys.holder_of))
    return keys
