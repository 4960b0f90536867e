"""/admin/audit: the audit log, filtered by kind, user, action and days, with an export to a file.

An entry shows its action's label, its author and time, and its details as labels and values.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from flask import Response, request, url_for
from flask_babel import gettext, lazy_gettext as _
from flask_babel.speaklater import LazyString
from markupsafe import Markup

from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import iso
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.identity import DELETED
from koyjabo.web.current import admin as bp, current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.responses import download
from koyjabo.web.i18n import count, translated
from koyjabo.web.pages import pagination
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import cursor, me, page, while_admin
from koyjabo.web.schemas.bodies import Body
from .log import BY_OPERATOR, FILTERS, KINDS, Audit, AuditPage
from .queries import AuditRecord

KIND_LABELS = {"changes": _("Changes"), "arrivals": _("Sign-ups and joins"), "sign_ins": _("Sign-ins"), "all": _("All")}
"""Labels of the kinds. The last one includes actions that are no longer recorded."""

COLUMNS = ("at", *(name for name in AuditRecord._fields if name not in ("id", "at_ms")))


@bp.get("/audit")
@for_viewers
def audit() -> Response:
    form = _form(request.args.to_dict())
    try:
        audit_page = current()[Audit].page(me(), cursor("before"), **form.values)
    except InvalidInput as error:
        form.errors.update(error.details)
        if not error.details:
            raise
        return _show(form, AuditPage((), None), 400)
    return _show(form, audit_page)


@bp.post("/audit/export")
def export_audit() -> Response:
    """Export the matching records as CSV, oldest first."""
    form = _form(request.form.to_dict())
    pieces = current()[Audit].export(me(), **form.values)
    name = f"audit-{current().clock.today()}.csv"
    return download(_lines(pieces), name, spreadsheet.MIMETYPE, while_admin())


def _lines(pieces: Iterator[tuple[AuditRecord, ...]]) -> Iterator[str]:
    yield spreadsheet.head(COLUMNS)
    for records in pieces:
        yield spreadsheet.lines(map(_row, records))


def _row(record: AuditRecord) -> dict[str, Any]:
    details = json.dumps(record.details, ensure_ascii=False) if record.details else ""
    values = {**record._asdict(), "at": iso(record.at_ms), "details": details}
    return {name: values[name] for name in COLUMNS}


def _form(values: dict[str, str]) -> Form[Body]:
    form = Form(Body, {name: values.get(name, "").strip() for name in FILTERS})
    if form.values["kind"] not in KIND_LABELS:
        form.values["kind"] = "changes"
    return form


def _show(form: Form[Body], audit_page: AuditPage, status: int = 200) -> Response:
    labels = {action: gettext(label) for kind in KINDS.values() for action, label in kind.items()}
    return page(
        "audit/audit",
        status,
        form=form,
        lines=[
            (record, labels.get(record.action, record.action), _who(record), list(details(record)))
            for record in audit_page.lines
        ],
        older=pagination.this_page(before=audit_page.before) if audit_page.before is not None else None,
        kinds=list(KIND_LABELS.items()),
        people=[
            ("", _("Anyone")),
            (BY_OPERATOR, _("Command line")),
            *_people(audit_page, form.values["actor"]).items(),
        ],
        actions=[("", _("All")), *sorted(labels.items(), key=lambda label: label[1])],
        is_filtered=any(value for name, value in form.values.items() if name != "kind"),
    )


def _people(audit_page: AuditPage, chosen: str) -> dict[str, str]:
    """The users to choose from, as names by id: the ones on this page, and the chosen one."""
    people = {line.actor_id: line.actor for line in audit_page.lines if line.actor_id not in (None, "", DELETED)}
    if chosen not in ("", BY_OPERATOR, *people):
        people[chosen] = chosen
    return dict(sorted(people.items(), key=lambda person: person[1].casefold()))


TARGETS: Mapping[str, LazyString] = {
    "community": _("Community"),
    "user": _("User"),
    "key": _("Key"),
    "share": _("Share link"),
}
"""Labels for an action's target, by kind."""

