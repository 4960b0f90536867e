"""The ledger: visits, and the counters and rollups derived from them

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
KEY = BIG.with_variant(sa.Integer(), "sqlite")
SCOPE = sa.String(64)
NAME = sa.String(128)
DAY = sa.String(10)


def upgrade() -> None:
    op.create_table(
        "counters",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("unique_visitors", BIG, nullable=False),
        sa.Column("revision", BIG, nullable=False),
    )
    op.create_table(
        "visits",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("ordinal", BIG, nullable=False),
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("visitor_id", NAME, nullable=False),
        sa.Column("visit_id", NAME, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("day", DAY, nullable=False),
        sa.Column("hour_s", BIG, nullable=False),
        sa.Column("client_ms", BIG),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("referrer", sa.Text()),
        sa.Column("user_agent", sa.Text()),
        sa.Column("page", sa.Text()),
    )
    op.create_index("uq_visits_visitor_visit", "visits", ["visitor_id", "visit_id"], unique=True)
    op.create_table(
        "visitors",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("visitor_id", NAME, primary_key=True),
        sa.Column("first_visit", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "daily_visits",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("day", DAY, primary_key=True),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hourly_visits",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("hour_s", BIG, primary_key=True, autoincrement=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "adjustments",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("after_visit", BIG, nullable=False),
        sa.Column("total_before", BIG, nullable=False),
        sa.Column("total_after", BIG, nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    for table in ("adjustments", "hourly_visits", "daily_visits", "visitors", "visits", "counters"):
        op.drop_table(table)
