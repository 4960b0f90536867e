"""Deletes an account in small transactions. Rows that have to stay, for the sums or as a record, get DELETED or a
random name that begins with it in place of the user's id, so that they no longer belong to anyone.
"""

import json
import secrets
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, delete, exists, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from koyjabo.base.core.errors import InvalidToken, LastAdmin
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import DELETED
from koyjabo.base.core.link_tokens import INVITATION, PANEL_INVITATION
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import SITE
from koyjabo.communities.roles import ADMIN
from koyjabo.counting.daily_people import user
from koyjabo.counting.models import Person, Visit
from koyjabo.integrations.api_keys.models import ApiKey
from koyjabo.people.accounts.models import Invitation, PanelInvitation
from koyjabo.people.accounts.users.user_admin_queries import require_another_admin
from koyjabo.people.audit.models import AuditLine
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.mail.models import OutboxMail
from koyjabo.people.models import Community, Membership, User
from koyjabo.reports.models import Conversion

ONLY_ADMIN = N_(
    "You are the only admin of a community. Make another member an admin there first, or delete the community."
)

GONE = "–"
"""Shown on pages in place of a deleted user's name."""

NAMING = ("user_id", "user", "invited_by")
"""Fields in the details of audit entries that name another user."""

VISITORS_OF = "SELECT scope, visitor_id FROM visitors WHERE user_id = :user_id LIMIT :size"
DETACH_VISITORS = text(
    f"UPDATE visitors SET user_id = :name WHERE (scope, visitor_id) IN (SELECT * FROM ({VISITORS_OF}) AS v)"
)

