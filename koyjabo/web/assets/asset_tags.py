"""Template functions that write the URLs and tags of static files, and the macros of all templates."""

from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from typing import Any

from flask import Flask, Response, after_this_request, current_app, g
from markupsafe import Markup

from koyjabo.base.colours.palette import DEFAULT_PALETTE, Palette
from koyjabo.base.core.registry import Registry
from koyjabo.base.settings.schema import Settings
from koyjabo.web.current import current
from koyjabo.web.http.header_rule import STYLES_HEADER
from .static_files import assets

SCRIPT_TAG = Markup('<script type="module" src="{}"></script>')
BLOCKING_SCRIPT = Markup('<script type="module" blocking="render" src="{}"></script>')
PRELOAD_LINK = Markup('<link rel="modulepreload" href="{}">')
STYLE_LINK = Markup('<link rel="stylesheet" href="{}">')
INLINE_STYLE = Markup("<style>{}</style>")

APP_ICONS: Registry[str, dict[str, str]] = Registry()
"""Icons of the site as an app, by path, as in its manifest. Features fill it."""


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(asset=asset, has_asset=has_asset, stylesheet=stylesheet)
    app.jinja_env.globals.update(site_style=site_style, ground_colours=ground_colours)
    app.jinja_env.globals.update(inline_stylesheet=inline_stylesheet, module=module, bundle=bundle, bundled=bundled)
    app.jinja_env.globals.update(forms=Macros("forms"), paging=Macros("paging"), ui=Macros("parts"))


class Macros:
    """The macros of a template in `webkit/`. Templates use them without an import, which would be repeated on each page
    and keep the request alive until garbage collection.
    """

    def __init__(self, template: str) -> None:
        self._template = f"webkit/{template}.html"

    def __getattr__(self, name: str) -> Any:
        return getattr(current_app.jinja_env.get_template(self._template).module, name)


def asset(name: str) -> str:
    """A file's URL for our own pages. All functions here raise LookupError if there is no such file."""
    return assets().address(name)


def has_asset(name: str) -> bool:
    return name in assets().names


def stylesheet(name: str) -> Markup:
    return STYLE_LINK.format(asset(name))


def inline_stylesheet(name: str) -> Markup:
    """The stylesheet as an inline style, whose hash goes into the page's Content-Security-Policy. The page is then
    painted without a second request, which takes half a second on slow 3G. In return, every response contains the
    stylesheet.
    """
    style = assets().inline.get(name)
    return _inline(style["text"], style["digest"]) if style else stylesheet(name)


def site_style() -> Markup:
    """The colours of a site that has its own, as an inline style. Write it after all other styles."""
    palette = current()[Settings].palette
    if palette is DEFAULT_PALETTE:
        return Markup()
    return _inline(*_style_of(palette))


@lru_cache(maxsize=16)
def _style_of(palette: Palette) -> tuple[str, str]:
    """The style that sets a palette, and its SHA-256 (base64)."""
    style = palette.style()
    return style, b64encode(sha256(style.encode()).digest()).decode()


def ground_colours() -> tuple[tuple[str, str], tuple[str, str]]:
    """The colour of the browser's own bars on pages whose header is coloured, by colour scheme."""
    ground = current()[Settings].palette.ground
    return ("light", ground.light), ("dark", ground.dark)


def _inline(text: str, digest: str) -> Markup:
    """A `<style>`, which the policy of this response allows."""
    if "inline_styles" not in g:
        digests: list[str] = []
        g.inline_styles = digests

        @after_this_request
        def allow(response: Response) -> Response:
            response.headers[STYLES_HEADER] = " ".join(f"'sha256-{digest}'" for digest in digests)
            return response

    g.inline_styles.append(digest)
    return INLINE_STYLE.format(Markup(text))


def module(name: str, is_blocking: bool = False) -> Markup:
    """The tags for a script and its imports, so that browsers request all of them at once. A page with several scripts
    lists each import once. Empty for scripts in the page's bundle. A blocking script in the head runs before the
    browser draws the page, so its changes move nothing.
    """
    if name in assets().bundled.get(g.get("bundle", ""), ()):
        return Markup()
    named: set[str] = g.setdefault("preloaded_modules", set())
    more = [import_ for import_ in assets().preloads.get(name, ()) if import_ not in named]
    named.update(more)
    script = BLOCKING_SCRIPT if is_blocking else SCRIPT_TAG
    return Markup().join([*(PRELOAD_LINK.format(asset(extra)) for extra in more), script.format(asset(name))])


def bundle(name: str) -> Markup:
    """The tag that makes a page request all its scripts early, as one file: `name`, which imports them. Call this
    before `module`. `base.html` writes the script's own tag with `bundled`.
    """
    g.bundle = name
    return PRELOAD_LINK.format(asset(name))


def bundled() -> Markup:
    """The tag for the page's bundle. It must come after the classic scripts that the bundle uses."""
    return SCRIPT_TAG.format(asset(g.bundle)) if "bundle" in g else Markup()
