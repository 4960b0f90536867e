"""The blueprints that features add their routes to: the API, pages and the panel."""

from __future__ import annotations

from flask import Blueprint

from koyjabo.web.http.responses import private

api = Blueprint("api", __name__, url_prefix="/api")
pages = Blueprint("pages", __name__)
pages.after_request(private)
admin = Blueprint("admin", __name__, url_prefix="/admin")
