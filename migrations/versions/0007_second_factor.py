"""Two-step login: authenticator apps, recovery codes, passkeys, and logins that wait for a code or passkey

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger()


def user(**options: bool) -> sa.Column[str]:
    return sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), **options)


def upgrade() -> None:
    op.add_column("users", sa.Column("second_factor_ms", BIG))
    op.create_table(
        "totp_secrets",
        user(primary_key=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("began_ms", BIG, nullable=False),
        sa.Column("confirmed_ms", BIG),
        sa.Column("guesses", sa.Integer(), nullable=False),
        sa.Column("guessing_ms", BIG, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        user(primary_key=True),
        sa.Column("digest", sa.String(64), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(36), primary_key=True),
        user(nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False, unique=True),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", BIG, nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("used_ms", BIG),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    op.create_table(
        "spent_codes",
        user(primary_key=True),
        sa.Column("step", BIG, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pending_steps",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        user(nullable=True),
        sa.Column("password_mark", sa.String(64), nullable=False),
        sa.Column("visitor_id", sa.String(128)),
        sa.Column("challenge", sa.String(128)),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pending_steps_user_id", "pending_steps", ["user_id"])
    op.create_index("ix_pending_steps_expires_ms", "pending_steps", ["expires_ms"])


def downgrade() -> None:
    for table in ("pending_steps", "spent_codes", "passkeys", "recovery_codes", "totp_secrets"):
        op.drop_table(table)
    op.drop_column("users", "second_factor_ms")
