"""Links that other features add to every view of reports."""

from collections.abc import Callable
from typing import NamedTuple

from flask_babel.speaklater import LazyString

from .report_context import ReportContext

VIEW_LINKS: list["ViewLink"] = []


class ViewLink(NamedTuple):
    """A link to a page about the view. `path_of` returns the page's path; "" if readers do not get the link."""

    name: str
    label: LazyString
    icon: str
    path_of: Callable[[ReportContext], str]
    url: str = ""  # with the view's filters
