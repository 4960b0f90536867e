"""Code shared by pages: errors, results of actions, lists, links."""

from koyjabo.web.pages import preferences  # noqa: F401  (it adds its routes)
