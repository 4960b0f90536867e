"""HTTP: blueprints that parse a request, make one call to the domain and answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint


def blueprints() -> list[Blueprint]:
    """Every blueprint there is, in no order that matters."""
    from koyjabo.web import admin, api, pages
    from koyjabo.web.http import static_files
    from koyjabo.web.operations import docs, health, metrics, openapi

    return [api.bp, health.bp, metrics.bp, openapi.bp, docs.bp, static_files.bp, pages.bp, admin.bp]
