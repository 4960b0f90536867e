"""The schema of release 1.0.0

Revision ID: 0032
Revises:
"""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger()
KEY = BIG.with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "access_version",
        sa.Column("id", KEY, autoincrement=False, nullable=False),
        sa.Column("version", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "adjustments",
        sa.Column("id", KEY, nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("after_visit", BIG, nullable=False),
        sa.Column("total_before", BIG, nullable=False),
        sa.Column("total_after", BIG, nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), server_default="set", nullable=False),
        sa.Column("epoch_before", BIG),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "annotations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_annotations_scope_day", "annotations", ["scope", "day"])
    op.create_table(
        "attendance",
        sa.Column("visit_id", KEY, autoincrement=False, nullable=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("settled_ms", BIG, nullable=False),
        sa.Column("settled_until_ms", BIG, nullable=False),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.Column("beats", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("visit_id"),
    )
    op.create_index("ix_attendance_seq", "attendance", ["seq"])
    op.create_table(
        "audit_log",
        sa.Column("id", KEY, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("actor_id", sa.String(36)),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target_kind", sa.String(16), nullable=False),
        sa.Column("target_id", sa.String(36), nullable=False),
        sa.Column("target", sa.String(254), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_log_action", "audit_log", ["action", "id"])
    op.create_index("ix_audit_log_actor", "audit_log", ["actor_id", "id"])
    op.create_index("ix_audit_log_target", "audit_log", ["target_id", "id"])
    op.create_table(
        "backups",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("bytes", BIG),
        sa.Column("made_ms", BIG),
        sa.Column("epoch", BIG),
        sa.Column("total", BIG),
        sa.Column("restored_total", BIG),
        sa.Column("proven_ms", BIG),
        sa.Column("failures_before", BIG, server_default="0", nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("begun_ms", BIG, nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG),
        sa.Column("done", BIG, nullable=False),
        sa.Column("goal", BIG, nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_backups_state", "backups", ["state"])
    op.create_table(
        "communities",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("name_bn", sa.String(200), server_default="", nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("description_bn", sa.Text(), server_default="", nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("archived_ms", BIG),
        sa.Column("count_anonymous", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("public_count", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("founder_id", sa.String(36)),
        sa.Column("ref", sa.String(255)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_communities_founder_id", "communities", ["founder_id"])
    op.create_index("uq_communities_ref", "communities", ["ref"], unique=True)
    op.create_table(
        "conversions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("visitor_id", sa.String(128), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_conversions_user", "conversions", ["user_id", "id"])
    op.create_index("uq_conversions_scope_visitor", "conversions", ["scope", "visitor_id"], unique=True)
    op.create_table(
        "counters",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("epoch", BIG, nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("total", BIG, nullable=False),
        sa.Column("unique_visitors", BIG, nullable=False),
        sa.Column("revision", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_table(
        "daily_visits",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "database_identity",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("accepted_ms", BIG),
        sa.Column("compatible_from", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "day_secrets",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_blocks",
        sa.Column("first", KEY, autoincrement=False, nullable=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("first"),
    )
    op.create_table(
        "event_sums",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("dimension", sa.String(140), nullable=False),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "dimension", "period", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("id", KEY, nullable=False),
        sa.Column("visitor_id", sa.String(128), nullable=False),
        sa.Column("event_id", sa.String(128), nullable=False),
        sa.Column("visit_id", BIG),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("hour_s", BIG, nullable=False),
        sa.Column("client_ms", BIG),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("page", sa.Text()),
        sa.Column("props", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_events_visit", "events", ["visit_id"])
    op.create_index("uq_events_visitor_event", "events", ["visitor_id", "event_id"], unique=True)
    op.create_table(
        "file_imports",
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("asked", sa.String(16), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("id", KEY, nullable=False),
        sa.Column("begun_by", sa.String(200), nullable=False),
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("begun_ms", BIG, nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG),
        sa.Column("done", BIG, nullable=False),
        sa.Column("goal", BIG, nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "folded_visits",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("hour_s", BIG, nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "day", "hour_s"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "forgotten_visitors",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("visitors", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hourly_people",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("hour_s", BIG, nullable=False),
        sa.Column("authenticated", BIG, nullable=False),
        sa.Column("anonymous", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "hour_s"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hourly_visits",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("hour_s", BIG, nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "hour_s"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported_days",
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.PrimaryKeyConstraint("source", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported_visits",
        sa.Column("after_visit", KEY, autoincrement=False, nullable=False),
        sa.Column("upto_visit", BIG),
        sa.Column("first_ms", BIG),
        sa.Column("last_ms", BIG),
        sa.PrimaryKeyConstraint("after_visit"),
    )
    op.create_table(
        "insight_sums",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("dimension", sa.String(140), nullable=False),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("visits", BIG, nullable=False),
        sa.Column("new_visitors", BIG, nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.Column("visitors", BIG),
        sa.Column("attended", BIG),
        sa.Column("attended_ms", BIG),
        sa.Column("people", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("scope", "dimension", "period", "value"),
    )
    op.create_table(
        "login_failures",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("began_ms", BIG, nullable=False),
        sa.Column("state", sa.Text(), server_default="{}", nullable=False),
        sa.Column("expires_ms", BIG, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_login_failures_expires", "login_failures", ["expires_ms"])
    op.create_table(
        "mail_budgets",
        sa.Column("key", sa.String(32), nullable=False),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mail_budgets_expires", "mail_budgets", ["expires_ms"])
    op.create_table(
        "nightly_work",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("worker", sa.String(32), nullable=False),
        sa.Column("seen_ms", BIG, nullable=False),
        sa.Column("ended_ms", BIG),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox",
        sa.Column("id", KEY, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8)),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("once", sa.String(64)),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("due_ms", BIG, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text()),
        sa.Column("done_ms", BIG),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outbox_due", "outbox", ["done_ms", "kind", "due_ms"])
    op.create_index("ix_outbox_recipient", "outbox", ["recipient", "kind"])
    op.create_index("uq_outbox_once", "outbox", ["once"], unique=True)
    op.create_table(
        "page_sums",
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("views", BIG, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("day_views", BIG, nullable=False),
        sa.PrimaryKeyConstraint("page"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "peaks",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("people", BIG, nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "people",
        sa.Column("id", KEY, nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("person", sa.String(130), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_people_scope_person", "people", ["scope", "person"], unique=True)
    op.create_table(
        "returns",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("previous_day", sa.String(10), nullable=False),
        sa.Column("authenticated", BIG, nullable=False),
        sa.Column("anonymous", BIG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "day", "previous_day"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_returns_first",
        "returns",
        ["scope", "anonymous"],
        postgresql_where=sa.text("previous_day = ''"),
        sqlite_where=sa.text("previous_day = ''"),
    )
    op.create_table(
        "starting_steps",
        sa.Column("step", sa.String(16), nullable=False),
        sa.Column("done_ms", BIG),
        sa.Column("skipped_ms", BIG),
        sa.Column("host", sa.Text()),
        sa.Column("ordinal", BIG),
        sa.PrimaryKeyConstraint("step"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stored_settings",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_viewer", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("disabled_ms", BIG),
        sa.Column("browser_mark", sa.Text()),
        sa.Column("second_factor_ms", BIG),
        sa.Column("language", sa.String(8)),
        sa.Column("verified_ms", BIG),
        sa.Column("weekly_report", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("traffic_alerts", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("external_ref", sa.String(255)),
        sa.Column("external_issuer", sa.String(200)),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email_key"),
    )
    op.create_index(
        "ix_users_traffic_alerts",
        "users",
        ["id"],
        postgresql_where=sa.text("traffic_alerts"),
        sqlite_where=sa.text("traffic_alerts = 1"),
    )
    op.create_index("uq_users_external", "users", ["external_ref", "external_issuer"], unique=True)
    op.create_table(
        "visit_blocks",
        sa.Column("first", KEY, autoincrement=False, nullable=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("first"),
    )
    op.create_table(
        "visitors",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("visitor_id", sa.String(128), nullable=False),
        sa.Column("first_visit", BIG, nullable=False),
        sa.Column("user_id", sa.String(36)),
        sa.PrimaryKeyConstraint("scope", "visitor_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_visitors_user",
        "visitors",
        ["user_id"],
        postgresql_where=sa.text("user_id IS NOT NULL"),
        sqlite_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_table(
        "visits",
        sa.Column("id", KEY, autoincrement=False, nullable=False),
        sa.Column("ordinal", BIG, nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("visitor_id", sa.String(128), nullable=False),
        sa.Column("visit_id", sa.String(128), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("hour_s", BIG, nullable=False),
        sa.Column("client_ms", BIG),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("referrer", sa.Text()),
        sa.Column("user_agent", sa.Text()),
        sa.Column("page", sa.Text()),
        sa.Column("user_id", sa.String(36)),
        sa.Column("is_bot", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("language", sa.String(8)),
        sa.Column("campaign", sa.Text()),
        sa.Column("day_number", sa.Integer()),
        sa.Column("attended_ms", BIG),
        sa.Column("acted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("automated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("network", sa.String(10)),
        sa.Column("own", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("waited_ms", BIG),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_visits_community",
        "visits",
        ["scope", "id"],
        postgresql_where=sa.text("scope <> 'site'"),
        sqlite_where=sa.text("scope <> 'site'"),
    )
    op.create_index(
        "ix_visits_user",
        "visits",
        ["user_id", "id"],
        postgresql_where=sa.text("user_id IS NOT NULL"),
        sqlite_where=sa.text("user_id IS NOT NULL"),
    )
    op.create_index("uq_visits_visitor_visit", "visits", ["visitor_id", "visit_id"], unique=True)
    op.create_table(
        "watermarks",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("upto", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("n", KEY, nullable=False),
        sa.Column("webhook_id", sa.String(36), nullable=False),
        sa.Column("event_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.String(64)),
        sa.Column("next_ms", BIG, nullable=False),
        sa.Column("done_ms", BIG),
        sa.Column("log", sa.Text(), nullable=False),
        sa.Column("bytes", sa.Integer()),
        sa.PrimaryKeyConstraint("n"),
    )
    op.create_index("ix_webhook_deliveries_done", "webhook_deliveries", ["done_ms"])
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "webhook_id", "next_ms"])
    op.create_index("ix_webhook_deliveries_page", "webhook_deliveries", ["webhook_id", "n"])
    op.create_index(
        "ix_webhook_deliveries_waiting",
        "webhook_deliveries",
        ["state", "webhook_id", "n", "bytes"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index("uq_webhook_deliveries_event", "webhook_deliveries", ["webhook_id", "event_id"], unique=True)
    op.create_table(
        "webhook_events",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("key", sa.String(140), nullable=False),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("dispatched_ms", BIG),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_webhook_events_dispatched", "webhook_events", ["dispatched_ms", "at_ms"])
    op.create_index("ix_webhook_events_scope", "webhook_events", ["scope", "at_ms"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("community_id", sa.String(36)),
        sa.Column("prefix", sa.String(11), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("old_digest", sa.String(64)),
        sa.Column("old_until_ms", BIG),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("created_by", sa.String(36)),
        sa.Column("expires_ms", BIG),
        sa.Column("revoked_ms", BIG),
        sa.Column("last_used_ms", BIG),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        sa.UniqueConstraint("old_digest"),
        sa.UniqueConstraint("prefix"),
    )
    op.create_index("ix_api_keys_community_id", "api_keys", ["community_id"])
    op.create_table(
        "email_links",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_email_links_expires_ms", "email_links", ["expires_ms"])
    op.create_index("ix_email_links_user_id", "email_links", ["user_id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("community_id", sa.String(36), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("invited_by", sa.String(36), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_invitations_email_key", "invitations", ["email_key"])
    op.create_index("ix_invitations_expires_ms", "invitations", ["expires_ms"])
    op.create_index("ix_invitations_invited_by", "invitations", ["invited_by"])
    op.create_index("uq_invitations_community_email", "invitations", ["community_id", "email_key"], unique=True)
    op.create_table(
        "memberships",
        sa.Column("community_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("joined_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("community_id", "user_id"),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])
    op.create_table(
        "oidc_identities",
        sa.Column("issuer", sa.String(200), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("used_ms", BIG),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("issuer", "subject"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_oidc_identities_user_id", "oidc_identities", ["user_id"])
    op.create_table(
        "panel_invitations",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_key", sa.String(254), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("invited_by", sa.String(36), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["invited_by"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email_key"),
    )
    op.create_index("ix_panel_invitations_expires_ms", "panel_invitations", ["expires_ms"])
    op.create_index("ix_panel_invitations_invited_by", "panel_invitations", ["invited_by"])
    op.create_table(
        "passkeys",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", BIG, nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("used_ms", BIG),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_id"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    op.create_table(
        "pending_steps",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("user_id", sa.String(36)),
        sa.Column("password_mark", sa.String(64), nullable=False),
        sa.Column("visitor_id", sa.String(128)),
        sa.Column("challenge", sa.String(128)),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("token"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pending_steps_expires_ms", "pending_steps", ["expires_ms"])
    op.create_index("ix_pending_steps_user_id", "pending_steps", ["user_id"])
    op.create_table(
        "person_days",
        sa.Column("person_id", BIG, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("began_s", BIG, nullable=False),
        sa.Column("slots", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
        ),
        sa.PrimaryKeyConstraint("person_id", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("refresh_id", sa.String(36), nullable=False),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sa.Column("revoked_ms", BIG),
        sa.Column("renewed_ms", BIG),
        sa.Column("user_agent", sa.Text()),
        sa.Column("place", sa.Text()),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sessions_expires_ms", "sessions", ["expires_ms"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "shares",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("token_digest", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("range", sa.String(32)),
        sa.Column("password", sa.Text()),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("expires_ms", BIG),
        sa.Column("used_ms", BIG),
        sa.Column("community_id", sa.String(36)),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_digest"),
    )
    op.create_index("ix_shares_community_id", "shares", ["community_id"])
    op.create_index("ix_shares_created_by", "shares", ["created_by"])
    op.create_table(
        "spent_codes",
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("step", BIG, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "step"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "totp_secrets",
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("began_ms", BIG, nullable=False),
        sa.Column("confirmed_ms", BIG),
        sa.Column("guesses", sa.Integer(), nullable=False),
        sa.Column("guessing_ms", BIG, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed_url", sa.Text()),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("community_id", sa.String(36)),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text()),
        sa.Column("old_until_ms", BIG),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(64)),
        sa.Column("failing_since_ms", BIG),
        sa.Column("last_status", sa.String(64)),
        sa.Column("last_ms", BIG),
        sa.Column("dropped_ms", BIG),
        sa.Column("created_ms", BIG, nullable=False),
        sa.Column("created_by", sa.String(36)),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhooks_community_id", "webhooks", ["community_id"])
    op.bulk_insert(sa.table("access_version", sa.column("id"), sa.column("version")), [{"id": 1, "version": 0}])
    identity = sa.table("database_identity", sa.column("id"), sa.column("name"), sa.column("compatible_from"))
    op.bulk_insert(identity, [{"id": 1, "name": secrets.token_hex(8), "compatible_from": revision}])
    watermarks = sa.table("watermarks", sa.column("name"), sa.column("upto"), sa.column("version"))
    for name in ("page_visits", "page_events"):  # the sums of a new database are complete
        op.bulk_insert(watermarks, [{"name": name, "upto": 0, "version": 0}])
