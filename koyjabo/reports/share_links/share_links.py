"""Creates, lists, revokes and opens share links (specification: Share links).

A link is a random token. The database stores its hash, and the token itself encrypted. A link is valid as long as the
user who created it may see what it shows. Every request looks up the link, so that a revoked link stops working on all
workers at once.
"""

import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

from sqlalchemy import Select, and_, or_, select, update
from sqlalchemy.orm import Session, contains_eager, joinedload

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.core.errors import (
    Forbidden,
    InvalidInput,
    KoyJaboError,
    LedgerUnavailable,
    UnknownCommunity,
    WrongCredentials,
)
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import Account, uuid_of
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.database.rows import Slice, length, lock_limit, slice_of
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.dimensions import COMMUNITY
from koyjabo.columns.query.report_query import Filters
from koyjabo.communities import memberships
from koyjabo.communities.roles import ADMIN, MODERATOR
from koyjabo.people.accounts.hash_queue import OPERATOR_CLIENT, PasswordClient
from koyjabo.people.accounts.services import AccountServices
from koyjabo.people.audit.log import Subject
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import Community, Membership, User
from koyjabo.reports.query.parameters import NOT_A_DIMENSION, Pairs, Parameters, is_filter
from .models import Share
from .passes import PASS_S, _pass, is_valid

MAX_LINKS = 200
"""Maximum number of links per account."""

MAY_SHARE = (MODERATOR, ADMIN)

LINKS = select(Share).options(joinedload(Share.community), joinedload(Share.maker, innerjoin=True))

ONLY_THEIRS = N_("Moderators can share the visits to one of their communities: filter by that community.")
NOT_IN_SHARE_LINKS = N_("is not shown by share links")

SHARE_ACTIONS = {
    "share.create": N_("Share link created"),
    "share.end": N_("Share link revoked"),
}
SHARE_SUBJECTS = {"share": N_("Share link")}


class UnknownShare(KoyJaboError):
    """The link never existed, has expired, or was revoked."""

    status = 404
    sentence = N_("This share link no longer works. Ask for a new one.")


class ShareLocked(KoyJaboError):
    status = 401
    sentence = N_("This share link has a password. Open the link in a browser and enter it first.")


class WrongPassword(WrongCredentials):
    """The password of a share link is wrong."""

    status = 401
    sentence = N_("Wrong password.")


class TooManyShares(KoyJaboError):
    status = 409
    sentence = N_("You have 200 share links, the maximum for one account. Revoke one first.")


