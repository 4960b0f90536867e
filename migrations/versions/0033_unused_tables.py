"""Drop tables that no release has used

Revision ID: 0033
Revises: 0032
"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("addresses", "traits", "visit_facts", "visitor_numbers"):
        op.execute(f"DROP TABLE IF EXISTS {table}")


def downgrade() -> None:
    """Nothing to do: nothing used these tables."""
