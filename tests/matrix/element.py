"""The table of <koyjabo-count>: each attribute, set in every way that pages have. Outcomes follow docs/client.md:
attributes are also properties, before and after the script has loaded, and may change at any time; elements may be
added at any time, also in a shadow root; the page's visit counts once.
"""

from __future__ import annotations

from matrix.table import Table

FRAMEWORKS = ("react18", "react19", "angular", "vue", "solid", "svelte", "lit", "preact", "htmx", "turbo")

TABLE = Table(
    name="element",
    test="browser/test_matrix_element.py::test_an_attribute_that_a_page_sets_in_its_own_way_has_the_outcome_of_its_row",
    distortions=(
        *("attribute before", "attribute after", "property before", "property after", "undefined", "removed"),
        *("capitals", *FRAMEWORKS, "moved", "shadow", "cloned", "twice"),
    ),
    rows="""
    counts                                                c c c c m m c c c c c c c c c c c c c c c
    views                                                 c c c c m m c c c c c c c c c c c c c c c
    stores                                                c c c c c c c c c c c c c c c c c c c c c
    lang, label, community, base-url, page, value, share  c c c c m m c c c c c c c c c c c c c c c
    """,
    reasons={
        ("*", "undefined"): "as without the attribute",
        ("*", "removed"): "as without the attribute",
    },
    is_quick_in_each_row=True,
)
