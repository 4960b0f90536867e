"""The rights that a PostgreSQL role needs, and the statements that grant them (docs/install.md)."""

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.base.core.extensions import db
from .sequences_postgres import numbered_tables

SELECT_LACKED_TABLES = text("""
SELECT name FROM unnest(:tables) AS name, to_regclass(name) AS known WHERE NOT (
    has_table_privilege(known, 'SELECT') AND (name = 'alembic_version' OR has_table_privilege(known, 'INSERT')
    AND has_table_privilege(known, 'UPDATE') AND has_table_privilege(known, 'DELETE')))
""")
SELECT_LACKED_SEQUENCES = text("""
SELECT name FROM unnest(:tables) AS name
WHERE to_regclass(name) IS NOT NULL AND NOT has_sequence_privilege(pg_get_serial_sequence(name, 'id'), 'USAGE')
""")
SELECT_SCHEMA_GRANT = text("""
SELECT format('GRANT USAGE ON SCHEMA %s TO %I', relnamespace::regnamespace, current_user) FROM pg_class
WHERE relname = 'alembic_version' AND NOT has_schema_privilege(relnamespace, 'USAGE')
    AND to_regclass('alembic_version') IS NULL
""")
SELECT_HIDDEN_TABLES = text("""
SELECT string_agg(name, ', '), string_agg(format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', known), '; ')
FROM (SELECT name, to_regclass(name) AS known FROM unnest(:tables) AS name) AS named
WHERE row_security_active(known) AND NOT EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = known)
""")
"""With a policy, the owner has decided which rows this role sees."""

SELECT_GRANTS = text("""
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I TO %2$I; '
    'GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA %1$I TO %2$I', current_schema(), current_user)
""")


class Lacked(NamedTuple):
    rights: str  # such as "USAGE on 4 sequences, such as of events"
    grants: str  # the statements that bring them


def lacked(session: Session) -> Lacked | None:
    """The rights to read, change and number rows that this PostgreSQL role lacks, if any."""
    if session.get_bind().dialect.name == "sqlite":
        return None
    if grant := session.scalar(SELECT_SCHEMA_GRANT):
        return Lacked("USAGE on the schema of its tables", grant)
    names = ["alembic_version", *sorted(db.metadata.tables)]
    hidden, statements = session.execute(SELECT_HIDDEN_TABLES, {"tables": names}).one()
    if hidden:
        return Lacked(f"a policy for row security on {hidden}", statements)
    tables = session.scalars(SELECT_LACKED_TABLES, {"tables": names}).all()
    sequences = session.scalars(SELECT_LACKED_SEQUENCES, {"tables": numbered_tables()}).all()
    missing = [f"SELECT, INSERT, UPDATE or DELETE on {len(tables)} tables, such as {tables[0]}"] if tables else []
    missing += [f"USAGE on {len(sequences)} sequences, such as of {sequences[0]}"] if sequences else []
    if not missing:
        return None
    return Lacked(" and ".join(missing), session.execute(SELECT_GRANTS).scalar_one())
