"""/admin/export: visits, or daily sums, as a file, which is streamed."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from flask import Response, request

from koyjabo.accounts.accounts import Accounts
from koyjabo.errors import Forbidden, InvalidInput, KoyJaboError
from koyjabo.visit_log.file_format import CSV, JSON_LINES, MIMETYPES
from koyjabo.visit_log.visit_log import Filter
from koyjabo.web.admin import bp
from koyjabo.web.admin.pages import me, my_login, page
from koyjabo.web.admin.visits import choices, filter_form
from koyjabo.web.api.visit_requests import Body
from koyjabo.web.current import current
from koyjabo.web.ui.forms import Form

log = logging.getLogger(__name__)

VISITS, DAYS = "visits", "days"


@bp.get("/export")
def export() -> Response:
    return _show(_form({**request.args.to_dict(), "what": VISITS, "kind": CSV}))


@bp.post("/export")
def do_export() -> Response:
    form = _form(request.form.to_dict())
    what, kind = form.values["what"], form.values["kind"]
    try:
        pieces = _pieces(form.values, what, kind)
    except InvalidInput as error:
        form.errors.update(error.details)
        return _show(form, 422)
    name = f"{what}-{current().clock.today()}.{kind}"
    pieces = _log_errors(_while_allowed(pieces, current().accounts.credentials, my_login().session_id))
    unhurried = request.environ.get("koyjabo.unhurried")
    if unhurried is not None:  # other WSGI servers do not provide it
        pieces = unhurried(request.environ, pieces)
    attached = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(pieces, headers=attached, content_type=MIMETYPES[kind])


def _while_allowed(pieces: Iterator[str], accounts: Accounts, session_id: str) -> Iterator[str]:
    """Raises Forbidden, which breaks off the file, if the permission is revoked during the export."""
    for piece in pieces:
        found = accounts.login_of(session_id)
        if found is None or not found.account.is_admin:
            raise Forbidden
        yield piece


def _log_errors(pieces: Iterator[str]) -> Iterator[str]:
    """Log errors here: the response has begun, so it cannot report them."""
    try:
        yield from pieces
    except KoyJaboError as error:
        log.warning("export_broken_off code=%s", error.code)
        raise
    except Exception as error:
        log.exception("export_failed kind=%s", type(error).__name__)
        raise


def _pieces(values: dict[str, str], what: str, kind: str) -> Iterator[str]:
    """Raises InvalidInput."""
    log = current().visit_log
    which = Filter(**{name: values[name] for name in Filter._fields})
    return (log.export if what == VISITS else log.export_days)(me(), which, kind)


def _form(values: dict[str, str]) -> Form[Body]:
    """Invalid choices are replaced by the defaults."""
    form = filter_form(values)
    form.values["what"] = DAYS if values.get("what") == DAYS else VISITS
    form.values["kind"] = JSON_LINES if values.get("kind") == JSON_LINES else CSV
    return form


def _show(form: Form[Body], status: int = 200) -> Response:
    return page("export", status, form=form, choices=choices(form))
