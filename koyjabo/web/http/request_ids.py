"""Every request has an id: in its response (`X-Request-Id`), and in each line of the log that is about it."""

from __future__ import annotations

import re
import secrets
from itertools import count
from typing import Any

HEADER = "X-Request-Id"
WELL_FORMED = re.compile(r"[A-Za-z0-9._\-]{8,64}", re.ASCII)


class RequestIds:
    """Ids are a random beginning for each process, and a number: random ones would cost five times as much.

    Where there are proxies of ours (`trusts_proxies`), the id that they gave is kept.
    """

    def __init__(self, trusts_proxies: bool) -> None:
        self._trusts_proxies = trusts_proxies
        self._beginning = secrets.token_hex(6)
        self._numbers = count(1)

    def of(self, environ: dict[str, Any]) -> str:
        given = environ.get("HTTP_X_REQUEST_ID", "") if self._trusts_proxies else ""
        if given and WELL_FORMED.fullmatch(given):
            return given
        return f"{self._beginning}-{next(self._numbers):x}"
