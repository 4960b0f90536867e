"""Writes what visits are made of as people read it: pages, sources, browsers."""

from __future__ import annotations

from urllib.parse import unquote

from flask import Flask

from koyjabo.insights.labels import label
from koyjabo.insights.traits.campaigns import Campaign
from koyjabo.network import user_agents
from koyjabo.text import host_of, whole
from koyjabo.web.ui import languages


def init_app(app: Flask) -> None:
    app.jinja_env.filters.update(browser=browser, host=host_of, path=path, campaign=campaign)
    app.jinja_env.filters["language_name"] = lambda code: label("language", code, languages.language(), {})


def browser(user_agent: str | None) -> str:
    """`Chrome · Android`; the User-Agent itself if it names neither."""
    return " · ".join(filter(None, user_agents.of(user_agent or ""))) or user_agent or ""


def campaign(query: str) -> str:
    """`newsletter · mail · Eid`: source, medium, campaign, term and content, as far as they are known."""
    return " · ".join(filter(None, Campaign.read(query)))


def path(page: str) -> str:
    """A page with the letters that browsers percent-encode. Invalid encodings stay."""
    try:
        return whole(unquote(page, errors="strict"))
    except UnicodeDecodeError:
        return page
