"""Writes what visits are made of as people read it: pages, sources, browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from flask import Flask
from flask_babel import gettext

from koyjabo.core.sanitize import whole
from koyjabo.core.urls import host_of
from koyjabo.network import user_agents
from koyjabo.network.campaigns import Campaign
from koyjabo.reports.query.labels import label
from koyjabo.visit_log.queries import LABELS, LoggedVisit
from koyjabo.webkit import i18n


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(browser=browser, host=host_of, path=path, other_columns=other_columns)


def browser(user_agent: str | None) -> str:
    """`Chrome · Android`; the User-Agent itself if it names neither."""
    return " · ".join(filter(None, user_agents.of(user_agent or ""))) or user_agent or ""


def campaign(query: str) -> str:
    """`newsletter · mail · Eid`: source, medium, campaign, term and content, as far as they are known."""
    return " · ".join(filter(None, Campaign.read(query)))


def other_columns(visit: LoggedVisit) -> Iterator[tuple[str, str]]:
    """The label and the text of each column that has both (`models.ledger.LABEL`)."""
    written: dict[str, Callable[[Any], str]] = {"language": _language, "campaign": campaign}
    for name, text in LABELS.items():
        if visit.others[name]:
            yield gettext(text), written.get(name, _plain)(visit.others[name])


def _language(code: str) -> str:
    return label("language", code, i18n.language(), {})


def _plain(value: Any) -> str:
    return i18n.count(value) if isinstance(value, int) else str(value)


def path(page: str) -> str:
    """A page with the letters that browsers percent-encode. Invalid encodings stay."""
    try:
        return whole(unquote(page, errors="strict"))
    except UnicodeDecodeError:
        return page
