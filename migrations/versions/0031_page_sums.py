"""The views of each page

Revision ID: 0031
Revises: 0030
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "page_sums",
        sa.Column("page", sa.Text(), primary_key=True),
        sa.Column("views", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("day_views", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(  # the sums of a new database are complete
        "INSERT INTO watermarks (name, upto, version) SELECT names.name, 0, 0 "
        "FROM (SELECT 'page_visits' AS name UNION SELECT 'page_events') AS names "
        "WHERE NOT EXISTS (SELECT 1 FROM daily_visits) AND NOT EXISTS (SELECT 1 FROM events)"
    )


def downgrade() -> None:
    op.execute("DELETE FROM watermarks WHERE name IN ('page_visits', 'page_events')")
    op.drop_table("page_sums")
