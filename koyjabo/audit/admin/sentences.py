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

ROLES = {"member": _("a member"), "moderator": _("a moderator"), "viewer": _("a viewer"), "admin": _("an admin")}
"""As sentences name the role of a person in a community or in the panel."""

ACTION_TEXTS: Mapping[str, tuple[LazyString, LazyString]] = {
    "community.create": (_("Community created"), _("%(who)s created the community %(target)s")),
    "community.change": (_("Community changed"), _("%(who)s changed the community %(target)s")),
    "community.archive": (_("Community archived"), _("%(who)s archived the community %(target)s")),
    "community.restore": (_("Community restored"), _("%(who)s restored the community %(target)s")),
    "community.delete": (_("Community deleted"), _("%(who)s deleted the community %(target)s")),
    "member.join": (_("Joined"), _("%(who)s joined %(target)s")),
    "member.leave": (_("Left"), _("%(who)s left %(target)s")),
    "member.add": (_("Member added"), _("%(who)s added %(user)s to %(target)s as %(role)s")),
    "member.invite": (_("Person invited"), _("%(who)s invited a person to %(target)s as %(role)s")),
    "member.withdraw": (_("Invitation withdrawn"), _("%(who)s withdrew an invitation to %(target)s")),
    "member.accept": (_("Invitation accepted"), _("%(who)s accepted an invitation to %(target)s")),
    "member.decline": (_("Invitation declined"), _("%(who)s declined an invitation to %(target)s")),
    "member.role": (_("Role changed"), _("%(who)s made %(user)s %(role)s of %(target)s")),
    "member.remove": (_("Member removed"), _("%(who)s removed %(user)s from %(target)s")),
    "member.sync": (_("Members synced"), _("%(who)s synced the members of %(target)s")),
    "user.sign_up": (_("Signed up"), _("%(who)s signed up")),
    "login.fail": (_("Login failed"), _("A login as %(target)s failed")),
    "session.begin": (_("Logged in"), _("%(who)s logged in")),
    "session.end": (_("Logged out"), _("%(who)s logged out")),
    "session.revoke": (_("Session ended"), _("%(who)s ended one of their sessions")),
    "session.replay": (
        _("Token used twice: session ended"),
        _("A token of %(target)s was used twice, so the session was ended"),
    ),
    "user.create": (_("User created"), _("%(who)s created the account %(target)s")),
    "user.password": (_("Password changed"), _("%(who)s set a new password for %(target)s")),
    "user.password_reset": (_("New password by email"), _("%(who)s set a new password with an emailed link")),
    "user.verify": (_("Email confirmed"), _("%(who)s confirmed their email")),
    "user.change": (_("Account changed"), _("%(who)s changed their name and email")),
    "user.connect": (_("Login connected"), _("%(who)s connected their account with %(provider)s")),
    "user.disconnect": (_("Login disconnected"), _("%(who)s disconnected their account from %(provider)s")),
    "user.export": (_("Own data exported"), _("%(who)s exported their own data")),
    "user.delete": (_("Account deleted"), _("An account was deleted")),
    "user.promote": (_("Admin rights given"), _("%(who)s made %(target)s an admin of the site")),
    "user.demote": (_("Admin rights removed"), _("%(who)s removed the admin rights of %(target)s")),
    "user.role": (_("Role on the site changed"), _("%(who)s removed the viewer rights of %(target)s")),
    "user.disable": (_("Account disabled"), _("%(who)s disabled the account %(target)s")),
    "user.enable": (_("Account enabled"), _("%(who)s enabled the account %(target)s")),
    "user.unlock": (_("Failed logins cleared"), _("%(who)s cleared the failed logins of %(target)s")),
    "user.log_out": (_("Logged out everywhere"), _("%(who)s logged %(target)s out everywhere")),
    "second_factor.add": (_("Second factor added"), _("%(who)s added an authenticator app")),
    "second_factor.remove": (_("Second factor removed"), _("%(who)s removed the authenticator app")),
    "second_factor.codes": (_("Recovery codes renewed"), _("%(who)s renewed their recovery codes")),
    "second_factor.reset": (_("Second factor reset"), _("%(who)s reset the second factor of %(target)s")),
    "second_factor.fail": (_("Second step failed"), _("The second step of a login as %(target)s failed")),
    "visitor.forget": (_("Visitor data erased"), _("%(who)s erased the data of a visitor")),
    "total.set": (_("Total changed"), _("%(who)s changed the total from %(before)s to %(after)s")),
    "ledger.recount": (_("Recount started"), _("%(who)s started a recount")),
    "ledger.recounted": (_("Recount finished"), _("The recount found problems: %(problem_count)s")),
    "ledger.repair": (_("Numbers repaired"), _("%(who)s repaired the numbers")),
    "backup.begin": (_("Backup started"), _("%(who)s started a backup")),
    "backup.download": (_("Backup downloaded"), _("%(who)s began to download a backup")),
    "ledger.backup": (_("Backup made"), _("%(who)s made a backup")),
    "ledger.restore": (_("Backup restored"), _("%(who)s restored a backup")),
    "ledger.accept": (_("Server accepted"), _("%(who)s accepted the database server on timeline %(timeline)s")),
    "ledger.rolled_back": (_("Database went back"), _("The database went back: %(lost)s visits lost")),
    "ledger.rollback_seen": (_("Lost visits acknowledged"), _("%(who)s acknowledged that the database went back")),
    "visits.export": (_("Visits exported"), _("%(who)s exported visits")),
    "visits.import": (_("Visits imported"), _("%(who)s imported new visits: %(new)s")),
    "audit.export": (_("Audit log exported"), _("%(who)s exported the audit log")),
    "key.create": (_("Key made"), _("%(who)s made the key %(target)s")),
    "key.rotate": (_("Key rotated"), _("%(who)s gave the key %(target)s another secret")),
    "key.revoke": (_("Key revoked"), _("%(who)s revoked the key %(target)s")),
    "share.create": (_("Share link made"), _("%(who)s made the share link %(target)s")),
    "share.end": (_("Share link revoked"), _("%(who)s revoked the share link %(target)s")),
    "annotation.add": (_("Annotation added"), _("%(who)s added an annotation to the charts")),
    "annotation.remove": (_("Annotation removed"), _("%(who)s removed an annotation from the charts")),
    "webhook.create": (_("Webhook added"), _("%(who)s added a webhook to %(target)s")),
    "webhook.change": (_("Webhook changed"), _("%(who)s changed the webhook to %(target)s")),
    "webhook.rotate": (_("Webhook secret renewed"), _("%(who)s renewed the secret of the webhook to %(target)s")),
    "webhook.delete": (_("Webhook deleted"), _("%(who)s deleted the webhook to %(target)s")),
    "panel.invite": (_("Person invited to the panel"), _("%(who)s invited a person to the panel as %(role)s")),
    "panel.withdraw": (_("Invitation to the panel withdrawn"), _("%(who)s withdrew an invitation to the panel")),
    "panel.accept": (_("Invitation to the panel accepted"), _("%(who)s accepted an invitation and is now %(role)s")),
    "panel.decline": (_("Invitation to the panel declined"), _("%(who)s declined an invitation to the panel")),
    "setup.step": (_("Getting started changed"), _("%(who)s reopened a step of Getting started")),
    "server.version": (_("New version started"), _("Version %(version)s started")),
}
"""The name by which an action is chosen, and its sentence."""

