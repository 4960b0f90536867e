"""Notices a proxy on this machine whose clients cannot be told apart, because TRUSTED_PROXIES is not set."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

SENTENCE = "All visitors seem to come from 127.0.0.1: set TRUSTED_PROXIES"

ENOUGH = 20
"""Requests from this machine, and none from elsewhere, after which a proxy is more likely than an operator."""


class LocalProxy:
    """What this worker has seen of the addresses that limits are counted for."""

    def __init__(self) -> None:
        self.is_alone = True  # no request came from another machine; set with each that does, so it is no method
        self._requests = 0

    def seen(self) -> None:
        """Take note of a request that counts for one of LOCAL_KEYS."""
        if self.is_alone:
            self._requests += 1
            if self._requests == ENOUGH:
                log.warning("local_proxy advice=%r", SENTENCE)

    @property
    def warning(self) -> str | None:
        """The advice to the operator; None if there is nothing to do."""
        return SENTENCE if self._requests >= ENOUGH and self.is_alone else None
