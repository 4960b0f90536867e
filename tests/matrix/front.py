"""What the server does through nginx, Caddy, Apache, HAProxy and caches, with the configurations of our documents.

Outcomes follow from docs/behind-a-proxy.md: what a proxy must do is what its configuration does. "m" means that the
response is the same as without a proxy. A proxy before nginx has TLS, and nginx has not. Varnish without our rules does
not know sockets.
"""

from __future__ import annotations

from matrix.table import ANY, Table

PROXIES = ("nginx", "Caddy", "Apache", "HAProxy")
TLS, TWO, BELOW = " with TLS", " before nginx", " below a path"
CACHES = ("caching nginx", "Varnish", "Varnish alone")

LASTING = ("plain socket", "Socket.IO by socket", "Socket.IO by polling", "stream", "restart of the proxy")
"""Surfaces that end with a quiet server, because their clients stay or return. Others end with a response."""

FRONT = Table(
    name="front",
    test="matrix/test_front.py::test_a_surface_works_through_a_proxy_as_its_cell_says",
    distortions=(
        *(f"{proxy}{how}" for how in ("", TLS, TWO) for proxy in PROXIES),
        *(f"nginx{BELOW}", f"Caddy{BELOW}", *CACHES),
    ),
    rows="""
    plain socket, Socket.IO by socket   c c c c   c c c c   c c c c   c c   c c r
    Socket.IO by polling, stream        c c c c   c c c c   c c c c   c c   c c c
    form, upload                        r r r r   c c c c   c c c c   - -   r r r
    badge, compression, HTTP/1.0, HEAD  m m m m   m m m m   m m m m   m m   m m m
    absent forwarding header            c c c c   c c c c   c c c c   c c   c c c
    double forwarding header            m m m m   m m m m   m m m m   m m   m m m
    restart of the proxy                c c c c   c c c c   c c c c   c c   c c -
    """,
    says={
        **{(name, ANY): "Open this page with https:" for name in ("form", "upload")},  # docs/troubleshooting.md, Logins
        ("plain socket", ANY): "HTTP 200",
        ("Socket.IO by socket", ANY): "Connection error",
    },
    reasons={
        **{(name, f"*{BELOW}"): "pages do not work below a path" for name in ("form", "upload")},
        ("restart of the proxy", "Varnish alone"): "sockets notice the restart, and Varnish refuses them",
    },
)
