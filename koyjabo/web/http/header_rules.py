"""The rules for the headers of responses, by kind of path."""

from functools import lru_cache

from .header_rule import DATA_HEADERS, FRAME_HEADERS, POLICY_HEADER, RATE_LIMIT_HEADERS, UNFRAMED_HEADERS, HeaderRule

WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"
"""Content-Security-Policy of the service worker, set by the response with its script rather than by its pages."""

ANY_ORIGIN_HEADERS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", f"ETag, Retry-After, {RATE_LIMIT_HEADERS}"),
]

PUBLIC_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST"),
    # Monitoring scripts add their own headers. `*` does not include Authorization (Fetch, 4.9).
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key, If-None-Match, *"),
    ("Access-Control-Max-Age", "86400"),
]

# Otherwise pages of other sites cannot see whether they have only the six connections of HTTP/1.1.
TIMING_HEADERS = [("Timing-Allow-Origin", "*")]

PUBLIC_RULE = HeaderRule("cross-origin", ANY_ORIGIN_HEADERS, PUBLIC_PREFLIGHT, data=[*DATA_HEADERS, *TIMING_HEADERS])

STATIC_RULE = HeaderRule("cross-origin", ANY_ORIGIN_HEADERS[:1])

PRIVATE_RULE = HeaderRule("same-origin", [])

OWN_RULE = HeaderRule("same-origin", [], is_shared=False)

FRAME_RULE = HeaderRule("cross-origin", [], pages=FRAME_HEADERS)

SECRET_RULE = HeaderRule("same-origin", [("X-Robots-Tag", "noindex")], referrer="no-referrer", is_shared=False)

WORKER_RULE = HeaderRule("same-origin", [], data=[*UNFRAMED_HEADERS, (POLICY_HEADER, WORKER_POLICY)], is_shared=False)


@lru_cache(maxsize=1024)
def naming(rule: HeaderRule, origin: str) -> HeaderRule:
    return rule.naming(origin)
