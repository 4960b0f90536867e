"""Pages of accounts."""

from . import account, login, second_factor, users  # noqa: F401  (they add routes)
