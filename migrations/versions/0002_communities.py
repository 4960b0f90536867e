"""Accounts, communities, and their people by day and hour

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.String(36)
SCOPE = sa.String(64)
DAY = sa.String(10)


def upgrade() -> None:
    op.add_column("visits", sa.Column("user_id", ID))
    op.add_column("visitors", sa.Column("user_id", ID))
    _accounts()
    _communities()
    _people()


def _accounts() -> None:
    op.create_table(
        "users",
        sa.Column("id", ID, primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("disabled_ms", BIG),
    )
    op.create_table(
        "sessions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("refresh_id", ID, nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.Column("revoked_ms", BIG),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_expires_ms", "sessions", ["expires_ms"])
    access = op.create_table(
        "access_version",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("version", BIG, nullable=False),
    )
    op.bulk_insert(access, [{"id": 1, "version": 0}])


def _communities() -> None:
    op.create_table(
        "communities",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
    )
    op.create_table(
        "memberships",
        sa.Column("community_id", ID, sa.ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("joined_ms", BIG, nullable=False),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])
    op.create_table(
        "peaks",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("day", DAY, primary_key=True),
        sa.Column("people", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sqlite_with_rowid=False,
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("person", sa.String(130), nullable=False),
        sa.Column("last_day", DAY, nullable=False),
    )
    op.create_index("uq_people_scope_person", "people", ["scope", "person"], unique=True)
    op.create_table(
        "person_days",
        sa.Column("person_id", BIG, sa.ForeignKey("people.id"), primary_key=True),
        sa.Column("day", DAY, primary_key=True),
        sa.Column("began_s", BIG, nullable=False),
        sa.Column("slots", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "returns",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("day", DAY, primary_key=True),
        sa.Column("previous_day", DAY, primary_key=True),
        sa.Column("authenticated", BIG, nullable=False),
        sa.Column("anonymous", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    first = sa.text("previous_day = ''")  # the conversion rate sums them up under the writers' lock
    op.create_index("ix_returns_first", "returns", ["scope", "anonymous"], sqlite_where=first, postgresql_where=first)
    op.create_table(
        "hourly_people",
        sa.Column("scope", SCOPE, primary_key=True),
        sa.Column("hour_s", BIG, primary_key=True, autoincrement=False),
        sa.Column("authenticated", BIG, nullable=False),
        sa.Column("anonymous", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("scope", SCOPE, nullable=False),
        sa.Column("visitor_id", sa.String(128), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
    )
    op.create_index("uq_conversions_scope_visitor", "conversions", ["scope", "visitor_id"], unique=True)


def downgrade() -> None:
    op.execute("DELETE FROM counters WHERE scope <> 'site'")
    for table in ("conversions", "hourly_people", "returns", "person_days", "people"):
        op.drop_table(table)
    for table in ("peaks", "memberships", "communities", "access_version", "sessions", "users"):
        op.drop_table(table)
    op.drop_column("visitors", "user_id")
    op.drop_column("visits", "user_id")
