"""Guess budgets per account, and a mark of familiar browsers that survives the operator setting a password

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM login_failures")
    op.drop_index("ix_login_failures_began", "login_failures")
    op.add_column("login_failures", sa.Column("state", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("login_failures", sa.Column("expires_ms", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_login_failures_expires", "login_failures", ["expires_ms"])
    op.add_column("users", sa.Column("browser_mark", sa.Text()))


def downgrade() -> None:
    op.drop_column("users", "browser_mark")
    op.drop_index("ix_login_failures_expires", "login_failures")
    for column in ("expires_ms", "state"):
        op.drop_column("login_failures", column)
    op.create_index("ix_login_failures_began", "login_failures", ["began_ms"])
