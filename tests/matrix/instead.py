"""Responses in the server's place: of a portal, a firewall, a gateway, or a proxy whose server is away.

Outcomes follow from docs/client.md, "Without a network": only the server's own responses settle a visit or an event,
and numbers stay as they are. In the place "this entry only", the server responds to all others.
"""

from __future__ import annotations

from matrix.table import Table

ONLY, CORS, NO_CORS = "this entry only", "with CORS", "without CORS"

INSTEAD = Table(
    name="instead",
    test="browser/test_matrix_instead.py::test_a_response_in_the_servers_place_has_the_outcome_of_its_row",
    distortions=(
        *("200 HTML", "200 JSON", "204", "redirect", "401", "403", "404", "405", "407", "413", "429", "500", "502"),
    ),
    rows="""
    visit, event                        w w w w w w w w w w w w w
    numbers, page numbers, lazy file    w w w w w w w w w w w w w
    """,
    places=(CORS, NO_CORS, ONLY),
    absent=frozenset((name, ONLY) for name in ("numbers", "page numbers", "lazy file")),
    is_quick_in_each_row=True,
)
