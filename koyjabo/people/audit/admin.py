"""/admin/audit: the audit log, newest first, by day. Equal entries in a row are one line with their number. Logins and
other routine are only on the page if the address requests them (`?all=yes`).

An entry shows its action's label, its author and time, and its details as labels and values.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext as _
from flask_babel.speaklater import LazyString
from markupsafe import Markup

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.settings.catalogue import PAGE_SETTINGS
from koyjabo.web.current import current
from koyjabo.web.i18n import count, day, translated
from koyjabo.web.pages import pagination
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import cursor, me, page
from .audit import Audit
from .log import ACTION_LABELS, ROUTINE_ACTIONS, SUBJECT_LABELS
from .queries import AuditRecord

bp = panel_blueprint("audit")

FIELD_LABELS: Mapping[str, LazyString] = {
    "name": _("Name"),
    "name_bn": _("Name in Bangla"),
    "description": _("Description"),
    "description_bn": _("Description in Bangla"),
    "is_open": _("Open"),
    "is_listed": _("Listed"),
    "count_anonymous": _("Count visits by non-members"),
    "public_count": _("Public numbers"),
}
"""Labels for a community's fields."""

DETAIL_LABELS: Mapping[str, LazyString] = {
    "role": _("Role"),
    "before": _("Before"),
    "after": _("After"),
    "fields": _("Changed"),
    "is_admin": _("Admin"),
    "method": _("Method"),
    "name": _("Name"),
    "failures": _("Failed logins in a row"),
    "browser": _("Browser"),
    "from": _("Location"),
    "reason": _("Reason"),
    "new_epoch": _("New count"),
    "agrees": _("All numbers agree"),
    "problems": _("Problems"),
    "rows": _("Rows"),
    "proven": _("Verified"),
    "made_at": _("Made"),
    "total": _("Total"),
    "timeline": _("Timeline"),
    "ledger.rolled_back from": _("Acknowledged"),
    "ledger.rolled_back to": _("Found"),
    "lost": _("Lost visits"),
    "first_day": _("From"),
    "last_day": _("To"),
    "place": _("Location"),
    "page": _("Page"),
    "source": _("Source"),
    "who": _("Traffic"),
    "day": _("Day"),
    "note": _("Note"),
    "state": _("Status"),
    "version": _("Version"),
    "ref": _("External id"),
    "added": _("Added"),
    "changed": _("Changed"),
    "removed": _("Removed"),
    "taken_over": _("Two-step login removed, share links and invitations revoked"),
}
"""Labels for the details shown, by name, or by action and name. Ids are not shown."""

ROLE_LABELS = {"member": _("Member"), "moderator": _("Moderator"), "viewer": _("Viewer"), "admin": _("Admin")}

VALUE_WORDS: Mapping[str, Mapping[str, LazyString]] = {
    "role": ROLE_LABELS,
    "before": ROLE_LABELS,
    "fields": {"name": _("Name"), "email": _("Email"), "name, email": _("Name and email")},
    "method": {"totp": _("Authenticator app")},
    "state": {"hidden": _("Hidden"), "shown": _("Shown")},
}
"""Labels for values that are internal names, by detail name."""


@bp.get("/audit")
@for_viewers
def audit() -> Response:
    has_all = request.args.get("all") == "yes"
    audit_page = current()[Audit].page(me(), cursor("before"), without=None if has_all else ROUTINE_ACTIONS)
    return page(
        "audit/audit",
        days=[
            (name, [_line(list(equal)) for _key, equal in groupby(records, _what)])
            for name, records in groupby(sorted(audit_page.lines, key=lambda record: -record.at_ms), _day)
        ],
        has_all=has_all,
        has_places=any(record.place for record in audit_page.lines),
        older=pagination.this_page(before=audit_page.before) if audit_page.before is not None else None,
    )


def _day(record: AuditRecord) -> str:
    return day(current().clock.bucket(record.at_ms).day)


def _what(record: AuditRecord) -> AuditRecord:
    return record._replace(id=0, at_ms=0)


def _line(equal: list[AuditRecord]) -> tuple[AuditRecord, str, object, list["Detail"]]:
    """The newest of equal records, with its words."""
    record, label = equal[0], gettext(ACTION_LABELS.get(equal[0].action, equal[0].action))
    if len(equal) > 1:
        label = gettext("%(action)s, %(count)s times", action=label, count=count(len(equal)))
    return record, label, _who(record), list(details(record))


class Detail(NamedTuple):
    label: str
    value: object
    before: str | None = None  # the value before a change


def _subject(kind: str) -> str:
    label: str = gettext(SUBJECT_LABELS[kind])
    return label


def details(record: AuditRecord) -> Iterator[Detail]:
    stored = record.details
    # All deleted accounts share one id, so an entry may be about another person than its author.
    own_id = None if record.actor_id == DELETED_ID else record.actor_id
    if record.target and record.target_kind in SUBJECT_LABELS and record.target_id != own_id:
        yield Detail(_subject(record.target_kind), _target(record))
    if stored.get("user"):
        user_id = None if stored.get("ref") else stored.get("user_id")
        yield Detail(_subject("user"), _user(user_id, stored["user"]))
    if isinstance(stored.get("now"), dict):
        was = stored.get("was") or {}
        for name, value in stored["now"].items():
            label = PAGE_SETTINGS[name].label if name in PAGE_SETTINGS else FIELD_LABELS.get(name, name)
            yield Detail(translated(label), _shown(name, value), _shown(name, was.get(name)))
    labels = {name.removeprefix(f"{record.action} "): label for name, label in DETAIL_LABELS.items()}
    for name, label in labels.items():
        value = stored.get(name)
        if value is not False and value not in ("", None, []):
            yield Detail(str(label), _shown(name, value))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, int):
        return count(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    words = PAGE_SETTINGS[name].words if name in PAGE_SETTINGS else VALUE_WORDS.get(name, {})
    return translated(words.get(value or "", value or "–"))


def _who(record: AuditRecord) -> object:
    if record.actor_id is None:
        return _("The operator")
    return _user(record.actor_id, record.actor) if record.actor_id else _("A visitor")


def _target(record: AuditRecord) -> object:
    if record.target_kind == "community":
        return _link("panel_communities.community", record.target, community_id=record.target_id)
    return _user(record.target_id, record.target) if record.target_kind == "user" else record.target


def _user(user_id: str | None, name: str) -> object:
    if user_id == DELETED_ID:
        return _("Deleted account")
    return _link("panel_users.user", name, user_id=user_id) if user_id else name


def _link(endpoint: str, name: str, **values: Any) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url_for(endpoint, **values), name)
