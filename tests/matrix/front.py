"""What the server does through nginx, Caddy, Apache and HAProxy, with the shortest configurations of our documents.

Outcomes follow from docs/behind-a-proxy.md: what a proxy must do is what its configuration does. "m" means that the
response is the same as without a proxy. A proxy before nginx has TLS, and nginx has not.
"""

from __future__ import annotations

from matrix.table import ANY, Table

PROXIES = ("nginx", "Caddy", "Apache", "HAProxy")
TLS, TWO, BELOW = " with TLS", " before nginx", " below a path"

FRONT = Table(
    name="front",
    test="matrix/test_front.py::test_a_surface_works_through_a_proxy_as_its_cell_says",
    distortions=(
        *PROXIES,
        *(f"{proxy}{TLS}" for proxy in PROXIES),
        *(f"{proxy}{TWO}" for proxy in PROXIES),
        *(f"{proxy}{BELOW}" for proxy in PROXIES[:2]),
    ),
    rows="""
    plain socket                c c c c   c c c c   c c c c   c c
    Socket.IO by polling        c c c c   c c c c   c c c c   c c
    Socket.IO by socket         c c c c   c c c c   c c c c   c c
    stream                      c c c c   c c c c   c c c c   c c
    form                        r r r r   c c c c   c c c c   - -
    upload                      r r r r   c c c c   c c c c   - -
    badge                       m m m m   m m m m   m m m m   m m
    compression                 m m m m   m m m m   m m m m   m m
    HTTP/1.0                    m m m m   m m m m   m m m m   m m
    HEAD                        m m m m   m m m m   m m m m   m m
    absent forwarding header    c c c c   c c c c   c c c c   c c
    double forwarding header    m m m m   m m m m   m m m m   m m
    restart of the proxy        c c c c   c c c c   c c c c   c c
    """,
    says={
        ("form", ANY): "Open this page with https:",  # docs/troubleshooting.md, Logins do not work
        ("upload", ANY): "Open this page with https:",
    },
    reasons={
        ("form", "nginx below a path"): "pages do not work below a path",
        ("form", "Caddy below a path"): "pages do not work below a path",
        ("upload", "nginx below a path"): "pages do not work below a path",
        ("upload", "Caddy below a path"): "pages do not work below a path",
    },
)
