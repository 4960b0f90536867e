"""Drop tables of features that are gone

Revision ID: 0033
Revises: 0032
"""

import sqlalchemy as sa
from alembic import op

from koyjabo.base.core.errors import UnusableDatabase

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

NEVER_RELEASED = ("addresses", "traits", "visit_facts", "visitor_numbers")
OF_IMPORTS = ("imported_days", "imported_visits", "file_imports")
REFUSED = (
    "This database has visits that were imported from another program, and this version cannot read them. Nothing was "
    "changed. Keep it with the version that made it, or start a new database with STARTING_TOTAL set to its total."
)


def upgrade() -> None:
    connection = op.get_bind()
    for table in ("imported_days", "imported_visits"):
        if connection.scalar(sa.text(f"SELECT count(*) FROM {table}")):
            raise UnusableDatabase(REFUSED)
    for table in (*NEVER_RELEASED, *OF_IMPORTS):
        op.execute(f"DROP TABLE IF EXISTS {table}")
    op.execute("UPDATE database_identity SET compatible_from = '0033'")
