"""Reads another server's public keys, and finds the one that verifies a token.

A token's sender chooses the algorithm, so a key is only used with algorithms for its key type: a public key is never
used as a shared secret (RFC 8725, 2.1 and 3.1).

Another server's public keys. A worker caches them and refreshes them in time.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import KeysUnavailable
from koyjabo.base.core.runtime import Runtime
from koyjabo.base.outbound.messages import OutboundError, OutboundResponse

LONGEST, MAX_KEYS, SHORTEST_RSA = 64 * 1024, 20, 2048
"""Maximum size of a document, bytes; maximum number of keys; minimum size of an RSA key, bits."""

KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Key type and curve for each public-key algorithm."""


PUBLIC = {"kty", "alg", "crv", "n", "e", "x", "y"}
"""The members of a key that are read. Private members, which may be published by mistake, are ignored."""


class InvalidKeySet(Exception):
    """The document is invalid. The message gives the reason and contains no key."""


class _Key(NamedTuple):
    public: Any  # a key object from `cryptography`
    data: Mapping[str, Any]

    def fits(self, algorithm: str) -> bool:
        kind, curve = KINDS.get(algorithm, ("", None))
        is_of_kind = self.data["kty"] == kind and curve in (None, self.data.get("crv"))
        return is_of_kind and self.data.get("alg", algorithm) == algorithm


class KeySet:
    """Keys by id."""

    def __init__(self, keys: tuple[_Key, ...]) -> None:
        self._keys = keys

    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The key with this id, if it fits the algorithm; without an id, the only key that fits. None if there is no
        such key.
        """
        fitting = [key for key in self._keys if key.fits(algorithm) and key_id in (None, key.data.get("kid"))]
        return fitting[0].public if len(fitting) == 1 else None


def of_response(response: OutboundResponse) -> KeySet:
    """The keys in another server's response. Raises InvalidKeySet."""
    if response.status != 200:
        raise InvalidKeySet(f"status {response.status}")
    return read(response.body)


def read(document: bytes) -> KeySet:
    """Read a document. Leaves out keys that do not verify signatures, are too short or are invalid (RFC 7517, 5).
    Raises InvalidKeySet if the document is invalid or no key is left.
    """
    if len(document) > LONGEST:
        raise InvalidKeySet("too large")
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise InvalidKeySet("not a key set") from None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise InvalidKeySet(f"not a list of at most {MAX_KEYS} keys")
    keys = tuple(key for entry in listed if (key := _key(entry)) is not None)
    if not keys:
        raise InvalidKeySet("no key that can verify a signature")
    return KeySet(keys)


def _key(data: Any) -> _Key | None:
    from jwt import PyJWK  # imported late: it and `cryptography` take 10 MB, and few workers need them
    from jwt.exceptions import PyJWTError

    if not isinstance(data, dict) or data.get("kty") == "oct" or data.get("use", "sig") != "sig":
        return None
    try:
        public = PyJWK({name: value for name, value in data.items() if name in PUBLIC}).key
    except (PyJWTError, ValueError, TypeError, KeyError, NotImplementedError):  # NotImplementedError for `none`
        return None
    return None if data["kty"] == "RSA" and public.key_size < SHORTEST_RSA else _Key(public, data)


log = logging.getLogger(__name__)

FRESH_S = 600
PAUSE_S = 30
"""Minimum time between attempts, s, after a failure or when a token names an unknown key."""

POLL_S = 5.0


class PublishedKeys:
    """Cached keys, which stay unchanged if an attempt to refresh them fails. `read` calls the other server, which takes
    time. It raises OutboundError or InvalidKeySet.
    """

    def __init__(self, read: Callable[[], KeySet], runtime: Runtime, clock: Clock) -> None:
        self._read_keys = read
        self._runtime = runtime
        self._clock = clock
        self._keys: KeySet | None = None
        self._wait_s = FRESH_S
        self._ended_ms: int | None = None  # end of the last attempt, elapsed ms
        self._is_reading = False
        self._lock = threading.Lock()  # guards the two fields above; never wait while holding it

    def find(self, key_id: str | None, algorithm: str) -> Any:
        """The key that verifies a token, or None. Does not wait. An unknown key may be new, so the keys are refreshed
        for later requests. Raises KeysUnavailable if no keys have been read yet.
        """
        keys = self._keys
        key = keys.find(key_id, algorithm) if keys is not None else None
        if key is None and self._begins(PAUSE_S):
            self._runtime.start_task(self._read)
        if keys is None:
            raise KeysUnavailable
        return key

    def tick(self) -> None:
        """Refresh the keys when due, and wait for them. Call this every POLL_S."""
        if self._begins(self._wait_s):
            self._read()

    def _begins(self, after_s: float) -> bool:
        """Whether the last attempt ended at least this long ago. If it did, the caller has to read the keys."""
        now_ms = self._clock.elapsed_ms()
        with self._lock:
            is_due = self._ended_ms is None or now_ms - self._ended_ms >= 1000 * after_s
            if self._is_reading or not is_due:
                return False
            self._is_reading = True
            return True

    def _read(self) -> None:
        self._wait_s = PAUSE_S
        try:
            self._keys, self._wait_s = self._read_keys(), FRESH_S
        except (OutboundError, InvalidKeySet) as error:
            log.warning("keys_not_read reason=%r kept=%s", str(error), self._keys is not None)
        finally:
            with self._lock:
                self._ended_ms = self._clock.elapsed_ms()
                self._is_reading = False
