"""HTTP: blueprints that parse a request, make one call to the domain and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint


def blueprints() -> list[Blueprint]:
    """Every blueprint there is, in no order that matters."""
    from koyjabo.web import api, health, openapi, pages

    return [api.bp, health.bp, openapi.bp, openapi.docs_bp, pages.bp]
