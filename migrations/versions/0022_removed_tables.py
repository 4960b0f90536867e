"""Drop the tables of features that were removed before any release

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    for table in ("member_spans", "time_spent", "measured_minutes", "measurements", "health_spans"):
        op.drop_table(table)
    op.execute("UPDATE database_identity SET compatible_from = '0022'")


def downgrade() -> None:
    op.execute("UPDATE database_identity SET compatible_from = '0016'")
    op.create_table(
        "health_spans",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("begun_ms", BIG, primary_key=True),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("ended_ms", BIG),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "measurements",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("since_ms", BIG, nullable=False),
        sa.Column("amount", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "measured_minutes",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("minute_ms", BIG, primary_key=True),
        sa.Column("bucket", sa.Integer(), primary_key=True),
        sa.Column("amount", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "time_spent",
        sa.Column("scope", sa.String(64), sa.ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("members", BIG, nullable=False),
        sa.Column("spent_ms", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "member_spans",
        sa.Column("scope", sa.String(64), sa.ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.Column("days", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_member_spans_user_id", "member_spans", ["user_id"])
