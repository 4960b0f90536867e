"""/share/…: the reports of a share link, for anyone who has the link."""

from __future__ import annotations

from flask import Response, make_response, render_template, request, url_for

from koyjabo.reports import shares
from koyjabo.reports.errors import ShareLocked, WrongPassword
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import OpenLink
from koyjabo.reports.ui import share_forms, share_password
from koyjabo.reports.ui.base import of_link
from koyjabo.reports.ui.view import view_of
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.http.responses import no_store
from koyjabo.webkit.limits import limits
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages import redirects
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Typed


class PasswordOfShareBody(Body):
    password: Typed


@bp.get("/share/<token>")
def share(token: str) -> Response:
    link = current()[ReportServices].shares.open(token)
    try:
        share_password.require(link)
    except ShareLocked:
        return _ask(link, Form(PasswordOfShareBody))
    return _show(link, token)


@bp.post("/share/<token>")
def unlock_share(token: str) -> Response:
    page_login.check_own_page()
    link, form = current()[ReportServices].shares.open(token), Form(PasswordOfShareBody)
    body = form.read()
    if body is not None:
        try:
            proof = share_password.unlock(link, body.password)
        except WrongPassword as error:
            form.errors["password"] = error.sentence
        else:
            return share_password.remember(redirects.with_query(url_for("pages.share", token=token)), link, proof)
    return _ask(link, form, 422)


def _ask(link: OpenLink, form: Form[PasswordOfShareBody], status: int = 200) -> Response:
    return no_store(make_response(render_template("reports/share_password.html", link=link, form=form), status))


def _show(link: OpenLink, token: str) -> Response:
    limits.count_address("shared_reports")
    shares.check(request.args.items(multi=True))
    base = of_link(link, shares.scope_of(link), current()[ReportServices].shares.filters(link))
    base = base._replace(path=url_for("pages.share", token=token), reports=f"/api/shares/{token}/reports")
    view, problems = view_of(base, request.args.items(multi=True))
    template = "reports/parts.html" if view.parts else "reports/share.html"
    filters = share_forms.shown(link)
    page = render_template(template, link=link, token=token, filters=filters, view=view, problems=problems)
    return no_store(make_response(page, 400 if problems else 200))
