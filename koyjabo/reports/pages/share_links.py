"""/share/…: the reports of a share link, for anyone who has the link, and the WebSocket that pushes their numbers.

The pages that manage share links, in the panel and in communities.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from flask import Blueprint, Request, Response, make_response, render_template, request, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator

from koyjabo.base.core.clock import Days
from koyjabo.base.core.errors import close_code
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.base.core.services import Services
from koyjabo.columns.dimensions.dimensions import COMMUNITY
from koyjabo.people.accounts.login import login_limits
from koyjabo.people.accounts.throttle.login_throttle import LOGIN
from koyjabo.realtime.services import RealtimeServices
from koyjabo.reports import shares
from koyjabo.reports.api.shares import NewShareBody, Range, pass_cookie, require_pass
from koyjabo.reports.models import Share
from koyjabo.reports.query.parameters import is_filter, is_interval
from koyjabo.reports.query.report_query import DEFAULT
from koyjabo.reports.services import ReportServices
from koyjabo.reports.shares import PASS_S, ShareLocked, UnknownShare, WrongPassword
from koyjabo.reports.ui import breakdowns
from koyjabo.reports.ui.choices import filters_in_words, of_link, stored_chips
from koyjabo.reports.ui.live_views import LiveViews
from koyjabo.reports.ui.ranges import PRESETS, days_in_words
from koyjabo.reports.ui.view import view_of
from koyjabo.sockets import routes
from koyjabo.sockets.stream import Connection, Stream
from koyjabo.web.current import current, pages as bp
from koyjabo.web.forms.forms import Form
from koyjabo.web.http import cookies
from koyjabo.web.http.paths import PathPolicy, declare
from koyjabo.web.http.responses import no_store
from koyjabo.web.limits import limits
from koyjabo.web.login import page_login
from koyjabo.web.pages import links, management, pagination, redirects
from koyjabo.web.pages.redirects import done
from koyjabo.web.schemas.bodies import Body, NewPassword, Typed, TypedDay

EMPTY = BeforeValidator(lambda value: value or None)
TEMPLATE = "reports/shares"


class ShareFormBody(NewShareBody):
    """The form for a new link. `until` is its last valid day. Empty fields are None."""

    range: Annotated[Range, EMPTY] = None
    password: Annotated[NewPassword | None, EMPTY] = None
    until: TypedDay = None


class ShareDesk(NamedTuple):
    """The share link pages, in the panel or in a community. `show` renders a page. `args` are the arguments for all
    their URLs.
    """

    account: Account
    show: Callable[..., Response]
    endpoint: str  # the list's endpoint
    args: dict[str, Any] = {}

    @property
    def community_id(self) -> str | None:
        return self.args.get("community_id")

    def overview(self) -> Response:
        read = partial(current()[ReportServices].shares.page, self.account, community_id=self.community_id)
        return self.show(
            TEMPLATE,
            share_page=pagination.list_page(read),
            chips_of=self._chips_of,
            now_ms=current().clock.now_ms(),
            args=self.args,
        )

    def new(self) -> Response:
        return self._form(Form(ShareFormBody, {"range": _own_days() or request.args.get("range", "")}))

    def create(self) -> Response:
        """Create a link and show it once, because its token is not stored."""
        filters = _filters()
        if self.community_id is not None:
            filters[COMMUNITY] = [self.community_id]

        def create(body: ShareFormBody) -> str:
            _began, expires_ms = current().clock.range_ms(Days(None, body.until))
            _share, token = current()[ReportServices].shares.create(
                self.account,
                body.name,
                filters,
                body.range,
                body.password,
                expires_ms,
                login_limits.client(is_familiar=True),
            )
            return links.to("pages.share", token=token)

        form = Form(ShareFormBody)
        url = management.carry_out(form, create)
        return self._form(form) if url is None else self.show(TEMPLATE, url=url, back=self._path())

    def end(self, share_id: str) -> Response:
        """Revoke a link. Raises Unconfirmed, UnknownShare, Forbidden."""
        shares = current()[ReportServices].shares
        link = shares.find(self.account, share_id)
        effect = _("The link stops working at once, for everyone. This cannot be undone.")
        management.ask(_("Revoke the share link %(name)s?", name=link.name), effect, _("Revoke the link"), self._path())
        return done(
            N_("The share link %(name)s was revoked."),
            self.endpoint,
            shares.end(self.account, share_id).name,
            **self.args,
        )

    def _form(self, form: Form[ShareFormBody]) -> Response:
        problems = {breakdowns.label(name): reason for name, reason in form.errors.items() if is_filter(name)}
        values = {"form": form, "chips": stored_chips(_filters()), "problems": problems, "ranges": _ranges()}
        return self.show(TEMPLATE, status=management.status(form), back=self._path(), **values)

    def _chips_of(self, link: Share) -> list[str]:
        filters = json.loads(link.filters)
        if self.community_id is not None:
            filters.pop(COMMUNITY, None)
        return stored_chips(filters)

    def _path(self) -> str:
        return url_for(self.endpoint, **self.args)


def add_desk(bp: Blueprint, path: str, overview: str, desk: Callable[..., ShareDesk]) -> None:
    """Add the pages of a desk. `overview` is the list's endpoint, or "" if another page has the list. `desk` is called
    with the arguments of `path`.
    """
    if overview:
        bp.get(path, endpoint=overview)(lambda **args: desk(**args).overview())
    bp.get(f"{path}/new", endpoint="new_share")(lambda **args: desk(**args).new())
    bp.post(f"{path}/new", endpoint="create_share")(lambda **args: desk(**args).create())
    bp.post(f"{path}/<share_id>/end", endpoint="end_share")(lambda share_id, **args: desk(**args).end(share_id))


def _ranges() -> list[tuple[str, str]]:
    """Return the form's choices: the two days in the URL, if any, and the presets."""
    own = _own_days()
    others = [(name, str(label)) for name, (label, _key) in PRESETS.items() if name != DEFAULT]
    return [*([(own, days_in_words(*own.split("/")))] if own else []), ("", str(PRESETS[DEFAULT][0])), *others]


