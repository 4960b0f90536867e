"""/share/…: the reports of a share link, for anyone who has the link."""

from flask import Response, make_response, render_template, request, url_for

from koyjabo.columns.dimensions.dimensions import COMMUNITY
from koyjabo.people.accounts.login import login_limits
from koyjabo.people.accounts.throttle.login_throttle import LOGIN_GUESS
from koyjabo.reports.engine.insights import Insights
from koyjabo.reports.share_links.models import Share
from koyjabo.reports.share_links.passes import PASS_S
from koyjabo.reports.share_links.reader import context_of, pass_cookie, require_pass
from koyjabo.reports.share_links.share_links import ShareLinks, ShareLocked, WrongPassword, check
from koyjabo.reports.ui.filters import filters_in_words
from koyjabo.reports.ui.view import view_of
from koyjabo.web.blueprints import pages_blueprint
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http import cookies
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import no_store
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login
from koyjabo.web.pages import redirects
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import Typed

bp = pages_blueprint("shares")

declare(bp, "/share/", PathPolicy.SECRET)


class PasswordOfShareBody(Body):
    password: Typed


@bp.get("/share/<token>")
def share(token: str) -> Response:
    link = current()[ShareLinks].open(token)
    try:
        require_pass(link)
    except ShareLocked:
        return _ask(link, Form(PasswordOfShareBody))
    return _show(link, token)


@bp.post("/share/<token>")
def unlock_share(token: str) -> Response:
    page_login.check_own_page()
    link, form = current()[ShareLinks].open(token), Form(PasswordOfShareBody)
    body = form.read()
    if body is not None:
        try:
            # Guesses are limited as for an account's password, across all addresses together.
            with login_limits.password_attempt(f"share {link.id}", LOGIN_GUESS):
                proof = current()[ShareLinks].unlock(link, body.password, login_limits.client())
        except WrongPassword as error:
            form.errors["password"] = error.sentence
        else:
            response = redirects.with_query(url_for("pages_shares.share", token=token))
            cookies.put(response, pass_cookie(link), proof, PASS_S)
            return response
    return _ask(link, form, 422)


def _ask(link: Share, form: Form[PasswordOfShareBody], status: int = 200) -> Response:
    return no_store(make_response(render_template("share_links/password.html", link=link, form=form), status))


def _show(link: Share, token: str) -> Response:
    limits.count_address("shared_reports")
    check(request.args.items(multi=True))
    base = context_of(link, current()[ShareLinks])._replace(
        path=url_for("pages_shares.share", token=token), reports=f"/api/shares/{token}/reports"
    )
    view, problems = view_of(base, request.args.items(multi=True))
    template = "reports/parts.html" if view.plan.parts else "share_links/shared_report.html"
    filters = {name: kept for name, kept in base.filters.items() if name != COMMUNITY}  # its names are hidden
    chips = filters_in_words(filters, current()[Insights].for_public().label)
    page = render_template(
        template,
        link=link,
        token=token,
        filters=chips,
        is_of_community=COMMUNITY in base.filters,
        view=view,
        problems=problems,
    )
    return no_store(make_response(page, 400 if problems else 200))
