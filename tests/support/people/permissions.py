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
        api_erasure.forget pixel.pixel pixel.blocked_pixel badges.badge_svg
        api_counting.register_visit api_evidence.heartbeat api_events.record_events api_counting.stats
        api_page_numbers.pages api_counting.pulse api_receipts.receipt
        api_sockets.stream
        api_auth.sign_up api_auth.log_in
        health.healthz health.readyz openapi.openapi docs.index docs.guide docs.without_ending
        static_files.versioned static_files.unversioned static_files.robots static_files.service_worker
        look.mark look.vector_icon look.pixel_icon look.share_picture
        api_second_factor.second_factor pages_login.second_factor pages_login.enrol
        sockets.stats_stream share_streams.share_stream
        pages_home.index pages_home.offline pages_communities.list_communities pages_login.log_in
        pages_login.do_log_in pages_login.sign_up pages_login.do_sign_up
        pages_home.manifest pages_preferences.choose_language pages_preferences.choose_theme pages_embeds.embed
        pages_receipts.receipt
        api_auth.request_password_reset
        pages_account.forgot_password pages_account.do_forgot_password pages_account.reset_password
        pages_account.do_reset_password
        pages_login.log_in_by_link
        pages_communities.invitation pages_communities.community
        pages_shares.share pages_shares.unlock_share pages_visits.visit_number
        api_shares.shared_summary api_shares.shared_timeline api_shares.shared_breakdown
    """,
    USER: """
        api_auth.refresh api_auth.log_out api_auth.me api_auth.change_password api_auth.change_me
        api_personal_data.delete_me
        api_communities.list_invitations api_communities.accept_invitation api_communities.decline_invitation
        api_auth.list_sessions api_auth.end_session api_auth.end_other_sessions
        api_second_factor.second_factor_state api_second_factor.begin_totp api_second_factor.confirm_totp
        api_second_factor.remove_totp api_second_factor.renew_recovery_codes
        pages_second_factor.second_factors pages_second_factor.set_up_totp pages_second_factor.begin_totp
        pages_second_factor.confirm_totp pages_second_factor.ask_totp_off pages_second_factor.remove_totp
        pages_second_factor.ask_recovery_codes pages_second_factor.renew_recovery_codes
        api_community_refs.online api_communities.list_communities api_communities.create_community
        api_communities.join_community
        pages_account.account_details pages_account.change_details pages_personal_data.ask_deletion
        pages_personal_data.delete_account
        pages_personal_data.account pages_personal_data.change_password pages_login.log_out pages_account.end_session
        pages_account.end_other_sessions
        pages_account.verify_email pages_account.do_verify_email pages_account.send_verification
        pages_weekly_report.choose_mails pages_account.choose_presence
        pages_communities.accept_invitation pages_communities.decline_invitation pages_communities.invitation_code
        pages_communities.new_community pages_communities.create_community pages_communities.join_community
    """,
    VIEWER: """
        panel_overview.overview panel_connect.connect panel_audit.audit panel_visits.visits panel_visits.visit
        panel_communities.communities panel_communities.community panel_users.users panel_users.user
        panel_server.server panel_search.find
        panel_search.search panel_health.state
        panel_streams.panel_stream
        api_reports.report_summary api_reports.report_timeline api_reports.report_breakdown
    """,
    MEMBER: """
        api_communities.get_community api_communities.leave_community api_communities.list_members
        api_communities.community_stats
        api_community_reports.visitors api_community_reports.visitors_today api_community_reports.visitors_weekly
        api_community_reports.visitors_monthly api_community_reports.visitors_growth
        api_community_reports.visitors_trends api_communities.realtime api_sockets.community_stream
        pages_communities.members pages_communities.leave_community
        sockets.visitors_stream
    """,
    MODERATOR: """
        api_communities.who_is_online api_community_refs.broadcast api_community_refs.disconnect
        api_shares.list_shares api_shares.end_share
        pages_community_reports.community_reports
        pages_community_shares.community_shares pages_community_shares.new_share
        pages_community_shares.create_share pages_community_shares.end_share
        api_reports.community_report_summary api_reports.community_report_timeline
        api_reports.community_report_breakdown
        sockets.dashboard_stream
    """,
    ADMIN: """
        api_communities.change_community api_communities.delete_community api_communities.invite_member
        api_communities.set_role api_communities.remove_member
        pages_communities.community_settings pages_communities.change_community
        pages_communities.confirm_deletion pages_communities.delete_community
        pages_communities.invite_member pages_communities.set_role pages_communities.remove_member
        pages_communities.revoke_invitation
    """,
    SITE_ADMIN: """
        api_auth.invite_to_panel panel_users.new_panel_invitation panel_users.invite_to_panel
        panel_users.withdraw_panel_invitation
        panel_exports.export panel_communities.new_community panel_communities.archive_community
        panel_communities.restore_community
        panel_users.promote panel_users.demote panel_users.make_viewer panel_users.disable panel_users.enable
        panel_users.log_out
        panel_users.reset_second_factor
        panel_mail.test_mail panel_look.colours panel_clock.answer_clock
        panel_receipts.recount panel_backups.back_up
        panel_health.mark_rollback_seen
        panel_receipts.set_total
        panel_server.change_settings
        panel_erasure.erase_visitor
        api_shares.create_share api_counting.register_visits
        api_keys.create_key api_keys.list_keys api_keys.revoke_key api_keys.rotate_key
        api_community_refs.put_community api_community_refs.archive_community api_community_refs.put_member
        api_community_refs.remove_member_by_ref api_community_refs.sync_members
        panel_shares.new_share panel_shares.create_share panel_shares.end_share
        panel_keys.new_key panel_keys.create_key panel_keys.ask_rotation panel_keys.rotate_key panel_keys.revoke_key
        panel_getting_started.change_step panel_getting_started.first_page
    """,
}
RULES = {endpoint: least for least, endpoints in LEAST.items() for endpoint in endpoints.split()}

SOCKETS = {endpoint for endpoint in RULES if endpoint.startswith(("sockets.", "share_streams.", "panel_streams."))}
WITHOUT_SESSION = {
    *("api_auth.sign_up", "api_auth.log_in", "pages_login.do_sign_up", "pages_login.do_log_in"),
    *("api_second_factor.second_factor", "pages_login.second_factor", "pages_login.enrol"),
    *("api_auth.request_password_reset", "pages_account.do_forgot_password", "pages_account.do_reset_password"),
    "pages_shares.unlock_share",
}
"""Routes that work without a session: they start one, or need only an email address or a link's token."""

