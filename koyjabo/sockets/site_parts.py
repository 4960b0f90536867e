"""What other features add to the sockets and streams that follow the site's stats, which need not know them."""

from pydantic import BaseModel

from koyjabo.web.openapi.response_specs import ResponseSpec
from .site_part import SitePart

SITE_PARTS: list[SitePart] = []
SITE_EVENTS: list[type[BaseModel]] = []
"""The events of the site's stream, for the API's description."""

STREAM_RESPONSES: dict[int, ResponseSpec] = {}
STREAM_QUERY: dict[str, str] = {}
"""The responses and the query parameters of the site's stream, for the API's description."""
