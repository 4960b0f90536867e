"""What a handler may call: the domain objects of the application that serves this request."""

from __future__ import annotations

from flask import current_app

from koyjabo.application.services import Services


def current() -> Services:
    return Services.of(current_app)
