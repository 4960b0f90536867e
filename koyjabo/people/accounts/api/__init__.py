"""API calls for accounts."""

from . import auth, second_factor  # noqa: F401  (they add their routes)