class ShareLinks(Changes):
    """Manages share links. Methods with an `account` are for site admins and, for links that show one community, its
    moderators; they raise Forbidden for other accounts. All methods raise LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        super().__init__(base.database, base.clock)
        self._passwords = base.services[AccountServices].passwords
        self._secret = base.settings.secret_key.encode()
        self._sealer = Sealer(base.settings.secret_key, b"share links")

    def require_some(self, account: Account) -> None:
        """Raise Forbidden unless `account` may create share links for the site or for at least one community."""
        self._database.read(_require_some, account)

    def create(
        self,
        account: Account,
        name: str,
        filters: Mapping[str, Sequence[str]],
        days: str | None = None,
        password: str | None = None,
        expires_ms: int | None = None,
        client: PasswordClient = OPERATOR_CLIENT,
    ) -> tuple[Share, str]:
        """Create a link. Returns the link and its token. `filters` has values as written in a query string; `days` is
        the default range. Raises InvalidInput with a reason per field, TooManyShares, TooBusy.
        """
        stored = self._checked(filters, expires_ms)
        values = stored.get(COMMUNITY, [])
        community_id = uuid_of(values[0]) if len(values) == 1 else None  # the only community that the link shows
        self._database.read(_require, account, community_id)  # before the password is hashed
        token, share_id = secrets.token_urlsafe(32), str(uuid.uuid4())
        share = Share(
            id=share_id,
            token_digest=_digest(token),
            sealed_token=self._sealer.seal(token, share_id),
            name=name,
            filters=json.dumps(stored, ensure_ascii=False),
            range=days,
            password=self._passwords.hash(password, client) if password else None,
            created_by=account.id,
            expires_ms=expires_ms,
            community_id=community_id,
        )
        return self._add(account, share), token

    @transaction
    def _add(self, tx: Transaction, account: Account, share: Share) -> Share:
        _require(tx.session, account, share.community_id)
        lock_limit(tx.session, Share)
        if length(tx.session, select(Share.id).where(Share.created_by == account.id)) >= MAX_LINKS:
            raise TooManyShares
        share.created_ms = tx.at_ms
        tx.session.add(share)
        tx.log("share.create", _subject(share), has_password=share.password is not None)
        return share

    def page(self, account: Account, start: int, count: int, community_id: str | None = None) -> Slice[Share]:
        """Return `count` links from the offset `start`, newest first: a community's links, or all links that `account`
        may revoke.
        """

        def read(session: Session) -> Slice[Share]:
            query = LINKS.order_by(Share.created_ms.desc(), Share.id)
            if community_id is not None:
                _require(session, account, uuid_of(community_id) or community_id)
                query = query.where(Share.community_id == uuid_of(community_id))
            else:
                _require_some(session, account)
                if not account.is_admin:
                    query = query.where(Share.community_id.in_(_moderated(account)))
            return slice_of(session, query, start, count)

        return self._database.read(read)

    def find(self, account: Account, share_id: str) -> Share:
        """Return a link that `account` may revoke. Raises UnknownShare."""
        return self._database.read(_managed, account, share_id)

    def token(self, link: Share) -> str | None:
        """Return the token; None if the link is older than stored tokens, or than the current SECRET_KEY."""
        return self._sealer.open(link.sealed_token, link.id) if link.sealed_token else None

    @transaction
    def end(self, tx: Transaction, account: Account, share_id: str) -> Share:
        """Revoke a link and return it. Raises UnknownShare."""
        share = _managed(tx.session, account, share_id, locked=True)
        tx.session.delete(share)
        tx.log("share.end", _subject(share))
        return share

    def open(self, token: str) -> Share:
        """Return the link with this token, if it has not expired and its creator may still see what it shows. Raises
        UnknownShare.
        """
        now_ms = self._clock.now_ms()
        is_theirs = and_(Membership.community_id == Share.community_id, Membership.user_id == User.id)
        query = select(Share).join(Share.maker).outerjoin(Share.community).outerjoin(Membership, is_theirs)
        query = query.options(contains_eager(Share.community)).where(
            Share.token_digest == _digest(token),
            or_(Share.expires_ms.is_(None), Share.expires_ms > now_ms),
            or_(Share.community_id.is_(None), Community.archived_ms.is_(None)),
            User.disabled_ms.is_(None),
            or_(User.is_admin, Membership.role.in_(MAY_SHARE)),
        )
        link = self._database.read(lambda session: session.scalar(query))
        if link is None:
            raise UnknownShare
        if link.used_ms is None or now_ms - link.used_ms >= MINUTE_MS:
            used = update(Share).where(Share.id == link.id).values(used_ms=now_ms)
            with suppress(LedgerUnavailable):  # reports can be read even while nothing can be written
                self._database.write(lambda session: session.execute(used))
        return link

    def unlock(self, link: Share, password: str, client: PasswordClient = OPERATOR_CLIENT) -> str:
        """Check the password and return a browser's pass for `require_pass`. Raises WrongPassword, TooBusy."""
        if not self._passwords.matches(password, link.password, client):
            raise WrongPassword
        return _pass(self._secret, link, self._clock.now_ms() + PASS_S * 1000)

    def require_pass(self, link: Share, cookie: str) -> None:
        """Raise ShareLocked if the link has a password and `cookie` is not a valid pass."""
        if link.password and not is_valid(self._secret, link, cookie, self._clock.now_ms()):
            raise ShareLocked

    def filters(self, link: Share) -> Filters:
        """Return the link's filters in `scope_of(link)`. They apply in addition to a request's filters
        (`ReportQuery.within`).
        """
        texts = json.loads(link.filters)
        if link.community_id:
            texts.pop(COMMUNITY, None)
        return self._read(texts).query.filters

    def _checked(self, filters: Mapping[str, Sequence[str]], expires_ms: int | None) -> dict[str, list[str]]:
        """Return the filters as they are stored. Raises InvalidInput."""
        problems = {name: NOT_A_DIMENSION for name in filters if not is_filter(name)}
        if expires_ms is not None and expires_ms <= self._clock.now_ms():
            problems["expires_at"] = N_("must be in the future")
        if problems:
            raise InvalidInput(details=problems)
        texts: dict[str, list[str]] = {}
        for name, value in self._read(filters).pairs():
            texts.setdefault(name, []).append(value)
        return texts

    def _read(self, filters: Mapping[str, Sequence[str]]) -> Parameters:
        """Parse filters. Raises InvalidInput."""
        pairs = [(name, value) for name, values in filters.items() for value in values]
        return Parameters.of(pairs, self._clock.today(), lambda: None)


def check(pairs: Pairs) -> None:
    """Raise InvalidInput for filters or reports by community, because links must not reveal which communities exist."""
    problems = {
        name: NOT_IN_SHARE_LINKS for name, value in pairs if name == COMMUNITY or (name, value) == ("by", COMMUNITY)
    }
    if problems:
        raise InvalidInput(details=problems)


def scope_of(link: Share) -> Scope:
    """Return the scope of a link. A link for one community shows the figures that its moderators see."""
    return Scope(link.community_id) if link.community_id else SITE


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _require(session: Session, account: Account, community_id: str | None) -> None:
    """Check that `account` may share a scope. Raises Forbidden or, for a site admin, UnknownCommunity."""
    if community_id is None:
        if not account.is_admin:
            raise Forbidden(ONLY_THEIRS)
        return
    try:
        memberships.allowed(session, account, community_id, MODERATOR)
    except UnknownCommunity:
        if account.is_admin:
            raise
        raise Forbidden(ONLY_THEIRS) from None


def _require_some(session: Session, account: Account) -> None:
    """Raise Forbidden unless `account` is a site admin or moderates a community."""
    if not account.is_admin and session.scalar(_moderated(account).limit(1)) is None:
        raise Forbidden(ONLY_THEIRS)


def _moderated(account: Account) -> Select[str]:
    return select(Membership.community_id).where(Membership.user_id == account.id, Membership.role.in_(MAY_SHARE))


def _managed(session: Session, account: Account, share_id: str, locked: bool = False) -> Share:
    """Return a link that `account` may revoke; with `locked`, until the commit. Raises UnknownShare."""
    query = LINKS.where(Share.id == uuid_of(share_id))
    link = session.scalar(query.with_for_update(of=Share) if locked else query)
    _require_some(session, account)
    if link is None:
        raise UnknownShare
    if not account.is_admin:
        _require(session, account, link.community_id)
    return link


def _subject(share: Share) -> Subject:
    return Subject("share", share.id, share.name)
