"""GET /docs: the calls of `/openapi.json` as a page of our own. GET /docs/try: Swagger UI, which makes the calls, in a
page without an inline script, which our content security policy forbids (`response_headers`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Flask, Response, current_app, make_response, render_template

from koyjabo.web.http import static_files
from koyjabo.web.http.cache_headers import private
from koyjabo.web.operations import api_guide
from koyjabo.web.operations.openapi_document import specification
from koyjabo.web.ui.links import sample_site

FILES = Path(flask_swagger_ui.__file__).parent / "dist"

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("/")
def docs() -> Response:
    calls, models = _guide(current_app._get_current_object())  # type: ignore[attr-defined]
    page = render_template("docs/docs.html", calls=calls, models=models, guide=api_guide, host=sample_site())
    return private(make_response(page))


@bp.get("/try")
def try_it() -> str:
    return render_template("docs/try.html")


@bp.get('/<any("swagger-ui.css", "swagger-ui-bundle.js"):name>')
def file(name: str) -> Response:
    return static_files.send(FILES / name, static_files.FOR_A_DAY)


@cache
def _guide(app: Flask) -> tuple[list[tuple[str, list[api_guide.Call]]], list[api_guide.Model]]:
    described = specification(app)
    return api_guide.calls(described), api_guide.models(described)
