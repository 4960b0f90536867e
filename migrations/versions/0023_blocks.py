"""Visits and events as columns, for reports

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
TABLES = ("visit_blocks", "event_blocks")


def upgrade() -> None:
    for table in TABLES:
        op.create_table(
            table,
            sa.Column("first", BIG.with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
            sa.Column("last", BIG, nullable=False),
            sa.Column("first_day", sa.String(10), nullable=False),
            sa.Column("last_day", sa.String(10), nullable=False),
            sa.Column("packed", sa.LargeBinary(), nullable=False),
        )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
