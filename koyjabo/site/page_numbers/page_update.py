"""The event `page_update`: the views of watched pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from koyjabo.counting.stats import encode
from .page_reading import PageCounts

PAGES_ROOM = "pages"
"""Workers announce new views of pages under this name."""

PAGE_ROOM, SPELLED_PAGE_ROOM = "page ", "spelled page "
"""Prefixes of the rooms of the clients that watch a page's number. The page follows. The second room has the clients
that spelled it differently, and get their own copy.
"""


@dataclass(frozen=True, slots=True)
class PageUpdate:
    """The views of pages, by paths as clients sent them."""

    type: ClassVar[str] = "page_update"
    paths: Sequence[tuple[str, str]]  # each path with its page
    counts: PageCounts

    @property
    def revision(self) -> int:
        return self.counts.revision

    def as_object(self) -> dict[str, Any]:
        return {"type": self.type, **self.counts.as_object(self.paths)}

    def as_json(self, spelled: str) -> str:
        """The event about one page as JSON, for a client that spelled the page differently. `spelled` has one spelling
        per line, as JSON.
        """
        ((_, page),) = self.paths
        values = encode(self.counts.pages[page]._asdict())[1:]
        pages = spelled.replace("\n", f',{values},{{"path":')
        epoch, revision = self.counts.epoch, self.counts.revision
        return f'{{"type":"page_update","pages":[{{"path":{pages},{values}],"epoch":"{epoch}","revision":{revision}}}'
