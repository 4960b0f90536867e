"""API calls for accounts."""

from koyjabo.people.accounts.api import auth, second_factor  # noqa: F401  (they add their routes)
