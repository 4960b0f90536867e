"""Links that other features add to every view of reports."""

from collections.abc import Callable
from typing import NamedTuple

from flask_babel.speaklater import LazyString

from koyjabo.base.core.registry import Registry
from .report_context import ReportContext

VIEW_LINKS: Registry[str, "ViewLink"] = Registry()
"""The links by name. Features fill it."""


class ViewLink(NamedTuple):
    """A link to a page about the view. `path_of` returns the page's path; "" if readers do not get the link."""

    label: LazyString
    icon: str
    path_of: Callable[[ReportContext], str]
    url: str = ""  # with the view's filters
