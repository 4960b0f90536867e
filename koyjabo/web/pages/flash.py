"""Flash messages: the page after a form shows, once, what was done, and how to undo it.

The message is in a signed cookie, which is deleted by the page that shows it. Reloading does not show the message
again, and other sites and hosts cannot create one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import Flask, Response, current_app, g
from flask_babel import lazy_gettext as _
from itsdangerous import BadData, URLSafeTimedSerializer

from koyjabo.web.http import cookies
from koyjabo.web.pages import redirects

SENTENCES = {
    "welcome": _("Welcome, %(name)s. Your account was created."),
    "founded": _("%(name)s was created."),
    "joined": _("You are now a member of %(name)s."),
    "left": _("You are no longer a member of %(name)s."),
    "saved": _("Your changes were saved."),
    "community_saved": _("The settings of %(name)s were saved."),
    "deleted": _("%(name)s was deleted."),
    "archived": _("%(name)s was archived."),
    "restored": _("%(name)s was restored."),
    "invited": _("Invitation ready. Copy the link and send it to %(name)s."),
    "invited_unconfirmed": _(
        "Invitation ready, but not emailed: your own email is not confirmed. Copy the link and send it to %(name)s."
    ),
    "invited_limited": _(
        "Invitation ready, but not emailed: too many emails were sent today. Copy the link and send it to %(name)s."
    ),
    "panel_joined": _("You now have access to the panel."),
    "panel_joined_log_in": _(
        "You now have access to the panel. Log in again to set up two-step login, which this site requires."
    ),
    "withdrawn": _("The invitation was revoked."),
    "declined": _("You have declined the invitation."),
    "role_given": _("The role of %(name)s was changed."),
    "member_removed": _("%(name)s is no longer a member."),
    "password_changed": _("Your password was changed. You are logged out everywhere else."),
    "reset_requested": _(
        "If there is an account with this email, we have sent it a link. It can take a few minutes; check your "
        "spam folder too."
    ),
    "password_reset": _("Your password was changed, and you are logged out everywhere. Log in with the new password."),
    "verification_sent": _("The email is on its way. It can take a few minutes."),
    "mails_used_up": _("No email was sent: too many were sent today. Try again tomorrow."),
    "email_verified": _("Your email is confirmed."),
    "account_deleted": _("Your account was deleted."),
    "session_ended": _("The session was revoked: %(name)s"),
    "sessions_ended": _("All other sessions were revoked."),
    "second_factor_removed": _("The authenticator app was turned off."),
    "second_factor_reset": _("Two-step login was reset. This user was logged out everywhere."),
    "provider_connected": _("Your account is connected to %(name)s."),
    "provider_disconnected": _("Your account is no longer connected to %(name)s."),
    "passkey_added": _("The passkey was added."),
    "passkey_removed": _("The passkey was removed."),
    "promoted": _("This user is now a site admin."),
    "demoted": _("This user no longer has rights in the panel."),
    "made_viewer": _("This user is now a viewer of the panel."),
    "disabled": _("The account was disabled."),
    "enabled": _("The account was enabled."),
    "logged_out": _("The user was logged out everywhere."),
    "erasing": _("Erasing has started. Its progress is shown below."),
    "rollback_seen": _("Marked as seen."),
    "recounting": _("The recount has started."),
    "backing_up": _("The backup has started. Its progress is shown below."),
    "backup_under_way": _("A backup is already running. Its progress is shown below."),
    "key_revoked": _("The key %(name)s was revoked."),
    "share_ended": _("The share link %(name)s was revoked."),
    "webhook_enabled": _("The webhook is turned on."),
    "webhook_disabled": _("The webhook is turned off."),
    "webhook_tested": _("The test is on its way. The result will appear below."),
    "webhook_resent": _("The delivery is sent again."),
    "total_set": _("The total was changed."),
    "annotated": _("The annotation was added."),
    "annotation_removed": _("The annotation was removed."),
    "step_hidden": _("It is now hidden for all admins."),
}

COOKIE, SHOWN_WITHIN_S = "outcome", 60


class Undo(NamedTuple):
    """The form that undoes an action."""

    url: str
    fields: dict[str, str]


class Outcome(NamedTuple):
    text: str
    undo: Undo | None = None


def init_app(app: Flask) -> None:
    app.jinja_env.globals["outcome"] = outcome
    app.after_request(_forget)


def done(code: str, endpoint: str, about: str = "", undo: Undo | None = None, **values: Any) -> Response:
    """Redirect (303) to the page that shows the result. `about` names what was changed."""
    return say(redirects.to(endpoint, **values), code, about, undo)


def say(response: Response, code: str, about: str = "", undo: Undo | None = None) -> Response:
    """Show the result on the page that `response` redirects to."""
    text = str(SENTENCES[code])
    signed = str(_signer().dumps([text % {"name": about} if about else text, undo]))
    cookies.put(response, COOKIE, signed, SHOWN_WITHIN_S)
    return response


def outcome() -> Outcome | None:
    """The message to show on the current page."""
    if "outcome" not in g:
        g.outcome = _read(cookies.get(COOKIE)) if cookies.get(COOKIE) else None
        g.is_outcome_shown = g.outcome is not None
    message: Outcome | None = g.outcome
    return message


def _read(signed: str) -> Outcome | None:
    try:
        text, undo = _signer().loads(signed, max_age=SHOWN_WITHIN_S)
    except BadData:
        return None
    return Outcome(text, Undo(*undo) if undo else None)


def _forget(response: Response) -> Response:
    if g.get("is_outcome_shown"):
        cookies.delete(response, COOKIE)
    return response


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=COOKIE)
