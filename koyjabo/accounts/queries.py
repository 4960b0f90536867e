"""Users and their sessions, as operations of the database executor: each gets a session and returns plain values."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.accounts.access_version_queries import record_revocation
from koyjabo.database.row_count import changed_rows
from koyjabo.database.text_search import usable
from koyjabo.errors import EmailTaken
from koyjabo.models import LoginSession, User

MOST_SWEPT = 100
"""Sessions that ran out and are deleted when a new one begins."""


TOGETHER_MS = 10_000
"""Two renewals that are so close to each other may be those of one browser; so may what else shows the token before."""


class Person(NamedTuple):
    """A user, with what only this package may see."""

    id: str
    email: str
    name: str
    is_admin: bool
    password: str
    is_disabled: bool


class NewSession(NamedTuple):
    id: str
    refresh_id: str
    now_ms: int
    expires_ms: int
    user_agent: str = ""
    place: str = ""


class Family(NamedTuple):
    """The refresh tokens of a session: which one is good, and when it took the place of the one before."""

    session_id: str
    refresh_id: str
    renewed_ms: int | None

    def admits(self, refresh_id: str, now_ms: int) -> bool:
        """Whether the token of this id is the good one, or has been until a moment ago: another tab may just have
        renewed it.
        """
        if refresh_id == self.refresh_id:
            return True
        is_recent = self.renewed_ms is not None and now_ms - self.renewed_ms < TOGETHER_MS
        return is_recent and self.refresh_id == successor(self.session_id, refresh_id)


FAMILY = (LoginSession.id, LoginSession.refresh_id, LoginSession.renewed_ms)


def successor(session_id: str, refresh_id: str) -> str:
    """The id of the refresh token that takes the place of this one: made of it, so that the one before can be told from
    those before that. To know it helps nobody, for tokens are signed.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session_id} {refresh_id}"))


class Renewal(NamedTuple):
    """Whose session has been renewed, or else, if it was ended for that, whose it was."""

    renewed: Person | None = None
    ended: Person | None = None


def add_user(session: Session, person: Person, email_key: str, now_ms: int) -> None:
    """Raises EmailTaken; of several at once, one gets through."""
    if is_taken(session, email_key):
        raise EmailTaken
    values = {name: value for name, value in person._asdict().items() if name != "is_disabled"}
    session.add(User(**values, email_key=email_key, created_ms=now_ms))
    try:
        session.flush()
    except IntegrityError:
        raise EmailTaken from None


def sign_up(session: Session, person: Person, email_key: str, new: NewSession) -> None:
    """Make a user who is logged in. Raises EmailTaken."""
    add_user(session, person, email_key, new.now_ms)
    _begin(session, person.id, new)


def is_taken(session: Session, email_key: str) -> bool:
    return bool(session.execute(select(exists().where(User.email_key == email_key))).scalar())


def has_users(session: Session) -> bool:
    return bool(session.execute(select(exists().where(User.id.is_not(None)))).scalar())


def names(session: Session, user_ids: list[str]) -> dict[str, str]:
    rows = session.execute(select(User.id, User.name).where(User.id.in_(user_ids)))
    return {row.id: row.name for row in rows}


def by_email(session: Session, email_key: str) -> Person | None:
    return _person(session.execute(select(User).where(User.email_key == email_key)).scalar_one_or_none())


def by_id(session: Session, user_id: str) -> Person | None:
    return _person(session.get(User, user_id))


