"""The visit number of the first visit from a page on another host

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("starting_steps", sa.Column("ordinal", sa.BigInteger()))


def downgrade() -> None:
    op.drop_column("starting_steps", "ordinal")
