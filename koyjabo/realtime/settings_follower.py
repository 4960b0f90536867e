"""Sends all watched pages again when PAGE_NUMBERS has changed."""

from koyjabo.base.settings.schema import Settings
from .services import RealtimeServices


class SettingsFollower:
    def __init__(self, settings: Settings, realtime: RealtimeServices) -> None:
        self._settings = settings
        self._realtime = realtime
        self._page_numbers = settings.page_numbers

    def follow(self, _: object) -> None:
        page_numbers = self._settings.page_numbers
        if page_numbers != self._page_numbers:
            self._realtime.send_pages_again()
            self._page_numbers = page_numbers  # last, so that the next call repeats what has failed
