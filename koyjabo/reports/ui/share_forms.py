"""The list of share links with its forms, for the panel and the pages of a community."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, NamedTuple

from flask import request
from flask_babel import gettext as _
from pydantic import BeforeValidator

from koyjabo.accounts.login import login_limits
from koyjabo.core.clock import Days
from koyjabo.core.errors import InvalidInput
from koyjabo.core.identity import Account
from koyjabo.reports.query.parameters import COMMUNITY, is_dimension, is_interval
from koyjabo.reports.query.ranges import DEFAULT
from koyjabo.reports.services import ReportServices
from koyjabo.reports.share_queries import OpenLink, ShareLink
from koyjabo.reports.shares import NewLink
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.filters import words
from koyjabo.reports.ui.ranges import PRESETS
from koyjabo.reports.ui.ranges import words as days
from koyjabo.reports.ui.share_requests import Range
from koyjabo.webkit.current import current
from koyjabo.webkit.forms.confirmation import Confirmation, confirm
from koyjabo.webkit.forms.forms import Form
from koyjabo.webkit.pages import links, pagination
from koyjabo.webkit.pages.pagination import ListPage
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Name, NewPassword
from koyjabo.webkit.schemas.moments import TypedDay

EMPTY = BeforeValidator(lambda value: value or None)
FIELDS = {"expires_at": "until"}
"""Fields of the form by those of the API, where they differ."""


class ShareFormBody(Body):
    """`until` is the last day on which the link is good. Fields that are left empty are None."""

    name: Name
    range: Annotated[Range, EMPTY] = None
    password: Annotated[NewPassword | None, EMPTY] = None
    until: TypedDay = None

    def link(self, filters: dict[str, list[str]]) -> NewLink:
        _began, expires_ms = current().clock.range_ms(Days(None, self.until))
        return NewLink(self.name, filters, self.range, self.password, expires_ms)


class NewShare(NamedTuple):
    """The page of a new link. `url` is shown once."""

    form: Form[ShareFormBody]
    chips: list[str]  # the filters, in words
    url: str = ""
    problems: Mapping[str, str] = {}  # of the filters, by their labels

    @property
    def status(self) -> int:
        return 422 if self.form.errors or self.problems else 200


def new() -> NewShare:
    return NewShare(Form(ShareFormBody, {"range": _own_days() or request.args.get("range", "")}), _chips(_filters()))


def create(account: Account, community_id: str | None = None) -> NewShare:
    """Carry out the form of the current request."""
    form, filters, url, problems = Form(ShareFormBody), _filters(), "", {}
    body = form.read()
    if body is not None:
        own = {} if community_id is None else {COMMUNITY: [community_id]}
        try:
            url = _create(account, body.link({**filters, **own}))
        except InvalidInput as error:
            said = error.details.items()
            problems = {cards.label(name): text for name, text in said if is_dimension(name)}
            form.errors = {FIELDS.get(name, name): text for name, text in said if not is_dimension(name)}
    return NewShare(form, _chips(filters), url, problems)


class ListedShare(NamedTuple):
    link: ShareLink
    chips: list[str]
    has_expired: bool


def listed(account: Account, community_id: str | None = None) -> ListPage[ListedShare]:
    page = pagination.list_page(partial(current()[ReportServices].shares.page, account, community_id=community_id))
    now_ms = current().clock.now_ms()

    def one(link: ShareLink) -> ListedShare:
        has_expired = link.expires_ms is not None and link.expires_ms <= now_ms
        shown = {name: values for name, values in link.filters.items() if community_id is None or name != COMMUNITY}
        return ListedShare(link, _chips(shown), has_expired)

    return ListPage(tuple(map(one, page.items)), *page[1:])


def end(account: Account, share_id: str, back: str) -> ShareLink:
    """Raises Unconfirmed, UnknownShare, Forbidden."""
    link = current()[ReportServices].shares.find(account, share_id)
    confirm(ending(link, back))
    return current()[ReportServices].shares.end(account, share_id)


def ending(link: ShareLink, back: str) -> Confirmation:
    effect = _("The link stops working at once, for everyone. This cannot be undone.")
    return Confirmation(_("Revoke the share link %(name)s?", name=link.name), (effect,), _("Revoke the link"), back)


def ranges() -> list[tuple[str, str]]:
    """The choices of the form: two days of the address, and the presets."""
    own = _own_days()
    others = [(name, str(label)) for name, (label, _key) in PRESETS.items() if name != DEFAULT]
    return [*([(own, days(*own.split("/")))] if own else []), ("", str(PRESETS[DEFAULT][0])), *others]


def _own_days() -> str:
    """Two days that the address names; "" if it names none."""
    own_days = f"{request.args.get('start', '')}/{request.args.get('end', '')}"
    return own_days if is_interval(own_days) else ""


def _create(account: Account, new: NewLink) -> str:
    _made, token = current()[ReportServices].shares.create(account, new, login_limits.client(is_familiar=True))
    return links.to("pages.share", token=token)


def _filters() -> dict[str, list[str]]:
    """Those of the address, in the grammar of reports: a view of Insights leads here with its own."""
    return {name: values for name, values in request.args.lists() if is_dimension(name)}


def _chips(filters: dict[str, list[str]]) -> list[str]:
    """In words; nothing for filters that cannot be: the form says so when it is sent."""
    pairs = [(name, value) for name, values in filters.items() for value in values]
    insights = current()[ReportServices].reports
    try:
        return words(insights.asked(pairs).question.filters, insights.label)
    except InvalidInput:
        return []


def shown(link: OpenLink) -> list[str]:
    """The filters of a link in words, for its visitors: without communities, whose names it does not show."""
    filters = {name: each for name, each in current()[ReportServices].shares.filters(link).items() if name != COMMUNITY}
    return words(filters, current()[ReportServices].shared_reports.label)
