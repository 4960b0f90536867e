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
    distortions=(*(f"{proxy}{how}" for how in ("", TLS, TWO) for proxy in PROXIES), f"nginx{BELOW}", f"Caddy{BELOW}"),
    rows="""
    plain socket, Socket.IO by polling, Socket.IO by socket, stream  c c c c   c c c c   c c c c   c c
    form, upload                                                     r r r r   c c c c   c c c c   - -
    badge, compression, HTTP/1.0, HEAD                               m m m m   m m m m   m m m m   m m
    absent forwarding header                                         c c c c   c c c c   c c c c   c c
    double forwarding header                                         m m m m   m m m m   m m m m   m m
    restart of the proxy                                             c c c c   c c c c   c c c c   c c
    """,
    says={(name, ANY): "Open this page with https:" for name in ("form", "upload")},  # docs/troubleshooting.md, Logins
    reasons={(name, f"*{BELOW}"): "pages do not work below a path" for name in ("form", "upload")},
)
