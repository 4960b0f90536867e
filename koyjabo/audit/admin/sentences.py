"""Each record of the audit log as a sentence, with links to the people and communities it names; and the details beside
it: names and values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString
from markupsafe import Markup

from koyjabo.audit.log import AuditRecord
from koyjabo.core.identity import DELETED, SITE_VIEWER
from koyjabo.webkit.i18n import count, translated

ROLES = {"member": _("a member"), "moderator": _("a moderator"), "admin": _("an admin")}
"""As sentences name the role of a person in a community."""

SENTENCES: Mapping[str, LazyString] = {
    "community.create": _("%(who)s created the community %(target)s"),
    "community.change": _("%(who)s changed the community %(target)s"),
    "community.archive": _("%(who)s archived the community %(target)s"),
    "community.restore": _("%(who)s restored the community %(target)s"),
    "community.delete": _("%(who)s deleted the community %(target)s"),
    "member.join": _("%(who)s joined %(target)s"),
    "member.leave": _("%(who)s left %(target)s"),
    "member.add": _("%(who)s added %(user)s to %(target)s as %(role)s"),
    "member.invite": _("%(who)s invited a person to %(target)s as %(role)s"),
    "member.withdraw": _("%(who)s withdrew an invitation to %(target)s"),
    "member.accept": _("%(who)s accepted an invitation to %(target)s"),
    "member.decline": _("%(who)s declined an invitation to %(target)s"),
    "member.role": _("%(who)s made %(user)s %(role)s of %(target)s"),
    "member.remove": _("%(who)s removed %(user)s from %(target)s"),
    "user.sign_up": _("%(who)s signed up"),
    "login.fail": _("A login as %(target)s failed"),
    "session.begin": _("%(who)s logged in"),
    "session.end": _("%(who)s logged out"),
    "session.revoke": _("%(who)s ended one of their sessions"),
    "session.revoke all": _("%(who)s ended all their other sessions"),
    "session.replay": _("A token of %(target)s was used twice, so the session was ended"),
    "user.create": _("%(who)s created the account %(target)s"),
    "user.create admin": _("%(who)s created the admin account %(target)s"),
    "user.password": _("%(who)s set a new password for %(target)s"),
    "user.password own": _("%(who)s changed their password"),
    "user.password_reset": _("%(who)s set a new password with a link by mail"),
    "user.verify": _("%(who)s confirmed their email"),
    "user.change": _("%(who)s changed their name and email"),
    "user.change name": _("%(who)s changed their name"),
    "user.change email": _("%(who)s changed their email"),
    "user.export": _("%(who)s exported their own data"),
    "user.delete": _("An account was deleted"),
    "user.promote": _("%(who)s made %(target)s an admin of the site"),
    "user.demote": _("%(who)s removed the admin rights of %(target)s"),
    "user.role": _("%(who)s removed the viewer rights of %(target)s"),
    "user.role viewer": _("%(who)s made %(target)s a viewer of the panel"),
    "user.disable": _("%(who)s disabled the account %(target)s"),
    "user.enable": _("%(who)s enabled the account %(target)s"),
    "user.unlock": _("%(who)s took back the failed logins to %(target)s"),
    "user.log_out": _("%(who)s logged %(target)s out everywhere"),
    "second_factor.add": _("%(who)s added an authenticator app"),
    "second_factor.add passkey": _("%(who)s added the passkey %(name)s"),
    "second_factor.remove": _("%(who)s removed the authenticator app"),
    "second_factor.remove passkey": _("%(who)s removed the passkey %(name)s"),
    "second_factor.codes": _("%(who)s renewed their recovery codes"),
    "second_factor.reset": _("%(who)s reset the second factor of %(target)s"),
    "second_factor.fail": _("The second step of a login as %(target)s failed"),
    "visitor.forget": _("%(who)s erased the data of a visitor"),
    "total.set": _("%(who)s changed the total from %(before)s to %(after)s"),
    "ledger.recount": _("%(who)s started a recount"),
    "ledger.recounted": _("The recount found problems: %(problem_count)s"),
    "ledger.recounted agrees": _("The recount found that all numbers agree"),
    "ledger.recounted error": _("The recount failed"),
    "ledger.repair": _("%(who)s repaired the numbers"),
    "ledger.backup": _("%(who)s made a backup"),
    "ledger.restore": _("%(who)s restored a backup"),
    "visits.export": _("%(who)s exported visits"),
    "visits.export days": _("%(who)s exported visits by day"),
    "visits.import": _("%(who)s imported new visits: %(new)s"),
    "audit.export": _("%(who)s exported the audit log"),
    "share.create": _("%(who)s made the share link %(target)s"),
    "share.end": _("%(who)s ended the share link %(target)s"),
    "annotation.add": _("%(who)s added an annotation to the charts"),
    "annotation.remove": _("%(who)s removed an annotation from the charts"),
    "server.version": _("Version %(version)s started"),
}
"""By action, and by action and variant."""

NAMES: Mapping[str, LazyString] = {
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
    "ledger.backup": _("Backup made"),
    "ledger.restore": _("Backup restored"),
    "visits.export": _("Visits exported"),
    "visits.import": _("Visits imported"),
    "audit.export": _("Audit log exported"),
    "share.create": _("Share link made"),
    "share.end": _("Share link ended"),
    "annotation.add": _("Annotation added"),
    "annotation.remove": _("Annotation removed"),
    "server.version": _("New version started"),
}
"""The actions, to choose from."""

VARIANTS: Mapping[str, Callable[[AuditRecord], str]] = {
    "session.revoke": lambda line: "all" if "sessions" in line.details else "",
    "user.create": lambda line: "admin" if line.details.get("is_admin") else "",
    "user.password": lambda line: "own" if line.actor_id == line.target_id else "",
    "user.change": lambda line: str(line.details.get("fields", "")),
    "user.role": lambda line: "viewer" if line.details.get("role") == SITE_VIEWER else "",
    "second_factor.add": lambda line: str(line.details.get("method", "")),
    "second_factor.remove": lambda line: str(line.details.get("method", "")),
    "ledger.recounted": lambda line: next((each for each in ("error", "agrees") if line.details.get(each)), ""),
    "visits.export": lambda line: "days" if line.details.get("days") else "",
}


def sentence(line: AuditRecord) -> Markup:
    """An action that is not recorded any more is named as it was."""
    variant = VARIANTS[line.action](line) if line.action in VARIANTS else ""
    words = SENTENCES.get(f"{line.action} {variant}") or SENTENCES.get(line.action) or line.action
    return Markup(str(words)) % _values(line) if line.action in SENTENCES else Markup.escape(words)


def _values(line: AuditRecord) -> dict[str, Any]:
    details = line.details
    return {
        "who": _who(line),
        "target": _target(line),
        "user": _user(details.get("user_id"), details.get("user", "")),
        "role": ROLES.get(details.get("role", ""), ""),
        "name": _name(details.get("name", "")),
        "version": _name(details.get("version", "")),
        **{name: _number(details.get(name)) for name in ("before", "after", "problem_count", "new")},
    }


def _number(value: Any) -> str:
    """ "" for the name of a role."""
    return count(value) if isinstance(value, int) else ""


def _who(line: AuditRecord) -> Markup | LazyString:
    if line.actor_id is None:
        return _("The operator")
    if line.actor_id == "":
        return _("A visitor")
    return _user(line.actor_id, line.actor)


def _target(line: AuditRecord) -> Markup | LazyString:
    if line.target_kind == "community":
        return _link("admin.community", line.target, community_id=line.target_id)
    if line.target_kind == "share":
        return _name(line.target)
    return _user(line.target_id, line.target)


def _user(user_id: str | None, name: str) -> Markup | LazyString:
    if user_id == DELETED:
        return _("a deleted account")
    return _link("admin.user", name, user_id=user_id) if user_id else _name(name)


def _link(endpoint: str, name: str, **values: Any) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url_for(endpoint, **values), _name(name))


def _name(text: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(text)


FIELDS: Mapping[str, LazyString] = {
    "name": _("Name"),
    "description": _("Description"),
    "is_open": _("Open"),
    "is_listed": _("Listed"),
    "count_anonymous": _("Count all visits"),
    "public_count": _("Public numbers"),
}
"""The fields of a community."""

LABELS: Mapping[str, LazyString] = {
    "failures": _("Failed logins in a row"),
    "sessions": _("Sessions"),
    "browser": _("Browser"),
    "from": _("Place"),
    "reason": _("Reason"),
    "new_epoch": _("New count"),
    "error": _("Error"),
    "problems": _("Problems"),
    "rows": _("Rows"),
    "made_at": _("Made"),
    "total": _("Total"),
    "known": _("Known visits"),
    "program": _("Program"),
    "kind": _("Format"),
    "first_day": _("From"),
    "last_day": _("To"),
    "place": _("Place"),
    "page": _("Page"),
    "source": _("Source"),
    "who": _("Traffic"),
    "day": _("Day"),
    "note": _("Annotation"),
    "taken_over": _("Second factors, share links and invitations ended"),
}
"""Other names in details that are shown; the rest is in the sentence, or ids."""


class Detail(NamedTuple):
    label: str
    value: str
    before: str | None = None  # of a change


def details(line: AuditRecord) -> list[Detail]:
    if isinstance(line.details.get("now"), dict):
        return list(_changes(line.details["now"], line.details.get("was") or {}))
    named = {**line.details, **_days(line.details.get("filter") or {})}
    known = ((name, named[name]) for name in LABELS if name in named)
    return [Detail(str(LABELS[name]), _shown(value)) for name, value in known if value not in ("", None, False, [])]


def _days(conditions: dict[str, str]) -> dict[str, str]:
    """Of an export of the log. Its other conditions are names of actions and ids."""
    return {name: value for name, value in conditions.items() if name in ("first_day", "last_day")}


def _changes(now: dict[str, Any], was: dict[str, Any]) -> Iterator[Detail]:
    for name, value in now.items():
        yield Detail(str(FIELDS.get(name, name)), _shown(value), _shown(was.get(name)))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, int):
        return count(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return translated(value) if value else "–"
