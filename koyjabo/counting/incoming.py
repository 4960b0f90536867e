"""Turns requests into visits, using the body and what the server knows about the sender."""

from collections.abc import Mapping, Sequence
from typing import Any

from koyjabo.base.core.errors import InvalidInput, KoyJaboError, LedgerUnavailable, UnknownCommunity
from koyjabo.base.core.identity import Account
from koyjabo.base.core.services import Services
from koyjabo.base.core.urls import is_on_disk
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import accept_language
from koyjabo.base.network.address_owners import AddressOwners
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.network.origins import is_sender
from koyjabo.counting.schemas.requests import NewVisitBody, SentVisit
from koyjabo.presence.visitors.visitor_sockets import VisitorSockets
from koyjabo.web.fast_path.request_context import RequestContext
from .anonymity import Anonymity
from .records import NewVisit, Receipt, is_late
from .visit_listeners import VisitListeners
from .visits import Visits

VISITS_PER_COMMIT = 100
"""Maximum number of listed visits per commit. A page's visit may have to wait for one such commit, but not for the
whole list.
"""

SEND_AGAIN = (
    "The database cannot be reached right now. Send the whole list again: visits that were already counted are not "
    "counted again."
)


def register(context: RequestContext, body: NewVisitBody, is_measured: bool = True) -> Receipt | None:
    """Register the visit of a request that has already been counted against its address's limit. Returns None for an
    ignored crawler, and for a page on a disk. `is_measured`: the page keeps a connection, so that its attended time can
    be measured.

    Raises TooManyRequests, UnknownCommunity, LedgerUnavailable.
    """
    if is_on_disk(body.page):
        return None
    context.count_visitor("visits", body.visitorId)
    receipt = registered(context, visit_of(context, body, is_measured))
    if receipt is not None and receipt.duplicate:
        context.uncount_visitor("visits", body.visitorId)
    return receipt


def registered(context: RequestContext, visit: NewVisit) -> Receipt | None:
    """Register the visit of a page, and call the listeners. Raises UnknownCommunity, LedgerUnavailable."""
    receipt = context.services[Visits].register(visit, context)
    if receipt is not None and not receipt.is_view:
        context.services[VisitListeners].call(receipt, context.environ)
    return receipt


def visit_of(context: RequestContext, body: NewVisitBody, is_measured: bool = True) -> NewVisit:
    """The visit that a request asks to register. Raises UnknownCommunity, LedgerUnavailable."""
    services, environ = context.services, context.environ
    now_ms, address = services.clock.now_ms(), environ.get("REMOTE_ADDR")
    places, owners = services[LocationFinder], services[AddressOwners]
    anonymity = services[Anonymity]
    is_anonymous = anonymity.is_requested(environ, body.anonymous)
    scope, caller = scope_of(services, body.communityId), context.caller()
    user_id = caller.id if caller else None
    is_member = caller is not None and scope != SITE and services.identities.is_claimed(caller, scope)
    visit = body.as_visit(
        now_ms,
        scope=scope,
        place=places.locate(address, has_city=not is_anonymous),
        fingerprint=services[VisitorSockets].fingerprint(environ),
        user_id=user_id,
        member_id=user_id,
        language=accept_language.first_language(environ.get("HTTP_ACCEPT_LANGUAGE")),
        is_public=not is_member,
        attended_ms=0 if is_measured and not is_late(body.waitedMs) else None,
        network=owners.network(address),
        own=owners.is_own(address) or is_operator(environ, caller),
    )
    if visit.referrer and is_sender(environ, visit.referrer):
        visit = visit._replace(referrer=None)
    return anonymity.visit(visit) if is_anonymous else visit


def is_operator(environ: Mapping[str, Any], caller: Account | None) -> bool:
    """Whether the browser is logged in to the panel. `caller` is the account of the request's credentials."""
    return caller is not None and caller.sees_panel and "HTTP_AUTHORIZATION" not in environ


def scope_of(services: Services, community_id: str | None) -> Scope:
    """The scope of visits to a community, given its id or ref, or of the site for None. Raises LedgerUnavailable, and
    UnknownCommunity if the id is the name of the site's scope.
    """
    if community_id is None:
        return SITE
    scope = Scope(services.identities.community_id(community_id))
    if scope == SITE:
        raise UnknownCommunity
    return scope


def register_all(services: Services, sent: Sequence[Any]) -> list[Receipt | KoyJaboError | None]:
    """Register visits, each with its own outcome; None for one that `register` would not count. Raises
    LedgerUnavailable if one of them could not be committed.
    """
    outcomes: list[Receipt | KoyJaboError | None] = []
    try:
        for start in range(0, len(sent), VISITS_PER_COMMIT):
            outcomes += _register(services, sent[start : start + VISITS_PER_COMMIT])
    except LedgerUnavailable:
        raise LedgerUnavailable(SEND_AGAIN) from None
    return outcomes


def _register(services: Services, sent: Sequence[Any]) -> list[Receipt | KoyJaboError | None]:
    checked = [_checked(services, item) for item in sent]
    visits = [visit for visit in checked if isinstance(visit, NewVisit)]
    outcomes = services[Visits].register_all(visits)
    if any(isinstance(outcome, LedgerUnavailable) for outcome in outcomes):
        raise LedgerUnavailable
    registered = iter(outcomes)
    return [next(registered) if isinstance(visit, NewVisit) else visit for visit in checked]


def _checked(services: Services, sent: Any) -> NewVisit | KoyJaboError | None:
    try:
        visit = SentVisit.of(sent)
        if is_on_disk(visit.page):
            return None
        owners, scope = services[AddressOwners], scope_of(services, visit.communityId)
        return visit.as_visit(
            services.clock.now_ms(),
            scope=scope,
            place=services[LocationFinder].locate(visit.address),
            network=owners.network(visit.address),
            own=owners.is_own(visit.address),
        )
    except (InvalidInput, UnknownCommunity) as error:
        return error
