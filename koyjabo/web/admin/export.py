"""/admin/export: visits, or daily sums, as a file, which is streamed."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response, request

from koyjabo.errors import Forbidden, InvalidInput
from koyjabo.visit_log.file_format import CSV, JSON_LINES, MIMETYPES
from koyjabo.visit_log.visit_log import Filter
from koyjabo.web.admin import bp
from koyjabo.web.admin.pages import me, my_login, page
from koyjabo.web.admin.visits import choices, filter_form
from koyjabo.web.api.visit_requests import Body
from koyjabo.web.current import current
from koyjabo.web.http.downloads import download
from koyjabo.web.ui.forms import Form

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
    name, accounts, session_id = f"{what}-{current().clock.today()}.{kind}", current().accounts, my_login().session_id

    def require() -> None:
        found = accounts.credentials.login_of(session_id)
        if found is None or not found.account.is_admin:
            raise Forbidden

    return download(pieces, name, MIMETYPES[kind], require)


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
