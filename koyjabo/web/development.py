"""In development only: an identifier of this server's database and secret.

The demo (`tools/demo`) writes to a running server's database. It first compares identifiers, to make sure that this is
a development server with the same database.
"""

import hmac

from flask import Blueprint, current_app

DEVELOPMENT_PATH = "/development"

bp = Blueprint("development", __name__)


def mark(database_url: str, secret_key: str) -> str:
    """An identifier that is the same for all programs with these settings, and reveals neither."""
    return hmac.new(secret_key.encode(), f"database {database_url}".encode(), "sha256").hexdigest()


@bp.get(DEVELOPMENT_PATH)
def show_mark() -> dict[str, str]:
    settings = current_app.config
    return {"mark": mark(settings["SQLALCHEMY_DATABASE_URI"], settings["SECRET_KEY"])}
