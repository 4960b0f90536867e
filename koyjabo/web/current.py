"""What a handler may call: the domain objects of the application that serves this request."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from koyjabo.clock import Clock
from koyjabo.visits import Visits
from koyjabo.web.rate_limits import RateLimits

EXTENSION = "koyjabo"


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    visits: Visits
    rate_limits: RateLimits


def current() -> Services:
    return current_app.extensions[EXTENSION]
