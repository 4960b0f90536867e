"""GET /docs: the calls of `/openapi.json`. GET /docs/{name}.md: a document. GET /docs/search: sections of documents."""

from functools import cache, lru_cache
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, g, render_template, request
from markupsafe import Markup

from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current
from koyjabo.web.http import packing
from koyjabo.web.http.responses import private
from koyjabo.web.i18n import language
from koyjabo.web.pages import guides
from koyjabo.web.pages.links import ANY_SITE
from .document import specification
from .reference import Reference

bp = Blueprint("docs", __name__, url_prefix="/docs")


@bp.get("/")
def docs() -> Response:
    """The reference, with an ETag for readers who are not logged in: other pages contain new CSRF tokens each time."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    page = render_template("webkit/docs.html", calls=_calls(app, current()[Settings].public_url, language()))
    if g.get("login") or request.query_string:
        return private(Response(page, mimetype="text/html"))
    return private(packing.kept(_packed(page), "text/html"))


@cache
def _calls(app: Flask, site: str, language: str) -> Markup:
    """The part of the page that is the same for all readers of a language. Takes 0.1 s."""
    reference = Reference(specification(app, site), site or ANY_SITE)
    return Markup(render_template("webkit/docs_calls.html", reference=reference))


@lru_cache(maxsize=8)
def _packed(page: str) -> bytes:
    return packing.keep(page.encode())


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
