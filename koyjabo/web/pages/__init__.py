"""Pages for visitors and users: stats, communities, accounts. They work without JavaScript, and are live with it."""

from __future__ import annotations

from flask import Blueprint

from koyjabo.web.http.cache_headers import private

bp = Blueprint("pages", __name__)
bp.after_request(private)

from koyjabo.web.pages import (  # noqa: E402, F401  (they add their routes to bp)
    accounts,
    communities,
    community_members,
    community_settings,
    dashboard,
    emails,
    home,
    install,
    invitations,
    languages,
    own_account,
    passkeys,
    password_reset,
    profile,
    second_factor,
    second_step,
    sessions,
    sharing,
    themes,
    visit_number,
)
