"""Code shared by pages: errors, results of actions, lists, links."""

from __future__ import annotations

from koyjabo.web.pages import preferences  # noqa: F401  (it adds its routes)
