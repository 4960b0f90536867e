"""GET /docs: the calls of `/openapi.json` as a page of our own. GET /docs/try: Swagger UI, which makes the calls, in a
page without an inline script, which our content security policy forbids (`response_headers`). GET /docs/{name}.md: a
document of docs/.
"""

from __future__ import annotations

import mimetypes
from functools import cache, lru_cache
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Flask, Response, abort, current_app, render_template

from koyjabo.webkit.assets import static_files
from koyjabo.webkit.http import packing
from koyjabo.webkit.http.cache_headers import private
from koyjabo.webkit.i18n import language
from koyjabo.webkit.openapi import guide
from koyjabo.webkit.openapi.document import specification
from koyjabo.webkit.pages import guides
from koyjabo.webkit.pages.links import sample_site
from koyjabo.webkit.pages.preferences import theme

FILES = Path(flask_swagger_ui.__file__).parent / "dist"

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("/")
def docs() -> Response:
    """The same for all readers, logged in or not: it takes 24 ms to make, and so is made once."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    return private(packing.kept(_page(app, static_files.assets().version, language(), theme()), "text/html"))


@bp.get("/try")
def try_it() -> Response:
    return private(Response(render_template("webkit/docs_try.html"), mimetype="text/html"))


@bp.get("/<name>.md", endpoint="guide")
def guide_page(name: str) -> Response:
    if name not in guides.names():
        abort(404)
    return private(Response(render_template("webkit/guide.html", guide=guides.guide(name)), mimetype="text/html"))


@bp.get('/<any("swagger-ui.css", "swagger-ui-bundle.js"):name>')
def file(name: str) -> Response:
    response = packing.kept(_packed(FILES / name), mimetypes.guess_type(name)[0] or "")
    response.headers["Cache-Control"] = static_files.FOR_A_DAY
    return response


@cache
def _packed(file: Path) -> bytes:
    return packing.keep(file.read_bytes())


@lru_cache(maxsize=16)
def _page(app: Flask, version: str, language: str, theme: str) -> bytes:
    """Packed, for the present request, from which it takes what the arguments say and nothing else."""
    calls, models = _guide(app)
    first = [call for _, found in calls for call in found if call.id in guide.FIRST_CALLS]
    known = {"calls": calls, "first": first, "models": models, "guide": guide, "host": sample_site()}
    return packing.keep(render_template("webkit/docs.html", is_shared=True, **known).encode())


@cache
def _guide(app: Flask) -> tuple[list[tuple[str, list[guide.DocumentedCall]]], list[guide.Model]]:
    described = specification(app)
    return guide.calls(described), guide.models(described)
