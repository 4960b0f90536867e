"""The mark and the preview, as a part of the row *Name* of the page Server."""

from collections.abc import Mapping
from typing import Any

from flask import Response, abort, request
from pydantic import ValidationError

from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import translated
from koyjabo.web.panel import panel_blueprint
from koyjabo.web.panel.pages import me
from koyjabo.web.panel.server_page import ServerRow
from .mark import LARGE_MARK, MAX_MARK_BYTES, Mark, mark_of
from .site_marks import SiteMarks

bp = panel_blueprint("look")


class MarkPart(ServerRow):
    template = "look/server.html"
    part_of = "name"

    def read(self, form: Form[Any] | None) -> Mapping[str, Any]:
        return {
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
    if not sent:  # or without a name, if no file was chosen
        return None
    sent.stream.seek(0)
    return mark_of(sent.read(MAX_MARK_BYTES + 1))


@bp.get("/server/colours")
def colours() -> Response:
    """The style of a site with the SITE_NAME and SITE_COLOUR in the query, for the preview."""
    names = request.args.keys() & {"SITE_NAME", "SITE_COLOUR"}
    try:
        settings = Settings.model_validate({name: request.args[name] for name in names if request.args[name]})
    except ValidationError:
        abort(400)
    return Response(settings.palette.style(), mimetype="text/css")
