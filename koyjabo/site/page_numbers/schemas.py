"""The query and the response of calls about pages."""

from typing import Any
from urllib.parse import parse_qsl

from pydantic import BaseModel, Field

from koyjabo.base.core.errors import InvalidInput
from .page_numbers import MAX_PATHS, WRONG_PATH_COUNT


class PageResponse(BaseModel):
    path: str = Field(description="as it was sent", examples=["/posts/a"])
    views: int | None = Field(
        description="since the beginning; null if this server does not show this page's number", examples=[1280]
    )
    today: int | None = Field(description="since midnight in TIMEZONE", examples=[41])


class PagesResponse(BaseModel):
    pages: list[PageResponse] = Field(description="one for each `path`, in the same order")
    epoch: str = Field(description="creation time of the database, base 36", examples=["mj8k2f1x"])
    revision: int = Field(description="increases with every view, and at midnight", examples=[743982])


def paths_of(environ: dict[str, Any]) -> list[str]:
    """The `path` parameters of a request, up to MAX_PATHS. Raises InvalidInput."""
    try:
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True, max_num_fields=2 * MAX_PATHS)
    except ValueError:
        raise InvalidInput(details={"path": WRONG_PATH_COUNT}) from None
    paths = [value for name, value in query if name == "path"]
    if len(paths) > MAX_PATHS:
        raise InvalidInput(details={"path": WRONG_PATH_COUNT})
    return paths
