"""/n/…: a page about a visit's number, for anyone with its link."""

from typing import NamedTuple

from flask import Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _, ngettext

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import LANGUAGES, N_
from koyjabo.base.settings.schema import Settings
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.i18n import chosen_language, count, language, speaking
from koyjabo.web.limits import limits
from koyjabo.web.pages.links import site_origin
from .milestones import Milestones
from .own_numbers import OwnNumbers
from .stats import Stats
from .visits import Visits

bp = pages_blueprint("visits")

declare(bp, "/n/", PathPolicy.SECRET)


class UnknownNumber(KoyJaboError):
    status = 404
    sentence = N_("This number is not shown here. Only the link that was shared shows this number.")


class SharedVisit(NamedTuple):
    ordinal: int
    day: str  # YYYY-MM-DD
    after: int  # visits with a higher number, excluding totals that were added by hand
    stats: Stats  # the stats that `after` was computed from

    @property
    def address(self) -> str:
        """The URL to share. Unless it is the default, the language is included, for readers who have not chosen one."""
        code = language()
        return site_origin() + self.path(None if code == next(iter(LANGUAGES)) else code)

    def path(self, code: str | None) -> str:
        """The path, with the language if `code` is not None."""
        return url_for("pages_visits.visit_number", ordinal=self.ordinal, s=request.args["s"], lang=code)


@bp.get("/n/<int:ordinal>")
def visit_number(ordinal: int) -> str | Response:
    """Show the number, its day, and how many visits there have been since. 404 for a wrong signature."""
    visit = _shared(ordinal)
    if request.path != url_for("pages_visits.visit_number", ordinal=ordinal):  # for example with a trailing slash
        return redirect(visit.path(_named_language()), 301)  # type: ignore[return-value]
    with speaking(chosen_language() or _named_language() or language()):
        words = {"none": after_words(0), "one": after_words(1), "more": after_words(2)}
        is_own_milestone = "own" in request.args and bool(current()[Milestones].between(ordinal - 1, ordinal))
        page = {"visit": visit, "is_own_milestone": is_own_milestone, "words": words, "after": after_words}
        others = [code for code in LANGUAGES if code != language() and current()[Settings].speaks_bangla]
        translations = [(code, _title(code, visit)) for code in others]
        return render_template("counting/visit_number.html", translations=translations, **page)


def after_words(visits: int) -> str:
    """The text about how many visits there have been since, with `{count}` in place of the number."""
    if not visits:
        return str(_("It is the newest visit."))
    return str(
        ngettext(
            "There has been %(count)s visit since.", "There have been %(count)s visits since.", visits, count="{count}"
        )
    )


def _title(code: str, visit: SharedVisit) -> str:
    with speaking(code):
        return str(_("Visit no. %(number)s", number=count(visit.ordinal)))


def _shared(ordinal: int) -> SharedVisit:
    """The visit for a link with a valid signature. Query parameters that social networks add are ignored."""
    limits.count_address("shared_numbers")
    visits, own_numbers = current()[Visits], current()[OwnNumbers]
    stats, counted = visits.stats(), visits.site.snapshot.visits
    is_signed = own_numbers.is_valid(ordinal, stats.epoch, request.args.get("s", ""))
    if not is_signed:
        raise UnknownNumber
    visit = own_numbers.find(ordinal)
    if visit is None:
        abort(404)
    return SharedVisit(ordinal, visit.day, max(0, counted - visit.id), stats)


def _named_language() -> str | None:
    """The language in the query, if any."""
    code = request.args.get("lang")
    return code if code in LANGUAGES else None
