"""Insights: parsed values of visits, sums by dimension, events, share links and annotations

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TRAITS = (
    "browser", "system", "device", "language", "source", "channel", "utm_source", "utm_medium", "utm_campaign",
    "utm_term", "utm_content", "country", "city",
)  # fmt: skip
LENGTHS = {"device": 16, "language": 8, "channel": 16, "country": 2}


def upgrade() -> None:
    op.add_column("visits", sa.Column("language", sa.String(8)))
    op.add_column("visits", sa.Column("campaign", sa.Text()))
    _make_facts()
    _make_sums()
    _make_events()
    _make_shares()
    _make_time_spent()


def _make_facts() -> None:
    op.create_table(
        "traits",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False, unique=True),
        *(sa.Column(name, sa.String(LENGTHS[name]) if name in LENGTHS else sa.Text()) for name in TRAITS),
    )
    op.create_table(
        "addresses",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("text", sa.Text(), nullable=False, unique=True),
    )
    op.create_table(
        "visitor_numbers",
        sa.Column("first_visit", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "visit_facts",
        sa.Column("visit_id", BIG_KEY, primary_key=True, autoincrement=False),
        sa.Column("visitor", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("hour_s", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("new_in", sa.SmallInteger(), nullable=False),
        sa.Column("traits_id", sa.Integer(), nullable=False),
        sa.Column("page_id", sa.Integer()),
        sa.Column("referrer_id", sa.Integer()),
    )


def _make_sums() -> None:
    op.create_table(
        "insight_sums",
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("dimension", sa.String(140), primary_key=True),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("visits", sa.BigInteger(), nullable=False),
        sa.Column("new_visitors", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("visitors", sa.BigInteger()),
        sa.Column("people", sa.LargeBinary()),
    )
    op.create_table(
        "watermarks",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sqlite_with_rowid=False,
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("visitor_id", sa.String(128), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("visit_id", sa.BigInteger()),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("hour_s", sa.BigInteger(), nullable=False),
        sa.Column("client_ms", sa.BigInteger()),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("page", sa.Text()),
        sa.Column("props", sa.Text()),
    )
    op.create_index("uq_events_visitor_event", "events", ["visitor_id", "event_id"], unique=True)
    op.create_index("ix_events_visit", "events", ["visit_id"])
    op.create_table(
        "event_sums",
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("dimension", sa.String(140), primary_key=True),
        sa.Column("period", sa.String(10), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def _make_shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("token_digest", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("range", sa.String(32)),
        sa.Column("password", sa.Text()),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("expires_ms", sa.BigInteger()),
        sa.Column("used_ms", sa.BigInteger()),
        sa.Column("community_id", sa.String(36), sa.ForeignKey("communities.id", ondelete="CASCADE")),
    )
    op.create_index("ix_shares_created_by", "shares", ["created_by"])
    op.create_index("ix_shares_community_id", "shares", ["community_id"])
    op.create_table(
        "annotations",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_annotations_scope_day", "annotations", ["scope", "day"])


def _make_time_spent() -> None:
    op.create_table(
        "time_spent",
        sa.Column("scope", sa.String(64), sa.ForeignKey("communities.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("spent_ms", sa.BigInteger(), nullable=False),
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


def downgrade() -> None:
    for table in (
        "member_spans", "time_spent",
        "annotations", "shares", "event_sums", "events", "watermarks", "insight_sums", "visit_facts", "visitor_numbers",
        "addresses", "traits",
    ):  # fmt: skip
        op.drop_table(table)
    for column in ("campaign", "language"):
        op.drop_column("visits", column)
