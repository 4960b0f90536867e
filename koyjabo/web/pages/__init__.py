"""Code shared by pages: errors, results of actions, lists, links."""

from . import preferences  # noqa: F401  (it adds its routes)
