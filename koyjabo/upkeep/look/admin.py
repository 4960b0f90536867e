"""The mark and the preview, as a part of the row *Name* of the page Server."""

from collections.abc import Mapping
from typing import Any

from flask import Response, abort, request
from pydantic import ValidationError

from koyjabo.base.settings.schema import Settings
from koyjabo.counting.visits import Visits
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http.body_sizes import takes_file
from koyjabo.web.i18n import translated
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import ServerRow, save_row
from .mark import LARGE_MARK, MAX_MARK_BYTES, Mark, mark_of
from .site_marks import SiteMarks

bp = panel_blueprint("look")

NAME_ROW = "name"


class MarkPart(ServerRow):
    template = "look/server.html"
    part_of = NAME_ROW

    def read(self, form: Form[Any] | None) -> Mapping[str, Any]:
        return {
            "total": current()[Visits].site.snapshot.total,
            "problem": current()[SiteMarks].problem,
            "max_bytes": MAX_MARK_BYTES,
            "large_mark": translated(LARGE_MARK),
        }

    def check(self, changes: Mapping[str, str]) -> None:
        _sent_mark()

    def saved(self, form: Form[Any]) -> str:
        mark = _sent_mark()
        if mark or "remove_mark" in request.form:
            current()[SiteMarks].change(me(), mark)
        return ""


MARK_PARTS = {"mark": MarkPart()}


def _sent_mark() -> Mark | None:
    """The mark in the request's file, if there is one. Raises InvalidInput."""
    sent = request.files.get("mark")
    if not sent or not sent.filename:
        return None
    sent.stream.seek(0)
    return mark_of(sent.read(MAX_MARK_BYTES + 1))


@bp.post(f"/server/settings/{NAME_ROW}")
@takes_file
def change_look() -> Response:
    """Save the row *Name*. Unlike other rows, its form may have a file."""
    return save_row(NAME_ROW)


@bp.get("/server/colours")
def colours() -> Response:
    """The style of the site with the name and colour in the query, for the preview."""
    own = current()[Settings]
    values = {name: request.args.get(name.lower(), own.text_of(name)) for name in ("SITE_NAME", "SITE_COLOUR")}
    try:
        settings = Settings.model_validate({name: text for name, text in values.items() if text})
    except ValidationError:
        abort(400)
    return Response(settings.palette.style(), mimetype="text/css")