FIELDS: Mapping[str, LazyString] = {
    "name": _("Name"),
    "name_bn": _("Name in Bangla"),
    "description": _("Description"),
    "description_bn": _("Description in Bangla"),
    "is_open": _("Open"),
    "is_listed": _("Listed"),
    "count_anonymous": _("Count all visits"),
    "public_count": _("Public numbers"),
}
"""Labels for a community's fields."""

LABELS: Mapping[str, LazyString] = {
    "role": _("Role"),
    "before": _("Before"),
    "after": _("After"),
    "fields": _("Changed"),
    "is_admin": _("Admin"),
    "method": _("Method"),
    "name": _("Name"),
    "failures": _("Failed logins in a row"),
    "sessions": _("Sessions"),
    "browser": _("Browser"),
    "from": _("Location"),
    "reason": _("Reason"),
    "new_epoch": _("New count"),
    "agrees": _("All numbers agree"),
    "error": _("Error"),
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
"""Labels for the details shown, by name, or by action and name. Ids appear only in the exported file."""

ROLES = {"member": _("Member"), "moderator": _("Moderator"), "viewer": _("Viewer"), "admin": _("Admin")}
WORDS: Mapping[str, Mapping[str, LazyString]] = {
    "role": ROLES,
    "before": ROLES,
    "fields": {"name": _("Name"), "email": _("Email"), "name, email": _("Name and email")},
    "method": {"totp": _("Authenticator app")},
    "state": {"open": _("Not done"), "done": _("Done"), "skipped": _("Skipped")},
}
"""Labels for values that are internal names, by detail name."""


class Detail(NamedTuple):
    label: str
    value: object
    before: str | None = None  # the value before a change


def details(record: AuditRecord) -> Iterator[Detail]:
    stored = record.details
    # All deleted accounts share one id, so an entry may be about another person than its author.
    own_id = None if record.actor_id == DELETED else record.actor_id
    if record.target and record.target_kind in TARGETS and record.target_id != own_id:
        yield Detail(str(TARGETS[record.target_kind]), _target(record))
    if stored.get("user"):
        yield Detail(str(TARGETS["user"]), _user(None if stored.get("ref") else stored.get("user_id"), stored["user"]))
    if isinstance(stored.get("now"), dict):
        was = stored.get("was") or {}
        for name, value in stored["now"].items():
            yield Detail(str(FIELDS.get(name, name)), _shown(name, value), _shown(name, was.get(name)))
    # Of a log export's conditions, only the days are shown. The others are internal names and ids.
    conditions = stored.get("filter") or {}
    named = {**stored, **{name: conditions[name] for name in ("first_day", "last_day") if name in conditions}}
    labels = {name.removeprefix(f"{record.action} "): label for name, label in LABELS.items()}
    for name, label in labels.items():
        value = named.get(name)
        if value is not False and value not in ("", None, []):
            yield Detail(str(label), _shown(name, value))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, int):
        return count(value)
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(WORDS.get(name, {}).get(value) or translated(value)) if value else "–"


def _who(record: AuditRecord) -> object:
    if record.actor_id is None:
        return _("The operator")
    return _user(record.actor_id, record.actor) if record.actor_id else _("A visitor")


def _target(record: AuditRecord) -> object:
    if record.target_kind == "community":
        return _link("admin.community", record.target, community_id=record.target_id)
    return _user(record.target_id, record.target) if record.target_kind == "user" else record.target


def _user(user_id: str | None, name: str) -> object:
    if user_id == DELETED:
        return _("Deleted account")
    return _link("admin.user", name, user_id=user_id) if user_id else name


def _link(endpoint: str, name: str, **values: Any) -> Markup:
    return Markup('<a href="{}">{}</a>').format(url_for(endpoint, **values), name)
