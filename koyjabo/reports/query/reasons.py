"""Why an answer cannot be exact."""

from __future__ import annotations

from koyjabo.core.i18n import N_

FOLDED = N_(
    "Some visits of these days are kept as sums only. People cannot be told apart over several days. With one value as "
    "a filter, only the visits are known; with more, nothing is."
)
FOLDED_VALUE = N_(
    "Some visits of these days are kept as sums only, which do not tell how many of them have this value: a day keeps "
    "its 1,000 largest values."
)
FOLDED_EVENTS = N_(
    "Some page views and events of these days belong to earlier visits that are kept as sums only. They cannot be "
    "filtered."
)
