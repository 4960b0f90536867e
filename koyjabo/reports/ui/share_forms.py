"""Share links in the panel and in communities, and the password that opens a link."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from flask import Response, request, url_for
from flask_babel import gettext as _
from pydantic import BeforeValidator, WithJsonSchema

from koyjabo.base.core.clock import Days
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.people.accounts.login import login_limits
from koyjabo.people.accounts.throttle.login_throttle import LOGIN
from koyjabo.reports.query.parameters import COMMUNITY, is_dimension, is_interval
from koyjabo.reports.query.ranges import DEFAULT, RANGES
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import OpenLink, ShareLink
from koyjabo.reports.shares import PASS_S, NewLink
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.filters import words
from koyjabo.reports.ui.ranges import PRESETS
from koyjabo.reports.ui.ranges import words as days
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.http import cookies
from koyjabo.web.pages import links, management, pagination
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.pagination import ListPage
from koyjabo.web.schemas.bodies import Body
from koyjabo.web.schemas.fields import NULL, Name, NewPassword, TypedDay, refuse

EMPTY = BeforeValidator(lambda value: value or None)
TEMPLATE = "reports/shares"


NOT_A_RANGE = N_(
    "must be one of today, yesterday, 7d, 30d, 90d, 365d, month, all, or two days such as 2026-11-01/2026-11-15"
)
DAYS = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{4}-[0-9]{2}-[0-9]{2}$"}


def _range(value: Any) -> str | None:
    if value is None or value in RANGES or (isinstance(value, str) and is_interval(value)):
        return None if value is None else str(value)
    raise refuse(NOT_A_RANGE)


Range = Annotated[
    str | None,
    BeforeValidator(_range),
    WithJsonSchema({"anyOf": [{"type": "string", "enum": list(RANGES)}, DAYS, NULL]}),
]


class ShareFormBody(Body):
    """The form of a share link. `until` is its last valid day. Empty fields are None."""

    name: Name
    range: Annotated[Range, EMPTY] = None
    password: Annotated[NewPassword | None, EMPTY] = None
    until: TypedDay = None

    def link(self, filters: dict[str, list[str]]) -> NewLink:
        _began, expires_ms = current().clock.range_ms(Days(None, self.until))
        return NewLink(self.name, filters, self.range, self.password, expires_ms)


class ListedShare(NamedTuple):
    link: ShareLink
    chips: list[str]
    has_expired: bool


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

    def list(self) -> Response:
        shares, now_ms = current()[ReportServices].shares, current().clock.now_ms()

        def listed(link: ShareLink) -> ListedShare:
            has_expired = link.expires_ms is not None and link.expires_ms <= now_ms
            hidden = () if self.community_id is None else (COMMUNITY,)
            shown = {name: values for name, values in link.filters.items() if name not in hidden}
            return ListedShare(link, _chips(shown), has_expired)

        links = pagination.list_page(partial(shares.page, self.account, community_id=self.community_id))
        return self.show(TEMPLATE, share_page=ListPage(tuple(map(listed, links.items)), *links[1:]), args=self.args)

    def new(self) -> Response:
        return self._form(Form(ShareFormBody, {"range": _own_days() or request.args.get("range", "")}))

    def create(self) -> Response:
        """Create a link and show it once, because its token is not stored."""
        own = {} if self.community_id is None else {COMMUNITY: [self.community_id]}

        def make(body: ShareFormBody) -> str:
            shares, client = current()[ReportServices].shares, login_limits.client(is_familiar=True)
            _made, token = shares.create(self.account, body.link({**_filters(), **own}), client)
            return links.to("pages.share", token=token)

        form = Form(ShareFormBody)
        url = management.carry_out(form, make)
        return self._form(form) if url is None else self.show(TEMPLATE, url=url, back=self._path())

    def end(self, share_id: str) -> Response:
        """Revoke a link. Raises Unconfirmed, UnknownShare, Forbidden."""
        shares = current()[ReportServices].shares
        link = shares.find(self.account, share_id)
        effect = _("The link stops working at once, for everyone. This cannot be undone.")
        management.ask(_("Revoke the share link %(name)s?", name=link.name), effect, _("Revoke the link"), self._path())
        return done("share_ended", self.endpoint, shares.end(self.account, share_id).name, **self.args)

    def _form(self, form: Form[ShareFormBody]) -> Response:
        problems = {cards.label(name): reason for name, reason in form.errors.items() if is_dimension(name)}
        values = {"form": form, "chips": _chips(_filters()), "problems": problems, "ranges": _ranges()}
        return self.show(TEMPLATE, status=management.status(form), back=self._path(), **values)

    def _path(self) -> str:
        return url_for(self.endpoint, **self.args)


def _ranges() -> list[tuple[str, str]]:
    """Return the form's choices: the two days in the URL, if any, and the presets."""
    own = _own_days()
    others = [(name, str(label)) for name, (label, _key) in PRESETS.items() if name != DEFAULT]
    return [*([(own, days(*own.split("/")))] if own else []), ("", str(PRESETS[DEFAULT][0])), *others]


def _own_days() -> str:
    """Return the two days in the URL, or "" if there are none."""
    own_days = f"{request.args.get('start', '')}/{request.args.get('end', '')}"
    return own_days if is_interval(own_days) else ""


def _filters() -> dict[str, list[str]]:
    """Return the filters in the URL, in the grammar of reports, because Insights views link here with their own
    filters.
    """
    return {name: values for name, values in request.args.lists() if is_dimension(name)}


def _chips(filters: dict[str, list[str]]) -> list[str]:
    """Return the filters in words. The list is empty for invalid filters, which the form reports when it is sent."""
    pairs = [(name, value) for name, values in filters.items() for value in values]
    insights = current()[ReportServices].reports
    try:
        return words(insights.asked(pairs).question.filters, insights.label)
    except InvalidInput:
        return []


def shown(link: OpenLink) -> list[str]:
    """Return a link's filters in words, for its visitors. Communities are left out, because their names are hidden."""
    filters = {name: kept for name, kept in current()[ReportServices].shares.filters(link).items() if name != COMMUNITY}
    return words(filters, current()[ReportServices].shared_reports.label)


def require_pass(link: OpenLink) -> str:
    """Return this browser's pass. Raises ShareLocked unless the browser may see the link's content."""
    proof = cookies.get(_cookie(link))
    current()[ReportServices].shares.require_pass(link, proof)
    return proof


def unlock(link: OpenLink, password: str) -> str:
    """Check the password and return the pass for `remember_pass`. Guesses are limited as for an account's password,
    across all addresses together.

    Raises WrongPassword, TooManyRequests, TooBusy, LedgerUnavailable.
    """
    with login_limits.password_attempt(f"share {link.id}", LOGIN):
        return current()[ReportServices].shares.unlock(link, password, login_limits.client())


def remember_pass(response: Response, link: OpenLink, proof: str) -> Response:
    cookies.put(response, _cookie(link), proof, PASS_S)
    return response


def _cookie(link: OpenLink) -> str:
    return f"share_{link.id[:8]}"
