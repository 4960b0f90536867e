"""Begins again when a setting changes how rows are read."""

from urllib.parse import urlsplit

from koyjabo.base.cluster.base import Base
from koyjabo.base.settings.schema import Settings
from .block_writer import BlockWriter
from .dimensions.trait_parser import TraitParser


class ColumnSettingsFollower:
    def __init__(self, base: Base, parser: TraitParser, writer: BlockWriter) -> None:
        self._settings, self._clock, self._parser, self._writer = base.settings, base.clock, parser, writer
        self._zone = base.clock.zone

    def follow(self, _: object) -> None:
        """Follow the site's hosts and its time zone."""
        zone = self._clock.zone
        if self._parser.follow(own_hosts(self._settings)) or zone != self._zone:
            self._writer.begin_again()
            self._zone = zone


def own_hosts(settings: Settings) -> list[str]:
    """Return the site's hosts in order. Their pages are no sources of visits."""
    hosts = (urlsplit(url).hostname for url in (settings.public_url, *settings.origins))
    return sorted(filter(None, hosts))
