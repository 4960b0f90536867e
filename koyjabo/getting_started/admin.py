"""The steps of a new site: /admin/getting-started, and what admins say about them there and on Overview."""

from __future__ import annotations

from flask import Response, request

from koyjabo.getting_started.getting_started import ALL, GettingStarted
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.panel.pages import me, page


@bp.get("/getting-started")
def getting_started() -> Response:
    """All steps, also when they are no longer on Overview."""
    return page("getting_started/page", started=current()[GettingStarted].progress(me()))


@bp.post("/getting-started/<step>")
def change_step(step: str) -> Response:
    """Of STEPS, or ALL. `state` is that of the step from now on."""
    steps = current()[GettingStarted]
    steps.change(me(), step, request.form.get("state", ""))
    back = "admin.getting_started" if step != ALL and steps.is_closed() else "admin.overview"
    return redirects.to(back, _anchor=f"step-{step}")