VARIANT_SENTENCES: Mapping[str, LazyString] = {
    "user.sign_up provider": _("%(who)s signed up with %(provider)s"),
    "session.begin provider": _("%(who)s logged in with %(provider)s"),
    "session.revoke all": _("%(who)s ended all their other sessions"),
    "user.create admin": _("%(who)s created the admin account %(target)s"),
    "user.password own": _("%(who)s changed their password"),
    "user.change name": _("%(who)s changed their name"),
    "user.change email": _("%(who)s changed their email"),
    "user.promote provider": _("A login with %(provider)s made %(target)s an admin of the site"),
    "user.role viewer": _("%(who)s made %(target)s a viewer of the panel"),
    "second_factor.add passkey": _("%(who)s added the passkey %(name)s"),
    "second_factor.remove passkey": _("%(who)s removed the passkey %(name)s"),
    "ledger.backup proven": _("The server made a backup and proved it"),
    "ledger.recounted agrees": _("The recount found that all numbers agree"),
    "ledger.recounted error": _("The recount failed"),
    "ledger.rolled_back one": _("The database went back: 1 visit lost"),
    "ledger.rolled_back community": _("The database went back: %(lost)s visits of %(target)s lost"),
    "ledger.rolled_back community one": _("The database went back: 1 visit of %(target)s lost"),
    "setup.step done": _("%(who)s said that a step of Getting started is done"),
    "setup.step skipped": _("%(who)s skipped a step of Getting started"),
    "visits.export days": _("%(who)s exported visits by day"),
}
"""By action and variant."""


