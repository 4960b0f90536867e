"""Flash messages: the page after a form shows the result once, named by a code in `?done=<code>`, never by a text."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, request
from flask_babel import lazy_gettext as _

from koyjabo.web.ui import redirects

SENTENCES = {
    "founded": _("The community was created."),
    "joined": _("You are now a member."),
    "left": _("You are no longer a member."),
    "saved": _("Your changes were saved."),
    "deleted": _("The community was deleted."),
    "archived": _("The community was archived."),
    "restored": _("The community was restored."),
    "invited": _("The invitation was made. Its link is below."),
    "withdrawn": _("The invitation was withdrawn."),
    "declined": _("You have declined the invitation."),
    "role_given": _("The role was changed."),
    "member_removed": _("The member was removed."),
    "password_changed": _("Your password was changed. You are logged out everywhere else."),
    "reset_requested": _(
        "If there is an account with this email, a mail with a link is on its way. It may take some minutes. Look "
        "among the junk mails, too."
    ),
    "password_reset": _("Your password was changed, and you are logged out everywhere. Log in with the new password."),
    "verification_sent": _("The mail is on its way. It may take some minutes."),
    "email_verified": _("Your email is confirmed."),
    "account_deleted": _("Your account was deleted."),
    "session_ended": _("The session was ended."),
    "sessions_ended": _("All other sessions were ended."),
    "second_factor_removed": _("The authenticator app was turned off."),
    "second_factor_reset": _("The second factor was reset. This user was logged out everywhere."),
    "passkey_added": _("The passkey was added."),
    "passkey_removed": _("The passkey was removed."),
    "promoted": _("This user is now a site admin."),
    "demoted": _("This user has no rights in the panel any more."),
    "made_viewer": _("This user is now a viewer of the panel."),
    "disabled": _("The account was disabled."),
    "enabled": _("The account was enabled."),
    "logged_out": _("The user was logged out everywhere."),
    "recounting": _("The recount has started."),
    "total_set": _("The total was changed."),
}


def init_app(app: Flask) -> None:
    app.jinja_env.globals["outcome"] = lambda: SENTENCES.get(request.args.get("done", ""))


def done(code: str, endpoint: str, **values: Any) -> Response:
    """303 to the page that shows the result."""
    assert code in SENTENCES
    return redirects.to(endpoint, done=code, **values)
