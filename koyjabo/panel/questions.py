"""The panel's questions before it changes users, communities and data."""

from __future__ import annotations

from flask import url_for
from flask_babel import gettext as _

from koyjabo.accounts.user_admin import UserLine
from koyjabo.communities.communities import Overview
from koyjabo.mail.outbox import Outbox
from koyjabo.maintenance.total import Preview
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Question
from koyjabo.webkit.i18n import count
from koyjabo.webkit.panel.form_fields import TotalBody
from koyjabo.webkit.panel.pages import me


def promotion(user: UserLine) -> Question:
    title = _("Make %(name)s a site admin?", name=_name(user))
    effects = (_("This user can then see and change everything: visits, users, communities, and your own rights."),)
    return Question(title, effects + _unproved(user), _("Give admin rights"), _page_of(user), typed=user.email)


def demotion(user: UserLine) -> Question:
    effects = (_("The panel closes for this user at once. They keep their account and their own communities."),)
    if user.is_admin:
        title, label = _("Remove the admin rights of %(name)s?", name=_name(user)), _("Remove admin rights")
    else:
        title, label = _("Remove the viewer rights of %(name)s?", name=_name(user)), _("Remove viewer rights")
    return Question(title, effects + _about_oneself(user), label, _page_of(user))


def viewing(user: UserLine) -> Question:
    title = _("Make %(name)s a viewer of the panel?", name=_name(user))
    effect = _("This user can see all pages of the panel, without emails and visitor IDs, and change nothing.")
    lost = (_("Their admin rights end at once."),) if user.is_admin else ()
    return Question(
        title, (effect, *lost, *_unproved(user), *_about_oneself(user)), _("Make a viewer of the panel"), _page_of(user)
    )


def _unproved(user: UserLine) -> tuple[str, ...]:
    if user.verified_ms is not None or not current()[Outbox].is_on:
        return ()
    return (_("The email of this user is not confirmed: the account may be another person's."),)


def disabling(user: UserLine) -> Question:
    title = _("Disable the account of %(name)s?", name=_name(user))
    explanation = _("This user is logged out everywhere and cannot log in until you enable the account again.")
    return Question(title, (explanation, _ending(user)), _("Disable"), _page_of(user))


def logging_out(user: UserLine) -> Question:
    title = _("Log %(name)s out everywhere?", name=_name(user))
    effects = (_("This user has to log in again in every browser."), _ending(user))
    return Question(title, effects + _about_oneself(user), _("Log out everywhere"), _page_of(user))


def second_factor_reset(user: UserLine) -> Question:
    title = _("Reset the second factor of %(name)s?", name=_name(user))
    explanation = _(
        "For a user who has lost their phone and their recovery codes. Make sure that the request is really theirs. "
        "They are logged out everywhere and can log in with the password alone."
    )
    return Question(title, (explanation, _ending(user)), _("Reset second factor"), _page_of(user))


def archiving(found: Overview) -> Question:
    title = _("Archive %(name)s?", name=found.community.name)
    explanation = _(
        "The community is hidden from everyone, and its pages close. Its numbers and members are kept. You can restore "
        "it later."
    )
    effects = (explanation, _("Members: %(count)s", count=count(found.members)))
    return Question(title, effects, _("Archive"), url_for("admin.community", community_id=found.community.id))


def new_total(body: TotalBody, preview: Preview) -> Question:
    before, after = preview.totals
    if after < before:
        effect = _("The total falls, and a new count starts: all open pages show the lower number at once.")
    elif body.new_epoch:
        effect = _("A new count starts. All open pages show the new number at once.")
    else:
        effect = _("All open pages show the new number at once. Only a new count can make it lower again.")
    return Question(
        _("Change the total to %(total)s?", total=count(after)),
        (effect, _("Reason: %(reason)s", reason=body.reason)),
        _("Change the total"),
        url_for("admin.data"),
        typed=count(after),
        figures=(
            (_("Now"), count(before)),
            (_("After"), count(after)),
            (_("Difference"), f"{'+' if after > before else ''}{count(after - before)}"),
        ),
        version=preview.version,
    )


def erasure(visits: int) -> Question:
    effects = (
        _("This visitor's visits are summed up, and what identifies the visitor is deleted. All totals stay the same."),
        _("This cannot be undone. A later visit from the same browser counts as a new visitor."),
    )
    figures = ((_("Visits"), count(visits)),)
    return Question(_("Erase this visitor?"), effects, _("Erase"), url_for("admin.data"), figures=figures)


def _name(user: UserLine) -> str:
    return f"{user.name} ({user.email})"


def _page_of(user: UserLine) -> str:
    return url_for("admin.user", user_id=user.id)


def _ending(user: UserLine) -> str:
    return str(_("Sessions that end: %(count)s", count=count(user.sessions)))


def _about_oneself(user: UserLine) -> tuple[str, ...]:
    return (_("This is your own account."),) if user.id == me().id else ()
