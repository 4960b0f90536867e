"""/api: what anybody may call, and what takes a login (`koyjabo.web.http.middleware`, `koyjabo.web.security.tokens`)."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("api", __name__, url_prefix="/api")

from koyjabo.web.api import auth, communities, community_members, community_presence, reports, sessions, stats, visitor
