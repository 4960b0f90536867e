"""/install: the lines to paste, as a builder has them, and the check of a page for admins."""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import render_template, request

from koyjabo.badges import values
from koyjabo.badges.parameters import ACCENT
from koyjabo.core.i18n import LANGUAGES
from koyjabo.counting.services import CountingServices
from koyjabo.install.page_checks import PageCheck, PageChecks
from koyjabo.network.origins import normal
from koyjabo.network.services import NetworkServices
from koyjabo.webkit.blueprints import pages as bp
from koyjabo.webkit.current import current
from koyjabo.webkit.i18n import language
from koyjabo.webkit.login import page_login
from koyjabo.webkit.pages.links import sample_site

COLOR = re.compile("#[0-9a-f]{6}", re.IGNORECASE)


class Appearance(NamedTuple):
    """What the builder is set to."""

    value: str
    lang: str
    color: str

    @property
    def has_color(self) -> bool:
        return self.color != ACCENT

    @property
    def label(self) -> str:
        return values.LABELS[self.lang][self.value]


@bp.get("/install")
def install() -> str:
    """With the address of this server in it. The page's script says when a visit is counted."""
    return _show()


@bp.post("/install")
def check_page() -> str:
    """Look for these lines in the page of an address."""
    account = page_login.require()
    origins = current()[NetworkServices].origins.site(request), normal(request.host_url.rstrip("/"))
    own = [each for each in origins if each]
    address = request.form.get("url", "").strip()
    return _show(address, current()[PageChecks].check(account, address, own, sample_site()))


def _show(address: str = "", check: PageCheck | None = None) -> str:
    stats = current()[CountingServices].visits.stats().as_object()
    site = sample_site()
    known = {"site": site, "socket_site": site.replace("http", "ws", 1), "look": _look(), "choices": values.FIELDS}
    return render_template("install/install.html", stats=stats, address=address, check=check, **known)


def _look() -> Appearance:
    """What the builder does not know is as if it was not set."""
    said = request.args
    value, lang, color = said.get("value", ""), said.get("lang", ""), said.get("color", "")
    return Appearance(
        value if value in values.FIELDS else values.TOTAL,
        lang if lang in LANGUAGES else language(),
        color.lower() if COLOR.fullmatch(color) else ACCENT,
    )
