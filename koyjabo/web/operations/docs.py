"""GET /docs: Swagger UI for `/openapi.json`, in a page of our own, because the page of the package has an inline
script, which our content security policy forbids (`response_headers`).
"""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, render_template, send_from_directory

FILES = Path(flask_swagger_ui.__file__).parent / "dist"

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("/")
def docs() -> str:
    return render_template("docs.html")


@bp.get('/<any("swagger-ui.css", "swagger-ui-bundle.js"):name>')
def file(name: str) -> Response:
    return send_from_directory(FILES, name, max_age=86400)