def of_session(session: Session, session_id: str, now_ms: int, refresh_id: str | None = None) -> Person | None:
    """Whose session this is, if it lives: neither revoked nor run out, and its user is not disabled. Where it is shown
    by a refresh token, that has to be good, too.
    """
    query = select(User, *FAMILY).join(LoginSession, LoginSession.user_id == User.id)
    mine = (LoginSession.id == session_id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    row = session.execute(query.where(*mine, User.disabled_ms.is_(None))).one_or_none()
    if row is None or (refresh_id is not None and not Family._make(row[1:]).admits(refresh_id, now_ms)):
        return None
    return known(row[0])


def open_session(session: Session, user_id: str, password: str, new: NewSession) -> bool:
    """Begin a session for somebody who has proved to know the password of this hash. False when it has been changed
    meanwhile, or they were disabled.
    """
    user = session.execute(select(User).where(User.id == user_id).with_for_update()).scalar_one_or_none()
    if user is None or user.disabled_ms is not None or user.password != password:
        return False
    _begin(session, user_id, new)
    return True


def renew_session(session: Session, user_id: str, old_refresh_id: str, new: NewSession) -> Renewal:
    """Put a new refresh token in the place of the one that is shown. One that was good before ends the session: it was
    stolen, or its successor was, and so nobody may go on. Right after a renewal it may as well be another tab, or a
    call whose answer was lost: then it is only refused.
    """
    person = of_session(session, new.id, new.now_ms)
    if person is None or person.id != user_id:
        return Renewal()
    good = (LoginSession.id == new.id, LoginSession.refresh_id == old_refresh_id, LoginSession.revoked_ms.is_(None))
    values = {"refresh_id": new.refresh_id, "expires_ms": new.expires_ms, "renewed_ms": new.now_ms}
    renewal = update(LoginSession).where(*good).values(values)
    if changed_rows(session, renewal) == 1:
        return Renewal(renewed=person)
    kept_ms = session.scalar(select(LoginSession.expires_ms).where(LoginSession.id == new.id)) or 0
    renewed_ms = new.now_ms - (new.expires_ms - kept_ms)
    is_stolen = new.now_ms - renewed_ms >= TOGETHER_MS and revoke_session(session, new.id, new.now_ms)
    return Renewal(ended=person if is_stolen else None)


def revoke_session(session: Session, session_id: str, now_ms: int) -> bool:
    return revoke(session, now_ms, LoginSession.id == session_id)


def end_session(session: Session, session_id: str, now_ms: int) -> Person | None:
    """Whose it was; None if it has not been alive."""
    person = of_session(session, session_id, now_ms)
    return person if person is not None and revoke_session(session, session_id, now_ms) else None


def revoke(session: Session, now_ms: int, *which: ColumnElement[bool]) -> bool:
    """End sessions. True if there were any; then somebody has lost a right."""
    live = update(LoginSession).where(LoginSession.revoked_ms.is_(None), *which)
    ended = changed_rows(session, live.values(revoked_ms=now_ms)) > 0
    if ended:
        record_revocation(session)
    return ended


def change_password(session: Session, user_id: str, old: str | None, new: str, now_ms: int, spared: str = "") -> bool:
    """Set a hash in the place of `old` (of any, for None), and end all sessions but `spared`. False when it is not
    `old` any more.
    """
    mine = [User.id == user_id] + ([User.password == old] if old is not None else [])
    if changed_rows(session, update(User).where(*mine).values(password=new)) != 1:
        return False
    revoke(session, now_ms, LoginSession.user_id == user_id, LoginSession.id != spared)
    return True


def keep_hash(session: Session, user_id: str, old: str, new: str) -> None:
    """The same password, hashed anew."""
    session.execute(update(User).where(User.id == user_id, User.password == old).values(password=new))


def _begin(session: Session, user_id: str, new: NewSession) -> None:
    begun = {"refresh_id": new.refresh_id, "created_ms": new.now_ms, "expires_ms": new.expires_ms}
    origin = {"user_agent": usable(new.user_agent), "place": new.place}
    session.add(LoginSession(id=new.id, user_id=user_id, **begun, **origin))
    session.flush()
    _sweep(session, new.now_ms)


def _sweep(session: Session, now_ms: int) -> None:
    run_out = select(LoginSession.id).where(LoginSession.expires_ms <= now_ms).limit(MOST_SWEPT)
    run_out = run_out.with_for_update(skip_locked=True)  # two who sweep at once do not wait for each other
    session.execute(
        delete(LoginSession).where(LoginSession.id.in_(run_out)).execution_options(synchronize_session=False)
    )


def _person(user: User | None) -> Person | None:
    return None if user is None else known(user)


def known(user: User) -> Person:
    return Person(user.id, user.email, user.name, user.is_admin, user.password, user.disabled_ms is not None)
