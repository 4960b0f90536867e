"""The template functions that write the addresses and tags of static files."""

from __future__ import annotations

import base64
from functools import lru_cache
from hashlib import sha256

from flask import Flask, Response, after_this_request, g, url_for
from markupsafe import Markup

from koyjabo.web.http.module_graph import imports_of
from koyjabo.web.http.response_headers import POLICY, policy_with_style
from koyjabo.web.http.static_files import BUNDLES, CLIENT, FOLDER, current_version, is_bundled, joined_styles

SCRIPT = Markup('<script type="module" src="{}"></script>')
PRELOAD = Markup('<link rel="modulepreload" href="{}">')
STYLE = Markup('<link rel="stylesheet" href="{}">')
INLINE_STYLE = Markup("<style>{}</style>")


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(asset=asset, module=module, style=style, styles=styles, has_asset=has_asset)
    app.jinja_env.globals.update(bundle=bundle, bundled=bundled, inline_styles=inline_styles)


def asset(name: str) -> str:
    """The URL of a file for our own pages."""
    return url_for("static_files.versioned", version=current_version(), name=name)


def inline_styles(*names: str) -> Markup:
    """These sheets as inline styles, whose hash the policy of the page names. The page is painted without a second
    request, which takes half a second on slow 3G; but the sheets come with each answer, and not from the cache.
    """
    text, digest = _inline(names, asset(""))

    @after_this_request
    def allow(response: Response) -> Response:
        response.headers[POLICY] = policy_with_style(digest)
        return response

    return INLINE_STYLE.format(Markup(text))


def has_asset(name: str) -> bool:
    return (FOLDER / name).is_file()


def module(name: str) -> Markup:
    """The tags of a script and of what it imports, so that browsers request all of it at once. A page that has several
    scripts names each import once. Nothing for a script that the page's bundle imports.
    """
    if name in g.get("bundled_modules", ()):
        return Markup()
    return Markup().join([*_preloads(name), SCRIPT.format(asset(name))])


def bundle(name: str) -> Markup:
    """The tag by which a page requests its scripts early; `name` is that of a script of `js/pages` without `.js`, which
    imports all of them. Call it before `module`; `base.html` writes the script's own tag, by `bundled`.
    """
    g.bundle = f"{BUNDLES}{name}.js"
    g.bundled_modules = set(imports_of(FOLDER, g.bundle, current_version()))
    if is_bundled(g.bundle):
        return PRELOAD.format(asset(g.bundle))
    return Markup().join(_preloads(g.bundle))


def bundled() -> Markup:
    """The tag of the page's bundle, after the classic scripts that it uses."""
    return SCRIPT.format(asset(g.bundle)) if "bundle" in g else Markup()


@lru_cache(maxsize=8)
def _inline(names: tuple[str, ...], folder: str) -> tuple[str, str]:
    """The text of style sheets, with the addresses of what they load, and its SHA-256 in base 64."""
    text = (joined_styles(names) or b"").decode().replace("../", folder)
    return text, base64.b64encode(sha256(text.encode()).digest()).decode()


def _preloads(name: str) -> list[Markup]:
    named: set[str] = g.setdefault("preloaded_modules", set())
    whole = frozenset({CLIENT} if is_bundled(CLIENT) else ())
    more = [each for each in imports_of(FOLDER, name, current_version(), whole) if each not in named]
    named.update(more)
    return [PRELOAD.format(asset(each)) for each in more]


def style(name: str) -> str:
    """Add a style sheet to those of the page; `base.html` writes the tag. `name` is that of the file without `.css`."""
    wanted: dict[str, None] = g.setdefault("styles", {})
    wanted[name] = None
    return ""


def styles(*names: str) -> Markup:
    """The tag of these style sheets, as one file; without names, of the sheets that the page has added."""
    joined = "+".join(names or g.get("styles", ()))
    return STYLE.format(asset(f"css/{joined}.css")) if joined else Markup()
