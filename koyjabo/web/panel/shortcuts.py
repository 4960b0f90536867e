"""The entries of the panel's command menu that features add to the panel's pages."""

from collections import defaultdict
from typing import NamedTuple

from flask_babel.speaklater import LazyString


class Shortcut(NamedTuple):
    """A part of a page, or a subpage, that the command menu lists."""

    label: LazyString
    endpoint: str  # without "admin."; with the blueprint's name if it is another blueprint
    anchor: str = ""
    for_admins: bool = False
    rank: int = 0  # shortcuts of a page are listed by rank


SHORTCUTS: defaultdict[str, list[Shortcut]] = defaultdict(list)
"""The shortcuts of features, by the panel page that they belong to."""
