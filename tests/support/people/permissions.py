"""The minimum role for each route, by endpoint. Routes missing here have no rule."""

from __future__ import annotations

from support.people.accounts import PASSWORD

ROLES = ("nobody", "disabled", "revoked", "pending", "user", "invited", "viewer", "member", "moderator", "admin")
ROLES += ("site_admin",)
"""Roles in ascending order: each has the permissions of all earlier ones. Only `viewer` and `site_admin` see the panel,
and a viewer has a member's permissions in every community. The first four have no valid session: `pending` has not
finished two-step login. `invited` has not responded to an invitation to the community.
"""

ANYBODY, USER, VIEWER, MEMBER, MODERATOR, ADMIN, SITE_ADMIN = "nobody", "user", *ROLES[6:]

LEAST = {
    ANYBODY: """
        api.forget pixel.pixel badges.badge_svg
        api.register_visit api.heartbeat api.record_events api.stats api.pages api.pulse api.receipt
        api.stream
        api.sign_up api.log_in
        health.healthz health.readyz openapi.openapi docs.index docs.guide
        static_files.versioned static_files.unversioned static_files.at_the_root static_files.service_worker
        api.second_factor pages.second_factor pages.enrol
        sockets.stats_stream sockets.share_stream
        pages.index pages.offline pages.list_communities pages.log_in pages.do_log_in pages.sign_up pages.do_sign_up
        pages.manifest pages.choose_language pages.choose_theme pages.embed
        pages.receipt
        api.request_password_reset
        pages.forgot_password pages.do_forgot_password pages.reset_password pages.do_reset_password
        pages.log_in_by_link
        pages.invitation pages.community
        pages.share pages.unlock_share pages.visit_number
        api.shared_summary api.shared_timeline api.shared_breakdown
    """,
    USER: """
        api.refresh api.log_out api.me api.change_password api.change_me api.delete_me
        api.list_invitations api.accept_invitation api.decline_invitation
        api.list_sessions api.end_session api.end_other_sessions
        api.second_factor_state api.begin_totp api.confirm_totp api.remove_totp api.renew_recovery_codes
        pages.second_factors pages.set_up_totp pages.begin_totp pages.confirm_totp pages.ask_totp_off pages.remove_totp
        pages.ask_recovery_codes pages.renew_recovery_codes
        api.online api.list_communities api.create_community api.join_community
        pages.account_details pages.change_details pages.ask_deletion pages.delete_account
        pages.account pages.change_password pages.log_out pages.end_session pages.end_other_sessions
        pages.verify_email pages.do_verify_email pages.send_verification pages.choose_mails
        pages.accept_invitation pages.decline_invitation pages.invitation_code
        pages.new_community pages.create_community pages.join_community
    """,
    VIEWER: """
        admin.overview admin.connect admin.audit admin.visits admin.visit
        admin.communities admin.community admin.users admin.user admin.server admin.data admin.find
        admin.search admin.state
        sockets.panel_stream
        api.report_summary api.report_timeline api.report_breakdown
    """,
    MEMBER: """
        api.get_community api.leave_community api.list_members api.community_stats
        api.visitors api.visitors_today api.visitors_weekly api.visitors_monthly api.visitors_growth
        api.visitors_trends api.realtime api.community_stream
        pages.members pages.leave_community
        sockets.visitors_stream
    """,
    MODERATOR: """
        api.who_is_online api.broadcast api.disconnect
        api.list_shares api.end_share
        pages.community_reports pages.community_settings
        pages.community_shares pages.new_share pages.create_share pages.end_share
        api.community_report_summary api.community_report_timeline api.community_report_breakdown
        sockets.dashboard_stream
    """,
    ADMIN: """
        api.change_community api.delete_community api.invite_member api.set_role api.remove_member
        pages.change_community pages.confirm_deletion pages.delete_community
        pages.invite_member pages.set_role pages.remove_member pages.withdraw_invitation
    """,
    SITE_ADMIN: """
        api.invite_to_panel admin.new_panel_invitation admin.invite_to_panel admin.withdraw_panel_invitation
        admin.export admin.new_community admin.archive_community admin.restore_community
        admin.promote admin.demote admin.make_viewer admin.disable admin.enable admin.log_out
        admin.reset_second_factor
        admin.test_mail admin.recount admin.back_up admin.mark_rollback_seen admin.set_total
        admin.change_settings
        admin.erase_visitor
        api.create_share api.register_visits
        api.create_key api.list_keys api.revoke_key api.rotate_key
        api.put_community api.archive_community api.put_member api.remove_member_by_ref api.sync_members
        admin.new_share admin.create_share admin.end_share
        admin.new_key admin.create_key admin.ask_rotation admin.rotate_key admin.revoke_key
        admin.change_step admin.first_page
    """,
}
RULES = {endpoint: least for least, endpoints in LEAST.items() for endpoint in endpoints.split()}

