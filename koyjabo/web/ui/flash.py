"""What was done, said once on the page that a form leads to: `?done=<code>`, and never a text out of an address."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from flask_babel import lazy_gettext as _

from koyjabo.web.ui import redirects

SENTENCES = {
    "founded": _("The community was created."),
    "joined": _("You are a member now."),
    "left": _("You are no longer a member."),
    "saved": _("Saved."),
    "deleted": _("The community was deleted."),
    "archived": _("The community is archived."),
    "restored": _("The community is back."),
    "member_added": _("The member was added."),
    "role_given": _("The role was changed."),
    "member_removed": _("The member was removed."),
    "password_changed": _("The password was changed. All other sessions were ended."),
    "session_ended": _("The session was ended."),
    "sessions_ended": _("All other sessions were ended."),
    "promoted": _("This user is an admin now."),
    "demoted": _("This user is no longer an admin."),
    "disabled": _("The account is disabled."),
    "enabled": _("The account is enabled."),
    "logged_out": _("All sessions were ended."),
    "recounting": _("The ledger is being recounted."),
    "total_set": _("The total was set."),
}


def init_app(app: Flask) -> None:
    app.jinja_env.globals["outcome"] = lambda: SENTENCES.get(request.args.get("done", ""))


def done(code: str, endpoint: str, **values: Any) -> Response:
    """303 to where one sees what came of it."""
    assert code in SENTENCES
    return redirects.to(endpoint, done=code, **values)
