"""Notices a proxy on this machine whose clients cannot be told apart, because TRUSTED_PROXIES is not set."""

from __future__ import annotations

import logging

from koyjabo.network.client_address import LOCAL, LOCAL_PROXY

log = logging.getLogger(__name__)

SENTENCE = "All visitors seem to come from 127.0.0.1: set TRUSTED_PROXIES"

ENOUGH = 20
"""Requests from this machine, and none from elsewhere, after which a proxy is more likely than an operator."""


class LocalProxy:
    """What this worker has seen of the addresses that limits are counted for."""

    def __init__(self) -> None:
        self._local = 0
        self._is_reached = False  # from another machine

    def seen(self, key: str) -> None:
        """Take note of a request that counts for `key`."""
        if key not in (LOCAL, LOCAL_PROXY):
            self._is_reached = True
        elif not self._is_reached:
            self._local += 1
            if self._local == ENOUGH:
                log.warning("local_proxy advice=%r", SENTENCE)

    @property
    def warning(self) -> str | None:
        """What the operator should do; None if there is nothing to do."""
        return SENTENCE if self._local >= ENOUGH and not self._is_reached else None