def _loss(line: AuditRecord) -> str:
    parts = ("community", line.target_kind == "community"), ("one", line.details.get("lost") == 1)
    return " ".join(name for name, applies in parts if applies)


def _by_provider(line: AuditRecord) -> str:
    return "provider" if "provider" in line.details else ""


VARIANTS: Mapping[str, Callable[[AuditRecord], str]] = {
    **dict.fromkeys(("user.sign_up", "session.begin", "user.promote"), _by_provider),
    "session.revoke": lambda line: "all" if "sessions" in line.details else "",
    "user.create": lambda line: "admin" if line.details.get("is_admin") else "",
    "user.password": lambda line: "own" if line.actor_id == line.target_id else "",
    "user.change": lambda line: str(line.details.get("fields", "")),
    "user.role": lambda line: "viewer" if line.details.get("role") == SITE_VIEWER else "",
    "second_factor.add": lambda line: str(line.details.get("method", "")),
    "second_factor.remove": lambda line: str(line.details.get("method", "")),
    "ledger.backup": lambda line: "proven" if line.details.get("proven") else "",
    "ledger.recounted": lambda line: next((each for each in ("error", "agrees") if line.details.get(each)), ""),
    "ledger.rolled_back": _loss,
    "setup.step": lambda line: str(line.details.get("state", "")),
    "visits.export": lambda line: "days" if line.details.get("days") else "",
}


def sentence(line: AuditRecord) -> Markup:
    """An action that is not recorded any more is named as it was."""
    if line.action not in ACTION_TEXTS:
        return Markup.escape(line.action)
    variant = VARIANTS[line.action](line) if line.action in VARIANTS else ""
    words = VARIANT_SENTENCES.get(f"{line.action} {variant}") or ACTION_TEXTS[line.action][1]
    return Markup(str(words)) % _values(line)


def action_name(action: str) -> str:
    """The name by which it is chosen."""
    return str(ACTION_TEXTS[action][0])


def _values(line: AuditRecord) -> dict[str, Any]:
    details = line.details
    return {
        "who": _who(line),
        "target": _target(line),
        "user": _user(None if details.get("ref") else details.get("user_id"), details.get("user", "")),
        "role": ROLES.get(details.get("role", ""), ""),
        "name": _name(details.get("name", "")),
        "version": _name(details.get("version", "")),
        "provider": _name(details.get("provider", "")),
        **{
            name: _number(details.get(name)) for name in ("before", "after", "problem_count", "new", "timeline", "lost")
        },
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
    "ref": _("Ref"),
    "added": _("Added"),
    "changed": _("Changed"),
    "removed": _("Removed"),
    "lost": _("Lost visits"),
    "taken_over": _("Second factors, share links and invitations ended"),
}
"""Other names in details that are shown; the rest is in the sentence, or ids."""

TOTALS: Mapping[str, LazyString] = {"from": _("Acknowledged"), "to": _("Found")}
"""Of a database that went back."""


class Detail(NamedTuple):
    label: str
    value: str
    before: str | None = None  # of a change


def details(line: AuditRecord) -> list[Detail]:
    if isinstance(line.details.get("now"), dict):
        return list(_changes(line.details["now"], line.details.get("was") or {}))
    if line.action == "ledger.rolled_back":
        return [Detail(str(label), _shown(line.details.get(name))) for name, label in TOTALS.items()]
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
