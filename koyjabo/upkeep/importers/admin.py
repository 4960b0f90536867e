"""/admin/data/import: an admin uploads a file, sees what importing it would do, and then imports it or cancels."""

from flask import Response, request

from koyjabo.base.core.errors import FileImportUnderWay
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.sanitize import truncate
from koyjabo.web.current import admin as bp, current
from koyjabo.web.http.paths import LARGEST_FILE
from koyjabo.web.pages import redirects
from koyjabo.web.panel import with_file
from koyjabo.web.panel.pages import me, page
from . import queries
from .export import NAMES, OWN
from .file_imports import FileImports, new_file
from .importing import SUMS, ImportSource

LONGEST_SITE = 40
NO_FILE = N_("Choose a file first.")
UNKNOWN_PROGRAM = N_("Choose where the file is from.")


@bp.get("/data/import")
def imports() -> Response:
    return show()


def show(status: int = 200, problem: str = "") -> Response:
    newest = current()[FileImports].state(me())
    return page(
        "importers/import",
        status,
        current=newest,
        upload=newest and ImportSource(*newest.file),
        problem=problem,
        names=NAMES,
        largest=LARGEST_FILE,
    )


@bp.post("/data/import")
@with_file(new_file)
def upload_import() -> Response:
    """Receive a file. Errors are shown on this page, without a redirect."""
    file, program = request.files.get("file"), request.form.get("program", "")
    if file is None or not file.filename or not _size(file.stream):
        return show(422, NO_FILE)
    if program != OWN and program not in NAMES:
        return show(422, UNKNOWN_PROGRAM)
    site = truncate(request.form.get("site", "").strip())[:LONGEST_SITE] if program in SUMS else ""
    even_folded = "even_folded" in request.form and program not in SUMS
    name = truncate("".join(char for char in file.filename if char.isprintable()))
    try:
        source = ImportSource(name, _size(file.stream), program, site, even_folded)
        current()[FileImports].begin(me(), file.stream, source)
    except FileImportUnderWay as error:
        return show(409, error.sentence)
    return redirects.to("admin.imports")


@bp.post("/data/import/<int:number>/<any(import, cancel):what>")
def answer_import(number: int, what: str) -> Response:
    """Import or cancel the checked file with this number."""
    if not current()[FileImports].ask(me(), number, queries.IMPORT if what == "import" else queries.CANCEL):
        return show(409, N_("This import can no longer be confirmed."))
    return redirects.to("admin.imports")


def _size(file: object) -> int:
    end: int = file.seek(0, 2)  # type: ignore[attr-defined]
    return end
