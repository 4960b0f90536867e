"""Deletes an account in small transactions. Rows that have to stay, for the sums or as a record, get DELETED_ID or a
random name that begins with it in place of the user's id, so that they no longer belong to anyone.
"""

import secrets
from operator import attrgetter

from sqlalchemy import exists, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import change_in_database, changed_rows
from koyjabo.base.database.upkeep_rules import UpkeepRules, all_rules, change_rows
from koyjabo.base.models import SITE
from koyjabo.columns.columns import Columns, RowChange
from koyjabo.counting.daily_people import user
from koyjabo.counting.models import Person, Visit
from koyjabo.people.accounts.users import deletion_queries as accounts
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.models import User
from koyjabo.reports.models import Conversion

VISITORS_OF = "SELECT scope, visitor_id FROM visitors WHERE user_id = :user_id LIMIT :size"
DETACH_VISITORS = text(
    f"UPDATE visitors SET user_id = :name WHERE (scope, visitor_id) IN (SELECT * FROM ({VISITORS_OF}) AS v)"
)

# The index on people begins with the scope, so this takes one lookup per scope that ever had people. A subquery always
# uses the index; for a join, PostgreSQL may read the whole table.
SELECT_SCOPES_OF_USER = text("""
WITH RECURSIVE s(scope) AS (
    SELECT min(scope) FROM people
    UNION ALL SELECT (SELECT min(p.scope) FROM people p WHERE p.scope > s.scope) FROM s WHERE s.scope IS NOT NULL
)
SELECT (SELECT p.scope FROM people p WHERE p.scope = s.scope AND p.person = :person) FROM s
""")


def blocks_deletion(session: Session, user_id: str, language: str) -> dict[str, str]:
    """What must change before the account can be deleted: names in a language, by id."""
    return {id: name for rules in all_rules() for id, name in rules.blocks_deletion(session, user_id, language).items()}


def records_about(session: Session, user_id: str, name: str) -> list[tuple[UpkeepRules, list[int]]]:
    """The ids of permanent records that name the user, with the rules that strip them. Run this as a report."""
    return [(rules, rules.records_about(session, user_id, name)) for rules in all_rules()]


def lock(session: Session, user_id: str) -> User:
    """Check that the account may be deleted. Locks the communities that the user manages, then users, in the same order
    as in all transactions. Returns the user. Raises LastAdmin, or InvalidToken if there is no such account.
    """
    for rules in all_rules():
        rules.lock_account(session, user_id)
    return accounts.lock(session, user_id)


def delete_account(session: Session, columns: Columns, user_id: str, name: str, now_ms: int, size: int) -> bool:
    """Detach up to `size` rows of each table. If none are left, delete the account. Returns whether it has been
    deleted. `name` is random and begins with DELETED_ID. Raises LastAdmin, or InvalidToken if the account was already
    deleted.
    """
    person = lock(session, user_id)
    if detach(session, columns, user_id, name, size):
        return False
    for rules in all_rules():
        rules.release_account(session, user_id)
    accounts.remove(session, person, now_ms)
    record_revocation(session)  # last, as in all transactions, because a fixed order of locks avoids deadlocks
    return True


def detach(session: Session, columns: Columns, user_id: str, name: str, size: int) -> bool:
    """Remove the account from up to `size` rows of each table. Returns whether there may be more rows."""
    theirs = session.scalars(SELECT_SCOPES_OF_USER, {"person": user(user_id)})
    scopes = tuple(scope for scope in theirs if scope is not None)  # including deleted communities
    for locked in ((SITE,), scopes):  # in the ledger's order; until the commit, no visits or presence are recorded
        rows = select(Counter.scope).where(Counter.scope.in_(locked)).order_by(Counter.scope)
        session.execute(rows.with_for_update()).all()
    if _detach_rows(session, columns, user_id, name, size):
        return True
    for scope in scopes:
        is_taken = session.scalar(select(exists().where(Person.scope == scope, Person.person == user(name))))
        new = random_name() if is_taken else name  # taken if the detached visitor has come back
        renamed = update(Person).where(Person.scope == scope, Person.person == user(user_id)).values(person=user(new))
        change_in_database(session, renamed)
    return False


def _detach_rows(session: Session, columns: Columns, user_id: str, name: str, size: int) -> bool:
    """Detach rows. Returns whether there may be more. Conversions come before visitors, because a recount compares the
    two.
    """
    counts = (
        _detach_visits(session, columns.change(session), user_id, size),
        change_rows(session, Conversion.id, size, Conversion.user_id == user_id, user_id=name),
        changed_rows(session, DETACH_VISITORS, {"user_id": user_id, "name": name, "size": size}),
        *(rules.detach_account(session, user_id, size) for rules in all_rules()),
    )
    return max(counts) >= size


def _detach_visits(session: Session, change: RowChange, user_id: str, size: int) -> int:
    theirs = session.execute(select(Visit.__table__).where(Visit.user_id == user_id).limit(size))
    rows = sorted(theirs, key=attrgetter("id"))  # as `replace_user_agents` locks them, which locks no counter
    deleted = [{"id": row.id, "user_id": DELETED_ID} for row in rows]
    if deleted:
        session.execute(update(Visit), deleted)
        change.visits(change.read_differently(rows, deleted))
    return len(rows)


def random_name() -> str:
    return f"{DELETED_ID}{secrets.token_urlsafe(9)}"
