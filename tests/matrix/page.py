"""The table of pages that have our script: what else is on them, where the script is, and how it got there. The page
works as before, and its visit counts once (docs/client.md).
"""

from __future__ import annotations

from matrix.table import Table

ENGINES = ("Chromium", "Firefox", "WebKit")
MAP_ROWS = tuple(f"import map in {engine}" for engine in ENGINES)
WAYS = (
    *("line before", "line after", "line beside", "module before", "module after"),
    *("package before", "package after"),
)
"""The script of the line, the element's module of older lines, or a bundled package, at the start of the page, at its
end, or put in once the page is parsed.
"""

TABLE = Table(
    name="page",
    test="browser/test_matrix_page.py::test_a_page_with_our_script_works_as_before_and_counts_once",
    distortions=WAYS,
    rows="""
    import map in Chromium  c c c c c c c
    import map in Firefox   c c c g c c c
    import map in WebKit    c c c c c c c
    modules                 c c c c c c c
    old libraries           c c c c c c c
    history                 c c c c c c c
    several of us           c c c c c c c
    framework               c c c c c c c
    merged                  c c c - - c c
    """,
    reasons={("merged", "module *"): "a module cannot be part of a classic file"},
    says={("import map in Firefox", "module before"): "above the page's import map"},
    places=ENGINES,
    absent=frozenset((row, engine) for row in MAP_ROWS for engine in ENGINES if not row.endswith(engine)),
)
