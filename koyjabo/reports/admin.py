"""The panel's pages for annotations and share links."""

from flask import Response, request, url_for

from koyjabo.base.core.i18n import N_
from koyjabo.base.database.rows import Page
from koyjabo.base.models import SITE
from koyjabo.reports.pages.share_links import ShareDesk, add_desk
from koyjabo.web.current import admin as bp, current
from koyjabo.web.forms.forms import Form
from koyjabo.web.pages import management, pagination, redirects
from koyjabo.web.pages.redirects import Undo, say
from koyjabo.web.panel import for_viewers
from koyjabo.web.panel.pages import me, page
from koyjabo.web.schemas.bodies import Body
from .annotation_queries import AnnotationEntry
from .annotations import MAX_LENGTH
from .services import ReportServices

LIST = "admin.list_annotations"


class AnnotationBody(Body):
    """The form for an annotation: a day, and what happened on it."""

    day: str
    text: str


@bp.get("/annotations")
@for_viewers
def list_annotations() -> Response:
    """List the annotations. In the query, `next` is the path to return to after the form, and `day` is the day that the
    form suggests.
    """
    return _show(Form(AnnotationBody, {"day": request.args.get("day", current().clock.today())}))


@bp.post("/annotations")
def add_annotation() -> Response:
    form, annotations = Form(AnnotationBody), current()[ReportServices].annotations
    added = management.carry_out(form, lambda body: annotations.add(me(), SITE, body.day, body.text))
    return _show(form) if added is None else say(redirects.back(LIST), N_("The note was added."))


@bp.post("/annotations/<annotation_id>/remove")
def remove_annotation(annotation_id: str) -> Response:
    removed = current()[ReportServices].annotations.remove(me(), annotation_id)
    undo = Undo(url_for("admin.add_annotation"), {"day": removed.day, "text": removed.text})
    return say(redirects.back(LIST), N_("The note was removed."), undo=undo)


def _show(form: Form[AnnotationBody]) -> Response:
    return page(
        "reports/annotations",
        management.status(form),
        entries=pagination.list_page(_newest, LIST),
        form=form,
        back=redirects.path_back("admin.overview"),
        longest=MAX_LENGTH,
    )


def _newest(start: int, number: int) -> Page[AnnotationEntry]:
    entries = current()[ReportServices].annotations.between(SITE, "1971-01-01", current().clock.today())[::-1]
    return Page(tuple(entries[start : start + number]), len(entries))


def _desk() -> ShareDesk:
    return ShareDesk(me(), page, "admin.connect")


add_desk(bp, "/connect/shares", "", _desk)
