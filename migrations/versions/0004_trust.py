"""Long operation: rolled-up visits, declared crawlers, origins of sessions, failed logins, nightly work

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "folded_visits",
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("hour_s", BIG, primary_key=True),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "forgotten_visitors",
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("visitors", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported_visits",
        sa.Column("after_visit", BIG.with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("upto_visit", BIG),
        sa.Column("first_ms", BIG),
        sa.Column("last_ms", BIG),
    )
    op.add_column("visits", sa.Column("is_bot", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("sessions", sa.Column("renewed_ms", BIG))
    op.add_column("sessions", sa.Column("user_agent", sa.Text()))
    op.add_column("sessions", sa.Column("place", sa.Text()))
    op.create_table(
        "login_failures",
        sa.Column("account", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("began_ms", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_login_failures_began", "login_failures", ["began_ms"])
    op.create_table(
        "nightly_work",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("imported_visits")
    op.drop_table("nightly_work")
    op.drop_table("login_failures")
    for column in ("place", "user_agent", "renewed_ms"):
        op.drop_column("sessions", column)
    op.drop_column("visits", "is_bot")
    op.drop_table("forgotten_visitors")
    op.drop_table("folded_visits")
