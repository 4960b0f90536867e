"""The bodies of requests about visits, and what registers a visit of one of them."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field
from pydantic_core import PydanticCustomError

from koyjabo.core.errors import InvalidInput, TooManyRequests, UnknownCommunity
from koyjabo.core.identity import Account, CommunityIds, uuid_of
from koyjabo.core.services import Services
from koyjabo.core.urls import page_path, without_query
from koyjabo.counting.services import CountingServices
from koyjabo.counting.visit_texts import without_texts
from koyjabo.counting.visits import NewVisit, Receipt
from koyjabo.models import SITE, Scope
from koyjabo.network import campaigns, languages
from koyjabo.network.services import NetworkServices
from koyjabo.network.user_agents import is_bot
from koyjabo.presence.services import PresenceServices
from koyjabo.webkit.lanes.request_context import RequestContext
from koyjabo.webkit.schemas.bodies import Body
from koyjabo.webkit.schemas.fields import Address, Milliseconds, OptionalFlag, Text, VisitId, VisitorId, text, visit_id

REFUSALS = {
    400: "a field cannot be used; nothing was counted",
    413: "over 16 KB; nothing was counted",
    415: "not JSON; nothing was counted",
    429: "too many from this address, or of this visitor; nothing was counted; see Retry-After",
    503: "nothing could be committed, so nothing was counted; see Retry-After",
}

ANONYMOUS = "keep nothing by which the visitor could be followed; the headers Sec-GPC: 1 and DNT: 1 say the same"


class HeartbeatBody(Body):
    visitorId: VisitorId
    anonymous: OptionalFlag = Field(False, description="the visit was anonymous; as there")


class ForgetBody(Body):
    visitorId: VisitorId


class NewVisitBody(Body):
    """What a page sends when it is opened. Only `visitorId` is required."""

    visitorId: VisitorId = Field(examples=["visitor_1702757318000_a1b2c3d4e"])
    timestamp: Milliseconds = Field(
        None, description="ms since 1970 by the client's clock; also as a string of digits", examples=[1702757318000]
    )
    userAgent: Text = Field(None, description="default: the User-Agent header")
    referrer: Text = Field(None, description='stored as origin and path; "direct" means none')
    visitId: VisitId = Field(
        None, description="the client's own id of this visit; a retry with the same id is not counted again"
    )
    communityId: Text = Field(None, description="id or ref: counts the visit for this community, and for the site")
    page: Address = Field(
        None,
        description="the opened page, stored as its path; the utm_ parameters of its query are the visit's campaign",
        examples=["/history?utm_source=newsletter"],
    )
    anonymous: OptionalFlag = Field(False, description=ANONYMOUS)

    @classmethod
    def read(cls, data: bytes, environ: dict[str, Any]) -> Self:
        body = super().read(data, environ)
        if body.visitId is None and "HTTP_IDEMPOTENCY_KEY" in environ:
            body.visitId = _idempotency_key(environ["HTTP_IDEMPOTENCY_KEY"])
        if not body.userAgent:
            body.userAgent = text(environ.get("HTTP_USER_AGENT"))
        return body

    def as_visit(
        self, scope: Scope, at_ms: int, place: str, fingerprint: bytes, user_id: str | None, language: str | None
    ) -> NewVisit:
        """The visit to register."""
        return NewVisit(
            visitor_id=self.visitorId,
            visit_id=self.visitId,
            scope=scope,
            place=place,
            at_ms=at_ms,
            client_ms=self.timestamp,
            referrer=None if self.referrer == "direct" else without_query(self.referrer),
            user_agent=self.userAgent,
            page=page_path(self.page),
            fingerprint=fingerprint,
            user_id=user_id,
            member_id=user_id,
            is_bot=is_bot(self.userAgent),
            language=language,
            campaign=campaigns.of_page(self.page),
            is_public=True,
        )


def scope_of(services: Services, community_id: str | None) -> Scope:
    """The scope of visits to a community, by its id or ref, or without one to the site. Raises LedgerUnavailable;
    UnknownCommunity for the scope of the site, which is not a community's id.
    """
    if community_id is None:
        return SITE
    scope = Scope(services[CommunityIds].resolve(community_id))
    if scope == SITE:
        raise UnknownCommunity
    return scope


def _idempotency_key(header: str) -> str | None:
    """With quotation marks, as the draft standard of the header demands, or without, as most clients send it."""
    try:
        return visit_id(header.strip().removeprefix('"').removesuffix('"'))
    except PydanticCustomError as error:
        raise InvalidInput(details={"Idempotency-Key": error.message()}) from None


def register(context: RequestContext, body: NewVisitBody) -> Receipt | None:
    """Register the visit of a request that is counted for its address. None for an ignored crawler.

    Raises TooManyRequests, UnknownCommunity, LedgerUnavailable.
    """
    services = context.services
    context.count_visitor("visits", body.visitorId)
    is_anonymous = services[CountingServices].anonymity.is_asked(context.environ, body.anonymous)
    place = services[NetworkServices].places.locate(context.environ.get("REMOTE_ADDR"), has_city=not is_anonymous)
    fingerprint = services[PresenceServices].visitor_sockets.fingerprint(context.environ)
    visits = services[CountingServices].visits
    language = languages.first_of(context.environ.get("HTTP_ACCEPT_LANGUAGE"))
    scope, caller = scope_of(services, body.communityId), context.caller()
    user_id = caller.id if caller else None
    visit = body.as_visit(scope, services.clock.now_ms(), place, fingerprint, user_id, language)
    if caller is not None and _is_member_by_token(services, caller, scope):
        visit = visit._replace(is_public=False)
    visit = services[CountingServices].anonymity.visit(visit) if is_anonymous else visit
    receipt = visits.register(within_budget(context, visit))
    if receipt is not None:
        services[CountingServices].other_hosts.notice(context.environ)
        if receipt.duplicate:
            context.uncount_visitor("visits", body.visitorId)
    return receipt


def _is_member_by_token(services: Services, caller: Account, scope: Scope) -> bool:
    """Whether the token of another system makes the caller a member. The ledger knows memberships alone."""
    claimed = caller.by_token.claimed if caller.by_token is not None else None
    refs = [name for name, _ in claimed or () if uuid_of(name) != scope]
    return scope != SITE and any(services[CommunityIds].resolve(ref) == scope for ref in refs)


def within_budget(context: RequestContext, visit: NewVisit) -> NewVisit:
    """The visit as it may be stored: without its texts if these are new and the day's bytes of its address are used
    up.
    """
    if not context.limits_storage:
        return visit
    seen_texts = context.services[CountingServices].seen_texts
    new_bytes = seen_texts.new_bytes(visit)
    if new_bytes:
        try:
            context.count_stored(new_bytes)
        except TooManyRequests:
            return without_texts(visit)
        seen_texts.add(visit)
    return visit
