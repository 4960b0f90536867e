"""Hides the steps for setting up a site, and lists what the server lacks, for the Health page."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.getting_started.getting_started import LIST, GettingStarted
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.pages.flash import Undo, done
from koyjabo.webkit.panel.pages import me

HIDDEN = "hidden"


@bp.context_processor
def of_server() -> dict[str, Any]:
    return {"missing_steps": missing}


def missing() -> tuple[str, ...]:
    """Names of what the server lacks. Empty while the database is down, because Health reports that itself."""
    try:
        return current()[GettingStarted].missing(me())
    except LedgerUnavailable:
        return ()


@bp.post("/getting-started/<step>")
def change_step(step: str) -> Response:
    """Hide the step if `state` is "hidden", otherwise show it again."""
    page, is_hidden = "admin.health" if step == LIST else "admin.overview", request.form.get("state") == HIDDEN
    current()[GettingStarted].hide(me(), step, is_hidden)
    undo = Undo(url_for("admin.change_step", step=step), {"state": "shown"})
    return done("step_hidden", page, undo=undo) if is_hidden else redirects.to(page)