BY_LOOPBACK_OR_TOKEN = {"metrics.metrics"}
"""Routes without a role. They have their own tests."""

SOCKETS = {endpoint for endpoint in RULES if endpoint.startswith("sockets.")}
STREAMS = {"api.stream", "api.community_stream"}
"""Allowed requests from a test client get 501."""

WITHOUT_SESSION = {
    *("api.sign_up", "api.log_in", "pages.do_sign_up", "pages.do_log_in"),
    *("api.second_factor", "pages.second_factor", "pages.enrol"),
    *("api.request_password_reset", "pages.do_forgot_password", "pages.do_reset_password"),
    "pages.unlock_share",
}
"""Routes that work without a session: they start one, or need only an email address or a link's token."""

ASKS = {
    *("pages.remove_member", "pages.leave_community", "pages.delete_community"),
    *("pages.end_session", "pages.end_other_sessions"),
    *("admin.archive_community", "admin.set_total", "admin.erase_visitor"),
    *("admin.promote", "admin.demote", "admin.make_viewer", "admin.disable", "admin.log_out"),
    *("admin.reset_second_factor", "admin.end_share", "pages.end_share"),
    "admin.revoke_key",
}
"""Forms that ask for confirmation."""

BODIES = {
    "api.register_visit": {"visitorId": "ayesha"},
    "api.heartbeat": {"visitorId": "ayesha"},
    "api.record_events": {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]},
    "api.create_community": {"name": "Banani"},
    "api.join_community": {},
    "api.change_community": {"name": "Banani"},
    "api.invite_member": {"email": "newcomer@example.com", "role": "member"},
    "api.invite_to_panel": {"email": "newcomer@example.com", "role": "viewer", "password": PASSWORD},
    "api.set_role": {"role": "member"},
    "api.create_share": {"name": "Traffic"},
    "api.create_key": {"name": "Grafana", "scopes": ["reports:read"]},
    "api.put_community": {"name": "Banani"},
    "api.put_member": {"role": "member", "name": "Ayesha"},
    "api.sync_members": {"members": []},
    "api.register_visits": {"visits": []},
    "api.broadcast": {"data": None},
    "api.disconnect": {"userRef": "4711"},
}
"""Valid bodies for routes that check the body before the permission. Forms and JSON have the same fields."""

FORMS = {
    "pages.create_community": BODIES["api.create_community"],
    "pages.change_community": BODIES["api.change_community"],
    "pages.invite_member": BODIES["api.invite_member"],
    "pages.set_role": BODIES["api.set_role"],
    "pages.create_share": BODIES["api.create_share"],
    "admin.create_key": {"name": "Grafana", "scopes": "reports:read"},
    "admin.create_share": BODIES["api.create_share"],
    "admin.invite_to_panel": BODIES["api.invite_to_panel"],
    "admin.erase_visitor": {"visitor_id": "babul"},
    "admin.set_total": {"total": "5000", "reason": "a test"},
    "admin.change_step": {"state": "skipped"},
}


def may(role: str, endpoint: str) -> bool:
    least = RULES[endpoint]
    if least == VIEWER:
        return role in (VIEWER, SITE_ADMIN)
    if role == VIEWER:
        return least in (ANYBODY, USER, MEMBER)
    return ROLES.index(role) >= ROLES.index(least)
