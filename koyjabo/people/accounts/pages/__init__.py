"""Pages of accounts."""

from koyjabo.people.accounts.pages import account, login, second_factor, users  # noqa: F401  (they add routes)
