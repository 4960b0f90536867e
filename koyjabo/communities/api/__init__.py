"""API calls for communities and their members, including messages and calls that use another system's ids."""

from . import by_ref, communities  # noqa: F401  (they add their routes)