# The index on people begins with the scope, so this takes one lookup per scope that ever had people. A subquery always
# uses the index; for a join, PostgreSQL may read the whole table.
SCOPES = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM people
    UNION ALL SELECT (SELECT min(p.scope) FROM people p WHERE p.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT (SELECT p.scope FROM people p WHERE p.scope = s.scope AND p.person = :person) FROM s
""")


def only_admin_of(session: Session, user_id: str, language: str = "en") -> dict[str, str]:
    """Names of up to 100 communities that have no other admin who can log in, by id, sorted by name. Archived ones are
    left out.
    """
    other, person = aliased(Membership), aliased(User)
    others = exists().where(
        *(other.community_id == Community.id, other.user_id != user_id, other.role == ADMIN),
        *(person.id == other.user_id, person.disabled_ms.is_(None), person.external_ref.is_(None)),
    )
    active = Community.archived_ms.is_(None), Community.ref.is_(None)  # another system manages communities with a ref
    mine = (Membership.user_id == user_id, Membership.role == ADMIN, *active)
    query = select(Community).join(Membership, Membership.community_id == Community.id)
    rows = session.scalars(query.where(*mine, ~others).order_by(Community.name, Community.id).limit(100))
    return {community.id: community.name_in(language) for community in rows}


def _about_member(user_id: str) -> ColumnElement[bool]:
    """Community audit entries about this user. The index on actions keeps the number of entries to read small."""
    return and_(*_actions("member"), AuditLine.details.contains(f'"user_id": "{user_id}"', autoescape=True))


def _accepted_from(name: str) -> ColumnElement[bool]:
    """Audit entries about accepted invitations from a person with this name."""
    detail = f'"invited_by": {json.dumps(name, ensure_ascii=False)}'
    named = AuditLine.details.contains(detail, autoescape=True)
    return or_(*(and_(*_actions(kind), named) for kind in ("member", "panel")))


def _actions(kind: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions that select a range of the index on actions. SQLite expects few rows in the range, so it does not read
    the whole log.
    """
    return AuditLine.action >= f"{kind}.", AuditLine.action < f"{kind}/"


def lines_about(session: Session, user_id: str, name: str) -> list[int]:
    """The ids of audit entries whose details name the user. Run this as a report, because it reads all entries about
    members.
    """
    return list(session.scalars(select(AuditLine.id).where(or_(_about_member(user_id), _accepted_from(name)))))


def strip_lines(session: Session, ids: list[int], size: int) -> list[int]:
    """Remove the user from the details of `size` audit log entries. Returns the remaining ids."""
    for line in session.scalars(select(AuditLine).where(AuditLine.id.in_(ids[:size]))):
        kept = {name: value for name, value in json.loads(line.details).items() if name not in NAMING}
        line.details = json.dumps(kept, ensure_ascii=False)
    return ids[size:]


def lock(session: Session, user_id: str) -> User:
    """Check that the account may be deleted. Locks the communities that the user manages, then users, in the same order
    as in all transactions. Returns the user. Raises LastAdmin, or InvalidToken if there is no such account.
    """
    managed = select(Membership.community_id).where(Membership.user_id == user_id, Membership.role == ADMIN)
    rows = select(Community.id).where(Community.id.in_(managed)).order_by(Community.id)
    session.execute(rows.with_for_update()).all()
    if communities := only_admin_of(session, user_id):
        raise LastAdmin(ONLY_ADMIN, communities)
    if session.scalar(select(User.is_admin).where(User.id == user_id)):
        require_another_admin(session, user_id)
    person = session.scalars(select(User).where(User.id == user_id).with_for_update()).one_or_none()
    if person is None:
        raise InvalidToken
    return person


def delete_account(session: Session, user_id: str, name: str, now_ms: int, size: int) -> bool:
    """Detach up to `size` rows of each table. If none are left, delete the account. Returns whether it has been
    deleted. `name` is random and begins with DELETED. Raises LastAdmin, or InvalidToken if the account was already
    deleted.
    """
    person = lock(session, user_id)
    if detach(session, user_id, name, size):
        return False
    _remove(session, person, now_ms)
    record_revocation(session)  # last, as in all transactions, because a fixed order of locks avoids deadlocks
    return True


def detach(session: Session, user_id: str, name: str, size: int) -> bool:
    """Remove the account from up to `size` rows of each table. Returns whether there may be more rows."""
    scopes = _scopes_of(session, user_id)
    for locked in ((SITE,), scopes):  # in the ledger's order; until the commit, no visits or presence are recorded
        rows = select(Counter.scope).where(Counter.scope.in_(locked)).order_by(Counter.scope)
        session.execute(rows.with_for_update()).all()
    if _detach_rows(session, user_id, name, size):
        return True
    for scope in scopes:
        is_taken = session.scalar(select(exists().where(Person.scope == scope, Person.person == user(name))))
        new = random_name() if is_taken else name  # taken if the detached visitor has come back
        renamed = update(Person).where(Person.scope == scope, Person.person == user(user_id)).values(person=user(new))
        session.execute(renamed.execution_options(synchronize_session=False))
    return False


def _scopes_of(session: Session, user_id: str) -> tuple[str, ...]:
    """The communities that a user has been in, including deleted ones."""
    return tuple(scope for scope in session.scalars(SCOPES, {"person": user(user_id)}) if scope is not None)


def _detach_rows(session: Session, user_id: str, name: str, size: int) -> bool:
    """Detach rows. Returns whether there may be more. Conversions come before visitors, because a recount compares the
    two.
    """
    by_me, about_me = {"actor_id": DELETED, "actor": "", "place": ""}, {"target_id": DELETED, "target": ""}
    is_me = (AuditLine.target_id == user_id) & (AuditLine.target_kind == "user")
    counts = (
        _change(session, Visit, Visit.user_id == user_id, size, user_id=DELETED),
        _change(session, Conversion, Conversion.user_id == user_id, size, user_id=name),
        changed_rows(session, DETACH_VISITORS, {"user_id": user_id, "name": name, "size": size}),
        _change(session, AuditLine, AuditLine.actor_id == user_id, size, **by_me),
        _change(session, AuditLine, is_me, size, details="{}", **about_me),
    )
    return max(counts) >= size


def _change(session: Session, table: Any, which: ColumnElement[bool], size: int, **values: Any) -> int:
    some = select(table.id).where(which).limit(size)
    change: Update = update(table).where(table.id.in_(some)).values(**values)
    return changed_rows(session, change.execution_options(synchronize_session=False))


def random_name() -> str:
    return f"{DELETED}{secrets.token_urlsafe(9)}"


def _remove(session: Session, person: User, now_ms: int) -> None:
    """Delete the user. The database cascades to sessions, memberships, two-step login, links and sent invitations."""
    plainly: dict[str, Any] = {"synchronize_session": False}
    for maker in (Community.founder_id, ApiKey.created_by):
        unmade = update(maker.class_).where(maker == person.id).values({maker: None})
        session.execute(unmade, execution_options=plainly)
    for table in (Invitation, PanelInvitation):
        session.execute(delete(table).where(table.taken_by == person.id), execution_options=plainly)
        if person.verified_ms is not None:
            session.execute(delete(table).where(table.email_key == person.email_key), execution_options=plainly)
    mails = update(OutboxMail).where(_waiting_mails(person.email))
    session.execute(mails.values(email="", data="{}", done_ms=now_ms), execution_options=plainly)
    session.execute(delete(User).where(User.id == person.id), execution_options=plainly)


def _waiting_mails(email: str) -> ColumnElement[bool]:
    """Emails to the account. Invitations are left out, because the owner of the address may be someone else."""
    return and_(OutboxMail.email == email, OutboxMail.kind.not_in((INVITATION, PANEL_INVITATION)))
