"""What pages share: errors, results of actions, lists, links."""

from __future__ import annotations

from koyjabo.webkit.pages import language_routes, theme_routes  # noqa: F401  (they add their routes)
