"""Budgets, in one table: each number may only fall (decision 116).

To raise one, explain why in a comment on its line, and what was removed for it.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

from koyjabo.base.models import Visit
from koyjabo.base.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[1]

LINES_OF_CODE = {
    "(top)": 44,
    # a Redis that refuses the server, apart from one that cannot be reached; URLs of Sentinels are read once
    "base/cluster": 616,
    # one spelling of a path and of a domain, shown in its own script; the rule for hosts by IDNA 2003 is gone
    "base/core": 1012,
    "base/database": 1403,  # why a database cannot be used, in its own words; each such start was waited for before
    "base/jobs": 377,  # has the queries for claims, which were in database (70)
    "base/jwks": 121,  # one key cache, instead of two in accounts and trusted_tokens
    "base/models": 708,
    # two lists of crawlers and their own declarations, tablets and notebooks; one pattern for any tablet is gone
    # its imports have longer names
    "base/network": 638,
    "base/observability": 426,  # what was dropped
    "base/outbound": 473,  # one pool of threads for requests and lookups
    "base/settings": 911,  # parts of URLs that are not used are refused, and files are read in their own encoding
    "web": 2751,  # ids of other systems in paths; the list, contents and search of the documents at /docs
    "people/accounts": 4990,  # the keys of stored addresses, which were in a migration
    "people/audit": 396,
    "people/mail": 759,
    # its imports have longer names
    "presence": 1765,  # visits without a socket are shared by network when there are too many
    "counting": 2919,  # what is known about a visit apart from its texts; causes of outages
    # shares for each address, and clocks that cannot be set; the rule for anonymous visits is gone
    "counting/evidence": 735,
    "realtime": 966,  # pushes views; pages used to request all their parts
    "communities": 2954,
    "integrations/api_keys": 478,
    "integrations/trusted_tokens": 190,
    "integrations/webhooks": 1586,
    "sockets": 916,  # the pace of views, which replaces their number
    # a queue of scans with a share for each reader, and an index of communities; the limits of views are gone
    "reports": 6905,
    "reports/visit_log": 1869,  # evidence in words, and live times; tables of browser names, 970 lines, are gone
    "upkeep/alerts": 292,
    # its imports have longer names
    "upkeep/backups": 1461,  # keys of addresses in earlier backups
    "upkeep/health": 1175,  # what was dropped, a Redis that refuses, and unsafe settings of PostgreSQL, in words
    "upkeep/importers": 1258,  # one table of files that cannot be imported, and columns that were not read
    "upkeep/personal_data": 571,
    "upkeep/recounts": 640,  # run every night; Health no longer has its recount and adjustments
    "upkeep/retention": 611,  # stores a day's sums before its rows are deleted, instead of the projection
    "site/badges": 406,  # has the page with the HTML to paste, which was the package install (37)
    "site/bridges": 76,
    "site/getting_started": 181,
    "site/home": 165,
    "site/panel": 440,  # has the pages Data and Settings, which were in maintenance
    "site/receipts": 394,  # has the last backup, and the forms for recount and total, which were in the panel
    "application": 548,  # builds what used to be passed on by a class with 13 fields, which is gone
    # sockets in rotation, budgets of frames, absolute targets, starts that cannot work; the proxy middleware is gone
    "server": 3391,
    "cli": 94,
}
"""Lines of code by room and package, without blank lines, comments and docstrings."""

OTHERS = {
    # APP_URL; the home page is 300 lines shorter, without its maps and list of visits. OWN_ADDRESSES and ASN_DATABASE:
    # a server cannot know which visits are its operators' own, or who owns a network.
    "settings": 62,
    "tables": 53,  # attendance: recently written spans, so that time is not counted twice
    "classes of errors": 87,
    "entries of the root folder": 33,  # changelog, contributing, security; docs/ has only documents and their images
    "commands of make": 25,
}

SPARE = 20
"""Lines that a fix may add."""


def lines_of_code(text: str) -> int:
    """Count lines, without blank lines, comments and docstrings. All lines of other strings count."""
    lines = enumerate(text.splitlines(), 1)
    code = {number for number, line in lines if line.strip() and not line.lstrip().startswith("#")}
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            code.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code - docstrings)


def test_lines_are_counted_without_comments_docstrings_and_blank_lines():
    assert lines_of_code('"""A."""\n\n# B\nc = """\nd\n"""\n\n\ndef e():\n    """F.\n\n    G."""\n    return 1\n') == 5


def test_no_package_outgrows_its_budget():
    counts: dict[str, int] = {}
    for path in sorted((ROOT / "koyjabo").rglob("*.py")):
        if lines := lines_of_code(path.read_text()):
            counts[package_of(path)] = counts.get(package_of(path), 0) + lines
    too_large = {name: size for name, size in counts.items() if size > LINES_OF_CODE.get(name, 0) + SPARE}
    assert too_large == {}
    assert sorted(LINES_OF_CODE) == sorted(counts)


def package_of(path: Path) -> str:
    """`people/audit` for a file of that package, `presence` for one of a room that is one package."""
    folders = [folder.as_posix() for folder in path.relative_to(ROOT / "koyjabo").parents][:-1]
    return next((folder for folder in folders if folder in LINES_OF_CODE), folders[-1] if folders else "(top)")


def test_nothing_else_outgrows_its_budget():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    counts = {
        "settings": len(Settings.model_fields),
        "tables": len(Visit.metadata.tables),
        "classes of errors": len(classes_of_errors()),
        "entries of the root folder": len({name.partition("/")[0] for name in tracked.splitlines()}),
        "commands of make": len(re.findall(r"^[a-z-]+:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)),
    }
    assert {name: number for name, number in counts.items() if number > OTHERS[name]} == {}


def classes_of_errors() -> set[str]:
    """KoyJaboError and its subclasses, read from the sources."""
    texts = [path.read_text() for path in (ROOT / "koyjabo").rglob("*.py")]
    classes = [parts for text in texts for parts in re.findall(r"^class (\w+)\(([^)]*)\):", text, re.MULTILINE)]
    bases = {name: set(re.split(r",\s*", inside)) for name, inside in classes}
    names = {"KoyJaboError"}
    while more := {name for name, of in bases.items() if of & names} - names:
        names |= more
    return names
