"""Why an answer cannot be exact."""

from __future__ import annotations

from koyjabo.text import N_

FOLDED = N_(
    "Some visits of these days are kept as sums only. They cannot be filtered, and people cannot be told apart over "
    "several days."
)
FOLDED_EVENTS = N_(
    "Some page views and events of these days belong to earlier visits that are kept as sums only. They cannot be "
    "filtered."
)