CONFIRMED_FORMS = """
    pages_communities.remove_member pages_communities.leave_community pages_communities.delete_community
    pages_account.end_session pages_account.end_other_sessions pages_community_shares.end_share
    panel_communities.archive_community panel_receipts.set_total panel_erasure.erase_visitor panel_users.promote
    panel_users.demote panel_users.make_viewer panel_users.disable panel_users.log_out
    panel_users.reset_second_factor panel_shares.end_share panel_keys.revoke_key
"""
ASKS = set(CONFIRMED_FORMS.split())  # forms that ask for confirmation
BODIES = {
    "api_counting.register_visit": {"visitorId": "ayesha"},
    "api_evidence.heartbeat": {"visitorId": "ayesha"},
    "api_events.record_events": {"visitorId": "ayesha", "events": [{"id": "1", "name": "search"}]},
    "api_communities.create_community": {"name": "Banani"},
    "api_communities.join_community": {},
    "api_communities.change_community": {"name": "Banani"},
    "api_communities.invite_member": {"email": "newcomer@example.com", "role": "member"},
    "api_auth.invite_to_panel": {"email": "newcomer@example.com", "role": "viewer", "password": PASSWORD},
    "api_communities.set_role": {"role": "member"},
    "api_shares.create_share": {"name": "Traffic"},
    "api_keys.create_key": {"name": "Grafana", "scopes": ["reports:read"]},
    "api_community_refs.put_community": {"name": "Banani"},
    "api_community_refs.put_member": {"role": "member", "name": "Ayesha"},
    "api_community_refs.sync_members": {"members": []},
    "api_counting.register_visits": {"visits": []},
    "api_community_refs.broadcast": {"data": None},
    "api_community_refs.disconnect": {"userRef": "4711"},
}
"""Valid bodies for routes that check the body before the permission. Forms and JSON have the same fields."""

FORMS = {
    "pages_communities.create_community": BODIES["api_communities.create_community"],
    "pages_communities.change_community": BODIES["api_communities.change_community"],
    "pages_communities.invite_member": BODIES["api_communities.invite_member"],
    "pages_communities.set_role": BODIES["api_communities.set_role"],
    "pages_community_shares.create_share": BODIES["api_shares.create_share"],
    "panel_keys.create_key": {"name": "Grafana", "scopes": "reports:read"},
    "panel_shares.create_share": BODIES["api_shares.create_share"],
    "panel_users.invite_to_panel": BODIES["api_auth.invite_to_panel"],
    "panel_erasure.erase_visitor": {"visitor_id": "babul"},
    "panel_receipts.set_total": {"total": "5000", "reason": "a test"},
    "panel_getting_started.change_step": {"state": "skipped"},
}
