"""GET /docs: Swagger UI for `/openapi.json`, without inline scripts, because the Content-Security-Policy forbids them
(`response_headers`).

GET /docs/{name}.md: a document. GET /docs/search: sections of the documents.
"""

from __future__ import annotations

import mimetypes
from functools import cache
from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for

from koyjabo.web.assets import static_files
from koyjabo.web.http import packing
from koyjabo.web.http.responses import private
from koyjabo.web.pages import guides

FILES = Path(flask_swagger_ui.__file__).parent / "dist"

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("/")
def docs() -> Response:
    return private(Response(render_template("webkit/docs.html"), mimetype="text/html"))


@bp.get("/try")
def try_it() -> Response:
    """Redirect from the address that /docs had in earlier versions."""
    return redirect(url_for("docs.docs"), 301)  # type: ignore[return-value]


@bp.get("/<path:name>.md", endpoint="guide")
def guide_page(name: str) -> Response:
    if name not in guides.paths():
        abort(404)
    return _page("guide", guide=guides.guide(name), name=name, neighbours=guides.neighbours(name))


@bp.get("/search")
def search() -> Response:
    query = request.args.get("q", "")[: guides.MAX_QUERY]
    results, total = guides.search(query)
    return _page("guide_search", query=query, results=results, total=total)


def _page(template: str, **values: Any) -> Response:
    page = render_template(f"webkit/{template}.html", groups=guides.index(), titles=guides.titles(), **values)
    return private(Response(page, mimetype="text/html"))


@bp.get('/<any("swagger-ui.css", "swagger-ui-bundle.js"):name>')
def file(name: str) -> Response:
    response = packing.kept(_packed(FILES / name), mimetypes.guess_type(name)[0] or "")
    response.headers["Cache-Control"] = static_files.FOR_A_DAY
    return response


@cache
def _packed(file: Path) -> bytes:
    return packing.keep(file.read_bytes())
