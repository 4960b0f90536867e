"""The range of share links that were made without one

Revision ID: 0039
Revises: 0038
"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

shares = sa.table("shares", sa.column("range", sa.String(32)))


def upgrade() -> None:
    op.execute(shares.update().where(shares.c.range.is_(None)).values(range="30d"))  # the default until now
