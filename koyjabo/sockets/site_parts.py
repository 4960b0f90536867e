"""What other features add to the sockets and streams that follow the site's stats, which need not know them."""

from pydantic import BaseModel

from koyjabo.base.core.registry import Registry
from koyjabo.web.openapi.response_specs import ResponseSpec, StreamOf
from .schemas import SiteUpdateEvent
from .site_part import SitePart

STREAM_LIMITS: dict[int, ResponseSpec] = {
    429: "too many connections from this address; see Retry-After",
    501: "the application runs under another WSGI server",
    503: "no room for another connection, or the database is unavailable; see Retry-After",
}

SITE_PARTS: Registry[str, SitePart] = Registry()
"""The parts by the type of their message. Features fill it, and the following registries."""

SITE_EVENTS: Registry[str, type[BaseModel]] = Registry({"visitor_update": SiteUpdateEvent})
"""The events of the site's stream by type, for the API's description."""

STREAM_RESPONSES: Registry[int, ResponseSpec] = Registry({200: StreamOf(SITE_EVENTS.values()), **STREAM_LIMITS})
STREAM_QUERY: Registry[str, str] = Registry()
"""The responses and the query parameters of the site's stream, for the API's description."""
