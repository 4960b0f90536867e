"""The pages of the panel, by group: one list, from which its navigation and the command menu are made."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _
from flask_babel.speaklater import LazyString

from koyjabo.reports.ui.cards import ALL
from koyjabo.webkit.blueprints import admin as bp


class Shortcut(NamedTuple):
    """A part of a page, or a page below it, to which the command menu leads."""

    label: LazyString
    endpoint: str  # as the name of an entry
    anchor: str = ""
    for_admins: bool = False


class NavigationEntry(NamedTuple):
    """A page of the navigation. Templates name it in their block `room`, those of its sub-pages, too."""

    name: str  # of the endpoint, without "admin."; that of a page outside of the panel with its blueprint
    label: LazyString
    icon: str
    for_admins: bool = False  # viewers do not see it
    shortcuts: tuple[Shortcut, ...] = ()


class NavigationGroup(NamedTuple):
    label: LazyString
    entries: tuple[NavigationEntry, ...]


INSIGHTS = tuple(Shortcut(card.label, "insights", f"insights-{card.name}") for card in ALL)
SHARES = (Shortcut(_("New share link"), "new_share", for_admins=True),)
COMMUNITIES = (Shortcut(_("New community"), "new_community", for_admins=True),)
KEYS = (Shortcut(_("New key"), "new_key", for_admins=True),)
HEALTH = (Shortcut(_("Workers"), "health", "workers-label"), Shortcut(_("Email"), "health", "mail-label"))
DATA = (
    Shortcut(_("Export"), "data", "export-label", for_admins=True),
    Shortcut(_("Import"), "data", "import-label"),
    Shortcut(_("Backups"), "data", "backups-label"),
    Shortcut(_("Retention"), "data", "retention-label"),
    Shortcut(_("Recount"), "data", "recount-label"),
    Shortcut(_("Erase a visitor"), "data", "erasure-label", for_admins=True),
    Shortcut(_("Change the total"), "data", "total-label", for_admins=True),
)

SETTINGS = (Shortcut(_("Getting started"), "getting_started", for_admins=True),)
WEBHOOKS = (Shortcut(_("New webhook"), "new_webhook", for_admins=True),)

GROUPS = (
    NavigationGroup(
        _("Now"),
        (
            NavigationEntry("overview", _("Overview"), "gauge"),
            NavigationEntry("realtime", _("Realtime"), "clock"),
        ),
    ),
    NavigationGroup(
        _("Understand"),
        (
            NavigationEntry("insights", _("Insights"), "chart-line", shortcuts=INSIGHTS),
            NavigationEntry("shares", _("Share links"), "upload", for_admins=True, shortcuts=SHARES),
            NavigationEntry("visits", _("Visits"), "list"),
        ),
    ),
    NavigationGroup(
        _("People"),
        (
            NavigationEntry("communities", _("Communities"), "users", shortcuts=COMMUNITIES),
            NavigationEntry("users", _("Users"), "user"),
        ),
    ),
    NavigationGroup(
        _("Run"),
        (
            NavigationEntry("health", _("Health"), "activity", shortcuts=HEALTH),
            NavigationEntry("audit", _("Audit log"), "scroll-text"),
            NavigationEntry("data", _("Data"), "database", shortcuts=DATA),
            NavigationEntry("keys", _("Keys"), "key", for_admins=True, shortcuts=KEYS),
            NavigationEntry("webhooks", _("Webhooks"), "upload", for_admins=True, shortcuts=WEBHOOKS),
            NavigationEntry("settings", _("Settings"), "settings", shortcuts=SETTINGS),
            NavigationEntry("pages.install", _("Install"), "plus"),
        ),
    ),
)


@bp.context_processor
def of_pages() -> dict[str, Any]:
    """For the layout of all pages of the panel."""
    return {"navigation": groups, "endpoint_of": endpoint_of}


def endpoint_of(name: str) -> str:
    return name if "." in name else f"admin.{name}"


def groups(may_change: bool) -> list[NavigationGroup]:
    """The groups with the pages that an admin (`may_change`) or a viewer may open."""
    return [
        group._replace(entries=tuple(each for each in group.entries if may_change or not each.for_admins))
        for group in GROUPS
    ]


def shortcuts(may_change: bool) -> list[Shortcut]:
    """The pages, then their parts, as far as an admin (`may_change`) or a viewer may use them."""
    entries = [entry for group in groups(may_change) for entry in group.entries]
    parts = (part for entry in entries for part in entry.shortcuts if may_change or not part.for_admins)
    return [*(Shortcut(entry.label, entry.name) for entry in entries), *parts]
