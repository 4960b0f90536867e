"""GET /admin/audit: the audit log, filtered by user and action."""

from __future__ import annotations

from flask import Response, request
from flask_babel import lazy_gettext as _

from koyjabo.audit.log import ACTIONS, BY_OPERATOR, AuditPage
from koyjabo.identity import DELETED
from koyjabo.web.admin import bp
from koyjabo.web.admin.pages import before, me, page
from koyjabo.web.current import current
from koyjabo.web.ui import pagination

WORDS = {
    "community.create": _("Community created"),
    "community.change": _("Community changed"),
    "community.archive": _("Community archived"),
    "community.restore": _("Community restored"),
    "community.delete": _("Community deleted"),
    "member.join": _("Joined"),
    "member.leave": _("Left"),
    "member.add": _("Member added"),
    "member.invite": _("Person invited"),
    "member.withdraw": _("Invitation withdrawn"),
    "member.accept": _("Invitation accepted"),
    "member.decline": _("Invitation declined"),
    "member.role": _("Role changed"),
    "member.remove": _("Member removed"),
    "user.sign_up": _("Signed up"),
    "login.fail": _("Login failed"),
    "session.begin": _("Logged in"),
    "session.end": _("Logged out"),
    "session.revoke": _("Session ended"),
    "session.replay": _("Token used twice: session ended"),
    "user.create": _("User created"),
    "user.password": _("Password changed"),
    "user.password_reset": _("New password by mail"),
    "user.verify": _("Email confirmed"),
    "user.change": _("Account changed"),
    "user.export": _("Own data exported"),
    "user.delete": _("Account deleted"),
    "user.promote": _("Admin rights given"),
    "user.demote": _("Admin rights removed"),
    "user.role": _("Role on the site changed"),
    "user.disable": _("Account disabled"),
    "user.enable": _("Account enabled"),
    "user.unlock": _("Failed logins taken back"),
    "user.log_out": _("Logged out everywhere"),
    "second_factor.add": _("Second factor added"),
    "second_factor.remove": _("Second factor removed"),
    "second_factor.codes": _("Recovery codes renewed"),
    "second_factor.reset": _("Second factor reset"),
    "second_factor.fail": _("Second step failed"),
    "visitor.forget": _("Visitor data erased"),
    "total.set": _("Total changed"),
    "ledger.recount": _("Recount started"),
    "ledger.recounted": _("Recount finished"),
    "ledger.repair": _("Numbers repaired"),
    "ledger.restore": _("Backup restored"),
    "visits.export": _("Visits exported"),
    "visits.import": _("Visits imported"),
}


@bp.get("/audit")
def audit() -> Response:
    actor, action = request.args.get("actor", ""), request.args.get("action", "")
    found = current().audit.page(me(), before(), actor=actor, action=action)
    older = pagination.this_page(before=found.before) if found.before is not None else None
    choices = [("", _("All")), *((name, WORDS.get(name, name)) for name in ACTIONS)]
    people = _people(found, actor)
    return page(
        "audit", found=found, older=older, actor=actor, action=action, words=WORDS, people=people, choices=choices
    )


def _people(found: AuditPage, chosen: str) -> dict[str, str]:
    """The users to choose from, names by id: those on this page, and the chosen one."""
    people = {line.actor_id: line.actor for line in found.lines if line.actor_id not in (None, "", DELETED)}
    if chosen not in ("", BY_OPERATOR, *people):
        people[chosen] = chosen
    return dict(sorted(people.items(), key=lambda each: each[1].casefold()))
