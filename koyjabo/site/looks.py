"""The kinds of code that the page Connect offers."""

from koyjabo.base.core.i18n import N_
from koyjabo.base.core.registry import Registry

LOOKS = Registry(
    {
        "number": N_("Number"),
        "count": N_("Nothing, just count"),
        "react": "React",
        "script": "JavaScript",
        "pixel": N_("no scripts"),
    }
)
"""Labels by kind, of the kinds that need no other feature. Features add theirs."""
