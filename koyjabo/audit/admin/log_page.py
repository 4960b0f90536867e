"""/admin/audit: the audit log in sentences, by kind, user, action and days; and as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from koyjabo.audit.admin import sentences
from koyjabo.audit.log import ACTIONS, BY_OPERATOR, KINDS, Audit, AuditFilter, AuditPage, AuditRecord
from koyjabo.core import spreadsheet
from koyjabo.core.clock import iso
from koyjabo.core.errors import InvalidInput
from koyjabo.core.identity import DELETED
from koyjabo.webkit.blueprints import admin as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.http.downloads import download
from koyjabo.webkit.pages import pagination
from koyjabo.webkit.panel import for_viewers
from koyjabo.webkit.panel.pages import cursor, me, page, while_admin
from koyjabo.webkit.schemas.bodies import Body

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
    """CSV, the oldest record first."""
    form = _form(request.form.to_dict())
    pieces = current()[Audit].export(me(), **form.values)
    name = f"audit-{current().clock.today()}.{spreadsheet.CSV}"
    return download(_lines(pieces), name, spreadsheet.MIMETYPES[spreadsheet.CSV], while_admin())


def _lines(pieces: Iterator[tuple[AuditRecord, ...]]) -> Iterator[str]:
    yield spreadsheet.head(spreadsheet.CSV, COLUMNS)
    for records in pieces:
        yield spreadsheet.lines(spreadsheet.CSV, map(_row, records))


def _row(record: AuditRecord) -> dict[str, Any]:
    details = json.dumps(record.details, ensure_ascii=False) if record.details else ""
    values = {**record._asdict(), "at": iso(record.at_ms), "details": details}
    return {name: values[name] for name in COLUMNS}


def _form(values: dict[str, str]) -> Form[Body]:
    form = Form(Body, {name: values.get(name, "").strip() for name in AuditFilter._fields})
    if form.values["kind"] not in KINDS:
        form.values["kind"] = "changes"
    return form


def _show(form: Form[Body], audit_page: AuditPage, status: int = 200) -> Response:
    kinds = {"changes": _("Changes"), "arrivals": _("Sign-ups and joins"), "sign_ins": _("Sign-ins"), "all": _("All")}
    return page(
        "audit/audit",
        status,
        form=form,
        lines=[(record, sentences.sentence(record), sentences.details(record)) for record in audit_page.lines],
        older=pagination.this_page(before=audit_page.before) if audit_page.before is not None else None,
        tabs=[(_tab(kind), words, kind == form.values["kind"]) for kind, words in kinds.items()],
        people=[
            ("", _("Anyone")),
            (BY_OPERATOR, _("Command line")),
            *_people(audit_page, form.values["actor"]).items(),
        ],
        actions=[("", _("All")), *((name, sentences.action_name(name)) for name in ACTIONS)],
        is_filtered=any(value for name, value in form.values.items() if name != "kind"),
    )


def _tab(kind: str) -> str:
    return pagination.this_page(kind=kind, action=None, before=None)


def _people(audit_page: AuditPage, chosen: str) -> dict[str, str]:
    """The users to choose from, names by id: those on this page, and the chosen one."""
    people = {line.actor_id: line.actor for line in audit_page.lines if line.actor_id not in (None, "", DELETED)}
    if chosen not in ("", BY_OPERATOR, *people):
        people[chosen] = chosen
    return dict(sorted(people.items(), key=lambda each: each[1].casefold()))
