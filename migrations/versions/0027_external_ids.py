"""External ids of up to 255 characters

Revision ID: 0027
Revises: 0026
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":  # SQLite ignores the length
        op.alter_column("users", "external_ref", existing_type=sa.String(128), type_=sa.String(255))
        op.alter_column("communities", "ref", existing_type=sa.String(128), type_=sa.String(255))


def downgrade() -> None:
    """Nothing to do: longer columns do no harm."""
