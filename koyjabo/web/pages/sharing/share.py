"""/share/…: the reports of a share link, for everyone who has it."""

from __future__ import annotations

from flask import Response, make_response, render_template, request, url_for

from koyjabo.errors import ShareLocked, WrongPassword
from koyjabo.insights.ranges import DEFAULT
from koyjabo.sharing import shares
from koyjabo.sharing.queries import OpenLink
from koyjabo.web.api.account_requests import Typed
from koyjabo.web.api.visit_requests import Body
from koyjabo.web.current import current
from koyjabo.web.pages import bp
from koyjabo.web.pages.password_reset import secret
from koyjabo.web.security import page_login, rate_limits, share_password
from koyjabo.web.ui import redirects
from koyjabo.web.ui.forms import Form
from koyjabo.web.ui.insights import cards, share_forms
from koyjabo.web.ui.insights.base import Base
from koyjabo.web.ui.insights.view import view_of


class PasswordOfShareBody(Body):
    password: Typed


@bp.get("/share/<token>")
def share(token: str) -> Response:
    link = current().shares.open(token)
    try:
        share_password.require(link)
    except ShareLocked:
        return _ask(link, Form(PasswordOfShareBody))
    return _show(link, token)


@bp.post("/share/<token>")
def unlock_share(token: str) -> Response:
    page_login.check_own_page()
    link, form = current().shares.open(token), Form(PasswordOfShareBody)
    body = form.read()
    if body is not None:
        try:
            proof = share_password.unlock(link, body.password)
        except WrongPassword as error:
            form.errors["password"] = error.sentence
        else:
            return share_password.remember(redirects.with_query("pages.share", token=token), link, proof)
    return _ask(link, form, 422)


def _ask(link: OpenLink, form: Form[PasswordOfShareBody], status: int = 200) -> Response:
    return secret(make_response(render_template("share/password.html", link=link, form=form), status))


def _show(link: OpenLink, token: str) -> Response:
    rate_limits.count_shared_report()
    shares.check(request.args.items(multi=True))
    base = Base(
        url_for("pages.share", token=token),
        f"/api/shares/{token}/reports",
        shares.scope_of(link),
        cards.of_a_community(),
        current().shares.filters(link),
        range=link.range or DEFAULT,
        is_shared=True,
    )
    view, problems = view_of(base, request.args.items(multi=True))
    template = "insights/parts.html" if view.wanted else "share/share.html"
    page = render_template(template, link=link, filters=share_forms.shown(link), view=view, problems=problems)
    return secret(make_response(page, 400 if problems else 200))
