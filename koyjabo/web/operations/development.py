"""What only a development server has: `koyjabo demo` asks for it before it plays (see `koyjabo.sites`)."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app

from koyjabo import sites

bp = Blueprint("development", __name__)


@bp.get(sites.PATH)
def say_mark() -> dict[str, Any]:
    settings = current_app.config
    return {"mark": sites.mark(settings["SQLALCHEMY_DATABASE_URI"], settings["SECRET_KEY"])}
