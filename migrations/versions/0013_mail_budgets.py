"""Budgets for emails to unconfirmed addresses, and an index for the emails' sending order

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_budgets",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_budgets_expires", "mail_budgets", ["expires_ms"])
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["done_ms", "kind", "due_ms"])


def downgrade() -> None:
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", ["done_ms", "due_ms"])
    op.drop_table("mail_budgets")
