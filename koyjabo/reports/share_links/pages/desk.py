"""The pages that manage share links, in the panel and in communities: list, create and revoke."""

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple

from flask import Blueprint, Response, request, url_for
from flask_babel import gettext
from pydantic import BeforeValidator

from koyjabo.base.core.days import Days
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account
from koyjabo.columns.dimensions.dimensions import COMMUNITY
from koyjabo.people.accounts.login import login_limits
from koyjabo.reports.query.parameters import is_filter, is_interval
from koyjabo.reports.query.ranges import DEFAULT_RANGE
from koyjabo.reports.share_links.models import Share
from koyjabo.reports.share_links.share_links import ShareLinks
from koyjabo.reports.share_links.share_schemas import NewShareBody, Range
from koyjabo.reports.ui import cards
from koyjabo.reports.ui.filters import stored_chips
from koyjabo.reports.ui.range_picker import PRESETS, days_in_words
from koyjabo.web.current import current
from koyjabo.web.forms.forms import Form
from koyjabo.web.pages import links, management, pagination
from koyjabo.web.pages.flash import done
from koyjabo.web.schemas.fields import NewPassword, TypedDay

EMPTY_AS_NONE = BeforeValidator(lambda value: value or None)
TEMPLATE = "share_links/share_links"


class ShareFormBody(NewShareBody):
    """The form for a new link. `until` is its last valid day. Empty fields are None."""

    range: Annotated[Range, EMPTY_AS_NONE] = None
    password: Annotated[NewPassword | None, EMPTY_AS_NONE] = None
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
        return self.show(TEMPLATE, **self._links())

    def new(self) -> Response:
        return self._form(Form(ShareFormBody, {"range": _own_days() or request.args.get("range", "")}))

    def create(self) -> Response:
        """Create a link and show it."""
        filters = _filters()
        if self.community_id is not None:
            filters[COMMUNITY] = [self.community_id]

        def create(body: ShareFormBody) -> tuple[str, str]:
            _began, expires_ms = current().clock.range_ms(Days(None, body.until))
            share, token = current()[ShareLinks].create(
                self.account,
                body.name,
                filters,
                body.range,
                body.password,
                expires_ms,
                login_limits.client(is_familiar=True),
            )
            return _url(token), share.name

        form = Form(ShareFormBody)
        created = management.carry_out(form, create)
        return self._form(form) if created is None else self.show(TEMPLATE, created=created, back=self._path())

    def end(self, share_id: str) -> Response:
        """Revoke a link. Raises Unconfirmed, UnknownShare, Forbidden."""
        share_links = current()[ShareLinks]
        link = share_links.find(self.account, share_id)
        effect = gettext("The link stops working at once, for everyone. This cannot be undone.")
        management.ask(
            gettext("Revoke the share link %(name)s?", name=link.name), effect, gettext("Revoke the link"), self._path()
        )
        return done(
            N_("The share link %(name)s was revoked."),
            self.endpoint,
            share_links.end(self.account, share_id).name,
            **self.args,
        )

    def _form(self, form: Form[ShareFormBody]) -> Response:
        problems = {cards.label(name): reason for name, reason in form.errors.items() if is_filter(name)}
        values = {"form": form, "chips": stored_chips(_filters()), "problems": problems, "ranges": _ranges()}
        links = self._links() if self.community_id is not None else {}  # the panel lists them elsewhere
        return self.show(TEMPLATE, status=management.status(form), back=self._path(), **values, **links)

    def _links(self) -> dict[str, Any]:
        read = partial(current()[ShareLinks].page, self.account, community_id=self.community_id)
        return {
            "share_page": pagination.list_page(read),
            "chips_of": partial(chips_of, is_in_community=self.community_id is not None),
            "url_of": url_of,
            "now_ms": current().clock.now_ms(),
            "args": self.args,
        }

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
    others = [(name, str(label)) for name, (label, _key) in PRESETS.items() if name != DEFAULT_RANGE]
    return [*([(own, days_in_words(*own.split("/")))] if own else []), ("", str(PRESETS[DEFAULT_RANGE][0])), *others]


def _own_days() -> str:
    """Return the two days in the URL, or "" if there are none."""
    own_days = f"{request.args.get('start', '')}/{request.args.get('end', '')}"
    return own_days if is_interval(own_days) else ""


def _filters() -> dict[str, list[str]]:
    """Return the filters in the URL, in the grammar of reports, because views of reports link here with their own
    filters.
    """
    return {name: values for name, values in request.args.lists() if is_filter(name)}


def url_of(link: Share) -> str:
    """Return a link's URL; "" if its token is not known."""
    token = current()[ShareLinks].token(link)
    return _url(token) if token else ""


def _url(token: str) -> str:
    return links.to("pages_shares.share", token=token)


def chips_of(link: Share, is_in_community: bool = False) -> list[str]:
    """Return a link's filters in words; in a community, without the community itself."""
    filters = json.loads(link.filters)
    if is_in_community:
        filters.pop(COMMUNITY, None)
    return stored_chips(filters)
