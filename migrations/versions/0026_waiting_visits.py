"""How long a visit waited to be sent, as measured by the client

Revision ID: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visits", sa.Column("waited_ms", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("visits", "waited_ms")
