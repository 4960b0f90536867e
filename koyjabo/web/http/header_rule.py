"""A rule gives the responses of a group of paths their headers. The lists are built when the server starts."""

from copy import copy

Headers = list[tuple[str, str]]

POLICY_HEADER = "Content-Security-Policy"

STYLES_HEADER = "X-Inline-Styles"
"""The sources of a page's inline styles, for its policy. Clients never see this header."""

PAGE_DIRECTIVES = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
    )
)

PAGE_POLICY = f"{PAGE_DIRECTIVES}; frame-ancestors 'none'"
"""The Content-Security-Policy of all pages. A page with inline styles names them in STYLES_HEADER."""

FRAME_POLICY = f"{PAGE_DIRECTIVES}; frame-ancestors *"

DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

NOSNIFF_HEADERS = [("X-Content-Type-Options", "nosniff")]

UNFRAMED_HEADERS = [("X-Frame-Options", "DENY")]

PERMISSION_HEADERS = [("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")]

PAGE_HEADERS = [
    *UNFRAMED_HEADERS,
    (POLICY_HEADER, PAGE_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    *PERMISSION_HEADERS,
]

FRAME_HEADERS = [
    (POLICY_HEADER, FRAME_POLICY),
    # A page with this policy shows only frames that have it as well (HTML, "embedder policy").
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    *PERMISSION_HEADERS,
]

DATA_HEADERS = [*UNFRAMED_HEADERS, (POLICY_HEADER, DATA_POLICY)]

TLS_HEADERS = [("Strict-Transport-Security", "max-age=31536000")]
"""Headers sent over TLS. They apply only to this host, because its subdomains may belong to other people."""

RATE_LIMIT_HEADERS = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset"

COOKIE_HEADERS = [
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Expose-Headers", f"ETag, Link, Retry-After, X-Total-Count, {RATE_LIMIT_HEADERS}"),
]

PRIVATE_PREFLIGHT = [
    ("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE"),
    ("Access-Control-Max-Age", "86400"),
]
"""Allows the headers that the browser names, because `*` has no meaning with credentials."""


class HeaderRule:
    """Response headers for a group of paths. `plain` and `over_tls` contain the headers for data and the headers for
    pages. With `preflight`, this layer itself responds to OPTIONS. With `is_shared`, pages of ALLOWED_ORIGINS may read
    the responses.
    """

    def __init__(
        self,
        resource_policy: str,
        cors: Headers,
        preflight: Headers | None = None,
        referrer: str = "same-origin",
        pages: Headers = PAGE_HEADERS,
        data: Headers = DATA_HEADERS,
        is_shared: bool = True,
    ) -> None:
        policies = [("Referrer-Policy", referrer), ("Cross-Origin-Resource-Policy", resource_policy)]
        self._shared = [*NOSNIFF_HEADERS, *policies]
        self._data, self._pages = data, pages
        self.preflight = preflight
        self.is_shared = is_shared
        self._allow(cors, cors)

    def _allow(self, cors: Headers, cors_of_pages: Headers) -> None:
        for_data, for_pages = [*cors, *self._shared], [*cors_of_pages, *self._shared]
        self.plain = (for_data + self._data, for_pages + self._pages)
        self.over_tls = (for_data + TLS_HEADERS + self._data, for_pages + TLS_HEADERS + self._pages)

    def naming(self, origin: str) -> "HeaderRule":
        """This rule for requests from an allowed origin. Our own pages do not name it: they have tokens for forms."""
        named = copy(self)
        cors = [("Access-Control-Allow-Origin", origin), *COOKIE_HEADERS]
        named._allow(cors, cors if self._pages is FRAME_HEADERS else [])
        named.preflight = PRIVATE_PREFLIGHT
        return named
