"""Email: the outbox, links in emails, invitations, and the language and email of a user

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.String(36)
EMAIL = sa.String(254)


def upgrade() -> None:
    op.add_column("users", sa.Column("language", sa.String(8)))
    op.add_column("users", sa.Column("verified_ms", BIG))
    op.add_column("users", sa.Column("weekly_report", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "email_links",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email_key", EMAIL, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
    )
    op.create_index("ix_email_links_user_id", "email_links", ["user_id"])
    op.create_index("ix_email_links_expires_ms", "email_links", ["expires_ms"])
    op.create_table(
        "invitations",
        sa.Column("id", ID, primary_key=True),
        sa.Column("community_id", ID, sa.ForeignKey("communities.id", ondelete="CASCADE"), nullable=False),
        sa.Column("email", EMAIL, nullable=False),
        sa.Column("email_key", EMAIL, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("invited_by", ID, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
    )
    op.create_index("uq_invitations_community_email", "invitations", ["community_id", "email_key"], unique=True)
    for column in ("email_key", "invited_by", "expires_ms"):
        op.create_index(f"ix_invitations_{column}", "invitations", [column])
    op.create_table(
        "outbox",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("email", EMAIL, nullable=False),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8)),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("once", sa.String(64)),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("due_ms", BIG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text()),
        sa.Column("done_ms", BIG),
    )
    op.create_index("ix_outbox_due", "outbox", ["done_ms", "due_ms"])
    op.create_index("ix_outbox_recipient", "outbox", ["recipient", "kind"])
    op.create_index("uq_outbox_once", "outbox", ["once"], unique=True)


def downgrade() -> None:
    for table in ("outbox", "invitations", "email_links"):
        op.drop_table(table)
    for column in ("weekly_report", "verified_ms", "language"):
        op.drop_column("users", column)