def _own_days() -> str:
    """Return the two days in the URL, or "" if there are none."""
    own_days = f"{request.args.get('start', '')}/{request.args.get('end', '')}"
    return own_days if is_interval(own_days) else ""


def _filters() -> dict[str, list[str]]:
    """Return the filters in the URL, in the grammar of reports, because Insights views link here with their own
    filters.
    """
    return {name: values for name, values in request.args.lists() if is_filter(name)}


declare(bp, "/share/", PathPolicy.SECRET)


class PasswordOfShareBody(Body):
    password: Typed


@bp.get("/share/<token>")
def share(token: str) -> Response:
    link = current()[ReportServices].shares.open(token)
    try:
        require_pass(link)
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
            proof = _unlock(link, body.password)
        except WrongPassword as error:
            form.errors["password"] = error.sentence
        else:
            response = redirects.with_query(url_for("pages.share", token=token))
            cookies.put(response, pass_cookie(link), proof, PASS_S)
            return response
    return _ask(link, form, 422)


def _ask(link: Share, form: Form[PasswordOfShareBody], status: int = 200) -> Response:
    return no_store(make_response(render_template("reports/share_password.html", link=link, form=form), status))


def _show(link: Share, token: str) -> Response:
    limits.count_address("shared_reports")
    shares.check(request.args.items(multi=True))
    base = of_link(link, shares.scope_of(link), current()[ReportServices].shares.filters(link))
    base = base._replace(path=url_for("pages.share", token=token), reports=f"/api/shares/{token}/reports")
    view, problems = view_of(base, request.args.items(multi=True))
    template = "reports/parts.html" if view.parts else "reports/share.html"
    filters = {name: kept for name, kept in base.filters.items() if name != COMMUNITY}  # its names are hidden
    chips = filters_in_words(filters, current()[ReportServices].shared_reports.label)
    page = render_template(template, link=link, token=token, filters=chips, view=view, problems=problems)
    return no_store(make_response(page, 400 if problems else 200))


def _unlock(link: Share, password: str) -> str:
    """Check the password and return the pass for `remember_pass`. Guesses are limited as for an account's password,
    across all addresses together.

    Raises WrongPassword, TooManyRequests, TooBusy, LedgerUnavailable.
    """
    with login_limits.password_attempt(f"share {link.id}", LOGIN):
        return current()[ReportServices].shares.unlock(link, password, login_limits.client())


SHARES = "shares"


class ShareStream(Stream):
    """The sockets of share links. They are closed within 10 s after the link is revoked or the reader's
    access expires.
    """

    kind = SHARES
    shows_views = True

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._links: dict[Connection, tuple[str, Share, str]] = {}  # token, link and pass

    def admit(self, connection: Connection, request: Request) -> None:
        token = (request.view_args or {})["token"]
        link = self._services[ReportServices].shares.open(token)
        self._links[connection] = token, link, require_pass(link)

    def send_present(self, connection: Connection) -> None:
        """Do nothing, because all events belong to the view."""

    def disconnected(self, connection: Connection, code: int) -> None:
        self._links.pop(connection, None)
        self._services[RealtimeServices].rooms.leave_view(connection)

    def show_view(self, connection: Connection, message: dict[str, Any]) -> None:
        if connection not in self._links:
            return
        token, link, _ = self._links[connection]
        base = of_link(link, shares.scope_of(link), self._services[ReportServices].shares.filters(link))
        check, rooms = partial(self._check, token, link), self._services[RealtimeServices].rooms
        name, source = self._services[LiveViews].of_link(base, message, check)
        rooms.show(connection, name, source)
        if connection not in self._links:
            rooms.leave_view(connection)

    def _check(self, token: str, link: Share) -> None:
        """Close the sockets of readers whose pass has expired. If the link no longer works, close all of its sockets
        and raise UnknownShare.

        Raises LedgerUnavailable.
        """
        links = self._services[ReportServices].shares
        readers = [(socket, proof) for socket, (_, known, proof) in list(self._links.items()) if known.id == link.id]
        try:
            link = links.open(token)
        except UnknownShare as error:
            for connection, _ in readers:
                connection.close(close_code(error), str(error))
            raise
        for connection, proof in readers:
            try:
                links.require_pass(link, proof)
            except ShareLocked as error:
                connection.close(close_code(error), str(error))


routes.STREAMS[SHARES] = ShareStream


@routes.bp.route("/ws/shares/<token>/", websocket=True)
def share_stream(token: str) -> Response:
    """Push a view's numbers to the share link page that shows it."""
    return routes.open_here(SHARES)
