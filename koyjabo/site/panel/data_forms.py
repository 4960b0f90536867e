"""The forms of exports and erasure on the page Server."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from koyjabo.base.core.i18n import N_
from koyjabo.communities.ui import choices
from koyjabo.reports.visits.ui.filters import facts, filter_form
from koyjabo.web.forms.forms import Form
from koyjabo.web.forms.sent_form import declare_texts
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import VisitorId

EXPORT_ROW, ERASURE_ROW = "export", "erasure"

EXPORT_OF_VISITS, EXPORT_OF_DAYS = "visits", "days"
NARROWING_FIELDS = ("community_id", "who", "evidence", "network", "own", "place")
"""Fields of the export form that are hidden until one is set."""

declare_texts(visitor_id=N_("Visitor ID"), place=N_("Location"))


class ErasureBody(Body):
    """A visitor whose data is to be erased."""

    visitor_id: Annotated[VisitorId, BeforeValidator(str.strip)]


def export_form(values: dict[str, Any]) -> Form[Body]:
    """The export form. Invalid choices are replaced with the defaults."""
    form = filter_form(values)
    form.values["what"] = EXPORT_OF_DAYS if values.get("what") == EXPORT_OF_DAYS else EXPORT_OF_VISITS
    return form


def export_choices(form: Form[Body]) -> dict[str, Any]:
    """What the export form offers."""
    return {
        "is_narrowed": any(form.values[name] or name in form.errors for name in NARROWING_FIELDS),
        "communities": choices(form.values["community_id"]),
        "facts": facts(),
    }
