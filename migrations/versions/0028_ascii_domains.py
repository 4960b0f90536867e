"""Keys of email addresses with the domain in ASCII (IDNA 2008)

If two accounts get one key, the account whose address is in ASCII has it, or else the older one. The key of the other
account is what its owner wrote, so that both log in as before. Of two invitations, the newer one stays. An address
whose emails went to another domain (`faß.example` to `fass.example`) is no longer confirmed, and its links are void.

Revision ID: 0028
Revises: 0027
"""

from alembic import op

from koyjabo.people.accounts.email_link_queries import rekey

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rekey(op.get_bind())


def downgrade() -> None:
    """Nothing to do: each key is still its account's only one."""
