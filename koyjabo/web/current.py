"""The services of the application that serves the current request."""

from __future__ import annotations

from flask import current_app

from koyjabo.application.services import Services


def current() -> Services:
    return Services.of(current_app)
