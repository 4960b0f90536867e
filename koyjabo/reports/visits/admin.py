"""/admin/visits: all visits by number, with one search field and filters; each visit has its own page."""

from flask import Response, abort, request
from flask_babel import gettext as _

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.communities.ui import choices
from koyjabo.counting.visits import Visits
from koyjabo.web import i18n
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.pages import pagination
from koyjabo.web.pages.pagination import Sorting
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import cursor, me, page
from koyjabo.web.schemas.bodies import Body
from .attended_times import LiveTimes
from .ui import texts, visit_filters
from .ui.visit_filters import filter_form, with_counts
from .visit_list import VisitFilter, VisitList, VisitSlice

bp = panel_blueprint("visits")

NUMBER_ORDER = "number"
"""The only order offered, because it follows the primary key. Any other order would need an index, which would slow
down every registration.
"""

CURSORS = ("before", "after")
PARAMETERS = frozenset({*VisitFilter._fields, *CURSORS, "sort"})
UNKNOWN_FILTER = N_("is not a filter of visits")


@bp.get("/visits")
@for_viewers
def visits() -> Response:
    form = filter_form(request.args.to_dict())
    listed, which = current()[VisitList], VisitFilter(**form.values)
    sorting = Sorting.of(request, (NUMBER_ORDER,), f"-{NUMBER_ORDER}", CURSORS)
    try:
        if unknown := request.args.keys() - PARAMETERS:
            raise InvalidInput(details=dict.fromkeys(sorted(unknown), UNKNOWN_FILTER))
        is_newest_first = sorting.order != NUMBER_ORDER
        visit_slice = listed.slice(me(), which, cursor("before"), after=cursor("after"), newest_first=is_newest_first)
        counted = listed.count(me(), which)
    except InvalidInput as error:
        form.errors.update(error.details)
        if not error.details:
            raise
        return _show(form, VisitSlice(), "", sorting, 400)
    total = 0 if any(which) else current()[Visits].stats().total
    is_all = not counted.is_complete or counted.visits == total
    return _show(form, visit_slice, visit_filters.results(counted), sorting, total=0 if is_all else total)


@bp.get("/visits/<int:ordinal>")
@for_viewers
def visit(ordinal: int) -> Response:
    same_number = current()[VisitList].visits_of(me(), ordinal)
    if not same_number:
        abort(404)
    live_times = current()[LiveTimes].read()
    return page("visits/visit", visit=same_number[0], earlier=same_number[1:], live_times=live_times)


def _show(
    form: Form[Body], visit_slice: VisitSlice, results: str, sorting: Sorting, status: int = 200, total: int = 0
) -> Response:
    """Show the list. `total` is the site's total, if the number of visits in the list differs from it."""
    communities = choices(form.values["community_id"])
    days = VisitFilter() if form.errors else VisitFilter(form.values["first_day"], form.values["last_day"])
    frequent, browser = current()[VisitList].frequent(me(), days), form.values["browser"]
    browsers = {"": _("All"), **{name: name for name, _count in frequent.browsers}}
    browsers.setdefault(browser, browser)
    page_names = texts.page_names([form.values["page"], *(name for name, _count in frequent.pages)])
    return page(
        "visits/visits",
        status,
        form=form,
        visit_slice=visit_slice,
        live_times=current()[LiveTimes].read() if visit_slice.visits else {},
        results=results,
        total=total,
        site_total=current()[Visits].stats().total,
        sorting=sorting,
        older=pagination.this_page(before=visit_slice.before, after=None) if visit_slice.before is not None else None,
        newer=pagination.this_page(after=visit_slice.after, before=None) if visit_slice.after is not None else None,
        choices=communities,
        chips=visit_filters.chips(form, communities),
        facts=visit_filters.facts(),
        presets=visit_filters.presets(form, current().clock.today()),
        pages=with_counts(frequent.pages, form.values["page"], page_names.__getitem__),
        places=with_counts(frequent.places, form.values["place"], i18n.place),
        sources=with_counts(frequent.sources, form.values["source"], visit_filters.source),
        browsers=[*browsers.items()],
    )
