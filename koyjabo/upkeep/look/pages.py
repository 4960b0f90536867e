"""The site's mark, icons and share picture. Browsers and crawlers look for the icons at the root.

A site with the default colours and without a mark has the icons in static/. URLs in pages contain a version, so that a
new look is seen at once.
"""

import zlib
from typing import Any

from flask import Blueprint, Response, abort, request, send_file, url_for

from koyjabo.base.colours.palette import DEFAULT_PALETTE, Palette
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.settings.schema import Settings
from koyjabo.counting.visits import Visits
from koyjabo.web.assets.static_files import DAY_CACHING, FOREVER_CACHING, SHARED_CACHING, STATIC_FOLDER
from koyjabo.web.current import current
from koyjabo.web.i18n import language, number_in
from koyjabo.web.limits import limits
from koyjabo.web.pages.links import site_origin
from .mark import MEDIA_TYPES
from .picture import CARD_SIZE, card, icon
from .site_marks import SiteMarks

bp = Blueprint("look", __name__)

ICON_FILES = {
    "favicon.ico": ("root/favicon.ico", 32),
    "apple-touch-icon.png": ("root/apple-touch-icon.png", 180),
    "icon-192.png": ("icons/192.png", 192),
    "icon-512.png": ("icons/512.png", 512),
    "maskable.png": ("icons/maskable.png", 512),
}
"""PNG icons by name: the file in static/ with the default colours, and the size, pixels."""

LOOK_ICONS = {
    "/icon.svg": {"sizes": "any", "type": "image/svg+xml"},
    **{f"/icon-{size}.png": {"sizes": f"{size}x{size}", "type": "image/png"} for size in (192, 512)},
    "/maskable.png": {"sizes": "512x512", "type": "image/png", "purpose": "maskable"},
}

RING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="{}"/>'
    '<circle cx="16" cy="16" r="6" fill="{}"/></svg>'
)


@bp.app_context_processor
def of_pages() -> dict[str, Any]:
    return {"mark_url": mark_url, "look_version": look_version, "card_url": card_url, "card_size": CARD_SIZE}


def mark_url() -> str:
    """The path of the site's mark, or ""."""
    mark = current()[SiteMarks].mark
    return f"/mark/{mark.digest}.{mark.kind}" if mark else ""


def look_version() -> str:
    """A suffix for the URLs of icons, which changes with the look. "" for the default look."""
    mark, palette = current()[SiteMarks].mark, _palette()
    if not mark and palette is DEFAULT_PALETTE:
        return ""
    return f"?v={zlib.crc32(f'{mark and mark.digest} {palette}'.encode()):x}"


def card_url(number: int | None) -> str:
    """The URL of the share picture, with a visit number in the page's digits, or without one."""
    version, code = zlib.crc32(f"{_name()} {_palette()}".encode()), language() if number else None
    return site_origin() + url_for("look.share_picture", n=number or None, lang=code, v=f"{version:x}")


@bp.get("/mark/<digest>.<kind>")
def mark(digest: str, kind: str) -> Response:
    """Send the site's mark. 404 for an earlier one."""
    marks, named = current()[SiteMarks], (digest, kind)
    if not marks.mark or (marks.mark.digest, marks.mark.kind) != named:
        marks.catch_up()
    own = marks.mark
    if not own or (own.digest, own.kind) != named:
        abort(404)
    return _picture(own.content, own.media_type, FOREVER_CACHING)


@bp.get("/icon.svg")
def vector_icon() -> Response:
    """Send the icon as SVG: a mark of that kind, or else the ring in the site's colour."""
    own, ground = current()[SiteMarks].mark, _palette().ground.light
    drawn = RING.format(ground, _palette().on_ground.light).encode()
    content = own.content if own and own.kind == "svg" else drawn
    return _picture(content, MEDIA_TYPES["svg"], SHARED_CACHING)


@bp.get(f"/<any({', '.join(map(repr, ICON_FILES))}):icon_file>")
def pixel_icon(icon_file: str) -> Response:
    """Send an icon as PNG: the site's mark if it is a PNG, or else the ring on the site's colour."""
    own, palette = current()[SiteMarks].mark, _palette()
    static_file, size = ICON_FILES[icon_file]
    if own and own.kind == "png":
        return _picture(own.content, MEDIA_TYPES["png"], SHARED_CACHING)
    if palette is DEFAULT_PALETTE:
        response = send_file(STATIC_FOLDER / static_file)
        response.headers["Cache-Control"] = SHARED_CACHING
        return response
    return _picture(icon(palette, size), MEDIA_TYPES["png"], SHARED_CACHING)


@bp.get("/card.png")
def share_picture() -> Response:
    """Send the share picture, with the number `n` if the total has reached it."""
    limits.count_address("share_pictures")
    number, code, text = request.args.get("n", 0, type=int), request.args.get("lang", ""), ""
    if 0 < number <= current()[Visits].stats().total:
        text = number_in(code if code in LANGUAGES else "en", number)
    caching = DAY_CACHING if text else "no-store" if number else SHARED_CACHING  # other workers may be ahead
    return _picture(card(_palette(), _name(), text), MEDIA_TYPES["png"], caching)


def _name() -> str:
    return current()[Settings].name_in("en")


def _palette() -> Palette:
    return current()[Settings].palette


def _picture(content: bytes, media_type: str, caching: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers["Cache-Control"] = caching
    response.add_etag()
    response.make_conditional(request)
    return response
