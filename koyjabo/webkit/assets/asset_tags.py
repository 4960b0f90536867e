"""The template functions that write the addresses and tags of static files."""

from __future__ import annotations

from flask import Flask, Response, after_this_request, g
from markupsafe import Markup

from koyjabo.webkit.assets.static_files import assets
from koyjabo.webkit.http.response_headers import POLICY, policy_with_style

SCRIPT = Markup('<script type="module" src="{}"></script>')
PRELOAD = Markup('<link rel="modulepreload" href="{}">')
STYLE = Markup('<link rel="stylesheet" href="{}">')
INLINE_STYLE = Markup("<style>{}</style>")


def init_app(app: Flask) -> None:
    app.jinja_env.globals.update(asset=asset, has_asset=has_asset, stylesheet=stylesheet)
    app.jinja_env.globals.update(inline_stylesheet=inline_stylesheet, module=module, bundle=bundle, bundled=bundled)


def asset(name: str) -> str:
    """The URL of a file for our own pages. All of these raise LookupError if there is no such file."""
    return assets().address(name)


def has_asset(name: str) -> bool:
    return name in assets().names


def stylesheet(name: str) -> Markup:
    return STYLE.format(asset(name))


def inline_stylesheet(name: str) -> Markup:
    """The sheet as an inline style, whose hash the policy of the page names. The page is painted without a second
    request, which takes half a second on slow 3G; but the sheet comes with each answer, and not from the cache.
    """
    style = assets().inline.get(name)
    if style is None:
        return stylesheet(name)

    @after_this_request
    def allow(response: Response) -> Response:
        response.headers[POLICY] = policy_with_style(style["digest"])
        return response

    return INLINE_STYLE.format(Markup(style["text"]))


def module(name: str) -> Markup:
    """The tags of a script and of what it imports, so that browsers request all of it at once. A page that has several
    scripts names each import once. Nothing for a script that the page's bundle imports.
    """
    if name in assets().bundled.get(g.get("bundle", ""), ()):
        return Markup()
    named: set[str] = g.setdefault("preloaded_modules", set())
    more = [import_ for import_ in assets().preloads.get(name, ()) if import_ not in named]
    named.update(more)
    return Markup().join([*(PRELOAD.format(asset(extra)) for extra in more), SCRIPT.format(asset(name))])


def bundle(name: str) -> Markup:
    """The tag by which a page requests all its scripts early, as the one file of `name`, which imports them. Call it
    before `module`; `base.html` writes the script's own tag, by `bundled`.
    """
    g.bundle = name
    return PRELOAD.format(asset(name))


def bundled() -> Markup:
    """The tag of the page's bundle, after the classic scripts that it uses."""
    return SCRIPT.format(asset(g.bundle)) if "bundle" in g else Markup()
