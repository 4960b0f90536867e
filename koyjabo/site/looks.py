"""What the code on Connect is for."""

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
"""Labels by look, of the looks that need no other feature. Features fill in theirs."""
